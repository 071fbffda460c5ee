"""What a change of keys, or of the trusted root, has still to judge again: kept until it has.

    begin ──► the change is logged ──► verdict, verdict, … ──► end
                └ a crash from here on: the next start judges again, which gives no verdict twice

A change that a crash kept out of the log is begun too; then there is nothing to judge otherwise.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import msgspec

from wherefrom.errors import StorageError
from wherefrom.storage.whole_file import replace_whole

ROOT: Final = "root"


class Unfinished:
    """The ids of keys, and ``ROOT``, in a file; in memory without a path."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._kept: list[str] = []

    def read(self) -> list[str]:
        """What was begun and not ended; nothing if the file is not one of ours."""
        if self._path is not None:
            try:
                self._kept = msgspec.json.decode(self._path.read_bytes(), type=list[str])
            except (OSError, ValueError):  # msgspec's errors are ValueErrors
                self._kept = []
        return self._kept

    def begin(self, what: str) -> None:
        """Before the change is logged. Raises StorageError: then it may not be."""
        self._keep([*(one for one in self.read() if one != what), what])

    def end(self, what: str) -> None:
        """All that hangs on it is judged. Raises StorageError."""
        self._keep([one for one in self.read() if one != what])

    def _keep(self, kept: list[str]) -> None:
        self._kept = kept
        if self._path is None:
            return
        try:
            if kept:
                replace_whole(self._path, msgspec.json.encode(kept))
            else:
                self._path.unlink(missing_ok=True)
        except OSError as error:
            raise StorageError(
                "cannot keep what is to be judged again", where=str(self._path), got=error
            ) from error
