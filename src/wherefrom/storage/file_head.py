"""The head in one small file of two slots, written in turn.

    slot 0   magic │ generation │ length │ SHA-256 of generation and value │ value
    slot 1   the same, one generation older or newer

A writer overwrites the older slot, so a crash leaves the newer one whole; a reader takes the
newest slot whose checksum holds. A lock makes read-compare-write one step for every process on
the machine. Without ``durable`` a power cut may bring the older one back: the journal then shows
what came after it. A durable swap fills both slots, so that falling back never unclaims an epoch.

Sizes:  a slot is 8 KiB, zeros after the value, so that no byte of it goes unchecked
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from wherefrom.errors import Corrupt, Fenced, StorageError

SLOT_BYTES: Final = 8 * 1024
_HEADER: Final = struct.Struct(">8sQI32s")
_MAGIC: Final = b"WFHEAD1\n"
VALUE_BYTES_MAX: Final = SLOT_BYTES - _HEADER.size


class FileHead:
    """The contract ``Head`` in ``folder``/head; safe for several threads."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "head"
        self._file: int | None = None
        self._lock = threading.Lock()

    def close(self) -> None:
        """Give the descriptor back."""
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def read(self) -> tuple[int, bytes] | None:
        try:
            if self._file is None:
                self._file = os.open(self._path, os.O_RDWR)
            written = os.pread(self._file, 2 * SLOT_BYTES, 0)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise StorageError("cannot read the head", where=str(self._path), got=error) from error
        if not written:
            return None
        slots = [_parse_slot(written[at : at + SLOT_BYTES]) for at in (0, SLOT_BYTES)]
        found = max((s for s in slots if s is not None), default=None)
        if found is None:
            raise Corrupt(
                "neither slot of the head is whole",
                where=str(self._path),
                do="Restore the file from a copy; the journal then shows what came after it",
            )
        return found

    def swap(self, *, expected: int, value: bytes, durable: bool) -> int:
        if len(value) > VALUE_BYTES_MAX:
            raise ValueError(f"a head holds {VALUE_BYTES_MAX} bytes, not {len(value)}")
        try:
            with self._lock, self._locked() as file:
                found = self.read()
                if (found[0] if found else 0) != expected:
                    raise Fenced(
                        "another writer moved the head",
                        where=str(self._path),
                        expected=f"generation {expected}",
                        got=found[0] if found else "no head",
                    )
                for generation in (expected + 1, expected + 2) if durable else (expected + 1,):
                    written = _slot(generation, value)
                    os.pwrite(file, written, generation % 2 * SLOT_BYTES)
                    if durable:
                        os.fdatasync(file)
        except OSError as error:
            raise StorageError("cannot move the head", where=str(self._path), got=error) from error
        return generation

    def damaged_slots(self) -> list[int]:
        """Slots that hold something which is not whole; for the audit."""
        written = self._path.read_bytes() if self._path.exists() else b""
        slots = [written[:SLOT_BYTES], written[SLOT_BYTES : 2 * SLOT_BYTES]]
        return [n for n, s in enumerate(slots) if s.strip(b"\0") and _parse_slot(s) is None]

    @contextmanager
    def _locked(self) -> Iterator[int]:
        if self._file is None:
            self._file = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o644)
            sync_folder(self._path.parent)
        fcntl.flock(self._file, fcntl.LOCK_EX)
        try:
            yield self._file
        finally:
            fcntl.flock(self._file, fcntl.LOCK_UN)


def _slot(generation: int, value: bytes) -> bytes:
    written = _HEADER.pack(_MAGIC, generation, len(value), _sum(generation, value)) + value
    return written.ljust(SLOT_BYTES, b"\0")


def _parse_slot(written: bytes) -> tuple[int, bytes] | None:
    if len(written) < _HEADER.size:
        return None
    magic, generation, length, digest = _HEADER.unpack_from(written)
    value = written[_HEADER.size : _HEADER.size + length]
    rest = written[_HEADER.size + length :]
    if magic != _MAGIC or len(value) != length or rest.strip(b"\0"):
        return None
    if digest != _sum(generation, value):
        return None
    return generation, value


def _sum(generation: int, value: bytes) -> bytes:
    return hashlib.sha256(generation.to_bytes(8, "big") + value).digest()


def sync_folder(folder: Path) -> None:
    """Make the names in ``folder`` survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
