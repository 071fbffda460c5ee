"""The journal in append-only files: one write and one fdatasync for a batch.

    journal/0000000000000000-00000001.wfj ◄── cut ── 0000000000004711-00000002.wfj ◄── …

Each writer takes a new epoch and, at its first append, starts a segment of its own whose header
says where the one before was cut. The chain back from the head's tail is the whole log; any
other file is a loser's and is never read.

Source: docs/formats/journal.md
"""

from __future__ import annotations

import bisect
import contextlib
import os
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from wherefrom.errors import Corrupt, JournalFailed, StorageError
from wherefrom.formats.entry import NONCE_BYTES
from wherefrom.storage.contracts import EMPTY, Damage, Record, Tail
from wherefrom.storage.file_head import sync_folder
from wherefrom.storage.frames import FRAME_ENTRIES_MAX, encode
from wherefrom.storage.segment import (
    HEADER_BYTES,
    Frame,
    Segment,
    SegmentName,
    parse_marks,
    parse_name,
    read_previous,
    write_all,
    write_header,
)
from wherefrom.storage.survey import FilePiece, survey_files

SEGMENT_BYTES_MAX: Final = 128 * 1024 * 1024
_OPEN_SEGMENTS_MAX: Final = 64


class FileJournal:
    """The contract ``Journal`` in ``folder``; one object may read from several threads."""

    def __init__(self, folder: Path, *, segment_bytes_max: int = SEGMENT_BYTES_MAX) -> None:
        self._folder = folder
        self._segment_bytes_max = segment_bytes_max
        self._lock = threading.Lock()
        self._open: dict[str, Segment] = {}
        self._chains: dict[str, list[Tail]] = {}
        self._epoch = 0
        self._tail = EMPTY
        self._file: int | None = None
        self._marks: int | None = None
        self._failed: str | None = None

    def close(self) -> None:
        """Give every descriptor back; nothing is flushed, for nothing is held."""
        self._close_writer()
        with self._lock:
            for segment in self._open.values():
                segment.close()
            self._open.clear()

    def __del__(self) -> None:
        if hasattr(self, "_marks"):
            self._close_writer()

    # -- writing

    def begin(self, *, epoch: int, tail: Tail) -> None:
        self._close_writer()
        self._drop_torn_marks()
        self._epoch, self._tail, self._failed = epoch, tail, None

    def _drop_torn_marks(self) -> None:
        """A power cut may tear a side index, which nobody syncs; reading is right without it."""
        for path in self._folder.glob("*.idx"):
            with contextlib.suppress(OSError, Corrupt):
                if parse_marks(parse_name(path.stem + ".wfj"), path.read_bytes())[1]:
                    path.unlink()

    def append(self, records: Sequence[Record]) -> Tail:
        if self._failed:
            raise JournalFailed("the journal failed before and takes no more", got=self._failed)
        if self._file is None or self._tail.length >= self._segment_bytes_max:
            self._start_segment()
        assert self._file is not None
        self._need_untouched(self._file)
        pieces: list[bytes] = []
        frames: list[tuple[int, int]] = []
        length = self._tail.length
        for start in range(0, len(records), FRAME_ENTRIES_MAX):
            frames.append((self._tail.size + start, length))
            frame = encode(records[start : start + FRAME_ENTRIES_MAX])
            pieces += frame
            length += sum(map(len, frame))
        self._write(b"".join(pieces))
        try:
            os.fdatasync(self._file)
        except OSError as error:
            # The kernel may have dropped the pages and will say "fine" next time: never again.
            self._failed = f"fdatasync: {error}"
            raise JournalFailed(
                "the disk did not confirm a write",
                where=str(self._folder),
                got=error,
                do="Check the disk and restart; what was not acknowledged may be sent again",
            ) from error
        self._tail = Tail(self._tail.size + len(records), self._tail.segment, length)
        self._keep_marks(frames)
        return self._tail

    def _need_untouched(self, file: int) -> None:
        """A segment that was removed, swapped or cut under us would swallow what we write."""
        path = self._folder / self._tail.segment
        mine = os.fstat(file)
        try:
            there = os.stat(path)
        except OSError as error:
            self._failed = f"{path.name}: {error}"
        else:
            if (there.st_dev, there.st_ino, there.st_size) == (
                mine.st_dev,
                mine.st_ino,
                self._tail.length,
            ):
                return
            self._failed = f"{path.name} is {there.st_size} bytes, or another file"
        raise JournalFailed(
            "somebody else changed the journal",
            where=str(path),
            expected=f"the file as we left it, {self._tail.length} bytes",
            got=self._failed,
            do="Run wherefrom log audit before the next start",
        )

    def _write(self, written: bytes) -> None:
        assert self._file is not None
        try:
            write_all(self._file, written, self._tail.length)
        except OSError as error:
            try:
                os.ftruncate(self._file, self._tail.length)
            except OSError as second:
                self._failed = f"write: {error}; truncate: {second}"
                raise JournalFailed(
                    "half a write could not be taken back", where=str(self._folder), got=second
                ) from error
            raise StorageError(
                "the journal refused a write; nothing was kept of it",
                where=str(self._folder),
                got=error,
                do="Free some space and send it again",
            ) from error

    def _start_segment(self) -> None:
        name = SegmentName(self._tail.size, self._epoch)
        path = self._folder / name.to_text()
        self._close_writer()
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        except OSError as error:
            raise StorageError("cannot start a segment", where=str(path), got=error) from error
        try:
            os.pwrite(file, write_header(name, self._tail), 0)
            os.fdatasync(file)
            # The folder's own name too, whoever made it: a power cut could take all of it.
            sync_folder(self._folder)
            sync_folder(self._folder.parent)
            self._marks = os.open(path.with_suffix(".idx"), os.O_WRONLY | os.O_CREAT, 0o600)
        except OSError as error:
            os.close(file)
            path.unlink(missing_ok=True)
            raise StorageError("cannot start a segment", where=str(path), got=error) from error
        self._file = file
        self._tail = Tail(self._tail.size, name.to_text(), HEADER_BYTES)

    def _keep_marks(self, frames: list[tuple[int, int]]) -> None:
        # The records are durable already, so nothing here may look like a refusal.
        with contextlib.suppress(OSError, Corrupt):
            segment = self._segment(self._tail.segment)
            marks = [segment.add_mark(index, offset) for index, offset in frames]
            if self._marks is not None and any(marks):
                os.write(self._marks, b"".join(filter(None, marks)))

    def _close_writer(self) -> None:
        for descriptor in (self._file, self._marks):
            if descriptor is not None:
                os.close(descriptor)
        self._file = self._marks = None

    # -- reading

    def beyond(self, *, tail: Tail, epoch: int) -> Iterator[tuple[Tail, list[Record]]]:
        mine = bool(tail.segment) and parse_name(tail.segment).epoch == epoch
        place = tail if mine else self._following(tail, epoch)
        while place is not None:
            for end, records in self._whole_frames(place):
                yield end, records
                place = end
            place = self._following(place, epoch)

    def _whole_frames(self, place: Tail) -> Iterator[tuple[Tail, list[Record]]]:
        segment = self._segment(place.segment)
        length, whole = segment.path.stat().st_size, place.length
        # A torn end is no error: what follows was never acknowledged.
        with contextlib.suppress(Corrupt):
            for frame in segment.scan(first=place.size, offset=place.length, length=length):
                whole = frame.offset + frame.head.length
        segment.settle(place.length, whole)
        for frame in segment.scan(first=place.size, offset=place.length, length=whole):
            size = frame.first + len(frame.head.entries)
            end = Tail(size, place.segment, frame.offset + frame.head.length)
            records = list(segment.records(frame))
            if frame.head.contents and any(r.nonce is None for r in records):
                return  # zeros where a content was never written; erasing comes after the head
            yield end, records

    def _following(self, tail: Tail, epoch: int) -> Tail | None:
        name = SegmentName(tail.size, epoch).to_text()
        if name == tail.segment or not (self._folder / name).exists():
            return None
        try:
            follows = self._segment(name).previous == tail
        except Corrupt:
            return None  # its header was torn, so nothing in it was acknowledged
        return Tail(tail.size, name, HEADER_BYTES) if follows else None

    def entries(self, *, tail: Tail, first: int, limit: int) -> Iterator[bytes]:
        for _, frame in self._frames(tail=tail, first=first, limit=limit):
            start, stop = max(first - frame.first, 0), limit - frame.first
            yield from frame.head.entries[start:stop]

    def records(self, *, tail: Tail, first: int, limit: int) -> Iterator[Record]:
        for segment, frame in self._frames(tail=tail, first=first, limit=limit):
            start, stop = max(first - frame.first, 0), limit - frame.first
            yield from segment.records(frame, start, stop)

    def erase(self, index: int, *, tail: Tail) -> None:
        segment, frame = next(self._frames(tail=tail, first=index, limit=index + 1))
        if not frame.head.contents:
            return
        offset, size = frame.head.contents[index - frame.first]
        try:
            file = os.open(segment.path, os.O_WRONLY)
            try:
                # Content first: a nonce of zeros promises that the content is gone.
                for at, length in ((offset, size), (offset - NONCE_BYTES, NONCE_BYTES)):
                    write_all(file, bytes(length), frame.offset + at)
                    os.fdatasync(file)
            finally:
                os.close(file)
        except OSError as error:
            raise StorageError("cannot erase", where=str(segment.path), got=error) from error

    def survey(self, *, tail: Tail) -> tuple[list[FilePiece], list[Damage]]:
        """The stored form piece by piece, for an audit."""
        return survey_files(self._folder, tail)

    def segments(self, tail: Tail) -> list[Tail]:
        """The chain that counts, oldest first: each segment's name, its end and its size there."""
        return [*self._chain(tail.segment), tail] if tail.segment else []

    def path_of(self, name: str) -> Path:
        """The file of a segment."""
        return self._folder / name

    def _chain(self, name: str) -> list[Tail]:
        """Where every segment before ``name`` was cut, oldest first."""
        chain = self._chains.get(name)
        if chain is None:
            newer: list[Tail] = []
            at = name
            while at not in self._chains:
                previous = read_previous(self._folder / at)
                if not previous.segment:
                    break
                newer.append(previous)
                at = previous.segment
            chain = [*self._chains.get(at, []), *reversed(newer)]
            # Writer and readers stand at the newest segment: older chains are only its beginning.
            self._chains = {name: chain}
        return chain

    def _segment(self, name: str) -> Segment:
        with self._lock:
            segment = self._open.pop(name, None)
            if segment is None:
                segment = Segment(self._folder / name)
                if len(self._open) >= _OPEN_SEGMENTS_MAX:
                    # Dropped, not closed: a thread that still reads from it keeps it alive.
                    del self._open[next(iter(self._open))]
            self._open[name] = segment
            return segment

    def _frames(self, *, tail: Tail, first: int, limit: int) -> Iterator[tuple[Segment, Frame]]:
        if not 0 <= first <= limit <= tail.size:
            raise IndexError(f"entries {first} to {limit} of a journal of {tail.size}")
        if first == limit:
            return
        chain = self._chain(tail.segment)
        start = bisect.bisect_right(chain, first, key=lambda part: part.size)
        for part in (*chain[start:], tail):
            stop = min(limit, part.size)
            segment = self._segment(part.segment)
            if limit == first + 1:
                yield segment, segment.frame_of(first, length=part.length)
                return
            for frame in segment.frames_from(first, length=part.length):
                if frame.first >= stop:
                    break
                yield segment, frame
                first = frame.first + len(frame.head.entries)
            if first < stop:
                raise Corrupt(
                    f"a segment ends before entry {first}",
                    where=str(segment.path),
                    expected=f"entries to {part.size} in {part.length} bytes",
                )
            if first >= limit:
                return
