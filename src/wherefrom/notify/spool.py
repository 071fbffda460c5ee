"""Messages on their way, on disk: a file for each message and receiver, until it is taken.

    put ──► DIR/notify/<0 urgent, 1 not>-<number>-<id>-<receiver>.json ──in order──► taken ──► gone

A file is written whole or not at all, so what was put survives a crash; what was delivered and not
yet removed is delivered again, under the same id. What was put twice lies there once.

Sizes:  FILES_MAX files; past that the oldest that is not urgent goes, and is counted
"""

from __future__ import annotations

import re
import threading
from collections.abc import Iterable
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from wherefrom.errors import StorageError
from wherefrom.notify.message import Message
from wherefrom.storage.whole_file import replace_whole

FILES_MAX: Final = 10_000
_NAME: Final = re.compile(r"([01])-([0-9]{12})-(msg_[0-9a-f]{32})-([a-z0-9][a-z0-9-]*)\.json")


class Waiting(NamedTuple):
    """One message for one receiver; they sort as they are to be sent."""

    rank: int
    number: int
    id: str
    receiver: str
    path: Path


class Spool:
    """A folder; safe for several threads of one process, which alone sends. Another may put too:
    no two messages have one name."""

    def __init__(self, path: Path, *, files_max: int = FILES_MAX) -> None:
        self._path, self._files_max = path, files_max
        self._lock = threading.Lock()
        self.dropped = 0

    def put(self, message: Message, receivers: Iterable[str]) -> None:
        """Keep a message for each receiver. Raises StorageError."""
        with self._lock:
            waiting = self._list()
            number = max((one.number for one in waiting), default=0)
            held = {one.receiver for one in waiting if one.id == message.id}
            rank = 0 if message.is_urgent else 1
            try:
                self._path.mkdir(parents=True, exist_ok=True, mode=0o700)
                for receiver in receivers:
                    if receiver not in held:
                        number += 1
                        name = f"{rank}-{number:012d}-{message.id}-{receiver}.json"
                        replace_whole(self._path / name, msgspec.json.encode(message))
            except OSError as error:
                raise StorageError(
                    "a message cannot be kept", where=str(self._path), got=error.strerror
                ) from error
            self._bound()

    def waiting(self) -> list[Waiting]:
        """What is still to be sent, urgent first, then as it was put."""
        with self._lock:
            return self._list()

    def read(self, one: Waiting) -> Message | None:
        """The message; None if it is gone, or no longer one."""
        try:
            return msgspec.json.decode(one.path.read_bytes(), type=Message)
        except (OSError, ValueError):
            return None

    def remove(self, one: Waiting) -> None:
        """It was taken, or is given up."""
        one.path.unlink(missing_ok=True)

    def _list(self) -> list[Waiting]:
        try:
            names = [(path, _NAME.fullmatch(path.name)) for path in self._path.iterdir()]
        except OSError:
            return []
        return sorted(
            Waiting(int(name[1]), int(name[2]), name[3], name[4], path)
            for path, name in names
            if name
        )

    def _bound(self) -> None:
        waiting = self._list()
        # Those that are not urgent come last; of each kind the oldest goes first.
        spare = sorted(waiting, key=lambda one: (-one.rank, one.number))
        for one in spare[: max(0, len(waiting) - self._files_max)]:
            self.remove(one)
            self.dropped += 1
