"""Alerts over HTTP: sent in, given back with what is known of them, in the same shape.

POST /v1/enrich ──► the reader looks it up ──► the alert, and more
                        └ it does not answer in time ──► the alert as it came, and why

Whoever sends an alert through here must never lose it: of a body that was read, every answer is
200 and the alert.

Sizes:  the reader answers within ``WITHIN_SECONDS``; the alert goes back after ANSWER_SECONDS
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import Response

from wherefrom.api.access import principal_of
from wherefrom.api.proxy import ReaderProxy
from wherefrom.api.questions import read_whole
from wherefrom.errors import Error
from wherefrom.formats.alert_shapes import unchanged

if TYPE_CHECKING:
    from wherefrom.query.desk import Desk  # the writer answers nothing from views

ANSWER_SECONDS: Final = 1.0
ALERT_BYTES_MAX: Final = 8 * 1024 * 1024
# What could not be found, for who does not look into the alert.
NOTE_HEADER: Final = "x-wherefrom-note"
_NOTE_CHARS_MAX: Final = 1_000


async def post_enrich(request: Request) -> Response:
    """``POST /v1/enrich`` to the reader: looks it up."""
    principal_of(request, "read")
    desk: Desk = request.app.state.desk
    body = await read_whole(request, bytes_max=ALERT_BYTES_MAX)
    enriched = await asyncio.to_thread(desk.enriching.enrich, body)
    return _response(enriched.body, enriched.says)


def post_through(proxy: ReaderProxy) -> Callable[[Request], Awaitable[Response]]:
    """``POST /v1/enrich``: what the reader makes of it, if it does so in time."""

    async def run(request: Request) -> Response:
        principal_of(request, "read")
        body = await read_whole(request, bytes_max=ALERT_BYTES_MAX)
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                answer = await proxy.passed(request, body=body)
        except (Error, TimeoutError):
            return _unchanged(body, "Wherefrom did not answer in time")
        if answer.status_code == 200:
            return answer
        return _unchanged(body, "Wherefrom could not look it up")

    return run


def _unchanged(body: bytes, why: str) -> Response:
    return _response(unchanged(body, why), [why])


def _response(body: bytes, says: Sequence[str]) -> Response:
    said = quote("; ".join(says)[:_NOTE_CHARS_MAX], safe=" ;,:/'()=#")
    headers = {NOTE_HEADER: said} if said else {}
    return Response(body, headers=headers, media_type="application/json")
