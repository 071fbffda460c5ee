"""``wherefrom policy``: make, check, try, explain and record policies.

ready ──new──► DIR ──check, test──► ──record──► the log        explain, simulate: over what it holds
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from wherefrom.cli.approve import key_option, output_option
from wherefrom.cli.exits import NO, YES
from wherefrom.cli.gate import environment_option, policy_option
from wherefrom.cli.options import as_of_option, at_option, moment_of
from wherefrom.cli.policy_files import document_in, policy_at, read_policy, write_files
from wherefrom.cli.policy_in_force import in_force, status, use
from wherefrom.cli.render import count, table, write_answer, write_json
from wherefrom.cli.saying import give, signed
from wherefrom.cli.settings import Where, json_option, placed
from wherefrom.cli.targets import ask
from wherefrom.errors import NotFound
from wherefrom.formats.shown import cut, printable, short_id

if TYPE_CHECKING:
    from wherefrom.cli.places import Reading
    from wherefrom.formats.policy import Policy
    from wherefrom.policy.cases import Outcome
    from wherefrom.policy.verdict import Verdict
    from wherefrom.query.reality_answers import Change

_FOLDER: Final = click.Path(path_type=Path)
_SIMULATED_MAX: Final = 5_000
_NAME_CHARS_MAX: Final = 36


@click.group()
def policy() -> None:
    """Make, test, explain and record policies."""


@policy.command()
@json_option
def ready(as_json: bool) -> int:
    """List the ready policies, and what each can be told."""
    from wherefrom.policy.ready import READY

    told = [
        {"name": name, "says": one.says, "takes": dict(one.takes), "needs": list(one.needs)}
        for name, one in READY.items()
    ]

    def drawn() -> Iterator[str]:
        yield table([(name, one.says) for name, one in READY.items()])
        takes = {key: what for one in READY.values() for key, what in one.takes.items()}
        yield "\nSettings, where a policy takes them (--set NAME=VALUE):"
        yield table(list(takes.items()), indent=2)

    write_answer(told, as_json, drawn)
    return YES


@policy.command()
@click.option("--from", "name", required=True, metavar="NAME", help="A ready policy.")
@click.option("-o", "--output", type=_FOLDER, required=True, metavar="DIR", help="Where.")
@click.option("--set", "settings", multiple=True, metavar="NAME=VALUE", help="What it is told.")
@json_option
def new(name: str, output: Path, settings: tuple[str, ...], as_json: bool) -> int:
    """Make a policy of a ready one, with tests beside it."""
    from wherefrom.formats.policy import read as read_document
    from wherefrom.policy.ready import files_of

    pairs = [one.partition("=") for one in settings]
    for key, equals, _ in pairs:
        if not equals:
            raise click.UsageError(f"--set {key}: write NAME=VALUE")
    files = files_of(name, {key: value for key, _, value in pairs})
    # Read before it is written: what a setting spoils leaves nothing behind.
    made = read_document(files["policy.yaml"].encode(), where="policy.yaml")
    write_files(output, files)
    if as_json:
        write_json({**_told(made), "files": [str(output / file) for file in files]})
    else:
        click.echo(f"{made.name} {made.version}: {printable(made.says)}")
        click.echo(f"Test it: wherefrom policy test {output}")
        click.echo(f"Use it:  wherefrom gate ARTIFACT --policy {output}")
    return YES


@policy.command()
@click.argument("path", type=_FOLDER, metavar="DIR|FILE")
@json_option
def check(path: Path, as_json: bool) -> int:
    """Check that a policy can be read, and show its rules and digest."""
    found = policy_at(path)

    def drawn() -> Iterator[str]:
        yield f"{found.name} {found.version}  {printable(found.says)}".rstrip()
        yield f"  {found.digest}, counts for {found.valid}"
        rows = [
            (one.name, str(one.__struct_config__.tag), " ".join(one.environments) or "everywhere",
             printable(one.says))
            for one in found.rules
        ]  # fmt: skip
        yield table(rows, indent=2)

    write_answer(_told(found), as_json, drawn)
    return YES


def _told(found: Policy) -> dict[str, Any]:
    return {
        "name": found.name, "version": found.version, "digest": found.digest,
        "rules": [
            {"name": one.name, "needs": str(one.__struct_config__.tag)} for one in found.rules
        ],
    }  # fmt: skip


@policy.command()
@click.argument("path", type=_FOLDER, metavar="DIR|FILE")
@json_option
def test(path: Path, as_json: bool) -> int:
    """Run the tests beside a policy: tests/*.yaml."""
    from wherefrom.rehearse import rehearse

    found = policy_at(path)
    files = sorted((document_in(path).parent / "tests").glob("*.y*ml"))
    outcomes = list(rehearse(found, files))
    good = all(one.ok for one in outcomes)
    told = {**_told(found), "ok": good, "cases": outcomes}
    write_answer(told, as_json, lambda: _outcomes(found, outcomes))
    return YES if good else NO


def _outcomes(found: Policy, outcomes: Sequence[Outcome]) -> Iterator[str]:
    for one in outcomes:
        yield f"  {'ok  ' if one.ok else 'FAIL'}  {printable(one.name)}"
        for wrong in one.wrong:
            yield f"        {printable(wrong)}"
    failed = sum(not one.ok for one in outcomes)
    says = f"{failed} failed" if failed else "all as expected"
    yield f"{found.name} {found.version}: {count(len(outcomes), 'case')}, {says}"


@policy.command()
@click.argument("artifact")
@policy_option
@environment_option
@click.option("--input", "as_input", is_flag=True, help="Print what conditions look at, as JSON.")
@at_option
@as_of_option
@placed
def explain(
    artifact: str,
    policy: str,
    environment: str,
    as_input: bool,
    at: str | None,
    as_of: int | None,
    where: Where,
    as_json: bool,
) -> int:
    """Show what a policy says of an artifact, and record nothing.

    With --at it is asked as if it were that time; with --as-of, with what was recorded by then.
    """

    from msgspec.structs import replace

    from wherefrom.cli.draw_policy import draw_verdict
    from wherefrom.cli.opening import reading
    from wherefrom.policy.gate import Question

    document = _document(policy)
    asked = Question(
        artifacts=(),
        policy=document,
        environment=environment,
        at=at,
        as_of=as_of,
        explain=as_input,
    )
    with reading(where) as place:
        decided = ask(artifact, lambda one: place.decide(replace(asked, artifacts=(one,))))
    (verdict,) = decided.verdicts
    if as_input:
        write_json(decided.inputs[0])
    else:
        write_answer(verdict, as_json, lambda: draw_verdict(verdict))
    return YES if verdict.allowed else NO


def _document(policy: str) -> dict[str, Any] | str:
    said = read_policy(policy)
    return said if isinstance(said, str) else said.to_document()


@policy.command()
@click.argument("scope", default="")
@policy_option
@click.option(
    "--since", callback=moment_of, default="30.days.ago", show_default=True, metavar="TIME",
    help="Deployments from then on.",
)  # fmt: skip
@click.option("--until", callback=moment_of, metavar="TIME", help="And before; now if not given.")
@placed
def simulate(
    scope: str,
    policy: str,
    since: str,
    until: str | None,
    where: Where,
    as_json: bool,
) -> int:
    """Show what a policy would have said of past deployments.

    SCOPE is ENVIRONMENT, ENVIRONMENT/SERVICE or nothing for all. Each is judged by what had been
    recorded when it was declared, as of its time.
    """
    from wherefrom.cli.opening import reading
    from wherefrom.query.reality import RealityOptions

    options = RealityOptions(
        since=since, until=until, slots=("artifact",), mode="declared", limit=_SIMULATED_MAX
    )
    document = _document(policy)
    with reading(where) as place:
        changes = place.changes(scope, options)
        deployed = [one for one in changes.changes if one.after is not None]
        judged = [(one, _then(one, document, place)) for one in deployed]
    told = {
        "since": changes.since, "until": changes.until, "truncated": changes.truncated,
        "deployments": [
            {"at": one.at, "environment": one.environment, "service": one.service,
             "artifact": one.after, "entry": one.entry,
             "allowed": None if verdict is None else verdict.allowed,
             "reasons": [] if verdict is None else verdict.reasons}
            for one, verdict in judged
        ],
    }  # fmt: skip
    write_answer(told, as_json, lambda: _simulated(judged, changes.truncated))
    return YES


def _then(one: Change, document: dict[str, Any] | str, place: Reading) -> Verdict | None:
    """What the policy would have said of a deployment; None of what no record names."""
    from wherefrom.policy.gate import Question

    assert one.after is not None
    asked = Question(
        artifacts=(one.after,), policy=document, environment=one.environment, at=one.at,
        as_of=one.entry + 1,
    )  # fmt: skip
    try:
        return place.decide(asked).verdicts[0]
    except NotFound:
        return None


def _simulated(judged: Sequence[tuple[Change, Verdict | None]], truncated: bool) -> Iterator[str]:
    from wherefrom.cli.draw_reality import short_name

    rows = []
    against: dict[str, int] = {}
    for one, verdict in judged:
        failed = [r.rule for r in verdict.reasons if not r.ok] if verdict is not None else []
        for rule in failed:
            against[rule] = against.get(rule, 0) + 1
        word = "unknown" if verdict is None else "allowed" if verdict.allowed else "DENIED"
        where = f"{printable(one.environment)}/{printable(one.service)}"
        what = cut(short_name(one.after_says or short_id(one.after or "")), _NAME_CHARS_MAX)
        rows.append((one.at[:19] + "Z", word, where, what, " ".join(failed)))
    if rows:
        yield table(rows)
    denied = sum(verdict is not None and not verdict.allowed for _, verdict in judged)
    yield f"{count(len(rows), 'deployment')}, {denied} would have been denied"
    for rule, times in sorted(against.items(), key=lambda pair: -pair[1]):
        yield f"  {rule}: against {times}"
    if truncated:
        yield f"There were more than {_SIMULATED_MAX:,}: ask for less time, or a smaller scope."


@policy.command()
@click.argument("path", type=_FOLDER, metavar="DIR|FILE")
@key_option
@output_option
@placed
def record(path: Path, key: str, output: Path | None, where: Where, as_json: bool) -> int:
    """Record a policy, signed.

    It can be named by its digest from then on.
    """
    from wherefrom.formats.policy import to_statement

    found = policy_at(path)
    if not as_json:
        click.echo(f"{found.name} {found.version} is {found.digest}")
    return give([signed(to_statement(found), key)], output, where, as_json)


for _command in (use, in_force, status):
    policy.add_command(_command)
