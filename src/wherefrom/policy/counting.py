"""Which records count for a rule: signed by whom it asks for, and not too old.

Evidence ──► counts, or why it does not, in words
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from wherefrom.formats import patterns
from wherefrom.formats.policy import Rule, Signer
from wherefrom.formats.timestamps import micros
from wherefrom.query.dossier import Evidence, Found
from wherefrom.query.same import TRUSTED

_SECOND: Final = 1_000_000
Signed = Evidence | Found


class Counted(NamedTuple):
    """Records that count; of those that do not, why, in words, by entry."""

    ones: list[Evidence]
    others: dict[int, str]


def counting(evidence: Iterable[Evidence], rule: Rule, *, at: int) -> Counted:
    """Split by whether a rule lets them count at ``at``, in microseconds."""
    ones, others = [], {}
    for one in evidence:
        why = why_not(one, rule, at=at)
        if why is None:
            ones.append(one)
        else:
            others[one.entry] = why
    return Counted(ones, others)


def why_not(one: Signed, rule: Rule, *, at: int) -> str | None:
    """Why a record does not count for a rule; None if it does."""
    if rule.trust == "signed" and one.trust not in TRUSTED:
        return "nobody known signed it"
    if rule.by and not is_by(one, rule.by):
        return "none of those who may signed it"
    age_s = (at - micros(one.said)) / _SECOND
    if rule.within_s is not None and age_s > rule.within_s:
        return f"it is older than {rule.within}"
    return None


def is_by(one: Signed, signers: Sequence[Signer]) -> bool:
    """Whether one of ``signers`` signed it."""
    return bool(who(one, signers)) and one.trust in TRUSTED


def who(one: Signed, among: Sequence[Signer] | None = None) -> list[str]:
    """Those who signed it, each by one name: keys, or the identity of a keyless signature.

    among  only those of ``among``: what one who may signed does not count for another's key
    """
    if one.identity is not None:
        name = f"{one.issuer} {one.identity}"
        return [name] if among is None or any(_is_identity(one, s) for s in among) else []
    keys = None if among is None else {signer.key for signer in among}
    return [key for key in one.signers if keys is None or key in keys]


def _is_identity(one: Signed, signer: Signer) -> bool:
    return (
        signer.identity is not None
        and one.issuer == signer.issuer
        and patterns.names_matches(signer.identity, one.identity or "")
    )


def told(others: dict[int, str]) -> str:
    """Why records that are there do not count: the newest three."""
    some = sorted(others.items(), reverse=True)[:3]
    return "; ".join(f"#{entry}: {why}" for entry, why in some)
