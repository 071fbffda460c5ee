"""Cut what came in into records: one document, an array's elements, or JSON Lines.

    {…}            ──►  one piece, every byte as it came
    [ {…}, {…} ]   ──►  a piece an element, its exact slice
    {…}\\n{…}\\n     ──►  a piece a line, trimmed
    <testsuites>   ──►  one piece, every byte as it came
    COSE_Sign1     ──►  one piece, every byte as it came
    anything else  ──►  one refusal that says what it looks like

How JSON Lines are known, from the first lines alone:
1. The first line is a whole JSON value, and more than blanks follow it.
2. Or it is not (a bad line, say), and of the first 64 lines at least half are whole objects,
   two of them neighbours: no single JSON value looks like that. When the input ends sooner, the
   neighbours are not needed if the text as a whole is no JSON value.

A bad line, and a bad element that closes its brackets, costs nobody else; when the brackets of
an array break, the elements before the break are given, then one refusal. A byte order mark at
the very start is the encoding's, not the record's, and is left out. A blank is one of JSON's:
space, tab, carriage return, line feed.

Sizes:  lines count from 1 · a record 64 MiB · an array 256 MiB · JSON Lines have no limit in all
Source: RFC 8259 §2, §8.1; jsonlines.org
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

import msgspec

from wherefrom.collect.decompress import Source, chunks_of
from wherefrom.errors import LimitPassed, Malformed, Refused, Unsupported
from wherefrom.formats import cose, junit, looks

CONTENT_BYTES_MAX: Final = 64 * 1024 * 1024
ARRAY_BYTES_MAX: Final = 256 * 1024 * 1024

_LINES_LOOKED_AT = 64
_TEXT_BYTES_LOOKED_AT = 64 * 1024
# Cut at once, an array costs 90 bytes an element besides its text.
_COMMAS_AT_ONCE_MAX = 1_000_000
_BLANK = b" \t\r\n"
_BOM = b"\xef\xbb\xbf"
_ANY_VALUE = msgspec.json.Decoder(msgspec.Raw)
_ELEMENTS = msgspec.json.Decoder(list[msgspec.Raw])


class Piece(msgspec.Struct, frozen=True):
    """One record as it came, or why it is none: exactly one of ``content`` and ``refusal``.

    line  where it starts, from 1; None when the input is one document
    """

    line: int | None
    content: bytes | None
    refusal: Refused | None = None


def split(
    source: Source,
    *,
    content_bytes_max: int = CONTENT_BYTES_MAX,
    array_bytes_max: int = ARRAY_BYTES_MAX,
    lines: bool = False,
) -> Iterator[Piece]:
    """Give the records in ``source``, plain bytes (see ``decompress``), in order.

    content_bytes_max  the longest record; a longer one is refused, as a line without being held
    array_bytes_max    the longest array, which has to be held to be cut
    lines              True when the sender said that these are JSON Lines: then a lone line is
                       trimmed like any other, so that it is the same record however it is sent

    Raises nothing of its own; an error of ``source`` goes through.
    """
    feed = _Feed(source)
    first = feed.first_byte(content_bytes_max)
    if not first:
        yield Piece(None, None, Malformed("the input is empty", expected="a JSON document"))
    elif first == b"<" and feed.starts_report():
        # Before the lines are looked at: what tests print may be JSON.
        yield from _document(feed, content_bytes_max=content_bytes_max)
    elif first == b"\xd2" and cose.looks_like(bytes(feed.held[:2])):
        yield from _binary(feed, content_bytes_max=content_bytes_max)
    elif lines or _are_lines(feed, first, content_bytes_max=content_bytes_max):
        yield from _lines(feed.rest(), content_bytes_max=content_bytes_max)
    elif first == b"{":
        yield from _document(feed, content_bytes_max=content_bytes_max)
    elif first == b"[":
        yield from _array(
            feed, content_bytes_max=content_bytes_max, array_bytes_max=array_bytes_max
        )
    else:
        feed.read_to(_TEXT_BYTES_LOOKED_AT)
        yield Piece(None, None, looks.not_json(bytes(feed.held[:_TEXT_BYTES_LOOKED_AT])))


class _Feed:
    """Chunks that can be looked at before they are used."""

    def __init__(self, source: Source) -> None:
        self._chunks = chunks_of(source)
        self.held = bytearray()
        self.ended = False

    def more(self) -> bool:
        """Hold one chunk more; False at the end."""
        chunk = next(self._chunks, None)
        if chunk is None:
            self.ended = True
            return False
        self.held += chunk
        return True

    def read_to(self, size: int) -> bool:
        """Hold ``size`` bytes or all there are; whether there were more than ``size``."""
        while len(self.held) <= size and self.more():
            pass
        return len(self.held) > size

    def first_byte(self, size: int) -> bytes:
        """The first byte that is no blank, empty if there is none; drops a byte order mark."""
        while len(self.held) < len(_BOM) and self.more():
            pass
        if self.held.startswith(_BOM):
            del self.held[: len(_BOM)]
        while not (text := self.held[: size + 1].lstrip(_BLANK)) and len(self.held) <= size:
            if not self.more():
                break
        return bytes(text[:1])

    def starts_report(self) -> bool:
        """Whether this is XML of the one kind that is read."""
        self.read_to(junit.HEAD_BYTES)
        return junit.recognises(bytes(self.held[: junit.HEAD_BYTES]))

    def look_at_lines(self, size: int) -> Iterator[bytes]:
        """The first lines, without taking them; stops before the line that passes ``size``."""
        start = looked = 0
        while True:
            end = self.held.find(b"\n", looked, size + 1)
            if end >= 0:
                yield bytes(self.held[start:end])
                start = looked = end + 1
            elif len(self.held) > size:
                return
            else:
                looked = len(self.held)
                if not self.more():
                    yield bytes(self.held[start:])
                    return

    def skip_line(self) -> bool:
        """Drop everything up to the next line, holding none of it; False at the end."""
        while True:
            end = self.held.find(b"\n")
            if end >= 0:
                del self.held[: end + 1]
                return True
            self.held.clear()
            if not self.more():
                return False

    def rest(self) -> Iterator[bytes]:
        """All that is not dropped, from the first byte held."""
        yield from chunks_of(bytes(self.held))
        self.held.clear()
        yield from self._chunks


def _is_value(text: bytes | bytearray) -> bool:
    """Whether ``text`` is one JSON value, as far as its brackets and words tell."""
    try:
        _ANY_VALUE.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False
    return True


def _are_lines(feed: _Feed, first: bytes, *, content_bytes_max: int) -> bool:
    """Whether these are JSON Lines: the two rules of the header."""
    begins_json = first in (b"{", b"[")
    size = content_bytes_max if begins_json else _TEXT_BYTES_LOOKED_AT
    seen = whole = 0
    first_is_whole = last_was_whole = neighbours = False
    for text in feed.look_at_lines(size):
        line = text.strip(_BLANK)
        if not line:
            continue
        if first_is_whole:
            return True
        if seen == 0 and begins_json:
            first_is_whole = _is_value(line)
            if first == b"[" and not first_is_whole:
                return False
        is_whole = line.startswith(b"{") and line.endswith(b"}") and _is_value(line)
        neighbours = neighbours or (is_whole and last_was_whole)
        last_was_whole = is_whole
        seen += 1
        whole += is_whole
        if seen == _LINES_LOOKED_AT:
            break
    if first_is_whole:
        return not feed.ended  # what follows it is one line, too long to look at
    if 2 * whole < seen or not whole:
        return False
    return neighbours or (feed.ended and seen < _LINES_LOOKED_AT and not _is_value(feed.held))


def _lines(chunks: Iterator[bytes], *, content_bytes_max: int, line: int = 1) -> Iterator[Piece]:
    """Each line that is not blank; memory holds one chunk and one line, however long the rest."""
    held: list[bytes] = []  # the start of a line whose end has not come yet
    held_size = 0
    skipping = False
    for chunk in chunks:
        parts = chunk.split(b"\n")
        last = parts.pop()
        if parts:
            if skipping:
                skipping = False
                del parts[0]
                line += 1
            elif held:
                held.append(parts[0])
                parts[0] = b"".join(held)
            held, held_size = [], 0
        for part in parts:
            content = part.strip(_BLANK)
            if content:
                if content[0] == 0x7B and len(content) <= content_bytes_max:  # {
                    yield Piece(line, content)
                else:
                    yield from _odd_line(content, line, content_bytes_max=content_bytes_max)
            line += 1
        if last and not skipping:
            held.append(last)
            held_size += len(last)
            if held_size > content_bytes_max:
                yield _too_long("a line", content_bytes_max, line)
                held, skipping = [], True
    if held and (content := b"".join(held).strip(_BLANK)):
        yield from _odd_line(content, line, content_bytes_max=content_bytes_max)


def _odd_line(content: bytes, line: int, *, content_bytes_max: int) -> Iterator[Piece]:
    """A line that is too long, no object, or the last one."""
    if len(content) > content_bytes_max:
        yield _too_long("a line", content_bytes_max, line)
    elif content.startswith(b"["):
        yield from _elements(content, line=line, content_bytes_max=content_bytes_max)
    elif content.startswith(b"{") or _is_value(content):
        yield Piece(line, content)
    else:
        refusal = Malformed(
            "a line is not JSON",
            where=f"line {line}",
            expected="a JSON object on each line",
            got=content[:40].decode("utf-8", "replace"),
        )
        yield Piece(line, None, refusal)


def _too_long(what: str, content_bytes_max: int, line: int | None) -> Piece:
    where = None if line is None else f"line {line}"
    expected = f"content_bytes_max {content_bytes_max}"
    return Piece(
        line, None, LimitPassed(f"{what} is too long for a record", where=where, expected=expected)
    )


def _binary(feed: _Feed, *, content_bytes_max: int) -> Iterator[Piece]:
    if feed.read_to(content_bytes_max):
        yield _too_long("the message", content_bytes_max, None)
    else:
        yield Piece(None, bytes(feed.held))


def _document(feed: _Feed, *, content_bytes_max: int) -> Iterator[Piece]:
    if not feed.read_to(content_bytes_max):
        yield Piece(None, bytes(feed.held))
        return
    # When one line passed the limit, and whole ones follow, it was the first of JSON Lines.
    is_one_line = feed.held.find(b"\n", 0, content_bytes_max + 1) < 0
    if not is_one_line or not feed.skip_line():
        yield _too_long("the document", content_bytes_max, None)
        return
    yield _too_long("a line", content_bytes_max, 1)
    following = next(feed.look_at_lines(content_bytes_max), b"").strip(_BLANK)
    if following.startswith(b"{") and _is_value(following):
        yield from _lines(feed.rest(), content_bytes_max=content_bytes_max, line=2)


def _array(feed: _Feed, *, content_bytes_max: int, array_bytes_max: int) -> Iterator[Piece]:
    if feed.read_to(array_bytes_max):
        refusal = LimitPassed(
            "an array is too long to be cut",
            expected=f"array_bytes_max {array_bytes_max}",
            do="Send it as JSON Lines, which have no limit in all",
        )
        yield Piece(None, None, refusal)
        return
    yield from _elements(feed.held, line=1, content_bytes_max=content_bytes_max)


# A string is stepped over whole; a lone quote is one that never closes.
_MARK = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"|["\[\]{},]', re.DOTALL)
_GAP = re.compile(rb"[ \t\r\n,]*+")
_STARTS_VALUE = tuple(bytes([b]) for b in b'{["-0123456789tfn')


def _elements(text: bytes | bytearray, *, line: int, content_bytes_max: int) -> Iterator[Piece]:
    """Each element of the array ``text``, which starts on ``line``."""
    cuts: Iterator[tuple[int, bytes | Malformed]]
    try:
        if text.count(b",") > _COMMAS_AT_ONCE_MAX:
            cuts = _cut_broken(text)  # slower, and holds one element at a time
        else:
            cuts = _cut_sound(text, _ELEMENTS.decode(text))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        cuts = _cut_broken(text)
    counted = 0
    at = -1
    for at, element in cuts:
        line += text.count(b"\n", counted, at)
        counted = at
        if isinstance(element, Malformed):
            element.where = f"line {line}"
            yield Piece(line, None, element)
        elif len(element) > content_bytes_max:
            yield _too_long("an element", content_bytes_max, line)
        else:
            yield Piece(line, element)
    if at < 0:
        yield Piece(line, None, Unsupported("an empty array holds no record", got="[]"))


def _cut_sound(text: bytes | bytearray, elements: list[msgspec.Raw]) -> Iterator[tuple[int, bytes]]:
    """Where each element starts, and its slice; between two are only blanks and a comma."""
    at = text.index(b"[") + 1
    for element in elements:
        content = bytes(element)
        at = _GAP.match(text, at).end()  # type: ignore[union-attr]  # it matches nothing, too
        yield at, content
        at += len(content)


def _cut_broken(text: bytes | bytearray) -> Iterator[tuple[int, bytes | Malformed]]:
    """The same, one by one, also for an array that is no JSON: elements whose brackets close, then
    where it breaks.

    It need not break: an element may be no JSON inside, which its reader will say.
    """
    owed = bytearray()  # the closing brackets still to come
    start, after_comma = 0, False
    for mark in _MARK.finditer(text):
        byte = mark[0]
        if len(byte) > 1:
            continue
        if byte == b'"':
            yield mark.start(), _broken("a string is never closed", text, mark.start())
            return
        if byte in b"[{":
            owed += b"]" if byte == b"[" else b"}"
            start = start or mark.end()
            continue
        if byte != b"," and byte != owed[-1:]:
            yield mark.start(), _broken("a bracket closes another", text, mark.start())
            return
        if len(owed) == 1:
            content = bytes(text[start : mark.start()]).lstrip(_BLANK)
            begins = mark.start() - len(content)
            if content.startswith(_STARTS_VALUE):
                yield begins, content.rstrip(_BLANK)
            elif content or after_comma or byte == b",":
                yield begins, _broken("an element is not JSON", text, begins)
                return
            start, after_comma = mark.end(), byte == b","
        if byte != b",":
            owed.pop()
        if not owed:
            if text[mark.end() :].strip(_BLANK):
                yield mark.end(), _broken("more after its end", text, mark.end())
            return
    yield len(text), _broken("it is never closed", text, len(text))


def _broken(why: str, text: bytes | bytearray, at: int) -> Malformed:
    return Malformed(
        f"a JSON array is broken: {why}",
        got=bytes(text[at : at + 40]).decode("utf-8", "replace") or "the end of the input",
        do="The elements before were read",
    )
