"""Marks of one run in what it made: its time, its folder, and the dates of the files it read.

    the head and tail of an output ──► ("clock", …), ("path", …), ("dates", …)

The clock: the member of a ZIP or gzip, or of a tar, dated within the run; today's date as a
compiler or a log writes it beside an hour of the run; the second since 1970 in ten digits. Dates: a
member of a ZIP or tar is dated as one of the files is, which a checkout dates anew. A mark is
evidence, no proof: a file of last year's date that happens to hold today's is rare, and is told.

Sizes:  the first and last READ_BYTES of a file are looked at, and as many of what is compressed
Source: APPNOTE.TXT 4.4.6 (ZIP), RFC 1952 (gzip), POSIX ustar
"""

from __future__ import annotations

import bz2
import calendar
import lzma
import re
import struct
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any, Final, NamedTuple

READ_BYTES: Final = 4 * 1024 * 1024
_GZIP: Final = b"\x1f\x8b\x08"
_ZIP_MEMBERS: Final = ((b"PK\x03\x04", 10), (b"PK\x01\x02", 12))
_ZIP_TICK_SECONDS: Final = 2
_TAR_BLOCK: Final = 512
_MINUTES_MAX: Final = 24 * 60
_SECONDS: Final = re.compile(rb"(?<!\d)\d{10}(?!\d)")
_DAYS: Final = ("%Y-%m-%d", "%Y/%m/%d", "%Y%m%d", "%b %e", "%d %b %Y")
_MINUTE: Final = re.compile(rb"[0-2]\d:[0-5]\d")


class Window(NamedTuple):
    """When a command ran, in seconds since 1970."""

    start: int
    end: int

    def holds(self, moment: float) -> bool:
        """Whether a moment is within it."""
        return self.start <= moment <= self.end


def marks(
    content: bytes, *, window: Window, folder: str, dates: frozenset[int] = frozenset()
) -> list[str]:
    """The kinds of marks in a file's bytes: ``clock``, ``path``, ``dates``.

    folder  absolute; one that is too short to be told from chance is not looked for
    dates   of the files that it was made from, in seconds since 1970
    """
    found: list[str] = []
    in_zip = [moment for moments in _zip_stamps(content) for moment in moments]
    in_tar = list(_tar_dates(_decompressed(content)))
    # A ZIP rounds down to two seconds, so one of the run may be dated just before it.
    wide = Window(window.start - _ZIP_TICK_SECONDS, window.end)
    is_dated = any(map(wide.holds, in_zip)) or any(map(window.holds, in_tar))
    if is_dated or _in_gzip(content, window) or _in_text(content, window):
        found.append("clock")
    if len(folder) >= len("/build") and folder.encode("utf-8", "surrogateescape") in content:
        found.append("path")
    known = dates | {date - date % _ZIP_TICK_SECONDS for date in dates}
    if not is_dated and any(int(moment) in known for moment in (*in_zip, *in_tar)):
        found.append("dates")
    return found


def _in_gzip(content: bytes, window: Window) -> bool:
    if not content.startswith(_GZIP) or len(content) < 8:
        return False
    return window.holds(struct.unpack_from("<I", content, 4)[0])


def _decompressed(content: bytes) -> bytes:
    """The first bytes in what is compressed; of anything else, itself."""
    openers: dict[bytes, Callable[[], Any]] = {
        _GZIP: lambda: zlib.decompressobj(zlib.MAX_WBITS | 16),
        b"BZh": bz2.BZ2Decompressor,
        b"\xfd7zXZ\0": lzma.LZMADecompressor,
    }
    for magic, opener in openers.items():
        if content.startswith(magic):
            with suppress(zlib.error, lzma.LZMAError, OSError, EOFError):
                return bytes(opener().decompress(content, READ_BYTES))
    return content


def _zip_stamps(content: bytes) -> Iterator[list[float]]:
    """When each member is dated, in local time and in UTC: the format does not say which."""
    if b"PK\x05\x06" not in content:
        return
    for magic, offset in _ZIP_MEMBERS:
        at = content.find(magic)
        while at >= 0 and at + offset + 4 <= len(content):
            clock, day = struct.unpack_from("<HH", content, at + offset)
            stamp = (
                (day >> 9) + 1980, day >> 5 & 15, day & 31,
                clock >> 11, clock >> 5 & 63, (clock & 31) * 2, 0, 0, -1,
            )  # fmt: skip
            yield _moments(stamp)
            at = content.find(magic, at + 4)


def _moments(stamp: tuple[int, ...]) -> list[float]:
    try:
        return [time.mktime(stamp), calendar.timegm(stamp)]  # type: ignore[arg-type]
    except (ValueError, OverflowError):
        return []


def _tar_dates(content: bytes) -> Iterator[int]:
    """When each member is dated."""
    if content[257:262] != b"ustar":
        return
    for at in range(0, len(content) - _TAR_BLOCK + 1, _TAR_BLOCK):
        if content[at + 257 : at + 262] != b"ustar":
            continue
        octal = content[at + 136 : at + 148].rstrip(b"\0 ").lstrip(b" ")
        if octal and all(c in b"01234567" for c in octal):
            yield int(octal, 8)


def _in_text(content: bytes, window: Window) -> bool:
    """Seconds since 1970, or a minute of the run beside its day."""
    if any(window.holds(int(found[0])) for found in _SECONDS.finditer(content)):
        return True
    for zone in (time.gmtime, time.localtime):
        days = {time.strftime(form, zone(moment)) for moment in (window.start, window.end)
                for form in _DAYS}  # fmt: skip
        if not any(day.encode() in content for day in days):
            continue
        first = window.start - window.start % 60
        minutes = {time.strftime("%H:%M", zone(minute)).encode()
                   for minute in range(first, window.end + 1, 60)[:_MINUTES_MAX]}  # fmt: skip
        if any(found[0] in minutes for found in _MINUTE.finditer(content)):
            return True
    return False
