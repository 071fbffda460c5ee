"""A file beside the log: what is kept in it for a time proves nothing, and may be deleted.

    BesideFile ──open_writer──► the one connection that writes, in the process that has the port
               └─reading──────► one a question; the file may be deleted at any time

A file of another version is begun anew: there is no migration.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NamedTuple

import apsw

from wherefrom.errors import Corrupt, StorageError
from wherefrom.views.view_file import drop

_BUSY_MS: Final = 5_000


class BesideFile(NamedTuple):
    """``what`` is kept in it, in words; ``tables`` makes them, as of ``version``."""

    what: str
    version: int
    tables: str

    def open_writer(self, path: Path) -> apsw.Connection:
        """Open or make the file. Raises StorageError."""
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            db = apsw.Connection(str(path))
            db.set_busy_timeout(_BUSY_MS)
            db.execute("PRAGMA journal_mode = WAL")
            db.execute("PRAGMA synchronous = NORMAL")
            # What is deleted is overwritten with zeros, not left on a free page.
            db.execute("PRAGMA secure_delete = ON")
            if db.execute("PRAGMA user_version").get != self.version:
                with db:
                    drop(db)
                    db.execute(self.tables)
                    db.execute(f"PRAGMA user_version = {self.version}")
        except apsw.Error as error:
            raise StorageError(
                f"the file of {self.what} cannot be opened", where=str(path), got=str(error),
                do="Delete it: it holds nothing that the log does not prove",
            ) from error  # fmt: skip
        return db

    @contextmanager
    def reading(self, path: Path) -> Iterator[apsw.Connection | None]:
        """A connection that only reads; None if there is no file, or one of another version.

        Raises Corrupt, also for what is asked inside.
        """
        if not path.exists():
            yield None
            return
        try:
            db = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READWRITE)
            try:
                db.set_busy_timeout(_BUSY_MS)
                db.execute("PRAGMA query_only = ON")
                yield db if db.execute("PRAGMA user_version").get == self.version else None
            finally:
                db.close()
        except (apsw.CorruptError, apsw.NotADBError) as error:
            raise Corrupt(
                f"the file of {self.what} is damaged", where=str(path), got=str(error),
                do="Stop the server and delete it: it holds nothing that the log does not prove",
            ) from error  # fmt: skip
