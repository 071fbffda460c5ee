"""Pass a read to the reader process, over a socket in the data directory.

The writer owns the port; questions are answered by the process that follows the log, so a long
trace never holds up a write. Headers and bodies go through unchanged.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import httpx
from starlette.requests import Request
from starlette.responses import Response

from wherefrom.api.problems import problem_response
from wherefrom.errors import Unavailable

_PASSED_ON: Final = (
    "cache-control",
    "content-disposition",
    "content-type",
    "retry-after",
    "www-authenticate",
    "x-content-type-options",
    "x-wherefrom-entries",
)
_DOTS: Final = {".": "%2E", "..": "%2E%2E"}
TIMEOUT_SECONDS: Final = 30.0


class ReaderProxy:
    """An HTTP client on the reader's socket, with connections kept open."""

    def __init__(self, socket: Path) -> None:
        transport = httpx.AsyncHTTPTransport(uds=str(socket))
        self._client = httpx.AsyncClient(
            transport=transport, base_url="http://reader", timeout=TIMEOUT_SECONDS
        )

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    async def get(self, path: str, headers: dict[bytes, bytes] | None = None) -> httpx.Response:
        """One request to the reader. Raises Unavailable if it does not answer."""
        try:
            return await self._client.get(path, headers=headers)
        except httpx.HTTPError as error:
            raise Unavailable(
                "the reader process does not answer",
                got=type(error).__name__,
                do="It restarts by itself; ask again in a second",
            ) from error

    async def pass_on(self, request: Request) -> Response:
        """Answer a request with what the reader answers."""
        # An id may hold ``..`` as any other text; the client would take it for a way up.
        parts = request.scope["raw_path"].decode("ascii").split("/")
        raw = "/".join(_DOTS.get(part, part) for part in parts)
        query = request.scope["query_string"].decode("ascii", "replace")
        wanted = {k: v for k, v in request.scope["headers"] if k == b"authorization"}
        try:
            answer = await self.get(raw + ("?" + query if query else ""), wanted)
        except Unavailable as error:
            return problem_response(error)
        headers = {k: answer.headers[k] for k in _PASSED_ON if k in answer.headers}
        return Response(answer.content, answer.status_code, headers)
