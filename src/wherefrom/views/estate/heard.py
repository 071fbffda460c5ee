"""Who was heard last, of what, where and of which kind: rows beside the estate's, in its file.

    heard ── number ⇄ (environment, about, kind, type, source, producer)
    heard_at ── when each of them was heard, by the entry

Nothing is counted or summed up, so a tombstone takes a record back by its entry alone, and what was
heard by a time, as known at a log size, is one seek.

Sizes:  a row a record for each thing it is about (``formats.heard`` limits them)
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import apsw

from wherefrom.formats.heard import Heard

if TYPE_CHECKING:
    from wherefrom.views.estate.snapshot import EstateSnapshot

CACHED_MAX: Final = 100_000
_Key = tuple[Heard, str, str]

TABLES: Final = """
CREATE TABLE heard(
    heard INTEGER PRIMARY KEY, about TEXT, environment TEXT, kind TEXT, type TEXT, source TEXT,
    producer TEXT, UNIQUE (about, environment, kind, type, source, producer));
CREATE TABLE heard_at(
    heard INTEGER, at INTEGER, entry INTEGER, PRIMARY KEY (heard, at, entry)) WITHOUT ROWID;
CREATE INDEX heard_by_entry ON heard_at(entry);
"""


class Last(NamedTuple):
    """Somebody who was heard, and when last: ``at`` in microseconds, by ``entry``.

    source    who the records say made them; ``producer`` who sent them, as entries name senders
    """

    environment: str
    about: str
    kind: str
    type: str
    source: str
    producer: str
    at: int
    entry: int


class HeardTables:
    """Writes, inside the fold's transaction; ``forget`` after a rollback."""

    def __init__(self, db: apsw.Connection) -> None:
        self._db = db
        self._numbers: dict[_Key, int] = {}
        self._rows: list[tuple[int, int, int]] = []

    def forget(self) -> None:
        """Drop what is cached, and not yet written: the tables may have changed under us."""
        self._numbers.clear()
        self._rows.clear()

    def flush(self) -> None:
        """Write what was added: many rows at once cost a third of each by itself."""
        self._db.executemany("INSERT INTO heard_at VALUES (?, ?, ?)", self._rows)
        self._rows.clear()

    def add(
        self, entry: int, some: Iterable[Heard], *, source: str, producer: str, at: int
    ) -> None:
        """Record ``entry`` was heard: of what it is about, at ``at``."""
        self._rows += [(self._number((heard, source, producer)), at, entry) for heard in some]

    def erase(self, entry: int) -> None:
        """Take back that ``entry`` was heard, and what only it named."""
        self.flush()
        rows: list[Any] = self._db.execute(
            "SELECT heard FROM heard_at WHERE entry = ?", (entry,)
        ).fetchall()
        self._db.execute("DELETE FROM heard_at WHERE entry = ?", (entry,))
        for row in rows:
            self._db.execute(
                "DELETE FROM heard WHERE heard = ? AND NOT EXISTS"
                " (SELECT 1 FROM heard_at WHERE heard_at.heard = heard.heard)",
                row,
            )
        self.forget()

    def _number(self, key: _Key) -> int:
        found = self._numbers.get(key)
        if found is None:
            (environment, about, kind, type), source, producer = key
            row = (about, environment, kind, type, source, producer)
            self._db.execute(
                "INSERT INTO heard VALUES (NULL, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING", row
            )
            found = self._db.execute(
                "SELECT heard FROM heard WHERE about = ? AND environment = ? AND kind = ?"
                " AND type = ? AND source = ? AND producer = ?",
                row,
            ).get
            if len(self._numbers) >= CACHED_MAX:
                self._numbers.clear()
            self._numbers[key] = found
        return found


_LAST: Final = """
    SELECT environment, about, kind, type, source, producer, h.at, h.entry
    FROM heard CROSS JOIN heard_at h
    WHERE about IN ({marks}) AND h.heard = heard.heard AND (h.at, h.entry) = (
        SELECT at, entry FROM heard_at WHERE heard = heard.heard AND at <= ? AND entry < ?
        ORDER BY at DESC, entry DESC LIMIT 1)
    ORDER BY about, environment, kind, type, source, producer"""
_CHUNK: Final = 500


def last_heard(
    estate: EstateSnapshot, abouts: Collection[str], *, at: int, as_of: int | None = None
) -> list[Last]:
    """Everybody who was heard of these things by ``at``, and when last."""
    size, wanted, found = estate.need(as_of), sorted(set(abouts)), []
    for first in range(0, len(wanted), _CHUNK):
        some = wanted[first : first + _CHUNK]
        query = _LAST.format(marks=", ".join("?" * len(some)))
        found += [Last(*row) for row in estate.db.execute(query, (*some, at, size))]
    return found


def heard_in(
    estate: EstateSnapshot, entries: Collection[int], *, as_of: int | None = None
) -> list[Last]:
    """What these entries were heard as."""
    size, wanted, found = estate.need(as_of), sorted(set(entries)), []
    for first in range(0, len(wanted), _CHUNK):
        some = wanted[first : first + _CHUNK]
        found += [
            Last(*row)
            for row in estate.db.execute(
                "SELECT environment, about, kind, type, source, producer, h.at, h.entry"
                " FROM heard_at h CROSS JOIN heard USING (heard)"
                f" WHERE h.entry IN ({', '.join('?' * len(some))}) AND h.entry < ?"
                " ORDER BY h.entry, about, environment, kind",
                (*some, size),
            )
        ]
    return found


def services_heard(estate: EstateSnapshot, *, at: int, as_of: int | None = None) -> list[str]:
    """Every service that a record was about by ``at``, by name."""
    rows = estate.db.execute(
        "SELECT DISTINCT substr(about, 9) FROM heard WHERE about >= 'service:' AND"
        " about < 'service;' AND EXISTS (SELECT 1 FROM heard_at h WHERE h.heard = heard.heard"
        " AND h.at <= ? AND h.entry < ?) ORDER BY about",
        (at, estate.need(as_of)),
    )
    return [row[0] for row in rows]


def sources_heard(
    estate: EstateSnapshot, kind: str, *, at: int, as_of: int | None = None
) -> list[str]:
    """Everybody who records of a kind say made them, by ``at``."""
    rows = estate.db.execute(
        "SELECT DISTINCT source FROM heard WHERE kind = ? AND source != '' AND EXISTS"
        " (SELECT 1 FROM heard_at h WHERE h.heard = heard.heard AND h.at <= ? AND h.entry < ?)"
        " ORDER BY source",
        (kind, at, estate.need(as_of)),
    )
    return [row[0] for row in rows]
