"""Every use of the log's keys is counted, and once a day the log says how often each was used.

    a rare use ──► a line in DIR/keys/uses.log, before its signature is given out
    a head     ──► counted by the head itself: it is moved once for each
                        └──────────► once a day: a KeyUses record, the sums since the log began

Any process that signs appends a line. The writer takes the file by renaming it, and removes what it
took once the record of it is in the log; a crash between leaves a file that the record names. Its
first line is random, so that it names no other: two days can have the same uses.

Sizes:  a line is about 20 bytes; a slow key makes 86,400 a day
Source: docs/formats/log-keys.md
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO, Final, NamedTuple

from wherefrom.errors import StorageError
from wherefrom.formats.own import KeyUses

HEAD: Final = "head"
_NAME: Final = "uses.log"
_TAKEN: Final = "uses.taken"
_LINE: Final = re.compile("([0-9a-f]{8}) ([a-z]+)")


class Taken(NamedTuple):
    """What was taken for a record: its SHA-256 in hex, and how often each key did what."""

    digest: str
    uses: Counter[tuple[str, str]]


class UseLines:
    """The file of uses that no record tells of yet. ``folder`` is that of the keys."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / _NAME
        self._taken = folder / _TAKEN

    def add(self, key_id: str, purpose: str) -> None:
        """Count one use. Raises StorageError: then nothing may be signed."""
        line = f"{key_id} {purpose}\n".encode()
        try:
            while True:
                with self._path.open("a+b", buffering=0) as file:
                    fcntl.flock(file, fcntl.LOCK_EX)
                    # Taken since it was opened? Nobody would read it there any more.
                    if self._is_still(file):
                        written = _beginning(file) + line
                        if file.write(written) < len(written):
                            raise OSError("the disk is full")
                        return
        except OSError as error:
            raise StorageError(
                "cannot count the use of a key, so it is not used", where=str(self._path), got=error
            ) from error

    def _is_still(self, file: BinaryIO) -> bool:
        try:
            return os.path.samestat(os.fstat(file.fileno()), self._path.stat())
        except FileNotFoundError:
            return False

    def take(self) -> Taken:
        """All that is to be recorded; the same again until ``recorded``. A line that a crash cut is
        passed over. Raises StorageError."""
        try:
            if not self._taken.exists():
                with suppress(FileNotFoundError):
                    os.rename(self._path, self._taken)
            with self._taken.open("rb") as file:
                fcntl.flock(file, fcntl.LOCK_EX)  # who had it open before has written by then
                written = file.read()
        except FileNotFoundError:
            return Taken("", Counter())
        except OSError as error:
            raise StorageError(
                "the uses of keys cannot be read", where=str(self._taken), got=error,
                do="Look at what it is; the uses in it are not recorded yet",
            ) from error  # fmt: skip
        lines = map(_LINE.fullmatch, written.decode("utf-8", "replace").splitlines())
        uses = Counter((line[1], line[2]) for line in lines if line)
        return Taken(hashlib.sha256(written).hexdigest(), uses)

    def recorded(self) -> None:
        """A record tells of what was taken."""
        self._taken.unlink(missing_ok=True)


def _beginning(file: BinaryIO) -> bytes:
    """What is to stand before the next line: where there is none, what makes the file this one."""
    end = file.seek(0, os.SEEK_END)
    if end == 0:
        return f"# {os.urandom(8).hex()}\n".encode()
    file.seek(end - 1)
    # What a crash cut is no line, also if it could be read as one.
    return b"" if file.read(1) == b"\n" else b"?\n"


def summed(
    last: KeyUses | None, taken: Taken, *, heads: int, signers: Sequence[str], at: str
) -> KeyUses:
    """The record that follows ``last``.

    heads    how often the head was moved since the log began; fewer than ``last`` says: since the
             log was made again from an export
    signers  the ids of the keys that signed each head since ``last``
    """
    since = heads if last is None else heads - last.heads
    if since < 0:
        since = heads - 1  # all but the head that was imported
    sums = {key: Counter(uses) for key, uses in (last.uses.items() if last else ())}
    for (key, purpose), number in taken.uses.items():
        sums.setdefault(key, Counter())[purpose] += number
    for key in signers:
        sums.setdefault(key, Counter())[HEAD] += since
    uses: Mapping[str, Mapping[str, int]] = {key: dict(sums[key]) for key in sorted(sums)}
    return KeyUses(
        at=at, heads=heads, taken=taken.digest, uses={k: dict(u) for k, u in uses.items()}
    )
