"""``GET /v1/annotations``: what changed, as Grafana's datasources of JSON read it.

Source: docs/metrics.md ("Annotations"); github.com/simPod/GrafanaJsonDatasource
"""

from __future__ import annotations

import time
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from wherefrom.api.access import principal_of
from wherefrom.api.answers import json_response
from wherefrom.api.reads import number
from wherefrom.errors import Malformed
from wherefrom.formats.timestamps import of_micros
from wherefrom.query.annotations import LIMIT_MAX, annotated, moment, tagged
from wherefrom.query.desk import Desk

_DAY_MICROS: Final = 86_400_000_000


def get_annotations(request: Request) -> Response:
    """``/v1/annotations?from=&to=&scope=&tags=&limit=``; times in milliseconds since 1970."""
    principal_of(request, "read")
    desk: Desk = request.app.state.desk
    query = request.query_params
    now = time.time_ns() // 1000
    until = moment(query["to"], where="?to=") if "to" in query else now
    since = moment(query["from"], where="?from=") if "from" in query else until - _DAY_MICROS
    if since > until:
        raise Malformed("it ends before it begins", where="?from=", expected="from before to")
    limit = number(request, "limit")
    found = annotated(
        desk.reality,
        scope=query.get("scope", ""),
        since=of_micros(since),
        until=of_micros(until + 1),
        limit=LIMIT_MAX if limit is None else min(limit, LIMIT_MAX),
    )
    tags = [tag for text in query.getlist("tags") for tag in text.split(",") if tag]
    some = tagged((annotation for _, annotation in found.changes), tags)
    return json_response([one.shown() for one in some])
