"""A response to trouble, stage by stage: what was planned, tried, approved, begun and done.

    {"stage": "asked", "plan": {…}, "at"}  ┐
    {"stage": "dry_run", "outcome", …}     │ subject: the plan, by its digest
    {"stage": "approved"}                  ├─ document ──describes──► response:<digest>, kind change
    {"stage": "started", "runner"}         │     started ──► State(declared, response, <digest>)
    {"stage": "ended", "outcome", …}       ┘     ended   ──► no more

Every record is marked as a response, so that nobody takes what answered trouble for its cause. A
plan is all that is to be run, filled in; its digest is the subject of every stage, so nothing but
that plan was tried, approved or done. What a program wrote is not kept: its digest is.

Sizes:  a plan PLAN_BYTES_MAX bytes · a reason REASON_BYTES_MAX
Source: docs/formats/response.md
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from wherefrom.errors import LimitPassed, Malformed
from wherefrom.formats import canonical_json, names, statement_shape
from wherefrom.formats.digests import sha256_id
from wherefrom.formats.facts import FactsBuilder
from wherefrom.formats.remedy_rules import ACTIONS
from wherefrom.formats.statement_shape import need_sized, need_subject, need_time
from wherefrom.formats.states import DECLARED, PART_BYTES_MAX, Scope, State

PREDICATE_TYPE: Final = "urn:wherefrom:response:v1"
MARK: Final = "response"
ASKED, DRY_RUN, APPROVED, STARTED, ENDED = "asked", "dry_run", "approved", "started", "ended"
STAGES: Final = (ASKED, DRY_RUN, APPROVED, STARTED, ENDED)
# done: every step ended with 0, or was taken with 2xx. lost: nobody knows how it ended.
OUTCOMES: Final = ("done", "failed", "timed_out", "refused", "lost")
WITH_OUTCOME: Final = (DRY_RUN, ENDED)
PLAN_BYTES_MAX: Final = 256 * 1024
STEPS_MAX: Final = 100
ENTRIES_MAX: Final = 100
REASON_BYTES_MAX: Final = 1024


class _Part(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True
):
    """A part of a predicate: what is not said is not written."""


class PlannedStep(_Part, frozen=True):
    """One command, as it is to be run. ``dry_run`` is what tries it; empty: only looked for."""

    argv: list[str]
    dry_run: list[str] = []
    slot: str = ""
    name: str = ""


class PlannedChange(_Part, frozen=True):
    """What a step is to set: a part, as it was when the plan was made, and as it is to be."""

    slot: str
    region: str = ""
    pool: str = ""
    name: str = ""
    before: str | None = None
    after: str | None = None


class Plan(_Part, frozen=True):
    """All that is to be done, and under which rule.

    rule_digest  of the rule as it was then; ``made`` when; ``until`` when it may begin no more
    trouble      what it answers: a code of ``remedy_rules.TROUBLES``; ``because`` its records
    url          where it is posted, if by a webhook; else ``steps`` are run
    reality      what it leads to, if it goes back
    """

    rule: str
    rule_digest: str
    action: str
    service: str
    environment: str
    made: str
    until: str
    trouble: str
    because: list[int] = []
    changes: list[PlannedChange] = []
    steps: list[PlannedStep] = []
    url: str | None = None
    reality: str | None = None

    @property
    def digest(self) -> str:
        """What every stage names."""
        return sha256_id(canonical_json.to_bytes(msgspec.to_builtins(self)))


class Output(_Part, frozen=True):
    """What came of it: how much was written, and its digest; ``whole`` unless it was cut off."""

    digest: str
    size: int
    whole: bool = True


class Response(_Part, frozen=True):
    """One stage of one plan.

    plan      only of ``asked``; ``digest`` is its digest, of every stage
    outcome   of a dry run and an end, of OUTCOMES; ``exit`` of the last command, ``status`` of the
              webhook, ``steps`` how many were run
    runner    which machine began it
    """

    mark: str
    stage: str
    digest: str
    service: str
    environment: str
    action: str
    at: str
    plan: Plan | None = None
    outcome: str | None = None
    exit: int | None = None
    status: int | None = None
    steps: int | None = None
    output: Output | None = None
    runner: str | None = None
    reason: str = ""


def parse(predicate: Mapping[str, Any], *, where: str = "predicate") -> Response:
    """Read a predicate. Raises Malformed for a field that is wrong or unknown, LimitPassed."""
    found = statement_shape.convert(predicate, Response, "a response", where)
    _check(found, where)
    return found


def to_statement(response: Response) -> bytes:
    """The in-toto statement, canonical. Raises Malformed or LimitPassed for what ``parse`` would
    refuse."""
    predicate: dict[str, Any] = msgspec.to_builtins(response)
    parse(predicate)
    return statement_shape.of_subjects([_subject(response)], PREDICATE_TYPE, predicate)


def asked(plan: Plan) -> Response:
    """The first stage."""
    return of(plan, ASKED, at=plan.made, plan=plan)


def of(planned: Plan, stage: str, *, at: str, **more: Any) -> Response:
    """A stage of a plan."""
    return Response(
        mark=MARK, stage=stage, digest=planned.digest, service=planned.service,
        environment=planned.environment, action=planned.action, at=at, **more,
    )  # fmt: skip


def node_id(digest: str) -> str:
    """The node of a plan."""
    return f"{MARK}:{digest}"


def add(
    builder: FactsBuilder,
    predicate: Mapping[str, Any],
    *,
    subjects: Sequence[str],
    where: str,
) -> str:
    """Add what a stage says; returns when it was.

    Raises as ``parse``, and Malformed for other subjects than its plan.
    """
    found = parse(predicate, where=where)
    need_subject(
        subjects,
        found.digest,
        "a response under another subject than its plan",
    )
    node = builder.node(
        node_id(found.digest), "change", f"{found.action} of {found.service}",
        {"mark": MARK, "stage": found.stage, "outcome": found.outcome, "service": found.service,
         "environment": found.environment},
    )  # fmt: skip
    builder.edge(builder.document, "describes", node)
    builder.edge(node, "used", builder.node(found.digest, "artifact", "a plan"))
    service = builder.node(names.service_id(found.service), "service", found.service)
    builder.edge(node, "used" if found.stage in (ASKED, APPROVED) else "changes", service)
    if found.stage in (STARTED, ENDED):
        value = STARTED if found.stage == STARTED else None
        scope = Scope(found.environment, found.service)
        says = f"{found.action} of {found.service}"
        builder.state(State(DECLARED, scope, MARK, found.digest, value, says, at=found.at))
    return found.at


def _subject(response: Response) -> dict[str, Any]:
    algorithm, _, digits = response.digest.partition(":")
    return {"name": f"plan of {response.service}", "digest": {algorithm: digits}}


def _check(found: Response, where: str) -> None:
    if found.mark != MARK:
        raise Malformed("not marked as a response", where=f"{where}.mark", got=found.mark)
    for value, known, what in (
        (found.stage, STAGES, "stage"), (found.action, ACTIONS, "action")
    ):  # fmt: skip
        if value not in known:
            raise Malformed("none of what it can be", where=f"{where}.{what}",
                            expected=" ".join(known), got=value)  # fmt: skip
    need_time(found.at, f"{where}.at")
    for what in ("service", "environment", "runner"):
        need_sized(getattr(found, what) or "", f"{where}.{what}", PART_BYTES_MAX)
    need_sized(found.reason, f"{where}.reason", REASON_BYTES_MAX)
    if not found.service:
        raise Malformed("a response of no service", where=f"{where}.service")
    if (found.outcome is not None) != (found.stage in WITH_OUTCOME):
        raise Malformed("an outcome is of what was tried or done", where=f"{where}.outcome",
                        got=found.outcome)  # fmt: skip
    if found.outcome is not None and found.outcome not in OUTCOMES:
        raise Malformed("none of what it can be", where=f"{where}.outcome",
                        expected=" ".join(OUTCOMES), got=found.outcome)  # fmt: skip
    if (found.plan is not None) != (found.stage == ASKED):
        raise Malformed("a plan is in what asks for it, and only there", where=f"{where}.plan")
    if found.plan is not None:
        _check_plan(found, found.plan, f"{where}.plan")


def _check_plan(found: Response, plan: Plan, where: str) -> None:
    if len(canonical_json.to_bytes(msgspec.to_builtins(plan))) > PLAN_BYTES_MAX:
        raise LimitPassed("a plan is too large", where=where, expected=f"{PLAN_BYTES_MAX} bytes")
    for what, most in (("steps", STEPS_MAX), ("changes", STEPS_MAX), ("because", ENTRIES_MAX)):
        if len(getattr(plan, what)) > most:
            raise LimitPassed("too many", where=f"{where}.{what}", expected=f"{most} at most")
    for what in ("made", "until"):
        need_time(getattr(plan, what), f"{where}.{what}")
    said = (plan.digest, plan.service, plan.environment, plan.action, plan.made)
    if said != (found.digest, found.service, found.environment, found.action, found.at):
        raise Malformed("a plan that is not the one it is of", where=where, expected=plan.digest,
                        got=found.digest)  # fmt: skip
    if bool(plan.steps) == (plan.url is not None):
        raise Malformed("a plan of nothing, or in two ways", where=where)
