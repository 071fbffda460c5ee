"""A witness over HTTP: two routes for the world, two for its operator.

    POST /add-checkpoint            the protocol, with exactly its statuses
    GET  /<hex sha256(origin)>/checkpoint    what was cosigned last, for monitors
    GET  /healthz  /readyz

Bodies of errors are empty, as other witnesses' are; the header ``X-Wherefrom-Reason`` says in
words what was wrong. Anybody may ask: what counts is the log's signature.

Source: C2SP tlog-witness v1.0.0
"""

from __future__ import annotations

from typing import Final

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from wherefrom.api.problems import on_client_gone
from wherefrom.errors import Error
from wherefrom.formats.add_checkpoint import (
    ADD_CHECKPOINT_BYTES_MAX,
    SIZE_MEDIA_TYPE,
    signature_lines,
    size_line,
)
from wherefrom.log.witness import OtherSize, Witness

# Of tlog-witness, by the code of an error; what is not here is ours to mend.
STATUSES: Final = {
    "malformed": 400,
    "limit": 400,
    "signature": 403,
    "not_found": 404,
    "proof": 422,
}
_REASON_CHARS_MAX: Final = 400
_TEXT: Final = "text/plain; charset=utf-8"


def witness_app(witness: Witness) -> Starlette:
    """The application over one witness."""

    async def post_add_checkpoint(request: Request) -> Response:
        body = await _read(request)
        if body is None:
            said = f"a request is at most {ADD_CHECKPOINT_BYTES_MAX} bytes"
            return _refusal(413, said)
        # The state is written on a worker thread: a slow disk holds up nobody else's log.
        done = await run_in_threadpool(witness.add_checkpoint, body)
        if isinstance(done, OtherSize):
            return Response(size_line(done.size), 409, {"Content-Type": SIZE_MEDIA_TYPE})
        return Response(signature_lines(done.signatures), media_type=_TEXT)

    async def get_checkpoint(request: Request) -> Response:
        written = witness.checkpoint(request.path_params["hash"])
        return Response(written, headers={"Cache-Control": "no-cache"}, media_type=_TEXT)

    async def healthz(_: Request) -> Response:
        return PlainTextResponse("ok\n")

    async def readyz(_: Request) -> Response:
        if witness.stopped is not None:
            return _refusal(503, witness.stopped)
        return PlainTextResponse("ready\n")

    return Starlette(
        routes=[
            Route("/add-checkpoint", post_add_checkpoint, methods=["POST"]),
            Route("/{hash}/checkpoint", get_checkpoint),
            Route("/healthz", healthz),
            Route("/readyz", readyz),
        ],
        exception_handlers={
            Error: _on_error,
            HTTPException: _on_no_route,
            ClientDisconnect: on_client_gone,
        },
    )


async def _read(request: Request) -> bytes | None:
    """The body, or None for one over the limit."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > ADD_CHECKPOINT_BYTES_MAX:
            return None
    return bytes(body)


async def _on_error(_: Request, error: Exception) -> Response:
    assert isinstance(error, Error)
    return _refusal(STATUSES.get(error.code, 503), str(error))


async def _on_no_route(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    response = _refusal(error.status_code, error.detail)
    response.headers.update(error.headers or {})
    return response


def _refusal(status: int, reason: str) -> Response:
    """An empty answer whose header says why, in what a header can hold."""
    said = reason.encode("ascii", "replace").decode().replace("\n", " ")[:_REASON_CHARS_MAX]
    headers = {"X-Wherefrom-Reason": said}
    if status == 503:
        headers["Retry-After"] = "1"
    if status == 413:
        headers["Connection"] = "close"
    return Response(status_code=status, headers=headers)
