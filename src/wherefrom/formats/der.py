"""DER, read strictly and no further than asked: tags, lengths, and the bytes between.

    30 0a 02 01 05 04 05 …      Element(tag 30, body) ──► children(): 02 05 · 04 …
    └tag └length   └── body

One spelling for each value is the point of DER: a length in more bytes than it needs, a length
without an end and a tag of several bytes are refused, so what was signed is what is read.

Sizes:  a length is at most 4 bytes long · nothing is copied but what is returned
Source: ITU-T X.690 §8 and §10
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final, NamedTuple

from wherefrom.errors import Malformed

INTEGER: Final = 0x02
OCTET_STRING: Final = 0x04
NULL: Final = 0x05
OID: Final = 0x06
UTF8_STRING: Final = 0x0C
GENERALIZED_TIME: Final = 0x18
SEQUENCE: Final = 0x30
SET: Final = 0x31

_LENGTH_BYTES_MAX: Final = 4
_CHILDREN_MAX: Final = 1024


class Element(NamedTuple):
    """One value: its tag, its contents, and its whole encoding, tag and length included."""

    tag: int
    body: bytes
    whole: bytes

    def children(self, *, where: str) -> list[Element]:
        """What a constructed element holds, in order. Raises Malformed."""
        found, at = [], 0
        while at < len(self.body):
            element, at = _read(self.body, at, where=where)
            found.append(element)
            if len(found) > _CHILDREN_MAX:
                raise Malformed(
                    "too many values in one", where=where, expected=f"{_CHILDREN_MAX} at most"
                )
        return found


def read(written: bytes, *, where: str) -> Element:
    """The one element that ``written`` is. Raises Malformed, also for bytes after it."""
    element, end = _read(written, 0, where=where)
    if end != len(written):
        raise Malformed(
            "bytes after a DER value", where=where, got=f"{len(written) - end} bytes more"
        )
    return element


def _read(written: bytes, at: int, *, where: str) -> tuple[Element, int]:
    if len(written) < at + 2:
        raise Malformed("a DER value is cut off", where=where, got=f"{len(written) - at} bytes")
    tag, first = written[at], written[at + 1]
    if tag & 0x1F == 0x1F:
        raise Malformed("a DER tag of several bytes", where=where, got=f"{tag:#04x}")
    start, size = at + 2, first
    if first & 0x80:
        count = first & 0x7F
        size = int.from_bytes(written[start : start + count], "big")
        # Shortest form only; 0x80 is a length without an end, which is not DER.
        if not 0 < count <= _LENGTH_BYTES_MAX or size < 0x80 or size >> 8 * (count - 1) == 0:
            raise Malformed("a DER length in another form", where=where, got=f"{first:#04x}")
        start += count
    end = start + size
    if end > len(written):
        raise Malformed("a DER value is cut off", where=where, expected=f"{size} bytes")
    return Element(tag, written[start:end], written[at:end]), end


def need(element: Element | None, tag: int, *, where: str) -> Element:
    """``element`` if it has this tag. Raises Malformed."""
    if element is None or element.tag != tag:
        raise Malformed(
            "another DER value than the format has",
            where=where,
            expected=f"tag {tag:#04x}",
            got="nothing" if element is None else f"tag {element.tag:#04x}",
        )
    return element


def integer(element: Element | None, *, where: str) -> int:
    """An INTEGER in its shortest form. Raises Malformed."""
    body = need(element, INTEGER, where=where).body
    if not body or (len(body) > 1 and body[0] in (0x00, 0xFF) and (body[0] ^ body[1]) < 0x80):
        raise Malformed("a DER integer in another form", where=where, got=body.hex())
    return int.from_bytes(body, "big", signed=True)


def oid(element: Element | None, *, where: str) -> str:
    """An OBJECT IDENTIFIER, dotted. Raises Malformed."""
    body = need(element, OID, where=where).body
    parts, value = [], 0
    for position, octet in enumerate(body):
        if value == 0 and octet == 0x80:
            raise Malformed("an object identifier in another form", where=where, got=body.hex())
        value = value << 7 | octet & 0x7F
        if octet & 0x80:
            if position == len(body) - 1:
                break
            continue
        parts.append(value)
        value = 0
    if not parts or body[-1] & 0x80:
        raise Malformed("an object identifier is cut off", where=where, got=body.hex())
    first = min(parts[0] // 40, 2)
    return ".".join(map(str, [first, parts[0] - 40 * first, *parts[1:]]))


def generalized_time(element: Element | None, *, where: str) -> datetime:
    """A GeneralizedTime as DER writes it: UTC, seconds, no trailing zeros. Raises Malformed.

    Decimals past the sixth are cut.
    """
    body = need(element, GENERALIZED_TIME, where=where).body
    digits, _, fraction = body[:-1].partition(b".")
    is_plain = body[-1:] == b"Z" and len(digits) == 14 and digits.isdigit()
    has_dot = b"." in body
    if not is_plain or (has_dot and (not fraction.isdigit() or fraction.endswith(b"0"))):
        raise Malformed(
            "not a DER time", where=where, expected="YYYYMMDDhhmmss[.f]Z", got=body[:40]
        )
    try:
        moment = datetime.strptime(digits.decode("ascii"), "%Y%m%d%H%M%S").replace(tzinfo=UTC)
    except ValueError as error:
        raise Malformed("not a time that exists", where=where, got=body[:40]) from error
    return moment.replace(microsecond=int(fraction[:6].ljust(6, b"0") or 0))
