"""``wherefrom roots``: which trusted root the log judges Sigstore's signatures under.

FILE (a trusted_root.json) ──► set: a signed record; every door and judge asks it from then on
                           └─► set --propose OUT ──► keys approve, by each ──► keys apply
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from wherefrom.cli.exits import YES
from wherefrom.cli.render import count, table, write_json
from wherefrom.cli.settings import Where, placed
from wherefrom.cli.targets import read_file

if TYPE_CHECKING:
    from wherefrom.keys.changes import RootWish
    from wherefrom.log.roots import Believed, RootsTold

_FILE_BYTES_MAX = 4 * 1024 * 1024
_STATES = {
    "old": "Keys may have been added or given up since: wherefrom roots set FILE",
    "too_old": "It judges no more, and what comes in stays channel: wherefrom roots set FILE",
    "past": "Another is in force now.",
}
_reason = click.option("--reason", default="", help="Why; kept in the log for ever.")
_propose = click.option(
    "--propose", metavar="OUT", type=click.Path(path_type=Path),
    help="Change nothing: write the change to OUT, for administrators to approve.",
)  # fmt: skip


@click.group()
def roots() -> None:
    """Say whom to believe of Sigstore's signatures."""


@roots.command()
@click.option("--version", type=click.IntRange(1), metavar="N", help="As version N said it.")
@placed
def show(version: int | None, where: Where, as_json: bool) -> int:
    """Show the trusted root in force, and whom it names."""
    from wherefrom.cli.opening import reading

    with reading(where) as place:
        told = place.roots(version=version)
    if as_json:
        write_json(told)
    elif told.state == "none" or not told.trusted_root:
        since = f" (version {told.version}, entry {told.entry})" if told.version else ""
        click.echo(f"No trusted root{since}: what Sigstore's clients signed stays channel.")
    else:
        _tell(told)
    return YES


def _tell(told: RootsTold) -> None:
    click.echo(f"version {told.version}, by entry {told.entry}  {told.reason}".rstrip())
    click.echo(f"digest  {told.digest}")
    click.echo(
        f"of {(told.as_of or '')[:10]}, {count(told.age_days or 0, 'day')} old; "
        f"old after {told.warn_days}, judges no more after {told.refuse_days}"
    )
    if told.state in _STATES:
        click.echo(_STATES[told.state])
    rows = [("whom", "address", "from", "to"), *map(_row, told.believed)]
    click.echo("\n" + table(rows))
    for why in told.unusable:
        click.echo(f"not usable: {why}")


def _row(one: Believed) -> tuple[str, str, str, str]:
    return (one.what.replace("_", " "), one.address, one.start[:10], (one.end or "")[:10])


@roots.command(name="set")
@click.argument("file", metavar="FILE", type=click.Path(path_type=Path))
@click.option("--as-of", metavar="TIME", help="Since when FILE is what it is; now, if not given.")
@click.option("--warn-days", type=click.IntRange(0), help="Warn once it is older; 180.")
@click.option("--refuse-days", type=click.IntRange(0), help="Judge no more once it is older; 730.")
@_reason
@_propose
@placed
def set_root(
    file: Path,
    as_of: str | None,
    warn_days: int | None,
    refuse_days: int | None,
    reason: str,
    propose: Path | None,
    where: Where,
    as_json: bool,
) -> int:
    """Judge by the trusted root in FILE, and no other, from now on.

    FILE is a trusted_root.json of Sigstore, or what wherefrom log trusted-root wrote. What is in
    the log already is judged again by: wherefrom verdicts renew.
    """
    from wherefrom.errors import Malformed
    from wherefrom.keys.changes import RootWish

    try:
        text = read_file(file, bytes_max=_FILE_BYTES_MAX).decode()
    except UnicodeDecodeError as error:
        raise Malformed("not a trusted root", where=str(file), got=str(error)) from error
    days = {"warn_days": warn_days, "refuse_days": refuse_days}
    given = {name: number for name, number in days.items() if number is not None}
    wish = RootWish(trusted_root=text, as_of=as_of, reason=reason, **given)
    return _change(wish, propose, where, as_json)


@roots.command()
@_reason
@_propose
@placed
def remove(reason: str, propose: Path | None, where: Where, as_json: bool) -> int:
    """Judge by no trusted root from now on.

    What comes in stays channel; what is keyless stays so until it is judged again, by:
    wherefrom verdicts renew.
    """
    from wherefrom.keys.changes import RootWish

    return _change(RootWish(reason=reason), propose, where, as_json)


def _change(wish: RootWish, propose: Path | None, where: Where, as_json: bool) -> int:
    from wherefrom.cli.keys import write_draft
    from wherefrom.cli.opening import writing

    with writing(where, create=propose is None and wish.trusted_root is not None) as place:
        if propose is not None:
            return write_draft(propose, place.propose_root(wish), as_json)
        changed = place.set_root(wish)
    if as_json:
        write_json(changed)
    else:
        what = f"in force: {changed.digest}" if changed.digest else "gone"
        click.echo(f"Trusted root, version {changed.version}, by entry {changed.entry}, is {what}")
        click.echo("What the log holds is judged again by: wherefrom verdicts renew")
    return YES
