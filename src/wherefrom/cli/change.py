"""``wherefrom change``: say by hand, or from a script, what was decided."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from wherefrom.cli import change_files, change_migrations
from wherefrom.cli.exits import NO, YES
from wherefrom.cli.failures import warn
from wherefrom.cli.options import moment_of
from wherefrom.cli.render import count, write_json
from wherefrom.cli.saying import Said, record, scoped
from wherefrom.cli.settings import Where, placed
from wherefrom.cli.targets import read_file

_BATCH = 1000
_TEXT_BYTES_MAX = 64 * 1024 * 1024
_SLOTS = ("config", "flag", "migration", "policy", "resource", "safe_mode", "secret")


@click.group()
def change() -> None:
    """Record changes of reality by hand or from a script.

    What agents, webhooks and pipelines do not send: a deployment, a flag, a config bundle, a
    manifest. Everything else is recorded as it is, with: wherefrom record.
    """


@change.command()
@click.argument("service")
@click.argument("artifact", required=False)
@scoped
@placed
def deploy(
    service: str,
    artifact: str | None,
    said: Said,
    where: Where,
    as_json: bool,
) -> int:
    """Say what a service runs from now on; without ARTIFACT, nothing.

    ARTIFACT is a digest, a package URL, or an image with or without its digest.
    """
    from wherefrom.capture import changes

    if artifact == "":  # as a variable of a script that is not set: it would state nothing
        raise click.BadParameter("is empty; to say that nothing runs, leave it out.",
                                 param_hint="ARTIFACT")  # fmt: skip
    content = changes.deploy(said.scope(service), artifact, **said.when)
    return record([content], where, as_json)


@change.command(name="set")
@click.argument("slot", type=click.Choice(_SLOTS))
@click.argument("name")
@click.argument("value", required=False)
@click.option("--service", default="", help="Only for this service.")
@click.option("--until", callback=moment_of, metavar="TIME", help="When it is to end.")
@click.option("--reason", default="", help="Why; shown with it.")
@scoped
@placed
def set_(
    slot: str,
    name: str,
    value: str | None,
    service: str,
    until: str | None,
    reason: str,
    said: Said,
    where: Where,
    as_json: bool,
) -> int:
    """Say what a flag, bundle or other thing is from now on.

    Without VALUE it is there no more. Never give a secret: its version, or a keyed hash.
    """
    from wherefrom.capture import changes

    told = {k: v for k, v in (("until", until), ("reason", reason)) if v}
    content = changes.place(slot, name, value, said.scope(service), told=told, **said.when)
    return record([content], where, as_json)


@change.command()
@click.argument("files", type=click.Path(path_type=Path), nargs=-1, required=True)
@click.option("--partial", is_flag=True, help="There is more than these files declare.")
@scoped
@placed
def manifest(
    files: Sequence[Path],
    partial: bool,
    said: Said,
    where: Where,
    as_json: bool,
) -> int:
    """Declare the workloads of Kubernetes manifests.

    FILES together are all that is to run there, unless --partial: what the same source declared
    before and they do not list has ended. A document that cannot be read is named, and left out.
    """
    from wherefrom.capture import changes, manifests
    from wherefrom.formats.states import DECLARED

    states: list[dict[str, Any]] = []
    unread = 0
    for path in files:
        text = read_file(path, bytes_max=_TEXT_BYTES_MAX).decode("utf-8", "replace")
        found = manifests.declared(text)
        states += found.states
        unread += len(found.unread)
        for number, why in found.unread:
            warn(f"{path}, document {number}: {why}")
    if not states and unread:
        raise click.ClickException("nothing in these files could be read")
    content = changes.estate(
        DECLARED, said.scope(), states,
        all_of=() if partial or unread else ("artifact", "scale"), **said.when,
    )  # fmt: skip
    if not as_json:
        click.echo(f"{count(len(states), 'state')} declared in {said.environment}")
    return record([content], where, as_json)


@change.command()
@click.argument("folder", type=click.Path(path_type=Path), default=".")
@click.option("--since", metavar="REVISION", default=None, help="Only what came after it.")
@click.option("--until", metavar="REVISION", default="HEAD", show_default=True, help="Up to it.")
@click.option(
    "--repository", metavar="URL", default=None, help="What it is called; else where it came from."
)
@placed
def commits(
    folder: Path,
    since: str | None,
    until: str,
    repository: str | None,
    where: Where,
    as_json: bool,
) -> int:
    """Record who changed which tables, commit by commit.

    FOLDER is a clone of a git repository: its dbt models, seeds and snapshots, its Alembic and
    SQL migrations. Recording a commit again changes nothing.
    """
    from wherefrom.capture import commits as history
    from wherefrom.capture import git
    from wherefrom.cli.opening import writing

    found = list(history.commits(folder, since=since, until=until))
    if not found:
        click.echo("no commits there")
        return YES
    contents = history.to_records(found, repository=repository or git.repository_of(folder))
    refused = known = 0
    with writing(where, create=True) as place:
        for start in range(0, len(contents), _BATCH):
            for outcome in place.record(contents[start : start + _BATCH]):
                known += outcome.status == "known"
                refused += outcome.status == "refused"
                if outcome.status == "refused":
                    warn(f"a commit was refused: {outcome.reason}")
        log = place.position()
    tables = len({table["name"] for one in found for table in one.tables})
    if as_json:
        told = {"commits": len(found), "known": known, "refused": refused, "tables": tables}
        write_json({**told, "log": {"size": log.size, "root": log.root}})
    else:
        already = f", {known:,} of them known already" if known else ""
        click.echo(f"{count(len(found), 'commit')}{already}; {count(tables, 'table')} changed")
    return NO if refused else YES


for _command in (
    change_files.terraform, change_files.secret, change_files.flags, change_migrations.migrations,
):  # fmt: skip
    change.add_command(_command)
