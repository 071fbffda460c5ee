"""What the times of each producer are like, hour by hour: how long after it happened we hear of it.

    entries ──► (producer, hour of received): how many, how many say when, the fastest, the slowest,
                and how many are dated after they were received

It follows from entries alone, never from contents, so nothing of it has to be erased.

Sizes:  a row an hour in which a producer sent something · times are microseconds; those from
        ``occurred`` to ``received`` are below zero for what is dated in the future
Source: docs/decisions/0032-clocks.md
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final, NamedTuple

import apsw

from wherefrom.formats.entry import Entry
from wherefrom.formats.timestamps import micros

# Clocks that are kept by NTP, and the way here, differ by less.
FUTURE_MICROS: Final = 1_000_000
HOUR_MICROS: Final = 3_600 * 1_000_000
NUMBERED_MAX: Final = 1_000
NEIGHBOURS_MAX: Final = 100
SOURCES_MAX: Final = 1_000
# What lies further apart was not counted up to, and some readers of JSON know no larger numbers.
MISSING_MAX: Final = 2**53


class Clocks:
    """Gathers the entries of one transaction; ``forget`` after a rollback."""

    def __init__(self, db: apsw.Connection) -> None:
        self._db = db
        self.forget()

    def forget(self) -> None:
        """Drop what was gathered and not written."""
        self._gathered: dict[tuple[str, int], list[int | None]] = {}

    def add(self, index: int, entry: Entry) -> None:
        """Count one entry."""
        received = micros(entry.received)
        hour = received // HOUR_MICROS
        row = self._gathered.setdefault((entry.producer, hour), [0, 0, None, None, 0, None])
        row[0] = (row[0] or 0) + 1
        if entry.occurred is None:
            return
        late = received - micros(entry.occurred)
        _, timed, fastest, slowest, future, _ = row
        row[1] = (timed or 0) + 1
        row[2] = late if fastest is None else min(late, fastest)
        row[3] = late if slowest is None else max(late, slowest)
        if late < -FUTURE_MICROS:
            row[4:] = (future or 0) + 1, index

    def write(self) -> None:
        """Add what was gathered to the table; the caller holds a transaction."""
        self._db.executemany(
            """INSERT INTO clocks VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET
            records = records + excluded.records, timed = timed + excluded.timed,
            fastest = min(coalesce(fastest, excluded.fastest), coalesce(excluded.fastest, fastest)),
            slowest = max(coalesce(slowest, excluded.slowest), coalesce(excluded.slowest, slowest)),
            future = future + excluded.future,
            newest_future = coalesce(excluded.newest_future, newest_future)""",
            [(*key, *row) for key, row in self._gathered.items()],
        )
        self.forget()


class Tally(NamedTuple):
    """One producer's hours, added up."""

    producer: str
    records: int
    timed: int
    fastest: int | None
    slowest: int | None
    future: int
    newest_future: int | None


class Numbers(NamedTuple):
    """The newest records of a source that numbers them: which are out of order, how many are
    missing between them; None if the numbers are no numbers, or do not count records."""

    source: str
    records: int
    newest: str
    reordered: list[int]
    missing: int | None


def tallies(db: apsw.Connection, *, since: int, until: int) -> list[Tally]:
    """Of each producer that sent something in the hours of a window."""
    rows = db.execute(
        """SELECT producer, sum(records), sum(timed), min(fastest), max(slowest), sum(future),
        max(newest_future) FROM clocks WHERE hour BETWEEN ? AND ? GROUP BY producer""",
        (since // HOUR_MICROS, until // HOUR_MICROS),
    )
    return [Tally(*row) for row in rows]


def numberings(db: apsw.Connection) -> Iterator[Numbers]:
    """Of each source that numbers its records; SOURCES_MAX at most."""
    sources = db.execute(
        "SELECT source, text FROM sources WHERE EXISTS"
        " (SELECT 1 FROM sequences WHERE sequences.source = sources.source) ORDER BY text LIMIT ?",
        (SOURCES_MAX,),
    ).fetchall()
    for source, text in sources:
        rows: list[Any] = db.execute(
            "SELECT sequence, entry, at FROM sequences WHERE source = ?"
            " ORDER BY sequence DESC, entry DESC LIMIT ?",
            (source, NUMBERED_MAX),
        ).fetchall()[::-1]
        wrong: set[int] = set()
        latest, first = -(2**62), 2**62
        for _, entry, at in rows:
            if at < latest:
                wrong.add(entry)
            latest = max(latest, at)
        for _, entry, _ in reversed(rows):
            if entry > first:
                wrong.add(entry)
            first = min(first, entry)
        numbers = sorted({int(row[0]) for row in rows if _is_number(row[0])})
        missing = numbers[-1] - numbers[0] + 1 - len(numbers) if numbers else 0
        counted = bool(numbers) and missing <= MISSING_MAX
        yield Numbers(
            str(text), len(rows), rows[-1][0], sorted(wrong), missing if counted else None
        )


def _is_number(sequence: str) -> bool:
    return sequence.isascii() and sequence.isdecimal()


def out_of_order(db: apsw.Connection, entries: Iterable[int], *, size: int) -> set[int]:
    """Those of ``entries`` that are dated before, or came after, what their source's numbers put
    on the other side; as known at ``size``. Looked at are the NEIGHBOURS_MAX numbers below each,
    and as many records of its source that came before it."""
    if not db.execute("SELECT 1 FROM sequences LIMIT 1").get:
        return set()
    found = set()
    for entry in entries:
        row = db.execute("SELECT source, sequence, at FROM sequences WHERE entry = ?", (entry,)).get
        if row is None:
            continue
        source, sequence, at = row
        latest = db.execute(
            "SELECT max(at) FROM (SELECT at FROM sequences WHERE source = ? AND sequence < ?"
            " AND entry < ? ORDER BY sequence DESC LIMIT ?)",
            (source, sequence, size, NEIGHBOURS_MAX),
        ).get
        # Nothing below an entry changes: unlike those of higher numbers, these are few at any size.
        highest = db.execute(
            "SELECT max(sequence) FROM (SELECT sequence FROM sequences WHERE source = ?"
            " AND entry < ? ORDER BY entry DESC LIMIT ?)",
            (source, entry, NEIGHBOURS_MAX),
        ).get
        if (latest is not None and latest > at) or (highest is not None and highest > sequence):
            found.add(entry)
    return found
