"""The head in one small file, replaced whole by a rename.

    line 1   generation, a space, SHA-256 (hex) of "generation\\nvalue"
    rest     the value

A lock file makes read-compare-rename one step for every process on the machine. A crash before
the rename leaves the old head; after it, the new. Without ``durable`` a power cut may bring the
old one back: the journal then shows what came after it.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
from pathlib import Path

from wherefrom.errors import Corrupt, Fenced, StorageError

HEAD_BYTES_MAX = 64 * 1024


class FileHead:
    """The contract ``Head`` in ``folder``/head."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "head"
        self._lock_path = folder / "head.lock"
        self._folder = folder

    def read(self) -> tuple[int, bytes] | None:
        try:
            written = self._path.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise StorageError("cannot read the head", where=str(self._path), got=error) from error
        first, _, value = written.partition(b"\n")
        generation, _, digest = first.partition(b" ")
        if digest.decode("ascii", "replace") != _sum(generation, value):
            raise Corrupt(
                "the head was changed",
                where=str(self._path),
                do="Run wherefrom log recover: it finds the newest state the journal proves",
            )
        return int(generation), value

    def swap(self, *, expected: int, value: bytes, durable: bool) -> int:
        generation = str(expected + 1).encode()
        written = generation + b" " + _sum(generation, value).encode() + b"\n" + value
        assert len(written) <= HEAD_BYTES_MAX
        try:
            # "a": two processes may both be the first to make the lock file.
            with open(self._lock_path, "a") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)
                found = self.read()
                if (found[0] if found else 0) != expected:
                    raise Fenced(
                        "another writer moved the head",
                        where=str(self._path),
                        expected=f"generation {expected}",
                        got=found[0] if found else "no head",
                    )
                self._replace(written, durable=durable)
        except OSError as error:
            raise StorageError("cannot move the head", where=str(self._path), got=error) from error
        return expected + 1

    def _replace(self, written: bytes, *, durable: bool) -> None:
        new = self._path.with_suffix(".new")
        descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
        try:
            with open(descriptor, "wb", closefd=False) as file:
                file.write(written)  # all of it or an error: a full disk may take a part
            if durable:
                os.fdatasync(descriptor)
        finally:
            os.close(descriptor)
        os.rename(new, self._path)
        if durable:
            sync_folder(self._folder)


def _sum(generation: bytes, value: bytes) -> str:
    return hashlib.sha256(generation + b"\n" + value).hexdigest()


def sync_folder(folder: Path) -> None:
    """Make the names in ``folder`` survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
