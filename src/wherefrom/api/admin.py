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
from wherefrom.errors import LimitPassed, Malformed, SettingError
from wherefrom.keys.public import PublicKey

_BODY_BYTES_MAX = 64 * 1024


class KeyRequest(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """``action`` is trust, retire or revoke; a key to trust comes as PEM, others by ``key`` id."""

    action: str
    pem: str | None = None
    key: str | None = None
    names: tuple[str, ...] = ()
    reason: str = ""


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


def _read_key(pem: str) -> PublicKey:
    """The key that a request brings: a bad one is the sender's fault. Raises Malformed."""
    try:
        return PublicKey.from_pem(pem.encode("utf-8", "replace"), where="pem")
    except SettingError as error:
        raise Malformed(
            error.what, where=error.where, expected=error.expected, got=error.got, do=error.do
        ) from error


async def get_keys(request: Request) -> Response:
    """``GET /v1/keys``: every key that a record has named, and its state."""
    principal_of(request, "read")
    intake: Intake = request.app.state.intake
    return json_response({"keys": intake.recorder.decisions.keyring.list()})


async def post_keys(request: Request) -> Response:
    """``POST /v1/keys``: trust, retire or revoke."""
    principal_of(request, "admin")
    wanted: KeyRequest = await _body(request, KeyRequest)
    recorder = request.app.state.intake.recorder
    keyring = recorder.decisions.keyring
    if wanted.pem is not None:
        key = _read_key(wanted.pem)
    else:
        key = keyring.public_key(keyring.get(wanted.key or "").id)
    known, judged = await asyncio.to_thread(
        recorder.change_key,
        key,
        action=wanted.action,
        names=wanted.names,
        reason=wanted.reason,
    )
    return json_response({"key": known, "judged_again": judged}, 201)


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
