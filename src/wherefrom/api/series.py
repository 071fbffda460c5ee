"""Measurements that are pushed: kept for a set time beside the log, as spans are.

    POST /v1/series   CSV or NDJSON, plain, gzip or zstd ──────────┐
    POST /v1/metrics  OTLP, JSON or protobuf ──► what counters add ┴──► DIR/views/series.db

A push is taken whole or not at all, so it may be sent again as it is. Samples that are older than
what is kept, or ahead of the clock, are counted and left out.

Sizes:  a body is at most BODY_BYTES_MAX unpacked
Source: OTLP 1.9, "OTLP/HTTP"; docs/formats/series.md
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
import time
from typing import IO, Any, Final

from starlette.requests import Request
from starlette.responses import Response

from wherefrom.api.access import principal_of
from wherefrom.api.answers import json_response
from wherefrom.api.bodies import read_body
from wherefrom.collect.decompress import plain
from wherefrom.errors import Error, LimitPassed, Unsupported
from wherefrom.formats import otlp_metrics, series, strict_json
from wherefrom.formats.otlp_metrics import Points
from wherefrom.views.series.store import EXPIRED_AT_ONCE, SeriesStore

BODY_BYTES_MAX: Final = 64 * 1024 * 1024
EXPIRE_EVERY_SECONDS: Final = 60.0
JSON: Final = "application/json"
PROTOBUF: Final = "application/x-protobuf"
_READS: Final = {"text/csv": series.parse_csv, "application/x-ndjson": series.parse_ndjson}


async def post_series(request: Request) -> Response:
    """``POST /v1/series``: rows."""
    principal_of(request, "record")
    kind = request.headers.get("content-type", "text/csv").partition(";")[0].strip().lower()
    if kind not in _READS:
        raise Unsupported(
            "not a kind of series", where="Content-Type", expected=" or ".join(_READS), got=kind
        )
    is_packed = request.headers.get("content-encoding", "identity").lower() not in ("identity", "")
    body = await read_body(request)
    store: SeriesStore = request.app.state.series
    return json_response(await asyncio.to_thread(_take, store, body, kind, is_packed))


async def post_metrics(request: Request) -> Response:
    """``POST /v1/metrics``: an ExportMetricsServiceRequest."""
    principal_of(request, "record")
    kind = request.headers.get("content-type", JSON).partition(";")[0].strip().lower()
    if kind not in (JSON, PROTOBUF):
        raise Unsupported(
            "not a kind of metrics", where="Content-Type", expected=f"{JSON} or {PROTOBUF}",
            got=kind,
        )  # fmt: skip
    is_packed = request.headers.get("content-encoding", "identity").lower() not in ("identity", "")
    body = await read_body(request)
    store: SeriesStore = request.app.state.series
    points = await asyncio.to_thread(_take_metrics, store, body, kind, is_packed)
    if kind == JSON:
        return json_response(points.answer())
    from wherefrom.formats.otlp_protobuf import answer_of_metrics

    return Response(answer_of_metrics(points), media_type=PROTOBUF)


def _take_metrics(
    store: SeriesStore, body: bytes | IO[bytes], kind: str, is_packed: bool
) -> Points:
    held = unpacked(body, is_packed=is_packed)
    if kind == JSON:
        document = strict_json.decode(held)
    else:
        from wherefrom.formats.otlp_protobuf import metrics_of  # late: it brings protobuf

        document = metrics_of(held)
    points = otlp_metrics.read(document)
    store.add_points(points.points, now=time.time())
    return points


def unpacked(body: bytes | IO[bytes], *, is_packed: bool) -> bytes:
    """A body as it was before it was packed. Raises LimitPassed, Malformed, Unsupported."""
    with contextlib.nullcontext() if isinstance(body, bytes) else body:
        held = body if isinstance(body, bytes) else body.read(BODY_BYTES_MAX + 1)
    if is_packed:
        held = plain(held, bytes_max=BODY_BYTES_MAX)
    if len(held) > BODY_BYTES_MAX:
        raise LimitPassed("too much at once", expected=f"body_bytes_max {BODY_BYTES_MAX}")
    return held


def _take(
    store: SeriesStore, body: bytes | IO[bytes], kind: str, is_packed: bool
) -> dict[str, Any]:
    found = _READS[kind](unpacked(body, is_packed=is_packed))
    kept = store.add(found, now=time.time())
    return {"series": len(found), "kept": kept.kept, "left_out": kept.left_out}


async def keep_expiring(store: SeriesStore) -> None:
    """Sum up samples whose time is over, for ever."""
    while True:
        await asyncio.sleep(EXPIRE_EVERY_SECONDS)
        try:
            while await asyncio.to_thread(store.expire, time.time()) == EXPIRED_AT_ONCE:
                pass
        except Error as error:
            print(f"wherefrom: {error}", file=sys.stderr, flush=True)  # noqa: T201
