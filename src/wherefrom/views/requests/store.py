"""Spans at rest: kept by rule, found by trace and by id, summed up when their time is over.

    add(spans)  ──rules──► spans, ids          keyed by trace and span: sent twice is held once
    expire(now) ──keep_hours──► hours          by hour, environment, service, reality: how many,
                                               how many failed, how long they took together

One connection writes, in the process that has the port. The clock is the caller's.

Sizes:  EXPIRED_AT_ONCE spans a step, so that no request waits for a large one
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

import apsw
import msgspec

from wherefrom.errors import StorageError
from wherefrom.formats.otlp import Source, Span
from wherefrom.formats.span_rules import SpanRules
from wherefrom.views.beside_file import BesideFile

EXPIRED_AT_ONCE: Final = 20_000
HOUR: Final = 3_600 * 1_000_000

_TABLES: Final = """
CREATE TABLE sources(number INTEGER PRIMARY KEY, packed TEXT NOT NULL UNIQUE);
CREATE TABLE spans(
  trace BLOB NOT NULL, span BLOB NOT NULL, parent BLOB, start INTEGER NOT NULL,
  micros INTEGER NOT NULL, name TEXT NOT NULL, error INTEGER NOT NULL, source INTEGER NOT NULL,
  reality TEXT NOT NULL, flags TEXT NOT NULL, correlation TEXT NOT NULL, origin TEXT NOT NULL,
  caller TEXT NOT NULL, whole INTEGER NOT NULL,
  PRIMARY KEY (trace, span)) WITHOUT ROWID;
CREATE INDEX spans_by_start ON spans(start) WHERE whole = 0;
CREATE TABLE ids(id TEXT NOT NULL, trace BLOB NOT NULL, PRIMARY KEY (id, trace)) WITHOUT ROWID;
CREATE INDEX ids_by_trace ON ids(trace);
CREATE TABLE hours(
  hour INTEGER NOT NULL, environment TEXT NOT NULL, service TEXT NOT NULL, reality TEXT NOT NULL,
  spans INTEGER NOT NULL, errors INTEGER NOT NULL, micros INTEGER NOT NULL,
  PRIMARY KEY (hour, environment, service, reality)) WITHOUT ROWID;
"""
# For who calls whom. Made where it is missing: what is billable may not go with an old version.
_BILLABLE_BY_START: Final = (
    "CREATE INDEX IF NOT EXISTS billable_by_start ON spans(start) WHERE whole = 1"
)
FILE: Final = BesideFile("spans", 1, _TABLES)
_ADD_HOUR: Final = """
INSERT INTO hours VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET
spans = spans + excluded.spans, errors = errors + excluded.errors, micros = micros + excluded.micros
"""


class Kept(NamedTuple):
    """Of a batch: how many spans are held now, how many the rules left out."""

    kept: int
    left_out: int


class RequestStore:
    """The one writer of a file of spans. May be used by several threads, one at a time.

    rules  gives the rules in force

    Opens, or makes, the file; one of another version is begun anew. Raises StorageError.
    """

    def __init__(self, path: Path, rules: Callable[[], SpanRules]) -> None:
        self._rules, self._lock = rules, threading.Lock()
        self._sources: dict[Source, int] = {}
        self._db = FILE.open_writer(path)
        try:
            self._db.execute(_BILLABLE_BY_START)
        except apsw.Error as error:
            raise StorageError("the file of spans cannot be used", got=str(error)) from error

    def add(self, spans: Sequence[Span]) -> Kept:
        """Hold the spans that the rules keep. Raises StorageError, and holds none of them then."""
        rules = self._rules()
        with self._lock:
            try:
                with self._db:
                    kept = sum(self._add(span, rules) for span in spans)
            except apsw.Error as error:
                self._sources.clear()
                raise StorageError("spans could not be stored", got=str(error)) from error
        return Kept(kept, len(spans) - kept)

    def expire(self, now: int) -> int:
        """Sum up spans whose time is over; returns how many. ``now`` in microseconds."""
        until = now - self._rules().keep_hours * HOUR
        with self._lock:
            try:
                with self._db:
                    count = self._expire(until)
            except apsw.Error as error:
                raise StorageError("spans could not be summed up", got=str(error)) from error
        return count

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._db.close()

    def _add(self, span: Span, rules: SpanRules) -> bool:
        trace = bytes.fromhex(span.trace)
        if not rules.keeps(span) and not self._holds(trace):
            return False
        self._db.execute(
            "INSERT OR REPLACE INTO spans VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                trace, bytes.fromhex(span.span), bytes.fromhex(span.parent) or None, span.start,
                span.micros, span.name, span.error, self._source(span.source), span.reality,
                span.flags, span.correlation, span.origin, span.caller, rules.whole(span),
            ),
        )  # fmt: skip
        for id in span.ids:
            self._db.execute("INSERT OR IGNORE INTO ids VALUES (?, ?)", (id, trace))
        return True

    def _holds(self, trace: bytes) -> bool:
        return self._db.execute("SELECT 1 FROM spans WHERE trace = ?", (trace,)).get is not None

    def _source(self, source: Source) -> int:
        number = self._sources.get(source)
        if number is None:
            packed = msgspec.json.encode(source).decode()
            self._db.execute("INSERT OR IGNORE INTO sources(packed) VALUES (?)", (packed,))
            number = self._db.execute("SELECT number FROM sources WHERE packed = ?", (packed,)).get
            if len(self._sources) > 10_000:
                self._sources.clear()
            self._sources[source] = number
        assert isinstance(number, int)
        return number

    def _expire(self, until: int) -> int:
        found: list[Any] = self._db.execute(
            "SELECT trace, span, start, micros, error, reality, packed FROM spans "
            "JOIN sources ON number = source WHERE whole = 0 AND start < ? ORDER BY start LIMIT ?",
            (until, EXPIRED_AT_ONCE),
        ).fetchall()
        for trace, span, start, micros, error, reality, packed in found:
            source = msgspec.json.decode(packed, type=Source)
            hour = start - start % HOUR
            row = (hour, source.environment, source.service, reality, 1, error, micros)
            self._db.execute(_ADD_HOUR, row)
            self._db.execute("DELETE FROM spans WHERE trace = ? AND span = ?", (trace, span))
        for trace in {row[0] for row in found}:
            if not self._holds(trace):
                self._db.execute("DELETE FROM ids WHERE trace = ?", (trace,))
        return len(found)
