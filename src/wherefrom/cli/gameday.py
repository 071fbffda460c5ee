"""``wherefrom gameday``: break a scratch copy on purpose, and see what is noticed of it.

SCENARIO… ──run──► a report ──► DIR/gameday-<time>.json ──compare──► what got better or worse
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from wherefrom.cli.exits import NO, YES
from wherefrom.cli.render import table, write_answer, write_json
from wherefrom.cli.settings import Where, json_option, placed_locally
from wherefrom.errors import SettingError

if TYPE_CHECKING:
    from wherefrom.gameday.report import Report
    from wherefrom.gameday.scratch import Taken

_DIR = click.Path(path_type=Path)


@click.group()
def gameday() -> None:
    """Break a scratch copy on purpose, and see what is noticed."""


@gameday.command(name="list")
@json_option
def list_scenarios(as_json: bool) -> int:
    """List the scenarios, and what each of them breaks."""
    from wherefrom.gameday.faults import SCENARIOS

    rows = [(one.name, one.family, one.says) for one in SCENARIOS.values()]
    if as_json:
        write_json([dict(zip(("name", "family", "says"), row, strict=True)) for row in rows])
    else:
        click.echo(table([(name, says) for name, _, says in rows]))
    return YES


@gameday.command()
@click.argument("scenarios", metavar="SCENARIO…", nargs=-1, required=True)
@click.option("--sample", is_flag=True, help="Of the sample estate, not of a directory.")
@click.option("--report", type=_DIR, metavar="DIR", help="Keep the report there; compare.")
@click.option("--withhold", is_flag=True, help="Play all of it but the fault: nothing may be seen.")
@click.option(
    "--patience", default=90.0, show_default=True, metavar="SECONDS",
    type=click.FloatRange(1, 3600), help="How long each fault is watched at most.",
)  # fmt: skip
@click.option(
    "--records", default=20_000, show_default=True, metavar="N", type=click.IntRange(0),
    help="How many records are copied, the newest ones.",
)  # fmt: skip
@click.option("--scratch", type=_DIR, metavar="DIR", help="Make the scratch copy in this folder.")
@placed_locally
def run(
    scenarios: tuple[str, ...],
    sample: bool,
    report: Path | None,
    withhold: bool,
    patience: float,
    records: int,
    scratch: Path | None,
    where: Where,
    as_json: bool,
) -> int:
    """Play scenarios on scratch copies, and score what was noticed.

    SCENARIO is a name or family of `gameday list`, or all. Each gets a copy with keys of its own,
    a real server, its fault, and watchers at the doors that people have. The directory is only
    read, also while it is served. Exits 1 if a fault was not noticed, not explained or not
    recovered from, or if an acknowledged record was lost.
    """
    from wherefrom.cli.draw_gameday import draw_report
    from wherefrom.gameday import report as reports
    from wherefrom.gameday.drill import Wanted, play
    from wherefrom.gameday.faults import chosen
    from wherefrom.gameday.scratch import need_no_log_around

    named = click.get_current_context().get_parameter_source("data")
    if sample and named is ParameterSource.COMMANDLINE:
        raise click.UsageError("--sample and --data name two estates; give one of them")
    wanted = Wanted(
        chosen(scenarios), withheld=withhold, patience_s=patience, beside=_folder(scratch)
    )
    before = None
    if report is not None:
        need_no_log_around(report, what="--report")
        before = reports.newest(report)

    def say(line: str) -> None:
        if not as_json:
            click.echo(f"wherefrom: {line}", err=True)

    made = play(wanted, _taken(sample, where, records), say=say)
    compared = None if before is None else reports.compare(before, made)
    stored = None
    if report is not None:
        stored = reports.store(made, report, reports.to_text(made, compared))
    told = _told(made)
    told |= {"compared": compared, "stored": None if stored is None else str(stored)}
    write_answer(told, as_json, lambda: draw_report(made, compared, stored))
    return YES if all(one.is_good for one in made.outcomes) else NO


@gameday.command()
@click.argument("before", metavar="A", type=_DIR)
@click.argument("after", metavar="B", type=_DIR)
@json_option
def compare(before: Path, after: Path, as_json: bool) -> int:
    """Show what the second report found otherwise than the first.

    A and B are files that `gameday run --report` wrote. Exits 1 if anything got worse.
    """
    from wherefrom.cli.draw_gameday import draw_compared
    from wherefrom.gameday import report as reports

    compared = reports.compare(reports.read(before), reports.read(after))
    write_answer(compared, as_json, lambda: draw_compared(compared))
    return NO if compared.is_worse else YES


def _folder(path: Path | None) -> Path | None:
    if path is not None and not path.is_dir():
        raise SettingError(
            "no folder to make the scratch copy in", where=str(path), do="Make it first"
        )
    return path


def _taken(sample: bool, where: Where, records: int) -> Callable[[], Taken]:
    from wherefrom.gameday import scratch

    if sample:
        return scratch.of_sample
    return lambda: scratch.of_log(where.data, records_max=records)


def _told(made: Report) -> dict[str, Any]:
    from wherefrom.gameday.report import points, score

    scores = {
        one.scenario: {"score": score(one), **points(one)}
        for one in made.outcomes
        if not one.withheld
    }
    return {"report": made, "score": made.score, "scores": scores}
