"""Spans over OTLP/HTTP: what a request went through, kept for a set time beside the log.

    POST /v1/traces   JSON or protobuf, plain or gzip ──► Batch ──rules──► DIR/views/requests.db

Spans that cannot be read cost nobody else: the answer says how many, as OTLP's partial success.

Sizes:  a body is at most BODY_BYTES_MAX unpacked
Source: OTLP 1.9, "OTLP/HTTP"; docs/formats/otlp.md
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
import time
from typing import IO, Final

from starlette.requests import Request
from starlette.responses import Response

from wherefrom.api.access import principal_of
from wherefrom.api.answers import json_response
from wherefrom.api.bodies import read_body
from wherefrom.collect.decompress import plain
from wherefrom.errors import Error, LimitPassed, Malformed, Unsupported
from wherefrom.formats import otlp, strict_json
from wherefrom.formats.otlp import Batch
from wherefrom.views.requests.store import EXPIRED_AT_ONCE, RequestStore

BODY_BYTES_MAX: Final = 64 * 1024 * 1024
EXPIRE_EVERY_SECONDS: Final = 60.0
JSON: Final = "application/json"
PROTOBUF: Final = "application/x-protobuf"


async def post_traces(request: Request) -> Response:
    """``POST /v1/traces``: an ExportTraceServiceRequest."""
    principal_of(request, "record")
    kind = request.headers.get("content-type", JSON).partition(";")[0].strip().lower()
    if kind not in (JSON, PROTOBUF):
        raise Unsupported(
            "not a kind of spans", where="Content-Type", expected=f"{JSON} or {PROTOBUF}", got=kind
        )
    is_packed = request.headers.get("content-encoding", "identity").lower() not in ("identity", "")
    body = await read_body(request)
    store: RequestStore = request.app.state.requests
    batch = await asyncio.to_thread(_take, store, body, kind, is_packed)
    if kind == JSON:
        return json_response(batch.answer())
    from wherefrom.formats.otlp_protobuf import answer_of

    return Response(answer_of(batch), media_type=PROTOBUF)


def _take(store: RequestStore, body: bytes | IO[bytes], kind: str, is_packed: bool) -> Batch:
    with contextlib.nullcontext() if isinstance(body, bytes) else body:
        held = body if isinstance(body, bytes) else body.read(BODY_BYTES_MAX + 1)
    if is_packed:
        held = plain(held, bytes_max=BODY_BYTES_MAX)
    if len(held) > BODY_BYTES_MAX:
        raise LimitPassed("too many spans at once", expected=f"body_bytes_max {BODY_BYTES_MAX}")
    if kind == JSON:
        document = strict_json.decode(held)
    else:
        from wherefrom.formats.otlp_protobuf import document_of  # late: it brings protobuf

        document = document_of(held)
    if not isinstance(document, dict):
        raise Malformed("not an ExportTraceServiceRequest", expected='{"resourceSpans": […]}')
    batch = otlp.read(document)
    store.add(batch.spans)
    return batch


async def keep_expiring(store: RequestStore) -> None:
    """Sum up spans whose time is over, for ever."""
    while True:
        await asyncio.sleep(EXPIRE_EVERY_SECONDS)
        try:
            while await asyncio.to_thread(store.expire, time.time_ns() // 1000) == EXPIRED_AT_ONCE:
                pass
        except Error as error:
            print(f"wherefrom: {error}", file=sys.stderr, flush=True)  # noqa: T201
