"""The tables of the view of health, and how a connection to them is opened.

The file is an index over the log (``views.view_file``); what differs from this schema is discarded.

    parts ── number ⇄ (environment, service, kind, trust, producer)
    counts ── block × hour of ``received`` × part × how late: records, bytes, things, aliases
    events ── what single records tell: decisions, rebuilds, incidents, causes, measures, refusals
    made ── what builds made
    erased ── entries that a tombstone took away

A *block* is BLOCK entries of the log that follow each other: what counts below a log size is the sum
of the blocks below it, and the records of one block, which are counted again when asked.

Sizes:  times are microseconds since 1970, hours whole ones since then
Source: docs/decisions/0050-health.md
"""  # noqa: E501 - one sentence

from __future__ import annotations

from pathlib import Path
from typing import Final

import apsw

from wherefrom.views import view_file
from wherefrom.views.view_file import Shape

SCHEMA_VERSION: Final = 2
BLOCK: Final = 1024
WRITER_CACHE_KIB: Final = 2 * 1024
READER_CACHE_KIB: Final = 2 * 1024
WAL_PAGES: Final = 1_024

_TABLES: Final = """
CREATE TABLE meta(
    one INTEGER PRIMARY KEY CHECK (one = 1), version INTEGER, facts_version INTEGER,
    origin TEXT, size INTEGER, root BLOB);
CREATE TABLE parts(
    part INTEGER PRIMARY KEY, environment TEXT, service TEXT, kind TEXT, trust TEXT,
    producer TEXT, UNIQUE (environment, service, kind, trust, producer));
CREATE TABLE counts(
    hour INTEGER, block INTEGER, part INTEGER, late INTEGER,
    records INTEGER, bytes INTEGER, things INTEGER, aliases INTEGER,
    PRIMARY KEY (hour, block, part, late)) WITHOUT ROWID;
CREATE INDEX counts_by_block ON counts(block);
CREATE TABLE events(
    what TEXT, received INTEGER, entry INTEGER, place INTEGER, id TEXT, at INTEGER, trust TEXT,
    says TEXT, PRIMARY KEY (what, received, entry, place)) WITHOUT ROWID;
CREATE INDEX events_by_entry ON events(entry);
CREATE TABLE made(
    received INTEGER, entry INTEGER, id TEXT, kind TEXT,
    PRIMARY KEY (received, entry, id)) WITHOUT ROWID;
CREATE INDEX made_by_entry ON made(entry);
CREATE TABLE erased(entry INTEGER PRIMARY KEY);
"""


def open_writer(path: Path) -> apsw.Connection:
    """The one connection that folds. Creates the file, never the tables."""
    return view_file.open_writer(path, cache_kib=WRITER_CACHE_KIB, wal_pages=WAL_PAGES)


def open_reader(path: Path) -> apsw.Connection:
    """A connection that only reads; the file must exist."""
    return view_file.open_reader(path, cache_kib=READER_CACHE_KIB)


def create(db: apsw.Connection, *, facts_version: int) -> None:
    """Make the empty tables at size 0; the caller holds a transaction."""
    db.execute(_TABLES)
    db.execute("INSERT INTO meta VALUES (1, ?, ?, NULL, 0, NULL)", (SCHEMA_VERSION, facts_version))


SHAPE: Final = Shape("version", SCHEMA_VERSION, open_writer, create)
