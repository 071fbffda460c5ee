"""What is told and not acknowledged yet, on disk: a file for each document, in order.

    put ──► <number>.json ──► first(n) ──► sent, acknowledged ──► remove
                 │  └ too many while the server is away: merged, the newest state of each place
                 └ refused by the server ──► refused/<number>.json, the newest REFUSED_MAX

A document is written aside, flushed and renamed: after a crash it is there whole or not at all.
One that was acknowledged and not yet removed is sent again, and the server knows it.

Sizes:  BYTES_MAX of documents wait, and a merge makes that less
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Final, NamedTuple

from wherefrom.capture.kubernetes.telling import merged
from wherefrom.errors import StorageError, Unavailable

BYTES_MAX: Final = 64 * 1024 * 1024
REFUSED_MAX: Final = 100
_DIGITS: Final = 16


class Waiting(NamedTuple):
    """A document that waits, and its number."""

    number: int
    content: bytes


class Spool:
    """The folder of one agent, which it holds alone.

    Raises Unavailable if another holds it, StorageError if the disk does not take what is put.
    """

    def __init__(self, folder: Path, *, bytes_max: int = BYTES_MAX) -> None:
        self._folder = folder
        self._bytes_max = bytes_max
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._lock = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise _failed("cannot keep what waits", folder, error) from error
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(self._lock)
            raise Unavailable(
                "another agent holds this folder", where=str(folder), do="Give each its own --state"
            ) from error
        self._sizes = {
            int(path.stem): path.stat().st_size
            for path in sorted(folder.glob("*.json"))
            if path.stem.isdecimal()
        }
        self._next = max(self._sizes, default=0) + 1
        self._merge_at = bytes_max

    def close(self) -> None:
        """Let another have the folder."""
        os.close(self._lock)

    def __len__(self) -> int:
        return len(self._sizes)

    @property
    def bytes_waiting(self) -> int:
        """How much waits."""
        return sum(self._sizes.values())

    def put(self, documents: Sequence[bytes]) -> bool:
        """Keep documents, durably, behind those that wait; whether some had to be merged."""
        for content in documents:
            self._write(self._next, content)
            self._next += 1
        self._sync()
        if self.bytes_waiting <= self._merge_at:
            return False
        self._merge()
        # What a merge does not make smaller is not merged again for every document.
        self._merge_at = max(self._bytes_max, 2 * self.bytes_waiting)
        return True

    def first(self, number_max: int, bytes_max: int) -> list[Waiting]:
        """The documents that wait longest: one, and more up to either limit."""
        found: list[Waiting] = []
        size = 0
        for number in sorted(self._sizes):
            size += self._sizes[number]
            if found and (len(found) >= number_max or size > bytes_max):
                break
            found.append(Waiting(number, self._read(number)))
        return found

    def remove(self, number: int) -> None:
        """A document was acknowledged."""
        self._sizes.pop(number, None)
        self._path(number).unlink(missing_ok=True)

    def set_aside(self, number: int) -> Path:
        """A document was refused for good; returns where it lies now."""
        aside = self._folder / "refused"
        aside.mkdir(exist_ok=True)
        kept = aside / self._path(number).name
        os.replace(self._path(number), kept)
        self._sizes.pop(number, None)
        for old in sorted(aside.glob("*.json"))[:-REFUSED_MAX]:
            old.unlink()
        return kept

    def _merge(self) -> None:
        """Put fewer documents in the place of all. A crash in between leaves some told twice."""
        numbers = sorted(self._sizes)
        for content in merged(self._read(number) for number in numbers):
            self._write(self._next, content)
            self._next += 1
        self._sync()
        for number in numbers:
            self.remove(number)

    def _write(self, number: int, content: bytes) -> None:
        path = self._path(number)
        new = path.with_suffix(".new")
        try:
            with open(new, "wb") as file:
                file.write(content)
                file.flush()
                os.fdatasync(file.fileno())
            os.rename(new, path)
        except OSError as error:
            with contextlib.suppress(OSError):
                new.unlink(missing_ok=True)
            raise _failed("cannot keep what waits", path, error) from error
        self._sizes[number] = len(content)

    def _sync(self) -> None:
        folder = os.open(self._folder, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def _read(self, number: int) -> bytes:
        try:
            return self._path(number).read_bytes()
        except OSError as error:
            raise _failed("cannot read what waits", self._path(number), error) from error

    def _path(self, number: int) -> Path:
        return self._folder / f"{number:0{_DIGITS}}.json"


def _failed(what: str, path: Path, error: OSError) -> StorageError:
    return StorageError(what, where=str(path), got=error.strerror)
