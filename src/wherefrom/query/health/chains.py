"""What has to have a chain, and whether it has: the types between coverage and the policy engine.

    Thing (what runs, what was made) ──Judge──► Chain: what it lacks

The engine is a floor above (``policy.chains``), so a desk is given one.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Mapping
from typing import Final, NamedTuple, Protocol

from wherefrom.errors import Unavailable
from wherefrom.query.health.answers import Lack
from wherefrom.views.graph import Lens, Snapshot


class Thing(NamedTuple):
    """An artifact, by its id, and the environment it runs in; ``""`` of what was only made."""

    artifact: str
    environment: str


class Chain(NamedTuple):
    """What is recorded of one thing.

    lacks  the rules that do not hold; none: its chain is whole
    trust  of the best vouched for of the records about it; empty if there is none
    kind   of the thing: ``image``, ``package``, …; ``artifact`` where no record says more
    """

    lacks: tuple[Lack, ...]
    trust: str
    kind: str


class Judge(Protocol):
    """Says of things whether their chains are whole, by the policy of ``coverage.yaml``."""

    def named(self) -> str:
        """Name, version and digest of the policy. Raises Unavailable if it is wrong."""

    def needs(self) -> frozenset[str]:
        """What its rules ask for: ``sbom``, ``provenance``, … Raises as ``named``."""

    def judged(
        self, graph: Snapshot, lens: Lens, things: Collection[Thing], *, at: str
    ) -> Mapping[Thing, Chain]:
        """The chain of each; nothing of those that no rule is for.

        Raises Unavailable if the policy is wrong, LimitPassed if it takes too long.
        """


class LateChains:
    """A judge that is made when it is first asked: most commands and most questions need none."""

    def __init__(self, make: Callable[[], Judge]) -> None:
        self._make = make
        self._made: Judge | None = None
        self._making = threading.Lock()

    def named(self) -> str:
        """As of the judge."""
        return self._judge().named()

    def needs(self) -> frozenset[str]:
        """As of the judge."""
        return self._judge().needs()

    def judged(
        self, graph: Snapshot, lens: Lens, things: Collection[Thing], *, at: str
    ) -> Mapping[Thing, Chain]:
        """As of the judge."""
        return self._judge().judged(graph, lens, things, at=at)

    def _judge(self) -> Judge:
        with self._making:
            if self._made is None:
                self._made = self._make()
            return self._made


def _nobody() -> Judge:
    raise Unavailable(
        "nobody here says what a whole chain is",
        do="Ask through a server, or with the command line",
    )


NOBODY: Final = LateChains(_nobody)
