"""``wherefrom show`` and ``wherefrom find``: all that is said of a thing; what a text may mean."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from wherefrom.cli.exits import NO, YES
from wherefrom.cli.options import At, as_of_option, at_option, own_option
from wherefrom.cli.render import columns, foot, foot_of_other, table, write_json
from wherefrom.cli.settings import Where, placed
from wherefrom.cli.targets import ask, digest_of, is_file, path_of
from wherefrom.formats.shown import cut, printable, short_id, trust_said

if TYPE_CHECKING:
    from wherefrom.query.answers import Detail, Found, Match, Shown

RECORDS_SHOWN: Final = 12
_OTHER_IDS_SHOWN: Final = 6
_ENTRIES_SHOWN: Final = 4


@click.command()
@click.argument("id")
@at_option
@as_of_option
@own_option
@placed
def show(id: str, at: At, as_of: int | None, own: bool, where: Where, as_json: bool) -> int:
    """Show all that records say of a thing.

    Each statement comes with its entry and how far it is believed.
    ID is what `wherefrom trace` takes.
    """
    from wherefrom.cli.opening import reading
    from wherefrom.query.desk import TraceOptions

    options = TraceOptions(at=at, as_of=as_of, own=own)
    with reading(where) as place:
        answer = ask(id, lambda text: place.show(text, options))
    if as_json:
        write_json(answer)
        return YES
    for line in draw_shown(answer):
        click.echo(line)
    return YES


def draw_shown(answer: Shown) -> Iterator[str]:
    """The lines of all that is said of what was asked for."""
    for detail in answer.matches:
        yield from _detail(detail)
        yield ""
    yield from _feet(answer)


@click.command()
@click.argument("text")
@as_of_option
@own_option
@placed
def find(text: str, as_of: int | None, own: bool, where: Where, as_json: bool) -> int:
    """Find things by id, tag or name, or how one begins.

    TEXT may also be a file, which is hashed on the spot. Exits 1 if nothing is found.
    """
    from wherefrom.cli.opening import reading

    if not text.strip():
        raise click.UsageError("name something to find")
    path = path_of(text)
    with reading(where) as place:
        answer = place.find(digest_of(path) if path else text, as_of=as_of, own=own)
        if not answer.matches and path is None and is_file(text):
            answer = place.find(digest_of(Path(text)), as_of=as_of, own=own)
    if as_json:
        write_json(answer)
    else:
        for line in _found(answer):
            click.echo(line)
    return YES if answer.matches else NO


def _found(answer: Found) -> Iterator[str]:
    if not answer.matches:
        yield f"Nothing in the log is called {printable(answer.of)!r}, or begins so."
    kinds = max((len(m.kind) for m in answer.matches), default=0)
    for match in answer.matches:
        # An id is never cut: it is what the next command is about.
        id, entries = short_id(match.id), _some(match.entries) + _by(match)
        said = f"{match.kind:<{kinds}}  {printable(id):<19}"
        name = printable(match.name or "")
        if not name or name.casefold() in id.casefold():
            yield f"{said}  {entries}"
        elif len(said) + len(name) + len(entries) + 4 <= columns():
            yield f"{said}  {name}  {entries}"
        else:
            # Nor is a name: long ones often differ in the middle.
            yield f"{said}  {entries}"
            yield f"{' ' * kinds}    {name}"
    if answer.truncated:
        yield f"The first {len(answer.matches)}; there are more. Give more of the name."
    yield ""
    yield from _feet(answer)


def _feet(answer: Found | Shown) -> Iterator[str]:
    """Of which logs an answer speaks."""
    yield foot(answer.log, as_of=answer.as_of)
    for other in answer.logs:
        yield foot_of_other(other)


def _by(part: Match | Detail) -> str:
    """Whose word it is, unless it is our own."""
    return f"  in {part.log}" if part.log else ""


def _some(entries: list[int]) -> str:
    more = "…" if len(entries) > _ENTRIES_SHOWN else ""
    return " ".join(f"#{entry}" for entry in entries[:_ENTRIES_SHOWN]) + more


def _detail(detail: Detail) -> Iterator[str]:
    yield f"{detail.kind} {printable(detail.name or '')}".rstrip() + _by(detail)
    yield f"  {printable(detail.id)}"
    for other in detail.alternates[:_OTHER_IDS_SHOWN]:
        yield f"  = {cut(other, columns() - 4)}"
    if len(detail.alternates) > _OTHER_IDS_SHOWN:
        yield f"  = and {len(detail.alternates) - _OTHER_IDS_SHOWN} more"
    for tag in detail.tags:
        until = f" until {_moment(tag.until)}" if tag.until else ""
        yield f"  tag {printable(tag.name)}"
        yield f"      since {_moment(tag.since)}{until}  #{tag.entry}"
    yield from _pairs(detail.properties)
    for label, counts in (("→", detail.up), ("←", detail.down)):
        if counts:
            said = ", ".join(f"{relation} {number:,}" for relation, number in counts.items())
            yield f"  {label} {said}"
    for mark in detail.marks:
        yield f"  ! {mark.mark}: {printable(mark.says)}  {_some(mark.entries)}".rstrip()
    yield "  records:"
    rows = [
        (
            f"#{r.entry}",
            trust_said(r.trust, r.signers),
            _moment(r.occurred or r.received) + ("" if r.occurred else " (received)"),
            f"{r.kind} {short_id(r.type)}",
        )
        for r in detail.records[:RECORDS_SHOWN]
    ]
    if rows:
        yield table(rows, indent=4)
    if len(detail.records) > RECORDS_SHOWN:
        yield f"    and {len(detail.records) - RECORDS_SHOWN} more; --json lists them"


def _moment(time: str) -> str:
    """A time to the second."""
    return time[:19] + "Z"


def _pairs(properties: Mapping[str, Any]) -> Iterator[str]:
    for key, value in properties.items():
        text = value if isinstance(value, str) else str(value)
        yield f"  {printable(key)}: {cut(text, columns() - len(key) - 4)}"
