"""``wherefrom maintenance``: for a while alerts are recorded and told to nobody.

declare SCOPE ──► a record, an id ──► end ID, or its time is over
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from wherefrom.cli.approve import output_option
from wherefrom.cli.exits import YES
from wherefrom.cli.options import as_of_option, environment_option, from_option, until_option
from wherefrom.cli.render import foot, write_answer
from wherefrom.cli.saying import give, now, signed
from wherefrom.cli.settings import Where, placed
from wherefrom.errors import Malformed, NotFound
from wherefrom.formats.shown import cut, printable

if TYPE_CHECKING:
    from wherefrom.query.alerts.answers import MaintenanceList

_key_option = click.option("--key", metavar="FILE|URI", help="Sign it with this secret key.")


@click.group()
def maintenance() -> None:
    """Declare maintenances, in which alerts are told to nobody.

    What still holds when one ends is told then. Each is a record, and has an end.
    """


@maintenance.command()
@click.argument("scope")
@click.option(
    "--since",
    metavar="TIME|DURATION",
    help="From when on, or in how long: 2026-01-31T22:00Z, 2h. Now if not given.",
)
@click.option(
    "--until",
    metavar="TIME|DURATION",
    required=True,
    help="Up to when, or how long: 2026-02-01T02:00Z, 90m. 14 days at most.",
)
@click.option("--reason", required=True, help="Why; everybody sees it.")
@_key_option
@output_option
@placed
def declare(
    scope: str,
    since: str | None,
    until: str,
    reason: str,
    key: str | None,
    output: Path | None,
    where: Where,
    as_json: bool,
) -> int:
    """Declare a maintenance of SCOPE.

    SCOPE is ENVIRONMENT, or ENVIRONMENT/SERVICE.
    """
    from wherefrom.formats.maintenance import Maintenance, maintenance_id, to_statement

    environment, service = _scope(scope)
    at = now()
    begins = at if since is None else _moment(since, at, "--since")
    ends = _moment(until, begins, "--until")
    said = Maintenance(
        maintenance=maintenance_id(environment, service, at=at, since=begins), stage="declared",
        at=at, environment=environment, service=service, since=begins, until=ends, reason=reason,
    )  # fmt: skip
    content = signed(to_statement(said), key)
    if not as_json:
        click.echo(f"{said.maintenance}  {scope}  {begins[:19]}Z to {ends[:19]}Z")
    told = {"maintenance": said.maintenance, "since": begins, "until": ends}
    return give([content], output, where, as_json, told=told)


@maintenance.command()
@click.argument("id")
@click.option("--reason", default="", help="Why; kept with it.")
@_key_option
@output_option
@placed
def end(
    id: str, reason: str, key: str | None, output: Path | None, where: Where, as_json: bool
) -> int:
    """End a maintenance early, or take back one that is to come."""
    from wherefrom.cli.opening import reading
    from wherefrom.formats.maintenance import Maintenance, to_statement
    from wherefrom.query.alerts.desk import LIST_MAX, AlertOptions

    with reading(where) as place:
        answer = place.maintenances(AlertOptions(limit=LIST_MAX))
    named = id if id.startswith("maintenance:") else f"maintenance:{id}"
    found = [one for one in answer.maintenances if one.maintenance == named and not one.ended]
    at = now()
    if not found or found[0].until <= at:
        raise NotFound(
            "no such maintenance lasts, or is to come", got=id,
            do="See which there are: wherefrom maintenance list",
        )  # fmt: skip
    said = Maintenance(
        maintenance=named, stage="ended", at=at, environment=found[0].environment,
        service=found[0].service, reason=reason,
    )  # fmt: skip
    content = signed(to_statement(said), key)
    return give([content], output, where, as_json, told={"maintenance": named, "at": at})


@maintenance.command(name="list")
@click.option("--service", default="", help="Only of this one.")
@environment_option
@from_option
@until_option
@as_of_option
@placed
def list_(
    service: str,
    environment: str,
    since: str | None,
    until: str | None,
    as_of: int | None,
    where: Where,
    as_json: bool,
) -> int:
    """List maintenances of the last week and to come, or of a window."""
    from wherefrom.cli.opening import reading
    from wherefrom.query.alerts.desk import AlertOptions

    options = AlertOptions(
        environment=environment, service=service, since=since, until=until, as_of=as_of
    )
    with reading(where) as place:
        answer = place.maintenances(options)
    write_answer(answer, as_json, lambda: _drawn(answer))
    return YES


def _drawn(answer: MaintenanceList) -> Iterator[str]:
    if not answer.maintenances:
        yield "No maintenance."
    for one in answer.maintenances:
        if not one.counts:
            state = "does not count: nobody known signed it"
        elif one.ended:
            state = f"ended {one.ended[:16]}Z"
        elif one.maintenance in answer.now:
            state = click.style("lasts", fg="yellow", bold=True)
        else:
            state = "over" if one.until <= answer.at else "to come"
        where = "/".join(filter(None, (one.environment, one.service)))
        yield f"{state}  {cut(printable(where), 60)}"
        yield f"  {one.since[:16]}Z to {one.until[:16]}Z  {cut(printable(one.reason), 55)}"
        yield f"  {one.maintenance}  #{one.entry}"
    yield foot(answer.log, as_of=answer.as_of)


def _scope(text: str) -> tuple[str, str]:
    environment, _, service = text.partition("/")
    if not environment or "/" in service:
        raise Malformed(
            "not a scope of a maintenance", got=text, expected="ENVIRONMENT or ENVIRONMENT/SERVICE"
        )
    return environment, service


def _moment(text: str, base: str, where: str) -> str:
    """A time as it stands, or so long after ``base``."""
    from wherefrom.formats.timestamps import canonical, duration_s, micros, of_micros

    try:
        seconds = duration_s(text, where=where)
    except Malformed:
        from datetime import UTC, datetime

        from wherefrom.query.scopes import moment

        return canonical(moment(text, now=datetime.now(UTC)), where=where)
    return of_micros(micros(base) + seconds * 1_000_000)
