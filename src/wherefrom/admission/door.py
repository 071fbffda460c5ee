"""The webhook's routes.

    POST /validate        AdmissionReview: may it in?
    POST /mutate          AdmissionReview: tags become digests
    POST /external-data   Gatekeeper's ProviderRequest; /external-data/ENVIRONMENT for another one
    GET  /healthz /readyz /metrics

A review that can be read is always HTTP 200 with its uid, also a no. What is none is a problem
object with 4xx, and lets nothing in: the API server takes it for a failure of the webhook. A slip
of ours is answered with a no, where a review is waiting.

Sizes:  of reviews over LARGE_BYTES at most LARGE_AT_ONCE at a time, or they would fill the memory
Source: kubernetes.io, extensible-admission-controllers; RFC 9457
"""

from __future__ import annotations

import asyncio
import logging
import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Final

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from wherefrom.admission.guard import Decision, Guard
from wherefrom.admission.metrics import GuardMetrics
from wherefrom.api.exposition import wanted
from wherefrom.api.problems import (
    on_client_gone,
    on_error,
    on_no_route,
    on_slip,
    problem_response,
)
from wherefrom.errors import Error, LimitPassed
from wherefrom.formats import admission_review, external_data
from wherefrom.formats.admission_review import Answer, Review

_TIMEOUT: Final = re.compile(r"([0-9]{1,6})(ms|s|m)")
_UNIT_SECONDS: Final = {"ms": 0.001, "s": 1.0, "m": 60.0}
# Of the time that the API server waits; the rest is for the way there and back.
_OURS: Final = 0.8
_GATEKEEPER_SECONDS: Final = 2.5
_JSON: Final = "application/json"
LARGE_BYTES: Final = 1024 * 1024
LARGE_AT_ONCE: Final = 4
_log = logging.getLogger("wherefrom")
Decide = Callable[..., Awaitable[Decision]]


def guard_app(
    guard: Guard,
    metrics: GuardMetrics,
    *,
    dropped: Callable[[], int] = lambda: 0,
    beside: Callable[[], Awaitable[None]] | None = None,
) -> Starlette:
    """The application. It keeps what stands for as long as it runs, and closes the guard.

    dropped  how many decisions could not be recorded
    beside   what else runs with it, until cancelled
    """

    large = asyncio.Semaphore(LARGE_AT_ONCE)

    async def read(request: Request) -> Review:
        body = await _body(request, admission_review.BYTES_MAX)
        if len(body) <= LARGE_BYTES:
            return admission_review.parse(body)
        return await asyncio.to_thread(admission_review.parse, body)

    def webhook(name: str, decide: Decide) -> Callable[[Request], Awaitable[Response]]:
        async def answer(request: Request) -> Response:
            began = time.perf_counter()
            try:
                review = await read(request)
            except Error as error:
                metrics.unreadable.labels(error.code).inc()
                return problem_response(error)
            decision = await _safely(decide, review, _wait_s(request, guard.wait_s))
            if not review.dry_run:
                metrics.reviews.labels(name, decision.how, decision.environment).inc()
                metrics.seconds.labels(name).observe(time.perf_counter() - began)
            written = admission_review.to_response(review.uid, decision.answer)
            return Response(written, media_type=_JSON)

        async def run(request: Request) -> Response:
            length = _length(request)
            if length is not None and length <= LARGE_BYTES:
                return await answer(request)
            async with large:
                return await answer(request)

        return run

    async def post_external(request: Request) -> Response:
        try:
            version, keys = external_data.parse(await _body(request, external_data.BYTES_MAX))
        except Error as error:
            metrics.unreadable.labels(error.code).inc()
            written = external_data.to_response((), system_error=str(error))
            return Response(written, problem_response(error).status_code, media_type=_JSON)
        environment = request.path_params.get("environment")
        wait_s = min(guard.wait_s, _GATEKEEPER_SECONDS)
        items = await guard.external(keys, environment, wait_s=wait_s)
        written = external_data.to_response(items, version=version)
        return Response(written, media_type=_JSON)

    async def healthz(_: Request) -> Response:
        return PlainTextResponse("ok\n")

    async def readyz(_: Request) -> Response:
        asking = guard.asking
        if not asking.looked:
            return PlainTextResponse("the log was not asked yet\n", 503)
        # Reviews are answered without the log too, as the mode says.
        return PlainTextResponse(f"ready\n{asking.trouble}\n" if asking.trouble else "ready\n")

    async def get_metrics(request: Request) -> Response:
        kind = wanted(request.headers.get("accept", ""))
        written = metrics.text(guard.asking, dropped=dropped(), media_type=kind)
        return Response(written, media_type=kind)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        tasks = [asyncio.create_task(guard.asking.keep())]
        if beside is not None:
            tasks.append(asyncio.ensure_future(beside()))
        yield
        for task in tasks:
            task.cancel()
        guard.close()

    post = ["POST"]
    return Starlette(
        routes=[
            Route("/validate", webhook("validate", guard.validate), methods=post),
            Route("/mutate", webhook("mutate", guard.mutate), methods=post),
            Route("/external-data", post_external, methods=post),
            Route("/external-data/{environment}", post_external, methods=post),
            Route("/healthz", healthz),
            Route("/readyz", readyz),
            Route("/metrics", get_metrics),
        ],
        exception_handlers={
            Error: on_error,
            HTTPException: on_no_route,
            ClientDisconnect: on_client_gone,
            Exception: on_slip,
        },
        lifespan=lifespan,
    )


async def _safely(decide: Decide, review: Review, wait_s: float) -> Decision:
    """The decision; a mistake of ours is a no, not an answer that is missing."""
    try:
        return await decide(review, wait_s=wait_s)
    except Exception:  # noqa: BLE001 - whoever fails open must not do so for a slip of ours
        _log.exception("a review could not be decided")
        said = "wherefrom made a mistake; its own log has the trace"
        return Decision(Answer(False, said, audit={"decision": "denied", "why": "slip"}), "slip")


async def _body(request: Request, bytes_max: int) -> bytes:
    """The whole body. Raises LimitPassed."""
    size = _length(request) or 0
    read = bytearray()
    if size <= bytes_max:
        async for piece in request.stream():
            read += piece
            if len(read) > bytes_max:
                size = len(read)
                break
    if size > bytes_max:
        raise LimitPassed("a request is too large", expected=f"bytes_max {bytes_max}")
    return bytes(read)


def _length(request: Request) -> int | None:
    """How long the body says it is; None if it does not."""
    length = request.headers.get("content-length", "")
    return int(length) if length.isdecimal() and len(length) < 20 else None


def _wait_s(request: Request, most: float) -> float:
    """How long to wait: an API server says for how long it does (``?timeout=10s``)."""
    match = _TIMEOUT.fullmatch(request.query_params.get("timeout", ""))
    if match is None:
        return most
    return min(most, int(match[1]) * _UNIT_SECONDS[match[2]] * _OURS)
