"""The table of pages: a path, and the function that answers it.

The reader answers them, from the same desk as the API; the writer passes them on, takes what is
typed into the form that signs in, and tells open pages that the log grew.
"""

from __future__ import annotations

import mimetypes
from collections.abc import Awaitable, Callable
from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from wherefrom.api.proxy import ReaderProxy
from wherefrom.errors import NotFound
from wherefrom.web import (
    audit,
    dashboards,
    health,
    home,
    investigation,
    records,
    services,
    things,
    trust,
)
from wherefrom.web.lineage.pages import lineage
from wherefrom.web.live import live
from wherefrom.web.page import FOLDER, SECURITY_HEADERS, Handler, compressed, page
from wherefrom.web.sign_in import get_login, post_login, post_logout

PAGES: Final[list[tuple[str, Handler]]] = [
    ("/", home.home),
    ("/find", home.find),
    ("/running", services.running),
    ("/changes", services.changes),
    ("/gaps", services.gaps),
    ("/services/{environment}/{service:path}", services.service),
    ("/incidents", investigation.incidents),
    ("/incidents/{id:path}", investigation.investigation),
    ("/health", health.health),
    ("/health/{indicator}", health.indicator),
    ("/executive", dashboards.executive),
    ("/on-call", dashboards.on_call),
    ("/debug", dashboards.debug),
    ("/requests", dashboards.request),
    ("/requests/{id:path}", dashboards.request),
    ("/things/{id:path}", things.thing),
    ("/lineage/{id:path}", lineage),
    ("/records/{index}", records.record),
    ("/log", records.log),
    ("/keys", trust.keys),
    ("/policies", trust.policies),
    ("/audit", audit.audit),
]
# What is no page, but a file to keep; before the pages, whose paths take anything.
FILES: Final[list[tuple[str, Callable[[Request], Response]]]] = [
    ("/incidents/{id:path}/report", investigation.report),
]
Endpoint = Callable[[Request], Awaitable[Response]]
_KEPT: Final = {"Cache-Control": "public, max-age=31536000, immutable"}


def reader_routes() -> list[Route]:
    """What the reader answers."""
    return [
        *(Route(path, handler) for path, handler in FILES),
        *(Route(path, page(handler)) for path, handler in PAGES),
        Route("/login", get_login),
        Route("/static/{name:path}", get_static),
    ]


def writer_routes(
    proxy: ReaderProxy, size: Callable[[], int], timed: Callable[[Endpoint], Endpoint]
) -> list[Route]:
    """What the writer passes on, and what it answers itself.

    size   of the log, now
    timed  counts how long an answer took
    """
    return [
        Route("/live", live(size)),
        Route("/login", post_login, methods=["POST"]),
        Route("/logout", post_logout, methods=["POST"]),
        *(Route(path, timed(proxy.pass_page)) for path, _ in [*FILES, *PAGES]),
        Route("/login", proxy.pass_page),
        Route("/static/{name:path}", proxy.pass_page),
    ]


def get_static(request: Request) -> Response:
    """``/static/{name}``: styles and scripts of ours, and of the libraries that were brought."""
    name = request.path_params["name"]
    folder = (FOLDER / "static").resolve()
    path = (folder / name).resolve()
    if not path.is_file() or not path.is_relative_to(folder):
        raise NotFound("no such file", got=name, do="Reload the page that named it")
    media_type = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    return compressed(request, path.read_bytes(), media_type, headers=_KEPT | SECURITY_HEADERS)
