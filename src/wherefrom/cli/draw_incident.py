"""Incidents and their reports as people read them in a terminal."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator
from typing import Final

import click

from wherefrom.cli.render import columns, count, foot, table
from wherefrom.formats.shown import cut, printable, trust_said
from wherefrom.formats.timestamps import micros
from wherefrom.query.postmortem import pages
from wherefrom.query.postmortem.timeline import CHANGE, RESPONSE, SEEN, lasting
from wherefrom.query.postmortem_answers import (
    IncidentBrief,
    IncidentList,
    IncidentShown,
    Postmortem,
    Unsure,
)

_INDENT: Final = 21
_WHAT: Final = {CHANGE: "changed", RESPONSE: "response", SEEN: "seen"}
_COLOURS: Final = {"opened": "red", "closed": "green", "cause": "yellow", RESPONSE: "cyan"}


def draw_list(answer: IncidentList) -> Iterator[str]:
    """One line each, with its id below."""
    if not answer.incidents:
        yield "No incident is recorded."
    for one in answer.incidents:
        state = lasting(one.seconds) if one.seconds is not None else "open"
        where = "/".join(filter(None, (one.environment, one.service))) or "everywhere"
        colour = "red" if one.ended is None else None
        row = [f"{one.began[:10]} {one.began[11:16]}", cut(state, 12), cut(where, 24),
               cut(one.severity, 12) or "-", cut(one.title, 60)]  # fmt: skip
        yield click.style(table([[f"{row[0]:<16}", f"{row[1]:<10}", *row[2:]]]), fg=colour)
        yield f"    {printable(one.id)}{_more(one)}"
    if answer.truncated:
        yield "There were more: --limit"
    yield foot(answer.log, as_of=answer.as_of)


def _more(one: IncidentBrief) -> str:
    told = [f"#{one.entry}"]
    told += [count(one.notes, "note")] if one.notes else []
    told += ["marked as false"] if one.is_false else []
    if one.explained_s is not None:
        told.append(f"explained after {lasting(one.explained_s)}")
    return f"  {', '.join(told)}"


def draw_shown(answer: IncidentShown) -> Iterator[str]:
    """One incident: what it is, then each record about it."""
    one = answer.incident
    yield from (click.style(line, bold=True) for line in _wrapped(one.title, 0))
    yield f"  {printable(one.id)}"
    yield from _wrapped(_where(one), 2)
    causes = {cause.entry: cause for cause in answer.causes}
    rows = []
    for word in answer.words:
        said = "; ".join(filter(None, (word.title, word.text, *word.links))) or "-"
        if word.baseline_s is not None:
            said = f"{lasting(word.baseline_s)} before Wherefrom  {word.text}"
        if word.is_false is not None:
            said = f"{'false' if word.is_false else 'real'}  {word.text}"
        rows.append((word.entry, word.at, word.stage, word.trust, word.signers, said))
    for cause in causes.values():
        named = " ".join(filter(None, (cause.slot, cause.name, cause.service)))
        gone = "" if cause.stands or cause.withdrawn else ", withdrawn since"
        stage = "withdrawn" if cause.withdrawn else "cause"
        rows.append((cause.entry, cause.at, stage, cause.trust, cause.signers, named + gone))
    yield table([
        (f"  #{entry}", f"{at[:19]}Z", stage, trust_said(trust, signers), printable(said))
        for entry, at, stage, trust, signers, said in sorted(rows)
    ])  # fmt: skip
    if answer.truncated:
        yield "There is more between the first and the last of these."
    yield foot(answer.log, as_of=answer.as_of)


def _where(one: IncidentBrief) -> str:
    where = "/".join(filter(None, (one.environment, one.service, one.region))) or "everywhere"
    until = (
        "open" if one.ended is None else f"until {one.ended[:19]}Z ({lasting(one.seconds or 0)})"
    )
    told = [where, one.severity, f"by {one.opened_by}", f"since {one.began[:19]}Z", until]
    return printable(", ".join(filter(None, told)))


def draw_report(report: Postmortem) -> Iterator[str]:
    """The report, as it is on paper but for the tables."""
    yield from (click.style(line, bold=True) for line in _wrapped(pages.title(report), 0))
    yield from _wrapped(pages.summary(report), 0)
    for line in pages.comes_down_to(report):
        yield from _wrapped(line, 2, mark="- ")
    yield from _heading("What happened")
    detected = micros(report.incident.began)
    for row in report.timeline:
        away = pages.from_detection(row.at, detected)
        what = click.style(f"{_WHAT.get(row.what, row.what):<9}", fg=_COLOURS.get(row.what))
        lines = _lines(
            f"{pages.happened(row, told_later=report.told_later)}  #{row.entry} {row.trust}",
            columns() - 35,
        )
        yield f"  {row.at[11:19]}  {away:>11}  {what} {lines[0]}"
        yield from (" " * 35 + line for line in lines[1:])
    yield from _heading("What stood before")
    yield table([
        (f"  {cut(pages.standing(one)[0], 26)}", cut(pages.standing(one)[1], 24),
         f"#{one.entry} {one.trust}", printable(one.says))
        for one in report.before
    ]) if report.before else "  The log does not know."  # fmt: skip
    for said in report.apart:
        yield from _wrapped(f"until the detection: {said}", 2)
    yield from _heading("What was known when")
    for then in report.rankings:
        at = then.at[11:19]
        size = "" if report.told_later else f"  log {then.size:,}"
        yield from _wrapped(f"{at}{size}  {pages.leader(then)}", 2)
    if not report.rankings:
        yield "  The log did not know of the incident while it lasted."
    for learnt in report.learnt:
        yield from _wrapped(f"{learnt.at[11:19]}  {learnt.says}  #{learnt.entry}", 2)
    yield from _heading("What was uncertain")
    for one in report.unsure:
        yield from _unsure(one)
    yield ""
    yield from _wrapped(
        f"{count(len(report.entries), 'record')} of evidence: add -o DIR for the report as "
        "Markdown, HTML and PDF, with all of them.", 0,
    )  # fmt: skip
    yield foot(report.log, as_of=report.as_of)


def _unsure(one: Unsure) -> Iterator[str]:
    whose = f" ({one.owner})" if one.owner else ""
    entries = f"  #{one.entries[0]}" if one.entries else ""
    yield from _wrapped(f"{one.gap}{entries}", 2, mark="! ")
    yield from _wrapped(one.says, 4)
    yield from _wrapped(f"→ {one.fix}{whose}", 4)
    if one.command:
        yield from _wrapped(one.command, 6)


def _heading(text: str) -> Iterable[str]:
    return "", click.style(text, bold=True)


def _wrapped(text: str, indent: int, *, mark: str = "") -> Iterator[str]:
    lines = _lines(text, columns() - indent - len(mark))
    yield " " * indent + mark + lines[0]
    yield from (" " * (indent + len(mark)) + line for line in lines[1:])


def _lines(text: str, width: int) -> list[str]:
    return textwrap.wrap(printable(text), width, break_on_hyphens=False) or [""]
