"""Which tickets are open, on disk: a file for each, so that a restart opens none twice.

    DIR/notify/tickets/<tracker>/<root>.json ──► {"root", "at", "ref"}

A file is written once the tracker said which ticket it is, and removed once it is closed. One that
is lost costs a search.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

import msgspec

from wherefrom.errors import StorageError
from wherefrom.notify.tickets.cause import Marker
from wherefrom.notify.tickets.tracker import Ref
from wherefrom.storage.whole_file import replace_whole

_NAME: Final = re.compile(r"wf[0-9a-f]{24}\.json")


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """One ticket: what it is about, since when, and which it is."""

    root: str
    at: str
    ref: Ref


class KeptTickets:
    """The open tickets of every tracker."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def of(self, tracker: str) -> dict[str, Kept]:
        """The tickets of a tracker, by root."""
        found = {}
        try:
            paths = sorted((self._path / tracker).iterdir())
        except OSError:
            return {}
        for path in paths:
            if _NAME.fullmatch(path.name):
                try:
                    kept = msgspec.json.decode(path.read_bytes(), type=Kept)
                except (OSError, ValueError):
                    continue
                found[kept.root] = kept
        return found

    def keep(self, tracker: str, marker: Marker, kept: Kept) -> None:
        """Raises StorageError."""
        path = self._place(tracker, marker)
        try:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            replace_whole(path, msgspec.json.encode(kept))
        except OSError as error:
            raise StorageError(
                "a ticket cannot be kept", where=str(path), got=error.strerror
            ) from error

    def forget(self, tracker: str, marker: Marker) -> None:
        """It is closed."""
        self._place(tracker, marker).unlink(missing_ok=True)

    def _place(self, tracker: str, marker: Marker) -> Path:
        return self._path / tracker / f"{marker.root}.json"
