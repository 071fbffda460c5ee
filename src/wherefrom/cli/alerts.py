"""``wherefrom alerts``: which are open, and which there were."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from wherefrom.cli.exits import YES
from wherefrom.cli.options import as_of_option, environment_option, from_option, until_option
from wherefrom.cli.render import count, foot, write_answer
from wherefrom.cli.settings import Where, placed
from wherefrom.formats.shown import cut, printable, short_id

if TYPE_CHECKING:
    from wherefrom.query.alerts.answers import AlertList, ShownAlert

_COLOURS = {"page": "red", "ticket": "yellow"}


@click.command()
@click.argument("what", type=click.Choice(["list"]), default="list", required=False)
@click.option("--service", default="", help="Only of this one.")
@environment_option
@from_option
@until_option
@click.option("--limit", type=click.IntRange(1, 1_000), default=100, show_default=True,
              help="So many at most.")  # fmt: skip
@as_of_option
@placed
def alerts(
    what: str,
    service: str,
    environment: str,
    since: str | None,
    until: str | None,
    limit: int,
    as_of: int | None,
    where: Where,
    as_json: bool,
) -> int:
    """List alerts that are open, and with --since those that were.

    An alert is an incident that a rule opened: why, impact and incident take its id.
    """
    from wherefrom.cli.opening import reading
    from wherefrom.query.alerts.desk import AlertOptions

    options = AlertOptions(
        environment=environment, service=service, since=since, until=until, as_of=as_of, limit=limit
    )
    with reading(where) as place:
        answer = place.alerts(options)
    write_answer(answer, as_json, lambda: _drawn(answer))
    return YES


def _drawn(answer: AlertList) -> Iterator[str]:
    if not answer.alerts:
        yield "No alert."
        if not answer.watched:
            yield "Nothing is watched: write objectives.yaml with wherefrom objectives new"
    for one in answer.alerts:
        yield from _alert(one)
    if answer.truncated:
        yield f"and more than the {count(len(answer.alerts), 'alert')} that are shown"
    yield foot(answer.log, as_of=answer.as_of)


def _alert(one: ShownAlert) -> Iterator[str]:
    if one.closed is None:
        said = click.style(one.severity.upper(), fg=_COLOURS.get(one.severity), bold=True)
        since = f"since {one.opened[:19]}Z"
    else:
        said = click.style("ended", fg="green")
        since = f"{one.opened[:19]}Z to {one.closed[:19]}Z"
    yield f"{said}  {cut(printable(one.title), 88 - len(one.severity))}"
    yield f"  {since}  {one.root.kind} {cut(short_id(one.root.id), 40)}  #{one.entry}"
    yield from (f"  {line}" for line in _wrapped(printable(one.text)))
    if one.entries:
        shown = " ".join(f"#{entry}" for entry in one.entries[:10])
        yield f"  rests on {shown}" + (" …" if len(one.entries) > 10 else "")
    if one.severity == "info" and one.closed is None:
        yield "  in a maintenance: recorded, and told to nobody"
    elif one.maintenance:
        yield f"  {one.maintenance} lies over it"
    yield f"  {one.incident}"


def _wrapped(text: str) -> list[str]:
    import textwrap

    return textwrap.wrap(text, 96, break_on_hyphens=False) or []
