"""Looks at feeds of advisories over HTTP: an administrator's word, that the log signs.

POST /v1/feeds/looks ──► a statement of that type ──► the writer signs and records ──► its entry
"""

from __future__ import annotations

import asyncio

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from wherefrom.api.access import principal_of
from wherefrom.api.answers import json_response
from wherefrom.api.questions import read_wanted
from wherefrom.api.records import Intake
from wherefrom.formats import feed


class LookRequest(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """What was looked at, as its record has it, and the digest of all that the feed held."""

    look: feed.Looked
    digest: str


class LookMade(msgspec.Struct, frozen=True, kw_only=True):
    """Where the log holds the look."""

    entry: int


async def post_look(request: Request) -> Response:
    """``POST /v1/feeds/looks``: say that a feed was looked at; policies rest on that."""
    principal = principal_of(request, "admin")
    wanted: LookRequest = await read_wanted(request, LookRequest)
    statement = feed.to_statement(wanted.look, wanted.digest)
    intake: Intake = request.app.state.intake
    made = await asyncio.to_thread(intake.recorder.vouch, statement, principal=principal)
    return json_response(LookMade(entry=made.entry), 201)
