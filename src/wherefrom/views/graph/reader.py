"""Reading a graph while it is folded: any number of threads and processes, one snapshot each.

    GraphReader ──snapshot()──► Snapshot: one read transaction, one size, one root

An answer takes one snapshot, so that all of it is as of one log size. Snapshots are short: a
long one holds back the write-ahead log.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import apsw

from wherefrom.errors import Corrupt, Unavailable
from wherefrom.views.graph import schema
from wherefrom.views.graph.sealed import names_in
from wherefrom.views.graph.snapshot import Snapshot

if TYPE_CHECKING:
    from wherefrom.views.graph.open_segments import OpenSegments
    from wherefrom.views.graph.segment import Segment


class GraphReader:
    """Connections to one graph file, lent to one thread at a time."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._free: list[tuple[int, apsw.Connection]] = []
        self._cache: OpenSegments | None = None
        self._lock = threading.Lock()
        self._closed = False

    @contextlib.contextmanager
    def snapshot(self) -> Iterator[Snapshot]:
        """The graph as it is now, and stays until the block ends.

        Raises Unavailable before the view is made, Corrupt if the file is damaged.
        """
        inode, db = self._take()
        sound = False
        try:
            yield self._begin(db)
            sound = True
        except (apsw.CorruptError, apsw.NotADBError) as error:
            raise self._damaged(error) from error
        except (apsw.Error, Unavailable):
            raise
        except BaseException:
            sound = True  # the asker's own fault
            raise
        finally:
            if db.in_transaction:
                db.execute("ROLLBACK")
            if sound:
                self._give_back(inode, db)
            else:
                db.close(True)

    def _begin(self, db: apsw.Connection) -> Snapshot:
        while True:
            # BEGIN reads nothing; the first SELECT fixes what is seen.
            db.execute("BEGIN")
            try:
                row = db.execute("SELECT fingerprint, origin, size, root FROM meta").get
            except apsw.SQLError:
                row = None
            if row is None or row[0] != schema.FINGERPRINT:
                raise Unavailable(
                    "the graph view is not made yet, or by another version",
                    where=str(self.path),
                    do="Fold it first: `wherefrom views rebuild`, or wait for the server",
                )
            _, origin, size, root = row
            names = names_in(db)
            try:
                segments = self._segments(names) if names else ()
            except FileNotFoundError as error:
                db.execute("ROLLBACK")
                if names_in(db) == names:
                    raise self._damaged(error) from error
                continue  # merged and gone between the look at the table and at the folder
            return Snapshot(db, origin=origin or "", size=size, root=root, segments=segments)

    def _segments(self, names: Sequence[str]) -> tuple[Segment, ...]:
        if self._cache is None:
            # numpy only where there is a segment: a small log needs none.
            from wherefrom.views.graph.open_segments import OpenSegments

            self._cache = OpenSegments(self.path.parent)
        return self._cache.get(names)

    def close(self) -> None:
        """Close every connection that is not lent out."""
        with self._lock:
            self._closed = True
            free, self._free = self._free, []
        for _, db in free:
            db.close(True)

    def _take(self) -> tuple[int, apsw.Connection]:
        try:
            inode = self.path.stat().st_ino
        except FileNotFoundError as error:
            raise Unavailable(
                "there is no graph view here",
                where=str(self.path),
                do="Fold it first: `wherefrom views rebuild`, or wait for the server",
            ) from error
        while True:
            with self._lock:
                if not self._free:
                    break
                found, db = self._free.pop()
            if found == inode:
                return inode, db
            db.close(True)  # the file was replaced under its name
        try:
            return inode, schema.open_reader(self.path)
        except (apsw.CorruptError, apsw.NotADBError) as error:
            raise self._damaged(error) from error
        except apsw.CantOpenError as error:
            raise Unavailable(
                "the graph view cannot be opened", where=str(self.path), got=str(error)
            ) from error

    def _damaged(self, error: Exception) -> Corrupt:
        return Corrupt(
            "the graph file is damaged",
            where=str(self.path),
            got=str(error),
            do="Run `wherefrom views rebuild`; nothing but time is lost",
        )

    def _give_back(self, inode: int, db: apsw.Connection) -> None:
        with self._lock:
            if not self._closed:
                self._free.append((inode, db))
                return
        db.close(True)
