"""``wherefrom hours``: what is left of spans and samples whose time is over."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from wherefrom.cli.exits import YES
from wherefrom.cli.options import environment_option, from_option, service_option, until_option
from wherefrom.cli.render import table, write_json
from wherefrom.cli.settings import Where, placed

if TYPE_CHECKING:
    from wherefrom.query.hours import HourSum


@click.command()
@service_option
@environment_option
@from_option
@until_option
@placed
def hours(
    service: str,
    environment: str,
    since: str | None,
    until: str | None,
    where: Where,
    as_json: bool,
) -> int:
    """Show what is left, by the hour, of spans and samples.

    Requests, failing ones and mean latency of those whose time is over, the newest hour first.
    """
    from wherefrom.cli.opening import reading
    from wherefrom.query.hours import HourOptions

    options = HourOptions(service=service, environment=environment, since=since, until=until)
    with reading(where) as place:
        answer = place.hours(options)
    if as_json:
        write_json(answer)
    elif answer.hours:
        click.echo(table([_row(one) for one in answer.hours]))
        if answer.truncated:
            click.echo("and more than are shown")
    else:
        click.echo("Nothing is summed up yet.")
    return YES


def _row(one: HourSum) -> list[str]:
    from wherefrom.formats.shown import cut, percent, short_id

    where = "/".join(filter(None, (one.environment, one.service)))
    mean = one.latency_ms_mean
    return [
        f"{one.hour[:13]}h",
        cut(where, 40),
        cut(short_id(one.identity), 24),
        f"{one.requests:,.0f} {'spans' if one.source == 'spans' else 'requests'}",
        "" if one.failing is None else f"{percent(one.failing)} fail",
        "" if mean is None else f"{mean:,.1f} ms",
    ]
