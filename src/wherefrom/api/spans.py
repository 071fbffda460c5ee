"""Spans over OTLP/HTTP: what a request went through, kept for a set time beside the log.

    POST /v1/traces   JSON or protobuf, plain or gzip ──► Batch ──rules──► DIR/views/requests.db

Spans that cannot be read cost nobody else: the answer says how many, as OTLP's partial success.

Sizes:  a body is as large as ``beside`` lets it be
Source: OTLP 1.9, "OTLP/HTTP"; docs/formats/otlp.md
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from starlette.requests import Request
from starlette.responses import Response

from wherefrom.api import beside
from wherefrom.api.access import principal_of
from wherefrom.api.answers import json_response
from wherefrom.api.beside import JSON, PROTOBUF
from wherefrom.errors import Malformed
from wherefrom.formats import otlp, strict_json
from wherefrom.formats.otlp import Batch
from wherefrom.views.requests.store import EXPIRED_AT_ONCE, RequestStore


async def post_traces(request: Request) -> Response:
    """``POST /v1/traces``: an ExportTraceServiceRequest."""
    principal_of(request, "record")
    kind = beside.kind_of(request, beside.OTLP, otherwise=JSON, what="spans")
    body = await beside.read(request, too_much="too many spans at once")
    store: RequestStore = request.app.state.requests
    batch = await asyncio.to_thread(_take, store, body, kind)
    if kind == JSON:
        return json_response(batch.answer())
    from wherefrom.formats.otlp_protobuf import answer_of

    return Response(answer_of(batch), media_type=PROTOBUF)


def _take(store: RequestStore, body: Callable[[], bytes], kind: str) -> Batch:
    held = body()
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
    await beside.keep_expiring(
        lambda: store.expire(time.time_ns() // 1000), at_once=EXPIRED_AT_ONCE
    )
