"""Writing over HTTP: records, OpenLineage events, CloudEvents.

    body ──► decompress ──► split ──► judge each ──► one group commit ──► an item for each

A body is committed in parts of a bounded size (``bodies``). A small plain one is read on the event
loop; what is large or compressed is read on a worker thread, so that neither its size nor what it
unpacks to costs memory or holds up the loop.

Sizes:  UNDER_WAY_RECORDS_MAX records between the door and their answers: two seconds of work
Source: INTERFACES, "HTTP"; OpenLineage.yml; CloudEvents HTTP binding 1.0
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import Any, Final

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from wherefrom.api.access import principal_of
from wherefrom.api.answers import json_response
from wherefrom.api.bodies import made_whole, next_part, perhaps_none, pieces_of, read_body, the_only
from wherefrom.api.fates import Fates, Item, Shown
from wherefrom.api.tracing import OFF
from wherefrom.collect.decompress import layer_of
from wherefrom.collect.principals import Principal
from wherefrom.collect.split import Piece
from wherefrom.errors import Malformed, Refused, Unavailable
from wherefrom.formats import tlog_proof
from wherefrom.formats.cloudevents_binary import is_binary, structured
from wherefrom.formats.tlog_proof import TlogProof
from wherefrom.log.group import Committed, GroupCommit, Times
from wherefrom.log.recorder import Outcome, Recorder, refused
from wherefrom.log.witnessing import Witnessing
from wherefrom.verify.pool import BATCH_MIN, JudgePool
from wherefrom.verify.verified import Verified

UNDER_WAY_RECORDS_MAX: Final = 16_384


class Intake:
    """What the handlers share: the recorder and the queue in front of its log."""

    def __init__(self, recorder: Recorder, group: GroupCommit) -> None:
        self.recorder = recorder
        self.group = group
        self.pool = JudgePool(recorder.rules)
        # The server counts outcomes; nobody else has to.
        self.on_outcome: Callable[[str, str | None, int], None] = lambda status, code, count: None
        self.tracing = OFF
        self.on_judged: Callable[[float], None] = lambda seconds: None
        # Is told the sender of each request that finds no room, as entries name it.
        self.on_shed: Callable[[str], None] = lambda sender: None
        # Of a log with witnesses: a proof leads to a checkpoint that they cosigned.
        self.witnessing: Witnessing | None = None
        self.under_way = 0
        self._refused: dict[Principal, Counter[str]] = {}
        self._refused_since = recorder.now()

    def need_room(self, principal: Principal | None = None) -> None:
        """Raises Unavailable when as much is under way as can be answered soon: what more comes
        would only wait, and hold memory while it does.

        principal  who sends, if that is known by then
        """
        if self.under_way >= UNDER_WAY_RECORDS_MAX:
            if principal is not None:
                self.on_shed(self.recorder.sender_of(principal))
            raise Unavailable(
                "too many records wait to be recorded",
                expected=f"less than {UNDER_WAY_RECORDS_MAX} under way",
                got=str(self.under_way),
                do="Send it again in a moment: what was recorded by then is known",
            )

    @contextlib.contextmanager
    def taking(self, records: int, principal: Principal) -> Iterator[None]:
        """Count records as under way. Raises Unavailable."""
        self.need_room(principal)
        self.under_way += records
        try:
            yield
        finally:
            self.under_way -= records

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

    async def commit(self, verified: list[Verified], *, prove: bool) -> Committed:
        """Put them in the queue, behind what must be said of the clock. Raises as ``submit``."""
        notes = self.recorder.clock_notes()
        if not notes.records:
            return await self.group.submit(verified, prove=prove)
        try:
            done = await self.group.submit([*notes.records, *verified], prove=prove)
        except BaseException:
            notes.put_back()
            raise
        count = len(notes.records)
        paths = None if done.paths is None else done.paths[count:]
        return Committed(done.receipts[count:], done.checkpoint, paths, done.times)

    async def prove(self, committed: Committed) -> Committed:
        """With proofs under the published checkpoint. Raises Unavailable if it comes too late."""
        assert self.witnessing is not None
        indexes = [receipt.index for receipt in committed.receipts]
        shown = await self.witnessing.covering(max(indexes) + 1)
        paths = self.recorder.writer.paths_at(indexes, shown.tree.size)
        return Committed(committed.receipts, shown.note, paths, committed.times)

    def trace(self, times: Times, *, since: float) -> None:
        """The steps of the batch that a request's records were in, as steps of the request."""
        self.tracing.past("wait", since, max(since, times.began))
        self.tracing.past("append", times.began, times.written)
        self.tracing.past("publish", times.written, times.published)

    def count(self, principal: Principal, fates: Fates) -> None:
        """Count what became of a principal's records; refusals are summed for the log."""
        for (status, code), number in fates.counts.items():
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


async def take(
    request: Request,
    *,
    only: str | None = None,
    prove: bool = False,
    through: Callable[[Iterator[Piece]], Iterator[Piece]] = iter,
    shown: Shown = lambda first, items: items,
    whole: Callable[[bytes], bytes] | None = None,
) -> Fates:
    """Read the body and record what is in it. Raises the errors of the doors below.

    only     the one format taken here; None for every format
    prove    give each record its receipt
    through  what the pieces of the body pass before any of them is judged; may raise
    shown    what is answered of the items
    whole    makes one record of the whole body, before it is cut
    """
    principal = principal_of(request, "record")
    fates = Fates(shown)
    try:
        await _take_body(request, principal, only, prove, through, fates, whole)
    except BaseException:
        fates.close()
        raise
    finally:
        intake: Intake = request.app.state.intake
        intake.count(principal, fates)
    return fates


async def _take_body(
    request: Request,
    principal: Principal,
    only: str | None,
    prove: bool,
    through: Callable[[Iterator[Piece]], Iterator[Piece]],
    fates: Fates,
    whole: Callable[[bytes], bytes] | None,
) -> None:
    intake: Intake = request.app.state.intake
    intake.need_room(principal)  # before a body is read that would be refused then
    body = await read_body(request)
    if whole is not None:
        body = await asyncio.to_thread(made_whole, request, body, whole)
    lines = "ndjson" in request.headers.get("content-type", "")
    pieces = through(pieces_of(body, lines=lines))
    if isinstance(body, bytes) and layer_of(body[:10]) is None:
        while part := next_part(pieces):
            fates.add(await _take_pieces(intake, part, principal, only, prove))
        return
    with contextlib.nullcontext() if isinstance(body, bytes) else body:
        while part := await asyncio.to_thread(next_part, pieces):
            fates.add(await _take_pieces(intake, part, principal, only, prove))


async def _take_pieces(
    intake: Intake, pieces: list[Piece], principal: Principal, only: str | None, prove: bool
) -> list[Item]:
    with intake.taking(len(pieces), principal):
        began = time.perf_counter()
        with intake.tracing.span("verify"):
            outcomes, verified = await intake.judge(pieces, principal, only)
        judged = time.perf_counter()
        intake.on_judged((judged - began) / len(pieces))
        if not verified:
            return _items(outcomes, None)
        waits = prove and intake.witnessing is not None
        committed = await intake.commit(verified, prove=prove and not waits)
        if intake.tracing.is_on and committed.times is not None:
            intake.trace(committed.times, since=judged)
    if waits:  # outside: those that wait for witnesses are not in the way of those that do not
        with intake.tracing.span("witness"):
            committed = await intake.prove(committed)
    if intake.needs_verdicts(verified, committed):
        await asyncio.to_thread(intake.recorder.settle, verified, committed.receipts)
    return _items(outcomes, committed)


async def take_content(intake: Intake, content: bytes, principal: Principal, *, only: str) -> Item:
    """Record one content that a door made itself of what it was sent. Raises as ``take``."""
    fates = await take_contents(intake, [content], principal, only=only)
    fates.close()
    assert fates.first is not None
    return fates.first


async def take_contents(
    intake: Intake, contents: Sequence[bytes], principal: Principal, *, only: str
) -> Fates:
    """Record contents that a door made itself, at least one. Raises as ``take``."""
    fates = Fates()
    pieces = iter([Piece(None, content) for content in contents])
    try:
        while part := next_part(pieces):
            fates.add(await _take_pieces(intake, part, principal, only, False))
    except BaseException:
        fates.close()
        raise
    finally:
        intake.count(principal, fates)
    return fates


async def post_records(request: Request) -> Response:
    """``POST /v1/records``: one, an array or NDJSON; ``?wait=proof`` adds receipts."""
    wait = request.query_params.get("wait")
    if wait not in (None, "proof"):
        raise Malformed(
            "nothing else can be waited for", where="?wait=", expected="proof", got=wait
        )
    fates = await take(request, prove=wait == "proof")
    log = request.app.state.intake.recorder.writer.position()
    position = {"log": {"size": log.size, "root": log.root.hex()}}
    return fates.answer("items", position, fates.status())


async def post_event(request: Request) -> Response:
    """``POST /v1/events``: CloudEvents, structured (one or a batch) or in binary mode."""
    headers = request.headers.items()
    whole = partial(structured, headers) if is_binary(headers) else None
    fates = await take(request, only="cloudevents", whole=whole)
    return fates.answer("items", {}, fates.status())


async def post_lineage(request: Request) -> Response:
    """``POST /api/v1/lineage``: one OpenLineage event, 201 when new and 200 when known."""
    fates = await take(request, only="openlineage", through=the_only)
    return json_response(fates.first, fates.status())


def _failures(first: int, items: Sequence[Item]) -> list[dict[str, Any]]:
    return [
        {"index": place, "reason": item.reason, "retriable": False}
        for place, item in enumerate(items, first)
        if item.status == "refused"
    ]


async def post_lineage_batch(request: Request) -> Response:
    """``POST /api/v1/lineage/batch``: an array; 204 if all were taken, else a summary."""
    fates = await take(request, only="openlineage", through=perhaps_none, shown=_failures)
    received, failed = fates.counts.total(), fates.refused
    if not failed:
        return Response(status_code=204)
    summary = {
        "received": received,
        "successful": received - failed,
        "failed": failed,
        "retriable": 0,
        "non_retriable": failed,
    }
    said = {"status": "partial_success", "summary": summary}
    return fates.answer("failed_events", said, 200)
