"""``wherefrom check``: whether what is in force would hold when something fails."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import click

from wherefrom.cli.exits import NO, YES
from wherefrom.cli.options import as_of_option, then_option
from wherefrom.cli.render import count, foot, write_json
from wherefrom.cli.settings import Where, placed
from wherefrom.formats.shown import printable, short_id

if TYPE_CHECKING:
    from wherefrom.query.containment import InForce, Warned


@click.group()
def check() -> None:
    """Check what is in force against what can go wrong."""


@check.command()
@click.argument("scope", default="")
@then_option
@as_of_option
@placed
def containment(scope: str, at: str | None, as_of: int | None, where: Where, as_json: bool) -> int:
    """Check timeouts, retries, breakers and fallbacks in force.

    SCOPE as in running. Exits 1 if a breaker is off, a fallback hangs on a flag that is off,
    regions differ without a reason, or instances have another policy than was declared. Each policy
    in force is named with the records that prove it.
    """
    from wherefrom.cli.opening import reading
    from wherefrom.query.reality import RealityOptions

    with reading(where) as place:
        found = place.containment(scope, RealityOptions(at=at, as_of=as_of))
    if as_json:
        write_json(found)
        return NO if found.warnings else YES
    for mark, listed in (("!", found.warnings), ("?", found.unknown)):
        for one in listed:
            click.echo(f"{mark} {_where(one)}  {printable(one.says)}  {_entries(one.entries)}")
    click.echo("In force:" if found.in_force else "No policy is in force.")
    for policy in found.in_force:
        proof = [policy.entry] if policy.contents is None else [policy.entry, policy.contents]
        told = f"{printable(policy.name)} {short_id(policy.policy)}  {policy.mode}"
        click.echo(f"  {_where(policy)}  {told}  {_entries(proof)} {policy.trust}")
    click.echo(
        f"At {found.at[:19]}Z: {count(found.policies, 'policy', 'policies')},"
        f" {count(len(found.warnings), 'warning')}, {len(found.unknown)} that cannot be told"
    )
    click.echo(foot(found.log, as_of=found.as_of))
    return NO if found.warnings else YES


def _where(one: Warned | InForce) -> str:
    parts = (one.environment, one.service, one.region, one.pool)
    return printable("/".join(filter(None, parts))) or "everywhere"


def _entries(entries: Iterable[int]) -> str:
    return " ".join(f"#{entry}" for entry in entries)
