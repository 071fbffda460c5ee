"""What speaks for and against each change, as numbers: a row a change, a column a feature.

    Case ──► grid ──► estate ──► Findings (one a change, with the words' material) ──► matrix

A feature is 0 where nothing is known, so that what is not measured says nothing. ``NAMES`` is the
order of the columns; ``model.py`` has the weights, ``explain.py`` the words.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np

from wherefrom.formats.why_case import Case, Change
from wherefrom.query.why.estate import Estate, Group, onset_of, survey
from wherefrom.query.why.grid import (
    BURNS,
    FAILS,
    HOLDS,
    KIND_OF,
    WAITS,
    Floats,
    Grid,
    Marks,
    lay_out,
)
from wherefrom.query.why.lift import Lift, compare
from wherefrom.query.why.presence import Presence, presence
from wherefrom.query.why.shifts import strength

NAMES: Final = (
    "new_fails",  # new against old: answers fail
    "new_waits",  # answers are slow
    "new_burns",  # processor time
    "new_holds",  # memory
    "new_stands_out",  # the lift of this change less the largest of any other
    "new_turned",  # new parted from old when the trouble began
    "new_is_fine",  # side by side, and no worse
    "never_reports",  # declared instances that nobody hears of
    "stops_reporting",  # or no longer
    "near",  # below the symptom, 0.6 a hop
    "above",  # the symptom is below it
    "explains",  # share of what got worse that lies at or above it
    "hurt",  # its own service got worse, and as much as the worst
    "strained",
    "beneath",  # what it calls got as much worse: it may be a victim
    "outward",  # it finds what it calls worse than others find that
    "pushes",  # it calls what is below it far more than before
    "since_the_change",  # its service got worse when the change came, others did not
    "on_time",  # it began with one of its steps
    "too_late",  # it started after the trouble
    "long_before",  # log of the minutes from its last step to the trouble
)
# What speaks for none of them.
ELSEWHERE: Final = ("elsewhere", "nothing_lifts", "many_hurt", "more_asked")
SERVICES_MIN: Final = 3  # fewer are no services in general
ASKED_MORE: Final = 0.2  # a day has its waves
DIRECT: Final = 0.55  # how near a service is that is called without another in between
ALONE_BINS_MIN: Final = 2
FAR: Final = 0.4
OWN_MIN: Final = 0.3
UNLIKE: Final = 0.5  # how little it says that the new does not wait longer, where answers fail


class Findings(NamedTuple):
    """What was found of one change; ``values`` goes by NAMES."""

    change: Change
    values: dict[str, float]
    lifts: dict[str, Lift]
    presence: Presence
    step_gap_s: float | None
    step: int | None
    own: Group | None
    hops: int | None
    since: tuple[float, float, str] | None


class Measured(NamedTuple):
    """A case in numbers. ``none`` goes by ELSEWHERE; ``suspect`` is the service it points at."""

    findings: list[Findings]
    none: dict[str, float]
    suspect: str | None
    estate: Estate
    grid: Grid | None

    def matrix(self) -> Floats:
        """(changes, NAMES)."""
        rows = [[f.values[name] for name in NAMES] for f in self.findings]
        return np.array(rows, dtype=float).reshape(len(rows), len(NAMES))

    def none_row(self) -> Floats:
        """(ELSEWHERE,)."""
        return np.array([self.none[name] for name in ELSEWHERE])


class _Rows:
    """Rows of the grid by service, so that a change looks only at its own."""

    def __init__(self, grid: Grid | None) -> None:
        self.grid = grid
        self.by_service: dict[str, list[int]] = {}
        self.by_caller: dict[str, list[int]] = {}
        for i, key in enumerate(grid.keys if grid else []):
            self.by_service.setdefault(key.service, []).append(i)
            if key.caller:
                self.by_caller.setdefault(key.caller, []).append(i)


def measure(case: Case, changes: Sequence[Change]) -> Measured:
    """The features of ``changes``, which all started before the detection.

    case  as known at the moment of the question (``asof.known_by``)
    """
    grid = lay_out(case)
    estate = survey(case, changes, grid)
    rows = _Rows(grid)
    seen = presence(case, changes)
    controls = _controls(estate)
    findings = [_find(case, c, grid, estate, rows, seen[c.id], controls) for c in changes]
    _compare_lifts(findings)
    none, suspect = _elsewhere(changes, estate, findings)
    none["more_asked"] = _more_asked(grid, estate) if grid else 0.0
    return Measured(findings, none, suspect, estate, grid)


def _find(
    case: Case,
    change: Change,
    grid: Grid | None,
    estate: Estate,
    rows: _Rows,
    seen: Presence,
    controls: dict[str, Floats],
) -> Findings:
    v = dict.fromkeys(NAMES, 0.0)
    lifts = (
        _lifts(change, grid, rows, estate.onset.earliest if estate.onset else None) if grid else []
    )
    best: dict[str, Lift] = {}
    for lift in lifts:
        if lift.kind not in best or lift.strength > best[lift.kind].strength:
            best[lift.kind] = lift
    own, hops = _place(case, change, estate, v)
    for kind, name in ((FAILS, "new_fails"), (WAITS, "new_waits")):
        # A clear lift says more than two faint ones; one that the symptom cannot feel says less.
        here = FAR + (1 - FAR) * max(v["near"], v["explains"])
        v[name] = here * 0.5 * best[kind].strength ** 2 if kind in best else 0.0
    for kind, name in ((BURNS, "new_burns"), (HOLDS, "new_holds")):
        v[name] = best[kind].strength if kind in best else 0.0
    answers = [lift for lift in lifts if lift.kind in (FAILS, WAITS)]
    if answers:
        v["new_turned"] = max(lift.turned for lift in answers)
        v["new_is_fine"] = min(lift.fine for lift in answers) ** 2
        v["new_is_fine"] *= 1 - _unseen(change, estate, answers)
    v["never_reports"], v["stops_reporting"] = seen.never, seen.stopped
    since = _since(change, grid, estate, controls, v) if grid else None
    gap, step = _timing(change, grid, estate, own, v)
    if grid:
        v["pushes"] = _pushes(change, grid, estate)
    return Findings(change, v, best, seen, gap, step, own, hops, since)


# -- new against old


def _lifts(change: Change, grid: Grid, rows: _Rows, onset: float | None) -> list[Lift]:
    if change.service is None:
        return []
    added = {name for step in change.steps for name in step.added}
    groups: dict[tuple[str, str, str], tuple[list[int], list[int]]] = {}
    # Its own rows first; where a caller's rows carry the caller's identity, those too.
    for places, own in (
        (rows.by_service.get(change.service, ()), True),
        (rows.by_caller.get(change.service, ()), False),
    ):
        for i in places:
            key = grid.keys[i]
            side = _side(change, key.instance, key.identity, added, own=own)
            if side is not None:
                pair = groups.setdefault((key.service, key.caller, key.metric), ([], []))
                pair[side].append(i)
    found = []
    for (_, caller, metric), (old, new) in groups.items():
        if old and new:
            lift = compare(
                grid.worse[new],
                grid.worse[old],
                kind=KIND_OF[metric],
                metric=metric,
                caller=caller,
                times=grid.times,
                onset=onset,
                counts=(grid.counts[new], grid.counts[old]),
            )
            if lift is not None:
                found.append(lift)
    return found


def _side(
    change: Change, instance: str, identity: str, added: set[str], *, own: bool
) -> int | None:
    """1 for a row of the new, 0 for one of the old, None where it does not say."""
    if identity and identity == change.after:
        return 1
    if identity and identity == change.before:
        return 0
    if not own:
        return None
    if instance in added:
        return 1
    return 0 if instance and added else None


def _unseen(change: Change, estate: Estate, compared: list[Lift]) -> float:
    """How much of what befell the service lies where new and old were not compared, 0 to 1."""
    where = {(lift.caller, lift.kind) for lift in compared}
    here, elsewhere = 0.0, 0.0
    for group in estate.groups_of.get(change.service or "", ()):
        if group.kind in (FAILS, WAITS):
            if (group.caller, group.kind) in where:
                here = max(here, group.shift.strength)
            else:
                elsewhere = max(elsewhere, group.shift.strength)
    unseen = max(elsewhere - here, 0.0) / max(elsewhere, 0.3)
    onset = estate.onset
    if onset is not None and all(lift.kind != onset.group.kind for lift in compared):
        unseen = max(unseen, UNLIKE)
    return min(unseen, 1.0)


def _compare_lifts(findings: list[Findings]) -> None:
    """How far each change's lift is above that of all others."""
    total = [
        f.values["new_fails"] + f.values["new_waits"]
        + 0.5 * (f.values["new_burns"] + f.values["new_holds"])
        for f in findings
    ]  # fmt: skip
    first, second = sorted([*total, 0.0, 0.0], reverse=True)[:2]
    for f, mine in zip(findings, total, strict=True):
        others = second if mine == first else first
        f.values["new_stands_out"] = float(np.clip(mine - others, -2, 2)) if f.lifts else 0.0


# -- where


def _place(
    case: Case, change: Change, estate: Estate, v: dict[str, float]
) -> tuple[Group | None, int | None]:
    i = estate.at.get(change.service) if change.service else None
    if i is None:
        return None, None
    hops = None
    above = estate.reach.above(i)
    largest = max(float(estate.hurt.max()), 0.3)
    if estate.symptom is not None:
        v["near"] = float(above[estate.symptom])
        if v["near"]:
            hops = round(np.log(v["near"]) / np.log(0.6))
        elif i != estate.symptom:
            v["above"] = float(estate.reach.above(estate.symptom)[i])
    else:
        v["near"] = float((above * estate.hurt).max() / largest)
    total = float(estate.hurt.sum())
    if total > 0.3:
        v["explains"] = float((above * estate.hurt).sum() / total)
    v["hurt"] = float(estate.hurt[i]) / largest * min(1.0, largest)
    v["strained"] = float(estate.strained[i]) / (1 + float(estate.strained[i]))
    v["beneath"] = v["hurt"] * float(estate.beneath[i])
    v["outward"] = min(float(estate.outward[i]), 2.0)
    groups = [estate.worst.get((change.service or "", kind)) for kind in (FAILS, WAITS)]
    shown = [g for g in groups if g is not None and g.shift.strength > 0.2]
    return max(shown, key=lambda g: g.shift.strength, default=None), hops


def _pushes(change: Change, grid: Grid, estate: Estate) -> float:
    """Whether it calls a service below it far more than before, and that one suffers.

    Callers' own counts say so; where they are not measured, that the callee is asked far more
    often than the caller itself is says half as much: others may call it too.
    """
    i = estate.at.get(change.service or "")
    if i is None:
        return 0.0
    beneath = estate.reach.below(i)
    before = grid.times < change.started
    rows: dict[tuple[str, str], list[int]] = {}
    for k, key in enumerate(grid.request_keys):
        rows.setdefault((key.service, key.caller), []).append(k)
    mine = _grown(grid, rows.get((estate.services[i], ""), []), before)
    pushed = 0.0
    for (service, caller), places in rows.items():
        below = estate.at.get(service)
        if below is None or below == i:
            continue
        more: float | None = None
        if caller == change.service:
            more = _grown(grid, places, before)
        elif (
            not caller
            and mine is not None
            and beneath[below] >= DIRECT
            and (estate.services[below], estate.services[i]) not in rows
        ):
            grown = _grown(grid, places, before)
            more = None if grown is None else 0.5 * (grown - max(mine, 0.0))
        if more is not None:
            suffering = min(1.0, float(estate.hurt[below]))
            pushed = max(pushed, float(np.clip(more - 0.5, 0, 2)) * suffering)
    return pushed


def _grown(grid: Grid, places: Sequence[int], before: Marks) -> float | None:
    """By which factor, as a logarithm, these are asked more often now; None if not known."""
    if not places:
        return None
    counts = grid.requests[list(places)]
    measured = ~np.isnan(counts)
    total = np.where(measured.any(0), np.nansum(counts, axis=0), np.nan)
    early, late = total[before], total[~before][-6:]
    if (~np.isnan(early)).sum() < 2 or not (~np.isnan(late)).any():
        return None
    return float(np.log((np.nanmean(late) + 1) / (np.nanmean(early) + 1)))


# -- when


def _controls(estate: Estate) -> dict[str, Floats]:
    """The usual course of each metric over all services: what befell everybody."""
    by_metric: dict[str, list[Floats]] = {}
    for group in estate.groups:
        if not group.caller:
            by_metric.setdefault(group.metric, []).append(group.values - _nanmean(group.values))
    return {
        metric: _nanmedian(np.array(rows)) for metric, rows in by_metric.items() if len(rows) >= 4
    }


def _since(
    change: Change, grid: Grid, estate: Estate, controls: dict[str, Floats], v: dict[str, float]
) -> tuple[float, float, str] | None:
    """Difference in differences: before and after the change, at its service and elsewhere."""
    best, told = 0.0, None
    times = grid.times
    begun = change.started - 0.5 * grid.every
    before = (times < begun) & (times >= begun - 900)
    after = (times > begun) & (times >= times[-1] - 180 - grid.every)
    for group in estate.groups:
        if group.service != change.service or group.kind not in (FAILS, WAITS):
            continue
        values = group.values - controls.get(group.metric, 0.0)
        early, late = values[before], values[after]
        early, late = early[~np.isnan(early)], late[~np.isnan(late)]
        if len(early) < ALONE_BINS_MIN or not len(late):
            continue
        size = float(late.mean() - np.median(early))
        noise = max(float(early.std()), 0.01 if group.kind == FAILS else 0.06)
        sure = size / (noise * np.sqrt(1 / len(early) + 1 / len(late)))
        found = float(strength(size, sure, group.kind))
        if found > best:
            best, told = found, (float(np.median(early)), float(late.mean()), group.metric)
    v["since_the_change"] = best
    return told


def _timing(
    change: Change, grid: Grid | None, estate: Estate, own: Group | None, v: dict[str, float]
) -> tuple[float | None, int | None]:
    onset, every = estate.onset, grid.every if grid else 60.0
    if grid is None or onset is None:
        return None, None
    # Noise may make the symptom's onset early; what its own service shows is heard too.
    mine = onset_of(own, grid) if own is not None and own.shift.strength > OWN_MIN else None
    slack = 0.25 * every + 10
    late = min(change.started - o.latest for o in (onset, mine) if o is not None)
    v["too_late"] = float(1 / (1 + np.exp(-np.clip((late - slack) / slack, -30, 30))))
    v["too_late"] *= onset.surely
    if mine is not None and change.started > onset.latest + slack:
        onset = mine
    moments = [change.started, *(step.at for step in change.steps)]
    earlier = [m for m in moments if m <= onset.latest + slack]
    if not earlier:
        return onset.best - change.started, None
    last = max(earlier)
    away = max(onset.earliest - last, 0)
    v["on_time"] = float(np.exp(-away / (every + 30))) * onset.surely
    v["long_before"] = float(np.log1p(away / 60))
    step = next((i for i, step in enumerate(change.steps) if step.at == last), None)
    return onset.best - last, step


# -- none of these


def _elsewhere(
    changes: Sequence[Change], estate: Estate, findings: list[Findings]
) -> tuple[dict[str, float], str | None]:
    """Whether the trouble has its root at a service that nobody changed."""
    changed = {estate.at[c.service] for c in changes if c.service}
    root = estate.hurt * (1 - 0.8 * estate.beneath)
    if estate.symptom is not None:
        # What the symptom does not depend on may break without hurting it.
        root = root * np.sqrt(estate.reach.below(estate.symptom))
    free = [i for i in range(len(estate.services)) if i not in changed]
    held = max((float(root[i]) for i in changed), default=0.0)
    first = max(free, key=lambda i: float(root[i]), default=None)
    found = 0.0 if first is None else float(root[first]) - max(held, 0.0)
    lifted = [max((lift.strength for lift in f.lifts.values()), default=0.0) for f in findings]
    compared = [f for f in findings if f.lifts]
    none = {
        "elsewhere": float(np.clip(found, -1, 1)),
        "nothing_lifts": 1 / (1 + max(lifted, default=0.0) ** 2) if compared else 0.5,
        "many_hurt": float((estate.hurt > 0.3).mean()) if len(estate.hurt) else 0.0,
    }
    return none, None if first is None or found <= 0 else estate.services[first]


def _more_asked(grid: Grid, estate: Estate) -> float:
    """By which factor, as a logarithm, services in general are asked more since it began."""
    if estate.onset is None:
        return 0.0
    before = grid.times < estate.onset.earliest
    rows: dict[str, list[int]] = {}
    for k, key in enumerate(grid.request_keys):
        if not key.caller:
            rows.setdefault(key.service, []).append(k)
    grown = [_grown(grid, places, before) for places in rows.values()]
    known = [more for more in grown if more is not None]
    if len(known) < SERVICES_MIN:
        return 0.0
    return float(np.clip(np.median(known) - ASKED_MORE, 0, 1.5))


def _nanmean(values: Floats) -> float:
    measured = values[~np.isnan(values)]
    return float(measured.mean()) if len(measured) else 0.0


def _nanmedian(rows: Floats) -> Floats:
    """The median by column; 0 where nothing was measured."""
    ordered = np.sort(rows, axis=0)  # nan stands last
    count = (~np.isnan(rows)).sum(0)
    low, high = np.maximum((count - 1) // 2, 0), np.minimum(count // 2, len(rows) - 1)
    columns = np.arange(rows.shape[1])
    found: Floats = np.nan_to_num((ordered[low, columns] + ordered[high, columns]) / 2)
    return found
