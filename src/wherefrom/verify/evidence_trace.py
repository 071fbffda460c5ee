"""Check the answer in evidence against the contents in it, edge by edge.

    trace: a ──relation──► b, entry 7, signed ──► content of entry 7 says so?
                                              ──► entry 7 and the latest verdict on it agree?

Everything about an edge is checked. The names, kinds and properties of nodes, and what the answer
says is missing, are summed up from records that need not be in the evidence: they are for reading
and are not proved.

Source: docs/formats/evidence.md
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import msgspec

from wherefrom.errors import ProofError
from wherefrom.formats import base64_strict
from wherefrom.formats.checkpoint import Checkpoint
from wherefrom.formats.entry import Entry
from wherefrom.formats.evidence_file import EvidenceFile
from wherefrom.formats.own import Decision, Tombstone, Verdict
from wherefrom.formats.recognise import facts_of
from wherefrom.merkle.proofs import verify_consistency


class LogClaim(msgspec.Struct, frozen=True):
    """The log that a trace says it was read from."""

    origin: str
    size: int
    root: str


class EdgeClaim(
    msgspec.Struct, frozen=True, rename={"source": "from", "target": "to"}, kw_only=True
):
    """What evidence has to carry for an edge of a trace."""

    source: str
    target: str
    relation: str
    entry: int
    trust: str
    signers: tuple[str, ...]
    verdict: int | None
    door: str
    occurred: str | None
    received: str
    properties: dict[str, Any]


class TraceClaim(msgspec.Struct, frozen=True):
    """A trace, as far as entries and contents can bear it out."""

    log: LogClaim
    as_of: int
    edges: list[EdgeClaim]


def trace_of(evidence: EvidenceFile, signed: Checkpoint) -> TraceClaim:
    """The trace, once its log is this one, at this size or an earlier one."""
    try:
        claim = msgspec.convert(evidence.manifest.trace, TraceClaim)
        root = bytes.fromhex(claim.log.root)
    except (msgspec.ValidationError, ValueError) as error:
        raise ProofError("the trace in the evidence is no trace", got=str(error)) from error
    at = claim.log
    if at.origin != signed.origin or not 0 < claim.as_of <= at.size:
        raise ProofError(
            "the trace is of another log",
            expected=f"{signed.origin}, as of 1 to {at.size}",
            got=f"{at.origin}, as of {claim.as_of}",
        )
    hashes = [base64_strict.decode(h, where="consistency") for h in evidence.manifest.consistency]
    verify_consistency(size1=at.size, size2=signed.size, path=hashes, root1=root, root2=signed.root)
    return claim


def check_trace(
    claim: TraceClaim,
    entries: Mapping[int, Entry],
    contents: Mapping[int, bytes],
    decisions: Mapping[int, Decision],
) -> None:
    """Check every edge of the answer. Raises ProofError for the first that is not borne out.

    entries, contents  checked against the log, by index; ``decisions`` those by the service key
    """
    erased = {d.entry for d in decisions.values() if isinstance(d, Tombstone)}
    said = {index: _edges_of(contents[index]) for index in contents if index not in decisions}
    latest: dict[int, int] = {}
    for index, decision in sorted(decisions.items()):
        if isinstance(decision, Verdict) and decision.entry < index < claim.as_of:
            latest[decision.entry] = index
    for edge in claim.edges:
        words = edge.source, edge.relation, edge.target
        properties = said.get(edge.entry, {}).get(words)
        if properties is None or edge.entry in erased or edge.entry >= claim.as_of:
            raise ProofError(
                f"entry {edge.entry} does not say this",
                got=" ".join(words),
                do="The answer was changed",
            )
        _check_edge(edge, entries[edge.entry], properties, latest.get(edge.entry), decisions)


def _edges_of(content: bytes) -> dict[tuple[str, str, str], bytes]:
    edges: dict[tuple[str, str, str], bytes] = {}
    for edge in facts_of(content).edges:
        words = edge.source, edge.relation, edge.target
        edges.setdefault(words, _canonical(edge.properties or {}))
    return edges


def _canonical(properties: Mapping[str, Any]) -> bytes:
    return json.dumps(properties, sort_keys=True).encode()


def _check_edge(
    edge: EdgeClaim,
    logged: Entry,
    properties: bytes,
    verdict: int | None,
    decisions: Mapping[int, Decision],
) -> None:
    """The edge shows its entry as it is, and its trust as the latest verdict put it."""
    trust, judged = logged.trust, decisions.get(-1 if verdict is None else verdict)
    if isinstance(judged, Verdict):
        trust = judged.trust
    for what, right, got in (
        ("verdict", verdict, edge.verdict),
        ("trust", trust.level, edge.trust),
        ("signers", trust.signers, edge.signers),
        ("trust at the door", logged.trust.level, edge.door),
        ("time", logged.occurred, edge.occurred),
        ("time of receipt", logged.received, edge.received),
        ("properties", properties, _canonical(edge.properties)),
    ):
        if right != got:
            raise ProofError(
                f"the {what} shown for entry {edge.entry} is not the entry's",
                expected=str(right),
                got=str(got),
                do="The answer was changed",
            )
