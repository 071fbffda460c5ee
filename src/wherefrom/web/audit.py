"""What an auditor looks at first: that the log only grew, who else holds it, what is erased."""

from __future__ import annotations

from base64 import b64decode

import msgspec

from wherefrom.errors import Corrupt, NotFound, ProofError
from wherefrom.merkle.proofs import verify_consistency
from wherefrom.query.answers import LogPosition
from wherefrom.query.desk import WitnessedStatus
from wherefrom.web.asking import Ask
from wherefrom.web.page import Page


class Held(msgspec.Struct, frozen=True, kw_only=True):
    """A checkpoint that somebody else holds: of which size, and who."""

    size: int
    by: str


class AuditShown(msgspec.Struct, frozen=True, kw_only=True):
    """Whether the log at ``since`` entries is the beginning of the log now, by a checked proof.

    proof    hashes in hex, as RFC 6962 orders them; empty where it is not
    trouble  why it is not
    """

    log: LogPosition
    since: int
    root_since: str
    consistent: bool
    proof: list[str]
    trouble: str
    anchor: Held | None
    witnessed: WitnessedStatus | None
    erased: list[int]


def audit(ask: Ask) -> Page:
    """``/audit?from=``"""
    log, erased = ask.desk.standing()
    since = min(ask.number("from", max(1, log.size // 2)), log.size)
    proof: list[str] = []
    trouble = ""
    root_since = ask.desk.root_at(since)
    try:
        proof = ask.desk.consistency(since, log.size)
        verify_consistency(
            size1=since, size2=log.size, path=tuple(map(b64decode, proof)),
            root1=bytes.fromhex(root_since), root2=bytes.fromhex(log.root or ""),
        )  # fmt: skip
    except (Corrupt, ProofError) as error:
        trouble = str(error)
    answer = AuditShown(
        log=log, since=since, root_since=root_since, consistent=not trouble,
        proof=proof, trouble=trouble, anchor=_anchor(ask), witnessed=ask.desk.status().witnessed,
        erased=erased,
    )  # fmt: skip
    return Page(template="audit.html", title="Audit", answer=answer, log=log, now_only=True)


def _anchor(ask: Ask) -> Held | None:
    try:
        found = ask.desk.anchor()
    except NotFound:
        return None
    return Held(size=found.tree.size, by="a Rekor log")
