"""An ASGI application that knows what its requests belong to, and says what it is.

    request ──► Wherefrom ──► the application, in the request's context
                   ├ /.well-known/wherefrom      what this instance is, as JSON
                   └ wherefrom-reality: sha256:…  on each answer

Source: ASGI 3.0; docs/identity.md
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from wherefrom.capture.identity import identity
from wherefrom.capture.propagation import callers, context
from wherefrom.capture.propagation.middleware import REALITY_HEADER, WELL_KNOWN, Middleware

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]


class Wherefrom(Middleware[App]):
    """Middleware for ASGI; its options are those of ``Middleware``."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        if self._well_known and scope["type"] == "http" and scope["path"] == WELL_KNOWN:
            await _tell(scope, send)
            return
        carrier = context.carrier_of(scope.get("headers", ()))
        here = self._here(carrier, callers.of_asgi(scope, self._forwarded(carrier)))
        with context.entered(here):
            await self._app(scope, receive, _telling(send) if self._tells else send)


def _telling(send: Send) -> Send:
    async def told(message: Message) -> None:
        if message["type"] in ("http.response.start", "websocket.accept"):
            header = (REALITY_HEADER.encode(), identity().id.encode())
            message = {**message, "headers": [*message.get("headers", ()), header]}
        await send(message)

    return told


async def _tell(scope: Scope, send: Send) -> None:
    allowed = scope["method"] in ("GET", "HEAD")
    body = json.dumps(identity().document()).encode() if allowed else b""
    headers = [(b"content-type", b"application/json"), (b"cache-control", b"no-store")]
    await send(
        {
            "type": "http.response.start",
            "status": 200 if allowed else 405,
            "headers": headers if allowed else [(b"allow", b"GET, HEAD")],
        }
    )
    sent = b"" if scope["method"] == "HEAD" else body
    await send({"type": "http.response.body", "body": sent})
