"""The table of pages: a path, and the function that answers it.

The reader answers them, from the same desk as the API; the writer passes them on, takes what is
typed into the form that signs in, and tells open pages that the log grew.
"""

from __future__ import annotations

import functools
import mimetypes
import re
from collections.abc import Awaitable, Callable
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from wherefrom.api.proxy import ReaderProxy
from wherefrom.errors import NotFound, Unavailable
from wherefrom.web import (
    audit,
    dashboards,
    health,
    home,
    investigation,
    promises,
    records,
    services,
    things,
    trust,
)
from wherefrom.web.lineage.pages import lineage
from wherefrom.web.live import live
from wherefrom.web.page import (
    FOLDER,
    OF_PAGES,
    SECURITY_HEADERS,
    Handler,
    compressed,
    of_error,
    page,
)
from wherefrom.web.sign_in import get_login, post_login, post_logout

PAGES: Final[list[tuple[str, Handler]]] = [
    ("/", home.home),
    ("/find", home.find),
    ("/running", services.running),
    ("/changes", services.changes),
    ("/gaps", services.gaps),
    ("/services/{place:path}", services.service),
    ("/incidents", investigation.incidents),
    ("/incidents/{id:path}", investigation.investigation),
    ("/alerts", promises.alerts),
    ("/objectives", promises.objectives),
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
        *(_route(path, handler) for path, handler in FILES),
        *(_route(path, page(handler)) for path, handler in PAGES),
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
    passed = _passed(proxy)
    return [
        Route("/live", live(size)),
        Route("/login", post_login, methods=["POST"]),
        Route("/logout", post_logout, methods=["POST"]),
        *(_route(path, timed(passed)) for path, _ in [*FILES, *PAGES]),
        Route("/login", passed),
        Route("/static/{name:path}", passed),
    ]


def get_static(request: Request) -> Response:
    """``/static/{name}``: styles and scripts of ours, and of the libraries that were brought."""
    name = request.path_params["name"]
    if name not in _static_files():
        raise NotFound("no such file", got=name, do="Reload the page that named it")
    media_type = mimetypes.guess_type(name)[0] or "application/octet-stream"
    content = (FOLDER / "static" / name).read_bytes()
    return compressed(request, content, media_type, headers=_KEPT | SECURITY_HEADERS)


@functools.cache
def _static_files() -> frozenset[str]:
    """Their names: what is asked for is one of them, and never a way on the disk."""
    folder = FOLDER / "static"
    return frozenset(
        path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()
    )


def _route(path: str, endpoint: Callable[[Request], Any]) -> Route:
    """A route whose last part takes anything: ids hold ends of lines too."""
    route = Route(path, endpoint, methods=["GET"])
    route.path_regex = re.compile(route.path_regex.pattern, re.DOTALL)
    return route


def _passed(proxy: ReaderProxy) -> Endpoint:
    """What the reader says to a browser; where it does not answer, a page says so too."""

    async def endpoint(request: Request) -> Response:
        try:
            return await proxy.passed(request, wanted=OF_PAGES)
        except Unavailable as error:
            if request.query_params.get("format") == "json":
                raise
            return of_error(request, error)

    return endpoint
