"""Measurements that are pushed: kept for a set time beside the log, as spans are.

    POST /v1/series   CSV or NDJSON, plain, gzip or zstd ──► Series ──► DIR/views/series.db

A push is taken whole or not at all, so it may be sent again as it is. Samples that are older than
what is kept, or ahead of the clock, are counted and left out.

Sizes:  a body is at most BODY_BYTES_MAX unpacked
Source: docs/formats/series.md
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
from wherefrom.formats import series
from wherefrom.views.series.store import EXPIRED_AT_ONCE, SeriesStore

BODY_BYTES_MAX: Final = 64 * 1024 * 1024
EXPIRE_EVERY_SECONDS: Final = 60.0
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
