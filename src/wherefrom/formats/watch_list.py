"""A watch list: which entries of a log are worth an alarm.

    # what only an administrator may do
    kind=tombstone
    kind=key signer=k:9f3c…                 all of a line must hold
    type=https://slsa.dev/provenance/*      * ? and [abc], as in a shell
    producer=local:*
    contains="left-pad"                     for the entries of any log: their bytes,
    sha256=5dc0…                            or the SHA-256 of them

``kind``, ``type``, ``signer`` and ``producer`` are fields of Wherefrom's entries; an entry of
another log has none of them.

Sizes:  a file is at most 1 MiB · 10,000 lines
"""

from __future__ import annotations

import re
import shlex
from fnmatch import fnmatchcase
from hashlib import sha256
from typing import Final, NamedTuple

from wherefrom.errors import LimitPassed, Malformed, Refused
from wherefrom.formats import entry as entries
from wherefrom.formats.entry import Entry

WATCH_LIST_BYTES_MAX: Final = 1024 * 1024
LINES_MAX: Final = 10_000
FIELDS: Final = ("kind", "type", "signer", "producer")
KEYS: Final = (*FIELDS, "contains", "sha256")

_DIGEST: Final = re.compile(r"[0-9a-f]{64}")


class Watched(NamedTuple):
    """One line: what must hold, and where it stands."""

    line: int
    wanted: tuple[tuple[str, str], ...]

    def says(self) -> str:
        """The line again, for whoever reads the alarm."""
        return " ".join(f"{key}={value}" for key, value in self.wanted)


class WatchList(NamedTuple):
    """All lines of a file."""

    lines: tuple[Watched, ...]

    def matches(self, written: bytes) -> list[Watched]:
        """The lines that an entry's bytes fit."""
        try:
            entry = entries.parse(written)
        except Refused:
            entry = None  # another log's: bytes and digest still say something
        return [line for line in self.lines if all(_holds(*w, written, entry) for w in line.wanted)]


def parse(written: bytes, *, where: str = "watch list") -> WatchList:
    """Read a watch list. Raises Malformed or LimitPassed, naming the line."""
    if len(written) > WATCH_LIST_BYTES_MAX:
        raise LimitPassed(
            "a watch list is too long", where=where, expected=f"{WATCH_LIST_BYTES_MAX} bytes"
        )
    try:
        lines = written.decode("utf-8").split("\n")
    except UnicodeDecodeError as error:
        raise Malformed("a watch list is not UTF-8", where=where, got=str(error)) from error
    found = []
    for number, line in enumerate(lines, start=1):
        place = f"{where}, line {number}"
        if line.strip() and not line.lstrip().startswith("#"):
            found.append(Watched(number, _parse_line(line, place)))
        if len(found) > LINES_MAX:
            raise LimitPassed("a watch list is too long", where=place, expected=f"{LINES_MAX}")
    return WatchList(tuple(found))


def _parse_line(line: str, where: str) -> tuple[tuple[str, str], ...]:
    try:
        items = shlex.split(line, comments=False)
    except ValueError as error:
        raise Malformed("a quote that does not end", where=where, got=line) from error
    wanted = []
    for item in items:
        key, equals, value = item.partition("=")
        if not equals or key not in KEYS or not value:
            raise Malformed(
                "not something to watch for",
                where=where,
                expected=" or ".join(f"{key}=…" for key in KEYS),
                got=item,
            )
        if key == "sha256" and not _DIGEST.fullmatch(value):
            raise Malformed(
                "not a SHA-256", where=where, expected="64 hex digits, in lower case", got=value
            )
        wanted.append((key, value))
    return tuple(wanted)


def _holds(key: str, value: str, written: bytes, entry: Entry | None) -> bool:
    if key == "contains":
        return value.encode() in written
    if key == "sha256":
        return sha256(written).hexdigest() == value
    if entry is None:
        return False
    if key == "signer":
        return any(fnmatchcase(signer, value) for signer in entry.trust.signers)
    return fnmatchcase(getattr(entry, key), value)
