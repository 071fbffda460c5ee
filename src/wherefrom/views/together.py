"""All views of a log, folded together: each record is read once, and no view knows another."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from wherefrom.formats.facts import Facts
from wherefrom.log.logged import LogSource
from wherefrom.log.read_once import ReadOnce
from wherefrom.views.estate import EstateView
from wherefrom.views.folded import FoldedView
from wherefrom.views.graph import GraphView
from wherefrom.views.health import HealthView

RECORDS_MAX: Final = 4096
Folded = Callable[[str, int, int], None]


class Views:
    """The views, to be folded by this process alone.

    folded  is told, after each step, which view reached what size, and from where
    """

    def __init__(
        self,
        source: LogSource,
        graph: GraphView,
        estate: EstateView,
        health: HealthView,
        *,
        facts_of: Callable[[bytes], Facts],
        folded: Folded = lambda view, first, limit: None,
    ) -> None:
        self._folded = folded
        self._source = ReadOnce(source, facts_of=facts_of)
        self._views: tuple[FoldedView, ...] = (graph, estate, health)

    @property
    def size(self) -> int:
        """Up to where every view has folded."""
        return min(view.size for view in self._views)

    def fold(self) -> None:
        """Fold up to the log's position, in steps of ``RECORDS_MAX``. Raises as the views do."""
        while True:
            end = self._source.position().size
            fold_to(self._source, dict.fromkeys(self._views, end), self._folded)
            if self.size >= self._source.position().size:
                return

    def discard(self) -> None:
        """Forget everything; the next fold begins at entry 0."""
        for view in self._views:
            view.discard()


def fold_to(
    source: ReadOnce,
    ends: Mapping[FoldedView, int],
    folded: Folded = lambda view, first, limit: None,
) -> None:
    """Fold each view up to its own size, ``source`` being read once for all of them.

    Raises as the views do.
    """
    while True:
        for view, end in ends.items():
            first = view.size
            view.fold(source, records_max=max(0, min(RECORDS_MAX, end - first)))
            if view.size > first:
                folded(view.called, first, view.size)
        if all(view.size >= end for view, end in ends.items()):
            return
