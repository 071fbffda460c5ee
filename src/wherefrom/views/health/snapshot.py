"""The counts as of one log size: sums of parts, what records told, what builds made.

    size, window ──► blocks below it ──sum──► Count      + the records of the last block, given

Sizes:  a window is from ``since`` on, in microseconds; whole hours count · EVENTS_MAX events
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable
from typing import Any, Final, NamedTuple

import apsw
import msgspec

from wherefrom.errors import Unavailable
from wherefrom.log.logged import LogSource
from wherefrom.views.folded import FactsOf
from wherefrom.views.health.schema import BLOCK
from wherefrom.views.health.tally import HOUR_MICROS, Part, Row, of_record

EVENTS_MAX: Final = 200_000
_SAYS: Final = msgspec.json.Decoder(dict[str, Any])
_JSON: Final = msgspec.json.Encoder()


class Count(NamedTuple):
    """Records of one part that came so late."""

    part: Part
    late: int
    records: int
    bytes: int
    things: int
    aliases: int


class Event(NamedTuple):
    """What one record told; times in microseconds."""

    what: str
    id: str
    received: int
    at: int
    entry: int
    trust: str
    says: dict[str, Any]


class HealthSnapshot:
    """One read transaction. Made by ``HealthReader.snapshot`` and good inside its block."""

    def __init__(self, db: apsw.Connection, *, origin: str, size: int, root: bytes | None) -> None:
        self.db = db
        self.origin = origin
        self.size = size
        self.root = root
        self._counted: tuple[int, list[Row]] | None = None

    def need(self, size: int) -> None:
        """Raises Unavailable for a size that is not reached."""
        if size > self.size:
            raise Unavailable(
                "the view of health has not reached that log size",
                expected=f"up to {self.size}", got=size, do="Ask again in a moment",
            )  # fmt: skip

    def counts(self, *, since: int, size: int, source: LogSource, facts_of: FactsOf) -> list[Count]:
        """What came from ``since`` on, of the first ``size`` entries.

        source  the log, whose records of one block are counted again; ``facts_of`` reads them
        """
        self.need(size)
        hour = since // HOUR_MICROS
        sums: dict[tuple[Part, int], list[int]] = defaultdict(lambda: [0, 0, 0, 0])
        whole = size // BLOCK if size < self.size else size // BLOCK + 1
        rows = self.db.execute(
            """SELECT environment, service, kind, trust, producer, late, sum(records), sum(bytes),
            sum(things), sum(aliases) FROM counts JOIN parts USING (part)
            WHERE hour >= ? AND block < ? GROUP BY part, late""",
            (hour, whole),
        )
        for *part, late, records, size_bytes, things, aliases in rows:
            sums[Part(*part), late] = [records, size_bytes, things, aliases]
        if size < self.size:
            for row in self._last_block(whole * BLOCK, size, source, facts_of):
                if row.received // HOUR_MICROS >= hour:
                    one = sums[row.part, row.late]
                    for place, more in enumerate((1, row.bytes, row.things, row.aliases)):
                        one[place] += more
        return [Count(part, late, *numbers) for (part, late), numbers in sorted(sums.items())]

    def _last_block(self, first: int, size: int, source: LogSource, facts_of: FactsOf) -> list[Row]:
        """The records from ``first`` on, counted again; each question needs them several times."""
        if self._counted is None or self._counted[0] != size:
            erased = {
                entry
                for (entry,) in self.db.execute(
                    "SELECT entry FROM erased WHERE entry >= ? AND entry < ?", (first, size)
                )
            }
            rows = [
                of_record(
                    msgspec.structs.replace(logged, content=None)
                    if logged.index in erased
                    else logged,
                    facts_of=facts_of,
                )
                for logged in source.read(first, size)
            ]
            self._counted = size, rows
        return self._counted[1]

    def first_hour(self, *, since: int, size: int) -> int | None:
        """When the first hour began in which anything came from ``since`` on, in microseconds."""
        hour: int | None = self.db.execute(
            "SELECT min(hour) FROM counts WHERE hour >= ? AND block <= ?",
            (since // HOUR_MICROS, (size - 1) // BLOCK),
        ).get
        return None if hour is None else hour * HOUR_MICROS

    def erased(self, *, size: int) -> int:
        """How many of the first ``size`` entries were erased."""
        found: int = self.db.execute("SELECT count(*) FROM erased WHERE entry < ?", (size,)).get
        return found

    def events(self, *what: str, since: int, size: int) -> list[Event]:
        """What records told that came from ``since`` on, the oldest first."""
        self.need(size)
        found: list[Event] = []
        for one in what:
            rows = self.db.execute(
                """SELECT what, id, received, at, entry, trust, says FROM events
                WHERE what = ? AND received >= ? AND entry < ?
                ORDER BY received DESC, entry DESC, place DESC LIMIT ?""",
                (one, since, size, EVENTS_MAX),
            )
            found += [Event._make((*row[:6], _SAYS.decode(row[6]))) for row in rows]
        found.reverse()
        return sorted(found, key=lambda event: event.entry)

    def events_of(self, what: str, ids: Collection[str], *, size: int) -> list[Event]:
        """The same of some ids, whenever that came."""
        self.need(size)
        rows = self.db.execute(
            """SELECT what, id, received, at, entry, trust, says FROM events
            WHERE what = ? AND entry < ? AND id IN (SELECT value FROM json_each(?))
            ORDER BY entry, place LIMIT ?""",
            (what, size, _JSON.encode(sorted(ids)).decode(), EVENTS_MAX),
        )
        return [Event._make((*row[:6], _SAYS.decode(row[6]))) for row in rows]

    def made(self, *, since: int, size: int, rows_max: int) -> list[tuple[str, str]]:
        """Id and kind of what builds made, by records that came from ``since`` on."""
        rows: Iterable[Any] = self.db.execute(
            "SELECT id, max(kind) FROM made WHERE received >= ? AND entry < ? GROUP BY id LIMIT ?",
            (since, size, rows_max),
        )
        return list(rows)
