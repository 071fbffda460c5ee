"""Up to which entry of the log somebody was told: beside the spool, and like it of this server.

A crash after a message is in the spool and before this moves puts it there again, under the same
id. Without the file nothing of the past is told.
"""

from __future__ import annotations

from pathlib import Path

from wherefrom.errors import StorageError
from wherefrom.storage.whole_file import replace_whole


class Cursor:
    """A file with one number: the entries below it were told."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self) -> int | None:
        """The number; None if there is none yet."""
        try:
            text = self._path.read_text("ascii").strip()
        except (OSError, ValueError):
            return None
        return int(text) if text.isdecimal() else None

    def move(self, size: int) -> None:
        """Entries below ``size`` are told. Raises StorageError."""
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            replace_whole(self._path, f"{size}\n".encode())
        except OSError as error:
            raise StorageError(
                "it cannot be kept who was told", where=str(self._path), got=error.strerror
            ) from error
