"""Which artifacts run in an environment now: those that are seen there, else those declared.

    places ──observed, else declared──► service → its artifacts

Sizes:  none of its own: an estate has as many as it has
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from operator import itemgetter
from typing import Final, NamedTuple

from wherefrom.formats.digests import strong_id_in
from wherefrom.formats.states import DECLARED, OBSERVED, Scope
from wherefrom.query.running import together
from wherefrom.views.estate import EstateSnapshot, Held
from wherefrom.views.graph import Lens, Snapshot
from wherefrom.views.graph.spelling import tag_key

SLOT: Final = "artifact"
Service = tuple[str, str]  # environment, service


class Runs(NamedTuple):
    """An artifact in a service. ``mode`` is ``observed`` if anybody sees it there."""

    artifact: str
    mode: str
    instances: int


def what_runs(
    estate: EstateSnapshot, environment: str, service: str = "", *, at: int, as_of: int
) -> dict[Service, tuple[Runs, ...]]:
    """What runs in an environment, or in one service of it, at a time in microseconds."""
    scope = Scope(environment, service)
    return running_of(estate.held(scope, at=at, as_of=as_of, slots=(SLOT,)))


def running_of(held: Iterable[Held]) -> dict[Service, tuple[Runs, ...]]:
    """Of what holds in the slot of artifacts, by service."""
    found: dict[Service, dict[str, Runs]] = defaultdict(dict)
    for (scope, _, _), declared, seen, _ in sorted(together(held), key=itemgetter(0)):
        there = found[scope.environment, scope.service]
        instances: dict[str, set[str]] = defaultdict(set)
        for one in sorted(seen, key=lambda one: one.value):
            instances[one.value].add(one.scope.instance)
        for value, some in instances.items():
            before = there.get(value)
            number = len(some) + (before.instances if before else 0)
            there[value] = Runs(value, OBSERVED, number)
        if not seen and declared is not None:
            there.setdefault(declared.value, Runs(declared.value, DECLARED, 0))
    return {service: tuple(ones.values()) for service, ones in found.items()}


def services_of(
    running: Mapping[Service, tuple[Runs, ...]],
) -> dict[tuple[str, str], list[tuple[str, Runs]]]:
    """The same by environment and artifact: each service with how it runs there."""
    found: dict[tuple[str, str], list[tuple[str, Runs]]] = defaultdict(list)
    for (environment, service), ones in sorted(running.items()):
        for one in ones:
            found[environment, one.artifact].append((service, one))
    return found


def thing_named(graph: Snapshot, lens: Lens, value: str) -> str:
    """What runs by a name: what its tag means now; else the value itself."""
    if strong_id_in(value) is not None:
        return value
    tagged = graph.tagged(tag_key(value), lens)
    return graph.ids(tagged)[tagged[0]] if len(tagged) == 1 else value
