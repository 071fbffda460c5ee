"""The trusted root that a log judges Sigstore's signatures under, and when it is too old for that.

    TrustRoot, a record ──► HeldRoot ──► to every judge ──► DatedRoot, read once

A root that nobody renews knows neither the keys that were added since nor those that were given up.
From ``until`` on it proves nothing that is heard, and takes nothing back either.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from wherefrom.formats.own import TrustRoot

if TYPE_CHECKING:
    from wherefrom.verify.sigstore.trusted_root import TrustedRoot


class HeldRoot(msgspec.Struct, frozen=True):
    """The root in force as a judge process is told it: its JSON, and until when it judges."""

    written: str
    until: str


class DatedRoot(NamedTuple):
    """The same, read. ``until`` as entries write times."""

    trusted: TrustedRoot
    until: str

    def judges(self, at: str) -> bool:
        """Is it young enough at this time?"""
        return at < self.until


@lru_cache(maxsize=4)
def held(root: TrustRoot | None) -> HeldRoot | None:
    """What a record puts in force; None for no root."""
    if root is None or not root.trusted_root:
        return None
    return HeldRoot(root.trusted_root, root.aged(root.refuse_days))


@lru_cache(maxsize=4)
def dated(root: HeldRoot | None) -> DatedRoot | None:
    """The root to judge by; None for none. Raises Malformed, Unsupported, LimitPassed."""
    if root is None:
        return None
    from wherefrom.verify.sigstore import trusted_root  # late: most logs have none

    return DatedRoot(trusted_root.parse(root.written.encode()), root.until)
