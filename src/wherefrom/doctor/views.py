"""Do the views follow the log, and are they of this log?

Nobody folds while no server runs: the next question does, so views that lag are then as they should
be. Beside a server they are fresh within a second, or stand still.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, closing, suppress
from pathlib import Path
from typing import Final

from wherefrom.app import fold_views, open_log
from wherefrom.doctor.found import Found, Ground
from wherefrom.errors import Unavailable
from wherefrom.views.estate import EstateReader, EstateSnapshot
from wherefrom.views.graph import GraphReader, Snapshot
from wherefrom.views.health import HealthReader, HealthSnapshot

AnyReader = GraphReader | EstateReader | HealthReader
MOVES_WITHIN_S: Final = 3.0
_LOOK_EVERY_S: Final = 0.1
_READERS: Final[Mapping[str, Callable[[Path], AnyReader]]] = {
    "graph": GraphReader,
    "estate": EstateReader,
    "health": HealthReader,
}


def views(ground: Ground) -> Iterator[Found]:
    """The graph, the estate and health: readable, of this log, not behind beside a server."""
    lagging: dict[str, int] = {}
    broken = False
    for name, reader in _READERS.items():
        path = ground.path / "views" / f"{name}.db"
        try:
            size, root = _at(reader(path))
        except Unavailable:  # no file yet
            size, root = 0, None
        except Exception as error:  # noqa: BLE001 - a changed byte can make anything of a file
            broken = True
            yield _broken(ground, path, f"{path} cannot be read: {error or error!r}")
            continue
        log = ground.log
        log.refresh()
        if size > log.size or (size and root is not None and log.root_at(size) != root):
            broken = True
            yield _broken(ground, path, f"{path} is of another log, or of a longer one")
        elif size < log.size:
            lagging[name] = log.size - size
    if lagging and ground.served is not None:
        yield from _moving(ground, lagging)
    elif lagging:
        behind = max(lagging.values())
        yield Found(True, f"{behind:,} entries behind; the next question reads them")
    elif not broken:
        yield Found(True, f"{', '.join(_READERS)} have all {ground.log.size:,} entries")


def _moving(ground: Ground, lagging: dict[str, int]) -> Iterator[Found]:
    """Beside a server: do those that are behind come closer?"""
    first = {name: _size(ground, name) for name in lagging}
    until = time.monotonic() + MOVES_WITHIN_S
    while time.monotonic() < until:
        now = {name: _size(ground, name) for name in lagging}
        if all(now[name] > first[name] or now[name] >= ground.log.size for name in lagging):
            yield Found(True, "they follow the log")
            return
        time.sleep(_LOOK_EVERY_S)
    for name in lagging:
        if _size(ground, name) <= first[name]:
            behind = ground.log.size - first[name]
            yield Found(
                False, f"the view {name} stands still, {behind:,} entries behind the log",
                "Start the server again, and look at what it says; then: wherefrom views rebuild",
            )  # fmt: skip


def _size(ground: Ground, name: str) -> int:
    with suppress(Exception):
        return _at(_READERS[name](ground.path / "views" / f"{name}.db"))[0]
    return 0


def _at(reader: AnyReader) -> tuple[int, bytes | None]:
    """How far a view has come, and the root there."""
    with closing(reader) as opened:
        taken: AbstractContextManager[Snapshot | EstateSnapshot | HealthSnapshot] = (
            opened.snapshot()
        )
        with taken as snapshot:
            return snapshot.size, snapshot.root


def _broken(ground: Ground, path: Path, says: str) -> Found:
    if ground.served is not None:
        return Found(False, says, f"End the server, rm {path}*, and start it again")
    return Found(False, says, "wherefrom views rebuild", _rebuilder(ground, path))


def _rebuilder(ground: Ground, path: Path) -> Callable[[], str]:
    def mend() -> str:
        if ground.folder.served() is not None:
            raise Unavailable(
                "a server folds the views by now",
                where=str(path),
                do="Nothing: the server makes them again",
            )
        for beside in ("", "-wal", "-shm"):
            path.with_name(path.name + beside).unlink(missing_ok=True)
        size = fold_views(ground.folder, open_log(ground.folder))
        return f"made {path.name} again from {size:,} entries"

    return mend
