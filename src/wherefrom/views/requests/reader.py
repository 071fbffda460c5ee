"""Reading spans while they are written: any number of threads and processes."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from wherefrom.formats.otlp import Source
from wherefrom.views.requests.store import FILE

_NEWEST = " UNION ALL ".join(
    f"SELECT * FROM (SELECT trace, parent, source FROM spans WHERE whole = {whole}"
    " AND start >= ?1 AND start < ?2 AND parent IS NOT NULL ORDER BY start DESC LIMIT ?3)"
    for whole in (0, 1)
)


class Held(NamedTuple):
    """One span as it is held; ids are hex, times microseconds since 1970."""

    span: str
    parent: str
    start: int
    micros: int
    name: str
    error: bool
    source: Source
    reality: str
    flags: str
    correlation: str
    origin: str
    caller: str
    whole: bool


class Hour(NamedTuple):
    """What is left of spans whose time is over."""

    hour: int
    environment: str
    service: str
    reality: str
    spans: int
    errors: int
    micros: int


class RequestReader:
    """Questions to a file of spans; a file that nobody made yet holds none."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def traces(self, id: str, *, limit: int) -> list[str]:
        """The traces of a request's id, the newest first."""
        found = self._ask(
            "SELECT trace FROM ids WHERE id = ? ORDER BY "
            "(SELECT max(start) FROM spans WHERE spans.trace = ids.trace) DESC LIMIT ?",
            (id, limit),
        )
        return [row[0].hex() for row in found]

    def spans(self, trace: str, *, limit: int) -> list[Held]:
        """The spans of a trace, in the order in which they began."""
        found = self._ask(
            "SELECT span, parent, start, micros, name, error, packed, reality, flags, correlation, "
            "origin, caller, whole FROM spans JOIN sources ON number = source WHERE trace = ? "
            "ORDER BY start, span LIMIT ?",
            (bytes.fromhex(trace), limit),
        )
        return [
            Held(
                span.hex(), parent.hex() if parent else "", start, micros, name, bool(error),
                msgspec.json.decode(packed, type=Source), reality, flags, correlation, origin,
                caller, bool(whole),
            )
            for (
                span, parent, start, micros, name, error, packed, reality, flags, correlation,
                origin, caller, whole,
            ) in found
        ]  # fmt: skip

    def calls(self, since: int, until: int, *, limit: int) -> list[tuple[str, str]]:
        """Pairs of caller and callee, by the newest ``limit`` spans of a window, and as many of
        billable services.

        since, until  microseconds since 1970
        """
        found = self._ask(
            f"SELECT DISTINCT above.packed, below.packed FROM ({_NEWEST}) AS some"
            " JOIN spans AS caller ON caller.trace = some.trace AND caller.span = some.parent"
            " AND caller.source != some.source"
            " JOIN sources AS above ON above.number = caller.source"
            " JOIN sources AS below ON below.number = some.source",
            (since, until, limit),
        )
        pairs = {
            tuple(msgspec.json.decode(packed, type=Source).service for packed in pair)
            for pair in found
        }
        return sorted((a, b) for a, b in pairs if a and b and a != b)

    def hours(self) -> list[Hour]:
        """What is left of spans whose time is over, the oldest first."""
        return [Hour(*row) for row in self._ask("SELECT * FROM hours ORDER BY hour", ())]

    def _ask(self, question: str, values: tuple[object, ...]) -> list[tuple[Any, ...]]:
        with FILE.reading(self._path) as db:
            return db.execute(question, values).fetchall() if db else []
