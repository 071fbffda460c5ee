"""Pushed series at rest: by time, for as long as the settings say, and summed up by hour then.

    add(series) ──keep_hours──► places, samples      what is sent twice is held once, the last
    expire(now) ──────────────► hours                by hour, place and metric: how many, their sum

One connection writes, in the process that has the port. The clock is the caller's. What a counter
of OTLP said last lies here too, so that a restart loses nothing of the next.

Sizes:  SAMPLES_MAX samples · PLACES_MAX places · COUNTERS_MAX counters · AHEAD_S ahead of the clock
        EXPIRED_AT_ONCE samples a step, so that no push waits for a large one
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, NamedTuple

import apsw
import msgspec

from wherefrom.errors import LimitPassed, StorageError
from wherefrom.formats.otlp_metrics import Past, Point, Told, since, to_series
from wherefrom.formats.series import Labels, Series
from wherefrom.formats.series_settings import SeriesSettings
from wherefrom.views.beside_file import BesideFile

SAMPLES_MAX: Final = 50_000_000
PLACES_MAX: Final = 200_000
COUNTERS_MAX: Final = 500_000
AHEAD_S: Final = 600.0
EXPIRED_AT_ONCE: Final = 20_000
HOUR_S: Final = 3_600

_TABLES: Final = """
CREATE TABLE places(number INTEGER PRIMARY KEY, packed TEXT NOT NULL UNIQUE, last REAL NOT NULL);
CREATE INDEX places_last ON places(last);
CREATE TABLE samples(
  at REAL NOT NULL, place INTEGER NOT NULL, value REAL NOT NULL,
  PRIMARY KEY (at, place)) WITHOUT ROWID;
CREATE TABLE hours(
  hour INTEGER NOT NULL, packed TEXT NOT NULL, samples INTEGER NOT NULL, total REAL NOT NULL,
  PRIMARY KEY (hour, packed)) WITHOUT ROWID;
CREATE TABLE counters(key BLOB PRIMARY KEY, at REAL NOT NULL, packed BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE held(samples INTEGER NOT NULL);
INSERT INTO held VALUES (0);
"""
FILE: Final = BesideFile("series", 2, _TABLES)
_ADD_HOUR: Final = """
INSERT INTO hours VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET
samples = samples + excluded.samples, total = total + excluded.total
"""


class Kept(NamedTuple):
    """Of a push: how many samples are held, and how many were too old or ahead of the clock."""

    kept: int
    left_out: int


class SeriesStore:
    """The one writer of a file of series. May be used by several threads, one at a time.

    settings  gives the settings in force

    Opens, or makes, the file; one of another version is begun anew. Raises StorageError.
    """

    def __init__(self, path: Path, settings: Callable[[], SeriesSettings]) -> None:
        self.settings, self._lock = settings, threading.Lock()
        self._places: dict[tuple[Labels, str], int] = {}
        self._db = FILE.open_writer(path)

    def add(self, found: Sequence[Series], *, now: float) -> Kept:
        """Hold what is not too old. ``now`` in seconds. Raises StorageError, LimitPassed: none of
        them is held then."""
        with self._changing():
            return self._add(found, now)

    def add_points(self, points: Sequence[Point], *, now: float) -> Kept:
        """Hold what points say, less what each counted before. Raises as ``add``."""
        with self._changing():
            in_order = sorted(points, key=lambda point: point.at)
            told = [one for point in in_order if (one := self._since(point, now)) is not None]
            return self._add(to_series(told, slow_ms=self.settings().slow_ms), now)

    @contextmanager
    def _changing(self) -> Iterator[None]:
        """One transaction; what it remembers of places is forgotten with it."""
        with self._lock:
            try:
                with self._db:
                    yield
            except apsw.Error as error:
                self._places.clear()
                raise StorageError("series could not be stored", got=str(error)) from error
            except BaseException:
                self._places.clear()
                raise

    def _add(self, found: Sequence[Series], now: float) -> Kept:
        since = now - self.settings().keep_hours * HOUR_S
        kept = left_out = 0
        for one in found:
            number = self._place(one.labels, one.metric)
            rows = [
                (at, number, value)
                for at, value in zip(one.times, one.values, strict=True)
                if since <= at <= now + AHEAD_S
            ]
            if rows:
                self._insert(rows)
                # In the order of time, as they are: when its last sample is over, so is the place.
                self._db.execute(
                    "UPDATE places SET last = ? WHERE number = ? AND last < ?",
                    (rows[-1][0], number, rows[-1][0]),
                )
            kept += len(rows)
            left_out += len(one.times) - len(rows)
        return Kept(kept, left_out)

    def _since(self, point: Point, now: float) -> Told | None:
        if not point.grows:
            return since(point, None)
        if point.at > now + AHEAD_S:
            return None  # else nothing would count until then
        packed = self._db.execute("SELECT packed FROM counters WHERE key = ?", (point.key,)).get
        past = None if packed is None else msgspec.json.decode(packed, type=Past)
        told = since(point, past)
        if past is None or past.at < point.at:
            kept = msgspec.json.encode(Past(point.start, point.at, point.amount))
            self._db.execute(
                "INSERT OR REPLACE INTO counters VALUES (?, ?, ?)", (point.key, point.at, kept)
            )
            if past is None:
                self._need_room()
        return told

    def _need_room(self) -> None:
        if (self._db.execute("SELECT count(*) FROM counters").get or 0) > COUNTERS_MAX:
            raise LimitPassed(
                "as many counters are held as may be", expected=f"counters_max {COUNTERS_MAX}",
                do="Do requests' ids or addresses stand in an attribute?",
            )  # fmt: skip

    def expire(self, now: float) -> int:
        """Sum up samples whose time is over; returns how many. ``now`` in seconds."""
        with self._changing():
            return self._expire(now - self.settings().keep_hours * HOUR_S)

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._db.close()

    def _insert(self, rows: Sequence[tuple[float, int, float]]) -> None:
        before = self._db.total_changes()
        self._db.executemany("INSERT OR IGNORE INTO samples VALUES (?, ?, ?)", rows)
        new = self._db.total_changes() - before
        if new < len(rows):  # some were sent before
            self._db.executemany("UPDATE samples SET value = ?3 WHERE at = ?1 AND place = ?2", rows)
        held = self._db.execute("SELECT samples FROM held").get or 0
        if held + new > SAMPLES_MAX:
            raise LimitPassed(
                "as many samples are held as may be", expected=f"samples_max {SAMPLES_MAX}",
                do="Keep them for a shorter time: keep_hours in series.json",
            )  # fmt: skip
        self._db.execute("UPDATE held SET samples = samples + ?", (new,))

    def _place(self, labels: Labels, metric: str) -> int:
        number = self._places.get((labels, metric))
        if number is not None:
            return number
        packed = msgspec.json.encode((labels, metric)).decode()
        self._db.execute("INSERT OR IGNORE INTO places(packed, last) VALUES (?, 0)", (packed,))
        if self._db.changes() and (self._db.execute("SELECT count(*) FROM places").get or 0) > (
            PLACES_MAX
        ):
            raise LimitPassed(
                "as many places are measured as may be", expected=f"places_max {PLACES_MAX}",
                do="Do requests' ids or addresses stand in a label?",
            )  # fmt: skip
        number = self._db.execute("SELECT number FROM places WHERE packed = ?", (packed,)).get
        assert isinstance(number, int)
        self._places[labels, metric] = number
        return number

    def _expire(self, until: float) -> int:
        found: list[Any] = self._db.execute(
            "SELECT at, place, value, packed FROM samples JOIN places ON number = place"
            " WHERE at < ? ORDER BY at LIMIT ?",
            (until, EXPIRED_AT_ONCE),
        ).fetchall()
        for at, place, value, packed in found:
            self._db.execute(_ADD_HOUR, (int(at) - int(at) % HOUR_S, packed, 1, value))
            self._db.execute("DELETE FROM samples WHERE at = ? AND place = ?", (at, place))
        if found:
            self._db.execute("UPDATE held SET samples = samples - ?", (len(found),))
            # Hours are kept a hundred times as long as what they are made of.
            self._db.execute(
                "DELETE FROM hours WHERE hour < ?",
                (until - 100 * self.settings().keep_hours * HOUR_S,),
            )
        else:
            self._drop_unused(until)
        return len(found)

    def _drop_unused(self, until: float) -> None:
        self._db.execute("DELETE FROM counters WHERE at < ?", (until,))
        self._db.execute("DELETE FROM places WHERE last < ?", (until,))
        if self._db.changes():
            self._places.clear()
