"""The tables of the estate, and how a connection to them is opened.

The file is an index over the log (``views.view_file``); what differs from this schema is discarded.

    keys ── number ⇄ (mode, scope, slot, name): one place that holds one value at a time
    said ── every statement about a key, by the time it is about
    streams, wholes ── who says of which scopes that a record has all, and when
    intervals ── what follows: (key, from, to, value), and between which log sizes we knew it so
    sequences ── the places of entries among those of their source, where it numbers them
    clocks ── what each producer's times were like, hour by hour (``clocks.py``)
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

from wherefrom.views import view_file
from wherefrom.views.estate import heard
from wherefrom.views.view_file import Shape

SCHEMA_VERSION: Final = 3
WRITER_CACHE_KIB: Final = 32 * 1024
READER_CACHE_KIB: Final = 16 * 1024
WAL_PAGES: Final = 8_192

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
CREATE TABLE sequences(
    source INTEGER, sequence TEXT, entry INTEGER, at INTEGER,
    PRIMARY KEY (source, sequence, entry)) WITHOUT ROWID;
CREATE UNIQUE INDEX sequences_by_entry ON sequences(entry);
CREATE INDEX sequences_by_source ON sequences(source, entry);
CREATE TABLE clocks(
    producer TEXT, hour INTEGER, records INTEGER, timed INTEGER, fastest INTEGER, slowest INTEGER,
    future INTEGER, newest_future INTEGER, PRIMARY KEY (producer, hour)) WITHOUT ROWID;
CREATE TABLE written(entry INTEGER PRIMARY KEY, source INTEGER, keys BLOB, streams BLOB);
"""


def open_writer(path: Path) -> apsw.Connection:
    """The one connection that folds. Creates the file, never the tables."""
    return view_file.open_writer(path, cache_kib=WRITER_CACHE_KIB, wal_pages=WAL_PAGES)


def open_reader(path: Path) -> apsw.Connection:
    """A connection that only reads; the file must exist."""
    return view_file.open_reader(path, cache_kib=READER_CACHE_KIB)


def create(db: apsw.Connection, *, facts_version: int) -> None:
    """Make the empty tables at size 0; the caller holds a transaction."""
    db.execute(_TABLES + heard.TABLES)
    db.execute("INSERT INTO meta VALUES (1, ?, ?, NULL, 0, NULL)", (SCHEMA_VERSION, facts_version))


SHAPE: Final = Shape("version", SCHEMA_VERSION, open_writer, create)
