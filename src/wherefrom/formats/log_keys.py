"""Which keys a log signs with, and until when: the text its keys sign when one of them changes.

    wherefrom log keys v1
    example.com/log                                  origin
    1                                                number of this change, the first is 1
    2026-11-25T10:00:00.000000Z                      when
    example.com/log+33d7b496+AeHT… 2026-01-02T09:00:00.000000Z 2026-12-25T10:00:00.000000Z
    example.com/log+9f86d081+AZ2k… 2026-11-25T10:00:00.000000Z -

It is the text of a signed note: whoever trusts one of its signers may trust the keys it names. Each
text names every key of the log there ever was, in the order they came.

Sizes:  at most 64 KiB, and 256 keys
Source: docs/formats/log-keys.md; C2SP signed-note
"""

from __future__ import annotations

from typing import Final, NamedTuple

from wherefrom.errors import LimitPassed, Malformed
from wherefrom.formats import note, timestamps
from wherefrom.formats.checkpoint import parse_decimal
from wherefrom.formats.note import VerifierKey

HEADER: Final = "wherefrom log keys v1"
TEXT_BYTES_MAX: Final = 64 * 1024
KEYS_MAX: Final = 256
_NEVER: Final = "-"


class NamedKey(NamedTuple):
    """A key of a log, and the times between which it signs what the log publishes.

    since  the first moment, as entries write times; ``until`` the first after; None while it signs
    """

    key: VerifierKey
    since: str
    until: str | None = None

    def signs_at(self, at: str) -> bool:
        """Does it sign what is published at this moment?"""
        return self.since <= at and (self.until is None or at < self.until)


class LogKeysText(NamedTuple):
    """One change of a log's keys: what they are from ``at`` on."""

    origin: str
    number: int
    at: str
    keys: tuple[NamedKey, ...]


def to_text(said: LogKeysText) -> str:
    """The text to sign. Raises Malformed, LimitPassed for what ``parse`` would refuse."""
    lines = [HEADER, said.origin, str(said.number), said.at]
    lines += [f"{k.key.to_text()} {k.since} {k.until or _NEVER}" for k in said.keys]
    text = "\n".join(lines) + "\n"
    if parse(text) != said:
        raise Malformed("a line about a log's keys holds a newline", where="log keys")
    return text


def parse(text: str, *, where: str = "log keys") -> LogKeysText:
    """Read a text, in its one spelling. Raises Malformed, LimitPassed."""
    note.check_text(text, where=where)
    if len(text.encode()) > TEXT_BYTES_MAX:
        raise LimitPassed("too long", where=where, expected=f"{TEXT_BYTES_MAX} bytes at most")
    header, *lines = text[:-1].split("\n")
    if header != HEADER or len(lines) < 4:
        raise Malformed(
            "not the text about a log's keys", where=where, expected=HEADER, got=header[:80]
        )
    if len(lines) - 3 > KEYS_MAX:
        raise LimitPassed("too many keys", where=where, expected=f"{KEYS_MAX} at most")
    origin, number = lines[0], parse_decimal(lines[1], where=f"{where}, line 3")
    at = _time(lines[2], where=f"{where}, line 4")
    keys = tuple(_key(line, where=f"{where}, line {n}") for n, line in enumerate(lines[3:], 5))
    for named in keys:
        if named.key.name != origin:
            raise Malformed("a key of another log", where=where, expected=origin, got=named.key[0])
    if len({named.key for named in keys}) < len(keys):
        raise Malformed("a key that is named twice", where=where)
    return LogKeysText(origin, number, at, keys)


def _key(line: str, *, where: str) -> NamedKey:
    parts = line.split(" ")
    if len(parts) != 3:
        raise Malformed("not a key with its times", where=where, expected="vkey since until|-")
    until = None if parts[2] == _NEVER else _time(parts[2], where=where)
    key = note.parse_verifier_key(parts[0], where=where)
    return NamedKey(key, _time(parts[1], where=where), until)


def _time(text: str, *, where: str) -> str:
    canonical = timestamps.canonical(text, where=where)
    if canonical != text:
        raise Malformed("another spelling of a time", where=where, expected=canonical, got=text)
    return text
