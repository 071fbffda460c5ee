"""Small ways of writing that every verb shares: JSON, tables, counts, bars, which log was asked.

Sizes:  a page is as wide as the terminal, 100 columns where there is none; 60 at least
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

import click

from wherefrom.formats.shown import cut, printable

COLUMNS_DEFAULT: Final = 100
COLUMNS_MIN: Final = 60
BAR_ENTRIES_MIN: Final = 20_000


def columns() -> int:
    """How wide to write."""
    return max(COLUMNS_MIN, shutil.get_terminal_size((COLUMNS_DEFAULT, 24)).columns)


def write_json(answer: Any) -> None:
    """An answer as JSON on standard output: indented for a terminal, else one line."""
    import msgspec

    written = msgspec.json.encode(answer)
    if sys.stdout.isatty():
        written = msgspec.json.format(written, indent=2)
    click.echo(written)


def write_answer(answer: Any, as_json: bool, drawn: Callable[[], Iterable[str]]) -> None:
    """An answer as JSON, or as the lines that people read."""
    if as_json:
        write_json(answer)
        return
    for line in drawn():
        click.echo(line)


def table(rows: Sequence[Sequence[str]], *, indent: int = 0) -> str:
    """Columns as wide as their longest cell; the last one is cut to fit the page."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = []
    for row in rows:
        line = " " * indent
        line += "".join(f"{c:<{w}}  " for c, w in zip(row[:-1], widths, strict=False))
        lines.append((line + cut(row[-1], max(12, columns() - len(line)))).rstrip())
    return "\n".join(lines)


def foot(log: Any, *, as_of: int | None = None) -> str:
    """Of which log an answer speaks."""
    known = f", as known at size {as_of}" if as_of is not None and as_of != log.size else ""
    return f"log  {log.origin}, size {log.size}{known}\nroot {log.root or 'of nothing yet'}"


def foot_of_other(log: Any) -> str:
    """One that is followed, below ``foot``."""
    edges = f": {count(log.edges, 'link')} by its word" if log.edges else ""
    gone = f", {count(len(log.erased), 'entry', 'entries')} erased" if log.erased else ""
    trouble = f"\n     not followed now: {printable(log.trouble)}" if log.trouble else ""
    return f"and  {log.origin}, size {log.size}{edges}{gone}{trouble}"


def count(number: int, one: str, many: str | None = None) -> str:
    """``1 entry``, ``2 entries``, ``4,096 records``."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


@contextmanager
def progress_bar(what: str) -> Iterator[Callable[[int, int], None]]:
    """A bar on standard error for long work, if somebody watches."""
    if not sys.stderr.isatty():
        yield lambda done, of: None
        return
    bars: list[Any] = []

    def progress(done: int, of: int) -> None:
        if of < BAR_ENTRIES_MIN:
            return
        if not bars:
            from rich.console import Console
            from rich.progress import Progress

            bar = Progress(console=Console(stderr=True), transient=True)
            bar.start()
            bars.extend([bar, bar.add_task(what, total=of)])
        bars[0].update(bars[1], completed=done)

    try:
        yield progress
    finally:
        if bars:
            bars[0].stop()
