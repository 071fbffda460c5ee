"""The tables of the graph, and how a connection to them is opened.

The file is an index over the log (``views.view_file``); what differs from this schema is discarded.

    entries ── what the log said about each record: when, what kind, how far believed
    nodes / ids ── number ⇄ id            names, tags ── other ways to say it
    mentions ── node × entry: kind, name, properties
    causes / effects ── one edge, twice: by its effect, by its cause; with its first entry
    segments ── files with the edges that were sealed, out of those two tables
    repeats ── later entries that state an edge again
    edge_properties ── what an entry says of an edge
    verdicts, tombstones, missing, gaps ── what changes how the rest is read
    written ── what an entry wrote, so that a tombstone can take it back

An edge is stored once however often it is stated: a thousand SBOMs that say one package
specialises another cost a walk one row. ``flags`` tells a reader when there is more to fetch.

Sizes:  a node, an edge and an entry are integers here and nowhere else
Source: docs/formats/graph.md; docs/decisions/0004-graph-in-sqlite.md
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import apsw

from wherefrom.formats.facts import KINDS, RELATIONS
from wherefrom.views import view_file
from wherefrom.views.view_file import Shape

SCHEMA_VERSION: Final = 3
RELATION_NAMES: Final = tuple(RELATIONS)
RELATION_NUMBERS: Final = {name: number for number, name in enumerate(RELATION_NAMES)}
KIND_NAMES: Final = tuple(KINDS)
KIND_NUMBERS: Final = {name: number for number, name in enumerate(KIND_NAMES)}

ALTERNATE: Final = RELATION_NUMBERS["alternate"]
CONTAINS: Final = RELATION_NUMBERS["contains"]
DESCRIBES: Final = RELATION_NUMBERS["describes"]

# flags of an edge
REPEATED: Final = 1  # further entries state it: look in repeats
WITH_PROPERTIES: Final = 2  # the first statement carries properties

WRITER_CACHE_KIB: Final = 64 * 1024
READER_CACHE_KIB: Final = 16 * 1024
# Folding dirties pages at random; a long WAL writes each of them back once, not each time.
WAL_PAGES: Final = 16_384

# The numbers of relations and kinds are stored, so a changed table is another schema.
FINGERPRINT: Final = f"{SCHEMA_VERSION}|{' '.join(RELATION_NAMES)}|{' '.join(KIND_NAMES)}"

_TABLES: Final = """
CREATE TABLE meta(
    one INTEGER PRIMARY KEY CHECK (one = 1), fingerprint TEXT, facts_version INTEGER,
    origin TEXT, size INTEGER, root BLOB);
CREATE TABLE stamps(
    stamp INTEGER PRIMARY KEY, kind TEXT, type TEXT, level TEXT, signers TEXT,
    UNIQUE (kind, type, level, signers));
CREATE TABLE entries(
    entry INTEGER PRIMARY KEY, stamp INTEGER, occurred TEXT, received TEXT, document INTEGER);
CREATE TABLE nodes(node INTEGER PRIMARY KEY, id TEXT);
CREATE TABLE ids(id TEXT PRIMARY KEY, node INTEGER) WITHOUT ROWID;
CREATE TABLE mentions(
    node INTEGER, entry INTEGER, kind INTEGER, name TEXT, properties TEXT,
    PRIMARY KEY (node, entry)) WITHOUT ROWID;
CREATE TABLE causes(
    effect INTEGER, relation INTEGER, cause INTEGER, first INTEGER, flags INTEGER,
    PRIMARY KEY (effect, relation, cause)) WITHOUT ROWID;
CREATE TABLE effects(
    cause INTEGER, relation INTEGER, effect INTEGER, first INTEGER, flags INTEGER,
    PRIMARY KEY (cause, relation, effect)) WITHOUT ROWID;
CREATE TABLE segments(place INTEGER PRIMARY KEY, name TEXT UNIQUE);
CREATE TABLE repeats(
    effect INTEGER, relation INTEGER, cause INTEGER, entry INTEGER,
    PRIMARY KEY (effect, relation, cause, entry)) WITHOUT ROWID;
CREATE TABLE edge_properties(
    effect INTEGER, relation INTEGER, cause INTEGER, entry INTEGER, properties TEXT,
    PRIMARY KEY (effect, relation, cause, entry)) WITHOUT ROWID;
CREATE TABLE names(
    text TEXT, node INTEGER, first INTEGER, PRIMARY KEY (text, node)) WITHOUT ROWID;
CREATE TABLE tags(
    name TEXT, at TEXT, entry INTEGER, node INTEGER, said TEXT,
    PRIMARY KEY (name, at, entry, node)) WITHOUT ROWID;
CREATE TABLE tags_of(
    node INTEGER, name TEXT, at TEXT, entry INTEGER,
    PRIMARY KEY (node, name, at, entry)) WITHOUT ROWID;
CREATE TABLE verdicts(
    judged INTEGER, entry INTEGER, level TEXT, signers TEXT,
    PRIMARY KEY (judged, entry)) WITHOUT ROWID;
CREATE TABLE tombstones(
    erased INTEGER, entry INTEGER, PRIMARY KEY (erased, entry)) WITHOUT ROWID;
CREATE TABLE missing(entry INTEGER PRIMARY KEY);
CREATE TABLE gaps(entry INTEGER PRIMARY KEY, what TEXT, why TEXT, count INTEGER);
CREATE TABLE written(entry INTEGER PRIMARY KEY, rows BLOB);
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
    db.execute("INSERT INTO meta VALUES (1, ?, ?, NULL, 0, NULL)", (FINGERPRINT, facts_version))


SHAPE: Final = Shape("fingerprint", FINGERPRINT, open_writer, create)
