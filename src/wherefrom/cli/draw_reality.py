"""Answers about reality for people: places by service, changes by time, two realities side by side.

    prod/cart
      artifact server   cart:1.4.2            sha256:ab12…  3 of 3 serve   2 h  #17 signed
    ! artifact sidecar  proxy:2.0 declared, proxy:1.9 runs   differs

A ``!`` before a line, red in a terminal, says that declared and observed differ there.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Final

import click

from wherefrom.cli.render import columns, count, foot
from wherefrom.formats.shown import cut, printable, short_id

if TYPE_CHECKING:
    from wherefrom.query.reality_answers import (
        Change,
        Changes,
        Difference,
        Differing,
        Place,
        Running,
        Stated,
    )

_LISTED: Final = 8
_UNITS: Final = (("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1))


def draw_running(answer: Running, *, drifting: bool) -> Iterator[str]:
    """Places by environment and service."""
    what = "drifts" if drifting else "is declared or runs"
    if not answer.places:
        yield f"Nothing {what} in {_named(answer.of)} at {_time(answer.at)}."
    by_service = groupby(answer.places, key=lambda p: (p.environment, p.service))
    for (environment, service), places in by_service:
        yield click.style("/".join(filter(None, (environment, service))) or "everywhere", bold=True)
        rows = [_place(place) for place in places]
        yield from _aligned(rows)
    yield ""
    if answer.places:
        differ = f", {count(answer.drifting, 'place')} where declared and observed differ"
        yield f"At {_time(answer.at)}: {count(len(answer.places), 'place')}" + (
            differ if answer.drifting else ""
        )
    yield foot(answer.log, as_of=answer.as_of)


def _place(place: Place) -> tuple[bool, list[str]]:
    """Whether it drifts, and its cells."""
    where = " ".join(filter(None, (place.slot, place.name)))
    scope = "/".join(filter(None, (place.region, place.pool)))
    stated: Sequence[Stated] = place.observed or ([place.declared] if place.declared else [])
    value = ", ".join(_value(one) for one in stated[:3]) + (" …" if len(stated) > 3 else "")
    if place.drift == "differs" and place.declared is not None:
        value = f"{_value(place.declared)} declared, {value} runs"
    elif place.drift is not None:
        value += f"  {place.drift}"
    elif any("unpinned" in one.marks for one in stated):
        value += "  unpinned"
    newest = max(stated, key=lambda one: one.seen_entry)
    seen = f"{_age(newest.age)} ago  #{newest.seen_entry} {newest.trust}"
    return place.drift is not None, [where, scope, value, _instances(place), seen]


def _instances(place: Place) -> str:
    if not place.observed:
        return "declared"
    of = sum(one.instances for one in place.observed)
    serving = [one.serving for one in place.observed if one.serving is not None]
    if serving:
        return f"{sum(serving)} of {of} serve"
    return "observed" if of == 1 else f"{of} run"


def _value(one: Stated) -> str:
    short = short_id(one.value)
    if one.says and one.says != one.value and not one.says.startswith("pkg:"):
        return f"{printable(one.says)} {short}" if short != one.value else printable(one.says)
    return printable(short)


def _aligned(rows: list[tuple[bool, list[str]]]) -> Iterator[str]:
    """Rows with columns as wide as needed; the value gives way where the page ends."""
    widths = [max(len(cells[n]) for _, cells in rows) for n in range(5)]
    fixed = 2 + sum(w + 2 for n, w in enumerate(widths) if n != 2 and w) + 2
    room = max(20, columns() - fixed)
    for drifts, cells in rows:
        line = "! " if drifts else "  "
        for n, (cell, width) in enumerate(zip(cells, widths, strict=True)):
            if n == 2:
                width = min(width, room)
                cell = cut(cell, width)
            if width:
                line += f"{cell:<{width}}  "
        yield click.style(line.rstrip(), fg="red") if drifts else line.rstrip()


def draw_changes(answer: Changes) -> Iterator[str]:
    """Newest first, by day."""
    if not answer.changes:
        yield (
            f"Nothing changed in {_named(answer.of)} from {_time(answer.since)}"
            f" to {_time(answer.until)}."
        )
    for day, changes in groupby(answer.changes, key=lambda c: c.at[:10]):
        yield click.style(day, bold=True)
        for change in changes:
            yield from _change(change)
    yield ""
    if answer.truncated:
        yield f"The newest {len(answer.changes)}; there are more. Narrow the window, or --limit."
    yield foot(answer.log, as_of=answer.as_of)


def _change(change: Change) -> Iterator[str]:
    where = "/".join(
        filter(None, (change.environment, change.service, change.region, change.pool,
                      change.instance))
    )  # fmt: skip
    what = " ".join(filter(None, (change.slot, change.name)))
    mode = "" if change.mode == "declared" else " observed"
    head = f"  {change.at[11:19]}Z  {printable(where)}  {printable(what)}{mode}"
    moved = f"{_said(change.before, change.before_says)} → {_said(change.after, change.after_says)}"
    tail = f"#{change.entry} {change.trust}"
    line = f"{head}  {moved}  {tail}"
    if len(line) <= columns():
        yield line
        return
    yield cut(head, columns())
    yield f"      {cut(moved, columns() - 10 - len(tail))}  {tail}"


def _said(value: str | None, says: str | None) -> str:
    if value is None:
        return "nothing"
    short = short_id(value)
    if says and says != value and not says.startswith("pkg:"):
        return printable(f"{says} {short}" if short != value else says)
    return printable(short)


def draw_difference(answer: Difference) -> Iterator[str]:
    """What differs, then what only the artifacts of one side were made of."""
    yield f"A  {_named(answer.a.of)} at {_time(answer.a.at)}"
    yield f"B  {_named(answer.b.of)} at {_time(answer.b.at)}"
    yield ""
    for one in answer.differing:
        yield from _differing(one)
    if not answer.differing:
        yield "Nothing differs."
    yield ""
    yield f"{count(len(answer.differing), 'thing')} differ, {answer.same:,} are alike"
    yield foot(answer.log, as_of=answer.as_of)


def _differing(one: Differing) -> Iterator[str]:
    where = "/".join(filter(None, (one.service, one.region, one.pool)))
    what = " ".join(filter(None, (one.slot, one.name)))
    yield click.style(f"{printable(where) or 'here'}  {printable(what)}  {one.mode}", bold=True)
    for side, values, says in (("A", one.a, one.a_says), ("B", one.b, one.b_says)):
        said = ", ".join(_said(v, s) for v, s in zip(values, says, strict=True))
        yield f"  {side}  {cut(said or 'nothing', columns() - 5)}"
    for part, a, b in (
        ("commits", one.commits_a, one.commits_b),
        ("base images", one.bases_a, one.bases_b),
        ("packages", one.packages_a, one.packages_b),
    ):
        for side, ids in (("A", a), ("B", b)):
            if ids:
                listed = ", ".join(printable(short_id(id)) for id in ids[:_LISTED])
                more = f" and {len(ids) - _LISTED:,} more" if len(ids) > _LISTED else ""
                yield f"     {part} only in {side}: {cut(listed + more, columns() - 30)}"


def _named(of: str) -> str:
    return printable(of) or "all environments"


def _time(text: str) -> str:
    return f"{text[:19]}Z"


def _age(seconds: float) -> str:
    for unit, size in _UNITS:
        if seconds >= size:
            return f"{int(seconds // size)} {unit}"
    return "0 s"
