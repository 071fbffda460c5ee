"""Declared beside observed, place by place: what runs, and where the two differ.

    Held (a key each) ──by place──► one declared value, observed values with their instances
                                     └ compared through the graph: an image index is its platforms

A declaration covers every region, pool and instance below its scope, and, without a name, every
container of a service. Where nobody observes anything of a service, nothing is missing.

Source: DESIGN, "Reality"; docs/reality.md
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any, Final

from wherefrom.formats.digests import strong_id
from wherefrom.formats.states import DECLARED, OBSERVED, Scope
from wherefrom.formats.timestamps import of_micros
from wherefrom.query.reality_answers import Observed, Place, Stated
from wherefrom.views.estate import Held
from wherefrom.views.graph import Judgement

# Whether two values are one thing.
Same = Callable[[str, str], bool]
_SECOND: Final = 1_000_000
_Where = tuple[Scope, str, str]  # without the instance; slot, name


def places(
    held: Iterable[Held], judged: Mapping[int, Judgement], *, at: int, same: Same
) -> list[Place]:
    """Every place that something is declared or observed in, in order."""
    declared: dict[_Where, Held] = {}
    observed: dict[_Where, list[Held]] = defaultdict(list)
    for one in held:
        where = (one.scope._replace(instance=""), one.slot, one.name)
        if one.mode == DECLARED and not one.scope.instance:
            declared[where] = one
        elif one.mode == OBSERVED:
            observed[where].append(one)
    watched = {(scope.environment, scope.service, slot) for scope, slot, _ in observed}
    made = []
    used = set()
    for where, seen in observed.items():
        by = _declaration(where, declared)
        if by is not None:
            used.add(by)
        made.append(_place(where, None if by is None else declared[by], seen, judged, at, same))
    for where, one in declared.items():
        if where not in used:
            scope, slot, _ = where
            place = _place(where, one, [], judged, at, same)
            if (scope.environment, scope.service, slot) in watched:
                place = _with_drift(place, "unobserved")
            made.append(place)
    return sorted(made, key=lambda p: (p.environment, p.service, p.slot, p.region, p.pool, p.name))


def _declaration(where: _Where, declared: Collection[_Where]) -> _Where | None:
    """The narrowest declaration that covers an observed place."""
    scope, slot, name = where
    candidates = [
        (region, pool, called)
        for region in (scope.region, "")
        for pool in (scope.pool, "")
        for called in (name, "")
    ]
    for region, pool, called in dict.fromkeys(candidates):
        found = (scope._replace(region=region, pool=pool), slot, called)
        if found in declared:
            return found
    return None


def _place(
    where: _Where,
    declared: Held | None,
    seen: list[Held],
    judged: Mapping[int, Judgement],
    at: int,
    same: Same,
) -> Place:
    scope, slot, name = where
    by_value: dict[str, list[Held]] = defaultdict(list)
    for one in seen:
        by_value[one.value].append(one)
    drift = None
    if seen and declared is None and slot != "incident":
        drift = "undeclared"
    elif declared is not None and any(not same(declared.value, value) for value in by_value):
        drift = "differs"
    return Place(
        environment=scope.environment,
        service=scope.service,
        region=scope.region,
        pool=scope.pool,
        slot=slot,
        name=name,
        declared=None if declared is None else Stated(**_stated(declared, judged, at)),
        observed=[_observed(ones, judged, at) for _, ones in sorted(by_value.items())],
        drift=drift,
    )


def _observed(ones: list[Held], judged: Mapping[int, Judgement], at: int) -> Observed:
    newest = max(ones, key=lambda one: (one.seen, one.seen_entry))
    serving = [one.properties["serving"] for one in ones if "serving" in one.properties]
    first = min(ones, key=lambda one: (one.since, one.entry))
    told = _stated(newest, judged, at)
    told |= {"since": of_micros(first.since), "entry": first.entry}
    return Observed(
        **told,
        instances=len({one.scope.instance for one in ones}),
        serving=sum(map(bool, serving)) if serving else None,
    )


def _stated(held: Held, judged: Mapping[int, Judgement], at: int) -> dict[str, Any]:
    judgement = judged.get(held.seen_entry)
    return {
        "value": held.value,
        "says": held.says,
        "since": of_micros(held.since),
        "seen": of_micros(held.seen),
        "age": max(at - held.seen, 0) / _SECOND,
        "source": held.source,
        "entry": held.entry,
        "seen_entry": held.seen_entry,
        "trust": "unknown" if judgement is None else judgement.level,
        "signers": () if judgement is None else judgement.signers,
        "properties": dict(held.properties),
        "marks": _marks(held),
    }


def _marks(held: Held) -> tuple[str, ...]:
    if held.slot != "artifact":
        return ()
    algorithm, _, digits = held.value.partition(":")
    pinned = strong_id(algorithm, digits) is not None
    return () if pinned else ("unpinned",)


def _with_drift(place: Place, drift: str) -> Place:
    from msgspec.structs import replace

    return replace(place, drift=drift)
