"""A report of a game day as lines: scenarios with their scores, what was seen when, what differs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from wherefrom.cli.render import columns, count
from wherefrom.formats.shown import cut, printable
from wherefrom.gameday.report import first_seen, score, told_differences

if TYPE_CHECKING:
    from wherefrom.gameday.report import Compared, Moment, Outcome, Report


def draw_report(report: Report, compared: Compared | None, stored: Path | None) -> Iterator[str]:
    """Every scenario, the score of all, and what got better or worse."""
    for one in report.outcomes:
        yield from _scenario(one)
        yield ""
    of = report.estate
    copied = f"copied {count(of.records, 'record')} of {printable(of.origin)}, size {of.size:,}"
    yield copied + (f"; {of.refused:,} were refused" if of.refused else "")
    if report.absent:
        yield f"not looked at, for there is no such door: {', '.join(report.absent)}"
    if report.score is not None:
        yield f"score {report.score:.0f} of 100"
    if compared is not None:
        yield f"since {compared.before[:16]}Z:"
        yield from (f"  {line}" for line in told_differences(compared))
    if stored is not None:
        yield f"kept as {stored}"


def draw_compared(compared: Compared) -> Iterator[str]:
    """Every measure, also those that are as before."""
    yield f"{compared.after[:16]}Z beside {compared.before[:16]}Z"
    yield from told_differences(compared, all=True)


def _scenario(one: Outcome) -> Iterator[str]:
    shown = "withheld" if one.withheld else f"{score(one):>3} of 100"
    headline = f"{one.scenario}  {shown}"
    yield headline if one.is_good else click.style(headline, fg="red")
    if one.withheld:
        yield f"  nothing was done, and {'nothing was seen' if one.is_good else 'yet it was seen:'}"
    else:
        yield from _wrapped(one.fault)
        yield (
            f"  detected {_when(one.detected)}, explained {_when(one.explained)}, "
            f"told {_when(one.told)}"
        )
        back = "never" if one.recovered_s is None else f"in {one.recovered_s:.1f} s"
        kept = f"{one.kept.lost:,} of {count(one.kept.acknowledged, 'acknowledged record')} lost"
        waits = f", {one.kept.waiting:,} never taken" if one.kept.waiting else ""
        yield f"  recovered {back}, {kept}{waits}"
    for moment in first_seen(one.seen):
        yield cut(f"    {moment.after_s:5.1f} s  {moment.eye:<15} {moment.says}", columns())
    for name, value in one.measured.items():
        yield f"    measured {name} {value:,.1f}"


def _wrapped(text: str) -> Iterator[str]:
    import textwrap

    yield from textwrap.wrap(
        printable(text), columns(), initial_indent="  ", subsequent_indent="  ",
        break_on_hyphens=False,
    )  # fmt: skip


def _when(moment: Moment | None) -> str:
    return "never" if moment is None else f"after {moment.after_s:.1f} s ({moment.eye})"
