"""Administration over HTTP: keys and erasure. Each call is a signed record in the log."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from wherefrom.api.access import principal_of
from wherefrom.api.answers import json_response
from wherefrom.api.reads import entry_index
from wherefrom.api.records import Intake
from wherefrom.errors import LimitPassed, Malformed
from wherefrom.keys.changes import KeyWish

_BODY_BYTES_MAX = 64 * 1024


class KeyRequest(KeyWish, forbid_unknown_fields=True, kw_only=True, omit_defaults=True):
    """What is to become of a key; or, alone, a change that others signed.

    envelope  a DSSE envelope, as ``wherefrom keys approve`` makes it
    """

    action: str = ""
    envelope: dict[str, Any] | None = None


class EraseRequest(msgspec.Struct, forbid_unknown_fields=True):
    """Why the content is erased; kept for ever in the tombstone."""

    reason: str


async def _body(request: Request, shape: Any) -> Any:
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > _BODY_BYTES_MAX:
            raise LimitPassed("the body is too large", expected=f"{_BODY_BYTES_MAX} bytes at most")
    try:
        return msgspec.json.decode(body, type=shape)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Malformed("the request is not as described", got=str(error)) from error


async def get_keys(request: Request) -> Response:
    """``GET /v1/keys``: every key that a record has named, its state, and who may change it."""
    principal_of(request, "read")
    intake: Intake = request.app.state.intake
    return json_response(intake.recorder.decisions.keyring.told())


async def get_key(request: Request) -> Response:
    """``GET /v1/keys/{id}``: a key, and every change that the log holds of it."""
    principal_of(request, "read")
    intake: Intake = request.app.state.intake
    return json_response(intake.recorder.decisions.keyring.history(request.path_params["id"]))


async def post_keys(request: Request) -> Response:
    """``POST /v1/keys``: trust, retire or revoke a key, or say who may."""
    principal_of(request, "admin")
    wanted: KeyRequest = await _body(request, KeyRequest)
    recorder = request.app.state.intake.recorder
    if wanted.envelope is not None:
        changed = await asyncio.to_thread(recorder.apply, wanted.envelope)
    else:
        changed = await asyncio.to_thread(recorder.wish, wanted)
    return json_response(changed, 201)


async def post_erase(request: Request) -> Response:
    """``POST /v1/records/{index}/erase``: remove a content and its nonce; the proofs stay."""
    principal = principal_of(request, "admin")
    wanted: EraseRequest = await _body(request, EraseRequest)
    if not wanted.reason.strip():
        raise Malformed("an erasure without a reason", where="reason", expected="why, in words")
    index = entry_index(request)
    tombstone = await asyncio.to_thread(
        request.app.state.intake.recorder.erase,
        index,
        reason=wanted.reason,
        principal=principal,
    )
    return json_response({"erased": index, "tombstone": tombstone})
