"""What in the log concerns security, over HTTP: lines for a SIEM, and where to go on."""

from __future__ import annotations

from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from wherefrom.api.access import principal_of
from wherefrom.api.answers import json_response
from wherefrom.api.reads import flag, number
from wherefrom.query.desk import Desk
from wherefrom.query.security.stream import CEF, OCSF

NEXT_HEADER: Final = "x-wherefrom-next"


def get_siem(request: Request) -> Response:
    """``/v1/siem?format=&since=&page=``"""
    principal_of(request, "read")
    desk: Desk = request.app.state.desk
    form = request.query_params.get("format", OCSF)
    found = desk.security.page(form, number(request, "since") or 0)
    if flag(request, "page"):
        return json_response(found)
    text = "".join(f"{line.text}\n" for line in found.lines)
    kind = "text/plain" if form == CEF else "application/x-ndjson"
    return Response(text, media_type=kind, headers={NEXT_HEADER: str(found.next)})
