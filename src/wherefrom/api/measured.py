"""Routes that are measured: how long each request took, how it ended, and whose trace it is of.

    request ──► Measured ──► the route's own handler ──► answer
                   └─ route, method, status, seconds, exemplar ──► whoever counts

A route is called by its path without what varies in it, so there are as many names as routes.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable
from typing import Any, Final, NamedTuple

from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from wherefrom.api.tracing import OFF, UNTRACED, Tracing
from wherefrom.errors import Malformed
from wherefrom.formats.trace_context import TraceParent, parse_traceparent

# Where a handler of errors notes which code it answered with.
CODE: Final = "wherefrom.code"
_EXEMPLAR: Final = "wherefrom.exemplar"
# Answers that last for as long as somebody listens: how long says nothing.
LASTING: Final = frozenset({"/live"})
_VARIES: Final = re.compile(r"\{(\w+)(?::\w+)?\}")


class Answered(NamedTuple):
    """One request that was answered.

    code      of the problem it was answered with; empty if with none, or not known
    exemplar  the labels of an exemplar; None without a sampled trace
    """

    method: str
    status: int
    code: str
    seconds: float
    exemplar: dict[str, str] | None


Count = Callable[[Answered], None]


def path_of(route: Route) -> str:
    """The path of a route with the names of what varies in it, as ``/v1/trace/{id}``."""
    return _VARIES.sub(r"{\1}", route.path)


def question_of(path: str) -> str:
    """What a route of the reader is called as a question: ``trace``, ``records/content``; a page or
    a file by its path, ``/things``, ``/checkpoint``."""
    parts = [part for part in path.split("/") if part and not part.startswith("{")]
    return "/".join(parts[1:] if parts[:1] == ["v1"] else ["", *parts]) or "/"


def exemplar_of(scope: Scope) -> dict[str, str] | None:
    """The span that is recorded here of a request; else the one that it came from, if whoever
    began that records it."""
    here: dict[str, str] | None = scope.get(_EXEMPLAR)
    if here is not None:
        return here
    trace = trace_of(scope)
    if trace is None or not trace.sampled:
        return None
    return {"trace_id": trace.trace_id, "span_id": trace.span_id}


def trace_of(scope: Scope) -> TraceParent | None:
    """The span that a request comes from; None without one, or with one that cannot be read."""
    for name, value in scope["headers"]:
        if name == b"traceparent":
            try:
                return parse_traceparent(value.decode("ascii").strip())
            except (Malformed, UnicodeDecodeError):
                return None
    return None


def measure(
    routes: Iterable[Any], counting: Callable[[str], Count], tracing: Tracing = OFF
) -> None:
    """Have every request to a route counted, and begin a span of it.

    counting  gives what counts the requests of one route, by its path
    """
    for route in routes:
        if isinstance(route, Route) and route.path not in LASTING:
            path = path_of(route)
            spans = OFF if path in UNTRACED else tracing
            route.app = _Measured(route.app, path, counting(path), spans)


class _Measured:
    """The application of one route."""

    def __init__(self, app: ASGIApp, route: str, count: Count, tracing: Tracing) -> None:
        self._app, self._route, self._count, self._tracing = app, route, count, tracing

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        status = 500  # of a handler that fails: so it is answered further out

        async def sent(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        began = time.perf_counter()
        with self._tracing.serving(scope, self._route) as span:
            if span.exemplar is not None:
                scope[_EXEMPLAR] = span.exemplar
            try:
                await self._app(scope, receive, sent)
            finally:
                span.answered(status)
                took = time.perf_counter() - began
                code = scope.get(CODE, "")
                self._count(Answered(scope["method"], status, code, took, exemplar_of(scope)))
