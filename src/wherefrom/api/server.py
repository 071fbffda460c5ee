"""The two applications of a server, route by route.

writer   owns the port: records, keys, erasure, the checkpoint; passes every other read on
reader   on a socket in the data directory: answers from the views and the stored log
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Final

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from wherefrom.api import admin, reads, records, tlog
from wherefrom.api.access import NotAuthenticated, on_not_authenticated
from wherefrom.api.metrics import ViewMetrics, WriterMetrics
from wherefrom.api.openapi import openapi
from wherefrom.api.problems import on_client_gone, on_error, on_no_route, on_slip
from wherefrom.api.proxy import ReaderProxy
from wherefrom.api.records import Intake
from wherefrom.collect.principals import TokenFile
from wherefrom.errors import Error, JournalFailed, Unavailable
from wherefrom.log.group import GroupCommit
from wherefrom.log.reader import LogReader
from wherefrom.log.recorder import Recorder
from wherefrom.query.desk import Desk

Handler = Callable[[Request], Awaitable[Response]]
REFUSALS_EVERY_SECONDS: Final = 60.0
_ERRORS = {
    Error: on_error,
    NotAuthenticated: on_not_authenticated,
    HTTPException: on_no_route,
    ClientDisconnect: on_client_gone,
    Exception: on_slip,
}

READS = [
    ("/checkpoint", tlog.get_checkpoint),
    ("/tile/{path:path}", tlog.get_tile),
    ("/v1/log", reads.get_status),
    ("/v1/log/consistency", reads.get_consistency),
    ("/v1/records/{index}", reads.get_record),
    ("/v1/records/{index}/content", reads.get_content),
    ("/v1/receipts/{index}", reads.get_receipt),
    ("/v1/find", reads.get_find),
    ("/v1/trace/{id:path}", reads.get_trace),
    ("/v1/show/{id:path}", reads.get_show),
    ("/v1/prove/{id:path}", reads.get_proof),
    ("/v1/verify/{id:path}", reads.get_verify),
]


def writer_app(*, recorder: Recorder, tokens: TokenFile, proxy: ReaderProxy) -> Starlette:
    """The application on the port. Its queue lives from start-up to shutdown of the loop."""
    metrics = WriterMetrics()

    def counted(handler: Handler) -> Handler:
        async def run(request: Request) -> Response:
            started = time.perf_counter()
            response = await handler(request)
            metrics.seconds.observe(time.perf_counter() - started)
            return response

        return run

    async def healthz(_: Request) -> Response:
        return PlainTextResponse("ok\n")

    async def readyz(_: Request) -> Response:
        if recorder.writer.stopped is not None:
            raise JournalFailed(
                "the log takes nothing more", got=recorder.writer.stopped, do="Restart the server"
            )
        await proxy.get("/readyz")
        return PlainTextResponse("ready\n")

    async def get_metrics(_: Request) -> Response:
        metrics.log_size.set(recorder.writer.size)
        metrics.waiting.set(app.state.intake.group.waiting)
        try:
            beside = (await proxy.get("/metrics")).content
        except Unavailable:
            beside = b""
        return Response(metrics.text() + beside, media_type="text/plain; version=0.0.4")

    async def get_openapi(_: Request) -> Response:
        return JSONResponse(openapi())

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        group = GroupCommit(recorder.writer)
        recorder.commit = lambda batch: group.commit(batch).receipts
        intake = app.state.intake = Intake(recorder, group)
        intake.on_outcome = lambda status, code, n: metrics.records.labels(status, code or "").inc(
            n
        )
        noting = asyncio.create_task(_note_refusals(intake))
        yield
        noting.cancel()
        await intake.log_refusals()
        await group.close()
        intake.pool.close()
        recorder.commit = recorder.writer.commit
        await proxy.close()

    post = ["POST"]
    app = Starlette(
        routes=[
            Route("/v1/records", counted(records.post_records), methods=post),
            Route("/api/v1/lineage", counted(records.post_lineage), methods=post),
            Route("/api/v1/lineage/batch", counted(records.post_lineage_batch), methods=post),
            Route("/v1/events", counted(records.post_event), methods=post),
            Route("/v1/keys", admin.get_keys),
            Route("/v1/keys", admin.post_keys, methods=post),
            Route("/v1/records/{index}/erase", admin.post_erase, methods=post),
            Route("/healthz", healthz),
            Route("/readyz", readyz),
            Route("/metrics", get_metrics),
            Route("/openapi.json", get_openapi),
            *(Route(path, proxy.pass_on) for path, _ in READS),
        ],
        exception_handlers=_ERRORS,
        lifespan=lifespan,
    )
    app.state.tokens = tokens
    return app


async def _note_refusals(intake: Intake) -> None:
    """Log what was refused, summed, every minute in which something was."""
    while True:
        await asyncio.sleep(REFUSALS_EVERY_SECONDS)
        await intake.log_refusals()


def reader_app(*, desk: Desk, log: LogReader, tokens: TokenFile) -> Starlette:
    """The application on the socket."""
    metrics = ViewMetrics()

    async def readyz(_: Request) -> Response:
        return PlainTextResponse("ready\n")

    async def get_metrics(_: Request) -> Response:
        status = await asyncio.to_thread(desk.status)
        written = metrics.text(status.views, log_size=status.size)
        return Response(written, media_type="text/plain; version=0.0.4")

    app = Starlette(
        routes=[
            Route("/readyz", readyz),
            Route("/metrics", get_metrics),
            *(Route(path, handler) for path, handler in READS),
        ],
        exception_handlers=_ERRORS,
    )
    app.state.desk = desk
    app.state.log = log
    app.state.tokens = tokens
    return app
