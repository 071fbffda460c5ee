"""One journal file: a header that names its place in the chain, then frames.

    64-byte header │ frame │ frame │ …
      magic, epoch, first entry, and where the segment before it was cut

The cut is what fences a writer: whatever an older epoch appends past it is never read. To find an
entry without reading the whole file, every 64 KiB a *mark* (entry, offset) is kept in memory
and appended to a side file ``.idx``, which may be deleted at any time. A mark has a checksum over
itself and the segment's name: one that lies would give another entry's bytes for an index.

Sizes:  a mark is 20 bytes for each 64 KiB · a segment is closed after 128 MiB
"""

from __future__ import annotations

import bisect
import os
import struct
import threading
import zlib
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

from wherefrom.errors import Corrupt, StorageError
from wherefrom.formats.entry import NONCE_BYTES
from wherefrom.storage.contracts import Record, Tail
from wherefrom.storage.frames import FrameHead, decode_head

MAGIC: Final = b"WFJRNL1\n"
_HEADER: Final = struct.Struct(">8sQQQQQI12x")
HEADER_BYTES: Final = _HEADER.size
_MARK: Final = struct.Struct(">QQI")
MARK_BYTES: Final = _MARK.size
_MARK_EVERY: Final = 64 * 1024
_WINDOW: Final = 256 * 1024
_RECENT_FRAMES: Final = 8
_ERASED: Final = bytes(NONCE_BYTES)
_SETTLE_BYTES: Final = 1024 * 1024
_TOGETHER_BYTES_MAX: Final = 4 * 1024 * 1024


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


def read_previous(path: Path) -> Tail:
    """Where the segment before the one at ``path`` was cut. Raises Corrupt."""
    file = _open(path)
    try:
        return _previous(os.pread(file, HEADER_BYTES, 0), path)
    finally:
        os.close(file)


def _open(path: Path) -> int:
    try:
        return os.open(path, os.O_RDONLY)
    except OSError as error:
        raise Corrupt(
            "a journal segment is missing",
            where=str(path),
            got=error,
            do="Restore the file from a copy; its entries are nowhere else",
        ) from error


def _previous(written: bytes, path: Path) -> Tail:
    name = parse_name(path.name)
    if len(written) == HEADER_BYTES and written[:8] == MAGIC:
        *fields, crc = _HEADER.unpack(written)
        _, epoch, first, before_first, before_epoch, length = fields
        whole = crc == zlib.crc32(_HEADER.pack(*fields, 0)) and written[-12:] == bytes(12)
        before = SegmentName(before_first, before_epoch)
        if whole and (first, epoch) == name:
            if first == 0:
                return Tail(0, "", 0)
            if (before.epoch, before.first) < (epoch, first) and before.first <= first:
                return Tail(first, before.to_text(), length)
    raise Corrupt("a journal segment's header was changed", where=str(path))


def write_mark(name: SegmentName, index: int, offset: int) -> bytes:
    """A mark for ``.idx``: the frame at byte ``offset`` begins with entry ``index``."""
    return _MARK.pack(index, offset, _mark_crc(name, index, offset))


def parse_marks(name: SegmentName, written: bytes) -> tuple[list[tuple[int, int]], int]:
    """The sound marks (entry, offset) of an ``.idx`` in order, and how many were not sound."""
    whole = len(written) // MARK_BYTES * MARK_BYTES
    marks, broken = [(name.first, HEADER_BYTES)], int(whole < len(written))
    for index, offset, crc in _MARK.iter_unpack(written[:whole]):
        last = marks[-1]
        if crc == _mark_crc(name, index, offset) and index > last[0] and offset > last[1]:
            marks.append((index, offset))
        else:
            broken += 1
    return marks[1:], broken


def _mark_crc(name: SegmentName, index: int, offset: int) -> int:
    return zlib.crc32(f"{name.to_text()} {index} {offset}".encode())


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
        self._file = _open(path)
        self.previous = _previous(os.pread(self._file, HEADER_BYTES, 0), path)
        self._lock = threading.Lock()
        self._marks: list[tuple[int, int]] = [(self.name.first, HEADER_BYTES)]
        self._recent: deque[Frame] = deque(maxlen=_RECENT_FRAMES)
        self._load_marks()

    def close(self) -> None:
        """Give the file descriptor back."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def __del__(self) -> None:
        # Whoever drops a segment cannot know whether another thread still reads from it.
        if getattr(self, "_file", -1) >= 0:
            self.close()

    def _load_marks(self) -> None:
        try:
            written = self.path.with_suffix(".idx").read_bytes()
        except OSError:
            return
        self._marks += parse_marks(self.name, written)[0]

    def add_mark(self, index: int, offset: int) -> bytes | None:
        """Remember where a frame starts if the last mark is far; returns bytes for ``.idx``."""
        with self._lock:
            if offset - self._marks[-1][1] < _MARK_EVERY or index <= self._marks[-1][0]:
                return None
            self._marks.append((index, offset))
        return write_mark(self.name, index, offset)

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
        for frame in tuple(self._recent):  # another thread may be adding to it
            if frame.first <= index < frame.first + len(frame.head.entries):
                return frame
        for frame in self.frames_from(index, length=length):
            self._recent.append(frame)
            return frame
        raise Corrupt(f"a segment ends before entry {index}", where=str(self.path))

    def frames_from(self, index: int, *, length: int) -> Iterator[Frame]:
        """Frames from the one that holds entry ``index``, up to byte ``length`` of the file."""
        assert index >= self.name.first
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
                wanted = min(size, length - offset)
                base, window = offset, self.pread(wanted, offset)
                if len(window) < wanted:
                    raise Corrupt("the journal is shorter than the head says", where=where)
                continue
            if offset + head.length > length:
                raise Corrupt("a frame is cut short", where=where)
            yield Frame(first, offset, head)
            first += len(head.entries)
            offset += head.length

    def records(self, frame: Frame, start: int = 0, stop: int | None = None) -> Iterator[Record]:
        """The records of a frame with their nonces and contents; None for what was erased."""
        contents = frame.head.contents
        if not contents:
            yield from (Record(e, None, None) for e in frame.head.entries[start:stop])
            return
        chosen = contents[start:stop]
        if not chosen:
            return
        # One read for neighbours, unless they are large: then each is read alone.
        low, high = chosen[0][0] - NONCE_BYTES, chosen[-1][0] + chosen[-1][1]
        together = high - low <= _TOGETHER_BYTES_MAX
        window = self.pread(high - low, frame.offset + low) if together else b""
        for entry, (offset, size) in zip(frame.head.entries[start:stop], chosen, strict=True):
            at = offset - NONCE_BYTES - low
            beside = (
                window[at : at + NONCE_BYTES + size]
                if together
                else self.pread(NONCE_BYTES + size, frame.offset + offset - NONCE_BYTES)
            )
            if len(beside) != NONCE_BYTES + size:
                raise Corrupt("the journal is shorter than the head says", where=str(self.path))
            nonce = beside[:NONCE_BYTES]
            if nonce == _ERASED:
                yield Record(entry, None, None)
            else:
                yield Record(entry, nonce, beside[NONCE_BYTES:])

    def settle(self, start: int, end: int) -> None:
        """Make bytes durable that another process may have left in memory alone.

        Its fdatasync may never have run, or failed: then a second one would skip the pages that
        the first gave up, so the same bytes are written again.
        """
        try:
            file = os.open(self.path, os.O_WRONLY)
            try:
                for at in range(start, end, _SETTLE_BYTES):
                    write_all(file, self.pread(min(_SETTLE_BYTES, end - at), at), at)
                os.fdatasync(file)
            finally:
                os.close(file)
        except OSError as error:
            raise StorageError(
                "cannot make durable what an earlier writer left",
                where=str(self.path),
                got=error,
            ) from error


def write_all(file: int, written: bytes, at: int) -> None:
    """Write at a place, all of it or an OSError."""
    # A disk that fills up takes a part without an error, and says so at the next call.
    view = memoryview(written)
    while view:
        done = os.pwrite(file, view, at)
        view, at = view[done:], at + done
