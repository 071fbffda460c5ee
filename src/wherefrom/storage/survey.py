"""Read everything a file journal holds, past any damage, for an audit.

    head's tail ──► chain of segments ──► pieces of about 8 MiB ──► Stretch · Damage · Stretch …

Where a frame is broken the walk goes on at the next place it can be sure of: a frame from which
the frames lead exactly to the next mark, or to the end of the piece, whose entry number is known.
A segment that is missing, or whose header is broken, is taken for the newest one that fits.

Sizes:  one window of 1 MiB in memory, or one frame's entries, or one content
Source: docs/formats/journal.md
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from wherefrom.errors import Corrupt, Error
from wherefrom.formats.entry import NONCE_BYTES
from wherefrom.storage.contracts import EMPTY, Damage, Stretch, Tail
from wherefrom.storage.frames import FrameHead, decode_head
from wherefrom.storage.segment import (
    HEADER_BYTES,
    SegmentName,
    parse_marks,
    parse_name,
    read_previous,
)

PIECE_BYTES: Final = 8 * 1024 * 1024
_WINDOW: Final = 1024 * 1024
_SEARCH_BYTES_MAX: Final = 16 * 1024 * 1024
_UNKNOWN: Final = -1
# How every entry begins; a frame has 7 or 8 bytes before its first one.
_ENTRY_START: Final = b'{"content":"sha256:'
_BEFORE_ENTRY: Final = (8, 7)

_Frame = tuple[int, FrameHead, memoryview]


def survey_files(folder: Path, tail: Tail) -> tuple[list[FilePiece], list[Damage]]:
    """The pieces of the chain that ends in ``tail``, oldest first, and damage around them."""
    pieces: list[FilePiece] = []
    damage: list[Damage] = []
    try:
        if tail.segment:
            parse_name(tail.segment)
    except Corrupt as error:
        return [], [Damage("head", 0, tail.size, str(error))]
    for part in _chain(folder, tail, damage):
        pieces += _split(folder, part, damage)
    first = pieces[0].first if pieces else tail.size
    if first:
        damage.append(Damage(folder.name, 0, first, "no segment holds these entries"))
    return pieces, damage


def _chain(folder: Path, tail: Tail, damage: list[Damage]) -> list[Tail]:
    parts: list[Tail] = []
    at = tail
    while at.segment:
        parts.append(at)
        path = folder / at.segment
        try:
            at = read_previous(path)
        except Corrupt as error:
            name = parse_name(at.segment)
            if path.exists():  # a missing one is reported with the entries it held
                what = f"{error.what}; its place in the chain is a guess"
                damage.append(Damage(_label(path), name.first, name.first, what))
            at = _guess(folder, name)
    return parts[::-1]


def _guess(folder: Path, name: SegmentName) -> Tail:
    """The segment that should come before ``name``; where it was cut is not known."""
    found: list[SegmentName] = []
    for path in folder.glob("*.wfj"):
        with suppress(Corrupt):
            found.append(parse_name(path.name))
    before = [n for n in found if n.first < name.first and n.epoch <= name.epoch]
    if not before:
        return EMPTY
    newest = max(before, key=lambda n: (n.epoch, n.first))
    return Tail(name.first, newest.to_text(), _UNKNOWN)


def _split(folder: Path, part: Tail, damage: list[Damage]) -> Iterator[FilePiece]:
    path, name = folder / part.segment, parse_name(part.segment)
    end = part.length
    marks: list[tuple[int, int]] = []
    with suppress(OSError):
        idx = path.with_suffix(".idx")
        marks, broken = parse_marks(name, idx.read_bytes())
        if broken:
            what = f"{broken} marks were changed; rebuildable: remove the file"
            damage.append(Damage(_label(idx), name.first, name.first, what))
    if end == _UNKNOWN:
        with suppress(OSError):
            end = path.stat().st_size
        yield FilePiece(path, name.first, HEADER_BYTES, part.size, end, False, ())
        return
    first, offset, inside = name.first, HEADER_BYTES, list[tuple[int, int]]()
    for index, at in marks:
        if index >= part.size or at >= end:
            break  # written by a writer that was fenced before
        if at - offset >= PIECE_BYTES:
            yield FilePiece(path, first, offset, index, at, True, tuple(inside))
            first, offset, inside = index, at, []
        else:
            inside.append((index, at))
    yield FilePiece(path, first, offset, part.size, end, True, tuple(inside))


def _label(path: Path) -> str:
    return f"{path.parent.name}/{path.name}"


@dataclass(frozen=True)
class FilePiece:
    """Entries ``first`` to ``limit``, from byte ``offset`` to ``end`` of one segment.

    ends_there  the last frame ends at ``end``; otherwise only ``limit`` is known
    marks       (entry, offset) of frames in between, from the side file
    """

    path: Path
    first: int
    offset: int
    limit: int
    end: int
    ends_there: bool
    marks: tuple[tuple[int, int], ...]

    @property
    def file(self) -> str:
        return _label(self.path)

    def walk(self) -> Iterator[Stretch | Damage]:
        try:
            file = os.open(self.path, os.O_RDONLY)
        except OSError as error:
            yield Damage(self.file, self.first, self.limit, f"cannot be read: {error.strerror}")
            return
        try:
            yield from self._walk(file)
        except OSError as error:
            yield Damage(self.file, self.first, self.limit, f"cannot be read: {error.strerror}")
        finally:
            os.close(file)

    def _walk(self, file: int) -> Iterator[Stretch | Damage]:
        index, offset = self.first, self.offset
        marks = {at: number for number, at in self.marks}
        while not self._is_end(index, offset):
            try:
                for at, head, window in _frames(file, offset, self.end):
                    limit = index + len(head.entries)
                    if limit > self.limit:
                        raise Corrupt(f"holds more than {self.limit} entries")
                    if marks.pop(at, index) != index:
                        yield self._bad_mark(at)
                    beside = _beside(file, at, head, window) if head.contents else None
                    yield Stretch(self.file, index, head.entries, beside)
                    index, offset = limit, at + head.length
                    if self._is_end(index, offset):
                        break
                else:
                    raise Corrupt(f"ends with entry {index - 1}")
            except Error as error:
                next_index, next_offset = self._resume(file, index, offset)
                what = f"byte {offset}: {error.what}"
                yield Damage(self.file, index, next_index, what)
                marks = {at: number for at, number in marks.items() if at >= next_offset}
                index, offset = next_index, next_offset
        for at in marks:
            yield self._bad_mark(at)

    def _is_end(self, index: int, offset: int) -> bool:
        if self.ends_there:
            return (index, offset) == (self.limit, self.end)
        return index == self.limit

    def _bad_mark(self, at: int) -> Damage:
        idx = _label(self.path.with_suffix(".idx"))
        what = f"a mark for byte {at} is wrong; rebuildable: remove the file"
        return Damage(idx, self.first, self.first, what)

    def _resume(self, file: int, index: int, offset: int) -> tuple[int, int]:
        """The next place (entry, offset) after a broken frame that the walk can be sure of."""
        if not self.ends_there:
            return self.limit, self.end
        ahead = ((i, at) for i, at in self.marks if at > offset and i >= index)
        anchor, stop = next(ahead, (self.limit, self.end))
        region = os.pread(file, min(stop - offset, _SEARCH_BYTES_MAX), offset)
        found = region.find(_ENTRY_START, 1)
        while found >= 0:
            after = found + 1
            for before in _BEFORE_ENTRY:
                start = found - before
                if start <= 0:
                    continue
                count, reached = _count(file, offset + start, stop)
                if reached == stop and index <= anchor - count:
                    return anchor - count, offset + start
                # Every frame on a chain that breaks breaks there too: look behind it.
                after = max(after, reached - offset)
            found = region.find(_ENTRY_START, after)
        return anchor, stop


def _count(file: int, offset: int, stop: int) -> tuple[int, int]:
    """How many entries the frames from ``offset`` on hold, and where they end or break."""
    count = 0
    with suppress(Error):
        for at, head, _ in _frames(file, offset, stop):
            count, offset = count + len(head.entries), at + head.length
    return count, offset


def _frames(file: int, offset: int, end: int) -> Iterator[_Frame]:
    """(offset, head, its bytes if they are at hand) of each frame. Raises Corrupt, Malformed."""
    window, base, size = b"", offset, _WINDOW
    while offset < end:
        where = f"byte {offset}"
        head = decode_head(window, at=offset - base, where=where)
        inside = head is not None and offset - base + head.length <= len(window)
        if not inside and (base != offset or not window):
            base, size = offset, _WINDOW
            window = os.pread(file, min(size, end - offset), offset)
            if not window:
                raise Corrupt("the file is shorter than it must be", where=where)
            continue
        if head is None:
            if base + len(window) >= end or len(window) < size:
                raise Corrupt("a frame is cut short", where=where)
            size *= 2
            window = os.pread(file, min(size, end - offset), offset)
            continue
        if offset + head.length > end:
            raise Corrupt("a frame is cut short", where=where)
        at = offset - base
        yield offset, head, memoryview(window)[at : at + head.length if inside else at]
        offset += head.length


def _beside(file: int, offset: int, head: FrameHead, window: memoryview) -> Iterator[bytes]:
    for at, size in head.contents:
        low, length = at - NONCE_BYTES, NONCE_BYTES + size
        if window:
            yield bytes(window[low : low + length])
        else:
            yield os.pread(file, length, offset + low)
