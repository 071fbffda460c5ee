"""``wherefrom federate``: the logs of others that are followed, and asked in every trace."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from wherefrom.cli.exits import NO, YES
from wherefrom.cli.failures import warn
from wherefrom.cli.render import count, progress_bar, write_json
from wherefrom.cli.settings import Where, placed_locally
from wherefrom.cli.targets import read_file
from wherefrom.errors import Error, SettingError

if TYPE_CHECKING:
    from wherefrom.followed import FollowedFolder
    from wherefrom.log.followed import Follow
    from wherefrom.query.crossing import Crossing


@click.group()
def federate() -> None:
    """Follow the logs of others, and trace through them."""


@federate.command()
@click.argument("url")
@click.argument("vkey", metavar="VKEY|FILE")
@click.option(
    "--token-file", type=click.Path(path_type=Path), metavar="FILE",
    help="A token that may read there: contents are not public.",
)  # fmt: skip
@placed_locally
def add(url: str, vkey: str, token_file: Path | None, where: Where, as_json: bool) -> int:
    """Follow the log at URL, which signs with VKEY, from now on.

    All of it is read and checked now, and again every half minute by a running server. Traces go
    through it, and say whose word each link is. Exits 1 if it does not keep its word.
    """
    from wherefrom import followed
    from wherefrom.cli.evidence import read_key
    from wherefrom.cli.local import need_log

    if not url.startswith(("http://", "https://")):
        raise SettingError(
            "not the address of a log",
            got=url,
            expected="http://… or https://…",
            do="Write it with http:// or https://, without /checkpoint",
        )
    token = None
    if token_file is not None:
        token = read_file(token_file, bytes_max=4096).decode("utf-8", "replace").strip()
    folder = need_log(where.data)
    made = followed.add(folder, url, read_key(vkey), token=token)
    return _look([made], as_json=as_json)


@federate.command(name="list")
@placed_locally
def list_(where: Where, as_json: bool) -> int:
    """List the logs that are followed, and how far. Exits 1 if one does not keep its word."""
    from wherefrom import followed
    from wherefrom.cli.local import need_log

    folder = need_log(where.data)
    found = followed.all_followed(folder)
    told = [_said(one, one.follow) for one in found]
    known = followed.crossing_of(folder) if found else None
    if as_json:
        write_json({"logs": told, "completeness": known})
    elif not told:
        click.echo("none is followed; begin with: wherefrom federate add URL VKEY")
    for said in [] if as_json else told:
        _show(said)
        if known is not None and said["origin"] in known.by:
            click.echo(f"    explains {known.by[said['origin']]:,} of what our own log does not")
    if known is not None and not as_json:
        click.echo("\n".join(_crossing(known)))
    return NO if any(said["trouble"] for said in told) else YES


@federate.command()
@placed_locally
def sync(where: Where, as_json: bool) -> int:
    """Look at every followed log now. Exits 1 if one does not keep its word."""
    from wherefrom import followed
    from wherefrom.cli.local import need_log

    return _look(followed.all_followed(need_log(where.data)), as_json=as_json)


@federate.command()
@click.argument("origin")
@placed_locally
def remove(origin: str, where: Where, as_json: bool) -> int:
    """Follow the log ORIGIN no more, and forget what it said."""
    from wherefrom import followed
    from wherefrom.cli.local import need_log

    followed.remove(followed.find(need_log(where.data), origin))
    if as_json:
        write_json({"removed": origin})
    else:
        click.echo(f"{origin} is followed no more; nothing of it is kept")
    return YES


def _look(found: list[FollowedFolder], *, as_json: bool) -> int:
    from wherefrom.followed import look_again

    told = []
    with progress_bar("following") as tell:
        for number, one in enumerate(found):
            told.append(_said(one, partial(look_again, one)))
            tell(number + 1, len(found))
    if as_json:
        write_json({"logs": told})
    else:
        for said in told:
            _show(said)
    bad = [said for said in told if said["trouble"]]
    if bad and not as_json:
        warn(f"{count(len(bad), 'log')} could not be followed")
    return NO if bad else YES


def _said(one: FollowedFolder, ask: Callable[[], Follow]) -> dict[str, Any]:
    """What is to be told of one; a copy that cannot be used costs the others nothing."""
    from wherefrom.log.followed import Follow

    try:
        follow = ask()
    except Error as error:
        follow = Follow(url="", vkey="", trouble=str(error))
    tree = follow.tree
    return {
        "origin": one.name,
        "url": follow.url,
        "size": tree.size if tree is not None else 0,
        "root": tree.root.hex() if tree is not None else None,
        "held": follow.held,
        "withheld": list(follow.withheld),
        "looked": follow.looked,
        "grown": follow.grown,
        "forked": follow.forked,
        "trouble": follow.trouble,
    }


def _crossing(known: Crossing) -> Iterator[str]:
    yield (
        f"Our log uses {count(known.used, 'thing')} as of size {known.size:,}, and does not say"
        f" where {known.unexplained:,} of them came from; others say it of {known.explained:,}."
    )
    if known.looked < known.nodes:
        yield f"Only {known.looked:,} of {known.nodes:,} things were looked at: time ran out."


def _show(said: dict[str, Any]) -> None:
    mark = "✗" if said["trouble"] else "✓"
    click.echo(f"{mark} {said['origin']}, size {said['size']:,}, at {said['url']}")
    if said["root"]:  # in full: roots are to be compared
        click.echo(f"    root {said['root']}")
    if said["grown"]:
        click.echo(f"    looked at {said['looked'][:19]}Z, grown last {said['grown'][:19]}Z")
    if said["held"] < said["size"]:
        click.echo(f"    {said['held']:,} of its entries are held and checked here")
    if said["trouble"]:
        click.echo(f"    {said['trouble']}")
