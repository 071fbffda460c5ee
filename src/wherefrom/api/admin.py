"""Administration over HTTP: keys, intake rules, erasure. Each is a signed record in the log."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from wherefrom.api.access import principal_of
from wherefrom.api.answers import json_response
from wherefrom.api.questions import read_wanted
from wherefrom.api.reads import entry_index, number
from wherefrom.api.records import Intake
from wherefrom.errors import Malformed, ReadOnly
from wherefrom.formats.intake import IntakeRule
from wherefrom.formats.timestamps import canonical
from wherefrom.keys.changes import KeyWish, draft
from wherefrom.log.look_back import Over
from wherefrom.log.own_keys import LogKeysWish
from wherefrom.log.recorder import Recorder
from wherefrom.query.sizes import need_had

_RULES_BYTES_MAX = 256 * 1024
LOOKED_BACK_MAX = 20_000


class KeyRequest(KeyWish, forbid_unknown_fields=True, kw_only=True, omit_defaults=True):
    """What is to become of a key; or, alone, a change that others signed.

    envelope  a DSSE envelope, as ``wherefrom keys approve`` makes it
    """

    action: str = ""
    envelope: dict[str, Any] | None = None


class LogKeysRequest(LogKeysWish, forbid_unknown_fields=True, kw_only=True, omit_defaults=True):
    """What is to become of the keys that the log signs with: ``to``, ``end`` or ``every_days``."""


class IntakeRequest(msgspec.Struct, forbid_unknown_fields=True, kw_only=True, omit_defaults=True):
    """The rules that are to decide from now on, all of them; or, alone, a change others signed.

    rules     senders may be names of tokens
    reason    why; kept in the log for ever
    propose   change nothing: answer with the change, for administrators to sign
    envelope  a DSSE envelope, as ``wherefrom keys approve`` makes it
    """

    rules: list[IntakeRule] | None = None
    reason: str = ""
    propose: bool = False
    envelope: dict[str, Any] | None = None


class SimulateRequest(msgspec.Struct, forbid_unknown_fields=True, kw_only=True, omit_defaults=True):
    """Rules to try, and on what: records received from ``since`` on, or the ``last`` entries."""

    rules: list[IntakeRule]
    since: str | None = None
    last: int | None = None


class EraseRequest(msgspec.Struct, forbid_unknown_fields=True):
    """Why the content is erased; kept for ever in the tombstone."""

    reason: str


async def get_keys(request: Request) -> Response:
    """``GET /v1/keys?as_of=``: every key that a record has named, its state, who may change it."""
    principal_of(request, "read")
    intake: Intake = request.app.state.intake
    size, keyring = number(request, "as_of"), intake.recorder.decisions.keyring
    need_had(size, newest=intake.recorder.writer.size)
    return json_response(keyring.as_of(size).told())


async def get_key(request: Request) -> Response:
    """``GET /v1/keys/{id}``: a key, and every change that the log holds of it."""
    principal_of(request, "read")
    intake: Intake = request.app.state.intake
    return json_response(intake.recorder.decisions.keyring.history(request.path_params["id"]))


async def get_vouched(request: Request) -> Response:
    """``GET /v1/keys/{id}/vouched?from=``: a page of the entries that a key vouches for now."""
    principal_of(request, "read")
    recorder: Recorder = request.app.state.intake.recorder
    id, first = request.path_params["id"], number(request, "from") or 0
    known = recorder.decisions.keyring.history(id).key.id
    return json_response(await asyncio.to_thread(recorder.vouched, known, first=first))


async def post_keys(request: Request) -> Response:
    """``POST /v1/keys``: trust, retire or revoke a key, or say who may."""
    principal_of(request, "admin")
    wanted: KeyRequest = await read_wanted(request, KeyRequest)
    recorder = request.app.state.intake.recorder
    if wanted.envelope is not None:
        changed = await asyncio.to_thread(recorder.apply, wanted.envelope)
    else:
        changed = await asyncio.to_thread(recorder.wish, wanted)
    return json_response(changed, 201)


async def get_log_keys(request: Request) -> Response:
    """``GET /v1/log/keys``: what the log signs with, and how each key was named by one before."""
    intake: Intake = request.app.state.intake
    return json_response(intake.recorder.log_keys())


async def post_log_keys(request: Request) -> Response:
    """``POST /v1/log/keys``: replace or end a key that the log signs with, or plan it."""
    principal_of(request, "admin")
    wish: LogKeysRequest = await read_wanted(request, LogKeysRequest)
    intake: Intake = request.app.state.intake
    wish.need_whole()
    if wish.needs_rounds and intake.witnessing is None:
        raise ReadOnly(
            "this server publishes each head at once, and such a key signs once a second",
            got=wish.to,
            do="End the server, change the keys with --data, and start it again",
        )
    return json_response(await asyncio.to_thread(intake.recorder.change_log_keys, wish), 201)


async def get_intake(request: Request) -> Response:
    """``GET /v1/intake``: the intake rules in force; an administrator is told senders by name."""
    principal = principal_of(request, "read")
    named = request.app.state.tokens.list() if "admin" in principal.roles else ()
    return json_response(request.app.state.intake.recorder.intake(tokens=named))


async def post_intake(request: Request) -> Response:
    """``POST /v1/intake``: other intake rules from now on, or a change that would make them so."""
    principal_of(request, "admin")
    wanted: IntakeRequest = await read_wanted(request, IntakeRequest, bytes_max=_RULES_BYTES_MAX)
    recorder: Recorder = request.app.state.intake.recorder
    if (wanted.envelope is None) == (wanted.rules is None):
        raise Malformed("neither rules nor a signed change, or both", expected="one of them")
    if wanted.envelope is not None:
        changed = await asyncio.to_thread(recorder.apply_intake, wanted.envelope)
        return json_response(changed, 201)
    rules = wanted.rules or []
    if wanted.propose:
        proposed = recorder.propose_intake(rules, reason=wanted.reason)
        return json_response({"envelope": msgspec.Raw(draft(proposed))})
    changed = await asyncio.to_thread(recorder.set_intake, rules, reason=wanted.reason)
    return json_response(changed, 201)


async def post_simulate(request: Request) -> Response:
    """``POST /v1/intake/simulate``: what records in the log would have got under these rules."""
    principal_of(request, "admin")
    wanted: SimulateRequest = await read_wanted(
        request, SimulateRequest, bytes_max=_RULES_BYTES_MAX
    )
    recorder: Recorder = request.app.state.intake.recorder
    over = _over(wanted.since, wanted.last)
    answer = await asyncio.to_thread(recorder.simulate_intake, wanted.rules, over)
    return json_response(answer)


async def get_marks(request: Request) -> Response:
    """``GET /v1/intake/marks?since=&last=``: what came in and keeps no rule that only marks."""
    principal_of(request, "read")
    recorder: Recorder = request.app.state.intake.recorder
    over = _over(request.query_params.get("since"), number(request, "last"))
    return json_response(await asyncio.to_thread(recorder.intake_marks, over))


def _over(since: str | None, last: int | None) -> Over:
    at = None if since is None else canonical(since, where="since")
    return Over(since=at, last=last, entries_max=LOOKED_BACK_MAX)


async def post_renew(request: Request) -> Response:
    """``POST /v1/verdicts/renew``: one more step of judging everything again."""
    principal_of(request, "admin")
    recorder: Recorder = request.app.state.intake.recorder
    return json_response(await asyncio.to_thread(recorder.renew))


async def post_erase(request: Request) -> Response:
    """``POST /v1/records/{index}/erase``: remove a content and its nonce; the proofs stay."""
    principal = principal_of(request, "admin")
    wanted: EraseRequest = await read_wanted(request, EraseRequest)
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
