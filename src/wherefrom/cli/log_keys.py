"""``wherefrom log keys`` and ``log rotate``: what the log signs with, and what takes its place."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from wherefrom.cli.exits import YES
from wherefrom.cli.render import table, write_json
from wherefrom.cli.settings import Where, placed

if TYPE_CHECKING:
    from wherefrom.log.own_keys import LogKeysTold


@click.command(name="keys")
@placed
def keys(where: Where, as_json: bool) -> int:
    """Show every key that the log signs with, or has signed with.

    Hand out the verifier keys that sign now. Whoever trusts one can follow to those after it.
    """
    from wherefrom.cli.opening import reading

    with reading(where) as place:
        answer = place.log_keys()
    if as_json:
        write_json(answer)
    else:
        _show(answer)
    return YES


@click.command()
@click.option(
    "--to", "to", metavar="KIND|URI",
    help="ed25519 (as without it), ecdsa-p256 or ml-dsa-44, or a key held elsewhere: pkcs11:…",
)  # fmt: skip
@click.option("--end", metavar="ID", help="Let the key of these 8 hex digits sign no more.")
@click.option(
    "--every", metavar="DAYS|never", help="From now on a running server does it by itself."
)
@click.option(
    "--grace", metavar="DAYS", type=click.IntRange(0, 36_500),
    help="How long the key before still signs; 30, or as --every was given it.",
)  # fmt: skip
@click.option("--reason", default="", metavar="TEXT", help="Why; kept in the log.")
@placed
def rotate(
    to: str | None,
    end: str | None,
    every: str | None,
    grace: int | None,
    reason: str,
    where: Where,
    as_json: bool,
) -> int:
    """Sign with a new key: the log stays the same log.

    The new key takes the place of the one of its own kind, which signs beside it through the days
    of grace, and names it; one of another kind signs beside what is there.
    """
    from wherefrom.cli.opening import writing
    from wherefrom.log.own_keys import LogKeysWish

    if sum(option is not None for option in (to, end, every)) > 1:
        raise click.UsageError("--to, --end and --every are three things: one at a time")
    days = None if every is None else _days(every)
    new = (to or "ed25519") if end is None and every is None else ""
    wish = LogKeysWish(to=new, end=end or "", every_days=days, grace_days=grace, reason=reason)
    with writing(where) as place:
        answer = place.change_log_keys(wish)
    if as_json:
        write_json(answer)
    else:
        _show(answer)
    return YES


def _days(every: str) -> int:
    if every == "never":
        return 0
    if not every.isascii() or not every.isdigit() or int(every) == 0:
        raise click.BadParameter("days, such as 365, or never", param_hint="--every")
    return int(every)


def _show(answer: LogKeysTold) -> None:
    for key in answer.keys:  # in full, whatever the width: keys are to be copied
        click.echo(key.vkey)
        rows = [("kind", f"{key.algorithm}, held in {_held(key.held)}")]
        if key.since is not None:
            rows.append(("since", key.since))
        if key.until is not None:
            rows.append(("until", key.until if key.signs else f"{key.until}: signs no more"))
        if key.uses:
            said = ", ".join(f"{number:,} × {what}" for what, number in sorted(key.uses.items()))
            rows.append(("used", f"{said}, up to {answer.uses_until}"))
        click.echo(table(rows, indent=4))
    plan = answer.schedule
    if plan.every_days:
        click.echo(
            f"a server replaces the ed25519 key when it is {plan.every_days} days old; "
            f"the one before signs {plan.grace_days} days more"
        )


def _held(held: str) -> str:
    return "a file" if held == "file" else held
