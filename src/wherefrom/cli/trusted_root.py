"""``wherefrom log trusted-root``: whom a Sigstore client is to trust that logs here."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final

import click

from wherefrom.cli.exits import YES
from wherefrom.cli.settings import Where, placed_locally
from wherefrom.cli.targets import path_of, read_file, unreadable

_PEM_BYTES_MAX: Final = 1024 * 1024


@click.command(name="trusted-root")
@click.option(
    "--ca",
    "authorities",
    metavar="FILE",
    multiple=True,
    help="Certificates of an authority that issues to signers: its chain, in PEM.",
)
@click.option(
    "--tsa",
    "timestamps",
    metavar="FILE",
    multiple=True,
    help="Certificates of a timestamp authority: its chain, in PEM.",
)
@click.option(
    "--ct-log",
    "ct_logs",
    metavar="FILE",
    multiple=True,
    help="Public key of a certificate transparency log, in PEM.",
)
@click.option("-o", "--output", metavar="FILE", help="Where to write it; else standard output.")
@placed_locally
def trusted_root(
    authorities: tuple[str, ...],
    timestamps: tuple[str, ...],
    ct_logs: tuple[str, ...],
    output: str | None,
    where: Where,
    as_json: bool,
) -> int:
    """Write the trusted root of this log for Sigstore clients.

    It names the log's Rekor tree and its key, and the authorities you give. A client that has it
    verifies bundles whose signatures were logged at POST /api/v2/log/entries.
    """
    import json

    from wherefrom.app import open_log
    from wherefrom.cli.local import need_log
    from wherefrom.formats import entry
    from wherefrom.keys.trusted_root import RootKey
    from wherefrom.keys.trusted_root import trusted_root as written
    from wherefrom.log.own_keys import is_local
    from wherefrom.views.rekor.view import log_id, rekor_origin

    folder = need_log(where.data)
    origin = rekor_origin(folder.origin)
    began = entry.parse(open_log(folder).record(0).entry).received
    said = written(
        origin=origin,
        log_keys=[
            RootKey(
                public_key=key.key.public_key,
                log_id=log_id(origin, key.key.public_key),
                since=max(began, key.named.since),
                until=key.named.until,
            )
            for key in folder.own_keys.read().keys
            if is_local(key)
        ],
        authorities=[_read(name) for name in authorities],
        timestamp_authorities=[_read(name) for name in timestamps],
        ct_logs=[_read(name) for name in ct_logs],
    )
    text = json.dumps(said, indent=None if as_json else 2) + "\n"
    if output is None:
        sys.stdout.write(text)
        return YES
    try:
        Path(output).write_text(text, encoding="utf-8")
    except OSError as error:
        raise unreadable(Path(output), error) from error
    if not as_json:
        click.echo(f"{output}: trusts {origin}")
    return YES


def _read(name: str) -> bytes:
    return read_file(path_of(name) or Path(name), bytes_max=_PEM_BYTES_MAX)
