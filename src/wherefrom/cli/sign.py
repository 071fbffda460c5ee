"""``wherefrom sign``: a statement about files, in a signed envelope.

    FILE ──sha256──► subject ─┐
    --subject FILE, …  ───────┼─► in-toto Statement v1 ──► DSSE ──► -o
    --predicate FILE  ────────┘
    FILE that is a statement already  ────────────────────►

Source: in-toto attestation spec v1; DSSE v1.0.2
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from wherefrom.cli.exits import YES
from wherefrom.cli.render import write_json
from wherefrom.cli.settings import json_option
from wherefrom.cli.targets import digest_of, read_file, unreadable
from wherefrom.errors import Malformed

if TYPE_CHECKING:
    from wherefrom.keys.held import Signer

# What `cosign attest-blob --type` calls them.
TYPES: Final = {
    "slsaprovenance": "https://slsa.dev/provenance/v0.2",
    "slsaprovenance02": "https://slsa.dev/provenance/v0.2",
    "slsaprovenance1": "https://slsa.dev/provenance/v1",
    "spdxjson": "https://spdx.dev/Document",
    "cyclonedx": "https://cyclonedx.org/bom",
    "openvex": "https://openvex.dev/ns",
    "link": "https://in-toto.io/Link/v1",
}
_PREDICATE_BYTES_MAX: Final = 64 * 1024 * 1024
_FILE = click.Path(path_type=Path)


@click.command()
@click.argument("file", metavar="FILE", type=_FILE)
@click.option(
    "--key", metavar="FILE|URI", required=True,
    help="The secret key: PEM, or where one is held (awskms:…, pkcs11:…).",
)  # fmt: skip
@click.option("--predicate-type", "kind", metavar="T", help="What is said of FILE: a type URI.")
@click.option("--predicate", type=_FILE, metavar="FILE", help="What is said, as JSON; else {}.")
@click.option("--subject", "subjects", multiple=True, type=_FILE, metavar="FILE", help="And of it.")
@click.option("-o", "--output", type=_FILE, metavar="FILE", help="Where to write the envelope.")
@json_option
def sign(
    file: Path,
    key: str,
    kind: str | None,
    predicate: Path | None,
    subjects: tuple[Path, ...],
    output: Path | None,
    as_json: bool,
) -> int:
    """Sign a statement about FILE, ready to record.

    With --predicate-type, the DSSE envelope holds an in-toto statement that names FILE (and each
    --subject) by its SHA-256 and says the predicate of it; the short types of `cosign attest-blob`
    work too. Without, FILE is a statement already and is signed as it is. Without -o the envelope
    goes to standard output.
    """
    from wherefrom.formats.dsse import IN_TOTO_TYPE
    from wherefrom.keys.envelopes import sign_envelope
    from wherefrom.keys.held import open_signer

    if kind is None and (predicate is not None or subjects):
        raise click.UsageError("--predicate and --subject need --predicate-type")
    if kind is not None and kind not in TYPES and ":" not in kind:
        raise click.UsageError(
            f"{kind} is no type URI, and none of the short types: {', '.join(TYPES)}"
        )
    secret = open_signer(key)
    if kind is None:
        statement = _ready_statement(file)
    else:
        statement = _new_statement([file, *subjects], TYPES.get(kind, kind), predicate)
    envelope = sign_envelope(IN_TOTO_TYPE, statement, secret)
    if output is None:
        click.echo(envelope)
        return YES
    _tell_written(output, envelope, secret, as_json)
    return YES


def _tell_written(output: Path, envelope: bytes, secret: Signer, as_json: bool) -> None:
    try:
        output.write_bytes(envelope + b"\n")
    except OSError as error:
        raise unreadable(output, error) from error
    if as_json:
        write_json({"file": str(output), "signer": secret.id})
    else:
        click.echo(f"{output}: signed by {secret.id}\nRecord it: wherefrom record {output}")


def _ready_statement(file: Path) -> bytes:
    """The bytes of a file that is an in-toto statement. Raises Malformed, Unsupported."""
    from wherefrom.formats import recognise

    written = read_file(file)
    read = recognise.read(written)
    if read.format != "statement":
        raise Malformed(
            "the file is no in-toto statement", where=str(file), got=read.format,
            expected='{"_type": "https://in-toto.io/Statement/v1", …}',
            do="To say something of it, give --predicate-type",
        )  # fmt: skip
    return written


def _new_statement(files: list[Path], kind: str, predicate: Path | None) -> bytes:
    """A statement about files. Raises StorageError, Malformed for a predicate that is none."""
    import msgspec

    from wherefrom.formats import recognise, strict_json
    from wherefrom.formats.dsse import STATEMENT_TYPES

    said: object = {}
    if predicate is not None:
        said = strict_json.decode(read_file(predicate, bytes_max=_PREDICATE_BYTES_MAX))
        if not isinstance(said, dict):
            raise Malformed("a predicate is a JSON object", where=str(predicate))
    subjects = [
        {"name": path.name, "digest": {"sha256": digest_of(path).removeprefix("sha256:")}}
        for path in files
    ]
    written = msgspec.json.encode(
        {
            "_type": STATEMENT_TYPES[0],
            "subject": subjects,
            "predicateType": kind,
            "predicate": said,
        }
    )
    recognise.read(written)  # what nobody could record is not signed either
    return written
