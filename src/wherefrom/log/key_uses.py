"""Every use of the log's keys is counted, and once a day the log says how often each was used.

    a rare use ──► a line in DIR/keys/uses.log, before its signature is given out
    a head     ──► counted by the head itself: it is moved once for each
                        └──────────► once a day: a KeyUses record, the sums since the log began

Any process that signs appends a line. The writer takes the file by renaming it, and removes what it
took once the record of it is in the log; a crash between leaves a file that the record names.

Sizes:  a line is about 20 bytes; a slow key makes 86,400 a day
Source: docs/formats/log-keys.md
"""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final, NamedTuple

from wherefrom.errors import StorageError
from wherefrom.formats.own import KeyUses

HEAD: Final = "head"
_NAME: Final = "uses.log"
_TAKEN: Final = "uses.taken"


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
        try:
            with self._path.open("ab", buffering=0) as file:
                file.write(f"{key_id} {purpose}\n".encode())
        except OSError as error:
            raise StorageError(
                "cannot count the use of a key, so it is not used", where=str(self._path), got=error
            ) from error

    def take(self) -> Taken:
        """All that is to be recorded; the same again until ``recorded``."""
        if not self._taken.exists():
            with suppress(FileNotFoundError):
                os.rename(self._path, self._taken)
        try:
            written = self._taken.read_bytes()
        except FileNotFoundError:
            return Taken("", Counter())
        lines = (line.split(" ", 1) for line in written.decode("utf-8", "replace").splitlines())
        uses = Counter((line[0], line[1]) for line in lines if len(line) == 2)
        return Taken(hashlib.sha256(written).hexdigest(), uses)

    def recorded(self) -> None:
        """A record tells of what was taken."""
        self._taken.unlink(missing_ok=True)


def summed(
    last: KeyUses | None, taken: Taken, *, heads: int, signers: Sequence[str], at: str
) -> KeyUses:
    """The record that follows ``last``.

    heads    how often the head was moved since the log began
    signers  the ids of the keys that signed each head since ``last``
    """
    sums = {key: Counter(uses) for key, uses in (last.uses.items() if last else ())}
    for (key, purpose), number in taken.uses.items():
        sums.setdefault(key, Counter())[purpose] += number
    for key in signers:
        sums.setdefault(key, Counter())[HEAD] += heads - (last.heads if last else 0)
    uses: Mapping[str, Mapping[str, int]] = {key: dict(sums[key]) for key in sorted(sums)}
    return KeyUses(
        at=at, heads=heads, taken=taken.digest, uses={k: dict(u) for k, u in uses.items()}
    )
