"""``POST /v1/webhooks/{adapter}``: what other systems post when something changes.

    body ──► whose is it? ──► one CloudEvent, or one for each event of a list ──► the log
              ├ github, gitlab, launchdarkly, flux: a signature or secret of theirs (``hooks``)
              ├ google, azure: a secret in the address, for they can set no header
              └ all others, or without one: a bearer token of ours, or that token as a password

What is not authenticated leaves nothing behind. The body stands in its CloudEvent byte for byte.

Sizes:  a body 25 MiB, the most that GitHub sends
"""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Final

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from wherefrom.api.access import NotAuthenticated, principal_of
from wherefrom.api.records import Intake, take_contents
from wherefrom.collect.decompress import plain
from wherefrom.collect.hooks import SIGNING, HookFile, check
from wherefrom.collect.principals import Principal
from wherefrom.collect.split import CONTENT_BYTES_MAX
from wherefrom.errors import LimitPassed, Malformed, NotAllowed, Unsupported
from wherefrom.formats import webhooks
from wherefrom.formats.states import PART_BYTES_MAX, Scope

SMALL_BODY_BYTES: Final = 64 * 1024
BODY_BYTES_MAX: Final = 25 * 1024 * 1024
_OF_FORMS: Final = "application/x-www-form-urlencoded"


async def post_webhook(request: Request) -> Response:
    """Take one delivery; ``?environment=&service=&region=`` say where it is of."""
    adapter = request.path_params["adapter"]
    intake: Intake = request.app.state.intake
    intake.need_room()
    where = _where(request)
    if _shows_secret(request, adapter):
        principal, where, body = await _signed(request, adapter, where)
    else:
        principal = principal_of(request, "record", basic=True)
        webhooks.need(adapter)
        body = await _body(request)
    if "aeg-event-type" in request.headers:  # Event Grid asks before it posts
        answer = webhooks.handshake(adapter, body)
        if answer is not None:
            return JSONResponse(answer)
    wrapping = partial(_wrapped, request, adapter, body, where=where, now=intake.recorder.now())
    is_small = len(body) <= SMALL_BODY_BYTES and "content-encoding" not in request.headers
    events = wrapping() if is_small else await asyncio.to_thread(wrapping)
    if not events:
        raise Malformed("a body without an event", where=f"/v1/webhooks/{adapter}")
    fates = await take_contents(intake, events, principal, only="cloudevents")
    return fates.answer("items", {}, fates.status())


def _wrapped(request: Request, adapter: str, body: bytes, *, where: Scope, now: str) -> list[bytes]:
    if request.headers.get("content-encoding", "identity").lower() not in ("identity", ""):
        body = plain(body, bytes_max=CONTENT_BYTES_MAX)
    pipelines = " ".join(request.query_params.getlist("pipeline"))
    if not pipelines.isprintable():
        raise Malformed("not the names of pipelines", where="?pipeline=", got=pipelines)
    return webhooks.wrap(
        adapter, body, headers=request.headers, where=where, now=now,
        source=request.query_params.get("source"), pipelines=pipelines,
    )  # fmt: skip


def _shows_secret(request: Request, adapter: str) -> bool:
    """Whether it is by its sender's own secret that this is to be taken."""
    signing = SIGNING.get(adapter)
    if signing is None:
        return False
    shows = signing.query is not None and signing.query in request.query_params
    return shows or "authorization" not in request.headers


def _where(request: Request) -> Scope:
    said = {part: request.query_params.get(part, "") for part in Scope._fields}
    for part, text in said.items():
        if len(text.encode("utf-8", "surrogateescape")) > PART_BYTES_MAX or not text.isprintable():
            raise Malformed(
                "not a name of where something is", where=f"?{part}=",
                expected=f"{PART_BYTES_MAX} bytes at most, on one line", got=text,
            )  # fmt: skip
    return Scope(**said)


async def _signed(request: Request, adapter: str, where: Scope) -> tuple[Principal, Scope, bytes]:
    """Who sent it, where it is of, and the body that this is proven for."""
    file: HookFile = request.app.state.hooks
    signing = SIGNING[adapter]
    shown = request.headers.get(signing.header)
    if signing.query is not None:
        shown = request.query_params.get(signing.query)
    hooks = file.of(adapter)
    if shown is None or not hooks:  # before a body is read that nobody answers for
        raise NotAuthenticated(
            "this webhook is not signed" if shown is None else "no webhook of this kind is known",
            expected=signing.place,
            do=f"Give the sender a secret: wherefrom webhooks new NAME --adapter {adapter}",
        )
    body = await _body(request)
    try:
        hook = check(hooks, adapter, body=body, shown=shown)
    except NotAllowed as error:
        do = error.do or ""
        raise NotAuthenticated(error.what, expected=signing.place, do=do) from error
    return hook.principal, hook.place(where), body


async def _body(request: Request) -> bytes:
    """The body as it came. Raises LimitPassed, Unsupported for a form."""
    if request.headers.get("content-type", "").lower().startswith(_OF_FORMS):
        raise Unsupported(
            "a form", where="Content-Type", expected="application/json", got=_OF_FORMS,
            do="Set the content type of the webhook to application/json",
        )  # fmt: skip
    _need_fits(int(request.headers.get("content-length", 0)))
    chunks: list[bytes] = []
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
        _need_fits(size)
        chunks.append(chunk)
    return b"".join(chunks)


def _need_fits(size: int) -> None:
    if size > BODY_BYTES_MAX:
        raise LimitPassed("the body is too large", expected=f"body_bytes_max {BODY_BYTES_MAX}")
