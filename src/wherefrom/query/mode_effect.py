"""The effect of a safe mode, place by place: where it was entered, and where it was not.

    changes of the estate ──► Span: region, pool, entered, left ┐
    points by metric, region, pool ─────────────────────────────┴──► before, during, after of each

Points of a place are measured over the narrowest span that covers it. What no span covers was not
in the mode: it is measured over the newest span, to compare with, and said to be outside.

Source: ``query.effect`` for the numbers
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

import msgspec

from wherefrom.errors import NotFound
from wherefrom.formats.timestamps import micros
from wherefrom.query.effect import POINTS_MIN, Part, effect
from wherefrom.query.reality_answers import Change

# Microseconds and a value.
Points = list[tuple[int, float]]


class Series(NamedTuple):
    """What was measured where; a region or pool that nobody names is empty."""

    metric: str
    region: str
    pool: str


class Span(NamedTuple):
    """One stay in a mode. ``left`` is None while it lasts; an empty region or pool is all of
    them."""

    region: str
    pool: str
    entered: str
    left: str | None
    entry: int

    def covers(self, region: str, pool: str) -> bool:
        """Whether a place was in the mode; one that says no region is taken to be everywhere."""
        pairs = ((self.region, region), (self.pool, pool))
        return all(not mine or not theirs or mine == theirs for mine, theirs in pairs)


class Measured(msgspec.Struct, frozen=True, kw_only=True):
    """One metric. ``too_little`` says why no effect can be told of it; None if one can."""

    parts: list[Part]
    too_little: str | None


class PlaceEffect(msgspec.Struct, frozen=True, kw_only=True):
    """What was measured in one region and pool, by metric.

    in_mode  whether the mode was entered there; else it is measured while it was elsewhere
    """

    region: str
    pool: str
    in_mode: bool
    entered: str
    left: str | None
    entry: int
    metrics: dict[str, Measured]


class ModeEffect(msgspec.Struct, frozen=True, kw_only=True):
    """What a safe mode changed: all places that were in it together, and each by itself.

    entered, left, entry  of the newest span
    """

    name: str
    entered: str
    left: str | None
    entry: int
    metrics: dict[str, list[Part]]
    places: list[PlaceEffect]


def spans(
    changes: Iterable[Change], *, name: str | None, at: str | None, margin: int
) -> tuple[str, list[Span]]:
    """The mode that was entered last, and every place that was in it then, the newest first.

    changes  of the slot ``safe_mode`` of one service, newest first
    name     which mode; None for whichever was entered last, by ``at`` if that is given
    margin   microseconds: another place's stay counts if it is no further from the newest one

    Raises NotFound if none was entered.
    """
    ended: dict[tuple[str, str, str], str] = {}
    found: dict[tuple[str, str], Span] = {}
    for change in changes:
        key = (change.region, change.pool, change.name)
        is_entered = change.after is not None and (at is None or change.at <= at)
        if not is_entered or name not in (None, change.name):
            ended[key] = change.at
        elif key[:2] not in found:
            name = change.name
            left, ended[key] = ended.get(key), change.at
            found[key[:2]] = Span(change.region, change.pool, change.at, left, change.entry)
    if name is None or not found:
        raise NotFound(
            "the service was in no such safe mode",
            got=name or "none at all",
            do="wherefrom changes shows which it was in, and when",
        )
    newest, *others = found.values()
    near = [one for one in others if _is_near(one, newest, margin)]
    return name, [newest, *near]


def _is_near(one: Span, other: Span, margin: int) -> bool:
    starts_late = other.left is not None and micros(one.entered) > micros(other.left) + margin
    ended_early = one.left is not None and micros(one.left) < micros(other.entered) - margin
    return not starts_late and not ended_early


def mode_effect(
    name: str, stays: list[Span], series: Mapping[Series, Points], *, now: str, window: int
) -> ModeEffect:
    """Measure.

    stays   as ``spans`` gave them
    series  points with the places they are of
    now     when a stay that lasts has ended, for now
    window  microseconds before and after that are compared
    """
    newest = stays[0]
    where = sorted({(s.region, s.pool) for s in series})
    together: dict[str, Points] = {}
    places = []
    for region, pool in where:
        span = _span_of(stays, region, pool)
        here = {s.metric: points for s, points in series.items() if s[1:] == (region, pool)}
        over = span or newest
        places.append(
            PlaceEffect(
                region=region, pool=pool, in_mode=span is not None, entered=over.entered,
                left=over.left, entry=over.entry,
                metrics={m: _measured(p, over, now, window) for m, p in sorted(here.items())},
            )
        )  # fmt: skip
        for metric, points in here.items() if span else ():
            together.setdefault(metric, []).extend(points)
    metrics = {m: _parts(p, newest, now, window) for m, p in sorted(together.items())}
    return ModeEffect(
        name=name, entered=newest.entered, left=newest.left, entry=newest.entry,
        metrics=metrics, places=places,
    )  # fmt: skip


def _span_of(stays: Iterable[Span], region: str, pool: str) -> Span | None:
    covering = [span for span in stays if span.covers(region, pool)]
    return max(covering, key=lambda s: (bool(s.region) + bool(s.pool), s.entered), default=None)


def _parts(points: Points, span: Span, now: str, window: int) -> list[Part]:
    entered = micros(span.entered)
    # A mode that is left in the moment it is entered changes nothing, and lasts one.
    left = max(micros(span.left or now), entered + 1)
    return effect(points, entered=entered, left=left, window=window)


def _measured(points: Points, span: Span, now: str, window: int) -> Measured:
    parts = _parts(points, span, now, window)
    before, during, _ = parts
    too_little = None
    if min(before.points, during.points) < POINTS_MIN:
        too_little = (
            f"{before.points} points before and {during.points} during:"
            f" it takes {POINTS_MIN} of each"
        )
    elif before.mean == 0:
        too_little = "nothing before to compare with: its mean is 0"
    return Measured(parts=parts, too_little=too_little)
