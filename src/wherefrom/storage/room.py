"""Whether a disk that refused a write takes one again, found out without a record.

Nothing is left of it: the file has no name. A disk that refused a batch is believed again after
this, or after a batch that is taken.

Sizes:  PROBE_BYTES are written and flushed, once each AGAIN_SECONDS at most
"""

from __future__ import annotations

import os
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from wherefrom.errors import StorageError
from wherefrom.storage.segment import write_all

PROBE_BYTES: Final = 1024 * 1024
AGAIN_SECONDS: Final = 1.0


class Room:
    """Tries one folder; safe for several threads."""

    def __init__(self, folder: Path, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._folder, self._clock = folder, clock
        self._lock = threading.Lock()
        self._tried, self._found = -AGAIN_SECONDS, ""

    def need(self) -> None:
        """Raises StorageError if the disk is full or does not take a write."""
        with self._lock:
            if self._clock() - self._tried >= AGAIN_SECONDS:
                self._found = self._try()
                self._tried = self._clock()
            found = self._found
        if found:
            raise StorageError(
                "the log's disk is full, or fails: records are refused",
                where=str(self._folder),
                expected=f"room for {PROBE_BYTES} bytes",
                got=found,
                do="Free some space, or mend the disk: it is tried again by itself",
            )

    def _try(self) -> str:
        # A log that has no entry yet has no journal either.
        there = self._folder if self._folder.is_dir() else self._folder.parent
        try:
            with tempfile.TemporaryFile(dir=there) as file:
                write_all(file.fileno(), bytes(PROBE_BYTES), 0)
                os.fdatasync(file.fileno())
        except OSError as error:
            return str(error)
        return ""
