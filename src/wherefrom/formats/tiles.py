"""Tile names and entry bundles: how a tlog-tiles log lays its tree out in files.

    tile/0/x001/x234/067         256 leaf hashes, number 1,234,067
    tile/1/000.p/17              the first 17 hashes of a tile that is not full yet
    tile/entries/273.p/112       an entry bundle: (uint16 length ‖ entry) for each of 112 entries

Tile n of level l holds the roots of 256 full tiles of level l - 1. Folding them is ``merkle/``.

Sizes:  a full tile is 256 hashes = 8,192 bytes · an entry in a bundle is at most 65,535 bytes
        a level is 0 to 63 · n is under 2^55, so that 256 · n stays under 2^63
Source: C2SP tlog-tiles
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final, NamedTuple

from wherefrom.errors import LimitPassed, Malformed

FULL_WIDTH: Final = 256
LEVEL_MAX: Final = 63
N_LIMIT: Final = 2**55
BUNDLED_ENTRY_BYTES_MAX: Final = 2**16 - 1

_PATH_CHARS_MAX: Final = 64
_PATH = re.compile(
    r"tile/(?P<level>entries|[0-9]{1,2})/(?P<n>(?:x[0-9]{3}/)*[0-9]{3})(?:\.p/(?P<width>[0-9]{1,3}))?"
)


class TileName(NamedTuple):
    """Which tile: ``level`` is None for an entry bundle; ``width`` is 256 when it is full."""

    level: int | None
    n: int
    width: int = FULL_WIDTH

    def to_path(self) -> str:
        """The path that ``parse_tile_path`` reads. Raises ValueError if there is no such tile."""
        if self.level is None:
            return entries_path(self.n, self.width)
        return tile_path(self.level, self.n, self.width)


def tile_path(level: int, n: int, width: int = FULL_WIDTH) -> str:
    """The path of a hash tile, such as ``tile/0/x001/x234/067.p/88``. Raises ValueError."""
    if not 0 <= level <= LEVEL_MAX:
        raise ValueError(f"a tile level is 0 to {LEVEL_MAX}, got {level}")
    return f"tile/{level}/{_place(n, width)}"


def entries_path(n: int, width: int = FULL_WIDTH) -> str:
    """The path of an entry bundle, such as ``tile/entries/273.p/112``. Raises ValueError."""
    return f"tile/entries/{_place(n, width)}"


def _place(n: int, width: int) -> str:
    if not 0 <= n < N_LIMIT:
        raise ValueError(f"a tile number is under 2^55, got {n}")
    if not 1 <= width <= FULL_WIDTH:
        raise ValueError(f"a tile width is 1 to {FULL_WIDTH}, got {width}")
    *upper, last = f"{n:,}".split(",")
    groups = [f"x{group:0>3}/" for group in upper] + [f"{last:0>3}"]
    return "".join(groups) + (f".p/{width}" if width < FULL_WIDTH else "")


def parse_tile_path(path: str, *, where: str = "tile path") -> TileName:
    """Read what ``tile_path`` or ``entries_path`` wrote; any other spelling is Malformed."""
    found = _PATH.fullmatch(path) if len(path) <= _PATH_CHARS_MAX else None
    if not found:
        raise Malformed(
            "not a tile path",
            where=where,
            expected="tile/<level or entries>/<n in groups of three>[.p/<width>]",
            got=path,
        )
    level = None if found["level"] == "entries" else int(found["level"])
    n = int(found["n"].replace("x", "").replace("/", ""))
    name = TileName(level, n, FULL_WIDTH if found["width"] is None else int(found["width"]))
    try:
        spelling = name.to_path()
    except ValueError as error:
        raise Malformed("no such tile", where=where, expected=str(error), got=path) from error
    if spelling != path:
        raise Malformed(
            "a tile path not in its one spelling", where=where, expected=spelling, got=path
        )
    return name


def encode_bundle(entries: Iterable[bytes]) -> bytes:
    """The bytes of an entry bundle. Raises LimitPassed over 256 entries or for a long entry."""
    parts: list[bytes] = []
    for entry in entries:
        if len(entry) > BUNDLED_ENTRY_BYTES_MAX:
            raise LimitPassed(
                "an entry is too long for a bundle",
                where=f"entry {len(parts) // 2} of the bundle",
                expected=f"{BUNDLED_ENTRY_BYTES_MAX} bytes at most",
                got=f"{len(entry)} bytes",
            )
        parts += (len(entry).to_bytes(2, "big"), entry)
    _need_width(len(parts) // 2, "entry bundle")
    return b"".join(parts)


def decode_bundle(written: bytes, *, where: str = "entry bundle") -> list[bytes]:
    """The entries of a bundle, in order. Raises Malformed if cut off, LimitPassed over 256."""
    entries: list[bytes] = []
    start, end = 0, len(written)
    while start < end:
        # A length cut in half leaves ``first`` past the end, and ``stop`` with it.
        first = start + 2
        stop = first + int.from_bytes(written[start:first], "big")
        if stop > end:
            raise Malformed(
                "an entry bundle is cut off",
                where=f"{where}, entry {len(entries)}",
                expected=f"{stop} bytes or more",
                got=f"{end} bytes",
            )
        entries.append(written[first:stop])
        start = stop
    _need_width(len(entries), where)
    return entries


def _need_width(width: int, where: str) -> None:
    if width > FULL_WIDTH:
        raise LimitPassed(
            "an entry bundle has too many entries",
            where=where,
            expected=f"{FULL_WIDTH} at most",
            got=width,
        )
