"""The sealed segments of one graph: which there are, and how they come and go.

    tail, in SQLite ──seal──► segment ──merge with its neighbours──► larger segment

The table ``segments`` names those that count, oldest first; a file that it does not name is left
over from a crash, and goes. A file is on the disk before the transaction that names it, and the
ones it replaces are unlinked after.

Each segment is at least twice as large as all younger ones together, or it is merged with them:
so a hundred million edges lie in nine files at most, and each was written nine times. Merges run
on a thread; what is amended meanwhile is amended again in the new file, and when an edge was
taken back meanwhile the merge begins anew.

numpy is imported where the first segment is: most graphs are small, and most commands short.

Source: docs/decisions/0011-sealed-segments.md
"""

from __future__ import annotations

import secrets
import threading
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

import apsw

from wherefrom.errors import Corrupt
from wherefrom.views.graph.lens import TIME

if TYPE_CHECKING:
    from wherefrom.views.graph.segment import Segment

EdgeKey = tuple[int, int, int]

SUFFIX: Final = ".edges"
NUMBER_END: Final = 2**32 - 1


class _Merging(NamedTuple):
    thread: threading.Thread
    stop: threading.Event
    path: Path
    done: list[Path]
    damage: list[Corrupt]
    names: tuple[str, ...]
    amended: dict[EdgeKey, None]


class Sealed:
    """The segments, for the one that folds."""

    def __init__(self, db: apsw.Connection, path: Path) -> None:
        self._db = db
        self._graph = path
        self._segments: dict[str, Segment] = {}
        self._written: set[str] = set()  # by this process, so there is no need to read them
        self._merging: _Merging | None = None

    # -- single edges

    def find(self, key: EdgeKey) -> tuple[int, int] | None:
        """(first, flags) of an edge, if some segment holds it."""
        for segment in self._segments.values():
            if (found := segment.find(*key)) is not None:
                return found
        return None

    def set(self, key: EdgeKey, *, first: int, flags: int) -> None:
        """Amend an edge that some segment holds."""
        for segment in self._segments.values():
            segment.set(*key, first=first, flags=flags)
        if self._merging is not None:
            self._merging.amended[key] = None

    def remove(self, key: EdgeKey) -> None:
        """Take an edge out of whichever segment holds it."""
        self._end_merging()
        for segment in self._segments.values():
            segment.remove(*key)

    def mend(self, key: EdgeKey) -> None:
        """Take out what a crash left of an edge that was being taken back."""
        self._end_merging()
        for segment in self._segments.values():
            segment.mend(*key)

    # -- the set

    @property
    def edges(self) -> int:
        """How many edges are sealed."""
        return sum(segment.edges for segment in self._segments.values())

    def reload(self) -> None:
        """Take the word of the table; remove files that it does not name."""
        named = names_in(self._db)
        if self._merging is not None and not set(self._merging.names) <= set(named):
            self._end_merging()
        coming = self._merging.path.name if self._merging is not None else None
        for path in _files(self._graph):
            if path.name not in named and path.name != coming:
                path.unlink(missing_ok=True)
        self._segments = {name: self._segments.get(name) or self._open(name) for name in named}

    def fits(self, *, size: int) -> bool:
        """Whether every number has its place in a segment: of entries below ``size``, of nodes."""
        highest: int = self._db.execute("SELECT max(node) FROM nodes").get or 0
        return max(size, highest + 1) <= NUMBER_END

    def seal(self, *, size: int) -> None:
        """Make the tail a segment, in a transaction of the caller's. Entries end at ``size``."""
        from wherefrom.views.graph.merge import read_edges, read_times, seal

        start = max((s.entry_end for s in self._segments.values()), default=0)
        edges = self._db.execute("SELECT effect, relation, cause, first, flags FROM causes")
        times = self._db.execute(
            f"SELECT {TIME} FROM entries AS e WHERE e.entry >= ? AND e.entry < ? ORDER BY e.entry",
            (start, size),
        )
        name = self._new_name()
        seal(
            self._path(name),
            read_edges(edges),
            entry_start=start,
            times=read_times(time for (time,) in times),
        )
        self._db.execute("INSERT INTO segments(name) VALUES (?)", (name,))
        self._db.execute("DELETE FROM causes; DELETE FROM effects")

    def begin_merge(self) -> None:
        """Merge on a thread whatever should be, unless a merge is going on."""
        names = () if self._merging is not None else self._to_merge()
        if not names:
            return
        from wherefrom.views.graph.merge import Stopped, merge

        segments = [self._segments[name] for name in names]
        path = self._path(self._new_name())
        stop, done, damage = threading.Event(), list[Path](), list[Corrupt]()

        def run() -> None:
            try:
                merge(path, segments, go_on=lambda: not stop.is_set())
                done.append(path)
            except (Stopped, OSError):
                pass
            except Corrupt as error:
                damage.append(error)

        thread = threading.Thread(target=run, name="graph-merge", daemon=True)
        self._merging = _Merging(thread, stop, path, done, damage, names, {})
        thread.start()

    @property
    def merge_is_done(self) -> bool:
        """Whether a merge has ended and can be adopted."""
        return self._merging is not None and not self._merging.thread.is_alive()

    def adopt(self) -> None:
        """Name the merged segment instead of its sources, in a transaction of the caller's.

        The sources' files go with the next ``reload``. A merge that failed (a full disk) leaves
        all as it was, and is tried again when the tail is sealed next. Raises Corrupt if a source
        is not what was written.
        """
        merging, self._merging = self._merging, None
        if merging is None:
            return
        if merging.damage:
            raise merging.damage[0]
        if not merging.done:
            return
        (path,) = merging.done
        merged = self._open(path.name)
        for key in merging.amended:
            for name in merging.names:
                if (found := self._segments[name].find(*key)) is not None:
                    merged.set(*key, first=found[0], flags=found[1])
        # The place in the order is that of the oldest; its neighbours' go.
        first, *rest = merging.names
        self._db.execute("UPDATE segments SET name = ? WHERE name = ?", (path.name, first))
        self._db.executemany("DELETE FROM segments WHERE name = ?", [(name,) for name in rest])

    def close(self) -> None:
        """Stop merging; what was merged by half goes."""
        self._end_merging()
        self._segments = {}

    def _end_merging(self) -> None:
        if self._merging is not None:
            self._merging.stop.set()
            self._merging.thread.join()
            self._merging.path.unlink(missing_ok=True)
            self._merging = None

    def _to_merge(self) -> tuple[str, ...]:
        """The youngest segments, from the first that is not twice as large as those after it."""
        names = list(self._segments)
        sizes = [segment.edges for segment in self._segments.values()]
        for place in range(len(names) - 1):
            if sizes[place] < 2 * sum(sizes[place + 1 :]):
                return tuple(names[place:])
        return ()

    def _new_name(self) -> str:
        # No name twice, also not in a view that is made anew: readers know a segment by its name.
        name = f"{self._graph.stem}-{secrets.token_hex(8)}{SUFFIX}"
        self._written.add(name)
        return name

    def _open(self, name: str) -> Segment:
        from wherefrom.views.graph.segment import Segment

        segment = Segment(self._path(name), writable=True)
        if name not in self._written:
            segment.check()
        return segment

    def _path(self, name: str) -> Path:
        return self._graph.with_name(name)


def names_in(db: apsw.Connection) -> list[str]:
    """The names of the segments that count, oldest first."""
    return [name for (name,) in db.execute("SELECT name FROM segments ORDER BY place")]


def remove_files(path: Path) -> None:
    """Remove every segment of the graph at ``path``."""
    for file in _files(path):
        file.unlink(missing_ok=True)


def _files(path: Path) -> Iterable[Path]:
    return path.parent.glob(f"{path.stem}-*{SUFFIX}")
