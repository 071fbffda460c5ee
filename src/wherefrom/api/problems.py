"""Errors as HTTP answers; their statuses and objects are in ``problem_object``.

Every answer of 400 and above is a problem object, whoever found the problem: a handler, the
routing, or nobody (a slip of ours, whose trace goes to the server's own log).

Source: RFC 9457
"""

from __future__ import annotations

import http
from collections.abc import Mapping
from typing import Final

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Match

from wherefrom.api.measured import CODE
from wherefrom.api.problem_object import STATUSES, problem, problem_of
from wherefrom.errors import Error

MEDIA_TYPE: Final = "application/problem+json"
RETRY_AFTER_SECONDS: Final = 1


def problem_response(error: Error) -> Response:
    """The answer that carries an error; 503 says when to try again."""
    status = STATUSES.get(error.code, 500)
    headers = {"Retry-After": str(RETRY_AFTER_SECONDS)} if status == 503 else {}
    if status == 415:
        headers["Accept-Encoding"] = "gzip, zstd"
    return JSONResponse(problem_of(error), status, headers, media_type=MEDIA_TYPE)


async def on_error(request: Request, error: Exception) -> Response:
    """Starlette's handler for our own errors."""
    assert isinstance(error, Error)
    request.scope[CODE] = error.code
    return problem_response(error)


async def on_no_route(request: Request, error: Exception) -> Response:
    """No such route, or one that takes other methods: 405 with ``Allow``."""
    assert isinstance(error, HTTPException)
    headers: Mapping[str, str] = error.headers or {}
    said = problem(
        "not_found",
        "no such route",
        status=error.status_code,
        do="GET /openapi.json describes every route",
    )
    if error.status_code == 405:
        allowed = ", ".join(sorted(_methods(request)))
        headers = {"Allow": allowed}
        said = problem(
            "method_not_allowed", "this route takes other methods", status=405, expected=allowed,
            do="GET /openapi.json describes every route",
        )  # fmt: skip
    elif error.status_code != 404:
        phrase = http.HTTPStatus(error.status_code).phrase.lower()
        said = problem("error", phrase, status=error.status_code)
    return JSONResponse(said, error.status_code, dict(headers), media_type=MEDIA_TYPE)


def _methods(request: Request) -> set[str]:
    """What all the routes of this path take together."""
    found: set[str] = set()
    for route in request.app.routes:
        if route.matches(request.scope)[0] is not Match.NONE:
            found |= route.methods
    return found


async def on_slip(_: Request, __: Exception) -> Response:
    """500, without a word of what went wrong: that may quote anything."""
    # The server closes the connection after a mistake, so that the client must not send more on it.
    said = problem("error", "the server made a mistake", status=500, do="Its log has the trace")
    return JSONResponse(said, 500, {"Connection": "close"}, media_type=MEDIA_TYPE)


async def on_client_gone(_: Request, __: Exception) -> Response:
    """The client left in the middle of its body: nobody reads this, and nothing was recorded."""
    return Response(status_code=400)
