"""One incident on one page: what an engineer opens at 3 a.m., and sends on.

    incident ──► five tiles: artifact, config, flags, what they are made of, the likeliest change
             ──► ranked causes · where the impact concentrates · changes over what was measured
             ──► how the reality now differs from the one before · the lineage of what serves

All of it is as of one size of the log, whose root is compared with the one that was signed; what
was measured is beside the log and says so.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from wherefrom.errors import Error, Malformed, NotFound
from wherefrom.formats.shown import short_id
from wherefrom.formats.states import Scope
from wherefrom.formats.timestamps import moved
from wherefrom.query import scopes
from wherefrom.query.answers import LogPosition
from wherefrom.query.incident_answers import Impact, Incident, Why
from wherefrom.query.incidents import IncidentOptions
from wherefrom.query.postmortem import pages as postmortem
from wherefrom.query.postmortem.question import LIST_DEFAULT, IncidentsWanted
from wherefrom.query.postmortem_answers import IncidentShown, Postmortem
from wherefrom.query.reality import RealityOptions
from wherefrom.query.reality_answers import Change, Difference, Materials, Place, Running, Stated
from wherefrom.views.health.alerting import is_of_behaviour, rule_of
from wherefrom.web import charts
from wherefrom.web.asking import Ask
from wherefrom.web.lineage.pages import embedded
from wherefrom.web.page import Page, whole_file
from wherefrom.web.things import thing
from wherefrom.web.words import with_query

if TYPE_CHECKING:  # why ranks with numpy, which a server at rest does not load
    from wherefrom.formats.why_case import Case
    from wherefrom.query.why.live import WhyCase

BEFORE_S: Final = 3_600
AFTER_S: Final = 1_800
CHANGES_SHOWN: Final = 40
_WRITTEN: Final[Mapping[str, tuple[str, Callable[[Postmortem], bytes]]]] = {
    "html": ("text/html; charset=utf-8", postmortem.html),
    "markdown": ("text/markdown; charset=utf-8", postmortem.markdown),
    "pdf": ("application/pdf", postmortem.pdf),
}
_MATERIALS_SHOWN: Final = 6


class Tile(msgspec.Struct, frozen=True, kw_only=True):
    """The answer to one of the on-call's questions.

    values  what it is, each with where its link leads; ``drift`` what is not as declared
    age     seconds since that was seen or declared last
    """

    question: str
    values: list[tuple[str, str]]
    drift: list[str]
    age: float | None
    entry: int | None
    trust: str
    signers: tuple[str, ...]


class Investigation(msgspec.Struct, frozen=True, kw_only=True):
    """All that the page says; None is what could not be asked, and ``says`` why."""

    incident: Incident
    log: LogPosition
    as_of: int
    verified: bool
    at: str
    tiles: list[Tile]
    told: IncidentShown | None
    why: Why | None
    impact: Impact | None
    changes: list[Change]
    difference: Difference | None
    says: list[str]


def investigation(ask: Ask) -> Page:
    """``/incidents/{id}``; what a record calls so and no alert or person told of is a thing."""
    try:
        return _investigated(ask)
    except NotFound as unknown:
        try:
            return thing(ask)
        except NotFound:
            raise unknown from None


def _investigated(ask: Ask) -> Page:
    id = ask.path("id")
    if not id:
        raise NotFound("no incident is named", do="Choose one at /incidents")
    options = IncidentOptions(
        alert=id, as_of=ask.as_of, service=ask.query("service"),
        environment=ask.query("environment"),
    )  # fmt: skip
    case = ask.desk.incidents.case(options)
    why = ask.desk.incidents.ranked(case)
    incident = why.incident
    assert incident is not None, "a question about an incident is answered for it"
    says: list[str] = []
    impact = _or_says(lambda: ask.desk.incidents.impact(options), says)
    scope = scopes.to_text(Scope(incident.environment, incident.service))
    at = ask.at or incident.ended
    running = ask.desk.reality.running(
        scope, RealityOptions(at=at, as_of=ask.as_of, materials=True)
    )
    since = moved(incident.began, -BEFORE_S)
    until = moved(incident.ended or running.at, AFTER_S if incident.ended else 0)
    if until <= since:  # it is looked at as of a time before it began
        until = moved(incident.began, AFTER_S)
    changed = ask.desk.reality.changes(
        scope, RealityOptions(as_of=ask.as_of, since=since, until=until, limit=CHANGES_SHOWN)
    )
    before = f"{scope}@{{{since}}}"
    during = f"{scope}@{{{moved(incident.began, 1)}}}"
    difference = _or_says(
        lambda: ask.desk.reality.diff(before, during, RealityOptions(as_of=ask.as_of)), says
    )
    drawn = _or_says(lambda: _drawing(ask, case, incident, why, since, until), says)
    shown = tiles(running)
    serves = next((value for _, value in shown[0].values if value), None)
    lineage = _or_says(lambda: embedded(ask, serves), says) if serves else None
    told: IncidentShown | None = _or_says(
        lambda: ask.desk.postmortems.show(id, as_of=ask.as_of), says
    )
    answer = Investigation(
        incident=incident, log=why.log, as_of=why.as_of,
        verified=ask.desk.root_at(why.log.size) == why.log.root,
        told=told,
        at=running.at, tiles=[*shown, _about(told) or _likeliest(why)], why=why, impact=impact,
        changes=changed.changes, difference=difference,
        says=[*says, *(s for s in why.says), *(impact.says if impact else [])],
    )  # fmt: skip
    return Page(
        template="investigation.html", title=incident.name or incident.id, answer=answer,
        log=why.log,
        at=running.at,
        beside={
            "id": id, "scope": scope, "drawing": drawn, "before": since, "until": until,
            "lineage_drawn": lineage,
        },
    )  # fmt: skip


def incidents(ask: Ask) -> Page:
    """``/incidents?open=&service=&environment=``: which there were, the newest first."""
    wanted = IncidentsWanted(
        service=ask.query("service"), environment=ask.query("environment"),
        open=ask.query("open") == "1", limit=ask.number("limit", LIST_DEFAULT), as_of=ask.as_of,
    )  # fmt: skip
    found = ask.desk.postmortems.list(wanted)
    return Page(template="incidents.html", title="Incidents", answer=found, log=found.log)


def report(request: Request) -> Response:
    """``/incidents/{id}/report?as=html|markdown|pdf&as_of=``: the postmortem, to keep."""
    return whole_file(request, _report)


def _report(ask: Ask) -> tuple[bytes, str, str]:
    form = ask.query("as", "html")
    if form not in _WRITTEN:
        raise Malformed("not a format", where="?as=", expected=" ".join(_WRITTEN), got=form)
    found = ask.desk.postmortems.report(ask.path("id"), as_of=ask.as_of)
    media_type, write = _WRITTEN[form]
    # Its styles stand in it, so that it can be sent on as one file; nothing in it runs.
    return write(found), media_type, "default-src 'none'; style-src 'unsafe-inline'"


def _or_says(ask: Any, says: list[str]) -> Any:
    """What a question answers; where it cannot be, the page says so and shows the rest."""
    try:
        return ask()
    except Error as error:
        says.append(str(error))
        return None


# -- the tiles


def tiles(running: Running) -> list[Tile]:
    """What serves, which settings are active, which flags are on, and what it is made of."""
    return [
        _tile("Which artifact serves?", running, "artifact"),
        _tile("Which config is active?", running, "config"),
        _tile("Which flags are on?", running, "flag"),
        _made_of(running.materials or []),
    ]


def _tile(question: str, running: Running, slot: str) -> Tile:
    places = [place for place in running.places if place.slot == slot]
    values: dict[str, str] = {}
    newest: Stated | None = None
    drift = []
    for place in places:
        stated: list[Stated] = list(place.observed) or [one for one in [place.declared] if one]
        for one in stated:
            values.setdefault(_called(place, one), one.value)
            newest = one if newest is None or one.seen > newest.seen else newest
        if place.drift:
            where = place.region or place.pool or place.service
            drift.append(f"{where}: {place.drift}")
    return Tile(
        question=question, values=list(values.items()), drift=drift,
        age=newest.age if newest else None, entry=newest.seen_entry if newest else None,
        trust=newest.trust if newest else "", signers=newest.signers if newest else (),
    )  # fmt: skip


def _called(place: Place, one: Stated) -> str:
    if place.slot == "flag":
        return f"{place.name}={one.value}"
    return one.says or one.value


def _made_of(found: Iterable[Materials]) -> Tile:
    found = list(found)
    listed = [one for part in found for one in part.materials]
    first = sorted(listed, key=lambda one: (one.drift is None, one.role != "base"))
    values = [(f"{one.role} {one.id}", one.id) for one in first[:_MATERIALS_SHOWN]]
    more = len(listed) - len(values)
    if more > 0:
        values.append((f"and {more} more", ""))
    newest = max(listed, key=lambda one: one.said, default=None)
    unknown = [f"nobody says of {short_id(id)}" for part in found for id in part.unknown]
    return Tile(
        question="What is it made of?", values=values,
        drift=[f"{one.id}: {one.drift}" for one in listed if one.drift][:3] + unknown[:2],
        age=newest.age if newest else None, entry=newest.entry if newest else None,
        trust=newest.trust if newest else "", signers=newest.signers if newest else (),
    )  # fmt: skip


def _about(told: IncidentShown | None) -> Tile | None:
    """Of an alert about records, what it names itself; None of others."""
    if told is None:
        return None
    for word in told.words:
        if word.root is None or word.rule != rule_of(told.incident.id):
            continue
        if is_of_behaviour(word.rule):
            return None
        return Tile(
            question="What is it about?", values=[(word.root.id, word.root.id)],
            drift=[f"{word.rule}: {word.title}"], age=None, entry=word.entry, trust=word.trust,
            signers=word.signers,
        )  # fmt: skip
    return None


def _likeliest(why: Why) -> Tile:
    top = why.ranked[0] if why.ranked else None
    if top is None or top.change is None:
        values = [("none of the changes", "")] if top else []
    else:
        said = f"{top.service}: {top.kind} {top.name}".rstrip()
        values = [(f"{said} ({top.probability:.0%})", top.after or "")]
    return Tile(
        question="Which change did it?", values=values, drift=[], age=None,
        entry=top.entry if top else None, trust="", signers=(),
    )  # fmt: skip


# -- changes over what was measured


def _drawing(ask: Ask, found: WhyCase, incident: Incident, why: Why, since: str, until: str) -> Any:
    likely = why.ranked[0].change if why.ranked else None
    starts, ends = _seconds(since), _seconds(until)
    bars = []
    for change in sorted(found.case.changes, key=lambda c: c.started):
        last = change.finished or change.started
        if last < starts or change.started > ends:
            continue
        candidate = found.candidates.get(change.id)
        entry = candidate.first.entry if candidate is not None else None
        says = f"{change.service or ''}: {change.kind} {change.id.rpartition('/')[2]}"
        bars.append(
            charts.Bar(
                label=says, start=change.started, end=last,
                steps=tuple(step.at for step in change.steps),
                href=_record(ask, entry), likely=change.id == likely,
            )
        )  # fmt: skip
    over = _seconds(incident.ended) if incident.ended else ends
    return charts.timeline(
        since=starts, until=ends, bars=bars,
        plots=_plots(found.case, incident.service, starts, ends),
        shades=[charts.Shade(incident.name, _seconds(incident.began), over)],
    )  # fmt: skip


def _record(ask: Ask, entry: int | None) -> str:
    path = "" if entry is None else f"/records/{entry}"
    return with_query(path, as_of=ask.as_of) if path else "#causes"


def _plots(case: Case, service: str, since: float, until: float) -> list[charts.Plot]:
    """Failing requests and latency of a service, a line for each of its realities."""
    failing = _by_reality(case, service, "success_rate", since, until)
    latency = _by_reality(case, service, "latency_ms_p95", since, until)
    if not latency:
        latency = _by_reality(case, service, "latency_ms_mean", since, until)
    shares = {
        label: [(at, 100 * (1 - value)) for at, value in points]
        for label, points in failing.items()
    }
    return [_plot("failing", "%", shares), _plot("latency", "ms", latency)]


def _plot(title: str, unit: str, lines: Mapping[str, list[tuple[float, float]]]) -> charts.Plot:
    return charts.Plot(title, unit, [charts.Line(label, lines[label]) for label in sorted(lines)])


def _by_reality(
    case: Case, service: str, metric: str, since: float, until: float
) -> dict[str, list[tuple[float, float]]]:
    """The mean over instances at each moment: as the service says itself, else its callers."""
    wanted = [s for s in case.series if s.service == service and s.metric == metric]
    own = [s for s in wanted if not s.caller] or wanted
    sums: dict[str, dict[float, list[float]]] = {}
    for one in own:
        into = sums.setdefault(short_id(one.identity) or "all", {})
        for at, value in zip(one.times, one.values, strict=True):
            if since <= at <= until:
                into.setdefault(at, []).append(value)
    return {
        label: [(at, sum(values) / len(values)) for at, values in sorted(found.items())]
        for label, found in sums.items()
        if found
    }


def _seconds(moment: str) -> float:
    with contextlib.suppress(ValueError):
        return datetime.fromisoformat(moment).timestamp()
    raise AssertionError(moment)
