"""Answers about reality for people: places by service, changes by time, two realities side by side.

    prod/cart
      artifact server   cart:1.4.2            sha256:ab12…  3 of 3 serve   2 h  #17 signed
    ! artifact sidecar  proxy:1.9             sha256:0d3f…  3 of 3 serve   1 min  #19 channel
    !                   proxy:2.0             sha256:77aa…  declared       2 h    #16 signed

A ``!`` before a line, red in a terminal, says that declared and observed differ there.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Final

import click

from wherefrom.cli.draw_keys import draw_keys
from wherefrom.cli.render import columns, count, foot
from wherefrom.formats.shown import cut, printable, short_id

if TYPE_CHECKING:
    from wherefrom.query.reality_answers import (
        Affected,
        Change,
        Changes,
        Difference,
        Differing,
        Material,
        Materials,
        Place,
        Reached,
        Running,
        Stated,
        Touched,
    )

# What tells two values apart that people call alike, as migrations often are.
_VERSION: Final = re.compile(r"[0-9][\w.,-]{0,40}")
_LISTED: Final = 8
_MATERIALS_LISTED: Final = 40
_UNITS: Final = (("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1))


def draw_running(answer: Running, *, drifting: bool) -> Iterator[str]:
    """Places by environment and service."""
    what = "drifts" if drifting else "is declared or runs"
    if not answer.places:
        yield f"Nothing {what} in {_named(answer.of)} at {_time(answer.at)}."
    by_service = groupby(answer.places, key=lambda p: (p.environment, p.service, p.owner))
    for (environment, service, owner), places in by_service:
        yield _head(environment, service, owner)
        yield from _aligned([row for place in places for row in _rows(place)])
        for container in answer.materials or ():
            if (container.environment, container.service) == (environment, service):
                yield from _materials(container)
    yield ""
    if answer.places:
        differ = f", {count(answer.drifting, 'place')} where declared and observed differ"
        yield f"At {_time(answer.at)}: {count(len(answer.places), 'place')}" + (
            differ if answer.drifting else ""
        )
    yield foot(answer.log, as_of=answer.as_of)


def _head(environment: str, service: str, owner: str | None) -> str:
    """Where, and quietly whose."""
    name = printable("/".join(filter(None, (environment, service)))) or "everywhere"
    bold = click.style(name, bold=True)
    return bold if owner is None else f"{bold}  {click.style(printable(owner), dim=True)}"


def _rows(place: Place) -> Iterator[tuple[bool, list[str]]]:
    """Of each value whether it drifts, or outlived its time, and its cells; where runs something
    else than was declared, that too."""
    head = [printable(" ".join(filter(None, (place.slot, place.name))))]
    head.append(printable("/".join(filter(None, (place.region, place.pool)))))
    stated: Sequence[Stated] = place.observed or ([place.declared] if place.declared else [])
    for one in stated[:_LISTED]:
        drift = [place.drift] if place.drift not in (None, "differs") else []
        value = "  ".join([_value(one), *drift, *(mark.replace("_", " ") for mark in one.marks)])
        red = place.drift is not None or not {"outlived", "denied"}.isdisjoint(one.marks)
        yield red, [*head, value, _instances(one), _seen(one)]
        head = ["", ""]
    if len(stated) > _LISTED:
        yield True, [*head, f"and {len(stated) - _LISTED:,} other values", "", ""]
    if place.drift == "differs" and place.declared is not None:
        yield True, [*head, _value(place.declared), "declared", _seen(place.declared)]


def _instances(one: Stated) -> str:
    instances = getattr(one, "instances", None)
    if instances is None:
        return "declared"
    serving = getattr(one, "serving", None)
    if serving is not None:
        return f"{serving} of {instances} serve"
    return "observed" if instances == 1 else f"{instances} run"


def _seen(one: Stated) -> str:
    return f"{age(one.age)} ago  #{one.seen_entry} {one.trust}"


def _materials(container: Materials) -> Iterator[str]:
    """What one container is made of; in red what only one side has."""
    if not container.materials and not container.unknown:
        return
    yield f"    {printable(container.name) or 'the artifact'} is made of"
    rows, more = [], []
    for role, group in groupby(container.materials, key=lambda one: one.role):
        # What differs comes first: a long list must not hide it.
        ones = sorted(group, key=lambda one: one.drift is None)
        rows += [_material(one) for one in ones[:_MATERIALS_LISTED]]
        if len(ones) > _MATERIALS_LISTED:
            more.append(count(len(ones) - _MATERIALS_LISTED, f"{role} more", f"more {role}s"))
    yield from _aligned(rows, indent="    ")
    if more:
        yield f"      and {', '.join(more)}: --part TEXT, or --json"
    for value in container.unknown:
        yield f"      no record says what {printable(short_id(value))} is made of"
    if container.truncated:
        yield "      and more: the search ended at its bounds"


def _material(one: Material) -> tuple[bool, list[str]]:
    runs = f"in {one.instances}" if one.instances else "declared"
    said = f"{age(one.age)} ago  #{one.entry} {one.trust}"
    what = printable(short_id(one.id)) + (f"  {one.drift}" if one.drift else "")
    return one.drift is not None, [one.role, "", what, runs, said]


def _value(one: Stated) -> str:
    version = one.properties.get("version")
    told = one.says or (version if isinstance(version, str) else None)
    return _said(one.value, told)


def _aligned(rows: list[tuple[bool, list[str]]], indent: str = "") -> Iterator[str]:
    """Rows with columns as wide as needed; the value gives way where the page ends. A name that
    would leave it less than half of the room stands on a line of its own."""
    if not rows:
        return
    widths = [max(len(cells[n]) for _, cells in rows) for n in range(5)]
    others = sum(w + 2 for n, w in enumerate(widths) if n not in (0, 2) and w)
    room = max(20, columns() - len(indent) - others - 4)  # for the mark, and after the name
    if widths[0] + widths[2] > room:
        short = (len(cells[0]) for _, cells in rows if len(cells[0]) <= room // 2)
        widths[0] = max(short, default=0)
        widths[2] = min(widths[2], room - widths[0])
    for drifts, cells in rows:
        for line in _lines(cells, widths):
            line = ("! " if drifts else "  ") + indent + line
            yield click.style(line, fg="red") if drifts else line


def _lines(cells: list[str], widths: list[int]) -> Iterator[str]:
    name, *rest = cells
    if len(name) > widths[0]:
        yield cut(name, columns() - 2)
        name = ""
    # Below such a name a row is never at its left edge, as if it had none.
    widths = [widths[0] or 2, *widths[1:]]
    line = "  ".join(
        f"{cut(cell, width) if n == 2 else cell:<{width}}"
        for n, (cell, width) in enumerate(zip((name, *rest), widths, strict=True))
        if width
    )
    yield line.rstrip()


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
    before, after = _said(change.before, change.before_says), _said(change.after, change.after_says)
    marks = (mark.replace("_", " ") for mark in change.marks)
    tail = " ".join([*marks, f"#{change.entry}", change.trust])
    line = f"{head}  {before} → {after}  {tail}"
    if len(line) <= columns():
        yield line
        return
    yield cut(head, columns())
    room = columns() - 11 - len(tail)
    before, after = _both(before, after, room)
    yield f"      {before} → {after}  {tail}"


def _both(before: str, after: str, room: int) -> tuple[str, str]:
    """Each cut by itself, so that both ends of either are seen; the shorter leaves its room."""
    half = room // 2
    before = cut(before, max(half, room - len(after)))
    return before, cut(after, max(half, room - len(before)))


def _said(value: str | None, says: str | None) -> str:
    if value is None:
        return "nothing"
    short = short_id(value)
    if not says or says == value:
        return printable(short)
    if short == value and _VERSION.fullmatch(value) and value not in says:
        return printable(f"{value} {says}")  # two migrations may be called alike
    if short == value:
        return printable(value if says.startswith("pkg:") else says)
    return printable(f"{short_name(says)} {short}")


def short_name(says: str) -> str:
    """Of a reference or package URL what people say: ``cart:1.4``; the whole stands in the JSON."""
    if not says.startswith("pkg:"):
        # A digest that it is pinned to stands beside it, in short.
        return says.rpartition("/")[2].partition("@")[0] or says
    path, _, qualifiers = says.partition("?")
    name, _, version = path.rpartition("/")[2].partition("@")
    tags = [part[4:] for part in qualifiers.split("&") if part.startswith("tag=")]
    told = tags[0] if tags else "" if version.startswith("sha256") else version
    return f"{name}:{told}" if told else name


def draw_affected(answer: Affected) -> Iterator[str]:
    """Where what was asked about runs, or is declared, and on which way it came there."""
    if not answer.running:
        yield f"Nothing that runs or is declared at {_time(answer.at)} has {printable(answer.of)}."
    by_service = groupby(answer.running, key=lambda p: (p.environment, p.service, p.owner))
    for where, places in by_service:
        yield _head(*where)
        for place in places:
            yield from _reached(place)
    yield ""
    for claim in answer.claims[:_LISTED]:
        said = f"{printable(short_id(claim.product))} is {claim.status}"
        yield f"  claimed by #{claim.entry} {claim.trust}: {cut(said, columns() - 34)}"
    if len(answer.claims) > _LISTED:
        yield f"  and {len(answer.claims) - _LISTED:,} more claims"
    excused = sum(place.excused is not None for place in answer.running)
    told = f"{count(len(answer.running), 'place')} at {_time(answer.at)}"
    yield told + (f", {excused:,} of them excused" if excused else "")
    things = ", ".join(f"{n:,} {kind}" for kind, n in answer.things.items())
    yield f"Reaches {things or 'nothing'}"
    if answer.truncated:
        yield f"There may be more: the search ended at its bound of {answer.reason}."
    yield foot(answer.log, as_of=answer.as_of)


def _reached(place: Reached) -> Iterator[str]:
    where = "/".join(filter(None, (place.region, place.pool)))
    what = " ".join(filter(None, (place.slot, place.name)))
    how = place.mode if not place.instances else count(place.instances, "instance")
    tail = f"{how}  #{place.entry} {place.trust}"
    value = _said(place.value, place.says)
    head = "  ".join(filter(None, (printable(what), printable(where), value)))
    line = f"  {cut(head, columns() - len(tail) - 4)}  {tail}"
    yield line if place.excused else click.style(line, fg="red")
    way = " ← ".join(printable(short_id(id)) for id in reversed(place.via))
    if len(place.via) > 1:
        yield f"      {cut(way, columns() - 6)}"
    if place.excused is not None:
        why = place.excused.justification or "no reason given"
        yield f"      {place.excused.status}: {cut(printable(why), 50)}  #{place.excused.entry}"


def draw_touched(answer: Touched) -> Iterator[str]:
    """Newest first: when, what, who, which table."""
    if not answer.touches:
        yield f"Nothing touched {printable(answer.of)} then, as far as records say."
    for touch in answer.touches:
        name = touch.name or short_id(touch.id)
        by = ", ".join(printable(one) for one in touch.by)
        told = f"{_time(touch.at)}  {touch.kind} {printable(short_id(touch.id))}"
        tail = f"#{touch.entry} {touch.trust}"
        yield f"{told}  {cut(by, 24)}  {tail}" if by else f"{told}  {tail}"
        path = touch.properties.get("path")
        about = "  ".join(printable(str(one)) for one in (path, name) if one)
        yield f"    {cut(about, columns() - 4)}"
    yield ""
    listed = ", ".join(printable(one) for one in answer.things[:_LISTED])
    yield f"Of {cut(listed, columns() - 3)}"
    if answer.truncated:
        yield f"The newest {len(answer.touches):,}; there are more. Narrow the window, or --limit."
    yield foot(answer.log, as_of=answer.as_of)


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
    yield from draw_keys(one.keys)
    if one.releases is not None:
        from wherefrom.cli.draw_releases import draw_released

        yield from draw_released(one.releases)
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


def age(seconds: float) -> str:
    """A time that passed, in the largest unit that it has one of."""
    for unit, size in _UNITS:
        if seconds >= size:
            return f"{int(seconds // size)} {unit}"
    return "0 s"
