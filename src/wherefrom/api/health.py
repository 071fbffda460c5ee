"""How good the evidence is, over HTTP."""

from __future__ import annotations

from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from wherefrom.api.access import principal_of
from wherefrom.api.answers import json_response
from wherefrom.api.reads import number
from wherefrom.errors import Malformed
from wherefrom.formats.timestamps import duration_s
from wherefrom.query.desk import Desk
from wherefrom.query.health import HealthDesk, HealthOptions

STEP_DEFAULT: Final = "1d"


def get_health(request: Request) -> Response:
    """``/v1/health?environment=&service=&kind=&trust=&at=&as_of=``"""
    return json_response(_health(request).now(_options(request)))


def get_explained(request: Request) -> Response:
    """``/v1/health/explain?indicator=``, and as ``/v1/health``."""
    return json_response(_health(request).explain(_indicator(request), _options(request)))


def get_history(request: Request) -> Response:
    """``/v1/health/history?indicator=&since=&until=&step=``, and as ``/v1/health``."""
    health, query = _health(request), request.query_params
    since = query.get("since")
    if not since:
        raise Malformed("since when is not said", where="?since=", expected="a time")
    answer = health.history(
        _indicator(request),
        _options(request),
        since=since,
        until=query.get("until"),
        step_s=duration_s(query.get("step", STEP_DEFAULT), where="?step="),
    )
    return json_response(answer)


def _health(request: Request) -> HealthDesk:
    principal_of(request, "read")
    desk: Desk = request.app.state.desk
    return desk.health


def _indicator(request: Request) -> str:
    return request.query_params.get("indicator") or "N1"


def _options(request: Request) -> HealthOptions:
    query = request.query_params
    return HealthOptions(
        environment=query.get("environment", ""),
        service=query.get("service", ""),
        kind=query.get("kind", ""),
        trust=query.get("trust", ""),
        at=query.get("at"),
        as_of=number(request, "as_of"),
    )
