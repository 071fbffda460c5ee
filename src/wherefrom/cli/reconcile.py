"""``wherefrom reconcile``: what registries, CI, clusters and clouds list, against the log.

URL, FILE, context ──► inventories ──► differences, each named        --record: kept in the log too
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from wherefrom.cli.exits import NO, YES
from wherefrom.cli.options import moment_of
from wherefrom.cli.render import columns, count, foot, write_json
from wherefrom.cli.settings import Where, placed
from wherefrom.cli.targets import is_file, path_of, read_file
from wherefrom.formats.shown import cut, printable

if TYPE_CHECKING:
    from wherefrom.formats.inventory import Inventory
    from wherefrom.query.catalog.reconcile import Apart, Reconciled

_LISTED: Final = 40
_LOOKED_FOR_MAX: Final = 1_000


@click.command()
@click.option(
    "--registry",
    "registries",
    multiple=True,
    metavar="URL|FILE",
    help="An OCI registry, one repository of it, or a list of images with digests.",
)
@click.option(
    "--repository", "repositories", multiple=True, metavar="NAME", help="Of the registry only this."
)
@click.option(
    "--ci",
    "runs",
    multiple=True,
    metavar="FILE",
    help="Runs as the API of GitHub or GitLab lists them.",
)
@click.option("--branch", "branches", multiple=True, help="Only runs of this branch.")
@click.option(
    "--workflow", "workflows", multiple=True, metavar="NAME", help="Only runs of this workflow."
)
@click.option(
    "--cluster",
    "clusters",
    multiple=True,
    metavar="FILE|CONTEXT",
    help="Pods as kubectl prints them, or a context of the kubeconfig.",
)
@click.option(
    "--kubeconfig",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Where contexts are; else KUBECONFIG or ~/.kube/config.",
)
@click.option("--environment", "-e", default="", help="Which one the cluster is.")
@click.option(
    "--cloud",
    "clouds",
    multiple=True,
    metavar="FILE",
    help="Resources as AWS, Google Cloud or Azure list them.",
)
@click.option(
    "--list",
    "lists",
    multiple=True,
    metavar="FILE",
    help="Digests, package URLs or names, one a line.",
)
@click.option("--record", "recorded", is_flag=True, help="Keep each inventory in the log.")
@click.option("--key", metavar="FILE|URI", help="Sign what is recorded with this secret key.")
@click.option("--at", callback=moment_of, metavar="TIME", help="What was declared then.")
@placed
def reconcile(
    registries: tuple[str, ...],
    repositories: tuple[str, ...],
    runs: tuple[str, ...],
    branches: tuple[str, ...],
    workflows: tuple[str, ...],
    clusters: tuple[str, ...],
    kubeconfig: Path | None,
    environment: str,
    clouds: tuple[str, ...],
    lists: tuple[str, ...],
    recorded: bool,
    key: str | None,
    at: str | None,
    where: Where,
    as_json: bool,
) -> int:
    """Compare what is there with what is recorded.

    Exits 1 if anything differs. Each difference is named, with the team that owns it if a catalogue
    says: an image that no record names, a run without a provenance, a container that nobody
    declared, a resource that is gone.
    """  # fmt: skip
    from wherefrom.cli.opening import reading
    from wherefrom.cli.saying import now
    from wherefrom.query.catalog.questions import CatalogOptions

    taken = now()
    found: list[Inventory] = []
    for text in registries:
        found.append(_registry(text, repositories, taken))
    for text in runs:
        found.append(_ci(text, taken, branches, workflows))
    for text in clusters:
        found.append(_cluster(text, taken, environment, kubeconfig))
    for text in clouds:
        found.append(_cloud(text, taken))
    for text in lists:
        found.append(_plain(text, taken, "list"))
    if not found:
        raise click.UsageError("nothing to compare with: --registry, --ci, --cluster, --cloud …")
    with reading(where) as place:
        answers = [place.reconcile(one, CatalogOptions(at=at)) for one in found]
    for number, text in enumerate(registries):
        if _is_url(text):
            answers[number] = _looked_for(answers[number], text)
    # Not before the answers are there: what is recorded now is no part of them.
    entries = _record(found, key, where) if recorded else []
    if as_json:
        write_json({"inventories": answers, "recorded": entries})
    else:
        for answer in answers:
            _draw(answer)
        for entry in entries:
            click.echo(f"recorded as entry {entry}")
    return NO if any(one.only_listed or one.only_held for one in answers) else YES


def _registry(text: str, repositories: tuple[str, ...], taken: str) -> Inventory:
    if not _is_url(text):
        return _plain(text, taken, "registry")
    import os

    from wherefrom.capture.registry import Registry

    with Registry(text, environment=os.environ) as registry:
        return registry.inventory(repositories, taken=taken)


def _is_url(text: str) -> bool:
    return text.startswith(("http://", "https://"))


def _looked_for(answer: Reconciled, url: str) -> Reconciled:
    """With what the registry says of images that no tag leads to: they may be there still."""
    import os

    from msgspec import structs

    from wherefrom.capture.registry import Registry

    told = []
    with Registry(url, environment=os.environ) as registry:
        for one in answer.only_held[:_LOOKED_FOR_MAX]:
            there = registry.holds(one.where.removeprefix(f"{registry.host}/"), one.id)
            says = "it is in the registry, and no tag leads to it" if there else (
                "it is gone from the registry"
            )  # fmt: skip
            told.append(structs.replace(one, says=f"{one.where}@{one.id} is recorded; {says}"))
    return structs.replace(answer, only_held=[*told, *answer.only_held[_LOOKED_FOR_MAX:]])


def _ci(text: str, taken: str, branches: tuple[str, ...], workflows: tuple[str, ...]) -> Inventory:
    from wherefrom.formats import inventory_ci

    written = read_file(path_of(text) or Path(text))
    return inventory_ci.read(
        written, source=_named(text), taken=taken, branches=branches, workflows=workflows
    )


def _cluster(text: str, taken: str, environment: str, kubeconfig: Path | None) -> Inventory:
    from wherefrom.formats import inventory_cluster

    path = path_of(text)
    if path is None and is_file(text):
        path = Path(text)
    written = _pods(text, kubeconfig) if path is None else read_file(path)
    return inventory_cluster.read(
        written, source=_named(text), taken=taken, environment=environment
    )


def _pods(context: str, kubeconfig: Path | None) -> bytes:
    """Every pod of a cluster, as ``kubectl`` prints them. Raises SettingError, Unavailable."""
    import asyncio
    import os

    import msgspec

    from wherefrom.capture.kubernetes import access
    from wherefrom.capture.kubernetes.api import RESOURCES, Api, Closed, Failed, Gone
    from wherefrom.errors import Unavailable

    told = os.environ.get("KUBECONFIG", "").split(os.pathsep)[0]
    file = kubeconfig or Path(told or Path.home() / ".kube" / "config")
    reached = access.from_kubeconfig(file, context=context)
    (pods,) = (resource for resource in RESOURCES if resource.name == "pods")

    async def ask() -> bytes:
        api = Api(reached)
        try:
            items, _ = await api.list(pods)
        finally:
            await api.close()
        return msgspec.json.encode({"kind": "List", "items": items})

    try:
        return asyncio.run(ask())
    except (Gone, Closed, Failed) as error:
        raise Unavailable(
            "the cluster does not list its pods", where=reached.url,
            got=str(error) or type(error).__name__,
            do="Give its account the right to list pods",
        ) from error  # fmt: skip


def _cloud(text: str, taken: str) -> Inventory:
    from wherefrom.formats import inventory_cloud

    written = read_file(path_of(text) or Path(text))
    return inventory_cloud.read(written, source=_named(text), taken=taken)


def _plain(text: str, taken: str, kind: str) -> Inventory:
    from wherefrom.formats import inventory_list

    written = read_file(path_of(text) or Path(text))
    return inventory_list.read(written, source=_named(text), taken=taken, kind=kind)


def _named(text: str) -> str:
    """What an inventory is called: of a file its name, and not where it lies on this machine."""
    return Path(text).name or text


def _record(found: list[Inventory], key: str | None, where: Where) -> list[int]:
    """Keep inventories in the log; the entry of each. Raises what refuses a record."""
    from wherefrom.cli.opening import writing
    from wherefrom.errors import Refused
    from wherefrom.formats import inventory

    sign: Callable[[bytes], bytes] = lambda content: content  # noqa: E731
    if key is not None:
        from wherefrom.formats.dsse import IN_TOTO_TYPE
        from wherefrom.keys.envelopes import sign_envelope
        from wherefrom.keys.held import open_signer

        signer = open_signer(key)
        sign = lambda content: sign_envelope(IN_TOTO_TYPE, content, signer)  # noqa: E731
    with writing(where, create=True) as place:
        outcomes = place.record([sign(inventory.to_statement(one)) for one in found])
    entries = []
    for one, outcome in zip(found, outcomes, strict=True):
        if outcome.index is None:
            raise Refused("the log did not take an inventory", where=one.source, got=outcome.reason)
        entries.append(outcome.index)
    return entries


def _draw(answer: Reconciled) -> None:
    head = f"{answer.kind} {printable(answer.source)}"
    told = f"{answer.held:,} of {answer.listed:,} listed are held"
    click.echo(f"{click.style(head, bold=True)}  {told}")
    for some in (answer.only_listed, answer.only_held):
        for one in some[:_LISTED]:
            click.echo(_line(one))
        if len(some) > _LISTED:
            click.echo(f"  and {len(some) - _LISTED:,} more")
    for why, number in answer.left_out.items():
        click.echo(f"  left out: {number:,}, {printable(why)}")
    if answer.truncated:
        click.echo("  The log holds more than was looked at.")
    if not answer.only_listed and not answer.only_held:
        click.echo("  Nothing differs." if answer.listed else "  It lists nothing.")
    else:
        apart = len(answer.only_listed) + len(answer.only_held)
        click.echo(f"  {count(apart, 'difference')}")
    click.echo(foot(answer.log, as_of=answer.as_of))


def _line(one: Apart) -> str:
    owner = f"  {printable(one.owner)}" if one.owner else ""
    entry = f"  #{one.entry}" if one.entry is not None else ""
    width = max(60, columns() - len(owner) - len(entry) - 2)
    return f"  {cut(printable(one.says), width)}{owner}{entry}"
