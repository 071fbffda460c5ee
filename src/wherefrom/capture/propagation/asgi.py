"""An ASGI application that knows what its requests belong to, and says what it is.

    request ──► Wherefrom ──► the application, in the request's context
                   ├ /.well-known/wherefrom      what this instance is, as JSON
                   └ wherefrom-reality: sha256:…  on each answer

Source: ASGI 3.0; docs/identity.md
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Final

from wherefrom.capture.identity import identity
from wherefrom.capture.propagation import callers, context

WELL_KNOWN: Final = "/.well-known/wherefrom"
REALITY_HEADER: Final = "wherefrom-reality"

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]


class Wherefrom:
    """Middleware for ASGI.

    trusts      whether callers are of us: at the edge of the world say False, and ids begin here
    tells       put the reality on each answer
    well_known  answer at ``/.well-known/wherefrom``
    xfcc        believe the header ``x-forwarded-client-cert``: only behind a proxy that sets it
                itself, and drops what clients send

    Raises SettingError when what this program is is told wrongly.
    """

    def __init__(
        self,
        app: App,
        *,
        trusts: bool = True,
        tells: bool = True,
        well_known: bool = True,
        xfcc: bool = False,
    ) -> None:
        identity()
        self._app = app
        self._trusts, self._tells, self._well_known, self._xfcc = trusts, tells, well_known, xfcc

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        if self._well_known and scope["type"] == "http" and scope["path"] == WELL_KNOWN:
            await _tell(scope, send)
            return
        carrier = context.carrier_of(scope.get("headers", ()))
        here = context.begin(carrier, trusts=self._trusts)
        header = carrier.get(callers.HEADER, "") if self._xfcc else ""
        here = context.called_by(here, callers.of_asgi(scope, header))
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
