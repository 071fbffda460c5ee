"""``wherefrom verify`` and ``wherefrom prove``: evidence, made and checked."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import click

from wherefrom.cli.exits import NO, YES
from wherefrom.cli.failures import warn
from wherefrom.cli.render import columns, count, write_json
from wherefrom.cli.settings import Where, placed
from wherefrom.cli.targets import path_of, read_file, unreadable
from wherefrom.errors import Malformed, NotFound, Refused, SettingError, Unavailable

if TYPE_CHECKING:
    from wherefrom.formats.note import VerifierKey
    from wherefrom.formats.tlog_policy import Policy
    from wherefrom.verify.evidence_file import Outside
    from wherefrom.verify.steps import Report

_EVIDENCE_BYTES_MAX: Final = 1024 * 1024 * 1024
_STDOUT: Final = "-"
_SAID: Final = {
    "proven": "PROVEN",
    "failed": "FAILED: what is claimed does not hold",
    "unproven": "UNPROVEN: the records are in the log, unchanged, but nobody we know signed them",
}


class _Beside(NamedTuple):
    """Files that some evidence needs beside it."""

    entry: str | None = None
    checkpoint: str | None = None
    anchor_root: str | None = None


@click.command()
@click.argument("target", required=False)
@click.option("--offline", is_flag=True, help="Ask nobody: TARGET is an evidence file.")
@click.option("--log-key", metavar="VKEY|FILE", help="The log's verifier key, for evidence files.")
@click.option("--bundle", metavar="FILE", help="A Sigstore bundle, attestation or DSSE envelope.")
@click.option("--artifact", metavar="FILE|DIGEST|DIR", help="What the bundle must be about.")
@click.option("--key", metavar="PEM", help="The signer's public key, for a bundle without one.")
@click.option("--identity", metavar="NAME", help="Who must have signed: exactly as certified.")
@click.option("--issuer", metavar="URL", help="Who must have vouched for the signer.")
@click.option("--trusted-root", metavar="JSON", help="What to believe; else the root we ship.")
@click.option("--ignore", metavar="PATH", multiple=True, help="No part of the model in DIR.")
@click.option(
    "--policy", "policy_file", type=click.Path(path_type=Path), metavar="FILE",
    help="Demand the quorum of witnesses of this policy, for evidence files.",
)  # fmt: skip
@click.option(
    "--anchor-root", metavar="JSON",
    help="Demand that others, whose keys this trusted root has, hold the log's checkpoint.",
)  # fmt: skip
@click.option("--entry", metavar="FILE", help="Of a COSE receipt without one: the entry's bytes.")
@click.option(
    "--checkpoint", metavar="FILE", help="Of a COSE receipt of consistency: the older checkpoint."
)
@placed
def verify(
    target: str | None,
    offline: bool,
    log_key: str | None,
    policy_file: Path | None,
    anchor_root: str | None,
    entry: str | None,
    checkpoint: str | None,
    where: Where,
    as_json: bool,
    **of_bundle: Any,
) -> int:
    """Check evidence, a signature, or all records of a thing.

    TARGET is an evidence file from `wherefrom prove` (checked against the log's key, which never
    comes from the file itself), a COSE receipt, or an id, or a file of yours, which is hashed. With
    --bundle, a signature in Sigstore's formats is checked instead, offline. Exits 0 only if it is
    proven.
    """
    if of_bundle["bundle"] is not None:
        if target is not None or log_key is not None or policy_file is not None:
            raise click.UsageError("--bundle is checked alone: no TARGET, --log-key or --policy")
        report = _check_bundle(where, **of_bundle)
    elif any(of_bundle.values()):
        named = ", ".join(f"--{k.replace('_', '-')}" for k, given in of_bundle.items() if given)
        raise click.UsageError(f"{named} is for a --bundle")
    elif target is None:
        raise click.UsageError("give a TARGET, or a --bundle with its --artifact")
    else:
        report = _check_target(
            target,
            offline,
            log_key,
            policy_file,
            where,
            beside=_Beside(entry, checkpoint, anchor_root),
        )
    if as_json:
        write_json(report)
    else:
        tell(report)
    return YES if report.result == "proven" else NO


def _check_bundle(where: Where, *, artifact: str | None, **rest: Any) -> Report:
    from wherefrom.cli.sigstore_bundle import Question, check

    if artifact is None:
        raise click.UsageError("--bundle needs --artifact: a signature is proven of something")
    return check(Question(artifact=artifact, ignored=rest.pop("ignore"), **rest), where)


def _check_target(
    target: str,
    offline: bool,
    log_key: str | None,
    policy_file: Path | None,
    where: Where,
    *,
    beside: _Beside,
) -> Report:
    if offline and log_key is None and policy_file is None:
        raise click.UsageError(
            "--offline needs --log-key or --policy: the key in the evidence proves nothing"
        )
    if log_key is None and policy_file is None:
        if any(beside):
            raise click.UsageError(
                "--entry, --checkpoint and --anchor-root need --log-key, and a file"
            )
        return _verify_at(target, where)
    from wherefrom.cli.witness import read_policy

    keys = [read_key(log_key)] if log_key is not None else []
    policy = read_policy(policy_file) if policy_file is not None else None
    path = path_of(target) or Path(target)
    if not path.exists():
        raise NotFound(
            "no such evidence file",
            got=target,
            expected="a file that `wherefrom prove` wrote",
            do="Make one with: wherefrom prove ID -o FILE",
        )
    return _check_file(path, keys, policy, beside=beside)


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
                keys = [parse_verifier_key(key.vkey) for key in place.status().keys]
        else:
            from wherefrom.cli.local import need_log

            keys = need_log(where.data).own_keys.known()
    except Unavailable as error:
        if where.server is not None:
            raise
        raise SettingError(
            "this evidence needs the key of its log",
            where=str(path),
            do="Give it with --log-key, as the log's owner published it",
        ) from error
    named = keys[-1].to_text() + (f" and {len(keys) - 1} before it" if len(keys) > 1 else "")
    warn(f"checked with the key of {where.server or where.data}: {named}")
    return _check_file(path, keys)


def _check_file(
    path: Path,
    keys: Sequence[VerifierKey],
    policy: Policy | None = None,
    *,
    beside: _Beside = _Beside(),  # noqa: B008 - it never changes
) -> Report:
    from wherefrom.formats import cose, evidence_file
    from wherefrom.verify import cose_receipt
    from wherefrom.verify.evidence_file import check

    written = read_file(path, bytes_max=_EVIDENCE_BYTES_MAX)
    if cose.looks_like(written):
        if not keys or policy is not None or beside.anchor_root is not None:
            raise click.UsageError("a COSE receipt is checked with --log-key, without --policy")
        return cose_receipt.check(
            written,
            log_key=cose_receipt.signer(written, keys),
            entry=None if beside.entry is None else _read_beside(beside.entry),
            older=None if beside.checkpoint is None else _read_beside(beside.checkpoint),
        )
    if beside.entry is not None or beside.checkpoint is not None:
        raise click.UsageError("--entry and --checkpoint go with a COSE receipt")
    if beside.anchor_root is None:
        return check(written, log_keys=keys, policy=policy)
    if not evidence_file.is_evidence(written):
        raise click.UsageError("--anchor-root is for an evidence file: prove … -o FILE.zip")
    outside = _outside(beside.anchor_root)
    return check(written, log_keys=keys, policy=policy, outside=outside)


def _outside(name: str) -> Outside:
    from datetime import UTC, datetime

    from wherefrom.verify.evidence_file import Outside
    from wherefrom.verify.sigstore import trusted_root

    try:
        root = trusted_root.parse(_read_beside(name))
    except Refused as error:
        raise SettingError(
            "not a trusted root",
            where=name,
            got=str(error),
            do="Name the trusted_root.json of Sigstore with --trusted-root",
        ) from error
    return Outside(root, datetime.now(UTC))


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


def read_key(text: str, *, where: str = "--log-key") -> VerifierKey:
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
            where=where,
            expected="NAME+8 hex digits+base64, as `wherefrom log status` shows it, or its file",
            got=text[:80],
            do="Copy it from wherefrom log status, or name a file that holds it",
        ) from error


def tell(report: Report, *, proven: str = _SAID["proven"]) -> None:
    """Show the steps of a check, and what they come to; ``proven`` if all of them held."""
    import textwrap

    for number, step in enumerate(report.steps, start=1):
        lead = f"{number}. {'✓' if step.ok else '✗'} {step.name}: "
        click.echo(textwrap.fill(
            lead + step.says, columns(), subsequent_indent="     ", break_on_hyphens=False
        ))  # fmt: skip
    click.echo(proven if report.result == "proven" else _SAID[report.result])


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
