"""What an artifact came from, however far back, and how much of it somebody known says.

    names ──walk up──► things, each with what is said of it · trusted, if each step there is

Sizes:  UPSTREAM_MAX things · DEPTH_MAX steps · SECONDS_MAX; what is passed is told (``truncated``)
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any, Final, NamedTuple

import msgspec

from wherefrom.query.same import believed
from wherefrom.query.summary import Summary, summaries
from wherefrom.query.walk import Bounds, Walk
from wherefrom.views.graph import Lens, Snapshot, Step
from wherefrom.views.graph.schema import ALTERNATE, CONTAINS

UPSTREAM_MAX: Final = 5_000
DEPTH_MAX: Final = 30
SECONDS_MAX: Final = 5.0


class Upstream(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that the artifact came from, with what is said of it.

    trusted  somebody known says so, and so on back to the artifact
    """

    id: str
    kind: str
    name: str | None
    properties: dict[str, Any]
    entries: tuple[int, ...]
    trusted: bool


class Walked(NamedTuple):
    """What is upstream, the nodes and entries that say so, and whether the walk was cut short."""

    things: list[Upstream]
    nodes: set[int]
    entries: set[int]
    truncated: bool


def upstream_of(graph: Snapshot, lens: Lens, names: Iterable[int]) -> Walked:
    """What the thing that ``names`` are of came from."""
    walk = Walk(
        graph, lens, sorted(names), up=True,
        bounds=Bounds(depth_max=DEPTH_MAX, nodes_max=UPSTREAM_MAX, seconds_max=SECONDS_MAX),
    )  # fmt: skip
    walk.run()
    numbers = [n for n in walk.depths if n not in walk.starts]
    said = summaries(graph, sorted(numbers), lens)
    ids = graph.ids(sorted(numbers))
    steps = [step for step, _ in walk.edges.values()]
    known = believed(graph, lens, steps)
    reached = _reached(walk.starts, known)
    by = {step.cause: step.first for step in steps} | reached
    things = list(_things(numbers, said, ids, by, reached.keys()))
    return Walked(things, set(walk.depths), set(by.values()), walk.reason is not None)


def _reached(starts: Iterable[int], known: Mapping[Step, int]) -> dict[int, int]:
    """What trusted edges lead to from ``starts``, each with the entry by which."""
    ways: dict[int, list[tuple[int, int]]] = {}
    for step, entry in known.items():
        ways.setdefault(step.effect, []).append((step.cause, entry))
        if step.relation in (ALTERNATE, CONTAINS):  # as a walk goes, both ways
            ways.setdefault(step.cause, []).append((step.effect, entry))
    reached: dict[int, int] = {}
    fresh = list(starts)
    while fresh:
        for there, entry in ways.get(fresh.pop(), ()):
            if there not in reached:
                reached[there] = entry
                fresh.append(there)
    return reached


def _things(
    numbers: Iterable[int],
    said: dict[int, Summary],
    ids: dict[int, str],
    by: dict[int, int],
    trusted: Collection[int],
) -> Iterator[Upstream]:
    for number in sorted(numbers):
        if number in said:
            kind, name, properties = said[number]
            entries = (by[number],) if number in by else ()
            yield Upstream(
                id=ids[number], kind=kind, name=name, properties=properties, entries=entries,
                trusted=number in trusted,
            )  # fmt: skip
