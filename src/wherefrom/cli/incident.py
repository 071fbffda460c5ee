"""``wherefrom incident``: say that there is trouble, what is found, and that it is over.

open ──► a record, an id ──► note, close: more records about that id
                             └ also of what Alertmanager or a CDEvent opened
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

from wherefrom.cli.options import moment_of
from wherefrom.cli.saying import now, record, signed
from wherefrom.cli.settings import Where, placed

if TYPE_CHECKING:
    from collections.abc import Callable

    from wherefrom.formats.incident import IncidentStage

F = TypeVar("F", bound="Callable[..., Any]")
_SEVERITIES: Final = ("page", "ticket", "info")
_LOOKED_AT_MAX: Final = 10_000

_more = [
    click.option("--link", "links", multiple=True, metavar="URL",
                 help="Something to read; several times."),
    click.option("--entry", "entries", multiple=True, type=click.IntRange(0), metavar="N",
                 help="A record that it rests on; several times."),
    click.option("--at", callback=moment_of, metavar="TIME", help="When; now if not given."),
    click.option("--key", metavar="FILE|URI", help="Sign it with this secret key."),
    placed,
]  # fmt: skip


def _with_more(command: F) -> F:
    for option in reversed(_more):
        command = option(command)
    return command


@click.group()
def incident() -> None:
    """Record an incident as it goes: opened, noted, closed.

    Each is a record of the log. What Alertmanager or a CDEvent opened is noted and closed alike.
    """


@incident.command(name="open")
@click.argument("title")
@click.option("--environment", "-e", default="", help="Where, such as prod.")
@click.option("--service", default="", help="What is in trouble.")
@click.option("--severity", type=click.Choice(_SEVERITIES), default="page", show_default=True,
              help="Whom it wakes.")  # fmt: skip
@click.option("--text", default="", help="What is seen.")
@_with_more
def open_(title: str, where: Where, as_json: bool, key: str | None, at: str | None,
          **told: Any) -> int:  # fmt: skip
    """Say that an incident began; prints its id.

    It stands in the estate until it is closed, so that why and impact know when and where.
    """
    from wherefrom.formats.incident import OPENED, IncidentStage, incident_id

    when = at or now()
    said = _said(IncidentStage, incident=incident_id(title, when), stage=OPENED, at=when,
                 title=title, **told)  # fmt: skip
    if not as_json:
        click.echo(said.incident)
    return _record(said, key, where, as_json)


@incident.command()
@click.argument("id")
@click.argument("text")
@_with_more
def note(id: str, where: Where, as_json: bool, key: str | None, at: str | None,
         **told: Any) -> int:  # fmt: skip
    """Add what was found or done to an incident.

    ID is what list shows, or its alert's name or fingerprint.
    """
    return _record(_about(id, where, stage="noted", at=at or now(), **told), key, where, as_json)


@incident.command()
@click.argument("id")
@click.argument("text", default="")
@_with_more
def close(id: str, where: Where, as_json: bool, key: str | None, at: str | None,
          **told: Any) -> int:  # fmt: skip
    """Say that an incident is over; TEXT says how."""
    return _record(_about(id, where, stage="closed", at=at or now(), **told), key, where, as_json)


def _about(id: str, where: Where, **told: Any) -> IncidentStage:
    """A word about an incident that was opened, in the place that it holds. Raises NotFound."""
    from wherefrom.cli.opening import reading
    from wherefrom.errors import NotFound
    from wherefrom.formats.incident import IncidentStage
    from wherefrom.query.reality import RealityOptions

    options = RealityOptions(
        since="1970-01-01T00:00:00Z", until=now(), slots=("incident",), limit=_LOOKED_AT_MAX
    )
    with reading(where) as place:
        found = place.changes("", options)
    for one in found.changes:
        if one.after is not None and id in (one.after, one.name, one.after_says):
            return _said(
                IncidentStage, incident=one.after, service=one.service, region=one.region,
                environment=one.environment, pool=one.pool, instance=one.instance,
                name="" if one.name == one.after else one.name, **told,
            )  # fmt: skip
    raise NotFound(
        "no incident is called so", got=id,
        expected="an incident's id, its title, its alert's name or fingerprint",
        do="See which there were: wherefrom changes --slot incident --since 30.days.ago",
    )  # fmt: skip


def _said(
    shape: type[IncidentStage], *, links: tuple[str, ...], entries: tuple[int, ...], **told: Any
) -> IncidentStage:
    return shape(links=list(links), entries=list(entries), **told)


def _record(said: IncidentStage, key: str | None, where: Where, as_json: bool) -> int:
    from wherefrom.formats.incident import to_statement

    content = signed(to_statement(said), key)
    return record([content], where, as_json, told={"incident": said.incident})
