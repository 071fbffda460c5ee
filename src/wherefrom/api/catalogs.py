"""Catalogues over HTTP: what is in force, and who should have sent what."""

from __future__ import annotations

import asyncio

from starlette.requests import Request
from starlette.responses import Response

from wherefrom.api.access import principal_of
from wherefrom.api.answers import json_response
from wherefrom.api.questions import QUESTION_BYTES_MAX, read_whole
from wherefrom.api.reads import number
from wherefrom.formats import inventory, strict_json
from wherefrom.query.catalog import CatalogQuestions
from wherefrom.query.catalog.questions import CatalogOptions
from wherefrom.query.desk import Desk


def get_catalog(request: Request) -> Response:
    """``/v1/catalog?service=&at=&as_of=``"""
    service, options = _asked(request)
    return json_response(_catalogs(request).catalog(service, options))


def get_gaps(request: Request) -> Response:
    """``/v1/catalog/gaps?service=&environment=&at=&as_of=``"""
    service, options = _asked(request)
    return json_response(_catalogs(request).gaps(service, options))


async def post_reconcile(request: Request) -> Response:
    """``POST /v1/reconcile?at=&as_of=``: an inventory against what the log holds."""
    catalogs, (_, options) = _catalogs(request), _asked(request)
    body = await read_whole(request, bytes_max=QUESTION_BYTES_MAX)
    found = inventory.parse(strict_json.decode(body), where="inventory")
    return json_response(await asyncio.to_thread(catalogs.reconcile, found, options))


def _catalogs(request: Request) -> CatalogQuestions:
    principal_of(request, "read")
    desk: Desk = request.app.state.desk
    return desk.catalogs


def _asked(request: Request) -> tuple[str, CatalogOptions]:
    query = request.query_params
    options = CatalogOptions(
        at=query.get("at"),
        as_of=number(request, "as_of"),
        environment=query.get("environment", ""),
    )
    return query.get("service", ""), options
