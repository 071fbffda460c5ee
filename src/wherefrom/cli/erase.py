"""``wherefrom erase``: remove a content for ever; the proofs stay."""

from __future__ import annotations

import click

from wherefrom.cli.exits import YES
from wherefrom.cli.render import write_json
from wherefrom.cli.settings import Where, placed


def _index(_: click.Context, __: click.Parameter, text: str) -> int:
    number = text.removeprefix("entry:")
    if not number.isascii() or not number.isdecimal() or len(number) > 16:
        raise click.BadParameter(f"{text!r} is not an entry, such as 12 or entry:12.")
    return int(number)


def _reason(_: click.Context, __: click.Parameter, text: str) -> str:
    if not text.strip():
        raise click.BadParameter("it is kept in the log for ever, so it must say something.")
    return text


@click.command()
@click.argument("index", metavar="INDEX", callback=_index)
@click.option("--reason", required=True, callback=_reason, help="Why; kept in the log for ever.")
@placed
def erase(index: int, reason: str, where: Where, as_json: bool) -> int:
    """Erase what an entry holds; its proofs stay.

    The content of entry INDEX and its nonce are removed for ever; what it said leaves every
    answer. The erasure is a record itself, with its reason.
    """
    from wherefrom.cli.opening import writing

    with writing(where) as place:
        tombstone = place.erase(index, reason=reason)
    if as_json:
        write_json({"erased": index, "tombstone": tombstone})
    else:
        click.echo(f"Entry {index} is erased, as entry {tombstone} says; its proofs still hold.")
    return YES
