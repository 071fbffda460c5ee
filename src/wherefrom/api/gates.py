"""The gate over HTTP: whether artifacts may go somewhere, by a policy.

POST /v1/decide ──► the reader: verdicts, nothing recorded
GET /v1/policy/in-force, /v1/policy/status ──► the reader: what decides where, what it says
POST /v1/gate ──► the reader prepares ──► the writer signs and records ──► the answer
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from wherefrom.api.access import principal_of
from wherefrom.api.answers import json_response
from wherefrom.api.proxy import ReaderProxy
from wherefrom.api.questions import read_wanted, read_whole
from wherefrom.api.reads import number
from wherefrom.policy.gate import Gate, GateRequest, Prepared, Question
from wherefrom.policy.status import LISTED_DEFAULT, StatusDesk

if TYPE_CHECKING:
    from wherefrom.api.records import Intake  # the reader holds nothing that writes

POLICY_BYTES_MAX = 4 * 1024 * 1024


async def post_decide(request: Request) -> Response:
    """``POST /v1/decide``: a verdict for each artifact, of now or of a time and a log size."""
    principal_of(request, "read")
    gate: Gate = request.app.state.gate
    asked: Question = await read_wanted(request, Question, bytes_max=POLICY_BYTES_MAX)
    return json_response(await asyncio.to_thread(gate.decide, asked))


def get_in_force(request: Request) -> Response:
    """``/v1/policy/in-force?environment=``: which policy decides where."""
    principal_of(request, "read")
    gate: Gate = request.app.state.gate
    return json_response(gate.in_force(request.query_params.get("environment", "")))


def get_status(request: Request) -> Response:
    """``/v1/policy/status?environment=&limit=&at=&as_of=``: what runs, and what its policy says."""
    principal_of(request, "read")
    statuses: StatusDesk = request.app.state.statuses
    limit = number(request, "limit")
    wanted = LISTED_DEFAULT if limit is None else limit
    query = request.query_params
    return json_response(
        statuses.status(
            query.get("environment", ""), limit=wanted, at=query.get("at"),
            as_of=number(request, "as_of"),
        )
    )  # fmt: skip


async def post_prepare(request: Request) -> Response:
    """``POST /v1/gate`` to the reader alone: what the writer is to sign."""
    principal_of(request, "record")
    gate: Gate = request.app.state.gate
    asked: GateRequest = await read_wanted(request, GateRequest, bytes_max=POLICY_BYTES_MAX)
    return json_response(await asyncio.to_thread(gate.prepare, asked))


def post_gate(
    proxy: ReaderProxy, decided: Callable[[bool], None]
) -> Callable[[Request], Awaitable[Response]]:
    """``POST /v1/gate``: a verdict of now, as a summary that the log signs and holds.

    decided  is told of each whether it is a yes
    """

    from wherefrom.policy.signing import vouched_for  # late: the reader has no recorder

    async def run(request: Request) -> Response:
        principal = principal_of(request, "record")
        body = await read_whole(request, bytes_max=POLICY_BYTES_MAX)
        prepared = await proxy.passed(request, body=body)
        if prepared.status_code != 200:
            return prepared
        said = msgspec.json.decode(bytes(prepared.body), type=Prepared)
        intake: Intake = request.app.state.intake
        answer = await asyncio.to_thread(vouched_for, said, intake.recorder, principal=principal)
        decided(answer.allowed)
        return json_response(answer, 200 if answer.reused else 201)

    return run
