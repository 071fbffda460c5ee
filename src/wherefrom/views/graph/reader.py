"""Reading a graph while it is folded: any number of threads and processes, one snapshot each.

    GraphReader ──snapshot()──► Snapshot: one read transaction, one size, one root

An answer takes one snapshot, so that all of it is as of one log size. Snapshots are short: a
long one holds back the write-ahead log.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from pathlib import Path

import apsw

from wherefrom.errors import Corrupt, Unavailable
from wherefrom.views.graph import schema
from wherefrom.views.graph.snapshot import Snapshot


class GraphReader:
    """Connections to one graph file, lent to one thread at a time."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._free: list[tuple[int, apsw.Connection]] = []
        self._lock = threading.Lock()
        self._closed = False

    @contextlib.contextmanager
    def snapshot(self) -> Iterator[Snapshot]:
        """The graph as it is now, and stays until the block ends.

        Raises Unavailable before the view is made, Corrupt if the file is damaged.
        """
        inode, db = self._take()
        try:
            # BEGIN reads nothing; the first SELECT fixes what is seen.
            db.execute("BEGIN")
            try:
                row = db.execute("SELECT fingerprint, origin, size, root FROM meta").get
                if row is None or row[0] != schema.FINGERPRINT:
                    raise apsw.SQLError("another program's schema")
                _, origin, size, root = row
                yield Snapshot(db, origin=origin or "", size=size, root=root)
            finally:
                if db.in_transaction:
                    db.execute("ROLLBACK")
        except apsw.SQLError as error:
            db.close(True)
            raise Unavailable(
                "the graph view is not made yet",
                where=str(self.path),
                got=str(error),
                do="Fold it first: `wherefrom views rebuild`, or wait for the server",
            ) from error
        except (apsw.CorruptError, apsw.NotADBError) as error:
            db.close(True)
            raise Corrupt(
                "the graph file is damaged",
                where=str(self.path),
                got=str(error),
                do="Run `wherefrom views rebuild`; nothing but time is lost",
            ) from error
        except BaseException:
            self._give_back(inode, db)
            raise
        self._give_back(inode, db)

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
        except apsw.CantOpenError as error:
            raise Unavailable(
                "the graph view cannot be opened", where=str(self.path), got=str(error)
            ) from error

    def _give_back(self, inode: int, db: apsw.Connection) -> None:
        with self._lock:
            if not self._closed:
                self._free.append((inode, db))
                return
        db.close(True)
