"""Reading an estate while it is folded: any number of threads and processes, one snapshot each."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from pathlib import Path

import apsw

from wherefrom.errors import Corrupt, Unavailable
from wherefrom.views.estate import schema
from wherefrom.views.estate.snapshot import EstateSnapshot


class EstateReader:
    """Connections to one estate file, lent to one thread at a time."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._free: list[tuple[int, apsw.Connection]] = []
        self._lock = threading.Lock()

    @contextlib.contextmanager
    def snapshot(self) -> Iterator[EstateSnapshot]:
        """The estate as it is now, and stays until the block ends.

        Raises Unavailable before the view is made, Corrupt if the file is damaged.
        """
        inode, db = self._take()
        sound = False
        try:
            db.execute("BEGIN")  # reads nothing; the first SELECT fixes what is seen
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
                with self._lock:
                    self._free.append((inode, db))
            else:
                db.close(True)

    def _begin(self, db: apsw.Connection) -> EstateSnapshot:
        try:
            row = db.execute("SELECT version, origin, size, root FROM meta").get
        except apsw.SQLError:
            row = None
        if row is None or row[0] != schema.SCHEMA_VERSION:
            raise self._not_made()
        _, origin, size, root = row
        return EstateSnapshot(db, origin=origin or "", size=size, root=root)

    def close(self) -> None:
        """Close every connection that is not lent out."""
        with self._lock:
            free, self._free = self._free, []
        for _, db in free:
            db.close(True)

    def _take(self) -> tuple[int, apsw.Connection]:
        try:
            inode = self.path.stat().st_ino
        except FileNotFoundError as error:
            raise self._not_made() from error
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
                "the estate view cannot be opened", where=str(self.path), got=str(error)
            ) from error

    def _not_made(self) -> Unavailable:
        return Unavailable(
            "the estate view is not made yet, or by another version", where=str(self.path),
            do="Fold it first: `wherefrom views rebuild`, or wait for the server",
        )  # fmt: skip

    def _damaged(self, error: Exception) -> Corrupt:
        return Corrupt(
            "the estate file is damaged",
            where=str(self.path),
            got=str(error),
            do="Run `wherefrom views rebuild`; nothing but time is lost",
        )
