"""Three dashboards: for those who answer for it, for those on call, for those who look inside.

    executive  coverage by environment and kind, integrity, enforcement, storage, what lacks proof
    on-call    open incidents, the newest deployments with their builds, freshness, open gaps
    debug      a thing, a request, the newest records, how the views and questions do

Source: the field's guides; docs/pages.md
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Final

import msgspec

from wherefrom.errors import Error
from wherefrom.formats.timestamps import moved
from wherefrom.query.answers import LogPosition, TraceEdge
from wherefrom.query.desk import LogRecord, TraceOptions
from wherefrom.query.health import HealthOptions
from wherefrom.query.health.answers import Health, History, Indicator, Missing
from wherefrom.query.postmortem.question import IncidentsWanted
from wherefrom.query.postmortem_answers import IncidentBrief
from wherefrom.query.reality import RealityOptions
from wherefrom.query.reality_answers import Change
from wherefrom.web import health as health_pages
from wherefrom.web.asking import Ask
from wherefrom.web.page import Page

EXECUTIVE: Final = ("N1", "N17", "N18", "N4", "N11", "N10", "N12", "N6", "N8", "N7")
TRENDS: Final = ("N1", "N4", "N10", "N6")
ON_CALL: Final = ("N2", "N5", "N4", "N14", "N16")
DEBUG: Final = ("N3", "N9", "N2", "N14", "N15", "N16")
DEPLOYMENTS_SHOWN: Final = 10
RECORDS_SHOWN: Final = 30
LACKING_SHOWN: Final = 15
_DAYS: Final = 30


class Executive(msgspec.Struct, frozen=True, kw_only=True):
    """Indicators, their past, and the production artifacts that lack proof."""

    log: LogPosition
    at: str
    indicators: list[Indicator]
    trends: list[History]
    lacking: list[Missing]


class Deployment(msgspec.Struct, frozen=True, kw_only=True):
    """A change of an artifact, and what made that: one hop of its lineage."""

    change: Change
    made: list[TraceEdge]


class OnCall(msgspec.Struct, frozen=True, kw_only=True):
    """What is open, what came last, and where the evidence has holes."""

    log: LogPosition
    at: str
    incidents: list[IncidentBrief]
    deployments: list[Deployment]
    indicators: list[Indicator]
    lacking: list[Missing]


class Debug(msgspec.Struct, frozen=True, kw_only=True):
    """How views and questions do, and the newest records as they stand in the log."""

    log: LogPosition
    at: str
    views: dict[str, int]
    indicators: list[Indicator]
    trends: list[History]
    records: list[LogRecord]


def executive(ask: Ask) -> Page:
    """``/executive?environment=``"""
    options = health_pages.options_of(ask)
    found = ask.desk.health.now(options, only=EXECUTIVE)
    trends = _trends(ask, TRENDS, options, found) if ask.wants("past") else []
    answer = Executive(
        log=found.log, at=found.at, indicators=found.indicators, trends=trends,
        lacking=[
            one for one in (_lacking(ask, options) if ask.wants("lacking") else [])
            if one.environment
        ][:LACKING_SHOWN],
    )  # fmt: skip
    return Page(
        template="executive.html", title="Executive", answer=answer, log=found.log, at=found.at,
        beside={"drawing": health_pages.drawn(trends), "later": _later(ask)},
    )  # fmt: skip


def on_call(ask: Ask) -> Page:
    """``/on-call?environment=&service=``"""
    options = health_pages.options_of(ask)
    found = ask.desk.health.now(options, only=ON_CALL)
    trouble = ask.desk.postmortems.list(
        IncidentsWanted(
            open=True, limit=20, as_of=ask.as_of, environment=options.environment,
            service=options.service,
        )
    )  # fmt: skip
    answer = OnCall(
        log=found.log, at=found.at, incidents=trouble.incidents,
        deployments=_deployments(ask, options, found.at),
        indicators=found.indicators,
        lacking=_lacking(ask, options)[:LACKING_SHOWN] if ask.wants("lacking") else [],
    )  # fmt: skip
    return Page(
        template="on_call.html", title="On call", answer=answer, log=found.log, at=found.at,
        beside={"later": _later(ask)},
    )  # fmt: skip


def debug(ask: Ask) -> Page:
    """``/debug``"""
    options = health_pages.options_of(ask)
    found = ask.desk.health.now(options, only=DEBUG)
    status = ask.desk.status()
    until = min(ask.as_of or status.size, status.size)
    newest = [
        ask.desk.record(i) for i in reversed(range(max(0, until - RECORDS_SHOWN), until))
    ]  # fmt: skip
    trends = _trends(ask, ("N3", "N9"), options, found)
    answer = Debug(
        log=found.log, at=found.at, views=status.views,
        indicators=found.indicators, trends=trends, records=newest,
    )  # fmt: skip
    return Page(
        template="debug.html", title="Debug", answer=answer, log=found.log, at=found.at,
        beside={"drawing": health_pages.drawn(trends), "size": status.size},
    )  # fmt: skip


def request(ask: Ask) -> Page:
    """``/requests/{id}``, ``/requests?id=``: the way of a request, with each hop's reality."""
    id = ask.request.path_params.get("id") or ask.query("id").strip()
    found = ask.desk.request(id) if id else None
    return Page(
        template="request.html", title=f"Request {id}".rstrip(), answer=found,
        log=found.log if found else None, now_only=True,
    )  # fmt: skip


def _later(ask: Ask) -> dict[str, str]:
    """Links to the parts that a page does not wait for; to all of it for who has no script."""
    if ask.whole:
        return {}
    return {part: ask.same(part=part) for part in ("past", "lacking")} | {
        "whole": ask.same(whole=1)
    }


def _trends(ask: Ask, ids: Collection[str], options: HealthOptions, found: Health) -> list[History]:
    if ask.as_of is not None or ask.at:
        return []  # a history is of many moments, none of them this one
    now = found.at, found.log.size
    past = (
        health_pages.past_of(ask, one, options, now=now)
        for one in found.indicators
        if one.id in ids
    )
    return [one for one in past if one is not None]


def _lacking(ask: Ask, options: HealthOptions) -> list[Missing]:
    try:
        found = ask.desk.health.explain("coverage", options).missing
    except Error:
        return []
    return sorted(found, key=lambda one: (not one.environment, one.environment, one.service))


def _deployments(ask: Ask, options: HealthOptions, now: str) -> list[Deployment]:
    scope = "/".join(part for part in (options.environment, options.service) if part)
    changes = ask.desk.reality.changes(
        scope,
        RealityOptions(
            at=ask.at, as_of=ask.as_of, slots=("artifact",), mode="declared",
            since=moved(now, -_DAYS * 86_400), limit=DEPLOYMENTS_SHOWN,
        ),
    ).changes  # fmt: skip
    return [Deployment(change=one, made=_made(ask, one.after)) for one in changes]


def _made(ask: Ask, artifact: str | None) -> list[TraceEdge]:
    """What made an artifact: its build, its commit."""
    if artifact is None:
        return []
    options = TraceOptions(depth=1, at=ask.at, as_of=ask.as_of, own=True)
    try:
        found: Any = ask.desk.trace(artifact, options)
    except Error:
        return []
    return [
        edge for edge in found.edges
        if edge.source in found.starts and edge.relation in ("generated_by", "derived_from")
    ][:3]  # fmt: skip
