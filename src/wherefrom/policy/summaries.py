"""What this log has signed of artifacts: the newest summary of each, found without reading one.

    artifacts ◄──describes── documents ──own summaries──► newest by (artifact, environment, policy)

What a summary says in short stands in the graph, under its own entry; only the reasons are read
out of its record (``reasons_in``).

Sizes:  DOCUMENTS_MAX of each artifact are looked at, the newest
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Final, NamedTuple

import msgspec

from wherefrom.errors import Malformed
from wherefrom.formats import slsa
from wherefrom.policy.verdict import Reason
from wherefrom.query.clocks import happened
from wherefrom.query.statements import statement_in
from wherefrom.views.graph import Judgement, Lens, Snapshot

DOCUMENTS_MAX: Final = 2_000


class About(NamedTuple):
    """What a summary is about."""

    artifact: str
    environment: str
    policy: str


class Summary(NamedTuple):
    """One that this log signed: ``at`` when, ``until`` when it ends."""

    entry: int
    allowed: bool
    at: str
    until: str


def newest_summaries(
    graph: Snapshot, lens: Lens, artifacts: Collection[str], *, own: str
) -> dict[About, Summary]:
    """The newest of each artifact, environment and policy. ``own`` is the key of this log."""
    numbers = graph.numbers(artifacts)
    ids = {number: id for id, number in numbers.items()}
    steps = graph.documents(sorted(ids), lens, each_max=DOCUMENTS_MAX)
    judged = graph.judgements({step.first for step in steps}, lens)
    ours = {
        step.first: step for step in steps
        if (one := judged.get(step.first)) is not None and is_own_summary(one, own=own)
    }  # fmt: skip
    said = graph.properties_by((step.effect, entry) for entry, step in ours.items())
    found: dict[About, Summary] = {}
    for entry, properties in sorted(said.items()):
        told: dict[str, Any] = msgspec.json.decode(properties) if properties else {}
        about = About(
            ids[ours[entry].cause], told.get("environment") or "", told.get("policyDigest") or ""
        )
        found[about] = Summary(
            entry,
            told.get("verificationResult") == "PASSED",
            happened(judged[entry]),
            told.get("validUntil") or "",
        )
    return found


def is_own_summary(one: Judgement, *, own: str) -> bool:
    """Whether a record is a summary that the log of this key signed."""
    return slsa.is_vsa(one.type) and own in one.signers


def reasons_in(content: bytes | None) -> list[Reason]:
    """The reasons of a summary of ours; none of one that is erased."""
    found = statement_in(content or b"")
    said = None if found is None else found[1].get("wherefrom")
    reasons = said.get("reasons") if isinstance(said, dict) else None
    try:
        return msgspec.convert(reasons or [], list[Reason])
    except msgspec.ValidationError as error:
        raise Malformed("a summary whose reasons cannot be read", got=str(error)) from error
