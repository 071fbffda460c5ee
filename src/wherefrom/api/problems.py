"""Errors as HTTP answers; their statuses and objects are in ``problem_object``.

Source: RFC 9457
"""

from __future__ import annotations

from typing import Final

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from wherefrom.api.problem_object import STATUSES, problem_of
from wherefrom.errors import Error

RETRY_AFTER_SECONDS: Final = 1


def problem_response(error: Error) -> Response:
    """The answer that carries an error; 503 says when to try again."""
    status = STATUSES.get(error.code, 500)
    headers = {"Retry-After": str(RETRY_AFTER_SECONDS)} if status == 503 else {}
    if status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    return JSONResponse(problem_of(error), status, headers, media_type="application/problem+json")


async def on_error(_: Request, error: Exception) -> Response:
    """Starlette's handler for our own errors."""
    assert isinstance(error, Error)
    return problem_response(error)
