"""``wherefrom tokens``: who may use a server on a directory; read by the server at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from wherefrom.cli.exits import YES
from wherefrom.cli.render import table, write_json
from wherefrom.cli.settings import Where, placed_locally

if TYPE_CHECKING:
    from wherefrom.collect.principals import Token

ROLES = ("read", "record", "admin")


@click.group()
def tokens() -> None:
    """Say who may use a server on this directory, and for what."""


@tokens.command()
@click.argument("name")
@click.option("--role", "roles", multiple=True, type=click.Choice(ROLES), help="What it may do.")
@click.option("--kind", "kinds", multiple=True, metavar="KIND", help="Only records of this kind.")
@click.option(
    "--producer", "producers", multiple=True, metavar="URI", help="Only what this made; URI* too."
)
@click.option(
    "--namespace", "namespaces", multiple=True, metavar="NS", help="Only of it, or NS* of many."
)
@placed_locally
def new(
    name: str,
    roles: tuple[str, ...],
    kinds: tuple[str, ...],
    producers: tuple[str, ...],
    namespaces: tuple[str, ...],
    where: Where,
    as_json: bool,
) -> int:
    """Make a token for NAME; it is shown once and stored as a hash.

    Without --role it may read and record.
    """
    from wherefrom.cli.local import need_log
    from wherefrom.collect.principals import Principal

    principal = Principal(
        name=name, roles=roles or ("read", "record"),
        kinds=kinds, producers=producers, namespaces=namespaces,
    )  # fmt: skip
    text, token = need_log(where.data).tokens.add(principal)
    if as_json:
        write_json({"token": text, **_said(token)})
    else:
        click.echo(text)
        click.echo(f"This is the only time it is shown. Its id is {token.id}.", err=True)
    return YES


@tokens.command(name="list")
@placed_locally
def list_tokens(where: Where, as_json: bool) -> int:
    """List the tokens: ids, names, roles and scopes."""
    from wherefrom.cli.local import need_log

    held = need_log(where.data).tokens.list()
    if as_json:
        write_json({"tokens": [_said(token) for token in held]})
    elif not held:
        click.echo("No tokens: the first start of a server makes the administrator's.")
    else:
        rows = [("id", "name", "roles", "scopes")]
        for token in held:
            p = token.principal
            scopes = " ".join((*p.kinds, *p.producers, *p.namespaces)) or "everything"
            rows.append((token.id, p.name, " ".join(p.roles), scopes))
        click.echo(table(rows))
    return YES


@tokens.command()
@click.argument("id")
@placed_locally
def revoke(id: str, where: Where, as_json: bool) -> int:
    """Take a token back, by its id."""
    from wherefrom.cli.local import need_log

    token = need_log(where.data).tokens.revoke(id)
    if as_json:
        write_json({"revoked": _said(token)})
    else:
        click.echo(f"The token {token.id} of {token.principal.name} is no longer taken.")
    return YES


def _said(token: Token) -> dict[str, Any]:
    import msgspec

    principal: dict[str, Any] = msgspec.to_builtins(token.principal)
    return {"id": token.id, **principal}
