"""``wherefrom siem``: what in the log concerns security, to a file, a SIEM or standard output.

    a place ──pages──► lines ──► a sink ──► where to go on

With ``--follow`` it goes on for ever, and waits for whoever is not there.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from wherefrom.cli.exits import YES
from wherefrom.cli.settings import Where, placed

if TYPE_CHECKING:
    from wherefrom.cli.places import Reading
    from wherefrom.notify.event_sinks import At, Sink
    from wherefrom.query.security.stream import Line

LOOK_EVERY_SECONDS: Final = 1.0
_STDOUT: Final = "-"


@click.command()
@click.option(
    "--format", "form", type=click.Choice(["ocsf", "cef"]), default="ocsf",
    help="How to write an event; OCSF if not given.",
)  # fmt: skip
@click.option(
    "--since", type=click.IntRange(0), metavar="N", help="From this record on; else where it ended."
)
@click.option("--follow", is_flag=True, help="Go on with what comes, until it is stopped.")
@click.option(
    "-o", "--output", "output", default=_STDOUT, metavar="FILE|tcp://…|tls://…",
    help="Where to write; standard output if not given.",
)  # fmt: skip
@click.option(
    "--cursor", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE",
    help="Where to note what a SIEM took.",
)  # fmt: skip
@click.option(
    "--ca", type=click.Path(exists=True, dir_okay=False, path_type=Path), metavar="FILE",
    help="Authorities of the SIEM's certificate, PEM.",
)  # fmt: skip
@placed
def siem(
    form: str,
    since: int | None,
    follow: bool,
    output: str,
    cursor: Path | None,
    ca: Path | None,
    where: Where,
    as_json: bool,
) -> int:
    """Stream what concerns security, as OCSF or CEF.

    Keys, policies, refusals, denials, exceptions, erasures, incidents and more: a line each. A file
    goes on where it ends; a SIEM where --cursor says.
    """
    if as_json and form != "ocsf":
        raise click.UsageError("CEF is no JSON: leave out --json, or --format cef")
    with _sink(form, output, cursor, ca) as sink:
        at = _start(sink.at, since, output)
        while True:
            try:
                with _reading(where) as place:
                    at = _stream(place, form, sink, at, follow=follow)
            except _Waits as waits:
                if not follow:
                    raise waits.error from None
                at = waits.at
                _wait(waits)
                continue
            if not follow:
                return YES


class _Waits(Exception):
    """Somebody is not there: the place, or the SIEM. ``at`` is where to go on."""

    def __init__(self, error: Exception, at: At) -> None:
        super().__init__(str(error))
        self.error, self.at = error, at


_said: list[str] = []


def _wait(waits: _Waits) -> None:
    """Say once who is waited for, and wait."""
    from wherefrom.cli.failures import warn

    if _said != [str(waits)]:
        _said[:] = [str(waits)]
        warn(f"waiting: {waits}")
    time.sleep(LOOK_EVERY_SECONDS)


@contextmanager
def _reading(where: Where) -> Iterator[Reading]:
    from wherefrom.cli.opening import reading

    with reading(where) as place:
        yield place


@contextmanager
def _sink(form: str, output: str, cursor: Path | None, ca: Path | None) -> Iterator[Sink]:
    from wherefrom.notify.event_sinks import FileSink, Noted, SocketSink, Stream, address_of

    address = None if output == _STDOUT else address_of(output)
    if address is None and cursor is not None:
        raise click.UsageError("--cursor is of a SIEM: a file says itself where it ends")
    if ca is not None and (address is None or not address.is_tls):
        raise click.UsageError("--ca goes with tls://…")
    sink: Sink
    if address is not None:
        noted = None if cursor is None else Noted(cursor)
        sink = SocketSink(address, as_syslog=form == "cef", noted=noted, ca=ca)
    elif output == _STDOUT:
        sink = Stream(lambda written: click.echo(written, nl=False))
    else:
        sink = FileSink(Path(output))
    try:
        yield sink
    finally:
        sink.close()


def _start(at: At | None, since: int | None, output: str) -> At:
    from wherefrom.notify.event_sinks import At

    if at is None:
        return At(since or 0)
    if since is not None:
        raise click.UsageError(
            f"{output} goes on at record {at.entry} by itself: leave out --since"
        )
    return at


def _stream(place: Reading, form: str, sink: Sink, at: At, *, follow: bool) -> At:
    """Write all there is; with ``follow``, and all that comes. Raises _Waits."""
    from wherefrom.errors import StorageError, Unavailable
    from wherefrom.notify.event_sinks import At

    while True:
        try:
            page = place.siem(form, at.entry)
            sink.take(_after(page.lines, at), next=page.next)
        except (StorageError, Unavailable) as error:
            raise _Waits(error, at) from error
        if page.next == at.entry:
            if not follow:
                return at
            time.sleep(LOOK_EVERY_SECONDS)
        at = At(page.next)


def _after(lines: Sequence[Line], at: At) -> list[Line]:
    """Without those of the first record that are written already."""
    return [line for line in lines if line.entry > at.entry or line.number >= at.events]
