"""``wherefrom up``: serve a directory until told to stop."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from wherefrom.cli.exits import YES
from wherefrom.cli.failures import warn
from wherefrom.cli.settings import DATA_DEFAULT, Where, placed_locally
from wherefrom.cli.targets import read_file
from wherefrom.errors import Error, SettingError

if TYPE_CHECKING:
    from wherefrom.app import DataFolder
    from wherefrom.formats.checkpoint import Checkpoint

PORT_DEFAULT: Final = 8474
_FILE = click.Path(path_type=Path)


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
@click.option(
    "--port", default=PORT_DEFAULT, show_default=True, type=click.IntRange(0, 65535),
    help="The port; 0 takes a free one.",
)  # fmt: skip
@click.option("--origin", metavar="NAME", help="What a new log is called, such as example.com/log.")
@click.option("--sample", is_flag=True, help="Load a small sample estate into an empty log.")
@click.option(
    "--extends", type=_FILE, metavar="FILE", help="A checkpoint that a restored log must extend."
)
@click.option("--tls-cert", type=_FILE, metavar="FILE", help="Serve HTTPS with this certificate.")
@click.option("--tls-key", type=_FILE, metavar="FILE", help="The key of the certificate.")
@click.option("--tls-client-ca", type=_FILE, metavar="FILE", help="Clients must show one of its.")
@click.option("--policy", type=_FILE, metavar="FILE", help="Have the witnesses of this policy.")
@click.option(
    "--witness-deadline", default=3.0, show_default=True, metavar="SECONDS",
    type=click.FloatRange(0.01, 600), help="How long the quorum of its witnesses is waited for.",
)  # fmt: skip
@click.option("--fail-open", is_flag=True, help="Then publish a checkpoint without the quorum.")
@click.option(
    "--anchor-root", type=_FILE, metavar="JSON",
    help="Anchor checkpoints with others, whose keys this Sigstore trusted root has.",
)  # fmt: skip
@click.option("--rekor", multiple=True, metavar="URL", help="In this Rekor v2 log; several times.")
@click.option("--tsa", multiple=True, metavar="URL", help="By this RFC 3161 authority; several.")
@click.option(
    "--anchor-every", default="1h", show_default=True, metavar="DURATION", help="How often."
)
@click.option(
    "--audit-first", is_flag=True,
    help="Read the whole log before the first answer, however large it is.",
)  # fmt: skip
@placed_locally
def up(
    host: str,
    port: int,
    origin: str | None,
    sample: bool,
    extends: Path | None,
    tls_cert: Path | None,
    tls_key: Path | None,
    tls_client_ca: Path | None,
    policy: Path | None,
    witness_deadline: float,
    fail_open: bool,
    anchor_root: Path | None,
    rekor: tuple[str, ...],
    tsa: tuple[str, ...],
    anchor_every: str,
    audit_first: bool,
    where: Where,
    as_json: bool,
) -> int:
    """Serve a data directory over HTTP, until it is told to stop.

    Starts a new log if there is none. Who may use it is said by bearer tokens; the first start
    writes the administrator's to the file token in the directory.
    """
    from wherefrom.app import DataFolder
    from wherefrom.cli.local import make
    from wherefrom.serving.http import Tls, bound
    from wherefrom.serving.writer import up as serve

    if (tls_cert is None) != (tls_key is None):
        raise click.UsageError("--tls-cert and --tls-key go together")
    if tls_client_ca is not None and tls_cert is None:
        raise click.UsageError("--tls-client-ca needs --tls-cert and --tls-key")
    tls = Tls(tls_cert, tls_key, tls_client_ca) if tls_cert and tls_key else None
    folder = DataFolder(where.data)
    folder.need_own()
    folder.need_short()
    if not folder.exists():
        bound(host, port).close()  # a server that cannot start leaves no log behind
        make(folder, origin=origin)
    elif origin is not None and origin != folder.origin:
        raise SettingError(
            "the log has another origin",
            expected=origin,
            got=folder.origin,
            do="Leave out --origin: a log keeps the one it was made with",
        )
    if policy is not None and folder.served() is None:  # else this one will not start
        written = read_file(policy, bytes_max=1024 * 1024)
        folder.keep_policy(written, where=str(policy))
    if (rekor or tsa) and anchor_root is None:
        raise click.UsageError("--rekor and --tsa need --anchor-root: whose answers to believe")
    if anchor_root is not None:
        if not rekor and not tsa:
            raise click.UsageError("--anchor-root needs somebody to ask: --rekor or --tsa")
        _keep_anchor_settings(folder, anchor_root, rekor, tsa, anchor_every)
    if fail_open and folder.policy() is None:
        raise click.UsageError("--fail-open is for a log with witnesses: give --policy too")
    if not (folder.path / "token").exists():
        warn(f"writing the administrator's token to {folder.ensure_admin_token()}")

    def serving(url: str, size: int) -> None:
        said: Any = f"wherefrom: serving {url} (log {folder.origin}, size {size})"
        if as_json:
            import msgspec

            said = msgspec.json.encode({"url": url, "origin": folder.origin, "size": size})
        click.echo(said)
        if sample:
            _tell_what_to_try(folder, url)

    serve(
        folder,
        host=host,
        port=port,
        tls=tls,
        fail_open=fail_open,
        witness_deadline_s=witness_deadline,
        extends=read_checkpoint(extends, folder) if extends is not None else None,
        # What came from somewhere else is looked at as a whole before anything is said of it.
        audit_first=audit_first or extends is not None,
        before=load_sample if sample else lambda folder: None,
        serving=serving,
    )
    return YES


def _keep_anchor_settings(
    folder: DataFolder, root: Path, logs: tuple[str, ...], stamps: tuple[str, ...], every: str
) -> None:
    from wherefrom.formats.anchor import AnchorSettings
    from wherefrom.formats.timestamps import duration_s

    if folder.served() is not None:  # then this server will not start
        return
    written = read_file(root, bytes_max=4 * 1024 * 1024).decode("utf-8", "replace")
    every_s = duration_s(every, where="--anchor-every")
    folder.keep_anchor_settings(
        AnchorSettings(root=written, logs=logs, stamps=stamps, every_s=every_s), where=str(root)
    )


def read_checkpoint(path: Path, folder: DataFolder) -> Checkpoint:
    """A checkpoint that the log's own key signed. Raises SettingError."""
    from wherefrom.formats import checkpoint, note
    from wherefrom.keys.ed25519 import check_note

    written = read_file(path, bytes_max=1024 * 1024)
    try:
        return checkpoint.parse(check_note(note.parse(written), folder.own_keys.known()))
    except Error as error:
        raise SettingError(
            "not a checkpoint of this log", where=str(path), got=str(error),
            expected=f"a note signed by {folder.origin}",
            do="Take the newest that this log published: a witness, or an export, has one",
        ) from error  # fmt: skip


def load_sample(folder: DataFolder) -> None:
    """Record the sample estate, unless the log holds more than its first entry."""
    from wherefrom.app import open_log, open_recorder
    from wherefrom.collect.principals import local
    from wherefrom.errors import NotFound
    from wherefrom.sample import estate

    try:
        if open_log(folder).size > 1:
            return
    except NotFound:
        pass  # no head yet: a new log
    sample = estate.build()
    with open_recorder(folder) as recorder:
        for key in sample.keys:
            recorder.change_key(key.public, action="trust", names=(key.name,), reason=key.says)
        recorder.record(sample.records, principal=local(os.getuid()))


def _tell_what_to_try(folder: DataFolder, url: str) -> None:
    from wherefrom.sample.estate import QUESTIONS

    data = "" if folder.path == Path(DATA_DEFAULT) else f" --data {folder.path}"
    program = "wherefrom" if shutil.which("wherefrom") else os.path.relpath(sys.argv[0])
    lines = [
        f"The administrator's token lies in {folder.path / 'token'}; ^C ends the server.",
        f"In a browser: {url}, signed in with that token. Or in another terminal:",
        *(f"  {program} {command}{data}" for command in QUESTIONS),
    ]
    click.echo("\n".join(lines), err=True)
