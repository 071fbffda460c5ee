"""Pass a read to the reader process, over a socket in the data directory.

The writer owns the port; questions are answered by the process that follows the log, so a long
trace never holds up a write. Headers and bodies go through unchanged.

    request ──► a free connection, or a new one ──► reader.sock ──► Answer

A connection carries one request at a time and is kept open. One that the reader closed meanwhile
costs nothing: what is passed on only reads, so it is asked again on a new one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import httptools
from starlette.requests import Request
from starlette.responses import Response

from wherefrom.api.access import principal_of
from wherefrom.api.problems import on_error
from wherefrom.api.questions import QUESTION_BYTES_MAX, read_whole
from wherefrom.api.tracing import OFF, Tracing
from wherefrom.errors import Unavailable
from wherefrom.log.http_connection import Answer, HttpConnection

_PASSED_ON: Final = frozenset(
    {
        b"cache-control",
        b"content-disposition",
        b"content-encoding",
        b"content-security-policy",
        b"content-type",
        b"cross-origin-opener-policy",
        b"cross-origin-resource-policy",
        b"location",
        b"referrer-policy",
        b"retry-after",
        b"vary",
        b"www-authenticate",
        b"x-content-type-options",
        b"x-frame-options",
        b"x-wherefrom-entries",
        b"x-wherefrom-next",
        b"x-wherefrom-note",
    }
)
# What trace it is part of; passed on as it came while none is begun here.
_TRACE: Final = frozenset({b"traceparent", b"tracestate"})
TIMEOUT_SECONDS: Final = 30.0


class ReaderProxy:
    """An HTTP client on the reader's socket, with connections kept open."""

    _tracing = OFF

    def __init__(self, socket: Path, *, tracing: Tracing = OFF) -> None:
        self._tracing = tracing
        self._socket = str(socket)
        self._free: list[HttpConnection] = []

    async def close(self) -> None:
        """Close the connections."""
        while self._free:
            self._free.pop().close()

    async def get(
        self,
        path: str,
        headers: Mapping[bytes, bytes] | None = None,
        *,
        body: bytes | None = None,
    ) -> Answer:
        """One question to the reader, ``path`` percent-encoded, no header with a line break.

        body  what a question is about that no path has room for: it is then sent by POST

        Raises Unavailable if it does not answer.
        """
        lines = [b"%s: %s\r\n" % header for header in (headers or {}).items()]
        method = b"GET"
        if body is not None:
            method, lines = b"POST", [*lines, b"content-length: %d\r\n" % len(body)]
        way = path.encode("ascii", "replace")
        head = b"%s %s HTTP/1.1\r\nhost: reader\r\n" % (method, way)
        request = b"".join([head, *lines, b"\r\n", body or b""])
        try:
            async with asyncio.timeout(TIMEOUT_SECONDS):
                return await self._ask(request)
        except (OSError, TimeoutError) as error:
            raise Unavailable(
                "the reader process does not answer",
                got=type(error).__name__,
                do="It restarts by itself; ask again in a second",
            ) from error

    async def _ask(self, request: bytes) -> Answer:
        while self._free:
            connection = self._free.pop()
            if connection.is_open:
                try:
                    return await self._ask_on(connection, request)
                except ConnectionError:
                    break  # it was closed as we wrote: once more, on a new one
        loop = asyncio.get_running_loop()
        _, connection = await loop.create_unix_connection(
            lambda: HttpConnection("reader"), self._socket
        )
        return await self._ask_on(connection, request)

    async def _ask_on(self, connection: HttpConnection, request: bytes) -> Answer:
        try:
            answer = await connection.ask(request)
        except httptools.HttpParserError as error:
            raise ConnectionError(str(error)) from error  # as one that was closed
        except BaseException:
            connection.close()  # an answer may still come, and belongs to nobody
            raise
        if connection.is_open:
            self._free.append(connection)
        return answer

    async def pass_on(self, request: Request) -> Response:
        """Answer a request with what the reader answers, or with a problem if it does not."""
        try:
            return await self.passed(request)
        except Unavailable as error:
            return await on_error(request, error)

    async def ask_with(self, request: Request) -> Response:
        """The same for a question with a body, of somebody who may ask. Raises LimitPassed."""
        principal_of(request, "read")
        body = await read_whole(request, bytes_max=QUESTION_BYTES_MAX)
        try:
            return await self.passed(request, body=body)
        except Unavailable as error:
            return await on_error(request, error)

    async def passed(
        self,
        request: Request,
        *,
        body: bytes | None = None,
        wanted: frozenset[bytes] = frozenset({b"authorization"}),
    ) -> Response:
        """What the reader answers; ``wanted`` are the headers it is told. Raises Unavailable."""
        # As it came: an id may hold ``..`` as any other text, and nothing here makes a way of it.
        raw = request.scope["raw_path"].decode("ascii")
        query = request.scope["query_string"].decode("ascii", "replace")
        told = wanted | _TRACE
        headers = {k: v for k, v in request.scope["headers"] if k in told}
        with self._tracing.asking("GET" if body is None else "POST", request.scope["path"]) as span:
            headers |= span.headers()
            answer = await self.get(raw + ("?" + query if query else ""), headers, body=body)
            span.answered(answer.status)
        response = Response(answer.content, answer.status)
        response.raw_headers += [h for h in answer.headers if h[0] in _PASSED_ON]
        return response
