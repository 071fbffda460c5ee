"""What runs, what changed, what was released: over HTTP, as on the command line."""

from __future__ import annotations

from urllib.parse import unquote

from starlette.requests import Request
from starlette.responses import Response

from wherefrom.api.access import principal_of
from wherefrom.api.answers import json_response
from wherefrom.api.reads import flag, number
from wherefrom.errors import Malformed
from wherefrom.query.desk import Desk
from wherefrom.query.reality import CHANGES_DEFAULT, Reality, RealityOptions
from wherefrom.query.releases import LIST_DEFAULT
from wherefrom.query.rollback.question import DAYS_DEFAULT, RollbackOptions


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


def get_containment(request: Request) -> Response:
    """``/v1/checks/containment?environment=&at=&as_of=``, or any ``scope``"""
    query = request.query_params
    scope = query.get("scope", query.get("environment", ""))
    return json_response(_reality(request).containment(scope, _options(request)))


def get_affected(request: Request) -> Response:
    """``/v1/affected/{id}?at=&as_of=&mode=``"""
    return json_response(_reality(request).affected(request.path_params["id"], _options(request)))


def get_touched(request: Request) -> Response:
    """``/v1/touched/{id}?since=&until=&as_of=&limit=``"""
    return json_response(_reality(request).touched(request.path_params["id"], _options(request)))


def get_rollback(request: Request) -> Response:
    """``/v1/rollback/{service}?environment=&at=&as_of=&days=&gone=``"""
    desk, query = _desk(request), request.query_params
    days = number(request, "days")
    options = RollbackOptions(
        service=request.path_params["service"],
        environment=query.get("environment", ""),
        at=query.get("at"),
        as_of=number(request, "as_of"),
        days=DAYS_DEFAULT if days is None else days,
        gone=tuple(query.getlist("gone")),
    )
    return json_response(desk.rollbacks.rollback(options))


def get_clocks(request: Request) -> Response:
    """``/v1/clocks?since=&until=``"""
    since, until = (request.query_params.get(end) for end in ("since", "until"))
    return json_response(_reality(request).clocks(since=since, until=until))


def get_releases(request: Request) -> Response:
    """``/v1/releases/{name}?limit=&as_of=`` and ``/v1/releases/{name}/{version}?as_of=``"""
    desk = _desk(request)
    # As it came: a name may hold a slash, percent-encoded, that does not divide it from a version.
    parts = request.scope["raw_path"].decode("ascii").split("/")[3:]
    name, *version = (unquote(part) for part in parts)
    as_of = number(request, "as_of")
    if len(version) == 1:
        return json_response(desk.releases.show(name, version[0], as_of=as_of))
    if version or not name:
        raise Malformed(
            "not a release", got="/".join(parts), expected="NAME or NAME/VERSION",
            do="A slash in a name or a version is %2F",
        )  # fmt: skip
    limit = number(request, "limit")
    wanted = LIST_DEFAULT if limit is None else limit
    return json_response(desk.releases.list(name, limit=wanted, as_of=as_of))


def get_release_diff(request: Request) -> Response:
    """``/v1/diff/releases?a=&b=&as_of=``"""
    desk = _desk(request)
    a, b = (request.query_params.get(side) for side in ("a", "b"))
    if a is None or b is None:
        raise Malformed("two releases differ, or do not", expected="?a=NAME:VERSION&b=…")
    return json_response(desk.releases.diff(a, b, as_of=number(request, "as_of")))


def _desk(request: Request) -> Desk:
    principal_of(request, "read")
    desk: Desk = request.app.state.desk
    return desk


def _reality(request: Request) -> Reality:
    return _desk(request).reality


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
