"""The head in one small file of three slots.

    slot 0, 1   magic │ generation │ length │ SHA-256 of generation and value │ value
                written in turn, the older one overwritten
    slot 2      the same, written by durable swaps alone, after the one above is on disk

A crash leaves the other slot whole; a reader takes the newest slot whose checksum holds. A lock
makes read-compare-write one step for every process on the machine. Without ``durable`` a power cut
may tear both slots that are written in turn, if the disk was writing both: the third one is then
what the last durable swap left, and the journal shows what came after it.

Sizes:  a slot is 8 KiB, zeros after the value, so that no byte of it goes unchecked
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from wherefrom.errors import Corrupt, Fenced, StorageError

SLOT_BYTES: Final = 8 * 1024
SLOTS: Final = 3
_HEADER: Final = struct.Struct(">8sQI32s")
_MAGIC: Final = b"WFHEAD1\n"
HEADER_BYTES: Final = _HEADER.size
VALUE_BYTES_MAX: Final = SLOT_BYTES - HEADER_BYTES
_DURABLE_SLOT: Final = 2
_READ_AGAIN: Final = 20
_PAUSE_S: Final = 0.002


class FileHead:
    """The contract ``Head`` in ``folder``/head; safe for several threads."""

    def __init__(
        self, folder: Path, *, slot_bytes: int = SLOT_BYTES, always_durable: bool = False
    ) -> None:
        """``always_durable``: no swap is ever made that a power cut may undo."""
        self._path = folder / "head"
        self._slot_bytes = slot_bytes
        self._always_durable = always_durable
        self._named = False  # the file's name survives a power cut, if always_durable
        self._file: int | None = None  # for reading; only a swap needs more
        self._opening = threading.Lock()
        self._swapping = threading.Lock()
        self._newest = 0  # generation seen: a head never goes back under one that looks

    def close(self) -> None:
        """Give the descriptor back."""
        with self._opening:
            if self._file is not None:
                os.close(self._file)
                self._file = None

    def __del__(self) -> None:
        if getattr(self, "_file", None) is not None:
            self.close()

    def read(self) -> tuple[int, bytes] | None:
        # A writer may be in the middle of one slot, and, if we are slow, of the other one too:
        # what is whole then is what the last durable swap left, long ago perhaps.
        newest, found = self._newest, None
        for _ in range(_READ_AGAIN):
            slots = self._slots()
            if not newest and not any(slot.strip(b"\0") for slot in slots):
                return None
            found = self._newest_of(slots)
            if found is not None and found[0] >= newest:
                self._newest = max(self._newest, found[0])
                return found
            time.sleep(_PAUSE_S)
        raise Corrupt(
            "the head went back" if found else "no slot of the head is whole",
            where=str(self._path),
            expected=f"generation {newest} or later" if found else None,
            got=f"generation {found[0]}" if found else None,
            do="Restore the file from a copy; the journal then shows what came after it",
        )

    def _slots(self) -> list[bytes]:
        try:
            with self._opening:
                if self._file is None:
                    self._file = os.open(self._path, os.O_RDONLY)
            return self._read_slots(self._file)
        except FileNotFoundError:
            return []
        except OSError as error:
            raise StorageError("cannot read the head", where=str(self._path), got=error) from error

    def _read_slots(self, file: int) -> list[bytes]:
        width = self._slot_bytes
        written = os.pread(file, SLOTS * width, 0)
        return [written[n * width : (n + 1) * width] for n in range(SLOTS)]

    def swap(self, *, expected: int, value: bytes, durable: bool) -> int:
        if len(value) > self._slot_bytes - HEADER_BYTES:
            held = self._slot_bytes - HEADER_BYTES
            raise ValueError(f"a head holds {held} bytes, not {len(value)}")
        if self._always_durable and not durable:
            raise ValueError("every swap of this head is durable")
        generation = expected + 1
        written = _slot(generation, value).ljust(self._slot_bytes, b"\0")
        try:
            with self._swapping, self._locked(may_create=expected == 0) as file:
                # From this very file: the one that is open for reading may be gone by now.
                found = self._newest_of(self._read_slots(file))
                if (found[0] if found else 0) != expected:
                    raise Fenced(
                        "another writer moved the head",
                        where=str(self._path),
                        expected=f"generation {expected}",
                        got=found[0] if found else "no head",
                    )
                self._write(file, written, generation % 2, durable=durable)
        except FileNotFoundError as error:
            raise Fenced(
                "another writer moved the head",
                where=str(self._path),
                expected=f"generation {expected}",
                got="no head",
            ) from error
        except OSError as error:
            raise StorageError("cannot move the head", where=str(self._path), got=error) from error
        self._newest = max(self._newest, generation)
        return generation

    def _write(self, file: int, written: bytes, slot: int, *, durable: bool) -> None:
        for place in (slot, _DURABLE_SLOT) if durable else (slot,):
            if os.pwrite(file, written, place * self._slot_bytes) != len(written):
                raise OSError(errno.ENOSPC, "half a slot was written")
            if durable and not (self._always_durable and place == slot):
                os.fdatasync(file)
        # An earlier process may have made the file and died before this.
        if durable and not self._named:
            sync_folder(self._path.parent)
            self._named = self._always_durable

    def damaged_slots(self) -> list[int]:
        """Slots that are cut, or hold something which is not whole; none while one is written."""
        damaged: list[int] = []
        for _ in range(_READ_AGAIN):
            slots = self._slots()
            damaged = [
                n
                for n, s in enumerate(slots)
                if (any(slots) and len(s) < self._slot_bytes)
                or (s.strip(b"\0") and not self._parse_slot(s))
            ]
            if not damaged:
                break
            time.sleep(_PAUSE_S)
        return damaged

    def need_newest(self) -> None:
        """Raises Corrupt if so much is damaged that the newest state may be gone.

        A crash may tear the slots that are written in turn, or the third one, never both kinds:
        what is whole then is of the same epoch, and the journal shows what came after it.
        """
        damaged = self.damaged_slots()
        if _DURABLE_SLOT in damaged and len(damaged) > 1:
            raise Corrupt(
                "the head was cut or changed, and its newest state may be gone",
                where=str(self._path),
                expected=f"{SLOTS} slots of {self._slot_bytes} bytes",
                got=f"slots {' and '.join(map(str, damaged))} are not whole",
                do="Restore the file from a copy; the journal then shows what came after it",
            )

    def _newest_of(self, slots: list[bytes]) -> tuple[int, bytes] | None:
        return max((s for s in map(self._parse_slot, slots) if s is not None), default=None)

    def _parse_slot(self, written: bytes) -> tuple[int, bytes] | None:
        if len(written) < self._slot_bytes:
            return None
        magic, generation, length, digest = _HEADER.unpack_from(written)
        value = written[HEADER_BYTES : HEADER_BYTES + length]
        rest = written[HEADER_BYTES + length :]
        if magic != _MAGIC or len(value) != length or rest.strip(b"\0"):
            return None
        if digest != _sum(generation, value):
            return None
        return generation, value

    @contextmanager
    def _locked(self, *, may_create: bool) -> Iterator[int]:
        # A head that was there and is gone is not begun again: the log would be forgotten.
        file = os.open(self._path, os.O_RDWR | (os.O_CREAT if may_create else 0), 0o644)
        try:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield file  # closing it gives the lock back
        finally:
            os.close(file)


def _slot(generation: int, value: bytes) -> bytes:
    return _HEADER.pack(_MAGIC, generation, len(value), _sum(generation, value)) + value


def _sum(generation: int, value: bytes) -> bytes:
    return hashlib.sha256(generation.to_bytes(8, "big") + value).digest()


def sync_folder(folder: Path) -> None:
    """Make the names in ``folder`` survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
