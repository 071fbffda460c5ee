"""``wherefrom intake``: which records may come in, tried before it bites.

FILE (TOML) ──► simulate: what would records in the log have got?
            └─► set: a signed record; every door and judge asks the new rules from then on
            └─► set --propose OUT ──► keys approve, by each ──► keys apply
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from wherefrom.cli.exits import YES
from wherefrom.cli.options import last_option, since_option
from wherefrom.cli.render import count, table, write_json
from wherefrom.cli.settings import Where, placed
from wherefrom.cli.targets import read_file

if TYPE_CHECKING:
    from wherefrom.formats.intake import IntakeRule
    from wherefrom.log.look_back import Simulated

_FILE_BYTES_MAX = 256 * 1024


@click.group()
def intake() -> None:
    """Say which records may come in: kinds, senders, trust."""


@intake.command()
@placed
def show(where: Where, as_json: bool) -> int:
    """Show the intake rules in force, and every version before."""
    from wherefrom.cli.opening import reading

    with reading(where) as place:
        told = place.intake()
    if as_json:
        write_json(told)
        return YES
    if not told.rules:
        since = f" (version {told.version}, entry {told.entry})" if told.version else ""
        click.echo(f"No intake rules{since}: whoever may record anything may record everything.")
        return YES
    click.echo(f"version {told.version}, by entry {told.entry}  {told.reason}".rstrip())
    click.echo(f"digest  {told.digest}\n")
    for rule in told.rules:
        click.echo(f"{rule.name}  ({rule.effect})")
        for line in _says(rule, told.senders):
            click.echo(f"  {line}")
    return YES


def _says(rule: IntakeRule, names: dict[str, str]) -> list[str]:
    def listed(values: tuple[str, ...]) -> str:
        return ", ".join(names.get(value, value) or '""' for value in values)

    about = {
        "of kind": listed(rule.kinds),
        "in namespace": listed(rule.namespaces),
        "in environment": listed(rule.environments),
        "of": listed(rule.subjects),
        "from": listed(rule.senders),
        "but not from": listed(rule.except_senders),
    }
    only = None if rule.only is None else listed(rule.only) or "nobody"
    must = {"needs": rule.least, "only from": only}
    return [f"{what} {value}" for what, value in (about | must).items() if value]


@intake.command(name="set")
@click.argument("file", metavar="FILE", type=click.Path(path_type=Path))
@click.option("--reason", default="", help="Why; kept in the log for ever.")
@click.option(
    "--propose", metavar="OUT", type=click.Path(path_type=Path),
    help="Change nothing: write the change to OUT, for administrators to approve.",
)  # fmt: skip
@placed
def set_rules(file: Path, reason: str, propose: Path | None, where: Where, as_json: bool) -> int:
    """Let the rules in FILE, and no others, decide from now on.

    What is in the log already stays. Try them first: wherefrom intake simulate FILE.
    """
    from wherefrom.cli.keys import write_draft
    from wherefrom.cli.opening import writing

    rules = _read(file)
    with writing(where, create=propose is None) as place:
        if propose is not None:
            return write_draft(propose, place.propose_intake(rules, reason=reason), as_json)
        changed = place.set_intake(rules, reason=reason)
    if as_json:
        write_json(changed)
    else:
        click.echo(
            f"{count(len(rules), 'intake rule')} in force, version {changed.version}, "
            f"by entry {changed.entry}"
        )
    return YES


@intake.command()
@click.argument("file", metavar="FILE", type=click.Path(path_type=Path))
@since_option
@last_option
@placed
def simulate(file: Path, since: str | None, last: int | None, where: Where, as_json: bool) -> int:
    """Tell what records in the log would have got.

    Nothing changes. Each record is asked as it stands now: its content, its sender, its trust.
    """
    from wherefrom.cli.opening import reading

    rules = _read(file)
    with reading(where) as place:
        told = place.simulate_intake(rules, since=since, last=last)
    if as_json:
        write_json(told)
    else:
        _tell(told)
    return YES


def _tell(told: Simulated) -> None:
    click.echo(
        f"Of {count(told.records, 'record')} in entries {told.first} to {told.end}: "
        f"{told.let_in:,} let in ({told.marked:,} of them marked), {told.refused:,} refused"
    )
    rows = [("rule", "effect", "about", "failed")]
    rows += [(r.rule, r.effect, f"{r.about:,}", f"{r.failed:,}") for r in told.rules]
    click.echo(table(rows))
    for rule in told.rules:
        if not rule.about:
            click.echo(f"{rule.rule}: about none of them; is it spelled as the records spell it?")
        for example in rule.examples:
            click.echo(f"  #{example.entry} {example.type}, {example.producer}: {example.says}")


@intake.command()
@since_option
@last_option
@placed
def marks(since: str | None, last: int | None, where: Where, as_json: bool) -> int:
    """List what came in and does not keep a rule that marks.

    A record that was signed by a key which became known since is marked no longer.
    """
    from wherefrom.cli.opening import reading

    with reading(where) as place:
        told = place.intake_marks(since=since, last=last)
    if as_json:
        write_json(told)
        return YES
    if not told.marks:
        click.echo(f"Nothing in entries {told.first} to {told.end} is marked.")
        return YES
    rows = [("entry", "rule", "type", "says")]
    rows += [(f"#{m.example.entry}", m.rule, m.example.type, m.example.says) for m in told.marks]
    click.echo(table(rows))
    if told.truncated:
        click.echo("There are more: look at fewer entries with --last or --since.")
    return YES


def _read(file: Path) -> Any:
    from wherefrom.formats.intake import parse_file

    return parse_file(read_file(file, bytes_max=_FILE_BYTES_MAX), where=str(file))
