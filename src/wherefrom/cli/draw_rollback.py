"""The answer about going back, for people.

SAFE  cart in prod can go back to 9f3c…
  it ran for 3 days without an incident of the service
  artifact server  ghcr.io/acme/cart:1.4  sha256:ab12…   is there, signed k:12345678
! migration of orders to 12 CANNOT BE UNDONE: no U12__ script
$ kubectl -n shop set image deployment/cart server=…
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final

import click

from wherefrom.cli.draw_keys import draw_keys
from wherefrom.cli.draw_reality import short_name
from wherefrom.cli.render import columns, foot, table
from wherefrom.formats.shown import cut, printable, short_id, trust_said

if TYPE_CHECKING:
    from wherefrom.query.reality_answers import Change, Differing
    from wherefrom.query.rollback_answers import PassedOver, RestoredPart, Rollback, Stood

_COLOURS: Final = {"safe": "green", "not safely": "red", "none": "red"}
_SHOWN_MAX: Final = 10


def draw_rollback(answer: Rollback) -> Iterator[str]:
    """Line by line; commands as a shell takes them."""
    verdict = click.style(answer.verdict.upper(), fg=_COLOURS[answer.verdict], bold=True)
    of = printable(f"{answer.service} in {answer.environment}")
    if answer.to is None:
        yield f"{verdict}  {of} has nothing to go back to"
        yield from (click.style(f"! {printable(one)}", fg="red") for one in answer.obstacles)
        yield from _passed(answer.passed_over)
        yield foot(answer.log, as_of=answer.as_of)
        return
    yield f"{verdict}  {of} can go back to {_stood(answer.to)}"
    yield f"  now it is {_stood(answer.now)}"
    yield from (f"  {printable(one.says)}{_by(one.entries)}" for one in answer.evidence)
    for obstacle in answer.obstacles:
        yield click.style(f"! {printable(obstacle)}", fg="red", bold=True)
    yield ""
    yield click.style("Parts", bold=True)
    yield table([_part(one) for one in answer.parts], indent=2)
    yield from _changes(answer.changes)
    yield from _beside(answer.beside)
    yield from _commands(answer)
    yield from _passed(answer.passed_over)
    yield foot(answer.log, as_of=answer.as_of)


def _stood(one: Stood) -> str:
    since = "before" if one.since is None else f"{one.since[:16]}Z"
    until = "now" if one.until is None else f"{one.until[:16]}Z"
    return f"{short_id(one.id).partition(':')[2]}  {since} to {until}"


def _part(one: RestoredPart) -> list[str]:
    what = " ".join(filter(None, (one.slot, one.name)))
    where = "/".join(filter(None, (one.region, one.pool)))
    exists = "is there" if one.exists == "yes" else f"may be gone: {one.because[0].says}"
    return [
        cut(f"{what} {where}".strip(), 30),
        cut(short_name(one.says), 40) if one.says and one.says != one.value else "",
        cut(short_id(one.value), 28),
        cut(exists, 60),
        trust_said(one.trust, one.signers) if one.trust != "unknown" else "nobody vouches for it",
    ]


def _changes(found: Sequence[Differing]) -> Iterator[str]:
    if not found:
        return
    yield ""
    yield click.style("Going back changes", bold=True)
    for one in found:
        what = " ".join(filter(None, (one.slot, one.name, one.region, one.pool)))
        sides = (", ".join(map(_named, side)) or "nothing" for side in (one.a_says, one.b_says))
        yield cut("  {}  {} → {}".format(what, *sides), columns())
        yield from (f"  {line}" for line in draw_keys(one.keys))
        if one.commits_a:
            yield f"    without {', '.join(map(short_id, one.commits_a[:_SHOWN_MAX]))}"


def _named(says: str) -> str:
    return short_id(says) if short_id(says) != says else short_name(says)


def _beside(found: Sequence[Change]) -> Iterator[str]:
    if not found:
        return
    yield ""
    yield click.style("Changed since for every service, and stays", bold=True)
    for one in found[:_SHOWN_MAX]:
        after = "nothing" if one.after is None else _named(one.after_says or one.after)
        yield cut(f"  {one.at[:16]}Z  {one.slot} {one.name} to {after}  #{one.entry}", columns())
    if len(found) > _SHOWN_MAX:
        yield f"  and {len(found) - _SHOWN_MAX} more; see --json"


def _commands(answer: Rollback) -> Iterator[str]:
    yield ""
    yield click.style("Commands", bold=True)
    for one in answer.commands:
        if one.argv:
            yield f"  $ {printable(shlex.join(one.argv))}"
            yield f"      {printable(one.says)}{_by(one.entries)}"
        else:
            yield click.style(f"  ? {printable(one.says)}", fg="yellow")


def _passed(found: Sequence[PassedOver]) -> Iterator[str]:
    if not found:
        return
    yield ""
    yield click.style("Passed over", bold=True)
    for one in found:
        yield f"  {_stood(one.reality)}"
        yield from (f"    {printable(reason.says)}{_by(reason.entries)}" for reason in one.reasons)


def _by(entries: Sequence[int]) -> str:
    return f"  {' '.join(f'#{entry}' for entry in entries[:5])}" if entries else ""
