"""``wherefrom erase``: remove a content for ever; the proofs stay."""

from __future__ import annotations

import click

from wherefrom.cli.exits import YES
from wherefrom.cli.render import write_json
from wherefrom.cli.settings import Where, placed


@click.command()
@click.argument("index", metavar="INDEX", type=click.IntRange(0))
@click.option("--reason", required=True, help="Why; kept in the log for ever.")
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
