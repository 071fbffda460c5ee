"""CBOR: the few kinds of values that COSE is made of, written in one spelling.

    value ──encode──► the deterministic bytes of RFC 8949 §4.2.1      (what we sign and send)
    bytes ──decode──► value                                           (what others signed)

    unsigned, negative int · bytes · str · list · dict · Tag · False, True, None · float

``encode`` writes the shortest lengths and sorts the keys of a map by their bytes, so a value has
one spelling. ``decode`` takes any well-formed CBOR, because COSE lets a signer spell a header as it
likes and signs its bytes; but never one key twice, as RFC 9052 §9 asks, nor bytes after the end.
``decode_strict`` takes only what ``encode`` writes. Bignums and dates stay ``Tag`` values:
nothing here turns a number in the input into anything but a number.

Sizes:  nesting 32 deep · integers of 64 bits and a sign · keys of a map are int or str
Source: RFC 8949
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Any, Final, NamedTuple

from wherefrom.errors import LimitPassed, Malformed

DEPTH_MAX: Final = 32
_INT_LIMIT: Final = 1 << 64

_UNSIGNED, _NEGATIVE, _BYTES, _TEXT, _ARRAY, _MAP, _TAG, _OTHER = range(8)
_INDEFINITE: Final = 31
_BREAK: Final = object()
# Not 23, undefined: it would be a second spelling of None.
_OTHERS: Final = {20: False, 21: True, 22: None}
_FLOATS: Final = {25: ">e", 26: ">f", 27: ">d"}


class Tag(NamedTuple):
    """A value with a number that says what it means, such as 18: a COSE_Sign1."""

    number: int
    value: Any


def encode(value: Any) -> bytes:
    """The deterministic CBOR of a value. Raises TypeError for a kind that is not in the table."""
    if value is None or isinstance(value, bool):
        return {None: b"\xf6", False: b"\xf4", True: b"\xf5"}[value]
    if isinstance(value, int):
        return _head(_UNSIGNED, value) if value >= 0 else _head(_NEGATIVE, -1 - value)
    if isinstance(value, bytes):
        return _head(_BYTES, len(value)) + value
    if isinstance(value, str):
        text = value.encode()
        return _head(_TEXT, len(text)) + text
    if isinstance(value, Tag):
        return _head(_TAG, value.number) + encode(value.value)
    if isinstance(value, list | tuple):
        return _head(_ARRAY, len(value)) + b"".join(map(encode, value))
    if isinstance(value, dict):
        pairs = sorted((encode(key), encode(held)) for key, held in value.items())
        return _head(_MAP, len(value)) + b"".join(key + held for key, held in pairs)
    raise TypeError(f"no CBOR is written for {type(value).__name__}")


def _head(major: int, number: int) -> bytes:
    if number < 24:
        return bytes([major << 5 | number])
    for info, width in ((24, 1), (25, 2), (26, 4), (27, 8)):
        if number < 1 << 8 * width:
            return bytes([major << 5 | info]) + number.to_bytes(width, "big")
    raise ValueError(f"a number of CBOR has 64 bits at most, got {number}")


def decode(written: bytes, *, where: str = "CBOR") -> Any:
    """The value of one well-formed item, and nothing after it.

    Raises Malformed for anything else, and for a key that stands twice; LimitPassed for an item
    that is too deep.
    """
    reading = _Reading(written, where)
    value = reading.value(0)
    if value is _BREAK or reading.at != len(written):
        raise reading.malformed("bytes after the end of the item")
    return value


def decode_strict(written: bytes, *, where: str = "CBOR") -> Any:
    """``decode`` of what ``encode`` writes; any other spelling is Malformed too."""
    value = decode(written, where=where)
    try:
        spelling = encode(value)
    except TypeError as error:
        raise Malformed("a kind of CBOR that is not expected here", where=where) from error
    if spelling != written:
        raise Malformed(
            "CBOR not in its one spelling", where=where, expected="RFC 8949 §4.2.1, deterministic"
        )
    return value


class _Reading:
    """A place in some bytes that moves on as values are read."""

    def __init__(self, written: bytes, where: str) -> None:
        self._written = written
        self._where = where
        self.at = 0

    def malformed(self, what: str) -> Malformed:
        """The error for what stands here."""
        got = self._written[self.at : self.at + 8].hex() or "the end"
        return Malformed(what, where=f"{self._where}, byte {self.at}", got=got)

    def value(self, depth: int) -> Any:
        """The next value, or ``_BREAK``."""
        if depth > DEPTH_MAX:
            raise LimitPassed("CBOR nested too deep", where=self._where, expected=str(DEPTH_MAX))
        first = self._take(1)[0]
        major, info = first >> 5, first & 31
        if major == _OTHER:
            return self._other(info)
        if info == _INDEFINITE:
            return self._indefinite(major, depth)
        number = self._number(info)
        if major == _UNSIGNED:
            return number
        if major == _NEGATIVE:
            return -1 - number
        if major == _BYTES:
            return self._take(number)
        if major == _TEXT:
            return self._text(self._take(number))
        if major == _TAG:
            return Tag(number, self._whole(depth))
        # A count is checked against what is left, so that it alone takes no memory.
        if number * (1 if major == _ARRAY else 2) > len(self._written) - self.at:
            raise self.malformed("a count of items that are not there")
        if major == _ARRAY:
            return [self._whole(depth) for _ in range(number)]
        held: dict[Any, Any] = {}
        for _ in range(number):
            self._add_pair(held, self._whole(depth), depth)
        return held

    def _whole(self, depth: int) -> Any:
        value = self.value(depth + 1)
        if value is _BREAK:
            raise self.malformed("a break where a value must be")
        return value

    def _add_pair(self, held: dict[Any, Any], key: Any, depth: int) -> None:
        if isinstance(key, bool) or not isinstance(key, int | str):
            raise self.malformed("a key that is neither a number nor a text")
        if key in held:
            raise self.malformed(f"the key {key} stands twice in a map")
        held[key] = self._whole(depth)

    def _indefinite(self, major: int, depth: int) -> Any:
        if major == _BYTES:
            return b"".join(self._parts(major))
        if major == _TEXT:
            return "".join(self._text(part) for part in self._parts(major))
        if major == _ARRAY:
            items = []
            while (item := self.value(depth + 1)) is not _BREAK:
                items.append(item)
            return items
        if major == _MAP:
            held: dict[Any, Any] = {}
            while (key := self.value(depth + 1)) is not _BREAK:
                self._add_pair(held, key, depth)
            return held
        raise self.malformed("a number or tag without a length")

    def _parts(self, major: int) -> Iterator[bytes]:
        while (first := self._take(1)[0]) != 0xFF:
            if first >> 5 != major or first & 31 == _INDEFINITE:
                raise self.malformed("a part of a string that is of another kind")
            yield self._take(self._number(first & 31))

    def _other(self, info: int) -> Any:
        if info == _INDEFINITE:
            return _BREAK
        if info in _FLOATS:
            width = struct.calcsize(_FLOATS[info])
            return struct.unpack(_FLOATS[info], self._take(width))[0]
        if info in _OTHERS:
            return _OTHERS[info]
        raise self.malformed("a simple value that has no meaning")

    def _number(self, info: int) -> int:
        if info < 24:
            return info
        if info > 27:
            raise self.malformed("a length that no CBOR has")
        return int.from_bytes(self._take(1 << info - 24), "big")

    def _text(self, part: bytes) -> str:
        try:
            return part.decode()
        except UnicodeDecodeError as error:
            raise self.malformed("a text that is not UTF-8") from error

    def _take(self, count: int) -> bytes:
        end = self.at + count
        if end > len(self._written):
            raise self.malformed("CBOR that is cut off")
        taken = self._written[self.at : end]
        self.at = end
        return taken
