"""The same for WSGI: a context for each request, also while its answer is made piece by piece.

Source: PEP 3333; docs/identity.md
"""

from __future__ import annotations

import contextvars
import json
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from wherefrom.capture.identity import identity
from wherefrom.capture.propagation import callers, context
from wherefrom.capture.propagation.middleware import REALITY_HEADER, WELL_KNOWN, Middleware

App = Callable[..., Iterable[bytes]]


class Wherefrom(Middleware[App]):
    """Middleware for WSGI; its options are those of ``Middleware``."""

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        path = environ.get("SCRIPT_NAME", "") + environ.get("PATH_INFO", "")
        if self._well_known and path == WELL_KNOWN:
            return _tell(environ, start_response)
        carrier = {
            name[5:].replace("_", "-").lower(): value
            for name, value in environ.items()
            if name.startswith("HTTP_")
        }
        here = self._here(carrier, callers.of_wsgi(environ, self._forwarded(carrier)))

        def telling(status: str, headers: list[tuple[str, str]], *rest: Any) -> Any:
            return start_response(status, [*headers, (REALITY_HEADER, identity().id)], *rest)

        # Pieces are asked for after we returned, perhaps by another thread: in this context.
        inside = contextvars.copy_context()
        inside.run(context.attached, here)
        start = telling if self._tells else start_response
        return _Pieces(inside, inside.run(self._app, environ, start))


class _Pieces:
    def __init__(self, inside: contextvars.Context, pieces: Iterable[bytes]) -> None:
        self._inside, self._pieces = inside, pieces
        self._iterator = inside.run(iter, pieces)

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        return self._inside.run(next, self._iterator)

    def close(self) -> None:
        close = getattr(self._pieces, "close", None)
        if close is not None:
            self._inside.run(close)


def _tell(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    if environ["REQUEST_METHOD"] not in ("GET", "HEAD"):
        refused = [("Allow", "GET, HEAD"), ("Content-Type", "text/plain"), ("Content-Length", "0")]
        start_response("405 Method Not Allowed", refused)
        return [b""]
    body = json.dumps(identity().document()).encode()
    start_response(
        "200 OK",
        [
            ("Content-Type", "application/json"),
            ("Content-Length", str(len(body))),
            ("Cache-Control", "no-store"),
        ],
    )
    return [body if environ["REQUEST_METHOD"] == "GET" else b""]
