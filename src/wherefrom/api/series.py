"""Measurements that are pushed: kept for a set time beside the log, as spans are.

    POST /v1/series   CSV or NDJSON, plain, gzip or zstd ──────────┐
    POST /v1/metrics  OTLP, JSON or protobuf ──► what counters add ┴──► DIR/views/series.db

A push is taken whole or not at all, so it may be sent again as it is. Samples that are older than
what is kept, or ahead of the clock, are counted and left out.

Sizes:  a body is as large as ``beside`` lets it be
Source: OTLP 1.9, "OTLP/HTTP"; docs/formats/series.md
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response

from wherefrom.api import beside
from wherefrom.api.access import principal_of
from wherefrom.api.answers import json_response
from wherefrom.api.beside import JSON, PROTOBUF
from wherefrom.formats import otlp_metrics, series, strict_json
from wherefrom.formats.otlp_metrics import Points
from wherefrom.views.series.store import EXPIRED_AT_ONCE, SeriesStore

_READS: Final = {"text/csv": series.parse_csv, "application/x-ndjson": series.parse_ndjson}
_TOO_MUCH: Final = "too much at once"


async def post_series(request: Request) -> Response:
    """``POST /v1/series``: rows."""
    principal_of(request, "record")
    kind = beside.kind_of(request, _READS, otherwise="text/csv", what="series")
    body = await beside.read(request, too_much=_TOO_MUCH)
    store: SeriesStore = request.app.state.series
    return json_response(await asyncio.to_thread(_take, store, body, kind))


async def post_metrics(request: Request) -> Response:
    """``POST /v1/metrics``: an ExportMetricsServiceRequest."""
    principal_of(request, "record")
    kind = beside.kind_of(request, beside.OTLP, otherwise=JSON, what="metrics")
    body = await beside.read(request, too_much=_TOO_MUCH)
    store: SeriesStore = request.app.state.series
    points = await asyncio.to_thread(_take_metrics, store, body, kind)
    if kind == JSON:
        return json_response(points.answer())
    from wherefrom.formats.otlp_protobuf import answer_of_metrics

    return Response(answer_of_metrics(points), media_type=PROTOBUF)


def _take_metrics(store: SeriesStore, body: Callable[[], bytes], kind: str) -> Points:
    held = body()
    if kind == JSON:
        document = strict_json.decode(held)
    else:
        from wherefrom.formats.otlp_protobuf import metrics_of  # late: it brings protobuf

        document = metrics_of(held)
    points = otlp_metrics.read(document)
    store.add_points(points.points, now=time.time())
    return points


def _take(store: SeriesStore, body: Callable[[], bytes], kind: str) -> dict[str, Any]:
    found = _READS[kind](body())
    kept = store.add(found, now=time.time())
    return {"series": len(found), "kept": kept.kept, "left_out": kept.left_out}


async def keep_expiring(store: SeriesStore) -> None:
    """Sum up samples whose time is over, for ever."""
    await beside.keep_expiring(lambda: store.expire(time.time()), at_once=EXPIRED_AT_ONCE)
