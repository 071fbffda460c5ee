"""All views of a log, folded together: each record is read once, and no view knows another."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from wherefrom.formats.facts import Facts
from wherefrom.log.logged import LogSource
from wherefrom.log.read_once import ReadOnce
from wherefrom.views.estate import EstateView
from wherefrom.views.graph import GraphView

RECORDS_MAX: Final = 4096


class Views:
    """The views, to be folded by this process alone."""

    def __init__(
        self,
        source: LogSource,
        graph: GraphView,
        estate: EstateView,
        *,
        facts_of: Callable[[bytes], Facts],
    ) -> None:
        self._source = ReadOnce(source, facts_of=facts_of)
        self._graph = graph
        self._estate = estate

    @property
    def size(self) -> int:
        """Up to where every view has folded."""
        return min(self._graph.size, self._estate.size)

    def fold(self) -> None:
        """Fold up to the log's position, in steps of ``RECORDS_MAX``. Raises as the views do."""
        while True:
            end = self._source.position().size
            self._graph.fold(self._source, records_max=RECORDS_MAX)
            self._estate.fold(self._source, records_max=RECORDS_MAX)
            if self.size >= end:
                return

    def discard(self) -> None:
        """Forget everything; the next fold begins at entry 0."""
        self._graph.discard()
        self._estate.discard()
