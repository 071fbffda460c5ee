"""A page of memory that two processes share: one writes bytes, the other reads the newest.

    reader ──makes the page, forks──► fold, watch ──write──► page ──read──► reader

Made before the fork, so it has no name and goes with its processes. One writer, any readers: a
number in front is odd while the page is written, and whoever sees it odd, or moved, reads again.

Sizes:  BYTES_MAX; what is longer is not written, and the last that fitted stays
"""

from __future__ import annotations

import mmap
import struct
from typing import Final, NamedTuple

BYTES_MAX: Final = 1024 * 1024
_HEAD: Final = struct.Struct("=QQ")  # the number, and how long what follows is
_TRIES: Final = 100


class Pages(NamedTuple):
    """What the reader shares with one process that it forked.

    shown    that process writes what it counts
    scraped  the reader writes when somebody asked for it last
    """

    shown: SharedPage
    scraped: SharedPage


class SharedPage:
    """One page; memory is used only as far as it was written."""

    def __init__(self) -> None:
        self._memory = mmap.mmap(-1, _HEAD.size + BYTES_MAX)
        self._number = 0
        self._last = b""

    def write(self, written: bytes) -> None:
        """Replace what it holds; for the one process that writes."""
        if len(written) > BYTES_MAX:
            return
        self._number += 1
        _HEAD.pack_into(self._memory, 0, self._number, 0)
        self._memory[_HEAD.size : _HEAD.size + len(written)] = written
        self._number += 1
        _HEAD.pack_into(self._memory, 0, self._number, len(written))

    def read(self) -> bytes:
        """What it holds; what was read last if its writer died as it wrote."""
        for _ in range(_TRIES):
            number, size = _HEAD.unpack_from(self._memory, 0)
            if number % 2:
                continue
            held = bytes(self._memory[_HEAD.size : _HEAD.size + size])
            if _HEAD.unpack_from(self._memory, 0)[0] == number:
                self._last = held
                break
        return self._last
