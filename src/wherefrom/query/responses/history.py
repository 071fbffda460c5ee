"""The records of responses: what was planned, and what became of it.

    response:<digest> ──mentions──► entries ──content──► stages, in the order of the log

Sizes:  STAGES_MAX records of one plan, PLANS_MAX plans are looked at, LIST_MAX are listed
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from wherefrom.errors import Malformed, NotFound, Refused
from wherefrom.formats import entry as entries
from wherefrom.formats.digests import strong_id
from wherefrom.formats.response import (
    MARK,
    PREDICATE_TYPE,
    Plan,
    Response,
    node_id,
    parse,
)
from wherefrom.log.reader import LogReader
from wherefrom.query.answers import log_of
from wherefrom.query.response_answers import (
    ResponseBrief,
    ResponseList,
    ResponseShown,
    ResponseStage,
)
from wherefrom.query.sizes import need_size
from wherefrom.query.statements import predicate_in
from wherefrom.views.graph import GraphReader, Lens, Snapshot

STAGES_MAX: Final = 500
PLANS_MAX: Final = 5_000
LIST_MAX: Final = 1_000
LIST_DEFAULT: Final = 20
DIGITS_MIN: Final = 8

_Read = tuple[Response, ResponseStage]


class ResponseDesk:
    """Answers about responses over one log's graph; safe for several threads."""

    def __init__(self, log: LogReader, graph: GraphReader) -> None:
        self._log, self._graph = log, graph

    def show(self, text: str, *, as_of: int | None = None) -> ResponseShown:
        """One plan, by its digest or how that begins. Raises NotFound, Malformed."""
        digits = text.removeprefix("sha256:")
        if len(digits) < DIGITS_MIN or strong_id("sha256", digits.ljust(64, "0")) is None:
            raise Malformed(
                "not a plan", got=text, expected=f"its digest, {DIGITS_MIN} digits at least"
            )
        with self._graph.snapshot() as snapshot:
            need_size(as_of, reached=snapshot.size, log=self._log)
            lens = snapshot.lens(as_of=as_of)
            found = snapshot.ids_from(node_id(f"sha256:{digits}"), 2)
            read = self._read(snapshot, lens, found[0][1]) if len(found) == 1 else []
            if not read:
                raise NotFound(
                    "no plan is called so" if len(found) < 2 else "several plans begin so",
                    got=text, do="See which there are: wherefrom remediate list",
                )  # fmt: skip
            first = read[0][0]
            return ResponseShown(
                digest=first.digest, service=first.service, environment=first.environment,
                action=first.action, stage=read[-1][0].stage, plan=_plan(read),
                stages=[stage for _, stage in read], log=log_of(snapshot), as_of=lens.as_of,
            )  # fmt: skip

    def plans(
        self,
        *,
        service: str = "",
        environment: str = "",
        limit: int = LIST_DEFAULT,
        as_of: int | None = None,
    ) -> ResponseList:
        """The plans there were, the one that was spoken of last first. Raises Malformed."""
        if not 0 < limit <= LIST_MAX:
            raise Malformed("not a limit", expected=f"1 to {LIST_MAX}", got=limit)
        with self._graph.snapshot() as snapshot:
            need_size(as_of, reached=snapshot.size, log=self._log)
            lens = snapshot.lens(as_of=as_of)
            ids = snapshot.ids_from(f"{MARK}:sha256:", PLANS_MAX + 1)
            read = [self._read(snapshot, lens, number) for _, number in ids[:PLANS_MAX]]
            wanted = [
                one for one in read
                if one
                and service in ("", one[0][0].service)
                and environment in ("", one[0][0].environment)
            ]  # fmt: skip
            wanted.sort(key=lambda one: one[-1][1].entry, reverse=True)
            return ResponseList(
                responses=[_brief(one) for one in wanted[:limit]],
                truncated=len(wanted) > limit or len(ids) > PLANS_MAX,
                log=log_of(snapshot),
                as_of=lens.as_of,
            )

    def _read(self, snapshot: Snapshot, lens: Lens, number: int) -> list[_Read]:
        found = snapshot.mentions([number], lens, each_max=STAGES_MAX)
        judged = snapshot.judgements({one.entry for one in found}, lens)
        read = []
        for index in sorted(judged):
            one = judged[index]
            if one.type != PREDICATE_TYPE:
                continue
            stored = self._log.record(index)
            predicate = (
                None if stored.content is None else predicate_in(stored.content, PREDICATE_TYPE)
            )
            try:
                said = None if predicate is None else parse(predicate)
            except Refused:  # a newer program took what this one does not
                said = None
            if said is None:
                continue
            stage = ResponseStage(
                stage=said.stage, entry=index, at=said.at, received=one.received,
                trust=one.level, signers=one.signers,
                producer=entries.parse(stored.entry, where=f"entry {index}").producer,
                outcome=said.outcome, exit=said.exit, status=said.status, steps=said.steps,
                output=said.output, runner=said.runner, reason=said.reason,
            )  # fmt: skip
            read.append((said, stage))
        return read


def _plan(read: Iterable[_Read]) -> Plan | None:
    return next((said.plan for said, _ in read if said.plan is not None), None)


def _brief(read: list[_Read]) -> ResponseBrief:
    last, plan = read[-1][0], _plan(read)
    return ResponseBrief(
        digest=last.digest, service=last.service, environment=last.environment,
        action=last.action, rule=None if plan is None else plan.rule, stage=last.stage,
        outcome=last.outcome, at=last.at, entries=[stage.entry for _, stage in read],
    )  # fmt: skip
