"""Facts handed from the door to the fold, so that what the judges read is not read again.

    judge ──► Verified.facts ──► LogWriter ──► DIR/handed/<first>.facts ──► Handed ──► fold
                                                 └ not there, or not of this entry: None, and
                                                   the fold reads the content, as a rebuild does

Nothing depends on these files. Each fact is kept beside its entry's salted commitment, which no
other entry has, so a leftover is never taken for another record's; and each says which version of
this program stated it. Only the process that folds beside a writer reads them, and it unlinks what
it has read; a writer begins and ends with none, and drops all of them when a content is erased.

    frame = first index u64 │ records u32 │ body bytes u32 │ crc32 of body u32 │ body
    body  = MessagePack: [[commitment, facts or nil] …]

Sizes:  a frame is a batch, 16 MiB at most: a larger one is not handed over · a file ends past
        16 MiB · 64 files: then the oldest goes
"""

from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, Final

import msgspec

from wherefrom.errors import StorageError
from wherefrom.formats import facts as packing
from wherefrom.formats.facts import Facts
from wherefrom.log.logged import Around, Logged, LogSource

FILE_BYTES_MAX: Final = 16 * 1024 * 1024
FRAME_BYTES_MAX: Final = 16 * 1024 * 1024
# A gigabyte: a fold that has fallen minutes behind must not also have to read what it missed.
FILES_MAX: Final = 64
_HEAD: Final = struct.Struct(">QIII")
_NONE: Final = (0, 0, 0, 0)
_SUFFIX: Final = ".facts"

# The salted commitment of an entry, and its content's facts, packed.
Item = tuple[str, bytes | None]
_BODY: Final = msgspec.msgpack.Decoder(list[Item])


class HandingOver:
    """The writer's end. A disk that refuses costs the fold time, and the log nothing."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._file: IO[bytes] | None = None
        self.drop()

    def put(self, first: int, items: Sequence[Item]) -> None:
        """Hand over the facts of the records from index ``first`` on."""
        if all(facts is None for _, facts in items):
            return
        body = msgspec.msgpack.encode(items)
        if len(body) > FRAME_BYTES_MAX:
            return
        frame = _HEAD.pack(first, len(items), len(body), zlib.crc32(body)) + body
        try:
            if self._file is None or self._file.tell() >= FILE_BYTES_MAX:
                self._begin(first)
            assert self._file is not None
            if self._file.write(frame) != len(frame):
                self._end()
        except OSError:
            # What was torn ends its file; the next batch begins another.
            self._end()

    def drop(self) -> None:
        """Remove everything handed over, with zeros in its place. Raises StorageError."""
        self._end()
        for path in _files(self._folder):
            try:
                with open(path, "r+b") as file:
                    file.write(bytes(os.fstat(file.fileno()).st_size))
                    file.flush()
                    os.fdatasync(file.fileno())
                path.unlink()
            except FileNotFoundError:
                pass  # the fold was quicker
            except OSError as error:
                raise StorageError("cannot remove", where=str(path), got=error) from error

    def _end(self) -> None:
        file, self._file = self._file, None
        if file is not None:
            with suppress(OSError):
                file.close()

    def _begin(self, first: int) -> None:
        self._end()
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for path in _files(self._folder)[: -FILES_MAX + 1]:
            path.unlink(missing_ok=True)
        # Unbuffered: one write a frame, so that a reader sees whole frames but for a moment.
        self._file = open(self._folder / f"{first:020d}{_SUFFIX}", "wb", buffering=0)  # noqa: SIM115


class Handed(Around):
    """The fold's end: the log, with facts at the records that came with some. A ``LogSource``.

    ``read`` is called with rising indexes, as a fold does; for what it asks again, and for what
    nobody handed over, there are no facts.
    """

    def __init__(self, log: LogSource, folder: Path) -> None:
        super().__init__(log)
        self._folder = folder
        self._file: IO[bytes] | None = None
        self._path: Path | None = None
        self._first = 0
        self._items: list[Item] = []
        self._is_dry = False

    def read(self, first: int, limit: int) -> Iterator[Logged]:
        """The log's records; an erased one has no facts either."""
        # A writer hands over before it moves the head: what is not here by now will not come.
        self._is_dry = False
        for logged in self._log.read(first, limit):
            held = logged.content is not None
            facts = self._facts(logged.index, logged.entry.content) if held else None
            yield logged if facts is None else msgspec.structs.replace(logged, facts=facts)

    def close(self) -> None:
        """Close the file that is being read."""
        file, self._file = self._file, None
        if file is not None:
            file.close()

    def _facts(self, index: int, commitment: str) -> Facts | None:
        while index >= self._first + len(self._items):
            if self._is_dry or not self._next_frame_if_any(index):
                self._is_dry = True
                return None
        if index < self._first:
            return None
        found, facts = self._items[index - self._first]
        if facts is None or found != commitment:
            return None
        return packing.unpacked(facts)

    def _next_frame_if_any(self, index: int) -> bool:
        try:
            return self._next_frame(index)
        except OSError:
            self.close()
            return False  # what cannot be read was not handed over

    def _next_frame(self, index: int) -> bool:
        """Take up the next frame that may hold ``index`` or follow it; False if none is whole."""
        while True:
            if self._file is None and not self._next_file():
                return False
            assert self._file is not None
            at = self._file.tell()
            head = self._file.read(_HEAD.size)
            first, count, length, crc = _HEAD.unpack(head) if len(head) == _HEAD.size else _NONE
            if count and first + count <= index:
                self._file.seek(length, 1)
                continue
            body = self._file.read(min(length, FRAME_BYTES_MAX))
            if count and len(body) == length and zlib.crc32(body) == crc:
                items = _items_in(body)
                if items is not None:
                    self._first, self._items = first, items
                    return True
            # The end for now, or for ever: only a file that another follows is over.
            self._file.seek(at)
            if not self._is_over():
                return False
            self._leave_file()

    def _is_over(self) -> bool:
        return any(path != self._path for path in _files(self._folder))

    def _leave_file(self) -> None:
        self.close()
        if self._path is not None:
            self._path.unlink(missing_ok=True)
            self._path = None

    def _next_file(self) -> bool:
        for path in _files(self._folder):
            try:
                self._file, self._path = open(path, "rb"), path  # noqa: SIM115
                return True
            except FileNotFoundError:
                continue  # dropped in this moment
        return False


def _items_in(body: bytes) -> list[Item] | None:
    """The items of a frame; None if a checksum holds together what is none."""
    try:
        return _BODY.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def _files(folder: Path) -> list[Path]:
    """The files of a folder in the order of their records; none if there is no folder."""
    return sorted(folder.glob(f"*{_SUFFIX}"))
