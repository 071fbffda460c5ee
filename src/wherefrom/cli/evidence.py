"""``wherefrom verify`` and ``wherefrom prove``: evidence, made and checked."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from wherefrom.cli.exits import NO, YES
from wherefrom.cli.failures import warn
from wherefrom.cli.render import columns, count, write_json
from wherefrom.cli.settings import Where, placed
from wherefrom.cli.targets import path_of, read_file, unreadable
from wherefrom.errors import Malformed, NotFound, SettingError, Unavailable

if TYPE_CHECKING:
    from wherefrom.formats.note import VerifierKey
    from wherefrom.verify.evidence_file import Report

_EVIDENCE_BYTES_MAX: Final = 1024 * 1024 * 1024
_STDOUT: Final = "-"
_SAID: Final = {
    "proven": "PROVEN",
    "failed": "FAILED: what is claimed does not hold",
    "unproven": "UNPROVEN: the records are in the log, unchanged, but nobody we know signed them",
}


@click.command()
@click.argument("target")
@click.option("--offline", is_flag=True, help="Ask nobody: TARGET is an evidence file.")
@click.option("--log-key", metavar="VKEY|FILE", help="The log's verifier key, for evidence files.")
@click.option("--entry", metavar="FILE", help="Of a COSE receipt without one: the entry's bytes.")
@click.option(
    "--checkpoint", metavar="FILE", help="Of a COSE receipt of consistency: the older checkpoint."
)
@placed
def verify(
    target: str,
    offline: bool,
    log_key: str | None,
    entry: str | None,
    checkpoint: str | None,
    where: Where,
    as_json: bool,
) -> int:
    """Check evidence, or every record that speaks of a thing.

    TARGET is an evidence file from `wherefrom prove` (checked against the log's key, which never
    comes from the file itself), a COSE receipt, or an id, or a file of yours, which is hashed.
    Exits 0 only if it is proven.
    """
    if offline and log_key is None:
        raise click.UsageError("--offline needs --log-key: the key in the evidence proves nothing")
    if offline or log_key is not None:
        key, path = read_key(log_key or ""), path_of(target) or Path(target)
        if not path.exists():
            raise NotFound(
                "no such evidence file",
                got=target,
                expected="a file that `wherefrom prove` wrote",
                do="Make one with: wherefrom prove ID -o FILE",
            )
        report = _check_file(path, key, entry=entry, checkpoint=checkpoint)
    elif entry is not None or checkpoint is not None:
        raise click.UsageError("--entry and --checkpoint need --log-key, and a COSE receipt")
    else:
        report = _verify_at(target, where)
    if as_json:
        write_json(report)
    else:
        _tell(report)
    return YES if report.result == "proven" else NO


def _verify_at(target: str, where: Where) -> Report:
    """With the help of a place: an id first, then a file, unless it can only be a path."""
    from wherefrom.cli.opening import reading
    from wherefrom.cli.targets import ask

    path = path_of(target)
    if path is not None and _is_evidence(path):
        return _check_with_key_of(path, where)
    try:
        with reading(where) as place:
            return ask(target, place.verify)
    except (NotFound, Unavailable):
        if path is None and _is_evidence(Path(target)):
            return _check_with_key_of(Path(target), where)
        raise


def _check_with_key_of(path: Path, where: Where) -> Report:
    from wherefrom.formats.note import parse_verifier_key

    try:
        if where.server is not None:
            from wherefrom.cli.opening import reading

            with reading(where) as place:
                key = parse_verifier_key(place.status().vkey)
        else:
            from wherefrom.cli.local import need_log

            key = need_log(where.data).log_vkey()
    except Unavailable as error:
        if where.server is not None:
            raise
        raise SettingError(
            "this evidence needs the key of its log",
            where=str(path),
            do="Give it with --log-key, as the log's owner published it",
        ) from error
    warn(f"checked with the key of {where.server or where.data}: {key.to_text()}")
    return _check_file(path, key)


def _check_file(
    path: Path, key: VerifierKey, *, entry: str | None = None, checkpoint: str | None = None
) -> Report:
    from wherefrom.formats import cose
    from wherefrom.verify import cose_receipt
    from wherefrom.verify.evidence_file import check

    written = read_file(path, bytes_max=_EVIDENCE_BYTES_MAX)
    if cose.looks_like(written):
        return cose_receipt.check(
            written,
            log_key=key,
            entry=None if entry is None else _read_beside(entry),
            older=None if checkpoint is None else _read_beside(checkpoint),
        )
    if entry is not None or checkpoint is not None:
        raise click.UsageError("--entry and --checkpoint go with a COSE receipt")
    return check(written, log_key=key)


def _read_beside(name: str) -> bytes:
    return read_file(path_of(name) or Path(name), bytes_max=1024 * 1024)


def _is_evidence(path: Path) -> bool:
    """Whether a file begins as a tlog-proof, an evidence file or a COSE receipt does."""
    from wherefrom.formats import cose, cose_receipt, evidence_file, tlog_proof

    if not path.is_file():
        return False
    try:
        with path.open("rb") as file:
            head = file.read(len(tlog_proof.HEADER) + 1)
    except OSError as error:
        raise unreadable(path, error) from error
    if cose.looks_like(head):
        # A SCITT statement begins so too, and that is a file of somebody's.
        return cose_receipt.is_receipt(read_file(path, bytes_max=_EVIDENCE_BYTES_MAX))
    return head == tlog_proof.HEADER.encode() + b"\n" or evidence_file.is_evidence(head)


def read_key(text: str) -> VerifierKey:
    """A verifier key as text, or the file that holds it. Raises SettingError."""
    from wherefrom.formats.note import parse_verifier_key

    path = path_of(text) or Path(text)
    if path.is_file() or path_of(text) is not None:
        text = read_file(path, bytes_max=64 * 1024).decode("utf-8", "replace").strip()
    try:
        return parse_verifier_key(text)
    except Malformed as error:
        raise SettingError(
            "not a verifier key",
            where="--log-key",
            expected="NAME+8 hex digits+base64, as `wherefrom log status` shows it, or its file",
            got=text[:80],
        ) from error


def _tell(report: Report) -> None:
    import textwrap

    for number, step in enumerate(report.steps, start=1):
        lead = f"{number}. {'✓' if step.ok else '✗'} {step.name}: "
        click.echo(textwrap.fill(
            lead + step.says, columns(), subsequent_indent="     ", break_on_hyphens=False
        ))  # fmt: skip
    click.echo(_SAID[report.result])


@click.command()
@click.argument("id")
@click.option("--trace", "whole_trace", is_flag=True, help="Every record its trace rests on.")
@click.option("--content", is_flag=True, help="The records themselves, not only their entries.")
@click.option(
    "--format",
    "chosen_format",
    type=click.Choice(["tlog-proof", "cose"]),
    help="How one entry is proved: a tlog-proof (the default), or a COSE receipt.",
)
@click.option("-o", "--output", metavar="FILE", help="Where to write it; - for standard output.")
@placed
def prove(
    id: str,
    whole_trace: bool,
    content: bool,
    chosen_format: str | None,
    output: str | None,
    where: Where,
    as_json: bool,
) -> int:
    """Write evidence that anybody can check offline.

    The log's key is all they need. One entry becomes a .tlog-proof or a COSE receipt: of the
    records that speak of the thing, the one that is best vouched for. With --content or --trace it
    becomes a .zip. Without -o it is written to the current folder.
    """
    from wherefrom.cli.opening import reading
    from wherefrom.cli.targets import ask

    if output is not None and output.endswith(".zip"):
        content = True
    if output is not None and output.endswith(".tlog-proof") and (content or whole_trace):
        raise click.UsageError("--content and --trace make a .zip, not a .tlog-proof")
    if chosen_format is not None and (content or whole_trace):
        raise click.UsageError("--format is of one entry; --content and --trace make a .zip")
    format = chosen_format or "tlog-proof"
    with reading(where) as place:
        proof = ask(
            id, lambda t: place.prove(t, whole_trace=whole_trace, content=content, format=format)
        )
    if output == _STDOUT:
        sys.stdout.buffer.write(proof.written)
        sys.stdout.buffer.flush()
        return YES
    path = Path(output or proof.name)
    _write(path, proof.written)
    if as_json:
        write_json({"file": os.fspath(path), "entries": proof.entries, "bytes": len(proof.written)})
        return YES
    chosen = f"entry {proof.entries[0]}" if len(proof.entries) == 1 else _entries(proof.entries)
    click.echo(f"{path}: proves {chosen} ({len(proof.written):,} bytes)")
    shown = path if path.is_absolute() else f"./{path}"
    click.echo(f"Check it anywhere: wherefrom verify {shown} --offline --log-key VKEY")
    click.echo("VKEY is what `wherefrom log status` shows; publish it where evidence is checked.")
    return YES


def _entries(indexes: list[int]) -> str:
    shown = ", ".join(map(str, indexes[:8]))
    return f"{count(len(indexes), 'entry', 'entries')} ({shown}{'…' if len(indexes) > 8 else ''})"


def _write(path: Path, written: bytes) -> None:
    try:
        path.write_bytes(written)
    except OSError as error:
        raise unreadable(path, error) from error
