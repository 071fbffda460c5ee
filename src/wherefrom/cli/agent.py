"""``wherefrom agent``: long-running, beside what it observes; tells a server what it sees."""

from __future__ import annotations

import signal
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

import click

from wherefrom import __version__
from wherefrom.cli.exits import NO, YES
from wherefrom.cli.failures import warn
from wherefrom.cli.saying import now
from wherefrom.cli.settings import Where, json_option, placed
from wherefrom.errors import Malformed, SettingError, Unavailable

if TYPE_CHECKING:
    from wherefrom.capture.kubernetes.access import Access
    from wherefrom.capture.kubernetes.agent import Agent, Wanted
    from wherefrom.capture.kubernetes.api import Api
    from wherefrom.capture.kubernetes.sending import Server
    from wherefrom.capture.kubernetes.spool import Spool

STATE_DEFAULT: Final = "./wherefrom-agent"
SNAPSHOT_EVERY: Final = "1h"
_FILE = click.Path(path_type=Path)


@click.group()
def agent() -> None:
    """Observe what runs, and record it as it changes."""


class _Environments(NamedTuple):
    """``prod`` and ``NAMESPACE=prod``, as the options gave them; ``NS-*`` is all that begin so."""

    mapped: tuple[tuple[str, str], ...]
    otherwise: str | None

    def of(self, namespace: str) -> str | None:
        """The environment of a namespace; None: it is not told."""
        for pattern, environment in self.mapped:
            if pattern == namespace:
                return environment
            if pattern.endswith("*") and namespace.startswith(pattern[:-1]):
                return environment
        return self.otherwise

    @property
    def all(self) -> list[str]:
        """Every environment there is."""
        found = [environment for _, environment in self.mapped]
        return list(dict.fromkeys([*found, *([self.otherwise] if self.otherwise else [])]))


def _environments(given: tuple[str, ...]) -> _Environments:
    mapped = [tuple(one.split("=", 1)) for one in given if "=" in one]
    plain = [one for one in given if "=" not in one]
    if not given or len(plain) > 1 or not all(a and b for a, b in mapped) or "" in plain:
        raise click.UsageError(
            "which environment? --environment prod, or --environment NAMESPACE=prod for each"
        )
    return _Environments(tuple((a, b) for a, b in mapped), plain[0] if plain else None)


@agent.command()
@click.option("--cluster", metavar="NAME", help="What the cluster is called in records.")
@click.option(
    "--environment", "environments", multiple=True, metavar="[NAMESPACE=]NAME",
    help="The environment that the cluster, or a namespace (NS* too), is.",
)  # fmt: skip
@click.option("--namespace", "namespaces", multiple=True, metavar="NS", help="Watch only this one.")
@click.option("--kubeconfig", type=_FILE, metavar="FILE", help="How to reach the cluster.")
@click.option("--context", metavar="NAME", help="The context of the kubeconfig, if not its own.")
@click.option("--api", metavar="URL", help="The address of its API instead.")
@click.option("--token-file", type=_FILE, metavar="FILE", help="The token for --api.")
@click.option("--ca", type=_FILE, metavar="FILE", help="The authority that --api is trusted by.")
@click.option("--no-secrets", is_flag=True, help="Read no secrets.")
@click.option(
    "--state", default=STATE_DEFAULT, show_default=True, type=_FILE, metavar="DIR",
    help="Where the agent keeps what waits, and its key of hashes.",
)  # fmt: skip
@click.option("--hash-key", type=_FILE, metavar="FILE", help="The key that secrets are hashed by.")
@click.option(
    "--snapshot-every", default=SNAPSHOT_EVERY, show_default=True, metavar="DURATION",
    help="How often all of it is told, changed or not.",
)  # fmt: skip
@click.option("--once", is_flag=True, help="Tell all of it once, and end.")
@placed
def kubernetes(
    cluster: str | None,
    environments: tuple[str, ...],
    namespaces: tuple[str, ...],
    kubeconfig: Path | None,
    context: str | None,
    api: str | None,
    token_file: Path | None,
    ca: Path | None,
    no_secrets: bool,
    state: Path,
    hash_key: Path | None,
    snapshot_every: str,
    once: bool,
    where: Where,
    as_json: bool,
) -> int:
    """Observe a Kubernetes cluster until told to stop.

    What is declared and what runs is followed and recorded at a server within seconds; what the
    server does not acknowledge waits on disk. Without --kubeconfig or --api it must run in a pod.
    Secrets are told as hashes under a key that stays here.
    """
    import asyncio

    from wherefrom.capture.kubernetes.agent import Wanted

    found = _environments(environments)
    wanted = Wanted(
        environments=found.all,
        namespaces=tuple(dict.fromkeys(namespaces)),
        leave_out=frozenset({"secrets"} if no_secrets else ()),
        snapshot_every=_seconds(snapshot_every),
    )
    place = _server_of(where)

    async def run() -> int:
        access = _access(kubeconfig, context, api, token_file, ca)
        name = cluster or access.cluster
        made = _Made.of(wanted, access, name, found, state, hash_key or state / "hash.key", place)
        try:
            return await (_once(made, as_json) if once else _follow(made, access, name, as_json))
        finally:
            await made.close()

    return asyncio.run(run())


class _Made(NamedTuple):
    """An agent, and what must be closed after it."""

    agent: Agent
    api: Api
    server: Server
    spool: Spool

    @classmethod
    def of(
        cls, wanted: Wanted, access: Access, name: str, environments: _Environments, state: Path,
        hash_key: Path, where: Where,
    ) -> _Made:  # fmt: skip

        from wherefrom.capture.keyed_hashes import keyed_hash, read_or_make
        from wherefrom.capture.kubernetes.agent import Agent
        from wherefrom.capture.kubernetes.api import Api
        from wherefrom.capture.kubernetes.cluster import Cluster
        from wherefrom.capture.kubernetes.picture import Painter
        from wherefrom.capture.kubernetes.spool import Spool
        from wherefrom.capture.kubernetes.telling import Teller

        key, _ = read_or_make(hash_key)
        spool = Spool(state / "spool")
        known = Cluster(keyed=partial(keyed_hash, key=key))
        api, server = Api(access), _server(where)
        agent = Agent(
            wanted,
            api=api,
            cluster=known,
            painter=Painter(known, environment_of=environments.of),
            teller=Teller(source=f"/kubernetes/{name}"),
            spool=spool,
            server=server,
            now=now,
            warn=warn,
        )
        return cls(agent, api, server, spool)

    async def close(self) -> None:
        """Let go of the cluster, the server and the folder."""
        await self.api.close()
        await self.server.close()
        self.spool.close()


async def _follow(made: _Made, access: Access, name: str, as_json: bool) -> int:
    import asyncio

    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)

    def started(objects: int) -> None:
        if as_json:
            import msgspec

            told = {"api": access.url, "cluster": name, "objects": objects}
            click.echo(msgspec.json.encode(told))
        else:
            click.echo(f"wherefrom: following {access.url} (cluster {name}, {objects} objects)")

    await made.agent.run(stop, started=started)
    return YES


async def _once(made: _Made, as_json: bool) -> int:
    from wherefrom.capture.kubernetes.api import Failed, Gone

    try:
        objects = await made.agent.once()
    except (Failed, Gone) as error:
        raise Unavailable(
            "the cluster cannot be listed",
            got=str(error),
            do="Give its account the role that wherefrom agent manifests prints",
        ) from error
    await made.agent.send_all()
    refused = made.agent.refused
    if as_json:
        import msgspec

        click.echo(msgspec.json.encode({"objects": objects, "refused": refused}))
    else:
        click.echo(f"told of {objects} objects" + (f", {refused} refused" if refused else ""))
    return NO if refused else YES


def _access(
    kubeconfig: Path | None, context: str | None, api: str | None, token_file: Path | None,
    ca: Path | None,
) -> Access:  # fmt: skip
    import os

    from wherefrom.capture.kubernetes import access

    if (kubeconfig and api) or ((token_file or ca) and not api) or (context and not kubeconfig):
        raise click.UsageError("give --kubeconfig, or --api with --token-file and --ca")
    if api:
        return access.given(api, token_file=token_file, ca=ca)
    if kubeconfig:
        return access.from_kubeconfig(kubeconfig, context=context)
    return access.in_cluster(os.environ)


def _server_of(where: Where) -> Where:
    if where.server is None:
        from wherefrom.cli.local import server_of

        where = server_of(where)
    if where.server is None:
        raise SettingError(
            "an agent needs a server to tell", where=str(where.data),
            do="Name one: --server URL or WHEREFROM_URL; or start one: wherefrom up",
        )  # fmt: skip
    return where


def _server(where: Where) -> Server:
    from wherefrom.capture.kubernetes.sending import Server
    from wherefrom.cli.remote import certificates

    assert where.server is not None
    return Server(where.server, token=where.token, tls=certificates(where))


def _seconds(said: str) -> float:
    from wherefrom.formats import timestamps

    try:
        return timestamps.duration_s(said, where="--snapshot-every")
    except Malformed as error:
        raise click.UsageError(str(error)) from error


@agent.command()
@click.option("--cluster", required=True, metavar="NAME", help="What the cluster is called.")
@click.option(
    "--environment", "environments", multiple=True, metavar="[NAMESPACE=]NAME",
    help="As for the agent.",
)  # fmt: skip
@click.option("--namespace", "namespaces", multiple=True, metavar="NS", help="Watch only this one.")
@click.option("--server", required=True, metavar="URL", help="The server, as pods reach it.")
@click.option(
    "--in-namespace", default="wherefrom", show_default=True, metavar="NS",
    help="The namespace of the agent itself.",
)  # fmt: skip
@click.option(
    "--image", default=f"wherefrom:{__version__}", show_default=True, metavar="REFERENCE",
    help="The image to run.",
)  # fmt: skip
@click.option("--no-secrets", is_flag=True, help="An agent that may read no secrets.")
@json_option
def manifests(
    cluster: str,
    environments: tuple[str, ...],
    namespaces: tuple[str, ...],
    server: str,
    in_namespace: str,
    image: str,
    no_secrets: bool,
    as_json: bool,
) -> int:
    """Print what a cluster needs to run the agent.

    For `kubectl apply -f -`: an account that may list and watch what the agent reads, and
    one pod with a read-only root and no privileges. Its token is the key `token` of the secret
    wherefrom-agent, which you make.
    """
    from wherefrom.capture.kubernetes.manifests import manifests as made

    _environments(environments)
    printed = made(
        namespace=in_namespace, image=image, server=server, cluster=cluster,
        environments=environments, namespaces=namespaces, secrets=not no_secrets,
    )  # fmt: skip
    if as_json:
        import msgspec

        click.echo(msgspec.json.encode({"manifests": printed}))
    else:
        click.echo(printed, nl=False)
    return YES
