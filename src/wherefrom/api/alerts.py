"""Alerts, objectives and maintenances: over HTTP, as on the command line."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from wherefrom.api.access import principal_of
from wherefrom.api.answers import json_response
from wherefrom.api.reads import number
from wherefrom.query.alerts.desk import LIST_DEFAULT, AlertDesk, AlertOptions
from wherefrom.query.desk import Desk


def get_alerts(request: Request) -> Response:
    """``/v1/alerts?environment=&service=&since=&until=&as_of=&limit=``"""
    return json_response(_alerts(request).alerts(_options(request)))


def get_objectives(request: Request) -> Response:
    """``/v1/objectives?name=``"""
    name = request.query_params.get("name", "")
    return json_response(_alerts(request).objectives(name))


def get_maintenances(request: Request) -> Response:
    """``/v1/maintenances?environment=&service=&since=&until=&as_of=&limit=``"""
    return json_response(_alerts(request).maintenances(_options(request)))


def _alerts(request: Request) -> AlertDesk:
    principal_of(request, "read")
    desk: Desk = request.app.state.desk
    return desk.alerts


def _options(request: Request) -> AlertOptions:
    query, limit = request.query_params, number(request, "limit")
    return AlertOptions(
        environment=query.get("environment", ""),
        service=query.get("service", ""),
        since=query.get("since"),
        until=query.get("until"),
        as_of=number(request, "as_of"),
        limit=LIST_DEFAULT if limit is None else limit,
    )
