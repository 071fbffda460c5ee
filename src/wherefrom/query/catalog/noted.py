"""What the catalogue in force says that the writer has to know, noted in a file beside the views.

    estate ──the fold has come further──► in force ──other than before──► DIR/views/catalogued.json

The writer judges spans as they come and knows no views, so whoever folds them notes for it which
services are billable and which critical. The file follows from the log: it may be lost.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from wherefrom.errors import Unavailable
from wherefrom.formats import timestamps
from wherefrom.formats.span_rules import Catalogued
from wherefrom.query.catalog.in_force import Catalogs, InForce
from wherefrom.views.estate import EstateReader
from wherefrom.views.graph import GraphReader


class Noted:
    """Notes it whenever it is another; for one thread."""

    def __init__(
        self,
        path: Path,
        estate: EstateReader,
        graph: GraphReader,
        *,
        catalogs: Catalogs,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._path = path
        self._estate = estate
        self._graph = graph
        self._catalogs = catalogs
        self._clock = clock
        self._written: bytes | None = None

    def keep(self) -> None:
        """Note what is in force now. Raises OSError for a disk that refuses."""
        at = timestamps.micros(timestamps.to_text(self._clock()))
        try:
            with self._estate.snapshot() as estate, self._graph.snapshot() as graph:
                lens = graph.lens(as_of=min(estate.size, graph.size))
                known = self._catalogs.in_force(estate, graph, lens, at=at)
        except Unavailable:  # not folded yet
            return
        written = msgspec.json.encode(catalogued(known))
        if written != self._written:
            new = self._path.with_suffix(".new")
            new.write_bytes(written)
            os.replace(new, self._path)
            self._written = written


def catalogued(known: InForce) -> Catalogued:
    """The services that are billable and critical, by all their names."""
    billable: list[str] = []
    critical: list[str] = []
    for service in known.services.values():
        names = (service.name, *service.aliases)
        if service.billable:
            billable += names
        if service.criticality == "critical":
            critical += names
    return Catalogued(tuple(sorted(billable)), tuple(sorted(critical)))
