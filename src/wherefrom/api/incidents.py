"""Where trouble concentrates, and which change did it: over HTTP, as on the command line."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from wherefrom.api.access import principal_of
from wherefrom.api.answers import json_response
from wherefrom.api.reads import number
from wherefrom.errors import Malformed
from wherefrom.formats import why_case
from wherefrom.formats.timestamps import duration_s
from wherefrom.query.canary.judge import ALPHA
from wherefrom.query.canary.live import CanaryOptions, tolerance_of
from wherefrom.query.desk import Desk
from wherefrom.query.hours import HourOptions
from wherefrom.query.incidents import EffectOptions, IncidentOptions, Incidents
from wherefrom.query.responses.history import LIST_DEFAULT


def get_impact(request: Request) -> Response:
    """``/v1/impact?service=&environment=&alert=&since=&until=&as_of=&by=``"""
    return json_response(_incidents(request).impact(_options(request)))


def get_why(request: Request) -> Response:
    """``/v1/why?service=&environment=&alert=&since=&until=&at=&as_of=&format=``"""
    form = request.query_params.get("format", "json")
    if form not in ("json", "case"):
        raise Malformed("not a format", where="?format=", expected="json case", got=form)
    incidents, options = _incidents(request), _options(request)
    if form == "json":
        return json_response(incidents.why(options))
    files = why_case.to_files(incidents.case(options).case)
    return json_response({name: content.decode() for name, content in files.items()})


def get_canary(request: Request) -> Response:
    """``/v1/canary/{service}?environment=&canary=&baseline=&since=&until=&as_of=&alpha=&tolerate=``"""
    incidents, query = _incidents(request), request.query_params
    said = query.get("alpha")
    options = CanaryOptions(
        service=request.path_params["service"],
        environment=query.get("environment", ""),
        canary=query.get("canary", ""),
        baseline=query.get("baseline", ""),
        since=query.get("since"),
        until=query.get("until"),
        as_of=number(request, "as_of"),
        alpha=ALPHA if said is None else tolerance_of(f"alpha={said}")[1],
        tolerances=dict(map(tolerance_of, query.getlist("tolerate"))),
    )
    return json_response(incidents.canary(options))


def get_responses(request: Request) -> Response:
    """``/v1/responses?service=&environment=&limit=&as_of=``"""
    limit, query = number(request, "limit"), request.query_params
    return json_response(
        _desk(request).responses.plans(
            service=query.get("service", ""),
            environment=query.get("environment", ""),
            limit=LIST_DEFAULT if limit is None else limit,
            as_of=number(request, "as_of"),
        )
    )


def get_response(request: Request) -> Response:
    """``/v1/responses/{plan}?as_of=``"""
    found = _desk(request).responses
    return json_response(found.show(request.path_params["plan"], as_of=number(request, "as_of")))


def get_effect(request: Request) -> Response:
    """``/v1/safe-mode/effect?service=&environment=&name=&at=&window=``"""
    incidents, query = _incidents(request), request.query_params
    service, environment = query.get("service"), query.get("environment")
    if not service or not environment:
        raise Malformed("a service is in a safe mode", expected="?service=…&environment=…")
    window = query.get("window")
    options = EffectOptions(
        service=service,
        environment=environment,
        name=query.get("name"),
        at=query.get("at"),
        window=3_600 if window is None else duration_s(window, where="?window="),
    )
    return json_response(incidents.effect(options))


def get_hours(request: Request) -> Response:
    """``/v1/hours?service=&environment=&since=&until=``: what is left of what is no longer kept."""
    desk, query = _desk(request), request.query_params
    options = HourOptions(
        service=query.get("service", ""),
        environment=query.get("environment", ""),
        since=query.get("since"),
        until=query.get("until"),
    )
    return json_response(desk.hours(options))


def _incidents(request: Request) -> Incidents:
    return _desk(request).incidents


def _desk(request: Request) -> Desk:
    principal_of(request, "read")
    desk: Desk = request.app.state.desk
    return desk


def _options(request: Request) -> IncidentOptions:
    query = request.query_params
    return IncidentOptions(
        service=query.get("service", ""),
        environment=query.get("environment", ""),
        alert=query.get("alert", ""),
        since=query.get("since"),
        until=query.get("until"),
        at=query.get("at"),
        as_of=number(request, "as_of"),
        by=tuple(query.getlist("by")),
    )
