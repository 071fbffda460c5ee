"""Marks of one run in what it made: its time, and the folder that it ran in.

    the head and tail of an output ──► ("clock", …), ("path", …)

The clock: the member of a ZIP or gzip, or of a tar, dated within the run; today's date as a
compiler or a log writes it beside an hour of the run; the second since 1970 in ten digits. A mark
is evidence, no proof: a file of last year's date that happens to hold today's is rare, and is told.

Sizes:  the first and last READ_BYTES of a file are looked at
Source: APPNOTE.TXT 4.4.6 (ZIP), RFC 1952 (gzip), POSIX ustar
"""

from __future__ import annotations

import calendar
import re
import struct
import time
from typing import Final, NamedTuple

READ_BYTES: Final = 4 * 1024 * 1024
_GZIP: Final = b"\x1f\x8b\x08"
_ZIP_MEMBERS: Final = ((b"PK\x03\x04", 10), (b"PK\x01\x02", 12))
_ZIP_TICK_SECONDS: Final = 2
_TAR_BLOCK: Final = 512
_MINUTES_MAX: Final = 24 * 60
_SECONDS: Final = re.compile(rb"(?<!\d)\d{10}(?!\d)")
_MINUTE: Final = re.compile(rb"[0-2]\d:[0-5]\d")


class Window(NamedTuple):
    """When a command ran, in seconds since 1970."""

    start: int
    end: int

    def holds(self, moment: float) -> bool:
        """Whether a moment is within it."""
        return self.start <= moment <= self.end


def marks(content: bytes, *, window: Window, folder: str) -> list[str]:
    """The kinds of marks in a file's bytes: ``clock``, ``path``.

    folder  absolute; one that is too short to be told from chance is not looked for
    """
    found: list[str] = []
    if _has_clock(content, window):
        found.append("clock")
    if len(folder) >= len("/build") and folder.encode("utf-8", "surrogateescape") in content:
        found.append("path")
    return found


def _has_clock(content: bytes, window: Window) -> bool:
    return (
        _in_gzip(content, window)
        or _in_zip(content, window)
        or _in_tar(content, window)
        or _in_text(content, window)
    )


def _in_gzip(content: bytes, window: Window) -> bool:
    if not content.startswith(_GZIP) or len(content) < 8:
        return False
    return window.holds(struct.unpack_from("<I", content, 4)[0])


def _in_zip(content: bytes, window: Window) -> bool:
    """A member dated within the run, in local time or UTC: the format does not say which."""
    if b"PK\x05\x06" not in content:
        return False
    for magic, offset in _ZIP_MEMBERS:
        at = content.find(magic)
        while at >= 0 and at + offset + 4 <= len(content):
            clock, day = struct.unpack_from("<HH", content, at + offset)
            stamp = (
                (day >> 9) + 1980, day >> 5 & 15, day & 31,
                clock >> 11, clock >> 5 & 63, (clock & 31) * 2, 0, 0, -1,
            )  # fmt: skip
            wide = Window(window.start - _ZIP_TICK_SECONDS, window.end)
            if any(wide.holds(moment) for moment in _moments(stamp)):
                return True
            at = content.find(magic, at + 4)
    return False


def _moments(stamp: tuple[int, ...]) -> list[float]:
    try:
        return [time.mktime(stamp), calendar.timegm(stamp)]  # type: ignore[arg-type]
    except (ValueError, OverflowError):
        return []


def _in_tar(content: bytes, window: Window) -> bool:
    if content[257:262] != b"ustar":
        return False
    for at in range(0, len(content) - _TAR_BLOCK + 1, _TAR_BLOCK):
        if content[at + 257 : at + 262] != b"ustar":
            continue
        octal = content[at + 136 : at + 148].rstrip(b"\0 ").lstrip(b" ")
        if octal and all(c in b"01234567" for c in octal) and window.holds(int(octal, 8)):
            return True
    return False


def _in_text(content: bytes, window: Window) -> bool:
    """Seconds since 1970, or a minute of the run beside its day."""
    if any(window.holds(int(found[0])) for found in _SECONDS.finditer(content)):
        return True
    for zone in (time.gmtime, time.localtime):
        days = {time.strftime(form, zone(moment)) for moment in (window.start, window.end)
                for form in ("%Y-%m-%d", "%b %e %Y", "%Y%m%d")}  # fmt: skip
        if not any(day.encode() in content for day in days):
            continue
        first = window.start - window.start % 60
        minutes = {time.strftime("%H:%M", zone(minute)).encode()
                   for minute in range(first, window.end + 1, 60)[:_MINUTES_MAX]}  # fmt: skip
        if any(found[0] in minutes for found in _MINUTE.finditer(content)):
            return True
    return False
