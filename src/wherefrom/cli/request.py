"""``wherefrom request``: which programs served a request, and what each of them was made of."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from wherefrom.cli.exits import YES
from wherefrom.cli.render import columns, count, foot, write_answer
from wherefrom.cli.settings import Where, placed

if TYPE_CHECKING:
    from wherefrom.query.requests import Hop, RequestPath


@click.command()
@click.argument("id")
@placed
def request(id: str, where: Where, as_json: bool) -> int:
    """Show a request's way, and each hop's reality.

    ID is a traceparent, a trace id, or the id that the request came with.
    """
    from wherefrom.cli.opening import reading

    with reading(where) as place:
        answer = place.request(id)
    write_answer(answer, as_json, lambda: _drawn(answer))
    return YES


def _drawn(answer: RequestPath) -> Iterator[str]:
    from wherefrom.formats.reality_id import short
    from wherefrom.formats.shown import cut, printable

    for call in answer.invocations:
        whose = f" for {call.tenant}" if call.tenant else ""
        yield click.style(f"{call.at[:19]}Z  {call.service} {call.handler}{whose}", bold=True)
        parts = ("artifact", "config", "flags", "policy")
        said = [f"{p} {value}" for p in parts if (value := getattr(call, p))]
        yield f"  event {printable(call.event)}, {call.outcome}  reality {short(call.reality)}"
        yield from (f"  {part}" for part in said)
        yield f"  entry {call.entry}, {call.trust}"
        yield ""
    for trace in answer.traces:
        came_in = f", came in at reality {short(trace.origin)}" if trace.origin else ""
        yield click.style(f"{trace.at[:19]}Z  trace {trace.trace}", bold=True)
        yield printable(f"request {trace.correlation or trace.trace}{came_in}")
        for hop in trace.hops:
            line = f"{'  ' * min(hop.depth, 20)}{_named(hop)}  {hop.duration_ms:.1f} ms"
            failed = f"  {count(hop.errors, 'error')}" if hop.errors else ""
            made_of = ", ".join(
                f"{part} {value[7:19]}"
                for part in ("artifact", "config", "flags", "policy")
                if (value := getattr(hop, part))
            )
            reality = f"  reality {short(hop.reality)}" if hop.reality else "  reality unknown"
            called = f"  called by {hop.caller}" if hop.caller else ""
            drawn = printable(f"  {line}{failed}{reality}{called}  {made_of}").rstrip()
            yield click.style(cut(drawn, columns()), fg="red" if hop.errors else None)
        if trace.missing:
            yield f"  {count(trace.missing, 'span')} named as a caller and not held"
        if trace.truncated:
            yield "  and more spans than are shown"
        yield ""
    if answer.truncated:
        yield "There is more of this request than is shown."
    yield foot(answer.log)


def _named(hop: Hop) -> str:
    version = f":{hop.version}" if hop.version else ""
    place = "/".join(filter(None, (hop.environment, hop.region, hop.pool, hop.instance)))
    return f"{hop.service or 'a program'}{version} {hop.name}" + (f" ({place})" if place else "")
