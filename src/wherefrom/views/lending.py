"""Connections to one view's file, for any number of threads, while another process folds it.

    Lending ──lend()──► a connection, one thread's until the block ends; then another's

What failed in SQLite is closed, what failed in the asker goes on; a file that was replaced under
its name is opened anew.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import apsw

from wherefrom.errors import Corrupt, Unavailable
from wherefrom.views.view_file import Shape


class Standing(NamedTuple):
    """What a view's file says of itself: of which log, how many entries it has read, their root."""

    origin: str
    size: int
    root: bytes | None


class Lending:
    """The connections of one view.

    view     what it is called: ``graph``, ``estate``
    open     opens the file, which must exist, for reading
    missing  what to say where there is no file
    """

    def __init__(
        self, path: Path, view: str, open: Callable[[Path], apsw.Connection], *, missing: str
    ) -> None:
        self.path = path
        self._view = view
        self._open = open
        self._missing = missing
        self._free: list[tuple[int, apsw.Connection]] = []
        self._lock = threading.Lock()
        self._closed = False

    def begin(self, db: apsw.Connection, shape: Shape, *, not_made: str) -> Standing:
        """Begin a transaction on what was lent: all it reads is as of one standing.

        Raises Unavailable, saying ``not_made``, for a file that this program did not make.
        """
        db.execute("BEGIN")  # reads nothing; the first SELECT fixes what is seen
        try:
            row = db.execute(f"SELECT {shape.column}, origin, size, root FROM meta").get
        except apsw.SQLError:
            row = None
        if row is None or row[0] != shape.value:
            raise self.missing(not_made)
        _, origin, size, root = row
        return Standing(origin or "", size, root)

    @contextlib.contextmanager
    def lend(self) -> Iterator[apsw.Connection]:
        """A connection; whatever transaction is open in it at the end is rolled back.

        Raises Unavailable where there is no file yet, Corrupt if it is damaged.
        """
        inode, db = self._take()
        sound = False
        try:
            yield db
            sound = True
        except (apsw.CorruptError, apsw.NotADBError) as error:
            raise self.damaged(error) from error
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

    def close(self) -> None:
        """Close every connection: those that are lent out when they come back."""
        with self._lock:
            self._closed = True
            free, self._free = self._free, []
        for _, db in free:
            db.close(True)

    def missing(self, what: str) -> Unavailable:
        """There is no such view yet."""
        return Unavailable(
            what,
            where=str(self.path),
            do="Fold it first: `wherefrom views rebuild`, or wait for the server",
        )

    def damaged(self, error: Exception) -> Corrupt:
        """The file is not what was written."""
        return Corrupt(
            f"the {self._view} file is damaged",
            where=str(self.path),
            got=str(error),
            do="Run `wherefrom views rebuild`; nothing but time is lost",
        )

    def _take(self) -> tuple[int, apsw.Connection]:
        try:
            inode = self.path.stat().st_ino
        except FileNotFoundError as error:
            raise self.missing(self._missing) from error
        while True:
            with self._lock:
                if not self._free:
                    break
                found, db = self._free.pop()
            if found == inode:
                return inode, db
            db.close(True)  # the file was replaced under its name
        try:
            return inode, self._open(self.path)
        except (apsw.CorruptError, apsw.NotADBError) as error:
            raise self.damaged(error) from error
        except apsw.CantOpenError as error:
            raise Unavailable(
                f"the {self._view} view cannot be opened",
                where=str(self.path),
                got=str(error),
                do="Make the views again: wherefrom views rebuild",
            ) from error

    def _give_back(self, inode: int, db: apsw.Connection) -> None:
        with self._lock:
            if not self._closed:
                self._free.append((inode, db))
                return
        db.close(True)
