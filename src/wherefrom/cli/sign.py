"""``wherefrom sign``: a statement about files, or many records at once, signed.

    FILE ──sha256──► subject ─┐
    --subject FILE, …  ───────┼─► in-toto Statement v1 ──► DSSE ──► -o
    --predicate FILE  ────────┘
    FILE that is a statement already  ────────────────────►

    --batch FILE…  ──► every record in them ──► one signature ──► JSON Lines, each checked alone

Source: in-toto attestation spec v1; DSSE v1.0.2
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from wherefrom.cli.exits import YES
from wherefrom.cli.render import write_json
from wherefrom.cli.settings import json_option
from wherefrom.cli.targets import digest_of, read_file, unreadable
from wherefrom.errors import Malformed, NotFound, Refused, Unsupported

if TYPE_CHECKING:
    from wherefrom.cli.gather import Found
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
@click.argument("files", metavar="FILE…", nargs=-1, required=True)
@click.option(
    "--key", metavar="FILE|URI", required=True,
    help="The secret key: PEM, or where one is held (awskms:…, pkcs11:…).",
)  # fmt: skip
@click.option("--predicate-type", "kind", metavar="T", help="What is said of FILE: a type URI.")
@click.option("--predicate", type=_FILE, metavar="FILE", help="What is said, as JSON; else {}.")
@click.option("--subject", "subjects", multiple=True, type=_FILE, metavar="FILE", help="And of it.")
@click.option("--batch", is_flag=True, help="Sign the records in every FILE with one signature.")
@click.option("-o", "--output", type=_FILE, metavar="FILE", help="Where to write what is signed.")
@json_option
def sign(
    files: tuple[str, ...],
    key: str,
    kind: str | None,
    predicate: Path | None,
    subjects: tuple[Path, ...],
    batch: bool,
    output: Path | None,
    as_json: bool,
) -> int:
    """Sign a statement about FILE, ready to record.

    With --predicate-type, the DSSE envelope holds an in-toto statement that names FILE (and each
    --subject) by its SHA-256 and says the predicate of it; the short types of `cosign attest-blob`
    work too. Without, FILE is a statement already and is signed as it is. Without -o the envelope
    goes to standard output.

    With --batch, FILE… holds records, as for `wherefrom record`: they are signed together, and each
    becomes a line that is recorded, and checked, without the others.
    """
    from wherefrom.formats.dsse import IN_TOTO_TYPE
    from wherefrom.keys.envelopes import sign_envelope
    from wherefrom.keys.held import open_signer

    if batch and (kind is not None or predicate is not None or subjects):
        raise click.UsageError("--batch signs records as they are, without --predicate-type")
    if not batch and len(files) > 1:
        raise click.UsageError("one FILE, and --subject for others, or --batch for many records")
    if kind is None and (predicate is not None or subjects):
        raise click.UsageError("--predicate and --subject need --predicate-type")
    if kind is not None and kind not in TYPES and ":" not in kind:
        raise click.UsageError(
            f"{kind} is no type URI, and none of the short types: {', '.join(TYPES)}"
        )
    secret = open_signer(key)
    if batch:
        _tell_written(output, _signed_batch(files, secret), secret, as_json)
        return YES
    file = Path(files[0])
    if kind is None:
        statement = _ready_statement(file)
    else:
        statement = _new_statement([file, *subjects], TYPES.get(kind, kind), predicate)
    _tell_written(output, [sign_envelope(IN_TOTO_TYPE, statement, secret)], secret, as_json)
    return YES


def _signed_batch(files: Sequence[str], secret: Signer) -> list[bytes]:
    """Each record in ``files``, signed with the others. Raises what refuses or hides one."""
    from wherefrom.cli import gather
    from wherefrom.formats import recognise
    from wherefrom.keys.batches import sign_batch

    records: list[bytes] = []
    for source in gather.sources(files):
        for found in gather.records(source, progress=lambda read: None):
            if found.unread is not None:
                raise found.unread
            where = found.source if found.line is None else f"{found.source}, line {found.line}"
            try:
                read = recognise.read(_need_content(found))
            except Refused as error:
                raise type(error)(f"cannot be recorded: {error}", where=where) from error
            if read.batched is not None:
                raise Unsupported("signed in a batch already", where=where)
            records.append(_need_content(found))
    if not records:
        raise NotFound(
            "no record to sign",
            where=" ".join(files),
            do="Name a file with a record in it",
        )
    return list(sign_batch(records, secret))


def _need_content(found: Found) -> bytes:
    if found.content is None:
        assert found.refusal is not None
        raise found.refusal
    return found.content


def _tell_written(
    output: Path | None, signed: Sequence[bytes], secret: Signer, as_json: bool
) -> None:
    """Write what was signed, a line each, and say so; to standard output alone if nowhere else."""
    if output is None:
        for line in signed:
            click.echo(line)
        return
    try:
        output.write_bytes(b"".join(line + b"\n" for line in signed))
    except OSError as error:
        raise unreadable(output, error) from error
    if as_json:
        write_json({"file": str(output), "signer": secret.id, "signed": len(signed)})
    else:
        many = f"{len(signed):,} records " if len(signed) > 1 else ""
        click.echo(f"{output}: {many}signed by {secret.id}\nRecord it: wherefrom record {output}")


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
