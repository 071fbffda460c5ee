"""``wherefrom incident``: say that there is trouble and what is found; later, what it came to.

open ──► a record, an id ──► note, close, mark, baseline: more records about that id
                             └ also of what Alertmanager or a CDEvent opened
list, show, report ◄── the log
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

from wherefrom.cli.exits import YES
from wherefrom.cli.options import as_of_option, moment_of
from wherefrom.cli.render import write_answer, write_json
from wherefrom.cli.saying import now, record, signed
from wherefrom.cli.settings import Where, placed

if TYPE_CHECKING:
    from collections.abc import Callable

    from wherefrom.formats.incident import IncidentStage
    from wherefrom.query.postmortem_answers import Postmortem

F = TypeVar("F", bound="Callable[..., Any]")
_SEVERITIES: Final = ("page", "ticket", "info")
_FORMATS: Final = ("text", "markdown", "html")

_said = [
    click.option("--at", callback=moment_of, metavar="TIME", help="When; now if not given."),
    click.option("--key", metavar="FILE|URI", help="Sign it with this secret key."),
    placed,
]
_more = [
    click.option("--link", "links", multiple=True, metavar="URL",
                 help="Something to read; several times."),
    click.option("--entry", "entries", multiple=True, type=click.IntRange(0), metavar="N",
                 help="A record that it rests on; several times."),
    *_said,
]  # fmt: skip


def _with(options: list[Any]) -> Callable[[F], F]:
    def given(command: F) -> F:
        for option in reversed(options):
            command = option(command)
        return command

    return given


@click.group()
def incident() -> None:
    """Record an incident as it goes, and report what it came to.

    Each word about it is a record of the log. What Alertmanager or a CDEvent opened is noted,
    closed, marked and reported alike. ID is an incident's id, its title, or its alert's name or
    fingerprint; of several that are called so, the newest is meant.
    """


@incident.command(name="open")
@click.argument("title")
@click.option("--environment", "-e", default="", help="Where, such as prod.")
@click.option("--service", default="", help="What is in trouble.")
@click.option("--severity", type=click.Choice(_SEVERITIES), default="page", show_default=True,
              help="Whom it wakes.")  # fmt: skip
@click.option("--text", default="", help="What is seen.")
@_with(_more)
def open_(title: str, where: Where, as_json: bool, key: str | None, at: str | None,
          links: tuple[str, ...], entries: tuple[int, ...], **told: Any) -> int:  # fmt: skip
    """Say that an incident began; prints its id.

    It stands in the estate until it is closed, so that why and impact know when and where.
    """
    from wherefrom.formats.incident import IncidentStage, incident_id

    when = at or now()
    id = incident_id(title, when)
    _need_own(id, where, told["environment"], told["service"])
    said = IncidentStage(
        incident=id, stage="opened", at=when, title=title, links=list(links),
        entries=list(entries), **told,
    )  # fmt: skip
    return _record(said, key, where, as_json, first=said.incident)


@incident.command()
@click.argument("id")
@click.argument("text")
@_with(_more)
def note(id: str, where: Where, as_json: bool, key: str | None, links: tuple[str, ...],
         entries: tuple[int, ...], **told: Any) -> int:  # fmt: skip
    """Add what was found or done."""
    said = _about(id, where, stage="noted", links=list(links), entries=list(entries), **told)
    return _record(said, key, where, as_json)


@incident.command()
@click.argument("id")
@click.argument("text", default="")
@_with(_more)
def close(id: str, where: Where, as_json: bool, key: str | None, links: tuple[str, ...],
          entries: tuple[int, ...], **told: Any) -> int:  # fmt: skip
    """Say that an incident is over; TEXT says how."""
    said = _about(id, where, stage="closed", links=list(links), entries=list(entries), **told)
    return _record(said, key, where, as_json)


@incident.command()
@click.argument("id")
@click.option("--false", "is_false", is_flag=True, help="There was no trouble: the alert lied.")
@click.option("--real", is_flag=True, help="There was, after all.")
@click.option("--text", default="", help="Why.")
@_with(_said)
def mark(id: str, where: Where, as_json: bool, key: str | None, real: bool, is_false: bool,
         **told: Any) -> int:  # fmt: skip
    """Say whether an incident was false.

    False alerts are counted against all of them; the newest word counts.
    """
    if real == is_false:
        raise click.UsageError("say which: --false or --real")
    said = _about(id, where, stage="marked", is_false=is_false, **told)
    return _record(said, key, where, as_json)


@incident.command()
@click.argument("id")
@click.argument("duration")
@click.option("--text", default="", help="How that is known.")
@_with(_said)
def baseline(id: str, duration: str, where: Where, as_json: bool, key: str | None,
             **told: Any) -> int:  # fmt: skip
    """Say how long finding such a cause took before.

    DURATION is what it took before Wherefrom, such as 90m or 3h: what it took this time is told
    against that.
    """
    from wherefrom.formats.timestamps import duration_s

    seconds = float(duration_s(duration, where="DURATION"))
    said = _about(id, where, stage="baseline", baseline_s=seconds, **told)
    return _record(said, key, where, as_json)


@incident.command(name="list")
@click.option("--service", default="", help="Only of this service.")
@click.option("--environment", "-e", default="", help="Only there.")
@click.option("--open", "is_open", is_flag=True, help="Only those that are open.")
@click.option("--limit", type=click.IntRange(1, 1000), default=50, show_default=True,
              help="So many of the newest.")  # fmt: skip
@as_of_option
@placed
def list_(service: str, environment: str, is_open: bool, limit: int, as_of: int | None,
          where: Where, as_json: bool) -> int:  # fmt: skip
    """List the incidents there were, the newest first."""
    from wherefrom.cli.draw_incident import draw_list
    from wherefrom.cli.opening import reading
    from wherefrom.query.postmortem.question import IncidentsWanted

    wanted = IncidentsWanted(
        service=service, environment=environment, open=is_open, limit=limit, as_of=as_of
    )
    with reading(where) as place:
        answer = place.incidents(wanted)
    write_answer(answer, as_json, lambda: draw_list(answer))
    return YES


@incident.command()
@click.argument("id")
@as_of_option
@placed
def show(id: str, as_of: int | None, where: Where, as_json: bool) -> int:
    """Show one incident, and every record about it."""
    from wherefrom.cli.draw_incident import draw_shown
    from wherefrom.cli.opening import reading

    with reading(where) as place:
        answer = place.incident(id, as_of=as_of)
    write_answer(answer, as_json, lambda: draw_shown(answer))
    return YES


@incident.command()
@click.argument("id")
@click.option("--format", "form", type=click.Choice(_FORMATS), default="text", show_default=True,
              help="How it is written to standard output.")  # fmt: skip
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), metavar="DIR",
    help="Write all of it, with the evidence, into this new folder.",
)  # fmt: skip
@click.option("--no-pdf", is_flag=True, help="Without report.pdf, which needs a library.")
@as_of_option
@placed
def report(id: str, form: str, output: Path | None, no_pdf: bool, as_of: int | None, where: Where,
           as_json: bool) -> int:  # fmt: skip
    """Report what happened, what was known when, and what mends it.

    Of the log at one size it is always the same. With -o: report.md, .html, .pdf and .json, and
    evidence.zip, which wherefrom verify checks without us.
    """
    from wherefrom.cli.draw_incident import draw_report
    from wherefrom.cli.opening import reading
    from wherefrom.query.postmortem import pages

    if no_pdf and output is None:
        raise click.UsageError("--no-pdf goes with -o")
    with reading(where) as place:
        answer = place.postmortem(id, as_of=as_of)
        if output is not None:
            # Of the same size, whatever was recorded meanwhile.
            evidence = place.postmortem_evidence(answer.incident.id, as_of=answer.as_of).written
            _write(output, answer, evidence, with_pdf=not no_pdf)
    if as_json:
        write_json(answer)
    elif output is not None:
        click.echo(f"{output}: the report, and the evidence for {len(answer.entries)} records")
        click.echo(f"Check it: wherefrom verify {output}/evidence.zip --offline --log-key KEY")
    elif form == "text":
        click.echo("\n".join(draw_report(answer)))
    else:
        click.echo({"markdown": pages.markdown, "html": pages.html}[form](answer), nl=False)
    return YES


def _write(folder: Path, answer: Postmortem, evidence: bytes, *, with_pdf: bool) -> None:
    """The files of a report in a new folder. Raises AlreadyExists, StorageError, SettingError."""
    import msgspec

    from wherefrom.errors import AlreadyExists, StorageError
    from wherefrom.query.postmortem import pages

    files = {
        "report.md": pages.markdown(answer),
        "report.html": pages.html(answer),
        "report.json": msgspec.json.format(msgspec.json.encode(answer), indent=1) + b"\n",
        pages.EVIDENCE: evidence,
        **({"report.pdf": pages.pdf(answer)} if with_pdf else {}),
    }
    try:
        folder.mkdir(parents=True)
        for name, written in files.items():
            (folder / name).write_bytes(written)
    except FileExistsError as error:
        raise AlreadyExists(
            "a report is made in a new folder", where=str(folder), do="Name one that is not there"
        ) from error
    except OSError as error:
        raise StorageError("cannot write the report", where=str(folder), got=error) from error


def _need_own(id: str, where: Where, environment: str, service: str) -> None:
    """Raises AlreadyExists if an incident of this id is known elsewhere: one of both could not be
    closed by its id. Who may not ask is not told."""
    from wherefrom.cli.opening import reading
    from wherefrom.errors import AlreadyExists, Error

    try:
        with reading(where) as place:
            found = place.incident(id, as_of=None).incident
    except Error:  # none is, or nobody says so: what records it will say what is wrong
        return
    if found.id == id and (found.environment, found.service) != (environment, service):
        raise AlreadyExists(
            "another incident is called so", got=id,
            where="/".join(filter(None, (found.environment, found.service))),
            do="Name in its title what is in trouble, or say another second with --at",
        )  # fmt: skip


def _about(id: str, where: Where, *, at: str | None, **told: Any) -> IncidentStage:
    """A word about an incident that was opened, in the place that it holds.

    Raises NotFound, and Malformed for an end before its beginning: that would end nothing.
    """
    from wherefrom.cli.opening import reading
    from wherefrom.errors import Malformed
    from wherefrom.formats.incident import IncidentStage

    with reading(where) as place:
        found = place.incident(id, as_of=None).incident
    at = at or now()
    if told["stage"] == "closed" and at <= found.began:
        raise Malformed(
            "an incident that is over before it was detected", where="--at", got=at,
            expected=f"later than {found.began}", do="See when it began: wherefrom incident show",
        )  # fmt: skip
    return IncidentStage(
        incident=found.id, at=at, service=found.service, environment=found.environment,
        region=found.region, pool=found.pool, instance=found.instance, name=found.name, **told,
    )  # fmt: skip


def _record(
    said: IncidentStage, key: str | None, where: Where, as_json: bool, *, first: str = ""
) -> int:
    from wherefrom.formats.incident import to_statement

    content = signed(to_statement(said), key)
    if first and not as_json:
        click.echo(first)
    return record([content], where, as_json, told={"incident": said.incident})
