"""Declared beside observed, place by place: what runs, and where the two differ.

    Held (a key each) ──by place──► one declared value, observed values with their instances
                                     └ compared through the graph: an image index is its platforms

A declaration covers every region, pool and instance below its scope, and, without a name, every
container of a service. Where nobody observes anything of a service, nothing is missing. A tag that
is declared is what was pulled by it, as long as that is one thing everywhere in the place.

What is provisioned is declared by its address and seen under its cloud's name, which the
declaration knows (``called``): they are one place, and what was seen of it last is what is there.

Source: DESIGN, "Reality"; docs/reality.md
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from typing import Any, Final

from msgspec import structs

from wherefrom.errors import Refused
from wherefrom.formats.digests import strong_id_in
from wherefrom.formats.maintenance import SLOT as MAINTENANCE
from wherefrom.formats.maintenance import is_on
from wherefrom.formats.states import DECLARED, OBSERVED, Scope
from wherefrom.formats.timestamps import canonical, micros, of_micros
from wherefrom.query.reality_answers import Observed, Place, Stated
from wherefrom.views.estate import Held
from wherefrom.views.graph import Judgement

# Whether two values are one thing.
Same = Callable[[str, str], bool]
RESOURCE: Final = "resource"
# Slots that nobody declares: what is found is all there is.
UNDECLARED: Final = frozenset({"incident", "denied"})
_SECOND: Final = 1_000_000
Where = tuple[Scope, str, str]  # without the instance; slot, name
_Marked = Mapping[int, tuple[str, ...]]  # by the id of what is held


def places(
    held: Iterable[Held],
    judged: Mapping[int, Judgement],
    *,
    at: int,
    same: Same,
    seconds_max: Mapping[str, int] | None = None,
    marks: Mapping[int, tuple[str, ...]] | None = None,
    owner_of: Callable[[str], str | None] = lambda _: None,
) -> list[Place]:
    """Every place that something is declared or observed in, in order.

    seconds_max  for how long each safe mode may be entered, by its bundle
    marks        what is wrong with the times of records, by entry
    owner_of     who owns a service
    """
    held = [one for one in held if one.slot != MAINTENANCE or is_on(one.properties, at)]
    marked = {
        id(one): (*_marks(one, at, seconds_max or {}), *(marks or {}).get(one.seen_entry, ()))
        for one in held
    }
    made = []
    for where, declared, seen, watched in together(held):
        place = _place(where, declared, seen, judged, at, same, marked)
        made.append(_with_drift(place, "unobserved") if watched and not seen else place)
    made = [
        place if (owner := owner_of(place.service)) is None else structs.replace(place, owner=owner)
        for place in made
    ]
    return sorted(made, key=lambda p: (p.environment, p.service, p.slot, p.region, p.pool, p.name))


def together(held: Iterable[Held]) -> Iterator[tuple[Where, Held | None, list[Held], bool]]:
    """Every place: what is declared there, what was seen there last, and whether anybody watches
    its service."""
    held = list(held)
    called = _called(held)
    declared: dict[Where, Held] = {}
    observed: dict[Where, list[Held]] = defaultdict(list)
    for one in held:
        where = (one.scope._replace(instance=""), one.slot, one.name)
        if one.mode == DECLARED and not one.scope.instance:
            declared[where] = one
        elif one.mode == OBSERVED:
            if one.slot == RESOURCE:
                where = called.get((one.scope.environment, one.name), where)
            observed[where].append(one)
    watched = {(scope.environment, scope.service, slot) for scope, slot, _ in observed}
    used = set()
    for where, seen in observed.items():
        by = _declaration(where, declared)
        if by is not None:
            used.add(by)
        elif all(one.properties.get("gone") for one in seen):
            continue  # it was removed, and nobody says that it is to be there
        yield where, None if by is None else declared[by], _last_seen(seen), True
    for where, one in declared.items():
        if where not in used:
            scope, slot, _ = where
            yield where, one, [], (scope.environment, scope.service, slot) in watched


def _called(held: Iterable[Held]) -> dict[tuple[str, str], Where]:
    """By environment and another name, the place of what is provisioned."""
    found: dict[tuple[str, str], Where] = {}
    for one in held:
        names = one.properties.get("called") if one.slot == RESOURCE else None
        if one.mode == DECLARED and isinstance(names, list):
            where = (one.scope._replace(instance=""), one.slot, one.name)
            found |= {
                (one.scope.environment, name): where for name in names if isinstance(name, str)
            }
    return found


def _last_seen(seen: list[Held]) -> list[Held]:
    """Of one place that was seen under several names, what was seen last."""
    if seen[0].slot != RESOURCE or len({one.name for one in seen}) == 1:
        return seen
    newest = max(seen, key=lambda one: (one.seen, one.seen_entry))
    return [one for one in seen if one.name == newest.name]


def _declaration(where: Where, declared: Collection[Where]) -> Where | None:
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
    where: Where,
    declared: Held | None,
    seen: list[Held],
    judged: Mapping[int, Judgement],
    at: int,
    same: Same,
    marked: _Marked,
) -> Place:
    scope, slot, name = where
    by_value: dict[str, list[Held]] = defaultdict(list)
    for one in seen:
        by_value[one.value].append(one)
    drift = None
    if seen and declared is None:
        drift = None if slot in UNDECLARED else "undeclared"
    elif seen and declared is not None and not _all_as(declared, by_value, same):
        drift = "differs"
    return Place(
        environment=scope.environment,
        service=scope.service,
        region=scope.region,
        pool=scope.pool,
        slot=slot,
        name=name,
        declared=None if declared is None else Stated(**_stated(declared, judged, at, marked)),
        observed=[_observed(ones, judged, at, marked) for _, ones in sorted(by_value.items())],
        drift=drift,
    )


def _all_as(declared: Held, by_value: Mapping[str, list[Held]], same: Same) -> bool:
    """Whether every value is the one that is declared."""
    others = [value for value in by_value if not same(declared.value, value)]
    if not others:
        return True
    # What a tag is, nobody declared; a node pulled by it what it was then.
    by_tag = declared.slot == "artifact" and not _is_pinned(declared.value)
    pulled = by_tag and all(one.says == declared.value for v in others for one in by_value[v])
    return pulled and all(same(others[0], value) for value in by_value)


def _observed(
    ones: list[Held], judged: Mapping[int, Judgement], at: int, marked: _Marked
) -> Observed:
    newest = max(ones, key=lambda one: (one.seen, one.seen_entry))
    serving = [one.properties["serving"] for one in ones if "serving" in one.properties]
    first = min(ones, key=lambda one: (one.since, one.entry))
    told = _stated(newest, judged, at, marked)
    told |= {"since": of_micros(first.since), "entry": first.entry}
    return Observed(
        **told,
        instances=len({one.scope.instance for one in ones}),
        serving=sum(map(bool, serving)) if serving else None,
    )


def _stated(
    held: Held, judged: Mapping[int, Judgement], at: int, marked: _Marked
) -> dict[str, Any]:
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
        "marks": marked[id(held)],
    }


def _is_outlived(held: Held, at: int, seconds_max: Mapping[str, int]) -> bool:
    """Whether a safe mode is past what it was entered for, or past its maximum."""
    if held.slot != "safe_mode":
        return False
    most = seconds_max.get(held.value)
    if most is not None and at >= held.since + most * _SECOND:
        return True
    until = held.properties.get("until")
    try:
        return isinstance(until, str) and at >= micros(canonical(until, where="until"))
    except Refused:  # a stranger's text: no time, so no end
        return False


def _marks(held: Held, at: int, seconds_max: Mapping[str, int]) -> tuple[str, ...]:
    if _is_outlived(held, at, seconds_max):
        return ("outlived",)
    if held.slot == RESOURCE and held.properties.get("out_of_band") is True:
        return ("out_of_band",)
    return ("unpinned",) if held.slot == "artifact" and not _is_pinned(held.value) else ()


def _is_pinned(value: str) -> bool:
    return strong_id_in(value) is not None


def _with_drift(place: Place, drift: str) -> Place:
    from msgspec.structs import replace

    return replace(place, drift=drift)
