"""What runs, what changed, how two realities differ: over HTTP, as on the command line."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from wherefrom.api.access import principal_of
from wherefrom.api.answers import json_response
from wherefrom.api.reads import flag, number
from wherefrom.errors import Malformed
from wherefrom.query.desk import Desk
from wherefrom.query.reality import CHANGES_DEFAULT, Reality, RealityOptions


def get_running(request: Request) -> Response:
    """``/v1/running?scope=&at=&as_of=&slot=&mode=&materials=&part=``"""
    scope = request.query_params.get("scope", "")
    return json_response(_reality(request).running(scope, _options(request)))


def get_drift(request: Request) -> Response:
    """``/v1/drift?scope=&at=&as_of=&slot=``"""
    scope = request.query_params.get("scope", "")
    return json_response(_reality(request).running(scope, _options(request), drifting=True))


def get_changes(request: Request) -> Response:
    """``/v1/changes?scope=&since=&until=&as_of=&slot=&mode=&limit=``"""
    scope = request.query_params.get("scope", "")
    return json_response(_reality(request).changes(scope, _options(request)))


def get_diff(request: Request) -> Response:
    """``/v1/diff?a=&b=&as_of=&slot=&mode=``"""
    reality = _reality(request)
    a, b = (request.query_params.get(side) for side in ("a", "b"))
    if a is None or b is None:
        raise Malformed("two scopes differ, or do not", expected="?a=…&b=…")
    return json_response(reality.diff(a, b, _options(request)))


def get_affected(request: Request) -> Response:
    """``/v1/affected/{id}?at=&as_of=&mode=``"""
    return json_response(_reality(request).affected(request.path_params["id"], _options(request)))


def get_touched(request: Request) -> Response:
    """``/v1/touched/{id}?since=&until=&as_of=&limit=``"""
    return json_response(_reality(request).touched(request.path_params["id"], _options(request)))


def get_clocks(request: Request) -> Response:
    """``/v1/clocks?since=&until=``"""
    since, until = (request.query_params.get(end) for end in ("since", "until"))
    return json_response(_reality(request).clocks(since=since, until=until))


def _reality(request: Request) -> Reality:
    principal_of(request, "read")
    desk: Desk = request.app.state.desk
    return desk.reality


def _options(request: Request) -> RealityOptions:
    query = request.query_params
    limit = number(request, "limit")
    return RealityOptions(
        at=query.get("at"),
        as_of=number(request, "as_of"),
        since=query.get("since"),
        until=query.get("until"),
        slots=tuple(query.getlist("slot")),
        mode=query.get("mode", ""),
        limit=CHANGES_DEFAULT if limit is None else limit,
        materials=flag(request, "materials"),
        part=query.get("part", ""),
    )
