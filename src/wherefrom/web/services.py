"""What runs where: all services, one of them, what changed, and who is silent."""

from __future__ import annotations

import contextlib
from typing import Any, Final
from urllib.parse import unquote

import msgspec
from starlette.requests import Request

from wherefrom.errors import NotFound
from wherefrom.formats.states import Scope
from wherefrom.formats.timestamps import moved
from wherefrom.query import scopes
from wherefrom.query.catalog.answers import Gaps
from wherefrom.query.catalog.questions import CatalogOptions
from wherefrom.query.reality import CHANGES_DEFAULT, RealityOptions
from wherefrom.query.reality_answers import Place, Running
from wherefrom.web.asking import Ask
from wherefrom.web.page import Page

CHANGES_DAYS: Final = 30


class ServiceLine(msgspec.Struct, frozen=True, kw_only=True):
    """One service in one environment: its artifacts, and how many of its places drift.

    seen  when it was last seen or declared
    """

    environment: str
    service: str
    owner: str | None
    artifacts: list[str]
    names: list[str]
    instances: int
    drifting: int
    denied: int
    seen: str


def lines(running: Running) -> list[ServiceLine]:
    """A line for each service in each environment, what drifts or is denied first."""
    by: dict[tuple[str, str], list[Place]] = {}
    for place in running.places:
        if place.service:
            by.setdefault((place.environment, place.service), []).append(place)
    found = [_line(environment, service, places) for (environment, service), places in by.items()]
    found.sort(key=lambda line: (-line.denied, -line.drifting, line.environment, line.service))
    return found


def _line(environment: str, service: str, places: list[Place]) -> ServiceLine:
    artifacts: dict[str, str] = {}
    instances = denied = 0
    for place in places:
        stated = [*place.observed, *([place.declared] if place.declared else [])]
        if place.slot != "artifact":
            continue
        instances += sum(one.instances for one in place.observed)
        denied += any("denied" in one.marks for one in stated)
        for one in place.observed or stated:
            artifacts.setdefault(one.value, one.says or one.value)
    seen = max(
        (one.seen for p in places for one in [*p.observed, *([p.declared] if p.declared else [])]),
        default="",
    )
    return ServiceLine(
        environment=environment, service=service, owner=places[0].owner,
        artifacts=list(artifacts), names=list(artifacts.values()), instances=instances,
        drifting=sum(place.drift is not None for place in places), denied=denied, seen=seen,
    )  # fmt: skip


def running(ask: Ask) -> Page:
    """``/running?scope=&drift=&slot=&at=``: every place, or those that drift."""
    scope, drift = ask.query("scope"), ask.query("drift") == "1"
    slots = tuple(slot for slot in ask.request.query_params.getlist("slot") if slot)
    options = RealityOptions(at=ask.at, as_of=ask.as_of, slots=slots)
    found = ask.desk.reality.running(scope, options, drifting=drift)
    title = "What is not as declared" if drift else "What runs"
    return Page(
        template="running.html", title=f"{title} in {scope}" if scope else title, answer=found,
        log=found.log, at=found.at, beside={"scope": scope, "drift": drift},
    )  # fmt: skip


def changes(ask: Ask) -> Page:
    """``/changes?scope=&since=&until=&limit=``: what changed, newest first."""
    scope = ask.query("scope")
    options = RealityOptions(
        at=ask.at, as_of=ask.as_of, since=ask.query("since") or None,
        until=ask.query("until") or None, limit=ask.number("limit", CHANGES_DEFAULT),
    )  # fmt: skip
    found = ask.desk.reality.changes(scope, options)
    title = f"What changed in {scope}" if scope else "What changed"
    return Page(
        template="changes.html",
        title=title,
        answer=found,
        log=found.log,
        at=found.until,
        beside={"scope": scope},
    )


def gaps(ask: Ask) -> Page:
    """``/gaps?service=&environment=``: who should have sent what, and did not."""
    found = missing(ask, ask.query("service"), ask.query("environment"))
    log = found.log if found else ask.desk.standing()[0]
    return Page(
        template="gaps.html",
        title="Who is silent",
        answer=found,
        log=log,
        at=found.at if found else None,
    )


def missing(ask: Ask, service: str = "", environment: str = "") -> Gaps | None:
    """Who should have sent what, and did not; None where no catalogue says who should."""
    options = CatalogOptions(at=ask.at, as_of=ask.as_of, environment=environment)
    with contextlib.suppress(NotFound):
        return ask.desk.catalogs.gaps(service, options)
    return None


def _named(request: Request) -> tuple[str, str]:
    """The environment and service of a path: as they were sent, since each may hold a slash.

    Raises NotFound without a service.
    """
    raw = request.scope["raw_path"].decode("ascii", "replace").removeprefix("/services/")
    environment, _, name = (unquote(part) for part in raw.partition("/"))
    if not name:
        raise NotFound(
            "no service is named", expected="/services/ENVIRONMENT/SERVICE", got=request.url.path,
            do="Choose one at /running",
        )  # fmt: skip
    return environment, name


def service(ask: Ask) -> Page:
    """``/services/{environment}/{service}``: one service: what runs, changed, is missing."""
    environment, name = _named(ask.request)
    scope = scopes.to_text(Scope(environment, name))
    now = RealityOptions(at=ask.at, as_of=ask.as_of)
    runs = ask.desk.reality.running(scope, now)
    since = moved(runs.at, -CHANGES_DAYS * 86_400)
    changed = ask.desk.reality.changes(
        scope, RealityOptions(at=ask.at, as_of=ask.as_of, since=since, limit=20)
    )
    answer: dict[str, Any] = {
        "running": runs,
        "changes": changed,
        "gaps": missing(ask, name, environment),
    }
    return Page(
        template="service.html", title=f"{name} in {environment}", answer=answer, log=runs.log,
        at=runs.at,
        beside={"environment": environment, "service": name, "scope": scope,
                "line": _line(environment, name, runs.places) if runs.places else None},
    )  # fmt: skip
