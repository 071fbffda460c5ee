"""Whether two values are one thing: by their names, or because a record says so.

    value ──alternate, contains──► ids of the same thing: an image index and its platforms are one

Two platforms of one index are two things; only whole and part count as the same.
"""

from __future__ import annotations

from typing import Final

from wherefrom.query.summary import summaries
from wherefrom.views.graph import Lens, Snapshot
from wherefrom.views.graph.schema import ALTERNATE, CONTAINS

_ROWS_MAX: Final = 1_000
_PARTS_MAX: Final = 200


class OneThing:
    """Asks the graph once a value."""

    def __init__(self, graph: Snapshot, lens: Lens) -> None:
        self._graph = graph
        self._lens = lens
        self._known: dict[str, frozenset[str]] = {}

    def __call__(self, a: str, b: str) -> bool:
        """Whether ``a`` and ``b`` are names of one thing, or one contains the other as its
        platform."""
        return a == b or b in self.names(a) or a in self.names(b)

    def names(self, value: str) -> frozenset[str]:
        """What ``value`` is called, and its platforms if it is an index; nothing if unheard of."""
        found = self._known.get(value)
        if found is None:
            found = self._known[value] = frozenset(self._ask(value))
        return found

    def _ask(self, value: str) -> set[str]:
        numbers = set(self._graph.numbers([value]).values())
        if not numbers:
            return set()
        numbers |= self._others(numbers, ALTERNATE)
        parts = self._others(numbers, CONTAINS, both=False)
        # What holds hundreds of things is a release or an SBOM's subject, not an image index.
        if len(parts) <= _PARTS_MAX:
            numbers |= parts | self._others(parts, ALTERNATE)
        return set(self._graph.ids(sorted(numbers)).values())

    def wholes(self, value: str) -> set[str]:
        """The image indexes that ``value`` is a platform of."""
        numbers = set(self._graph.numbers([value]).values())
        steps = self._graph.steps(
            sorted(numbers), self._lens, up=False, only=CONTAINS, rows_max=_ROWS_MAX
        )
        kinds = summaries(self._graph, sorted({step.effect for step in steps}), self._lens)
        indexes = [number for number, said in kinds.items() if said.kind == "image"]
        return set(self._graph.ids(indexes).values())

    def _others(self, numbers: set[int], relation: int, *, both: bool = True) -> set[int]:
        found = set()
        for up in (True, False) if both else (True,):
            for step in self._graph.steps(
                sorted(numbers), self._lens, up=up, only=relation, rows_max=_ROWS_MAX
            ):
                found.add(step.cause if up else step.effect)
        return found - numbers
