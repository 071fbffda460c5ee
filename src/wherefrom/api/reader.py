"""The reader's application, route by route: answers from the views and the stored log.

It listens on a socket in the data directory, and the writer (``server``) passes on what comes to
the port. Nothing here needs what only writing imports: the log's writer, numpy.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from wherefrom.api import (
    alerts,
    annotated,
    catalogs,
    enrichments,
    gates,
    health,
    incidents,
    postmortems,
    reads,
    realities,
    scrapi,
    security,
    tlog,
)
from wherefrom.api.access import NotAuthenticated, on_not_authenticated
from wherefrom.api.exposition import PACKED, Family, pack
from wherefrom.api.measured import measure, question_of
from wherefrom.api.metrics import ReaderMetrics
from wherefrom.api.problems import on_client_gone, on_error, on_no_route, on_slip
from wherefrom.api.processes import process_families
from wherefrom.api.tracing import OFF, Tracing
from wherefrom.collect.principals import TokenFile
from wherefrom.errors import Error
from wherefrom.formats import timestamps
from wherefrom.log.reader import LogReader
from wherefrom.policy.gate import Gate
from wherefrom.policy.status import StatusDesk
from wherefrom.query.desk import Desk

ERRORS = {
    Error: on_error,
    NotAuthenticated: on_not_authenticated,
    HTTPException: on_no_route,
    ClientDisconnect: on_client_gone,
    Exception: on_slip,
}

READS = [
    ("/checkpoint", tlog.get_checkpoint),
    ("/tile/{path:path}", tlog.get_tile),
    ("/contents/{path:path}", tlog.get_contents),
    ("/v1/log", reads.get_status),
    ("/v1/log/anchor", reads.get_anchor),
    ("/v1/log/consistency", reads.get_consistency),
    ("/v1/records/{index}", reads.get_record),
    ("/v1/records/{index}/content", reads.get_content),
    ("/v1/receipts/{index}", reads.get_receipt),
    ("/v1/keys/{id}/lost", reads.get_lost),
    ("/v1/find", reads.get_find),
    ("/v1/packages", reads.get_packages),
    ("/v1/trace/{id:path}", reads.get_trace),
    ("/v1/show/{id:path}", reads.get_show),
    ("/v1/prove/{id:path}", reads.get_proof),
    ("/v1/proof-token/{id:path}", reads.get_proof_token),
    ("/v1/verify/{id:path}", reads.get_verify),
    ("/v1/running", realities.get_running),
    ("/v1/drift", realities.get_drift),
    ("/v1/changes", realities.get_changes),
    ("/v1/annotations", annotated.get_annotations),
    ("/v1/diff", realities.get_diff),
    ("/v1/diff/releases", realities.get_release_diff),
    ("/v1/releases/{name}", realities.get_releases),
    ("/v1/releases/{name:path}/{version}", realities.get_releases),
    ("/v1/checks/containment", realities.get_containment),
    ("/v1/affected/{id:path}", realities.get_affected),
    ("/v1/touched/{id:path}", realities.get_touched),
    ("/v1/rollback/{service:path}", realities.get_rollback),
    ("/v1/clocks", realities.get_clocks),
    ("/v1/catalog", catalogs.get_catalog),
    ("/v1/catalog/gaps", catalogs.get_gaps),
    ("/v1/health", health.get_health),
    ("/v1/health/explain", health.get_explained),
    ("/v1/health/history", health.get_history),
    ("/v1/request/{id:path}", reads.get_request),
    ("/v1/hours", incidents.get_hours),
    ("/v1/impact", incidents.get_impact),
    ("/v1/canary/{service:path}", incidents.get_canary),
    ("/v1/safe-mode/effect", incidents.get_effect),
    ("/v1/alerts", alerts.get_alerts),
    ("/v1/objectives", alerts.get_objectives),
    ("/v1/maintenances", alerts.get_maintenances),
    ("/v1/responses", incidents.get_responses),
    ("/v1/responses/{plan}", incidents.get_response),
    ("/v1/why", incidents.get_why),
    ("/v1/siem", security.get_siem),
    ("/v1/incidents", postmortems.get_incidents),
    ("/v1/incidents/{id:path}/report", postmortems.get_report),
    ("/v1/incidents/{id:path}/evidence", postmortems.get_evidence),
    ("/v1/incidents/{id:path}", postmortems.get_incident),
    ("/v1/policy/in-force", gates.get_in_force),
    ("/v1/policy/status", gates.get_status),
]

# Those that no path has room for.
QUESTIONS = [("/v1/reconcile", catalogs.post_reconcile), ("/v1/decide", gates.post_decide)]


def reader_app(
    *,
    desk: Desk,
    gate: Gate,
    statuses: StatusDesk,
    log: LogReader,
    tokens: TokenFile,
    beside: Sequence[Route] = (),
    forked: Callable[[], list[Family]] = list,
    tracing: Tracing = OFF,
) -> Starlette:
    """The application on the socket, over one log and its views.

    beside   routes of others
    forked   what the processes count that the reader forked
    tracing  where spans of questions are begun
    """
    metrics = ReaderMetrics()

    async def readyz(_: Request) -> Response:
        views = await asyncio.to_thread(desk.views)
        return PlainTextResponse("\n".join(["ready", *(f"{v} {n}" for v, n in views.items()), ""]))

    async def get_metrics(_: Request) -> Response:
        counted = await asyncio.to_thread(_counted, metrics, desk)
        packed = pack([*counted, *process_families("reader"), *forked()])
        return Response(packed, media_type=PACKED)

    posted = [*QUESTIONS, ("/v1/gate", gates.post_prepare)]
    questions = [
        *(_question(path, handler, "GET", tracing) for path, handler in [*READS, *scrapi.READS]),
        *(_question(path, handler, "POST", tracing) for path, handler in posted),
        *beside,
    ]
    measure(questions, metrics.answered, tracing)
    app = Starlette(
        routes=[
            Route("/readyz", readyz),
            Route("/metrics", get_metrics),
            *questions,
            Route("/v1/enrich", enrichments.post_enrich, methods=["POST"]),
        ],
        exception_handlers=ERRORS,
    )
    app.state.desk = desk
    app.state.gate = gate
    app.state.statuses = statuses
    app.state.log = log
    app.state.tokens = tokens
    return app


def _question(path: str, handler: Callable[..., Any], method: str, tracing: Tracing) -> Route:
    question = question_of(path)
    return Route(path, tracing.asked(handler, question), methods=[method])


def _counted(metrics: ReaderMetrics, desk: Desk) -> list[Family]:
    status = desk.status()
    now, unread = time.time(), {}
    for view, size in status.views.items():
        if size < status.size:
            received = timestamps.micros(desk.record(size).entry.received) / 1e6
            unread[view] = max(0.0, now - received)
    return metrics.families(status.views, log_size=status.size, unread_s=unread)
