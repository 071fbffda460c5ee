"""``wherefrom objectives``: what is promised, how it stands, and rules for a Prometheus.

objectives.yaml ──check, rules──► FILE for a Prometheus          status ──► what burns, what is left
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from wherefrom.cli.exits import YES
from wherefrom.cli.render import count, foot, table, write_answer, write_json
from wherefrom.cli.settings import Where, placed, placed_locally
from wherefrom.cli.targets import read_file, unreadable
from wherefrom.errors import AlreadyExists, NotFound
from wherefrom.formats.shown import cut, percent, printable, short_id

if TYPE_CHECKING:
    from wherefrom.formats.objectives import Objectives
    from wherefrom.query.alerts.answers import ObjectiveStatus
    from wherefrom.query.alerts.measuring import ObjectiveStanding

_FILE = click.Path(path_type=Path, dir_okay=False)
_NAME: Final = "objectives.yaml"
_SHOWN_S: Final = ("300", "3600", "21600", "86400", "259200")


@click.group()
def objectives() -> None:
    """Say what is promised, and see what uses up too fast what may fail.

    Objectives lie in objectives.yaml of the data directory. A server tells when one burns; rules
    for a Prometheus say the same.
    """


@objectives.command()
@click.option("--service", required=True, help="Whose answers are looked at.")
@click.option("--environment", "-e", required=True, help="Where, such as prod.")
@click.option("--output", "-o", type=_FILE, metavar="FILE",
              help="Where to; objectives.yaml of the data directory if not given.")  # fmt: skip
@placed_locally
def new(service: str, environment: str, output: Path | None, where: Where, as_json: bool) -> int:
    """Write an objectives.yaml to begin with."""
    from wherefrom.formats.objectives import parse, starter

    path = output or where.data / _NAME
    text = starter(environment=environment, service=service)
    made = parse(text.encode(), where=str(path))
    if path.exists():
        raise AlreadyExists(
            "there is a file already", where=str(path), do="Edit it, or name another"
        )
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise unreadable(path, error) from error
    if as_json:
        write_json({"file": str(path), **_told(made)})
    else:
        click.echo(f"{path}: {count(len(made.objectives), 'objective')}, and the rules beside them")
        click.echo("See how they stand: wherefrom objectives status")
    return YES


@objectives.command()
@click.argument("file", type=_FILE, required=False)
@placed_locally
def check(file: Path | None, where: Where, as_json: bool) -> int:
    """Check that objectives can be read, and show them.

    FILE is objectives.yaml of the data directory if not given.
    """
    found = _read(file, where)

    def drawn() -> Iterator[str]:
        rows = [
            (one["name"], f"{one['target']:g} % of {one['period']}", one["measured"],
             f"watched {_watched(one['watched'])}")
            for one in _told(found)["objectives"]
        ]  # fmt: skip
        yield table(rows) if rows else "No objective; the rules beside them are these:"
        yield from _rules(found)

    write_answer(_told(found), as_json, drawn)
    return YES


@objectives.command()
@click.argument("file", type=_FILE, required=False)
@click.option("--output", "-o", type=_FILE, metavar="FILE",
              help="Where to; to standard output if not given.")  # fmt: skip
@click.option("--only", multiple=True, metavar="NAME", help="Only of these; several times.")
@placed_locally
def rules(
    file: Path | None, output: Path | None, only: tuple[str, ...], where: Where, as_json: bool
) -> int:
    """Write rules by which a Prometheus says when objectives burn.

    For objectives of series and of PromQL; indicators are watched by a server of Wherefrom. Check
    them with: promtool check rules FILE. They need Prometheus 2.42.
    """
    from wherefrom.app import DataFolder
    from wherefrom.formats.prometheus_rules import to_yaml

    found = _read(file, where)
    unknown = sorted(set(only) - {one.name for one in found.objectives})
    if unknown:
        raise NotFound("no objective is called so", got=" ".join(unknown),
                       do="See their names: wherefrom objectives check")  # fmt: skip
    folder = DataFolder(where.data)
    written = to_yaml(
        found, series=folder.series_settings(), url=folder.notify_url(), only=only
    )  # fmt: skip
    made = [o.name for o in found.objectives if not o.indicator and (not only or o.name in only)]
    if output is None and not as_json:
        click.echo(written, nl=False)
        return YES
    if output is not None:
        try:
            output.write_text(written, encoding="utf-8")
        except OSError as error:
            raise unreadable(output, error) from error
    if as_json:
        told = {"rules": written} if output is None else {"file": str(output)}
        write_json({**told, "objectives": made})
    else:
        click.echo(f"{output}: rules of {count(len(made), 'objective')}")
        click.echo(f"Check them: promtool check rules {output}")
    return YES


@objectives.command()
@click.argument("name", default="")
@placed
def status(name: str, where: Where, as_json: bool) -> int:
    """Show how objectives stand, and what burns.

    What is left of what may fail, and how fast it goes, all together and by each reality; a rate of
    1 uses up just that in the period. NAME is one of them.
    """
    from wherefrom.cli.opening import reading

    with reading(where) as place:
        answer = place.objectives(name)
    write_answer(answer, as_json, lambda: _drawn(answer))
    return YES


def _drawn(answer: ObjectiveStatus) -> Iterator[str]:
    about = {one.name: one for one in answer.objectives}
    if not about:
        yield "No objective is set; see docs/objectives.md"
    for one in answer.standings:
        said = about[one.name]
        if not one.reality:
            where = " in ".join(filter(None, (said.service, said.environment)))
            yield _head(one, printable(where) or said.measured)
            if one.says:
                yield f"  {printable(one.says)}"
                continue
        elif one.burning or one.share is not None:
            yield f"  {cut(short_id(one.reality), 30)}: {_left(one)}"
        rates = [(_span(s), one.rates.get(s)) for s in _SHOWN_S]
        known = [f"{span} {rate:.1f}" for span, rate in rates if rate is not None]
        if known:
            yield f"  {'  ' if one.reality else ''}burns at: {'  '.join(known)}"
        for burn in one.burning:
            colour = "red" if burn.severity == "page" else "yellow"
            text = (
                f"{burn.severity}: {burn.short:.1f} times too fast in {_span(str(burn.short_s))}, "
                f"{burn.long:.1f} in {_span(str(burn.long_s))}; more than {burn.factor:g} is told"
            )
            yield click.style(f"  {'  ' if one.reality else ''}{text}", fg=colour)
    rules = ["integrity of what runs"] if answer.integrity else []
    if answer.coverage_drop:
        rules.append(f"coverage: {answer.coverage_drop}")
    if answer.clock_skew:
        rules.append(f"clocks: {answer.clock_skew} ahead")
    yield f"Rules beside them: {'; '.join(rules) or 'none'}"
    yield f"An alert ends when nothing has spoken for it for {answer.quiet}"
    yield foot(answer.log)


def _head(one: ObjectiveStanding, where: str) -> str:
    colour = "red" if any(b.severity == "page" for b in one.burning) else (
        "yellow" if one.burning else "green"
    )  # fmt: skip
    name = click.style(one.name, fg=colour if not one.says else None, bold=True)
    return f"{name}  {where}  {one.target:g} % of {one.period}: {_left(one)}"


def _left(one: ObjectiveStanding) -> str:
    if one.share is None or one.left is None:
        return "not known"
    known = f", known since {one.since[:16]}Z" if one.since else ""
    left = f"{percent(one.left)} of what may fail is left" if one.left >= 0 else (
        f"{-one.left + 1:.1f} times what may fail is used up"
    )  # fmt: skip
    return left + known


def _span(seconds: str) -> str:
    from wherefrom.formats.objectives import window_name

    return window_name(int(seconds))


def _watched(by: str) -> str:
    return "here" if by == "here" else "by a Prometheus"


def _rules(found: Objectives) -> Iterator[str]:
    drop = found.coverage_drop
    yield f"integrity: {'on' if found.integrity else 'off'}"
    yield (
        "coverage_drop: off" if drop is None
        else f"coverage_drop: {drop.points:g} points within {drop.within} of a release"
    )  # fmt: skip
    skew = found.clock_skew
    yield "clock_skew: off" if skew is None else f"clock_skew: {skew.ahead} ahead"
    yield f"quiet: {found.quiet}"


def _told(found: Objectives) -> dict[str, Any]:
    import msgspec

    from wherefrom.query.alerts.desk import shown_objective

    told = msgspec.to_builtins(found)
    told["objectives"] = [msgspec.to_builtins(shown_objective(one)) for one in found.objectives]
    return {"objectives": told["objectives"], "integrity": found.integrity,
            "coverage_drop": told["coverage_drop"], "clock_skew": told["clock_skew"],
            "quiet": found.quiet}  # fmt: skip


def _read(file: Path | None, where: Where) -> Objectives:
    from wherefrom.formats.objectives import parse

    path = file or where.data / _NAME
    if not path.exists():
        raise NotFound(
            "no objectives here", where=str(path),
            do="Write some: wherefrom objectives new --service NAME -e prod",
        )  # fmt: skip
    return parse(read_file(path), where=str(path))
