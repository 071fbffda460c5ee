"""``wherefrom run``: a command, and a signed record of what it read, wrote and leant on.

    -- COMMAND… ──recorder──► Step ──► provenance, SBOM ──sign──► spool ──► the place
                                └ a summary on standard error; standard output is the command's

Nothing after the command changes how it ended: what goes wrong with the record is told, and the
exit is the command's. Only --strict makes it otherwise.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import click

from wherefrom.cli.exits import CANNOT_TELL
from wherefrom.cli.failures import warn
from wherefrom.cli.hash_key import hash_key_option
from wherefrom.cli.hash_key import read as read_hash_key
from wherefrom.cli.render import count
from wherefrom.cli.settings import Where, placed

if TYPE_CHECKING:
    from wherefrom.capture.recorder.spool import Sent
    from wherefrom.capture.recorder.step import Step
    from wherefrom.keys.held import Signer

WAIT_SECONDS: Final = 5.0
_SHOWN_MAX: Final = 5
_FILE = click.Path(path_type=Path)


class _Told(NamedTuple):
    """What became of the records of a step."""

    entries: list[int]
    waiting: int
    refused: list[str]
    trouble: str | None


@click.command(context_settings={"allow_interspersed_args": False})
@click.argument("command", metavar="-- COMMAND…", nargs=-1, required=True, type=click.UNPROCESSED)
@click.option(
    "--key", metavar="FILE|URI", envvar="WHEREFROM_KEY",
    help="The secret key to sign with, else WHEREFROM_KEY; without, the record is not signed.",
)  # fmt: skip
@click.option(
    "--input", "inputs", multiple=True, metavar="GLOB", help="What it may read without a debt."
)
@click.option(
    "--output", "outputs", multiple=True, metavar="GLOB",
    help="What it makes; else all that it leaves in the tree.",
)  # fmt: skip
@click.option(
    "--env", "names", multiple=True, metavar="NAME", help="Record this variable too; * is any text."
)
@hash_key_option
@click.option("--builder", metavar="URI", help="Who runs it; else CI says.")
@click.option("--no-trace", is_flag=True, help="Do not watch it: only --input and --output count.")
@click.option("--no-sbom", is_flag=True, help="Make no SBOM.")
@click.option(
    "--spool", type=_FILE, metavar="DIR", envvar="WHEREFROM_SPOOL",
    help="Where records wait for their place, else WHEREFROM_SPOOL.",
)  # fmt: skip
@click.option(
    "--wait", type=click.FloatRange(0, 600), default=WAIT_SECONDS, show_default=True,
    metavar="SECONDS", help="How long to wait for a server.",
)  # fmt: skip
@click.option("-o", "--file", type=_FILE, metavar="FILE", help="Write the records there instead.")
@click.option(
    "--strict", is_flag=True, help="End with 3 if a command that went well has no record."
)
@click.option("-q", "--quiet", is_flag=True, help="Say nothing if all went well.")
@placed
def run(
    command: tuple[str, ...],
    key: str | None,
    hash_key: Path | None,
    no_sbom: bool,
    strict: bool,
    where: Where,
    as_json: bool,
    **said: Any,
) -> int:
    """Run a command and record what it read, wrote and leant on.

    The record is SLSA provenance, signed; with wherefrom[sbom] a CycloneDX SBOM too. The exit is
    the command's own. While the place is away records wait on disk, and the next run sends them.
    """
    from wherefrom.capture.recorder import sbom
    from wherefrom.capture.recorder.found import Asked
    from wherefrom.capture.recorder.step import Recording
    from wherefrom.errors import Error

    signer = _signer(key)
    recording = Recording(
        command, environ=os.environ, asked=Asked(said["inputs"], said["outputs"]),
        allowed=said["names"], key=read_hash_key(hash_key), builder=said["builder"],
        traced=not said["no_trace"],
    )  # fmt: skip
    if recording.not_traced is not None and not said["no_trace"]:
        warn(f"{recording.not_traced}: only what --input and --output name is recorded")
    ran = recording.run()
    if ran.trouble is not None:
        warn(ran.trouble)
    is_kept = False
    try:
        step = recording.told()
        records = _records(step, signer, with_sbom=not no_sbom and sbom.is_there())
        told = _keep(records, where, said["file"], said["spool"], said["wait"])
        is_kept = told.trouble is None and not told.refused
        if as_json or not (said["quiet"] and is_kept):
            _summarise(step, told, signed=signer is not None, as_json=as_json)
    except Exception as error:  # noqa: BLE001 - nothing of ours may end what a build depends on
        why = str(error) if isinstance(error, Error | OSError) else repr(error)
        warn(f"the command ended with {ran.status}, and is not recorded: {why}")
    return CANNOT_TELL if strict and ran.status == 0 and not is_kept else ran.status


def _signer(key: str | None) -> Signer | None:
    """The key, before the command runs: a wrong one is found now. One that is away is told."""
    from wherefrom.errors import Unavailable
    from wherefrom.keys.held import open_signer

    if key is None:
        warn("there is no --key: the record will not be signed")
        return None
    try:
        return open_signer(key)
    except Unavailable as error:
        warn(f"the key is away, the record will not be signed: {error}")
        return None


def _records(step: Step, signer: Signer | None, *, with_sbom: bool) -> list[bytes]:
    from wherefrom.capture.recorder import provenance, sbom
    from wherefrom.errors import Error
    from wherefrom.formats.dsse import IN_TOTO_TYPE
    from wherefrom.keys.envelopes import sign_envelope

    statements = [provenance.statement(step)]
    if with_sbom and step.ran.status == 0 and step.found.outputs:
        statements.append(provenance.statement(step, sbom.PREDICATE_TYPE, sbom.bom(step)))
    if signer is None:
        return statements
    try:
        return [sign_envelope(IN_TOTO_TYPE, statement, signer) for statement in statements]
    except Error as error:  # a key that somebody else holds, and that went away meanwhile
        warn(f"the record is not signed: {error}")
        return statements


def _keep(
    records: Sequence[bytes], where: Where, file: Path | None, folder: Path | None, wait_s: float
) -> _Told:
    """Put the records where they go: a file, or the spool and from there to the place."""
    from wherefrom.capture.recorder.spool import Spool, folder_of, give_each
    from wherefrom.errors import StorageError

    if file is not None:
        file.write_bytes(b"".join(record + b"\n" for record in records))
        return _Told([], 0, [], None)
    spool = Spool(folder_of(where.server or str(where.data.absolute()), folder))
    try:
        for record in records:
            spool.put(record)
        sent = _send(spool.send, where, wait_s)
    except StorageError as error:  # a home that nobody can write: what is not kept can be given
        warn(f"nothing can wait on disk: {error}")
        sent = _send(partial(give_each, records), where, wait_s)
    return _Told(
        [item["index"] for item in sent.items if item.get("index") is not None],
        sent.waiting,
        [str(item.get("reason")) for item in sent.items if item["status"] == "refused"],
        None if sent.trouble is None else str(sent.trouble),
    )


def _send(send: Callable[..., Sent], where: Where, wait_s: float) -> Sent:
    from wherefrom.cli.local import open_local_writing, server_of
    from wherefrom.errors import Error

    try:
        through = server_of(where) if where.server is None else where
        if through.server is not None:
            return send(_to_server(through, wait_s))
        with open_local_writing(through.data, create=True) as place:

            def give(records: Sequence[bytes]) -> list[Mapping[str, Any]]:
                return [
                    {"status": o.status, "index": o.index, "code": o.code, "reason": o.reason}
                    for o in place.record(list(records))
                ]

            return send(give)
    except Error as error:
        trouble = error

        def nobody(records: Sequence[bytes]) -> Any:
            raise trouble

        return send(nobody)


def _to_server(where: Where, wait_s: float) -> Callable[[Sequence[bytes]], Any]:
    """Gives records to a server, and to none once the time is over."""
    from wherefrom.capture.sending import Sender
    from wherefrom.errors import Unavailable

    own = None
    if where.certificate is not None:
        own = (str(where.certificate), str(where.key) if where.key else None)
    sender = Sender(
        where.server, where.token, ca=str(where.ca) if where.ca else None, own=own,
        timeout_s=max(wait_s, 0.1),
    )  # fmt: skip
    until = time.monotonic() + wait_s

    def give(records: Sequence[bytes]) -> Any:
        if time.monotonic() > until:
            raise Unavailable(
                "there was no time to send all of it",
                where=where.server,
                do="What is left waits in the spool, and goes with the next run",
            )
        return sender.send(records)

    return give


def _summarise(step: Step, told: _Told, *, signed: bool, as_json: bool) -> None:
    from wherefrom.capture.recorder.step import summary

    shown = summary(step)
    shown.update(signed=signed, **told._asdict())
    if as_json:
        import msgspec

        click.echo(msgspec.json.encode(shown), err=True)
        return
    made = ", ".join(one["name"] for one in shown["outputs"][:_SHOWN_MAX])
    more = len(shown["outputs"]) - _SHOWN_MAX
    made += f" and {more} more" if more > 0 else ""
    warn(
        f"{count(shown['inputs'], 'input')}, {count(shown['packages'], 'package')}"
        f" ──► {made or 'nothing'}"
        f" (exit {shown['exit']}, {shown['seconds']} s)"
    )
    for debt in step.debts:
        seen = ", ".join(debt.seen[:_SHOWN_MAX]) + (" …" if debt.number > _SHOWN_MAX else "")
        warn(f"debt: {debt.says} ({seen}); what helps: {debt.remedy}", hyphens=False)
    for why, number in step.found.left_out.items():
        warn(f"left out: {number} {why.replace('_', ' ')}")
    for reason in told.refused:
        warn(f"refused: {reason}")
    if told.trouble is not None:
        warn(f"{count(told.waiting, 'record')} not taken, kept for the next run: {told.trouble}")
    elif told.entries:
        warn(f"recorded as entry {', '.join(str(index) for index in told.entries)}")
