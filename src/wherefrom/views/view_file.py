"""The file of a view: how a connection to it is opened, and how it is emptied.

It is an index over the log: it can be deleted and folded again, so it is never synced to the disk
by hand and never migrated.

Sizes:  a connection waits BUSY_MS_MAX for another
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final, NamedTuple, Protocol

import apsw

BUSY_MS_MAX: Final = 10_000
MMAP_BYTES: Final = 8 * 1024**3


class Create(Protocol):
    """Makes the empty tables at size 0; the caller holds a transaction."""

    def __call__(self, db: apsw.Connection, *, facts_version: int) -> None: ...


class Shape(NamedTuple):
    """What a view's file looks like: ``column`` of the table ``meta`` holds ``value`` if this
    program made it."""

    column: str
    value: str | int
    open: Callable[[Path], apsw.Connection]
    create: Create


def open_writer(path: Path, *, cache_kib: int, wal_pages: int) -> apsw.Connection:
    """The one connection that folds. Creates the file, never the tables.

    wal_pages  how long the write-ahead log becomes before it is written back
    """
    db = apsw.Connection(str(path))
    try:
        db.set_busy_timeout(BUSY_MS_MAX)
        db.execute("PRAGMA journal_mode = WAL")
        # A power cut may lose the tail of the view or, at worst, the view: it is folded again.
        db.execute("PRAGMA synchronous = OFF")
        db.execute(f"PRAGMA cache_size = -{cache_kib}")
        db.execute(f"PRAGMA mmap_size = {MMAP_BYTES}")
        db.execute("PRAGMA temp_store = MEMORY")
        db.wal_autocheckpoint(wal_pages)
        # What a tombstone deletes is overwritten with zeros, not left on a free page.
        db.execute("PRAGMA secure_delete = ON")
    except BaseException:
        db.close(True)
        raise
    return db


def open_reader(path: Path, *, cache_kib: int) -> apsw.Connection:
    """A connection that only reads; the file must exist."""
    db = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READWRITE)
    db.set_busy_timeout(BUSY_MS_MAX)
    db.execute("PRAGMA query_only = ON")
    db.execute(f"PRAGMA cache_size = -{cache_kib}")
    db.execute(f"PRAGMA mmap_size = {MMAP_BYTES}")
    return db


def drop(db: apsw.Connection) -> None:
    """Drop every table there is, ours or an older schema's; the caller holds a transaction."""
    found = db.execute("SELECT name FROM sqlite_schema WHERE type = 'table'").fetchall()
    for (name,) in found:
        db.execute(f'DROP TABLE "{name}"')
