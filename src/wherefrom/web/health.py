"""How good the evidence is: every indicator, and what stands behind one."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from wherefrom.errors import Error
from wherefrom.formats.timestamps import micros, of_micros
from wherefrom.query.health import HealthOptions
from wherefrom.query.health.answers import History, Indicator, Point
from wherefrom.web import charts
from wherefrom.web.asking import Ask
from wherefrom.web.page import Page

PAST_DAYS: Final = 14
LISTED: Final = 100
TILES: Final = ("N1", "N2", "N4")  # what the first page shows of it
_DAY_S: Final = 86_400
_DAY_MICROS: Final = _DAY_S * 1_000_000
_SCALE: Final = {"share": (100.0, "%"), "count": (1.0, "")}
_BYTES: Final = ((1e9, "GB/day"), (1e6, "MB/day"), (1e3, "KB/day"))


class Behind(msgspec.Struct, frozen=True, kw_only=True):
    """One indicator: what stands behind it, and how it was on the days before."""

    explained: Any
    history: History | None


def options_of(ask: Ask) -> HealthOptions:
    """Which part, when, and as known when."""
    return HealthOptions(
        environment=ask.query("environment"), service=ask.query("service"),
        kind=ask.query("kind"), trust=ask.query("trust"), at=ask.at, as_of=ask.as_of,
    )  # fmt: skip


def health(ask: Ask) -> Page:
    """``/health?environment=&service=&kind=&trust=``"""
    found = ask.desk.health.now(options_of(ask), only=TILES if ask.query("part") == "tiles" else ())
    return Page(template="health.html", title="Health", answer=found, log=found.log, at=found.at)


def indicator(ask: Ask) -> Page:
    """``/health/{indicator}``: its parts, what is missing and whose, what to mend first."""
    options = options_of(ask)
    found = ask.desk.health.explain(ask.path("indicator"), options)
    one = found.indicator
    past = None
    if ask.as_of is None and not ask.at:
        past = past_of(ask, one, options, now=(found.at, found.log.size))
    return Page(
        template="indicator.html", title=f"{one.id} {one.name}",
        answer=Behind(explained=found, history=past), log=found.log, at=found.at,
        beside={"listed": found.missing[:LISTED], "drawing": drawn([past] if past else [])},
    )  # fmt: skip


def past_of(
    ask: Ask, one: Indicator, options: HealthOptions, *, now: tuple[str, int], days: int = PAST_DAYS
) -> History | None:
    """An indicator at each midnight (UTC) of the last days, and now; None of what is not known.

    now  when it was found, and the size of the log then
    """
    at, size = now
    midnight = micros(at) // _DAY_MICROS * _DAY_MICROS - (days - 1) * _DAY_MICROS
    try:
        found = ask.desk.health.history(
            one.id, msgspec.structs.replace(options, at=None, as_of=None),
            since=of_micros(midnight), until=at, step_s=_DAY_S,
        )  # fmt: skip
    except Error:
        return None
    points = [*found.points, Point(at=at, size=size, value=one.value, of=one.of)]
    if all(point.value is None for point in points):
        return None
    return msgspec.structs.replace(found, points=points)


def drawn(past: list[History]) -> Any:
    """The last days of some indicators, a plot for each; None without any."""
    if not past:
        return None
    plots = []
    for one in past:
        told = [(micros(p.at) / 1e6, p.value) for p in one.points if p.value is not None]
        scale, unit = _scale(one.unit, max(value for _, value in told))
        points = [(at, value * scale) for at, value in told]
        plots.append(charts.Plot(one.name, unit, [charts.Line("", points)]))
    since, until = (micros(moment) / 1e6 for moment in (past[0].since, past[0].until))
    return charts.timeline(since=since, until=until, bars=(), plots=plots)


def _scale(unit: str, peak: float) -> tuple[float, str]:
    """By what to multiply so that the highest can be read, and what it is then called."""
    if unit == "bytes/day":
        return next(((1 / size, name) for size, name in _BYTES if peak >= size), (1.0, "B/day"))
    return _SCALE.get(unit, (1.0, unit))
