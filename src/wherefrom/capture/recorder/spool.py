"""Records that wait for their place: a folder for each place, a file for each record.

    put(record) ──► DIR/<ns>-<random>.json ──► send(give) ──► taken: removed
                                                   ├ refused: DIR/refused/
                                                   └ no answer: it stays, and the next run tries

A record is in the folder, flushed, before anybody is asked to take it: a build that is killed while
a server hangs has lost nothing. Several builds may use one folder: what both of them send is known
the second time. A file is what ``wherefrom record`` takes too.

Sizes:  SENT_MAX records are sent at a time · WAITING_BYTES_MAX wait; then a new one is refused
"""

from __future__ import annotations

import hashlib
import os
import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

from wherefrom.errors import Error, NotAllowed, Refused, StorageError

SENT_MAX: Final = 100
WAITING_BYTES_MAX: Final = 1024 * 1024 * 1024
Give = Callable[[Sequence[bytes]], Sequence[Mapping[str, Any]]]


class Sent(NamedTuple):
    """What became of records.

    items    what was answered, in order; fewer than were given where ``trouble`` ended it
    waiting  how many still do
    trouble  why
    """

    items: list[Mapping[str, Any]]
    waiting: int
    trouble: Error | None


def give_each(records: Sequence[bytes], give: Give) -> Sent:
    """Give records away one by one, up to the first that nobody answers for."""
    items: list[Mapping[str, Any]] = []
    trouble: Error | None = None
    for record in records:
        try:
            items.append(give([record])[0])
        except NotAllowed as error:  # another token would do: it waits
            trouble = error
            break
        except Refused as error:
            items.append({"status": "refused", "code": error.code, "reason": str(error)})
        except Error as error:
            trouble = error
            break
    return Sent(items, len(records) - len(items), trouble)


def folder_of(place: str, folder: Path | None, environ: Mapping[str, str] = os.environ) -> Path:
    """Where records for a place wait: what is meant for one is never sent to another.

    place   the address of a server, or the path of a directory
    folder  above those of all places; else the user's own state
    """
    state = environ.get("XDG_STATE_HOME") or os.path.join(
        environ.get("HOME") or "/", ".local/state"
    )
    above = folder or Path(state) / "wherefrom" / "spool"
    return above / hashlib.sha256(place.encode()).hexdigest()[:16]


class Spool:
    """One folder of them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def put(self, record: bytes) -> Path:
        """Keep a record, durably. Raises StorageError."""
        name = f"{time.time_ns():020}-{secrets.token_hex(4)}"
        path, new = self.folder / f"{name}.json", self.folder / f"{name}.new"
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            if sum(p.stat().st_size for p in self.waiting()) + len(record) > WAITING_BYTES_MAX:
                raise StorageError(
                    "too much waits to be recorded", where=str(self.folder),
                    expected=f"{WAITING_BYTES_MAX} bytes at most",
                    do="Send it: wherefrom record DIR/*.json",
                )  # fmt: skip
            with open(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                file.write(record)
                file.flush()
                os.fsync(file.fileno())
            os.rename(new, path)
            _sync(self.folder)
        except OSError as error:
            raise StorageError(
                "a record cannot be kept", where=str(path), got=error.strerror
            ) from error
        return path

    def waiting(self) -> list[Path]:
        """What waits, the oldest first."""
        return sorted(self.folder.glob("*.json"))

    def send(self, give: Give, *, number_max: int = SENT_MAX) -> Sent:
        """Give away what waits, each once; what is not taken stays.

        give  takes records and says what became of each; raises an Error if nobody knows
        """
        paths = self.waiting()[:number_max]
        held = [(path, read) for path in paths if (read := _read(path)) is not None]
        sent = give_each([record for _, record in held], give)
        for (path, _), item in zip(held, sent.items, strict=False):
            if item["status"] == "refused":
                self._set_aside(path)
            else:
                path.unlink(missing_ok=True)
        return sent._replace(waiting=len(self.waiting()))

    def _set_aside(self, path: Path) -> None:
        aside = self.folder / "refused"
        aside.mkdir(mode=0o700, exist_ok=True)
        if path.exists():
            os.replace(path, aside / path.name)


def _read(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except FileNotFoundError:  # another build has sent it meanwhile
        return None


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
