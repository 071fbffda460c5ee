"""The fold: from the log to counts, a bounded number of records at a time.

    LogSource ──read──► Logged ──of_record──► counts, events, made ──┐ one transaction
        └─root_at(size)──────────────────────────────────────────────┘ with size, root

A tombstone takes back what a record said: its block is counted again, from the log, without it. How
a view opens, steps and forgets is ``views.folded``'s.

Sizes:  PARTS_MAX numbers of parts are kept in memory
Source: docs/decisions/0050-health.md
"""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar, Final

import apsw
import msgspec

from wherefrom.formats import counted
from wherefrom.log.logged import Logged, LogSource, Position
from wherefrom.views.folded import FactsOf, FoldedView
from wherefrom.views.health import schema
from wherefrom.views.health.tally import HOUR_MICROS, Part, Row, of_record
from wherefrom.views.view_file import Shape

PARTS_MAX: Final = 20_000
_ENCODER: Final = msgspec.json.Encoder(order="sorted")
_Key = tuple[int, int, Part, int]  # hour, block, part, late


class HealthView(FoldedView):
    """The one writer of a file of health. Readers open ``HealthReader`` on the same path."""

    called: ClassVar[str] = "health"
    shape: ClassVar[Shape] = schema.SHAPE

    def __init__(
        self, db: apsw.Connection, *, path: Path, facts_of: FactsOf, facts_version: int
    ) -> None:
        super().__init__(db, path=path, facts_of=facts_of, facts_version=facts_version)
        self._parts: dict[Part, int] = {}
        self._source: LogSource | None = None
        self._reload()

    def fold(self, source: LogSource, *, records_max: int | None = None) -> Position:
        """As every view; the source is read again where a record was erased."""
        self._source = source
        return super().fold(source, records_max=records_max)

    def _take(self, logged: Logged) -> None:
        self._until = logged.index + 1
        row = of_record(logged, facts_of=self._facts_of)
        self._count(logged.index, row)
        for told in row.told:
            if told.what == counted.ERASED:
                self._gone.append(int(told.id))

    def _count(self, index: int, row: Row) -> None:
        key = (row.received // HOUR_MICROS, index // schema.BLOCK, row.part, row.late)
        sums = self._sums.get(key)
        if sums is None:
            self._sums[key] = [1, row.bytes, row.things, row.aliases]
        else:
            sums[0] += 1
            sums[1] += row.bytes
            sums[2] += row.things
            sums[3] += row.aliases
        for id, kind in row.made:
            self._made.append((row.received, index, id, kind))
        for place, told in enumerate(row.told):
            says = _ENCODER.encode(told.says).decode()
            self._events.append(
                (told.what, row.received, index, place, told.id, row.at, row.part.trust, says)
            )

    def _flush(self) -> None:
        self._write()
        if self._gone:
            self._recount()

    def _write(self) -> None:
        self._db.executemany(
            """INSERT INTO counts VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET
            records = records + excluded.records, bytes = bytes + excluded.bytes,
            things = things + excluded.things, aliases = aliases + excluded.aliases""",
            [
                (hour, block, self._number(part), late, *sums)
                for (hour, block, part, late), sums in self._sums.items()
            ],
        )
        self._db.executemany("INSERT INTO events VALUES (?, ?, ?, ?, ?, ?, ?, ?)", self._events)
        self._db.executemany("INSERT OR IGNORE INTO made VALUES (?, ?, ?, ?)", self._made)
        self._sums.clear()
        self._events.clear()
        self._made.clear()

    def _number(self, part: Part) -> int:
        number = self._parts.get(part)
        if number is None:
            if len(self._parts) >= PARTS_MAX:
                self._parts.clear()
            where = " AND ".join(f"{name} = ?" for name in Part._fields)
            found = self._db.execute(f"SELECT part FROM parts WHERE {where}", part).get
            if found is None:
                self._db.execute("INSERT INTO parts VALUES (NULL, ?, ?, ?, ?, ?)", part)
                found = self._db.last_insert_rowid()
            self._parts[part] = number = int(found)
        return number

    def _recount(self) -> None:
        """Count the blocks of what was erased again, without it."""
        gone = self._gone.copy()
        self._gone.clear()
        self._unswept = True
        self._db.executemany("INSERT OR IGNORE INTO erased VALUES (?)", [(one,) for one in gone])
        assert self._source is not None
        for block in sorted({entry // schema.BLOCK for entry in gone}):
            first = block * schema.BLOCK
            until = min(first + schema.BLOCK, self._until)
            self._db.execute("DELETE FROM counts WHERE block = ?", (block,))
            for table in ("events", "made"):
                self._db.execute(
                    f"DELETE FROM {table} WHERE entry >= ? AND entry < ?", (first, until)
                )
            erased = {
                entry
                for (entry,) in self._db.execute(
                    "SELECT entry FROM erased WHERE entry >= ? AND entry < ?", (first, until)
                )
            }
            for logged in self._source.read(first, until):
                if logged.index in erased:
                    logged = Logged(logged.index, logged.entry, None)
                self._count(logged.index, of_record(logged, facts_of=self._facts_of))
        self._write()
        # Names that only an erased record said go with it.
        self._db.execute(
            "DELETE FROM parts WHERE NOT EXISTS"
            " (SELECT 1 FROM counts WHERE counts.part = parts.part)"
        )
        self._parts.clear()

    def _forget(self) -> None:
        self._parts.clear()
        self._sums: dict[_Key, list[int]] = {}
        self._events: list[tuple[str, int, int, int, str, int, str, str]] = []
        self._made: list[tuple[int, int, str, str]] = []
        self._gone: list[int] = []
        self._until = 0
