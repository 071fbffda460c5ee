"""The writer's application, route by route: what answers on the port.

Records, keys, intake rules, the trusted root, erasure; every other read is passed on to the reader
(``reader``).
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Final

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from wherefrom.api import (
    admin,
    enrichments,
    feeds,
    gates,
    records,
    rekor,
    roots,
    scrapi_door,
    series,
    spans,
    webhooks,
)
from wherefrom.api.exposition import Family, unpack, wanted, write
from wherefrom.api.measured import exemplar_of, measure
from wherefrom.api.metrics import WriterMetrics
from wherefrom.api.openapi import openapi
from wherefrom.api.own_measures import OwnMeasures
from wherefrom.api.processes import process_families
from wherefrom.api.proxy import ReaderProxy
from wherefrom.api.reader import ERRORS, QUESTIONS, READS
from wherefrom.api.records import Intake
from wherefrom.api.rekor import RekorDoor
from wherefrom.api.tracing import OFF, Tracing
from wherefrom.collect.hooks import HookFile
from wherefrom.collect.principals import TokenFile
from wherefrom.errors import Error, JournalFailed, Unavailable
from wherefrom.log.group import GroupCommit
from wherefrom.log.recorder import Recorder
from wherefrom.log.witnessing import Witnessing
from wherefrom.views.requests.store import RequestStore
from wherefrom.views.series.store import SeriesStore

if TYPE_CHECKING:
    from wherefrom.log.anchoring import Anchoring

Handler = Callable[[Request], Awaitable[Response]]
REFUSALS_EVERY_SECONDS: Final = 60.0
TICK_EVERY_SECONDS: Final = 60.0
_DAY_SECONDS: Final = 86_400.0


def writer_app(
    *,
    recorder: Recorder,
    tokens: TokenFile,
    hooks: HookFile,
    proxy: ReaderProxy,
    door: RekorDoor,
    requests: RequestStore,
    measured: SeriesStore,
    witnessing: Callable[[], Witnessing] | None = None,
    anchoring: Callable[[Callable[[], bytes]], Anchoring] | None = None,
    beside: Callable[[], Coroutine[Any, Any, None]] | None = None,
    pages: Sequence[BaseRoute] = (),
    tracing: Tracing = OFF,
    own: OwnMeasures | None = None,
    try_disk: Callable[[], None] = lambda: None,
) -> Starlette:
    """The application on the port. Its queue lives from start-up to shutdown of the loop.

    hooks       the secrets of those that post without a token
    door        the log as a Rekor v2 log; closed with the application
    requests    the spans that are held beside the log; closed with the application
    measured    the series that are; likewise
    witnessing  makes the rounds of a log with witnesses, once the loop is there
    anchoring   makes the schedule of a log with anchors, given what is published
    beside      runs for as long as the application does
    pages       routes of the pages
    tracing     where spans of requests are begun
    own         counts what the server is measured by in its own log
    try_disk    raises StorageError while the log's disk takes no write
    """
    own = own or OwnMeasures()
    metrics = WriterMetrics()

    def counted(handler: Handler) -> Handler:
        async def run(request: Request) -> Response:
            started = time.perf_counter()
            response = await handler(request)
            if response.status_code < 400:
                took = time.perf_counter() - started
                metrics.seconds.observe(took, exemplar_of(request.scope))
            return response

        return run

    gate = gates.post_gate(proxy, metrics.decided)

    async def healthz(_: Request) -> Response:
        return PlainTextResponse("ok\n")

    async def readyz(_: Request) -> Response:
        if recorder.writer.stopped is not None:
            raise JournalFailed(
                "the log takes nothing more", got=recorder.writer.stopped, do="Restart the server"
            )
        if recorder.writer.refused is not None:
            await asyncio.to_thread(try_disk)
            recorder.writer.believe_disk()
        await proxy.get("/readyz")
        warns = recorder.root_warning()
        return PlainTextResponse(f"ready\n{warns}\n" if warns else "ready\n")

    async def get_metrics(request: Request) -> Response:
        metrics.log_size.set(recorder.writer.size)
        metrics.stopped.set(recorder.writer.stopped is not None)
        metrics.refusing.set(recorder.writer.refused is not None)
        root = recorder.roots()
        metrics.root_age.set((root.age_days or 0) * _DAY_SECONDS)
        metrics.root_too_old.set(root.state == "too_old")
        intake: Intake = app.state.intake
        metrics.waiting.set(intake.under_way)
        if intake.witnessing is not None and intake.witnessing.newest is not None:
            metrics.published.set(intake.witnessing.newest.tree.size)
        asked: list[Family] = []
        with contextlib.suppress(Unavailable):
            asked = unpack((await proxy.get("/metrics")).content)
        metrics.reader_up.set(bool(asked))
        together = [*metrics.families(), *process_families("writer"), *asked]
        kind = wanted(request.headers.get("accept", ""))
        return Response(write(together, media_type=kind), media_type=kind)

    async def get_openapi(_: Request) -> Response:
        return JSONResponse(openapi())

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        group = GroupCommit(recorder.writer, on_batch=metrics.batch)
        recorder.commit = lambda batch: group.commit(batch).receipts
        intake = app.state.intake = Intake(recorder, group)
        intake.on_outcome = lambda status, code, n: metrics.records.labels(status, code or "").inc(
            n
        )
        intake.on_judged, intake.on_shed = metrics.judged, metrics.shed
        intake.tracing = tracing
        own.follow(intake)
        noting = asyncio.create_task(_note_refusals(intake))
        ticking = asyncio.create_task(_tick(recorder))
        expiring = [
            asyncio.create_task(spans.keep_expiring(requests)),
            asyncio.create_task(series.keep_expiring(measured)),
        ]
        running = asyncio.create_task(beside()) if beside is not None else None
        if witnessing is not None:
            intake.witnessing = witnessing()
            recorder.writer.on_signed = intake.witnessing.grown
            intake.witnessing.start()

        def published() -> bytes:
            if intake.witnessing is None:
                return recorder.writer.checkpoint
            if intake.witnessing.newest is None:
                raise Unavailable(
                    "no checkpoint is published yet",
                    do="Ask again in a moment: its witnesses have cosigned none yet",
                )
            return intake.witnessing.newest.note

        anchors = anchoring(published) if anchoring is not None else None
        if anchors is not None:
            anchors.start()
        yield
        if anchors is not None:
            await anchors.close()
        if running is not None:
            running.cancel()
        noting.cancel()
        ticking.cancel()
        for task in expiring:
            task.cancel()
        await intake.log_refusals()
        await group.close()
        if intake.witnessing is not None:
            recorder.writer.on_signed = lambda: None
            await intake.witnessing.close()
        intake.pool.end()
        recorder.commit = recorder.writer.commit
        door.close()
        requests.close()
        measured.close()
        await proxy.close()

    post = ["POST"]
    unmeasured = [
        Route("/healthz", healthz),
        Route("/readyz", readyz),
        Route("/metrics", get_metrics),
        Route("/openapi.json", get_openapi),
    ]
    app = Starlette(
        routes=[
            Route("/v1/records", counted(records.post_records), methods=post),
            Route("/api/v1/lineage", counted(records.post_lineage), methods=post),
            Route("/api/v1/lineage/batch", counted(records.post_lineage_batch), methods=post),
            Route("/v1/events", counted(records.post_event), methods=post),
            Route("/v1/traces", spans.post_traces, methods=post),
            Route("/v1/metrics", series.post_metrics, methods=post),
            Route("/v1/series", series.post_series, methods=post),
            Route("/v1/webhooks/{adapter}", counted(webhooks.post_webhook), methods=post),
            Route("/v1/keys", admin.get_keys),
            Route("/v1/keys", admin.post_keys, methods=post),
            Route("/v1/keys/{id}", admin.get_key),
            Route("/v1/keys/{id}/vouched", admin.get_vouched),
            Route("/v1/log/keys", admin.get_log_keys),
            Route("/v1/log/keys", admin.post_log_keys, methods=post),
            Route("/v1/intake", admin.get_intake),
            Route("/v1/intake", admin.post_intake, methods=post),
            Route("/v1/intake/simulate", admin.post_simulate, methods=post),
            Route("/v1/intake/marks", admin.get_marks),
            Route("/v1/roots", roots.get_roots),
            Route("/v1/roots", roots.post_roots, methods=post),
            Route("/v1/verdicts/renew", admin.post_renew, methods=post),
            Route("/v1/feeds/looks", counted(feeds.post_look), methods=post),
            Route("/v1/gate", own.gated(counted(gate)), methods=post),
            Route("/v1/enrich", enrichments.post_through(proxy), methods=post),
            Route("/v1/records/{index}/erase", admin.post_erase, methods=post),
            *unmeasured,
            *rekor.routes(door),
            *scrapi_door.routes(proxy),
            *(Route(path, own.timed(proxy.pass_on)) for path, _ in READS),
            *(Route(path, own.timed(proxy.ask_with), methods=post) for path, _ in QUESTIONS),
            *pages,
        ],
        exception_handlers=ERRORS,
        lifespan=lifespan,
    )
    measure((one for one in app.routes if one not in unmeasured), metrics.answered, tracing)
    app.state.tokens = tokens
    app.state.requests = requests
    app.state.series = measured
    app.state.hooks = hooks
    return app


async def _note_refusals(intake: Intake) -> None:
    """Log what was refused, summed, every minute in which something was."""
    while True:
        await asyncio.sleep(REFUSALS_EVERY_SECONDS)
        await intake.log_refusals()


async def _tick(recorder: Recorder) -> None:
    """Replace the log's key when its schedule says so, and let one go whose time is over."""
    while True:
        try:
            if await asyncio.to_thread(recorder.tick):
                _say("the log signs with another key now: wherefrom log keys")
        except Error as error:
            _say(f"the log's key cannot be replaced: {error}")
        await asyncio.sleep(TICK_EVERY_SECONDS)


def _say(says: str) -> None:
    print(f"wherefrom: {says}", file=sys.stderr, flush=True)  # noqa: T201
