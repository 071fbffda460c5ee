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
from wherefrom.query.why.reach import nearness
from wherefrom.query.why.shifts import NO_SHIFT, Shift, counted_noise, find_shift

KINDS: Final = (FAILS, WAITS, BURNS, HOLDS)
SURELY_MIN: Final = 3.0


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
    beneath   how much worse the worst callee below is, fading by hop
    onset     when the symptom began; None if nothing is seen to have begun
    """

    services: list[str]
    at: dict[str, int]
    groups: list[Group]
    near: Floats
    hurt: Floats
    strained: Floats
    worst: dict[tuple[str, str], Group]
    beneath: Floats
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
    near = nearness(services, case.calls)
    hurt, strained = np.zeros(len(services)), np.zeros(len(services))
    worst: dict[tuple[str, str], Group] = {}
    for group in groups:
        here = (group.service, group.kind)
        if here not in worst or group.shift.strength > worst[here].shift.strength:
            worst[here] = group
        where = hurt if group.kind in (FAILS, WAITS) else strained
        i = at[group.service]
        where[i] = max(where[i], group.shift.strength)
    below = near.copy()
    np.fill_diagonal(below, 0)
    symptom = at.get(case.symptom) if case.symptom else None
    onset = _onset(case, grid, groups) if grid else None
    beneath = (below * hurt[None, :]).max(1) if services else np.zeros(0)
    return Estate(services, at, groups, near, hurt, strained, worst, beneath, symptom, onset)


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
    if told is None or told.shift is NO_SHIFT:
        return None
    shift = told.shift
    # A bin tells of the time since the one before it.
    return Onset(
        best=float(grid.times[shift.onset]) - 0.5 * grid.every,
        earliest=float(grid.times[shift.earliest]) - grid.every,
        latest=float(grid.times[shift.latest]),
        surely=shift.strength / (shift.strength + 0.5),
        group=told,
    )
