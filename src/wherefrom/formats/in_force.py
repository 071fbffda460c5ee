"""That a policy is in force somewhere from now on, or no longer: somebody's signed word.

    {"stage": "in_force" | "ended", "environment", "since", "until", "reason"}
        subject: the policy's digest
    document ──describes──► policy, environment         state: slot ``gate`` of the environment

Which of several holds, and whose word counts, ``policy.in_force`` says. The document describes
the environment too, so that the scopes of a key can keep it to some environments.

Sizes:  an environment 256 characters, a reason 2,000
Source: docs/formats/in-force.md; decision 0048
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal

import msgspec

from wherefrom.errors import Malformed
from wherefrom.formats import names, statement_shape, timestamps
from wherefrom.formats.approval import NAME_CHARS_MAX, TEXT_CHARS_MAX, need_short
from wherefrom.formats.facts import FactsBuilder
from wherefrom.formats.states import DECLARED, Scope, State

PREDICATE_TYPE: Final = "urn:wherefrom:policy-in-force:v1"
SLOT: Final = "gate"


class InForce(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One word. ``until`` is when it ends by itself; never if empty."""

    stage: Literal["in_force", "ended"]
    environment: str
    since: str
    until: str = ""
    reason: str = ""


def parse(predicate: Mapping[str, Any], *, where: str = "predicate") -> InForce:
    """Read a predicate. Raises Malformed, LimitPassed."""
    said = statement_shape.convert(predicate, InForce, "which policy is in force", where)
    if not said.environment:
        raise Malformed("a policy in force nowhere", where=f"{where}.environment")
    need_short(said.environment, f"{where}.environment", NAME_CHARS_MAX)
    need_short(said.reason, f"{where}.reason", TEXT_CHARS_MAX)
    since = timestamps.canonical(said.since, where=f"{where}.since")
    until = said.until and timestamps.canonical(said.until, where=f"{where}.until")
    if until and said.stage == "ended":
        raise Malformed("an end that ends", where=f"{where}.until", got=until)
    if until and until <= since:
        raise Malformed("it ends before it begins", where=f"{where}.until", got=until)
    return msgspec.structs.replace(said, since=since, until=until)


def to_statement(said: InForce, policy: str, name: str = "") -> bytes:
    """The in-toto statement, canonical, about the policy of this digest. Raises as ``parse``."""
    return statement_shape.written(said, PREDICATE_TYPE, {policy: name}, parse)


def add(
    builder: FactsBuilder,
    predicate: Mapping[str, Any],
    *,
    subjects: Sequence[str],
    document_id: str,
    where: str,
) -> str:
    """Add what it says to the attestation ``document_id``; since when. Raises as ``parse``."""
    said = parse(predicate, where=where)
    if len(subjects) != 1:
        raise Malformed("one policy is in force", where="subject", got=len(subjects))
    environment = builder.node(
        names.environment_id(said.environment), "environment", said.environment
    )
    builder.edge(document_id, "describes", environment)
    builder.node(
        document_id,
        "attestation",
        properties={
            "stage": said.stage, "environment": said.environment, "until": said.until or None,
        },
    )  # fmt: skip
    builder.state(
        State(
            DECLARED, Scope(said.environment), SLOT, "",
            subjects[0] if said.stage == "in_force" else None,
            properties={"until": said.until} if said.until else None, at=said.since,
        )
    )  # fmt: skip
    return said.since
