"""How two lists of places differ, each place without what the scopes already say apart.

places of A ─┐
places of B ─┴─ by service, region, pool, slot, name ──► values on one side only
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence

from wherefrom.formats.states import DECLARED, OBSERVED
from wherefrom.query.reality_answers import Differing, Place, Stated

_PARTS = ("service", "region", "pool")
_Key = tuple[str, ...]
# How each value of one side is called.
_Values = dict[str, str]


def apart(
    a: Sequence[Place], b: Sequence[Place], *, same: Callable[[str, str], bool]
) -> tuple[list[Differing], int]:
    """What differs, in order; and how many things are alike.

    A part of the scope that is one on either side is not compared: a canary's pool against all
    pools of the fleet is what the question was about. Services are told apart unless each side
    has one.
    """
    ones = [_ones(side) for side in (a, b)]
    fixed = (ones[0] | ones[1]) - {"service"} | (ones[0] & ones[1] & {"service"})
    there, here = (_by_key(side, fixed) for side in (a, b))
    differing, alike = [], 0
    for key in sorted(there.keys() | here.keys()):
        mine, theirs = there.get(key, {}), here.get(key, {})
        if _alike(mine, theirs, same) and _alike(theirs, mine, same):
            alike += 1
            continue
        service, region, pool, mode, slot, name = key
        differing.append(
            Differing(
                service=service, region=region, pool=pool, mode=mode, slot=slot, name=name,
                a=list(mine), b=list(theirs),
                a_says=list(mine.values()), b_says=list(theirs.values()),
            )
        )  # fmt: skip
    return differing, alike


def _ones(places: Sequence[Place]) -> set[str]:
    return {part for part in _PARTS if len({getattr(place, part) for place in places}) == 1}


def _by_key(places: Sequence[Place], fixed: set[str]) -> dict[_Key, _Values]:
    found: dict[_Key, _Values] = defaultdict(dict)
    for place in places:
        where = tuple("" if part in fixed else getattr(place, part) for part in _PARTS)
        if place.declared is not None:
            _add(found[(*where, DECLARED, place.slot, place.name)], place.declared)
        for observed in place.observed:
            _add(found[(*where, OBSERVED, place.slot, place.name)], observed)
    return found


def _add(values: _Values, stated: Stated) -> None:
    values.setdefault(stated.value, stated.says or stated.value)


def _alike(mine: _Values, theirs: _Values, same: Callable[[str, str], bool]) -> bool:
    return all(any(same(one, other) for other in theirs) for one in mine)
