"""``wherefrom check``: whether what is in force would hold when something fails."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import click

from wherefrom.cli.bundle import found_bundle
from wherefrom.cli.exits import NO, YES
from wherefrom.cli.options import moment_of
from wherefrom.cli.render import count, foot, write_json
from wherefrom.cli.settings import Where, placed
from wherefrom.errors import NotFound
from wherefrom.formats.shown import printable

if TYPE_CHECKING:
    from wherefrom.formats.config_bundle import Bundle
    from wherefrom.query.reality_answers import Place


@click.group()
def check() -> None:
    """Check what is in force against what can go wrong."""


@check.command()
@click.argument("scope", default="")
@click.option("--at", callback=moment_of, metavar="TIME", help="As it was then.")
@placed
def containment(scope: str, at: str | None, where: Where, as_json: bool) -> int:
    """Check timeouts, retries, breakers and fallbacks in force.

    SCOPE as in running. Exits 1 if a breaker is off, a fallback hangs on a flag that is off,
    regions differ without a reason, or instances have another policy than was declared.
    """
    from wherefrom.cli.opening import reading
    from wherefrom.query.containment import check_containment
    from wherefrom.query.reality import RealityOptions

    with reading(where) as place:
        options = RealityOptions(at=at, slots=("policy", "flag"))
        answer = place.running(scope, options, drifting=False)
    found = check_containment(answer.places, _bundles(answer.places, where))
    if as_json:
        write_json(
            {"of": answer.of, "at": answer.at, "log": answer.log, "as_of": answer.as_of,
             "policies": found.policies, "warnings": found.warnings, "unknown": found.unknown}
        )  # fmt: skip
        return NO if found.warnings else YES
    for mark, listed in (("!", found.warnings), ("?", found.unknown)):
        for one in listed:
            parts = (one.environment, one.service, one.region, one.pool)
            rests = " ".join(f"#{entry}" for entry in one.entries)
            said = printable(f"{'/'.join(filter(None, parts))}  {one.says}")
            click.echo(f"{mark} {said}  {rests}")
    click.echo(
        f"At {answer.at[:19]}Z: {count(found.policies, 'policy', 'policies')},"
        f" {count(len(found.warnings), 'warning')}, {len(found.unknown)} that cannot be told"
    )
    click.echo(foot(answer.log, as_of=answer.as_of))
    return NO if found.warnings else YES


def _bundles(places: Iterable[Place], where: Where) -> dict[str, Bundle]:
    """Of the policies in force those that are recorded, by digest."""
    stated = [s for p in places if p.slot == "policy" for s in (p.declared, *p.observed) if s]
    found = {}
    for digest in sorted({one.value for one in stated if one.value.startswith("sha256:")}):
        try:
            found[digest] = found_bundle(digest, where)[0]
        except NotFound:  # activated, and never recorded; or erased
            continue
    return found
