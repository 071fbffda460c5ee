"""A verdict as a verification summary that anybody can check: SLSA's VSA, with when it ends.

    Verdict ──► in-toto statement {subject: the artifact, predicate: verifier, policy, result, …}

``inputAttestations`` are all records that the decision rests on. SLSA gives a summary no end
(in-toto/attestation#277), so ours says ``validUntil`` under ``wherefrom``, with the environment
that it is for and the log size that it answers for; who does not know these fields ignores them,
and learns nothing false.

Source: slsa.dev/spec/v1.2/verification_summary
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from wherefrom.errors import Malformed
from wherefrom.formats import canonical_json, digests

PREDICATE_TYPE: Final = "https://slsa.dev/verification_summary/v1"
SLSA_VERSION: Final = "1.2"


class Input(NamedTuple):
    """A record that was used: its entry, and its document as ``sha256:`` of its bytes."""

    entry: int
    document: str


class Summary(NamedTuple):
    """What a summary says.

    artifact  its digest; ``resource`` what it was called when it was asked about
    levels    what was reached, if it passed
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
    origin: str
    size: int
    root: str | None


def to_statement(summary: Summary) -> bytes:
    """The statement, canonical. Raises Malformed for an artifact that no digest names."""
    return canonical_json.to_bytes(
        {
            "_type": "https://in-toto.io/Statement/v1",
            "subject": [{"name": summary.resource, "digest": _digest(summary.artifact)}],
            "predicateType": PREDICATE_TYPE,
            "predicate": _predicate(summary),
        }
    )


def _predicate(summary: Summary) -> Mapping[str, Any]:
    return {
        "verifier": {"id": summary.verifier, "version": {"wherefrom": summary.program}},
        "timeVerified": summary.at,
        "resourceUri": summary.resource,
        "policy": {"uri": summary.policy, "digest": _digest(summary.policy_digest)},
        "inputAttestations": [
            {"uri": f"{summary.origin}#entry:{one.entry}", "digest": _digest(one.document)}
            for one in summary.inputs
        ],
        "verificationResult": "PASSED" if summary.allowed else "FAILED",
        "verifiedLevels": list(summary.levels) if summary.allowed else ["FAILED"],
        "slsaVersion": SLSA_VERSION,
        "wherefrom": {
            "validUntil": summary.until,
            "environment": summary.environment,
            "log": {"origin": summary.origin, "size": summary.size, "root": summary.root},
        },
    }


def _digest(id: str) -> dict[str, str]:
    algorithm, _, digits = id.partition(":")
    if digests.strong_id(algorithm, digits) is None:
        raise Malformed(
            "a summary is about what a digest names", got=id, expected="sha256:…",
            do="Ask about the artifact by its digest",
        )  # fmt: skip
    return {algorithm: digits}
