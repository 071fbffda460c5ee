"""``wherefrom remediate``: carry out what a rule allows about trouble, tried and approved before.

plan ──► asked, dry run      approve ──► approved      run ──► started ──► ended
  └ made of the rule and the log   └ by another          └ made again, compared, and only then
                                                           begun; every stage is a record
"""

from __future__ import annotations

import os
import socket
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from wherefrom.cli.exits import NO, YES
from wherefrom.cli.failures import warn
from wherefrom.cli.options import as_of_option, environment_option
from wherefrom.cli.render import write_answer, write_json
from wherefrom.cli.saying import now, signed
from wherefrom.cli.settings import Where, placed
from wherefrom.errors import Error, NotAllowed, NotFound, SettingError, Unavailable

if TYPE_CHECKING:
    from wherefrom.cli.places import Reading
    from wherefrom.formats.remedy_rules import RemedyRules, Rule
    from wherefrom.formats.response import Plan, Response
    from wherefrom.query.response_answers import ResponseShown
    from wherefrom.query.responses.allowed import Begun
    from wherefrom.remedies import Done, Kept

# As long as the longest cool-down, and a day.
_LOOKED_BACK_S: Final = 31 * 86_400
# How long after the last moment at which it could have ended a plan is given up, on other machines.
_GRACE_S: Final = 300
_HOST: Final = socket.gethostname()

_rules_option = click.option(
    "--rules", "file", type=click.Path(path_type=Path), metavar="FILE",
    help="The operator's rules; else remediation.json in the data directory.",
)  # fmt: skip
_state_option = click.option(
    "--state", type=click.Path(path_type=Path), metavar="DIR",
    help="Where locks lie; else responses beside the rules.",
)  # fmt: skip
_key_option = click.option("--key", metavar="FILE|URI", help="Sign the records with this key.")
_reason_option = click.option("--reason", default="", help="Why; recorded with it.")


@click.group()
def remediate() -> None:
    """Carry out what the operator's rules allow.

    Off until a file of rules says `"enabled": true`. A plan is tried before it is run, others
    approve it where its rule says so, and every stage is a record marked as a response.
    """


@remediate.command(name="rules")
@_rules_option
@placed
def rules_(file: Path | None, where: Where, as_json: bool) -> int:
    """Check the operator's rules and list them."""
    from wherefrom.cli.draw_responses import draw_rules

    found = _rules(file, where)[0]
    write_answer(found, as_json, lambda: draw_rules(found))
    return YES


@remediate.command()
@click.argument("name", metavar="RULE")
@click.argument("service")
@environment_option
@click.option("--by-hand", is_flag=True, help="Though nothing is known to be wrong.")
@_reason_option
@_key_option
@_rules_option
@placed
def plan(
    name: str,
    service: str,
    environment: str,
    by_hand: bool,
    reason: str,
    key: str | None,
    file: Path | None,
    where: Where,
    as_json: bool,
) -> int:
    """Plan what a rule does about trouble, and try it.

    Nothing is changed: the plan is shown, its dry run is made, and both are recorded. It is carried
    out with: wherefrom remediate run PLAN.
    """
    from wherefrom.cli.draw_responses import draw_planned
    from wherefrom.cli.opening import reading
    from wherefrom.formats import response
    from wherefrom.query.responses import planned
    from wherefrom.query.rollback.question import RollbackOptions
    from wherefrom.remedies import try_out

    rules, folder = _rules(file, where)
    rule = _enabled(rules, name)
    with reading(where) as place:
        options = RollbackOptions(service=service, environment=environment)
        answer = place.rollback(options)
    made = planned.plan(rule, answer, made=now(), by_hand=by_hand)
    _record(where, key, response.of(
        made, response.ASKED, at=made.made, plan=made, reason=reason
    ))  # fmt: skip
    done = try_out(made, rule, folder, os.environ)
    tried = _stage(made, response.DRY_RUN, done)
    _record(where, key, tried)
    if as_json:
        write_json({"digest": made.digest, "plan": made, "dry_run": tried})
    else:
        for line in draw_planned(made, rule, done):
            click.echo(line)
    return YES if done.outcome == "done" else NO


@remediate.command()
@click.argument("digest", metavar="PLAN")
@_reason_option
@_key_option
@placed
def approve(digest: str, reason: str, key: str | None, where: Where, as_json: bool) -> int:
    """Approve a plan that another asked for.

    Who asked cannot approve: sign with --key, or use a token of your own.
    """
    from wherefrom.cli.opening import reading
    from wherefrom.formats import response
    from wherefrom.query.responses.allowed import approvers

    with reading(where) as place:
        shown = place.response(digest, as_of=None)
    found = _need_plan(shown)
    said = response.of(found, response.APPROVED, at=now(), reason=reason)
    index = _record(where, key, said)
    with reading(where) as place:
        after = place.response(found.digest, as_of=None)
    counts = index in approvers(after)
    if as_json:
        write_json({"digest": found.digest, "entry": index, "counts": counts})
    else:
        click.echo(f"approved as entry {index}")
    if not counts:
        warn("this approval does not count: who asked, and who approved before, are no others")
    return YES if counts else NO


@remediate.command()
@click.argument("digest", metavar="PLAN")
@_key_option
@_rules_option
@_state_option
@placed
def run(
    digest: str, key: str | None, file: Path | None, state: Path | None, where: Where, as_json: bool
) -> int:
    """Carry out a plan that was tried and approved.

    The plan is made again from the rule and the log; if it is not the same, nothing is run. What
    was begun before and never ended is found, and said, first.
    """
    from wherefrom.cli.draw_responses import draw_done
    from wherefrom.cli.opening import reading
    from wherefrom.formats import response
    from wherefrom.query.responses.allowed import refusals
    from wherefrom.remedies import Done, Kept, carry_out

    # 1. The rules as they are now, and what was left behind before.
    rules, folder = _rules(file, where)
    kept = Kept(state or folder / "responses")
    _settle(where, key, kept)
    # 2. The plan, made again: what a record says is to be run is never run for that.
    with reading(where) as place:
        shown = place.response(digest, as_of=None)
        found = _need_plan(shown)
        rule = rules.rule(found.rule)
        why = refusals(found, shown, rules, _begun(place), now=now())
        if rule is None or why:
            raise NotAllowed("this plan may not be carried out", where=found.digest,
                             got="; ".join(why),
                do="wherefrom remediate show tells what it waits for",
            )  # fmt: skip
        _need_same(place, found, rule)
    # 3. Alone for the service: here by a lock, elsewhere by which began first.
    with kept.locked(found.service, found.environment) as lock:
        started = response.of(found, response.STARTED, at=now(), runner=kept.runner(_HOST))
        # A crash from here on leaves a beginning without an end, which ``_settle`` finds.
        index = _record(where, key, started)
        with reading(where) as place:
            first = _first_of(_begun(place), found)
        if first is not None and first.entry != index:
            refused = response.of(found, response.ENDED, at=now(), outcome="refused",
                                  reason=f"entry {first.entry} began before")  # fmt: skip
            _record(where, key, refused)
            raise NotAllowed("something else began before, for this service",
                             got=f"entry {first.entry}",
                do="Wait for it: wherefrom remediate list shows how it goes",
            )  # fmt: skip
        try:
            done = carry_out(found, rule, folder, os.environ, lock=lock)
        except Error as error:  # begun, it has an end
            done = Done("failed", reason=str(error))
        ended = _stage(found, response.ENDED, done)
        # 4. How it ended is on this disk before it is on its way, so that it cannot be lost.
        content = signed(response.to_statement(ended), key)
        kept.keep(found.digest, content)
        _send(where, [content])
        kept.forget(found.digest)
    if as_json:
        write_json({"digest": found.digest, "ended": ended})
    else:
        for line in draw_done(found, done):
            click.echo(line)
    return YES if done.outcome == "done" else NO


@remediate.command(name="list")
@click.option("--service", default="", help="Only of this one.")
@environment_option
@click.option(
    "--limit", type=click.IntRange(1, 1000), default=20, show_default=True, metavar="N",
    help="So many of the newest.",
)  # fmt: skip
@as_of_option
@placed
def list_(
    service: str, environment: str, limit: int, as_of: int | None, where: Where, as_json: bool
) -> int:
    """List plans and how far each is."""
    from wherefrom.cli.draw_responses import draw_list
    from wherefrom.cli.opening import reading

    with reading(where) as place:
        answer = place.responses(
            service=service, environment=environment, limit=limit, as_of=as_of
        )  # fmt: skip
    write_answer(answer, as_json, lambda: draw_list(answer))
    return YES


@remediate.command()
@click.argument("digest", metavar="PLAN")
@as_of_option
@placed
def show(digest: str, as_of: int | None, where: Where, as_json: bool) -> int:
    """Show a plan and every record of it."""
    from wherefrom.cli.draw_responses import draw_shown
    from wherefrom.cli.opening import reading

    with reading(where) as place:
        answer = place.response(digest, as_of=as_of)
    write_answer(answer, as_json, lambda: draw_shown(answer))
    return YES


def _rules(file: Path | None, where: Where) -> tuple[RemedyRules, Path]:
    """The operator's rules, and the folder that they lie in. Raises SettingError."""
    from wherefrom.remedies import RULES, read_rules

    if file is None and where.server is not None:
        raise SettingError(
            "no rules of remediation", where="--rules", expected="the operator's file",
            do="They are this machine's, and no server's: give --rules FILE",
        )  # fmt: skip
    path = file or where.data / RULES
    return read_rules(path), path.parent


def _enabled(rules: RemedyRules, name: str) -> Rule:
    if not rules.enabled:
        raise NotAllowed(
            "remediation is off", do='The operator turns it on: "enabled": true in the rules'
        )
    rule = rules.rule(name)
    if rule is None:
        raise NotFound(
            "no rule is called so", got=name,
            expected=", ".join(one.name for one in rules.rules) or "there is none",
            do="Name one of these, or add it to remediation.json",
        )  # fmt: skip
    return rule


def _need_plan(shown: ResponseShown) -> Plan:
    if shown.plan is None:
        raise NotFound(
            "nobody recorded what this plan is, or it is erased",
            got=shown.digest,
            do="Make a plan anew: wherefrom remediate plan",
        )
    return shown.plan


def _need_same(place: Reading, found: Plan, rule: Rule) -> None:
    """Make the plan again. Raises NotAllowed if it is another by now."""
    from wherefrom.query.responses import planned
    from wherefrom.query.rollback.question import RollbackOptions

    options = RollbackOptions(service=found.service, environment=found.environment)
    answer = place.rollback(options)
    if found.trouble != planned.BY_HAND and not planned.troubles(rule, answer):
        raise NotAllowed(
            "what it was planned for is over",
            where=found.digest,
            got=found.trouble,
            do="Nothing is left to do; if there is, plan anew: wherefrom remediate plan",
        )
    again = planned.again(
        rule, answer, made=found.made, trouble=found.trouble, because=found.because
    )  # fmt: skip
    if again.digest != found.digest:
        raise NotAllowed(
            "the plan is another by now: what runs there has changed, or it was not made so",
            where=found.digest, expected=again.digest, do="Plan it anew",
        )  # fmt: skip


def _begun(place: Reading) -> list[Begun]:
    """What was begun lately, by the log."""
    from wherefrom.formats.timestamps import micros, of_micros
    from wherefrom.query.reality import CHANGES_MAX, RealityOptions
    from wherefrom.query.responses.allowed import begun

    since = of_micros(micros(now()) - _LOOKED_BACK_S * 1_000_000)
    options = RealityOptions(since=since, slots=("response",), limit=CHANGES_MAX)
    return begun(place.changes("", options).changes)


def _first_of(done: Sequence[Begun], found: Plan) -> Begun | None:
    """What began first of all that is under way for the service."""
    here = [
        one
        for one in done
        if one.ended is None
        and (one.service, one.environment) == (found.service, found.environment)
    ]
    return min(here, key=lambda one: one.entry, default=None)


def _settle(where: Where, key: str | None, kept: Kept) -> None:
    """Record ends that were not, and say of what was begun and never ended that it is lost."""
    from wherefrom.cli.opening import reading
    from wherefrom.formats import response
    from wherefrom.formats.timestamps import micros

    for digest, content in kept.ends():
        _send(where, [content])
        kept.forget(digest)
        warn(f"{digest}: how it ended was not recorded before, and is now")
    with reading(where) as place:
        open_ = [one for one in _begun(place) if one.ended is None]
        shown = [place.response(one.digest, as_of=None) for one in open_]
    for one in shown:
        last = next(s for s in reversed(one.stages) if s.stage == response.STARTED)
        if one.plan is None:
            continue
        steps = max(len(one.plan.steps), 1)
        over = micros(last.at) + (steps * 3_600 + _GRACE_S) * 1_000_000
        if last.runner != kept.runner(_HOST) and micros(now()) < over:
            continue
        try:
            with kept.locked(one.service, one.environment):
                lost = response.of(
                    one.plan, response.ENDED, at=now(), outcome="lost", runner=kept.runner(_HOST),
                    reason=f"begun in entry {last.entry}; nobody knows how far it came",
                )  # fmt: skip
                _record(where, key, lost)
        except Unavailable:
            continue  # it runs
        warn(
            f"{one.action} of {one.service} in {one.environment} was begun in entry {last.entry} "
            "and never ended: look how far it came"
        )


def _stage(planned: Plan, stage: str, done: Done) -> Response:
    from wherefrom.formats import response

    return response.of(
        planned, stage, at=now(), outcome=done.outcome, exit=done.exit, status=done.status,
        steps=done.steps, output=done.output, reason=done.reason[:500],
    )  # fmt: skip


def _record(where: Where, key: str | None, said: Response) -> int:
    from wherefrom.formats.response import to_statement

    return _send(where, [signed(to_statement(said), key)])


def _send(where: Where, contents: Sequence[bytes]) -> int:
    """Record it. Raises NotAllowed if the log refuses it: nothing goes on without its record."""
    from wherefrom.cli.opening import writing

    with writing(where) as place:
        outcome: Any = place.record(contents)[0]
    if outcome.index is None:
        raise NotAllowed(
            "the log refused a response",
            got=outcome.reason,
            do="Let this token send responses, or use one that may: wherefrom tokens list",
        )
    found: int = outcome.index
    return found
