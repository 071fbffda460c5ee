"""``wherefrom record``: from files to the log, in batches, however much there is.

    Found, Found, … ──► batch ──► place.record ──► an item for each, in order
         └ refused already, in being cut

Sizes:  a batch is 1,000 records or 8 MiB; items of a long run wait in a temporary file
"""

from __future__ import annotations

import sys
import tempfile
import textwrap
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

import click

from wherefrom.cli.exits import CANNOT_TELL, NO, YES
from wherefrom.cli.render import columns, table
from wherefrom.cli.settings import Where, placed
from wherefrom.formats.shown import cut, printable

if TYPE_CHECKING:
    from wherefrom.cli.gather import Found
    from wherefrom.cli.places import LogAt, Writing
    from wherefrom.log.recorder import Outcome

BATCH_RECORDS: Final = 1000
BATCH_BYTES: Final = 8 * 1024 * 1024
SHOWN_MAX: Final = 3
_SPOOL_BYTES: Final = 1024 * 1024
_BAR_AFTER_BYTES: Final = 2 * 1024 * 1024


@click.command()
@click.argument("paths", metavar="PATH…", nargs=-1, required=True)
@placed
def record(paths: tuple[str, ...], where: Where, as_json: bool) -> int:
    """Record attestations, SBOMs and events into the log.

    PATH is a file, a folder with everything in it, or - for standard input. What a file holds is
    seen from its content: DSSE envelopes, in-toto statements, links and layouts, Sigstore
    bundles, PEP 740 attestations, CycloneDX, SPDX, OpenVEX, CSAF, SARIF, JUnit XML, OpenLineage
    events, CloudEvents; arrays and JSON Lines of what is JSON; gzip, bzip2 and zstd around them.
    What is refused never costs its neighbours.
    """
    from wherefrom.cli.gather import sources
    from wherefrom.cli.opening import writing

    with tempfile.SpooledTemporaryFile(_SPOOL_BYTES) as spool:
        tally = _Tally(spool if as_json else None)
        with _bar(paths) as progress, ExitStack() as ends:
            intake = _Intake(lambda: ends.enter_context(writing(where, create=True)), tally)
            for source in sources(paths):
                progress(source.name, 0)
                intake.take(source, progress)
            intake.flush()
            log = intake.place.position()
        if as_json:
            _write_items(tally, spool, log)
        else:
            _tell(tally, log)
    if tally.unread:
        return CANNOT_TELL
    return NO if tally.refused else YES


class _Tally:
    """What became of everything: counts, the first refusals, and for JSON every item."""

    def __init__(self, spool: Any | None) -> None:
        self._spool = spool
        self._written = 0
        self.statuses: Counter[str] = Counter()
        self.codes: Counter[str] = Counter()
        self.shown: list[dict[str, Any]] = []
        self.unread: list[dict[str, str]] = []

    @property
    def refused(self) -> int:
        return self.statuses["refused"]

    def add(self, found: Found, outcome: Outcome) -> None:
        """Count one record's fate."""
        self.statuses[outcome.status] += 1
        item = {
            "source": found.source,
            "line": found.line,
            "index": outcome.index,
            "content": outcome.content,
            "status": outcome.status,
            "code": outcome.code,
            "reason": outcome.reason,
        }
        if outcome.status == "refused":
            self.codes[outcome.code or "refused"] += 1
            # One of each code first: the first five of a thousand are often the same.
            if self.codes[outcome.code or "refused"] <= SHOWN_MAX:
                self.shown.append(item)
        if self._spool is not None:
            import msgspec

            self._spool.write((b",\n" if self._written else b"") + msgspec.json.encode(item))
            self._written += 1


class _Intake:
    """Batches on their way; what waits is a batch at most.

    The place is opened for the first batch, so that a slow input keeps nobody else out before.
    """

    def __init__(self, open_place: Callable[[], Writing], tally: _Tally) -> None:
        self._open_place = open_place
        self._tally = tally
        self._waiting: list[Found] = []
        self._bytes = 0

    @cached_property
    def place(self) -> Writing:
        return self._open_place()

    def take(self, source: Any, progress: Callable[[str, int], None]) -> None:
        """Take every record of one source."""
        from wherefrom.cli.gather import records

        for found in records(source, progress=lambda n: progress(source.name, n)):
            if found.unread is not None:
                why = found.unread.got or str(found.unread)
                self._tally.unread.append({"source": found.source, "reason": why})
                continue
            self._waiting.append(found)
            self._bytes += len(found.content or b"")
            if len(self._waiting) >= BATCH_RECORDS or self._bytes >= BATCH_BYTES:
                self.flush()

    def flush(self) -> None:
        """Send what waits; count each in the order it came."""
        from wherefrom.log.recorder import refused

        contents = [f.content for f in self._waiting if f.content is not None]
        outcomes = iter(self.place.record(contents) if contents else ())
        for found in self._waiting:
            outcome = next(outcomes) if found.refusal is None else refused(found.refusal)
            self._tally.add(found, outcome)
        self._waiting, self._bytes = [], 0


def _write_items(tally: _Tally, spool: Any, log: LogAt) -> None:
    import msgspec

    head = {k: tally.statuses[k] for k in ("recorded", "known", "refused")}
    click.echo(msgspec.json.encode(head)[:-1] + b',"items":[', nl=False)
    spool.seek(0)
    while chunk := spool.read(_SPOOL_BYTES):
        click.echo(chunk, nl=False)
    tail = msgspec.json.encode({"unread": tally.unread, "log": log._asdict()})
    click.echo(b"]," + tail[1:])


def _tell(tally: _Tally, log: LogAt) -> None:
    said = {"recorded": "new in the log", "known": "there already", "refused": "not taken"}
    rows = [(f"{n:,}", s, said[s]) for s in said if (n := tally.statuses[s])]
    if not rows and not tally.unread:
        click.echo("Nothing to record: no file was found there.")
        return
    if rows:
        click.echo(table([(" " * (9 - len(n)) + n, s, why) for n, s, why in rows]))
    if tally.refused:
        _tell_refused(tally)
    for unread in tally.unread[:SHOWN_MAX]:
        click.echo(f"wherefrom: cannot read {unread['source']}: {unread['reason']}", err=True)
    if len(tally.unread) > SHOWN_MAX:
        click.echo(f"wherefrom: and {len(tally.unread) - SHOWN_MAX} more", err=True)
    click.echo(f"log size {log.size}, root {log.root}")
    if tally.statuses["recorded"]:
        click.echo("Next: wherefrom find TEXT, then wherefrom trace ID")


def _tell_refused(tally: _Tally) -> None:
    click.echo("\nRefused, by code (the others are recorded all the same):")
    for code, number in tally.codes.most_common():
        click.echo(f"{number:>9,}  {code}")
        some = [i for i in tally.shown if i["code"] == code]
        for item in some[: 1 if len(tally.codes) > 3 else SHOWN_MAX]:
            line = f":{item['line']}" if item["line"] is not None else ""
            click.echo(f"           {printable(item['source'])}{line}")
            click.echo(textwrap.fill(
                textwrap.shorten(printable(item["reason"]), 3 * columns() // 2, placeholder=" …"),
                columns(), initial_indent=" " * 13, subsequent_indent=" " * 13,
                break_on_hyphens=False,
            ))  # fmt: skip
    click.echo("Every refusal with its reason: add --json.\n")


@contextmanager
def _bar(paths: Sequence[str]) -> Iterator[Callable[[str, int], None]]:
    """A bar on standard error once there is much to do, if somebody watches."""
    if not sys.stderr.isatty():
        yield lambda name, size: None
        return
    state: dict[str, Any] = {"bytes": 0, "bar": None, "task": None}

    def progress(name: str, size: int) -> None:
        state["bytes"] += size
        if state["bar"] is None and state["bytes"] > _BAR_AFTER_BYTES:
            state["bar"], state["task"] = _start_bar(paths)
        if state["bar"] is not None:
            shown = cut(name, columns() // 2)
            state["bar"].update(state["task"], completed=state["bytes"], description=shown)

    try:
        yield progress
    finally:
        if state["bar"] is not None:
            state["bar"].stop()


def _start_bar(paths: Sequence[str]) -> tuple[Any, Any]:
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

    from wherefrom.cli.gather import STDIN, sources

    total = None if STDIN in paths else sum(source.size for source in sources(paths))
    bar = Progress(
        BarColumn(20), DownloadColumn(), TimeRemainingColumn(),
        TextColumn("{task.description}", markup=False),
        console=Console(stderr=True), transient=True,
    )  # fmt: skip
    bar.start()
    return bar, bar.add_task("recording", total=total)
