"""``wherefrom running``, ``changes``, ``diff`` and ``drift``: reality, and how it moved."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from wherefrom.cli.exits import NO, YES
from wherefrom.cli.options import as_of_option, moment_of, then_option
from wherefrom.cli.render import write_answer
from wherefrom.cli.settings import Where, placed

if TYPE_CHECKING:
    from wherefrom.query.reality import RealityOptions


def _slots(_: click.Context, __: click.Parameter, given: tuple[str, ...]) -> tuple[str, ...]:
    from wherefrom.formats.states import SLOTS

    for slot in given:
        if slot not in SLOTS:
            raise click.BadParameter(f"{slot!r} is none of {', '.join(SLOTS)}.")
    return given


_slot_option = click.option(
    "--slot", "slots", multiple=True, callback=_slots, metavar="SLOT",
    help="Only this, such as artifact, config, flag or incident.",
)  # fmt: skip
_since_option = click.option(
    "--since", callback=moment_of, metavar="TIME", help="From then on; or a day."
)
_limit_option = click.option(
    "--limit", type=click.IntRange(1, 10_000), default=100, show_default=True, metavar="N",
    help="So many of the newest.",
)  # fmt: skip
_mode_option = click.option(
    "--mode", type=click.Choice(("declared", "observed")), help="Only what was decided, or seen."
)


@click.command()
@click.argument("scope", default="")
@then_option
@as_of_option
@_slot_option
@_mode_option
@click.option("--materials", is_flag=True, help="Also what its artifacts are made of.")
@click.option("--part", default="", metavar="TEXT", help="The same, only what holds TEXT.")
@placed
def running(
    scope: str,
    at: str | None,
    as_of: int | None,
    slots: tuple[str, ...],
    mode: str | None,
    materials: bool,
    part: str,
    where: Where,
    as_json: bool,
) -> int:
    """Show what runs where, now or at a time: declared and observed.

    SCOPE is ENVIRONMENT, ENVIRONMENT/SERVICE and so on to region, pool and instance, or a
    service; with @{TIME}, ~1 (one change ago) or #42 (after the 42nd change) at its end.
    --materials lists the commits, base images and packages of what is there.
    """
    options = _options(at, as_of, slots, mode, materials=materials, part=part)
    return _running(scope, options, where, as_json, drifting=False)


@click.command()
@click.argument("scope", default="")
@then_option
@as_of_option
@_slot_option
@placed
def drift(
    scope: str,
    at: str | None,
    as_of: int | None,
    slots: tuple[str, ...],
    where: Where,
    as_json: bool,
) -> int:
    """Show where what runs is not what was declared. Exits 1 if there is such a place."""
    return _running(scope, _options(at, as_of, slots, None), where, as_json, drifting=True)


def _running(
    scope: str, options: RealityOptions, where: Where, as_json: bool, *, drifting: bool
) -> int:
    from wherefrom.cli.draw_reality import draw_running
    from wherefrom.cli.opening import reading

    with reading(where) as place:
        answer = place.running(scope, options, drifting=drifting)
    write_answer(answer, as_json, lambda: draw_running(answer, drifting=drifting))
    return NO if drifting and answer.drifting else YES


@click.command()
@click.argument("scope", default="")
@_since_option
@click.option("--until", callback=moment_of, metavar="TIME", help="Before then; now if none.")
@as_of_option
@_slot_option
@_mode_option
@_limit_option
@placed
def changes(
    scope: str,
    since: str | None,
    until: str | None,
    as_of: int | None,
    slots: tuple[str, ...],
    mode: str | None,
    limit: int,
    where: Where,
    as_json: bool,
) -> int:
    """Show what changed, newest first.

    Each change with what was before and after, and the record that says so. SCOPE as in running.
    """
    from wherefrom.cli.draw_reality import draw_changes
    from wherefrom.cli.opening import reading
    from wherefrom.query.reality import RealityOptions

    options = RealityOptions(
        since=since, until=until, as_of=as_of, slots=slots, mode=mode or "", limit=limit
    )
    with reading(where) as place:
        answer = place.changes(scope, options)
    write_answer(answer, as_json, lambda: draw_changes(answer))
    return YES


@click.command()
@click.argument("a")
@click.argument("b")
@as_of_option
@_slot_option
@_mode_option
@placed
def diff(
    a: str,
    b: str,
    as_of: int | None,
    slots: tuple[str, ...],
    mode: str | None,
    where: Where,
    as_json: bool,
) -> int:
    """Show how two realities differ.

    A and B are scopes as in running: two of them, or one at two times. For artifacts that
    differ: the commits, base images and packages that only one side has.
    """
    from wherefrom.cli.draw_reality import draw_difference
    from wherefrom.cli.opening import reading

    with reading(where) as place:
        answer = place.diff(a, b, _options(None, as_of, slots, mode))
    write_answer(answer, as_json, lambda: draw_difference(answer))
    return YES


@click.command()
@click.argument("what")
@then_option
@as_of_option
@_mode_option
@placed
def affected(
    what: str, at: str | None, as_of: int | None, mode: str | None, where: Where, as_json: bool
) -> int:
    """Show how far something reaches, down to what runs.

    WHAT is a package URL, with or without its version, a digest or any other thing, or a CVE or
    GHSA id: then what somebody claims to be affected by it. Where a VEX document excuses a
    product, its claim stands beside the place.
    """
    from wherefrom.cli.draw_reality import draw_affected
    from wherefrom.cli.opening import reading

    with reading(where) as place:
        answer = place.affected(what, _options(at, as_of, (), mode))
    write_answer(answer, as_json, lambda: draw_affected(answer))
    return YES


@click.command()
@click.argument("table")
@_since_option
@click.option("--until", callback=moment_of, metavar="TIME", help="Before then.")
@as_of_option
@_limit_option
@placed
def touched(
    table: str,
    since: str | None,
    until: str | None,
    as_of: int | None,
    limit: int,
    where: Where,
    as_json: bool,
) -> int:
    """Show who and what changed a table, newest first.

    Commits, migrations and runs, with the people behind them. TABLE is a table, a dataset, or
    TABLE.COLUMN; every table that is called so is asked about.
    """
    from wherefrom.cli.draw_reality import draw_touched
    from wherefrom.cli.opening import reading
    from wherefrom.query.reality import RealityOptions

    options = RealityOptions(since=since, until=until, as_of=as_of, limit=limit)
    with reading(where) as place:
        answer = place.touched(table, options)
    write_answer(answer, as_json, lambda: draw_touched(answer))
    return YES


def _options(
    at: str | None, as_of: int | None, slots: tuple[str, ...], mode: str | None, **rest: Any
) -> RealityOptions:
    from wherefrom.query.reality import RealityOptions

    return RealityOptions(at=at, as_of=as_of, slots=slots, mode=mode or "", **rest)
