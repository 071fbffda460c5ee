"""``wherefrom clocks``: how far the times of each producer can be believed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from wherefrom.cli.exits import YES
from wherefrom.cli.options import moment_of
from wherefrom.cli.render import count, foot, table, write_answer
from wherefrom.cli.settings import Where, placed
from wherefrom.formats.shown import printable, short_key

if TYPE_CHECKING:
    from wherefrom.query.reality_answers import Clock, Clocks, Numbering


@click.command()
@click.option("--since", callback=moment_of, metavar="TIME", help="From that hour on; a day back.")
@click.option("--until", callback=moment_of, metavar="TIME", help="Up to that hour; now if none.")
@placed
def clocks(since: str | None, until: str | None, where: Where, as_json: bool) -> int:
    """Show how far each producer's clock can be believed.

    A record is received after it happened. So one that is dated later proves a clock to be
    ahead, and a clock is behind by no more than its fastest record took. Of sources that number
    their records: what came, or is dated, in another order, and how many never came.
    """
    from wherefrom.cli.opening import reading

    with reading(where) as place:
        answer = place.clocks(since=since, until=until)
    write_answer(answer, as_json, lambda: _drawn(answer))
    return YES


def _drawn(answer: Clocks) -> Iterator[str]:
    if not answer.clocks:
        yield f"Nobody sent anything from {answer.since[:16]}Z to {answer.until[:16]}Z."
    rows = [_clock(one) for one in answer.clocks]
    for line, one in zip(table(rows).splitlines() if rows else [], answer.clocks, strict=True):
        yield click.style(f"! {line}", fg="red") if one.future else f"  {line}"
    for source in answer.numbered:
        line = _numbering(source)
        wrong = source.reordered or source.missing
        yield click.style(f"! {line}", fg="red") if wrong else f"  {line}"
    yield ""
    yield foot(answer.log)


def _clock(one: Clock) -> list[str]:
    if one.ahead is None or one.slowest is None:
        told, late = "never says when", ""
    else:
        way = "ahead at least" if one.ahead > 0 else "behind at most"
        told, late = f"{way} {_seconds(abs(one.ahead))}", f"slowest {_seconds(one.slowest)}"
    future = f"{one.future:,} future, newest #{one.newest_future}" if one.future else ""
    return [_name(one.producer), count(one.records, "record"), told, late, future]


def _name(producer: str) -> str:
    """A hash by its first digits; of ``local:65534`` these would be somebody else."""
    return printable(producer) if producer.startswith("local:") else short_key(producer)


def _numbering(one: Numbering) -> str:
    told = [f"{printable(one.source)}  {count(one.records, 'record')} up to {one.newest}"]
    if one.reordered:
        some = ", ".join(f"#{entry}" for entry in one.entries)
        told.append(f"{one.reordered:,} out of order ({some})")
    if one.missing:
        told.append(f"{one.missing:,} never came")
    return ", ".join(told) if len(told) > 1 else f"{told[0]}, all in order"


def _seconds(seconds: float) -> str:
    for unit, size in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if abs(seconds) >= 2 * size:
            return f"{seconds / size:.1f} {unit}"
    return f"{seconds:.3g} s"
