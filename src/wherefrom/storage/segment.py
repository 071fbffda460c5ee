"""One journal file: a header that names its place in the chain, then frames.

    64-byte header │ frame │ frame │ …
      magic, epoch, first entry, and where the segment before it was cut

The cut is what fences a writer: whatever an older epoch appends past it is never read. To find an
entry without reading the whole file, every 64 KiB a *mark* (entry, offset) is kept in memory
and appended to a side file ``.idx``, which may be deleted at any time.

Sizes:  a mark is 16 bytes for each 64 KiB · a segment is closed after 128 MiB
"""

from __future__ import annotations

import bisect
import os
import struct
import threading
import zlib
from collections import deque
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Final, NamedTuple

from wherefrom.errors import Corrupt, StorageError
from wherefrom.storage.contracts import Tail
from wherefrom.storage.frames import FrameHead, decode_head

MAGIC: Final = b"WFJRNL1\n"
_HEADER: Final = struct.Struct(">8sQQQQQI12x")
HEADER_BYTES: Final = _HEADER.size
_MARK: Final = struct.Struct(">QQ")
_MARK_EVERY: Final = 64 * 1024
_WINDOW: Final = 256 * 1024
_RECENT_FRAMES: Final = 8


class SegmentName(NamedTuple):
    """``<first entry, 16 digits>-<epoch, 8 digits>.wfj``"""

    first: int
    epoch: int

    def to_text(self) -> str:
        """The file's name."""
        return f"{self.first:016d}-{self.epoch:08d}.wfj"


def parse_name(text: str) -> SegmentName:
    """Read a segment's file name. Raises Corrupt for another spelling."""
    first, _, rest = text.partition("-")
    epoch, _, ending = rest.partition(".")
    if first.isdecimal() and epoch.isdecimal():
        name = SegmentName(int(first), int(epoch))
        if name.to_text() == text and ending == "wfj":
            return name
    raise Corrupt("not the name of a journal segment", got=text)


def write_header(name: SegmentName, previous: Tail) -> bytes:
    """The header of a segment that follows ``previous``."""
    before = parse_name(previous.segment) if previous.segment else SegmentName(0, 0)
    fields = (MAGIC, name.epoch, name.first, before.first, before.epoch, previous.length)
    body = _HEADER.pack(*fields, 0)
    return _HEADER.pack(*fields, zlib.crc32(body))


class Frame(NamedTuple):
    """A frame in place: its first entry, where it starts, and its parsed head."""

    first: int
    offset: int
    head: FrameHead


class Segment:
    """A segment opened for reading; safe for several threads. The file may grow meanwhile."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.name = parse_name(path.name)
        try:
            self._file = os.open(path, os.O_RDONLY)
        except OSError as error:
            raise Corrupt(
                "a journal segment is missing",
                where=str(path),
                got=error,
                do="Restore the file from a copy; its entries are nowhere else",
            ) from error
        self.previous = self._read_header()
        self._lock = threading.Lock()
        self._marks: list[tuple[int, int]] = [(self.name.first, HEADER_BYTES)]
        self._recent: deque[Frame] = deque(maxlen=_RECENT_FRAMES)
        self._load_marks()

    def close(self) -> None:
        """Give the file descriptor back."""
        os.close(self._file)

    def _read_header(self) -> Tail:
        written = os.pread(self._file, HEADER_BYTES, 0)
        if len(written) == HEADER_BYTES and written[:8] == MAGIC:
            *fields, crc = _HEADER.unpack(written)
            body = _HEADER.pack(*fields, 0)
            _, epoch, first, before_first, before_epoch, length = fields
            right = (first, epoch) == self.name and written[-12:] == bytes(12)
            if crc == zlib.crc32(body) and right:
                if first == 0:
                    return Tail(0, "", 0)
                return Tail(first, SegmentName(before_first, before_epoch).to_text(), length)
        raise Corrupt("a journal segment's header was changed", where=str(self.path))

    def _load_marks(self) -> None:
        try:
            written = self.path.with_suffix(".idx").read_bytes()
        except OSError:
            return
        marks = list(_MARK.iter_unpack(written[: len(written) // 16 * 16]))
        chain = [*self._marks, *marks]
        if all(a[0] < b[0] and a[1] < b[1] for a, b in pairwise(chain)):
            self._marks = chain

    def add_mark(self, index: int, offset: int) -> bytes | None:
        """Remember where a frame starts if the last mark is far; returns bytes for ``.idx``."""
        with self._lock:
            if offset - self._marks[-1][1] < _MARK_EVERY or index <= self._marks[-1][0]:
                return None
            self._marks.append((index, offset))
        return _MARK.pack(index, offset)

    def pread(self, length: int, offset: int) -> bytes:
        """Bytes of the file. Raises StorageError."""
        try:
            return os.pread(self._file, length, offset)
        except OSError as error:
            raise StorageError(
                "cannot read the journal", where=str(self.path), got=error
            ) from error

    def frame_of(self, index: int, *, length: int) -> Frame:
        """The frame that holds entry ``index``; the last few asked for are remembered."""
        for frame in self._recent:
            if frame.first <= index < frame.first + len(frame.head.entries):
                return frame
        frame = next(self.frames_from(index, length=length))
        self._recent.append(frame)
        return frame

    def frames_from(self, index: int, *, length: int) -> Iterator[Frame]:
        """Frames from the one that holds entry ``index``, up to byte ``length`` of the file."""
        with self._lock:
            at = bisect.bisect_right(self._marks, (index, 1 << 62)) - 1
            first, offset = self._marks[at]
        try:
            yield from self._walk(index, first, offset, length)
        except Corrupt:
            if at == 0:
                raise
            with self._lock:  # a mark may lie; the header never moves
                del self._marks[1:]
                first, offset = self._marks[0]
            yield from self._walk(index, first, offset, length)

    def _walk(self, index: int, first: int, offset: int, length: int) -> Iterator[Frame]:
        for frame in self.scan(first=first, offset=offset, length=length):
            self.add_mark(frame.first, frame.offset)
            if frame.first + len(frame.head.entries) > index:
                yield frame

    def scan(self, *, first: int, offset: int, length: int) -> Iterator[Frame]:
        """Every frame from a known place up to byte ``length``. Raises Corrupt at a broken one."""
        window, base, size = b"", offset, _WINDOW
        while offset < length:
            where = f"{self.path} byte {offset}, entry {first}"
            head = decode_head(window, at=offset - base, where=where)
            if head is None:
                if base == offset and base + len(window) >= length:
                    raise Corrupt("a frame is cut short", where=where)
                size = size * 2 if base == offset and window else _WINDOW
                base, window = offset, self.pread(min(size, length - offset), offset)
                if not window:
                    raise Corrupt("the journal is shorter than the head says", where=where)
                continue
            if offset + head.length > length:
                raise Corrupt("a frame is cut short", where=where)
            yield Frame(first, offset, head)
            first += len(head.entries)
            offset += head.length
