"""A report of a game day as lines: scenarios and their scores, what was seen when, what differs."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from wherefrom.cli.render import columns, count
from wherefrom.formats.shown import printable
from wherefrom.gameday.report import first_seen, score, told_differences

if TYPE_CHECKING:
    from wherefrom.gameday.report import Compared, Moment, Outcome, Report

_LINES_MAX: Final = 3


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
    shown = "withheld" if one.withheld else f"{score(one)} of 100"
    headline = f"{one.scenario}  {shown}"
    yield headline if one.is_good else click.style(headline, fg="red")
    if one.withheld:
        yield f"  nothing was done, and {'nothing was seen' if one.is_good else 'yet it was seen:'}"
    else:
        yield from _wrapped(one.fault)
        yield f"  detected {_when(one.detected)}, explained {_when(one.explained)}"
        back = "never" if one.recovered_s is None else f"in {one.recovered_s:.1f} s"
        kept = f"{one.kept.lost:,} of {count(one.kept.acknowledged, 'acknowledged record')} lost"
        waits = f", {one.kept.waiting:,} never taken" if one.kept.waiting else ""
        yield f"  told {_when(one.told)}, recovered {back}, {kept}{waits}"
    for moment in first_seen(one.seen):
        yield from _seen(moment)
    for name, value in one.measured.items():
        yield f"    measured {name} {value:,.1f}"


def _seen(moment: Moment) -> Iterator[str]:
    """What was seen when, in a few lines; a digest by its first digits."""
    says = re.sub(r"[0-9a-f]{64}", lambda found: found[0][:12], moment.says)
    head = f"    {moment.after_s:5.1f} s  {moment.eye:<15} "
    lines = list(_wrapped(says, head, " " * len(head)))
    yield from lines[:_LINES_MAX]
    if len(lines) > _LINES_MAX:
        yield " " * len(head) + "…"


def _wrapped(text: str, first: str = "  ", rest: str = "  ") -> Iterator[str]:
    yield from textwrap.wrap(
        printable(text), columns(), initial_indent=first, subsequent_indent=rest,
        break_on_hyphens=False,
    )  # fmt: skip


def _when(moment: Moment | None) -> str:
    return "never" if moment is None else f"after {moment.after_s:.1f} s ({moment.eye})"
