"""``wherefrom webhooks``: who may post to a server with a secret of their own, not a token."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from wherefrom.cli.exits import YES
from wherefrom.cli.render import table, write_json
from wherefrom.cli.settings import Where, placed_locally

if TYPE_CHECKING:
    from wherefrom.collect.hooks import Hook

ADAPTERS = ("azure", "flux", "github", "gitlab", "google", "launchdarkly")
_IN_ADDRESS = ("azure", "google")


@click.group()
def webhooks() -> None:
    """Say which webhooks a server takes that are signed with a secret."""


@webhooks.command()
@click.argument("name")
@click.option(
    "--adapter", type=click.Choice(ADAPTERS), required=True, help="What posts, and how it signs."
)
@click.option("--environment", default="", help="Its deliveries are of this environment.")
@click.option("--service", default="", help="… of this service.")
@click.option("--region", default="", help="… of this region.")
@placed_locally
def new(
    name: str,
    adapter: str,
    environment: str,
    service: str,
    region: str,
    where: Where,
    as_json: bool,
) -> int:
    """Make a secret for the webhook NAME.

    What is said here of where it is of cannot be changed by the address it posts to.
    """
    from wherefrom.cli.local import need_log
    from wherefrom.formats.states import Scope

    scope = Scope(environment, service, region)
    hook = need_log(where.data).hooks.add(name, adapter, scope)
    if as_json:
        write_json({"secret": hook.secret, "path": f"/v1/webhooks/{adapter}", **_said(hook)})
    else:
        click.echo(hook.secret)
        query = "?secret=…" if adapter in _IN_ADDRESS else ""
        click.echo(f"Give it to the sender, which posts to /v1/webhooks/{adapter}{query}", err=True)
    return YES


@webhooks.command(name="list")
@placed_locally
def list_webhooks(where: Where, as_json: bool) -> int:
    """List the webhooks that have a secret, without it."""
    from wherefrom.cli.local import need_log

    held = need_log(where.data).hooks.list()
    if as_json:
        write_json({"webhooks": [_said(hook) for hook in held]})
    elif not held:
        click.echo("No webhooks with a secret of their own: wherefrom webhooks new NAME")
    else:
        rows = [("name", "adapter", "environment", "service", "region")]
        rows += [(hook.name, hook.adapter, *hook.where[:3]) for hook in held]
        click.echo(table(rows))
    return YES


@webhooks.command()
@click.argument("name")
@placed_locally
def remove(name: str, where: Where, as_json: bool) -> int:
    """Forget the secret of the webhook NAME."""
    from wherefrom.cli.local import need_log

    hook = need_log(where.data).hooks.remove(name)
    if as_json:
        write_json({"removed": _said(hook)})
    else:
        click.echo(f"What {name} posts is no longer taken.")
    return YES


def _said(hook: Hook) -> dict[str, Any]:
    places = {part: text for part, text in hook.where._asdict().items() if text}
    return {"name": hook.name, "adapter": hook.adapter, **places}
