"""The log as a Rekor v2 log: for clients that speak nothing else.

    POST /api/v2/log/entries    a request ──► its body, a record like any other ──► the log
                                                  └──► a leaf of the Rekor tree ──► its proof
    GET  /api/v2/checkpoint     /api/v2/tile/<L>/<N>     /api/v2/tile/entries/<N>

Nobody is anonymous here either. Rekor's clients send no token, but take one in the URL they are
given: https://any:TOKEN@host. Errors are told the way Rekor tells them, with a gRPC code.

Sizes:  a request is at most 256 KiB
Source: sigstore/rekor-tiles, CLIENTS.md and openapi/; docs/decisions/0018-rekor-door.md
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from wherefrom.api.access import NotAuthenticated, principal_of
from wherefrom.api.problem_object import STATUSES
from wherefrom.api.problems import RETRY_AFTER_SECONDS
from wherefrom.api.records import Intake, take_content
from wherefrom.errors import Error, LimitPassed, Malformed, NotFound
from wherefrom.formats import base64_strict, hashedrekord, strict_json
from wherefrom.formats.tiles import parse_tile_path
from wherefrom.views.rekor.view import Included, RekorView

REQUEST_BYTES_MAX: Final = 256 * 1024
_IMMUTABLE: Final = {"Cache-Control": "public, max-age=31536000, immutable"}
# HTTP status → the code of google.rpc.Code, as gRPC's gateway pairs them.
_INVALID: Final = 3
_CODES: Final = {401: 16, 403: 7, 404: 5, 409: 9, 500: 13, 503: 14}

Handler = Callable[[Request], Awaitable[Response]]


class RekorDoor:
    """The Rekor tree, opened when somebody first asks for it: most logs never need one."""

    def __init__(self, open: Callable[[], RekorView]) -> None:
        self._open = open
        self._opening = threading.Lock()
        self._view: RekorView | None = None

    def view(self) -> RekorView:
        """The tree, as far as the log is. Call it on a worker thread."""
        with self._opening:
            if self._view is None:
                self._view = self._open()
            try:
                self._view.fold()
            except BaseException:
                self._close()
                raise
            return self._view

    def close(self) -> None:
        """Let go of it."""
        with self._opening:
            self._close()

    def _close(self) -> None:
        if self._view is not None:
            self._view.close()
            self._view = None


def routes(door: RekorDoor) -> list[Route]:
    """The routes of the door."""

    async def post_entry(request: Request) -> Response:
        principal = principal_of(request, "record", basic=True)
        intake: Intake = request.app.state.intake
        intake.need_room(principal)
        asked = strict_json.decode(await _body(request))
        rekord = hashedrekord.parse_request(strict_json.as_object(asked, where="request"))
        body = hashedrekord.to_body(rekord)
        item = await take_content(intake, body, principal, only="hashedrekord")
        if item.index is None:
            return _failed(STATUSES.get(item.code or "", 422), item.reason or "refused")

        def included() -> tuple[RekorView, Included]:
            view = door.view()
            return view, view.prove(item.index or 0)

        view, where = await asyncio.to_thread(included)
        said = log_entry(body, where, log_id=view.log_id)
        return JSONResponse(said, 201 if item.status == "recorded" else 200)

    async def get_checkpoint(_: Request) -> Response:
        note = await asyncio.to_thread(lambda: door.view().checkpoint())
        return Response(note, media_type="text/plain", headers={"Cache-Control": "no-cache"})

    async def get_tile(request: Request) -> Response:
        try:
            name = parse_tile_path("tile/" + request.path_params["path"])
        except Malformed as error:
            raise NotFound(error.what, where=error.where) from error

        def read() -> bytes:
            if name.level is None:
                return door.view().bundle(name.n, name.width)
            return door.view().tile(name.level, name.n, name.width)

        written = await asyncio.to_thread(read)
        return Response(written, media_type="application/octet-stream", headers=_IMMUTABLE)

    return [
        Route("/api/v2/log/entries", _told(post_entry), methods=["POST"]),
        Route("/api/v2/checkpoint", _told(get_checkpoint)),
        Route("/api/v2/tile/{path:path}", _told(get_tile)),
    ]


def log_entry(body: bytes, where: Included, *, log_id: bytes) -> dict[str, Any]:
    """A TransparencyLogEntry in protobuf's JSON: numbers of 64 bits are texts."""
    encode = base64_strict.encode
    return {
        "logIndex": str(where.number),
        "logId": {"keyId": encode(log_id)},
        "kindVersion": {"kind": hashedrekord.KIND, "version": hashedrekord.VERSION},
        "integratedTime": "0",
        "inclusionPromise": None,
        "inclusionProof": {
            "logIndex": str(where.number),
            "rootHash": encode(where.root),
            "treeSize": str(where.size),
            "hashes": [encode(value) for value in where.path],
            "checkpoint": {"envelope": where.checkpoint.decode()},
        },
        "canonicalizedBody": encode(body),
    }


async def _body(request: Request) -> bytes:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > REQUEST_BYTES_MAX:
            raise LimitPassed("the request is too large", expected=f"{REQUEST_BYTES_MAX} bytes")
    return bytes(body)


def _told(handler: Handler) -> Handler:
    async def run(request: Request) -> Response:
        try:
            return await handler(request)
        except NotAuthenticated:
            return _failed(401, "a token is needed: a bearer's, or in the URL, any:TOKEN@host")
        except Error as error:
            return _failed(STATUSES.get(error.code, 500), str(error))

    return run


def _failed(status: int, message: str) -> Response:
    if status not in _CODES:
        status = 400  # Rekor has one answer for all that is wrong with a request
    headers = {"Retry-After": str(RETRY_AFTER_SECONDS)} if status == 503 else {}
    if status == 401:
        headers["WWW-Authenticate"] = 'Bearer, Basic realm="wherefrom"'
    said = {"code": _CODES.get(status, _INVALID), "message": message, "details": []}
    return JSONResponse(said, status, headers)
