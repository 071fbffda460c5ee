"""``wherefrom impact``: where requests fail or are slow, and what ran there."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from typing import TYPE_CHECKING

import click

from wherefrom.cli.exits import YES
from wherefrom.cli.options import (
    alert_option,
    as_of_option,
    environment_option,
    from_option,
    service_option,
    until_option,
)
from wherefrom.cli.render import foot, table, write_answer
from wherefrom.cli.settings import Where, placed

if TYPE_CHECKING:
    from wherefrom.query.incident_answers import Concentrated, Impact, Split, Told


def _dimensions(_: click.Context, __: click.Parameter, text: str | None) -> tuple[str, ...]:
    from wherefrom.query.incident_answers import DIMENSIONS

    by = tuple(filter(None, (text or "").split(",")))
    for name in by:
        if name not in DIMENSIONS:
            raise click.BadParameter(f"{name!r} is none of {', '.join(DIMENSIONS)}.")
    return by


@click.command()
@service_option
@environment_option
@alert_option
@from_option
@until_option
@click.option(
    "--by", callback=_dimensions, metavar="NAMES",
    help="Split by these, such as artifact,flag,pool,region.",
)  # fmt: skip
@as_of_option
@placed
def impact(
    service: str,
    environment: str,
    alert: str,
    since: str | None,
    until: str | None,
    by: tuple[str, ...],
    as_of: int | None,
    where: Where,
    as_json: bool,
) -> int:
    """Show where requests fail or are slow, and what sets them apart.

    By artifact, bundle, flag, policy, pool and region, as they were at each minute. Without a
    window it is the last hour; with --alert, the time of the incident.
    """
    from wherefrom.cli.opening import reading
    from wherefrom.query.incidents import IncidentOptions

    options = IncidentOptions(
        service=service, environment=environment, alert=alert, since=since, until=until, by=by,
        as_of=as_of,
    )  # fmt: skip
    with reading(where) as place:
        answer = place.impact(options)
    write_answer(answer, as_json, lambda: _drawn(answer))
    return YES


def _drawn(answer: Impact) -> Iterator[str]:
    from wherefrom.formats.shown import percent, printable

    of = printable(answer.service) or "everything"
    yield click.style(f"{of} from {answer.since[:19]}Z to {answer.until[:19]}Z", bold=True)
    if answer.requests:
        failing = "not known how many fail" if answer.failing is None else (
            f"{percent(answer.failing)} fail"
        )  # fmt: skip
        slow = "" if answer.slow is None else f", {percent(answer.slow)} are slow"
        yield f"{answer.requests:,.0f} requests, {failing}{slow}"
    for one in answer.concentrated:
        yield from _place(one)
    for says in answer.says:
        yield printable(says)
    for label, rows in groupby(answer.splits, key=lambda split: split.label):
        yield ""
        yield click.style(printable(label), bold=True)
        yield table([_row(row) for row in rows], indent=2)
    yield ""
    yield foot(answer.log, as_of=answer.as_of)


def _place(one: Concentrated) -> Iterator[str]:
    from wherefrom.formats.shown import printable

    yield click.style(printable(f"! {one.says}"), fg="red")
    entries = sorted({entry for told in one.where for entry in told.entries})
    if entries:
        yield f"    by {', '.join(f'#{entry}' for entry in entries)}"
    if one.same_as:
        named = ", ".join(_named(told) for told in one.same_as)
        yield f"    the same requests are {named}: nobody can tell which it is"


def _named(told: Told | Split) -> str:
    from wherefrom.formats.shown import cut, short_id

    return f"{told.label}={cut(short_id(told.says or told.value), 40)}"


def _row(split: Split) -> list[str]:
    from wherefrom.formats.shown import cut, percent, short_id

    says = f"{split.says}  " if split.says and split.says != split.value else ""
    entries = " ".join(f"#{entry}" for entry in split.entries[:3])
    return [
        cut(f"{says}{short_id(split.value)}", 48),
        f"{split.requests:,.0f} requests",
        "" if split.failing is None else f"{percent(split.failing)} fail",
        "" if split.slow is None else f"{percent(split.slow)} slow",
        "" if split.latency_ms_p95 is None else f"p95 {split.latency_ms_p95:,.0f} ms",
        entries,
    ]
