"""A verdict as a verification summary that anybody can check: SLSA's VSA, with when it ends.

    Verdict ──► in-toto statement {subject: the artifact, predicate: verifier, policy, result, …}

``inputAttestations`` are all records that the decision rests on. SLSA gives a summary no end
(in-toto/attestation#277), so ours says ``validUntil`` under ``wherefrom``, with the environment
that it is for, the reason of each rule and the log size that it answers for; who does not know
these fields ignores them, and learns nothing false.

Source: slsa.dev/spec/v1.2/verification_summary
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from wherefrom.formats import statement_shape
from wherefrom.formats.statement_shape import digest_set

PREDICATE_TYPE: Final = "https://slsa.dev/verification_summary/v1"
SLSA_VERSION: Final = "1.2"


class Input(NamedTuple):
    """A record that was used: its entry, and its document as ``sha256:`` of its bytes."""

    entry: int
    document: str


class Summary(NamedTuple):
    """What a summary says.

    artifact  its digest; ``resource`` what it is called
    levels    what was reached, if it passed
    reasons   each rule with what it found, as an answer gives it, for whoever looks it up
    """

    artifact: str
    resource: str
    verifier: str
    program: str
    at: str
    until: str
    policy: str
    policy_digest: str
    environment: str
    allowed: bool
    levels: tuple[str, ...]
    inputs: Sequence[Input]
    reasons: Sequence[Mapping[str, Any]]
    origin: str
    size: int
    root: str | None


def to_statement(summary: Summary) -> bytes:
    """The statement, canonical. Raises Malformed for an artifact that no digest names."""
    return statement_shape.of_predicate(_predicate(summary), PREDICATE_TYPE, {summary.artifact: ""})


def _predicate(summary: Summary) -> Mapping[str, Any]:
    return {
        "verifier": {"id": summary.verifier, "version": {"wherefrom": summary.program}},
        "timeVerified": summary.at,
        "resourceUri": summary.resource,
        "policy": {"uri": summary.policy, "digest": digest_set(summary.policy_digest)},
        "inputAttestations": [
            {"uri": f"{summary.origin}#entry:{one.entry}", "digest": digest_set(one.document)}
            for one in summary.inputs
        ],
        "verificationResult": "PASSED" if summary.allowed else "FAILED",
        "verifiedLevels": list(summary.levels) if summary.allowed else ["FAILED"],
        "slsaVersion": SLSA_VERSION,
        "wherefrom": {
            "validUntil": summary.until,
            "environment": summary.environment,
            "reasons": list(summary.reasons),
            "log": {"origin": summary.origin, "size": summary.size, "root": summary.root},
        },
    }
