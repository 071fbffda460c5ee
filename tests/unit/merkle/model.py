"""The tree of RFC 9162 §2.1 written as the RFC writes it: recursive, slow and easy to believe.

It shares no line with ``wherefrom.merkle``, not even the hash prefixes, so the two can disagree.
"""

from __future__ import annotations

from functools import cache
from hashlib import sha256


class Model:
    def __init__(self, entries: list[bytes]) -> None:
        self.entries = entries
        self.mth = cache(self._mth)

    def leaf(self, index: int) -> bytes:
        return sha256(b"\x00" + self.entries[index]).digest()

    def root(self, size: int) -> bytes:
        return self.mth(0, size)

    def read(self, level: int, index: int) -> bytes:
        """A HashReader that refuses what a stored tree would not have."""
        assert (index + 1) << level <= len(self.entries), f"asked for ({level}, {index})"
        return self.mth(index << level, (index + 1) << level)

    def _mth(self, start: int, end: int) -> bytes:
        if end == start:
            return sha256(b"").digest()
        if end - start == 1:
            return self.leaf(start)
        middle = start + split(end - start)
        return sha256(b"\x01" + self.mth(start, middle) + self.mth(middle, end)).digest()

    def path(self, index: int, start: int, end: int) -> list[bytes]:
        if end - start == 1:
            return []
        middle = start + split(end - start)
        if index < middle:
            return [*self.path(index, start, middle), self.mth(middle, end)]
        return [*self.path(index, middle, end), self.mth(start, middle)]

    def subproof(self, size1: int, start: int, end: int) -> list[bytes]:
        if size1 == end:
            return [] if start == 0 else [self.mth(start, end)]
        middle = start + split(end - start)
        if size1 <= middle:
            return [*self.subproof(size1, start, middle), self.mth(middle, end)]
        return [*self.subproof(size1, middle, end), self.mth(start, middle)]


def split(width: int) -> int:
    """The largest power of two under ``width``."""
    k = 1
    while 2 * k < width:
        k *= 2
    return k


@cache
def numbered(size: int) -> Model:
    """The model over ``size`` entries that are all different."""
    return Model([b"entry %d" % i for i in range(size)])
