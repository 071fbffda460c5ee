"""Incidents and their reports over HTTP, as on the command line.

One is opened, noted, closed and marked by recording that: ``POST /v1/records``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from wherefrom.api.access import principal_of
from wherefrom.api.answers import json_response
from wherefrom.api.reads import flag, number, proof_response
from wherefrom.errors import Malformed
from wherefrom.query.desk import Desk
from wherefrom.query.postmortem import pages
from wherefrom.query.postmortem.question import LIST_DEFAULT, IncidentsWanted
from wherefrom.query.postmortem_answers import Postmortem

_WRITTEN: Final[Mapping[str, tuple[str, Callable[[Postmortem], bytes]]]] = {
    "markdown": ("text/markdown", pages.markdown),
    "html": ("text/html", pages.html),
    "pdf": ("application/pdf", pages.pdf),
}
FORMATS: Final = ("json", *_WRITTEN)
# As the page itself says, for those who look at headers only.
_POLICY: Final = "default-src 'none'; style-src 'unsafe-inline'"


def get_incidents(request: Request) -> Response:
    """``/v1/incidents?service=&environment=&open=&limit=&as_of=``: the newest first."""
    limit, query = number(request, "limit"), request.query_params
    wanted = IncidentsWanted(
        service=query.get("service", ""),
        environment=query.get("environment", ""),
        open=flag(request, "open"),
        limit=LIST_DEFAULT if limit is None else limit,
        as_of=number(request, "as_of"),
    )
    return json_response(_desk(request).postmortems.list(wanted))


def get_incident(request: Request) -> Response:
    """``/v1/incidents/{id}?as_of=``: one, and all that was said of it."""
    return _shown(request, request.path_params["id"])


def _shown(request: Request, id: str) -> Response:
    as_of = number(request, "as_of")
    return json_response(_desk(request).postmortems.show(id, as_of=as_of))


def get_report(request: Request) -> Response:
    """``/v1/incidents/{id}/report?as_of=&format=``: what happened, what was known when."""
    if _is_of_id(request, "report"):
        return _shown(request, f"{request.path_params['id']}/report")
    form = request.query_params.get("format", "json")
    if form not in FORMATS:
        raise Malformed("not a format", where="?format=", expected=" ".join(FORMATS), got=form)
    id, as_of = request.path_params["id"], number(request, "as_of")
    report = _desk(request).postmortems.report(id, as_of=as_of)
    if form == "json":
        return json_response(report)
    kind, written = _WRITTEN[form]
    return Response(written(report), media_type=kind, headers={"Content-Security-Policy": _POLICY})


def get_evidence(request: Request) -> Response:
    """``/v1/incidents/{id}/evidence?as_of=``: an evidence file of all that a report rests on."""
    if _is_of_id(request, "evidence"):
        return _shown(request, f"{request.path_params['id']}/evidence")
    id, as_of = request.path_params["id"], number(request, "as_of")
    return proof_response(_desk(request).postmortem_evidence(id, as_of=as_of))


def _is_of_id(request: Request, last: str) -> bool:
    """Whether the last word of the path is the end of an id, its slash escaped."""
    return not request.scope["raw_path"].endswith(f"/{last}".encode())


def _desk(request: Request) -> Desk:
    principal_of(request, "read")
    desk: Desk = request.app.state.desk
    return desk
