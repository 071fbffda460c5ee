"""The trusted root over HTTP: which one Sigstore's signatures are judged under."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from wherefrom.api.access import principal_of
from wherefrom.api.answers import json_response
from wherefrom.api.questions import read_wanted
from wherefrom.api.reads import number
from wherefrom.errors import Malformed
from wherefrom.keys.changes import RootWish, draft
from wherefrom.log.recorder import Recorder

_BODY_BYTES_MAX = 2 * 1024 * 1024


class RootRequest(RootWish, forbid_unknown_fields=True, kw_only=True, omit_defaults=True):
    """The trusted root that is to be in force; or, alone, a change that others signed.

    trusted_root  the text of a ``trusted_root.json``; null, said so or left out, for none any more
    propose       change nothing: answer with the change, for administrators to sign
    envelope      a DSSE envelope, as ``wherefrom keys approve`` makes it
    """

    propose: bool = False
    envelope: dict[str, Any] | None = None


async def get_roots(request: Request) -> Response:
    """``GET /v1/roots?version=``: the trusted root in force, or of that version."""
    principal_of(request, "read")
    recorder: Recorder = request.app.state.intake.recorder
    return json_response(recorder.roots(version=number(request, "version")))


async def post_roots(request: Request) -> Response:
    """``POST /v1/roots``: another trusted root from now on, or a change that would make it so."""
    principal_of(request, "admin")
    wanted: RootRequest = await read_wanted(request, RootRequest, bytes_max=_BODY_BYTES_MAX)
    recorder: Recorder = request.app.state.intake.recorder
    if wanted.envelope is not None:
        if wanted != RootRequest(envelope=wanted.envelope):
            raise Malformed("a root and a signed change", expected="one of them")
        changed = await asyncio.to_thread(recorder.apply_root, wanted.envelope)
        return json_response(changed, 201)
    if wanted.propose:
        proposed = await asyncio.to_thread(recorder.propose_root, wanted)
        return json_response({"envelope": msgspec.Raw(draft(proposed))})
    changed = await asyncio.to_thread(recorder.set_root, wanted)
    return json_response(changed, 201)
