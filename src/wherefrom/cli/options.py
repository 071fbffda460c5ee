"""Options that several verbs share."""

from __future__ import annotations

from typing import TypeAlias

import click

At: TypeAlias = str | None


def _time(_: click.Context, option: click.Parameter, text: str | None) -> At:
    """An RFC 3339 time with its offset, or a day (its first moment, UTC), as entries write it."""
    if text is None:
        return None
    from wherefrom.errors import Malformed
    from wherefrom.formats import timestamps

    whole = f"{text}T00:00:00Z" if len(text) == len("2026-01-31") else text
    try:
        return timestamps.canonical(whole, where=option.opts[0])
    except Malformed as error:
        raise click.BadParameter(
            f"{text!r} is not a time such as 2026-01-31 or 2026-01-31T12:00:00Z."
        ) from error


def moment_of(_: click.Context, option: click.Parameter, text: str | None) -> str | None:
    """A time as ``query.scopes`` reads it."""
    if text is None:
        return None
    from datetime import UTC, datetime

    from wherefrom.errors import Malformed
    from wherefrom.query.scopes import moment

    try:
        return moment(text, now=datetime.now(UTC))
    except Malformed as error:
        raise click.BadParameter(
            f"{text!r} is not a time such as 2026-01-31T12:00Z, 2026-01-31 or 3.hours.ago."
        ) from error


at_option = click.option(
    "--at", callback=_time, metavar="TIME", help="As things stood at this time."
)
since_option = click.option(
    "--since", callback=_time, metavar="TIME", help="Look at what was received from then on."
)
last_option = click.option(
    "--last", type=click.IntRange(0), metavar="N",
    help="Look at so many of the newest entries; 1000 without either.",
)  # fmt: skip
then_option = click.option("--at", callback=moment_of, metavar="TIME", help="As it was then.")
as_of_option = click.option(
    "--as-of", type=click.IntRange(0), metavar="N", help="As known when the log had N entries."
)
own_option = click.option(
    "--own", is_flag=True, help="As our own log knows it, without those it follows."
)
service_option = click.option("--service", default="", help="Where it hurts.")
environment_option = click.option("--environment", "-e", default="", help="Only there.")
alert_option = click.option(
    "--alert", default="", metavar="ID",
    help="An incident: its id, its alert's name or fingerprint.",
)  # fmt: skip
from_option = click.option("--since", callback=moment_of, metavar="TIME", help="From then on.")
until_option = click.option(
    "--until", callback=moment_of, metavar="TIME", help="Nothing later is used; now if not given."
)
