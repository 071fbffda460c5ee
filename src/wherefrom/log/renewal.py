"""How far a renewal has come: everything signed judged again under the keys and the root of now.

    begin ──► step, step, … ──► the end: one ``system`` record of what was looked at
                └ the position, in a file, after each

A step that was cut short is done again: what it gave a verdict is as it should be by then, and gets
none. The file can be deleted at any time; the next renewal then begins at entry 0.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import msgspec

STEP_ENTRIES_MAX: Final = 2_000
REASON: Final = "judged again under the keys and the trusted root of now"


class Position(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Entries below ``next`` of those below ``until`` are done.

    keyring  under which keys, and ``root`` under which trusted root, empty if none judged; when
             they change, a renewal begins anew
    looked   how many signed records were judged
    since    when it began; ``verifier`` who judges
    """

    next: int
    until: int
    keyring: str
    root: str
    looked: int
    since: str
    verifier: str


class Renewing(msgspec.Struct, frozen=True, kw_only=True):
    """Where a renewal stands: ``entry`` is the record of it once it is done, until then None."""

    next: int
    until: int
    looked: int
    changed: int
    keyring: str
    root: str
    entry: int | None


class PositionFile:
    """Where the position is kept; in memory without a path."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._kept: Position | None = None

    def read(self) -> Position | None:
        """The position, None before the first step or if the file is not one of ours."""
        if self._path is not None and self._kept is None:
            try:
                self._kept = msgspec.json.decode(self._path.read_bytes(), type=Position)
            except (OSError, msgspec.DecodeError, UnicodeDecodeError):
                return None
        return self._kept

    def keep(self, position: Position | None) -> None:
        """Write it; None for the end of a renewal."""
        self._kept = position
        if self._path is None:
            return
        if position is None:
            self._path.unlink(missing_ok=True)
            return
        new = self._path.with_suffix(".new")
        new.write_bytes(msgspec.json.encode(position))
        new.rename(self._path)
