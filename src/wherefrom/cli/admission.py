"""``wherefrom admission``: keep what is not proven out of a cluster."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import click

from wherefrom import __version__
from wherefrom.cli.exits import YES
from wherefrom.cli.settings import Where, json_option, placed
from wherefrom.cli.targets import read_file
from wherefrom.errors import Malformed

if TYPE_CHECKING:
    from wherefrom.admission.deciding import Decider
    from wherefrom.capture.outbox import Outbox
    from wherefrom.formats.admission_settings import AdmissionSettings

PORT_DEFAULT: Final = 8443
_FILE = click.Path(path_type=Path)
_MODE = click.Choice(("closed", "open"))
_CA_BYTES_MAX: Final = 1024 * 1024


@click.group()
def admission() -> None:
    """Guard a Kubernetes cluster: what is not proven does not run."""


class _Said(NamedTuple):
    """What options say beside a file of settings; None: nothing."""

    environment: str | None
    mode: str | None
    own_namespace: str | None
    cluster: str | None

    def over(self, settings: AdmissionSettings) -> AdmissionSettings:
        """These settings, with what was said in their place."""
        import msgspec

        from wherefrom.formats.admission_settings import parse

        said = {name: text for name, text in self._asdict().items() if text is not None}
        return parse({**msgspec.to_builtins(settings), **said}, where="options")


@admission.command()
@click.option(
    "--policy", required=True, type=_FILE, metavar="PATH",
    help="What must be recorded of an image: a file, or a folder with policy.yaml.",
)  # fmt: skip
@click.option("--settings", type=_FILE, metavar="FILE", help="How namespaces are guarded.")
@click.option(
    "--environment", "-e", metavar="E", help="What a namespace is, where no setting says it."
)
@click.option(
    "--mode", type=_MODE, help="What cannot be told stays out (closed), or goes in with a warning."
)
@click.option("--own-namespace", metavar="NS", help="Where this runs; it is never guarded.")
@click.option("--cluster", metavar="NAME", help="What the cluster is called in records.")
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
@click.option(
    "--port", default=PORT_DEFAULT, show_default=True, type=click.IntRange(0, 65535),
    help="The port; 0 takes a free one.",
)  # fmt: skip
@click.option(
    "--tls-cert", required=True, type=_FILE, metavar="FILE",
    help="The certificate; read again when it changes.",
)  # fmt: skip
@click.option("--tls-key", required=True, type=_FILE, metavar="FILE", help="Its key; likewise.")
@click.option("--tls-client-ca", type=_FILE, metavar="FILE", help="Clients must show one of its.")
@click.option(
    "--fresh", default="30s", show_default=True, metavar="DURATION",
    help="For how long what may run may still run while the log is away.",
)  # fmt: skip
@click.option(
    "--timeout", default="7s", show_default=True, metavar="DURATION",
    help="How long a review waits for the log.",
)  # fmt: skip
@click.option("--record", is_flag=True, help="Record what was decided.")
@placed
def serve(
    policy: Path,
    settings: Path | None,
    environment: str | None,
    mode: str | None,
    own_namespace: str | None,
    cluster: str | None,
    host: str,
    port: int,
    tls_cert: Path,
    tls_key: Path,
    tls_client_ca: Path | None,
    fresh: str,
    timeout: str,
    record: bool,
    where: Where,
    as_json: bool,
) -> int:
    """Answer a cluster's reviews until told to stop.

    POST /validate keeps out what the policy keeps out, /mutate gives tags their digests,
    /external-data answers Gatekeeper. The log is asked when an image is new, and every second
    after that.
    """
    from wherefrom.cli.policy_files import policy_at
    from wherefrom.serving.admission import Wanted, guard_cluster
    from wherefrom.serving.http import Tls

    wanted = Wanted(
        policy=lambda: policy_at(policy),
        files=lambda: _files_of(policy),
        settings=settings,
        adapt=_Said(environment, mode, own_namespace, cluster).over,
        fresh_s=_seconds(fresh, "--fresh"),
        wait_s=_seconds(timeout, "--timeout"),
    )
    found = where if where.server is not None else _held(where)

    def started(url: str) -> None:
        said: Any = f"wherefrom: guarding {url}"
        if as_json:
            import msgspec

            said = msgspec.json.encode({"url": url})
        click.echo(said)

    guard_cluster(
        wanted,
        decider=_decider(found),
        outbox=_outbox(found) if record else None,
        host=host,
        port=port,
        tls=Tls(tls_cert, tls_key, tls_client_ca),
        started=started,
    )
    return YES


def _held(where: Where) -> Where:
    from wherefrom.cli.local import server_of

    return server_of(where)


def _decider(where: Where) -> Decider:
    if where.server is not None:
        from wherefrom.admission.remote import RemoteDecider
        from wherefrom.cli.remote import certificates

        return RemoteDecider(where.server, token=where.token, tls=certificates(where))
    from wherefrom.admission.local import LocalDecider
    from wherefrom.app import fold_views, open_gate, open_log
    from wherefrom.cli.local import need_log
    from wherefrom.views.graph import GraphReader

    folder = need_log(where.data)
    log = open_log(folder)
    fold_views(folder, log)
    graph = GraphReader(folder.graph_path)

    def fold() -> None:
        if folder.served() is None:
            log.refresh()
            fold_views(folder, log)

    return LocalDecider(open_gate(folder, log), graph, fold=fold)


def _outbox(where: Where) -> Outbox:
    from wherefrom.capture.outbox import Outbox
    from wherefrom.capture.sending import Sender

    if where.server is None:
        raise click.UsageError("--record needs a server to tell: --server URL")
    ca = None if where.ca is None else str(where.ca)
    return Outbox(Sender(where.server, where.token, ca=ca))


def _seconds(said: str, option: str) -> float:
    from wherefrom.formats import timestamps

    try:
        seconds = timestamps.duration_s(said, where=option)
    except Malformed as error:
        raise click.UsageError(str(error)) from error
    if not 1 <= seconds <= 3600:
        raise click.UsageError(f"{option} is 1s to 1h")
    return seconds


@admission.command()
@click.option("--server", required=True, metavar="URL", help="The server, as pods reach it.")
@click.option(
    "--policy", required=True, type=_FILE, metavar="PATH",
    help="What must be recorded of an image: a file, or a folder with policy.yaml.",
)  # fmt: skip
@click.option("--settings", type=_FILE, metavar="FILE", help="How namespaces are guarded.")
@click.option(
    "--in-namespace", default="wherefrom", show_default=True, metavar="NS",
    help="The namespace of the guard itself.",
)  # fmt: skip
@click.option(
    "--image", default=f"wherefrom:{__version__}", show_default=True, metavar="REFERENCE",
    help="The image to run.",
)  # fmt: skip
@click.option(
    "--ca", "ca_bundle", type=_FILE, metavar="FILE",
    help="The authority of its certificate (PEM); without, cert-manager makes one.",
)  # fmt: skip
@click.option("--mutate", is_flag=True, help="Also give tags their digests.")
@click.option("--gatekeeper", is_flag=True, help="Also a provider for Gatekeeper.")
@click.option("--record", is_flag=True, help="Record what was decided.")
@click.option("--out", "-o", type=_FILE, metavar="DIR", help="Write files there instead.")
@json_option
def manifests(
    server: str,
    policy: Path,
    settings: Path | None,
    in_namespace: str,
    image: str,
    ca_bundle: Path | None,
    mutate: bool,
    gatekeeper: bool,
    record: bool,
    out: Path | None,
    as_json: bool,
) -> int:
    """Print what a cluster needs to be guarded.

    For `kubectl apply -f -`: two pods with a read-only root and no rights, and the webhook that
    asks them. The token is the key `token` of the secret wherefrom-admission, which you make.
    """
    from wherefrom.admission.files import load_settings
    from wherefrom.capture.kubernetes.admission_manifests import Wish, to_yaml
    from wherefrom.capture.kubernetes.admission_manifests import manifests as made
    from wherefrom.cli.policy_files import policy_at

    if not server.startswith(("http://", "https://")):
        raise click.UsageError("--server is an address: https://HOST:PORT")
    if gatekeeper and ca_bundle is None:
        raise click.UsageError("--gatekeeper needs --ca: a provider must name its authority")
    policy_at(policy)  # what cannot be used is told here, not by a pod that does not start
    found = load_settings(settings)
    documents = made(
        Wish(
            namespace=in_namespace,
            image=image,
            server=server,
            policy=_texts(_files_of(policy)),
            settings=found,
            settings_text=settings.read_text("utf-8") if settings else "{}\n",
            ca_bundle=None if ca_bundle is None else read_file(ca_bundle, bytes_max=_CA_BYTES_MAX),
            mutate=mutate,
            gatekeeper=gatekeeper,
            record=record,
        )
    )
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)
        for name, some in documents.items():
            (out / name).write_text(to_yaml(some), "utf-8")
    if as_json:
        import msgspec

        files = {name: to_yaml(some) for name, some in documents.items()}
        click.echo(msgspec.json.encode({"files": files}))
    elif out is not None:
        click.echo(f"wrote {' '.join(documents)} to {out}")
    else:
        click.echo(to_yaml([one for some in documents.values() for one in some]), nl=False)
    return YES


def _files_of(policy: Path) -> list[Path]:
    """What a policy is read from. Raises NotFound."""
    from wherefrom.cli.policy_files import document_in

    file = document_in(policy)
    return [file, *sorted(file.parent.glob("*.rego"))]


def _texts(paths: list[Path]) -> dict[str, str]:
    """Each file's text; the document is called policy.yaml, for it is to lie in a folder."""
    document, *modules = paths
    name = "policy.json" if document.suffix == ".json" else "policy.yaml"
    return {
        name: document.read_text("utf-8"),
        **{module.name: module.read_text("utf-8") for module in modules},
    }
