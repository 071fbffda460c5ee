"""``wherefrom trace``: where a thing came from, or what came of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import click

from wherefrom.cli.exits import CANNOT_TELL, NO, YES
from wherefrom.cli.options import At, as_of_option, at_option, own_option
from wherefrom.cli.render import write_json
from wherefrom.cli.settings import Where, placed
from wherefrom.cli.targets import ask

if TYPE_CHECKING:
    from wherefrom.cli.places import Reading
    from wherefrom.query.answers import Path, Trace
    from wherefrom.query.desk import TraceOptions

# The tree and JSON are written here; the others by ``query.exports``, as a server writes them.
FORMATS = ("tree", "json", "dot", "mermaid", "graphml", "prov-json", "prov-n", "openlineage")


def _kinds(_: click.Context, __: click.Parameter, given: tuple[str, ...]) -> tuple[str, ...]:
    from wherefrom.formats.facts import KINDS

    for kind in given:
        if kind not in KINDS:
            raise click.BadParameter(f"{kind!r} is none of {', '.join(KINDS)}.")
    return given


@click.command()
@click.argument("id", required=False)
@click.option("--up", "direction", flag_value="up", default="up", help="Where it came from.")
@click.option("--down", "direction", flag_value="down", help="What came of it.")
@click.option("--depth", type=click.IntRange(0), metavar="N", help="Follow N edges at most.")
@click.option(
    "--kind", "kinds", multiple=True, callback=_kinds, metavar="KIND",
    help="Show only this kind, such as image, build or commit.",
)  # fmt: skip
@at_option
@as_of_option
@own_option
@click.option("--path", "ends", nargs=2, metavar="A B", help="The shortest way from A to B.")
@click.option("--format", "format", type=click.Choice(FORMATS), help="How to write the answer.")
@placed
def trace(
    id: str | None,
    direction: str,
    depth: int | None,
    kinds: tuple[str, ...],
    at: At,
    as_of: int | None,
    own: bool,
    ends: tuple[str, str] | None,
    format: str | None,
    where: Where,
    as_json: bool,
) -> int:
    """Trace a thing back to its sources, or on to what came of it.

    ID is a digest, a unique beginning of one (4 digits or more), a commit, a package URL in any
    spelling, NAME:TAG, a dataset, a run, a URI, entry:N, or a file, which is hashed on the spot.
    """
    from wherefrom.cli.opening import reading
    from wherefrom.query.desk import TraceOptions

    if as_json and format not in (None, "json"):
        raise click.UsageError(f"--json and --format {format} ask for two things")
    format = "json" if as_json else format or "tree"
    options = TraceOptions(
        direction=direction, depth=depth, kinds=kinds, at=at, as_of=as_of, own=own
    )
    if not ends and not id:
        raise click.UsageError("name the thing to trace, or two with --path A B")
    if ends and id and id not in ends:
        raise click.UsageError(f"--path asks about {ends[0]} and {ends[1]}; leave {id} out")
    if ends and kinds:
        raise click.UsageError("a way shows every step: --kind goes without --path")
    with reading(where) as place:
        if ends:
            return _write_path(place, ends, options, format)
        assert id is not None
        answer = ask(id, lambda text: place.trace(text, options))
    _write(answer, format, lambda: _tree(answer, id))
    return YES


def _write_path(place: Reading, ends: tuple[str, str], options: TraceOptions, format: str) -> int:
    from wherefrom.cli.draw import draw_path

    a, b = ends
    answer = ask(a, lambda start: ask(b, lambda end: place.path(start, end, options)))
    _write(answer, format, lambda: draw_path(answer))
    if answer.direction is None:
        return CANNOT_TELL if answer.truncated else NO
    return YES


def _write(answer: Trace | Path, format: str, drawn: Callable[[], Iterator[str]]) -> None:
    if format == "json":
        write_json(answer)
    elif format == "tree":
        for line in drawn():
            click.echo(line)
    else:
        from wherefrom.query import exports

        click.echo(exports.write(answer, format).encode(), nl=False)


def _tree(answer: Trace, asked: str) -> Iterator[str]:
    from wherefrom.cli.draw import draw_trace

    return draw_trace(answer, asked)
