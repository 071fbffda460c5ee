"""Writing over HTTP: records, OpenLineage events, CloudEvents.

    body ──► decompress ──► split ──► judge each ──► one group commit ──► an item for each

A small plain body is read on the event loop and committed as one; what is large or compressed
is read in parts on a worker thread, so that neither its size nor what it unpacks to costs memory
or holds up the loop (``bodies``).

Source: INTERFACES, "HTTP"; OpenLineage.yml; CloudEvents HTTP binding 1.0
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import IO, Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from wherefrom.api.access import principal_of
from wherefrom.api.bodies import (
    binary_event,
    next_part,
    perhaps_none,
    pieces_of,
    read_body,
    the_only,
)
from wherefrom.api.problem_object import STATUSES
from wherefrom.collect.decompress import layer_of
from wherefrom.collect.principals import Principal
from wherefrom.collect.split import Piece
from wherefrom.errors import Malformed, Refused
from wherefrom.formats import cloudevents_http, tlog_proof
from wherefrom.formats.tlog_proof import TlogProof
from wherefrom.log.group import Committed, GroupCommit
from wherefrom.log.recorder import Outcome, Recorder, refused
from wherefrom.verify.pool import BATCH_MIN, JudgePool
from wherefrom.verify.verified import Verified


class Intake:
    """What the handlers share: the recorder and the queue in front of its log."""

    def __init__(self, recorder: Recorder, group: GroupCommit) -> None:
        self.recorder = recorder
        self.group = group
        self.pool = JudgePool(recorder.rules)
        # The server counts outcomes; nobody else has to.
        self.on_outcome: Callable[[str, str | None, int], None] = lambda status, code, count: None
        self._refused: dict[Principal, Counter[str]] = {}
        self._refused_since = recorder.now()

    async def judge(
        self, pieces: Sequence[Piece], principal: Principal, only: str | None
    ) -> tuple[list[Outcome | None], list[Verified]]:
        """Judge each piece: an outcome where it is refused, else None and its ``Verified``."""
        if len(pieces) < BATCH_MIN:
            return self.judge_here(pieces, principal, only)
        contents = [p.content for p in pieces if p.content is not None]
        judged = await self.pool.judge(
            contents, principal=principal, received=self.recorder.now(), only=only
        )
        if judged is None:
            return self.judge_here(pieces, principal, only)
        answers = iter(judged)
        outcomes: list[Outcome | None] = []
        verified: list[Verified] = []
        for piece in pieces:
            answer = piece.refusal if piece.content is None else next(answers)
            if isinstance(answer, Verified):
                verified.append(answer)
                outcomes.append(None)
            elif answer is not None:
                outcomes.append(refused(answer))
        return outcomes, verified

    def judge_here(
        self, pieces: Iterable[Piece], principal: Principal, only: str | None
    ) -> tuple[list[Outcome | None], list[Verified]]:
        """The same on this thread."""
        outcomes: list[Outcome | None] = []
        verified: list[Verified] = []
        for piece in pieces:
            try:
                if piece.content is None:
                    assert piece.refusal is not None
                    raise piece.refusal
                verified.append(self.recorder.judge(piece.content, principal=principal, only=only))
                outcomes.append(None)
            except Refused as error:
                outcomes.append(refused(error))
        return outcomes, verified

    def count(self, principal: Principal, items: Sequence[Item]) -> None:
        """Count what became of a principal's records; refusals are summed for the log."""
        for (status, code), number in Counter((i.status, i.code) for i in items).items():
            self.on_outcome(status, code, number)
            if code is not None:
                self._refused.setdefault(principal, Counter())[code] += number

    async def log_refusals(self) -> None:
        """Log the refusals summed so far, a record for each principal."""
        summed, self._refused = self._refused, {}
        since, self._refused_since = self._refused_since, self.recorder.now()
        for principal, codes in summed.items():
            counts = dict(sorted(codes.items()))
            await asyncio.to_thread(
                self.recorder.note_refusals, principal, since=since, counts=counts
            )

    def needs_verdicts(self, verified: list[Verified], committed: Committed) -> bool:
        """Did a content come again with more than a channel behind it?"""
        return any(
            r.known and v.trust.level != "channel"
            for r, v in zip(committed.receipts, verified, strict=True)
        )


class Item(msgspec.Struct):
    """One record's fate, as HTTP answers it."""

    status: str
    index: int | None = None
    content: str | None = None
    code: str | None = None
    reason: str | None = None
    receipt: str | msgspec.UnsetType = msgspec.UNSET  # there if it was asked for


def _items(outcomes: list[Outcome | None], committed: Committed | None) -> list[Item]:
    items: list[Item] = []
    at = 0
    for outcome in outcomes:
        if outcome is not None:
            items.append(Item("refused", None, None, outcome.code, outcome.reason))
            continue
        assert committed is not None
        receipt = committed.receipts[at]
        text: str | msgspec.UnsetType = msgspec.UNSET
        if committed.paths is not None and committed.checkpoint is not None:
            path = tuple(committed.paths[at])
            proof = TlogProof(receipt.index, path, committed.checkpoint, receipt.entry)
            text = tlog_proof.write(proof).decode()
        status = "known" if receipt.known else "recorded"
        items.append(Item(status, receipt.index, receipt.content, None, None, text))
        at += 1
    return items


def status_of(items: list[Item]) -> int:
    """201 all new, 200 all known, 207 mixed, else the status of the first refusal."""
    kinds = {item.status for item in items}
    if kinds == {"recorded"}:
        return 201
    if kinds == {"known"}:
        return 200
    if kinds == {"refused"}:
        return STATUSES.get(items[0].code or "refused", 422)
    return 207


async def take(
    request: Request,
    *,
    only: str | None = None,
    prove: bool = False,
    through: Callable[[Iterator[Piece]], Iterator[Piece]] = iter,
    cut: Callable[[bytes | IO[bytes]], Iterator[Piece]] | None = None,
) -> list[Item]:
    """Read the body and record what is in it. Raises the errors of the doors below.

    only     the one format taken here; None for every format
    prove    give each record its receipt
    through  what the pieces of the body pass before any of them is judged; may raise
    cut      makes the pieces of a body, where they are not what ``pieces_of`` finds in it
    """
    principal = principal_of(request, "record")
    if cut is None:
        lines = "ndjson" in request.headers.get("content-type", "")
        cut = partial(pieces_of, lines=lines)
    items = await _take_body(request, principal, only, prove, lambda body: through(cut(body)))
    intake: Intake = request.app.state.intake
    intake.count(principal, items)
    return items


async def _take_body(
    request: Request,
    principal: Principal,
    only: str | None,
    prove: bool,
    cut: Callable[[bytes | IO[bytes]], Iterator[Piece]],
) -> list[Item]:
    intake: Intake = request.app.state.intake
    body = await read_body(request)
    pieces = cut(body)
    if isinstance(body, bytes) and layer_of(body[:10]) is None:
        return await _take_pieces(intake, list(pieces), principal, only, prove)
    with contextlib.nullcontext() if isinstance(body, bytes) else body:
        items: list[Item] = []
        while part := await asyncio.to_thread(next_part, pieces):
            items += await _take_pieces(intake, part, principal, only, prove)
        return items


async def _take_pieces(
    intake: Intake, pieces: list[Piece], principal: Principal, only: str | None, prove: bool
) -> list[Item]:
    outcomes, verified = await intake.judge(pieces, principal, only)
    if not verified:
        return _items(outcomes, None)
    committed = await intake.group.submit(verified, prove=prove)
    if intake.needs_verdicts(verified, committed):
        await asyncio.to_thread(intake.recorder.settle, verified, committed.receipts)
    return _items(outcomes, committed)


_ENCODER = msgspec.json.Encoder()


def json_response(value: Any, status: int = 200) -> Response:
    """JSON, encoded by msgspec: structs keep their order."""
    return Response(_ENCODER.encode(value), status, media_type="application/json")


async def post_records(request: Request) -> Response:
    """``POST /v1/records``: one, an array or NDJSON; ``?wait=proof`` adds receipts."""
    wait = request.query_params.get("wait")
    if wait not in (None, "proof"):
        raise Malformed(
            "nothing else can be waited for", where="?wait=", expected="proof", got=wait
        )
    items = await take(request, prove=wait == "proof")
    log = request.app.state.intake.recorder.writer.position()
    return json_response(
        {"items": items, "log": {"size": log.size, "root": log.root.hex()}}, status_of(items)
    )


async def post_event(request: Request) -> Response:
    """``POST /v1/events``: CloudEvents, structured (one or a batch) or one in binary mode."""
    headers = [(name.decode("latin-1").lower(), value) for name, value in request.headers.raw]
    cut = partial(binary_event, headers=headers) if cloudevents_http.is_binary(headers) else None
    items = await take(request, only="cloudevents", cut=cut)
    return json_response({"items": items}, status_of(items))


async def post_lineage(request: Request) -> Response:
    """``POST /api/v1/lineage``: one OpenLineage event, 201 when new and 200 when known."""
    items = await take(request, only="openlineage", through=the_only)
    return json_response(items[0], status_of(items))


async def post_lineage_batch(request: Request) -> Response:
    """``POST /api/v1/lineage/batch``: an array; 204 if all were taken, else a summary."""
    items = await take(request, only="openlineage", through=perhaps_none)
    failed = [(i, item) for i, item in enumerate(items) if item.status == "refused"]
    if not failed:
        return Response(status_code=204)
    return json_response(
        {
            "status": "partial_success",
            "summary": {
                "received": len(items),
                "successful": len(items) - len(failed),
                "failed": len(failed),
                "retriable": 0,
                "non_retriable": len(failed),
            },
            "failed_events": [
                {"index": i, "reason": item.reason, "retriable": False} for i, item in failed
            ],
        }
    )
