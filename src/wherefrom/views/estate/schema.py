"""The tables of the estate, and how a connection to them is opened.

The file is an index over the log: it can be deleted and folded again, so it is never synced to
the disk by hand and never migrated. What differs from this schema is discarded.

    keys ── number ⇄ (mode, scope, slot, name): one place that holds one value at a time
    said ── every statement about a key, by the time it is about
    streams, wholes ── who says of which scopes that a record has all, and when
    intervals ── what follows: (key, from, to, value), and between which log sizes we knew it so
    written ── what an entry said, so that a tombstone can take it back
    sources ── number ⇄ who said it
    heard, heard_at ── who was heard, of what, when (``heard``)

Bitemporal: ``began`` and ``ended`` are when it held; ``known`` is the entry that taught it, and
``denied`` the entry that taught otherwise. At log size N those rows count with known < N ≤ denied.

Sizes:  times are microseconds since 1970 · FOR_EVER stands for no end, in both times
Source: docs/decisions/0026-estate.md
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import apsw

from wherefrom.views.estate import heard

SCHEMA_VERSION: Final = 2
WRITER_CACHE_KIB: Final = 32 * 1024
READER_CACHE_KIB: Final = 16 * 1024
MMAP_BYTES: Final = 8 * 1024**3
WAL_PAGES: Final = 8_192
BUSY_MS_MAX: Final = 10_000

_TABLES: Final = """
CREATE TABLE meta(
    one INTEGER PRIMARY KEY CHECK (one = 1), version INTEGER, facts_version INTEGER,
    origin TEXT, size INTEGER, root BLOB);
CREATE TABLE keys(
    key INTEGER PRIMARY KEY, environment TEXT, service TEXT, mode TEXT, slot TEXT,
    region TEXT, pool TEXT, instance TEXT, name TEXT,
    UNIQUE (environment, service, mode, slot, region, pool, instance, name));
CREATE INDEX keys_by_service ON keys(service);
CREATE TABLE sources(source INTEGER PRIMARY KEY, text TEXT UNIQUE);
CREATE TABLE said(
    key INTEGER, at INTEGER, entry INTEGER, source INTEGER, value TEXT, says TEXT, properties TEXT,
    PRIMARY KEY (key, at, entry)) WITHOUT ROWID;
CREATE INDEX said_by_entry ON said(key, entry);
CREATE TABLE streams(
    stream INTEGER PRIMARY KEY, source INTEGER, mode TEXT, environment TEXT, service TEXT,
    region TEXT, pool TEXT, instance TEXT, slots TEXT,
    UNIQUE (source, mode, environment, service, region, pool, instance, slots));
CREATE TABLE wholes(
    stream INTEGER, at INTEGER, entry INTEGER, PRIMARY KEY (stream, at, entry)) WITHOUT ROWID;
CREATE TABLE intervals(
    key INTEGER, began INTEGER, known INTEGER, ended INTEGER, denied INTEGER, value TEXT,
    entry INTEGER, ended_by INTEGER,
    PRIMARY KEY (key, began, known, ended)) WITHOUT ROWID;
CREATE INDEX intervals_by_began ON intervals(began);
CREATE INDEX intervals_by_ended ON intervals(ended);
CREATE TABLE written(entry INTEGER PRIMARY KEY, source INTEGER, keys BLOB, streams BLOB);
"""


def open_writer(path: Path) -> apsw.Connection:
    """The one connection that folds. Creates the file, never the tables."""
    db = apsw.Connection(str(path))
    try:
        db.set_busy_timeout(BUSY_MS_MAX)
        db.execute("PRAGMA journal_mode = WAL")
        # A power cut may lose the tail of the view or, at worst, the view: it is folded again.
        db.execute("PRAGMA synchronous = OFF")
        db.execute(f"PRAGMA cache_size = -{WRITER_CACHE_KIB}")
        db.execute(f"PRAGMA mmap_size = {MMAP_BYTES}")
        db.execute("PRAGMA temp_store = MEMORY")
        db.wal_autocheckpoint(WAL_PAGES)
        # What a tombstone deletes is overwritten with zeros, not left on a free page.
        db.execute("PRAGMA secure_delete = ON")
    except BaseException:
        db.close(True)
        raise
    return db


def open_reader(path: Path) -> apsw.Connection:
    """A connection that only reads; the file must exist."""
    db = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READWRITE)
    db.set_busy_timeout(BUSY_MS_MAX)
    db.execute("PRAGMA query_only = ON")
    db.execute(f"PRAGMA cache_size = -{READER_CACHE_KIB}")
    db.execute(f"PRAGMA mmap_size = {MMAP_BYTES}")
    return db


def create(db: apsw.Connection, *, facts_version: int) -> None:
    """Make the empty tables at size 0; the caller holds a transaction."""
    db.execute(_TABLES + heard.TABLES)
    db.execute("INSERT INTO meta VALUES (1, ?, ?, NULL, 0, NULL)", (SCHEMA_VERSION, facts_version))


def drop(db: apsw.Connection) -> None:
    """Drop every table there is; the caller holds a transaction."""
    found = db.execute("SELECT name FROM sqlite_schema WHERE type = 'table'").fetchall()
    for (name,) in found:
        db.execute(f'DROP TABLE "{name}"')
