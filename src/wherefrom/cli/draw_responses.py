"""Answers about responses for people: rules, a plan and its dry run, how it ended, lists."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

import click

from wherefrom.cli.render import count, foot, table
from wherefrom.formats.shown import cut, printable, short_id, short_key, trust_said

if TYPE_CHECKING:
    from wherefrom.formats.remedy_rules import RemedyRules, Rule
    from wherefrom.formats.response import Plan
    from wherefrom.query.response_answers import ResponseList, ResponseShown, ResponseStage
    from wherefrom.remedies import Done

_TAIL_LINES: Final = 10


def draw_rules(found: RemedyRules) -> Iterator[str]:
    """A line a rule, and whether any of them is on."""
    state = click.style("on", fg="green") if found.enabled else click.style("off", fg="yellow")
    yield f"remediation is {state}; {found.per_hour} in an hour at most"
    rows = [
        [
            rule.name, rule.action, ", ".join(rule.when.troubles),
            f"{', '.join(rule.services)} in {', '.join(rule.environments)}",
            "webhook" if rule.webhook else count(len(rule.commands), "command"),
            f"approval by {rule.approval.need}" if rule.approval.need else "no approval",
        ]
        for rule in found.rules
    ]  # fmt: skip
    if rows:
        yield table(rows, indent=2)


def draw_planned(made: Plan, rule: Rule, done: Done) -> Iterator[str]:
    """All that is to be done, and how its dry run went."""
    yield from _plan(made)
    yield f"  dry run: {_done(done)}"
    yield from _tail(done)
    if done.outcome != "done":
        return
    if rule.approval.need:
        yield (
            f"Approve it, {count(rule.approval.need, 'other')}: wherefrom remediate approve "
            + (short_id(made.digest).partition(":")[2])
        )
    yield f"Carry it out: wherefrom remediate run {short_id(made.digest).partition(':')[2]}"


def draw_done(made: Plan, done: Done) -> Iterator[str]:
    """How it ended."""
    yield f"{printable(made.action)} of {printable(made.service)}: {_done(done)}"
    yield from _tail(done)


def draw_shown(answer: ResponseShown) -> Iterator[str]:
    """A plan, and a line a record."""
    if answer.plan is not None:
        yield from _plan(answer.plan)
    else:
        yield f"{short_id(answer.digest)}: nobody recorded what it is"
    yield table([_stage(one) for one in answer.stages], indent=2)
    yield foot(answer.log, as_of=answer.as_of)


def draw_list(answer: ResponseList) -> Iterator[str]:
    """A line a plan."""
    rows = [
        [
            short_id(one.digest).partition(":")[2], f"{one.at[:16]}Z", one.action,
            cut(f"{one.service} in {one.environment}", 40),
            one.stage if one.outcome is None else f"{one.stage}: {one.outcome}",
            " ".join(f"#{entry}" for entry in one.entries[-5:]),
        ]
        for one in answer.responses
    ]  # fmt: skip
    yield table(rows) if rows else "nothing was planned"
    if answer.truncated:
        yield "and more: give --limit"
    yield foot(answer.log, as_of=answer.as_of)


def _plan(made: Plan) -> Iterator[str]:
    of = printable(f"{made.action} of {made.service} in {made.environment}")
    yield click.style(f"{short_id(made.digest).partition(':')[2]}  {of}", bold=True)
    by = f"  {' '.join(f'#{entry}' for entry in made.because[:5])}" if made.because else ""
    yield f"  by the rule {made.rule}, because of {made.trouble}{by}; until {made.until[:16]}Z"
    for change in made.changes:
        what = " ".join(filter(None, (change.slot, change.name, change.region, change.pool)))
        sides = (short_id(side or "nothing") for side in (change.before, change.after))
        yield cut("  {}  {} → {}".format(what, *sides), 120)
    for step in made.steps:
        yield f"  $ {printable(shlex.join(step.argv))}"
    if made.url is not None:
        yield f"  POST {printable(made.url)}"


def _done(done: Done) -> str:
    said = [
        click.style(done.outcome, fg="green" if done.outcome == "done" else "red"),
        "" if done.exit is None else f"exit {done.exit}",
        "" if done.status is None else f"HTTP {done.status}",
        "" if not done.steps else count(done.steps, "step"),
        printable(done.reason),
    ]
    return ", ".join(filter(None, said))


def _tail(done: Done) -> Iterator[str]:
    for line in done.tail.splitlines()[-_TAIL_LINES:]:
        yield f"    | {printable(line)}"


def _stage(one: ResponseStage) -> list[str]:
    by = trust_said(one.trust, one.signers)
    if not one.signers:
        by += f" {short_key(one.producer) if one.producer[:2] == 'p:' else one.producer}"
    said = [one.outcome, None if one.exit is None else f"exit {one.exit}", one.reason]
    return [
        f"#{one.entry}", f"{one.at[:19]}Z", one.stage, by,
        cut(printable(", ".join(filter(None, said))), 80),
    ]  # fmt: skip
