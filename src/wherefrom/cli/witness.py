"""``wherefrom witness``: cosign the checkpoints of logs, until told to stop."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from wherefrom.cli.exits import YES
from wherefrom.cli.failures import warn
from wherefrom.cli.settings import json_option
from wherefrom.cli.targets import read_file
from wherefrom.errors import SettingError

if TYPE_CHECKING:
    from wherefrom.formats.note import VerifierKey
    from wherefrom.formats.tlog_policy import Policy

PORT_DEFAULT: Final = 8475
DATA_DEFAULT: Final = "./wherefrom-witness"
_FILE = click.Path(path_type=Path)


@click.command()
@click.option(
    "--data", default=DATA_DEFAULT, show_default=True, metavar="DIR", help="Its directory.",
)  # fmt: skip
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
@click.option(
    "--port", default=PORT_DEFAULT, show_default=True, type=click.IntRange(0, 65535),
    help="The port; 0 takes a free one.",
)  # fmt: skip
@click.option("--name", metavar="NAME", help="What a new witness is called: w.example.com/w1.")
@click.option("--log", "logs", multiple=True, metavar="VKEY|FILE", help="A log to cosign for.")
@click.option("--policy", type=_FILE, metavar="FILE", help="Cosign for the logs of this policy.")
@click.option("--ml-dsa", is_flag=True, help="Cosign with a key of ML-DSA-44 too.")
@click.option("--moved", is_flag=True, help="The directory was moved; nothing newer of it exists.")
@click.option("--tls-cert", type=_FILE, metavar="FILE", help="Serve HTTPS with this certificate.")
@click.option("--tls-key", type=_FILE, metavar="FILE", help="The key of the certificate.")
@json_option
def witness(
    data: str,
    host: str,
    port: int,
    name: str | None,
    logs: tuple[str, ...],
    policy: Path | None,
    ml_dsa: bool,
    moved: bool,
    tls_cert: Path | None,
    tls_key: Path | None,
    as_json: bool,
) -> int:
    """Cosign the checkpoints of logs, as a C2SP witness.

    For each log it cosigns one line of growth, whatever it is sent, and keeps what it cosigned
    last. The first start makes its keys and needs --name; the file vkeys in its directory holds
    what others need to know of it.
    """
    from wherefrom.serving.http import Tls, bound
    from wherefrom.serving.witness import run
    from wherefrom.serving.witness_folder import WitnessFolder

    if (tls_cert is None) != (tls_key is None):
        raise click.UsageError("--tls-cert and --tls-key go together")
    known = _logs(logs, policy)
    folder = WitnessFolder(Path(data))
    if not folder.exists():
        if name is None:
            raise click.UsageError("a new witness needs a name: --name witness.example.com/w1")
        bound(host, port).close()  # a server that cannot start leaves no witness behind
        folder.create(name)
    if ml_dsa:
        folder.add_mldsa44()
    vkeys = [cosigner.verifier_key for cosigner in folder.cosigners()]
    if name is not None and name != vkeys[0].name:
        raise SettingError(
            "the witness has another name",
            expected=name,
            got=vkeys[0].name,
            do="Leave out --name: a witness keeps the one it was made with",
        )

    def serving(url: str) -> None:
        said: Any = f"wherefrom: witnessing {url} ({vkeys[0].name}, {len(known)} logs)"
        if as_json:
            import msgspec

            shown = [key.to_text() for key in vkeys]
            said = msgspec.json.encode(
                {"url": url, "name": vkeys[0].name, "vkeys": shown, "logs": list(known)}
            )
        else:
            warn(f"its public keys are in {folder.path / 'vkeys'}")
        click.echo(said)

    tls = Tls(tls_cert, tls_key) if tls_cert and tls_key else None
    run(folder, known, host=host, port=port, tls=tls, moved=moved, serving=serving)
    return YES


def _logs(vkeys: tuple[str, ...], policy: Path | None) -> dict[str, list[VerifierKey]]:
    """Each origin with its keys. Raises SettingError, UsageError."""
    from wherefrom.cli.evidence import read_key
    from wherefrom.formats.tlog_policy import LOG_ALGORITHMS

    keys = [read_key(text, where="--log") for text in vkeys]
    if policy is not None:
        keys += [log.key for log in read_policy(policy).logs]
    if not keys:
        raise click.UsageError("which logs? Give --log VKEY, or --policy with log lines")
    found: dict[str, list[VerifierKey]] = {}
    for key in keys:
        if key.algorithm not in LOG_ALGORITHMS:
            raise SettingError(
                "not a key of a log", where="--log", expected="type 0x01 or 0x06",
                got=f"type {key.algorithm:#04x}",
                do="Give the log's verifier key, as wherefrom log status shows it",
            )  # fmt: skip
        if key not in found.setdefault(key.name, []):
            found[key.name].append(key)
    return found


def read_policy(path: Path) -> Policy:
    """The policy in a file. Raises SettingError, naming the line."""
    from wherefrom import app
    from wherefrom.formats.tlog_policy import POLICY_BYTES_MAX

    return app.read_policy(read_file(path, bytes_max=POLICY_BYTES_MAX), where=str(path))
