"""One look at a log, for questions about incidents, and all that they are asked of."""

from __future__ import annotations

from typing import NamedTuple

from wherefrom.log.reader import LogReader
from wherefrom.query.answers import LogPosition
from wherefrom.query.catalog import CatalogQuestions, Catalogs
from wherefrom.query.incidents import Incidents
from wherefrom.query.reality import Reality
from wherefrom.views.estate import EstateSnapshot
from wherefrom.views.graph import Lens, Snapshot


class Asking(NamedTuple):
    """What a report is made of; ``expected`` says who should have sent what."""

    log: LogReader
    reality: Reality
    incidents: Incidents
    catalogs: Catalogs
    expected: CatalogQuestions


class Looking(NamedTuple):
    """One look at the log: as of a size, and when that was, in microseconds."""

    estate: EstateSnapshot
    graph: Snapshot
    lens: Lens
    now: int

    def received(self, entry: int) -> str | None:
        """When an entry was, if it is there."""
        found = self.graph.judgements([entry], self.lens).get(entry)
        return None if found is None else found.received


def position(log: LogReader, size: int) -> LogPosition:
    """The log at a size: what it has become since does not stand in an answer."""
    return LogPosition(origin=log.origin, size=size, root=log.root_at(size).hex())
