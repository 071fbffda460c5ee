"""Which records a key vouches for now: what is to be signed again before the key is gone.

    entries ──► effective trust names the key? ──► a page of them, and where the next one begins

Sizes:  a page looks at LOOKED_MAX entries at most, and gives PAGE_MAX
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final, Protocol

import msgspec

from wherefrom.formats import entry as entries
from wherefrom.formats.entry import Trust

LOOKED_MAX: Final = 50_000
PAGE_MAX: Final = 1_000
_OWN: Final = b'"level":"self"'


class StoredLog(Protocol):
    """The little of a log that is read here."""

    @property
    def size(self) -> int: ...

    def entries(self, first: int, limit: int) -> Iterator[bytes]: ...


class Vouched(msgspec.Struct, frozen=True, kw_only=True):
    """A page of the entries that ``key`` vouches for; ``next`` is where to go on, or None."""

    key: str
    entries: list[int]
    next: int | None


def vouched(log: StoredLog, key: str, *, verdicts: Mapping[int, Trust], first: int) -> Vouched:
    """Entries from ``first`` on whose effective trust names the key with this id."""
    named, end = key.encode(), min(log.size, first + LOOKED_MAX)
    found: list[int] = []
    for index, written in enumerate(log.entries(first, end), start=first):
        if _OWN in written or not (named in written or index in verdicts):
            continue
        if key in (verdicts.get(index) or entries.parse(written).trust).signers:
            found.append(index)
            if len(found) == PAGE_MAX:
                end = index + 1
                break
    return Vouched(key=key, entries=found, next=end if end < log.size else None)
