"""What a cluster decided about an image, as a verification summary of that cluster: SLSA's VSA.

    image, policy, environment, yes or no, the day ──► in-toto statement

The same decision of the same day is the same bytes, whichever replica made it and however often it
was started, so the log holds it once: no moment and no log size stand in it, and ``timeVerified``,
which SLSA lets out, is left out. When it came is the entry's to say.

Source: slsa.dev/spec/v1.2/verification_summary; decision 0042
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from wherefrom.formats import statement_shape, vsa

VERIFIER: Final = "urn:wherefrom:admission:"


class Decision(NamedTuple):
    """One decision.

    artifact  its digest; ``image`` what it was called
    policy    its name and version; ``policy_digest`` what it says
    reasons   rule and finding, of those that do not hold
    day       in UTC, such as ``2026-11-26``
    """

    artifact: str
    image: str
    cluster: str
    policy: tuple[str, str]
    policy_digest: str
    environment: str
    allowed: bool
    reasons: Sequence[tuple[str, str]]
    day: str


def to_statement(decision: Decision) -> bytes:
    """The statement, canonical. Raises Malformed for an artifact that no digest names."""
    name, version = decision.policy
    predicate = {
        "verifier": {"id": VERIFIER + decision.cluster},
        "resourceUri": decision.image,
        "policy": {
            "uri": f"urn:wherefrom:policy:{name}:{version}",
            "digest": statement_shape.digest_set(decision.policy_digest),
        },
        "verificationResult": "PASSED" if decision.allowed else "FAILED",
        "verifiedLevels": [f"WHEREFROM_{name}"] if decision.allowed else ["FAILED"],
        "slsaVersion": vsa.SLSA_VERSION,
        "wherefrom": {
            "environment": decision.environment,
            "day": decision.day,
            "reasons": [{"rule": rule, "says": says} for rule, says in decision.reasons],
        },
    }
    return statement_shape.of_predicate(predicate, vsa.PREDICATE_TYPE, {decision.artifact: ""})
