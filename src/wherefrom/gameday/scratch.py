"""A scratch copy: what a log holds, in a log with keys of its own.

    DIR ──read at one signed size──► keys that count, contents ──► a new log, in a new directory
                                                                     └ other origin, other keys

A copy with the original's keys would sign another history under its name: a fork, which any witness
would have to tell. So what is copied is what others said, in its order; what the log said itself
(verdicts, changes of keys, summaries, tombstones) is signed by its service key and stays behind, and
what was erased is not there to be copied. Each record is received again, now.

Of the directory's settings none comes along: no token, no webhook, no address, no key. It is
only read, so it may be served meanwhile.

Sizes:  the newest ``records_max`` records; ROOM_TIMES the copy's size must be free on the disk
"""  # noqa: E501 - the picture

from __future__ import annotations

import os
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NamedTuple

from wherefrom.app import DataFolder, fold_views, known_keys, open_log, open_recorder
from wherefrom.collect.principals import local
from wherefrom.errors import SettingError, StorageError
from wherefrom.formats import base64_strict
from wherefrom.gameday.ending import Ending
from wherefrom.gameday.report import Estate
from wherefrom.keys.changes import KeyWish
from wherefrom.keys.public import PublicKey
from wherefrom.log.recorder import Recorder
from wherefrom.sample import estate as sample

RECORDS_MAX: Final = 20_000
PREFIX: Final = "wherefrom-gameday-"
ROOM_TIMES: Final = 4
_ROOM_BYTES_MIN: Final = 64 * 1024 * 1024
_BATCH: Final = 500
# Linux's limit for the path of a socket (unix(7)), and what lies below ``place`` in it: a slash, a
# scratch folder's own letters, a number, ``/data/reader.sock``.
_SOCKET_BYTES_MAX: Final = 107
_BELOW_BYTES: Final = 30
_OWN: Final = "self"


class Taken(NamedTuple):
    """What a scratch log is made of: the keys to trust, then the contents in order."""

    keys: list[KeyWish]
    contents: Iterator[bytes]
    estate: Estate


def of_sample() -> Taken:
    """The sample estate."""
    made = sample.build()
    keys = [
        KeyWish(action="trust", pem=key.public.to_pem(), names=(key.name,), reason=key.says)
        for key in made.keys
    ]
    of = Estate(origin="the sample estate", size=len(made.records), root="")
    return Taken(keys, iter(made.records), of)


def of_log(path: Path, *, records_max: int = RECORDS_MAX) -> Taken:
    """What the log in ``path`` holds now. Raises NotFound, SettingError, Corrupt."""
    folder = DataFolder(path)
    log = open_log(folder)
    position = log.position()
    keys = [
        KeyWish(
            action="trust", pem=PublicKey(base64_strict.decode(key.spki, where=key.id)).to_pem(),
            names=key.names, owner=key.owner, kinds=key.kinds, scopes=key.scopes,
            reason="it counts in the log that this one is a copy of",
        )
        for key in known_keys(folder, log).told().keys
        if key.state == "active"
    ]  # fmt: skip

    def contents() -> Iterator[bytes]:
        first = max(0, position.size - records_max)
        for logged in log.read(first, position.size):
            if logged.content is not None and logged.entry.trust.level != _OWN:
                yield logged.content

    of = Estate(origin=log.origin, size=position.size, root=position.root.hex())
    return Taken(keys, contents(), of)


def make_copy(folder: DataFolder, taken: Taken) -> Estate:
    """Record what was taken in a new log in ``folder``; says how much of it there is.

    Raises StorageError where there is not room enough for a game day.
    """
    folder.create(origin=f"gameday.invalid/{secrets.token_hex(8)}")
    recorded, refused = add(folder, taken)
    return Estate(
        origin=taken.estate.origin, size=taken.estate.size, root=taken.estate.root,
        records=recorded, refused=refused,
    )  # fmt: skip


def add(folder: DataFolder, taken: Taken) -> tuple[int, int]:
    """Trust these keys, then record these contents; how many were recorded, and refused."""
    with open_recorder(folder) as recorder:
        for wish in taken.keys:
            recorder.wish(wish)
        return _record_all(recorder, taken.contents, folder.path)


def _record_all(recorder: Recorder, contents: Iterator[bytes], path: Path) -> tuple[int, int]:
    principal, recorded, refused = local(os.getuid()), 0, 0
    batch: list[bytes] = []

    def flush() -> None:
        nonlocal recorded, refused
        for outcome in recorder.record(batch, principal=principal) if batch else ():
            recorded += outcome.index is not None
            refused += outcome.index is None
        batch.clear()
        need_room(path)

    for content in contents:
        batch.append(content)
        if len(batch) >= _BATCH:
            flush()
    flush()
    return recorded, refused


def fold(folder: DataFolder) -> None:
    """Bring the copy's views up to its log."""
    fold_views(folder, open_log(folder))


def need_room(path: Path) -> None:
    """Raises StorageError unless several copies of ``path`` fit beside it."""
    held = sum(file.stat().st_size for file in path.rglob("*") if file.is_file())
    wanted = ROOM_TIMES * held + _ROOM_BYTES_MIN
    free = shutil.disk_usage(path).free
    if free < wanted:
        raise StorageError(
            "there is not room enough for a game day", where=str(path),
            expected=f"{wanted:,} bytes free", got=f"{free:,}",
            do="Name a folder on a larger disk with --scratch, or take fewer with --records",
        )  # fmt: skip


@contextmanager
def scratch_folder(beside: Path | None, *, ending: Ending) -> Iterator[Path]:
    """A folder that nobody else may read, gone at the end, however that comes.

    beside  where to make it; None for the system's own. Raises SettingError within a log's
            directory, StorageError.
    """
    place = (beside or Path(tempfile.gettempdir())).absolute()
    need_no_log_around(place, what="--scratch")
    longest = len(os.fsencode(place)) + len(PREFIX) + _BELOW_BYTES
    if longest > _SOCKET_BYTES_MAX:
        raise SettingError(
            "too deep for the sockets of a server", where=str(place),
            expected=f"{_SOCKET_BYTES_MAX - longest + len(os.fsencode(place))} bytes at most",
            do="Name a folder with a shorter path with --scratch",
        )  # fmt: skip
    with ending.whole():
        try:
            made = Path(tempfile.mkdtemp(prefix=PREFIX, dir=place))
        except OSError as error:
            raise StorageError(
                "cannot make a scratch folder", where=str(place), got=error.strerror
            ) from error
    try:
        yield made
    finally:
        with ending.whole():
            shutil.rmtree(made, ignore_errors=True)


def need_no_log_around(path: Path, *, what: str) -> None:
    """Raises SettingError for a place in the directory of a log or witness, or that is one."""
    real = path.resolve()
    for folder in (real, *real.parents):
        of_log = any((folder / name).exists() for name in ("keys/log.vkey", "journal", "vkeys"))
        if of_log:
            raise SettingError(
                "a game day writes nothing into the directory of a log", where=str(path),
                got=f"{what} is in {folder}", do=f"Name another folder with {what}",
            )  # fmt: skip
