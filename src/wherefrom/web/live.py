"""The live tail: an open page is told that the log grew, and asks for what it shows anew.

    GET /live ──► event: log, data: {"size": 78}      at most twice a second, while it grows

What is told is a size, nothing of what came: whatever a page then shows is asked of the reader, by
the same questions as before.

Sizes:  FOLLOWERS_MAX pages at once; a line every PING_SECONDS, so that the way stays open
Source: WHATWG HTML, "Server-sent events"
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Final

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from wherefrom.errors import Unavailable
from wherefrom.web.asking import reading
from wherefrom.web.page import SECURITY_HEADERS

FOLLOWERS_MAX: Final = 200
LOOK_SECONDS: Final = 0.5
PING_SECONDS: Final = 15.0


def live(size: Callable[[], int]) -> Callable[[Request], Awaitable[Response]]:
    """The endpoint, given what the log's size is now."""
    followers = 0

    async def events(request: Request) -> AsyncIterator[bytes]:
        nonlocal followers
        followers += 1
        try:
            told, quiet = -1, 0.0
            yield b"retry: 2000\n\n"
            while not getattr(request.app.state, "leaving", False):
                now = size()
                if now != told:
                    told, quiet = now, 0.0
                    yield b'event: log\ndata: {"size":%d}\n\n' % now
                elif quiet >= PING_SECONDS:
                    quiet = 0.0
                    yield b":\n\n"
                await asyncio.sleep(LOOK_SECONDS)
                quiet += LOOK_SECONDS
        finally:
            followers -= 1

    async def get_live(request: Request) -> Response:
        """``GET /live``"""
        reading(request)
        if followers >= FOLLOWERS_MAX:
            raise Unavailable(
                "too many pages follow the log", expected=f"{FOLLOWERS_MAX} at most",
                do="Reload the page when you want to see what is new",
            )  # fmt: skip
        return StreamingResponse(
            events(request), media_type="text/event-stream",
            headers={"Cache-Control": "no-store"} | SECURITY_HEADERS,
        )  # fmt: skip

    return get_live
