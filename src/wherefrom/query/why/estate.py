"""How each service fared: what got worse at it, since when, and how much lies beneath it.

grid ──► groups (service, caller, metric) ──► a change point each ──► Estate
                                                                      by service, in arrays
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, NamedTuple

import numpy as np

from wherefrom.formats.why_case import Case, Change
from wherefrom.query.why.grid import BURNS, FAILS, HOLDS, KIND_OF, WAITS, Floats, Grid, mean_of_rows
from wherefrom.query.why.reach import Reach
from wherefrom.query.why.shifts import NO_SHIFT, Shift, counted_noise, find_shift

KINDS: Final = (FAILS, WAITS, BURNS, HOLDS)
SURELY_MIN: Final = 3.0
SEEN_MIN: Final = 0.15


class Group(NamedTuple):
    """What one caller, or the service itself (``caller`` empty), measured over all instances."""

    service: str
    caller: str
    metric: str
    values: Floats
    shift: Shift

    @property
    def kind(self) -> str:
        """Which way of getting worse this metric shows."""
        return KIND_OF[self.metric]


class Onset(NamedTuple):
    """When it began: at ``best``, seconds since 1970, between two ends; ``surely`` from 0 to 1."""

    best: float
    earliest: float
    latest: float
    surely: float
    group: Group


class Estate(NamedTuple):
    """Everything known by service; arrays go by ``services``.

    hurt      how much worse answers got, in failing or waiting: the larger
    strained  the same for processor and memory
    worst     the group that says so, by service and kind
    beneath   which share of that is as bad at something it calls, or farther down, 0 to 1
    outward   how much worse it finds what it calls than others find that
    onset     when the symptom began; None if nothing is seen to have begun
    """

    services: list[str]
    at: dict[str, int]
    groups: list[Group]
    groups_of: dict[str, list[Group]]
    reach: Reach
    hurt: Floats
    strained: Floats
    worst: dict[tuple[str, str], Group]
    beneath: Floats
    outward: Floats
    symptom: int | None
    onset: Onset | None


def survey(case: Case, changes: Iterable[Change], grid: Grid | None) -> Estate:
    """What got worse where, as far as ``grid`` shows."""
    named = [c.service for c in changes if c.service]
    named += [name for call in case.calls for name in call]
    named += [key.service for key in grid.keys] if grid else []
    named += [case.symptom] if case.symptom else []
    services = sorted(set(named))
    at = {name: i for i, name in enumerate(services)}
    groups = _groups(case, grid) if grid else []
    reach = Reach(services, case.calls)
    hurt, strained = np.zeros(len(services)), np.zeros(len(services))
    worst: dict[tuple[str, str], Group] = {}
    for group in groups:
        here = (group.service, group.kind)
        if here not in worst or group.shift.strength > worst[here].shift.strength:
            worst[here] = group
        where = hurt if group.kind in (FAILS, WAITS) else strained
        i = at[group.service]
        where[i] = max(where[i], group.shift.strength)
    symptom = at.get(case.symptom) if case.symptom else None
    onset = _onset(case, grid, groups) if grid else None
    beneath = _beneath(at, reach, worst)
    outward = _outward(at, groups)
    groups_of: dict[str, list[Group]] = {}
    for group in groups:
        groups_of.setdefault(group.service, []).append(group)
    return Estate(
        services,
        at,
        groups,
        groups_of,
        reach,
        hurt,
        strained,
        worst,
        beneath,
        outward,
        symptom,
        onset,
    )


def _beneath(at: dict[str, int], reach: Reach, worst: dict[tuple[str, str], Group]) -> Floats:
    """Whether a service suffers for what it calls: that fails, or waits, at least as much more.

    In failing shares and in milliseconds, not in ratios: a callee that grows from 2 to 60 ms
    explains why its caller grows from 100 to 160 ms.
    """
    n = len(at)
    more = np.zeros((2, n))
    strong = np.zeros((2, n))
    for (service, kind), group in worst.items():
        if kind in (FAILS, WAITS):
            k, shift = (FAILS, WAITS).index(kind), group.shift
            strong[k, at[service]] = shift.strength
            if shift.strength > SEEN_MIN:
                more[k, at[service]] = _more(kind, shift)
    share, waits = np.zeros((2, n)), np.zeros(n)
    for i in map(int, np.flatnonzero(strong.any(0))):  # of all others nobody asks
        below = reach.below(i) > 0
        below[i] = False
        waits[i] = strong[1][below].max(initial=0)
        for k in range(2):
            if more[k, i]:
                share[k, i] = more[k][below].max(initial=0) / more[k, i]
    # Who waits for a callee too long gives up, and fails.
    share[0] = np.maximum(share[0], 0.5 * np.minimum(waits / np.maximum(strong[0], 0.3), 1))
    found: Floats = np.minimum(np.where(strong[0] >= strong[1], share[0], share[1]), 1.0)
    return found


def _more(kind: str, shift: Shift) -> float:
    if kind == FAILS:
        return max(shift.after - shift.before, 0.0)
    return max(float(np.exp(min(shift.after, 50)) - np.exp(min(shift.before, 50))), 0.0)


def _outward(at: dict[str, int], groups: list[Group]) -> Floats:
    """How much worse a caller finds its callees than all others do: then it lies at the caller."""
    seen: dict[str, dict[str, float]] = {}
    for group in groups:
        if group.kind in (FAILS, WAITS):
            views = seen.setdefault(group.service, {})
            views[group.caller] = max(views.get(group.caller, 0.0), group.shift.strength)
    found: dict[str, list[float]] = {}
    for views in seen.values():
        for caller, mine in views.items():
            others = [view for who, view in views.items() if who != caller]
            if caller in at and others:
                found.setdefault(caller, []).append(mine - max(others))
    outward = np.zeros(len(at))
    for caller, differences in found.items():
        outward[at[caller]] = max(float(np.mean(differences)), 0.0)
    return outward


def _groups(case: Case, grid: Grid) -> list[Group]:
    rows: dict[tuple[str, str, str], list[int]] = {}
    for i, key in enumerate(grid.keys):
        rows.setdefault((key.service, key.caller, key.metric), []).append(i)
    found = []
    for (service, caller, metric), places in sorted(rows.items()):
        counts = grid.counts[places]
        values = mean_of_rows(grid.worse[places], counts)
        kind = KIND_OF[metric]
        early = values[grid.times < case.detected - 300]
        usual = float(np.nanmean(early)) if (~np.isnan(early)).any() else 0.0
        is_counted = kind == FAILS and bool((~np.isnan(counts)).any())
        chance = counted_noise(usual, np.nansum(counts, axis=0)) if is_counted else 0.0
        shift = find_shift(values, kind, times=grid.times, detected=case.detected, noise=chance)
        found.append(Group(service, caller, metric, values, shift))
    return found


def _onset(case: Case, grid: Grid, groups: list[Group]) -> Onset | None:
    """When it began: at the symptom, if it shows there, else where it shows most."""
    telling = [g for g in groups if g.kind in (FAILS, WAITS) and g.shift.surely >= SURELY_MIN]
    there = [g for g in telling if g.service == case.symptom]
    told = max(there or telling, key=lambda g: g.shift.strength, default=None)
    return None if told is None else onset_of(told, grid)


def onset_of(group: Group, grid: Grid) -> Onset | None:
    """When this group's shift began; None if it has none."""
    shift = group.shift
    if shift is NO_SHIFT:
        return None
    # A bin tells of the time since the one before it.
    return Onset(
        best=float(grid.times[shift.onset]) - 0.5 * grid.every,
        earliest=float(grid.times[shift.earliest]) - grid.every,
        latest=float(grid.times[shift.latest]),
        surely=shift.strength / (shift.strength + 0.5),
        group=group,
    )
