"""``wherefrom keys``: make keys, and say in the log whose signatures count."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from wherefrom.cli.exits import YES
from wherefrom.cli.render import count, table, write_json
from wherefrom.cli.settings import Where, json_option, placed
from wherefrom.cli.targets import read_file, unreadable
from wherefrom.errors import AlreadyExists

_KEY_BYTES_MAX = 64 * 1024
reason_option = click.option("--reason", default="", help="Why; kept in the log for ever.")


@click.group()
def keys() -> None:
    """Make keys, and say whose signatures count."""


@keys.command()
@click.argument("name")
@click.option(
    "-o", "--output", "folder", metavar="DIR", default=".", type=click.Path(path_type=Path),
    help="Where to write the two files.",
)  # fmt: skip
@json_option
def new(name: str, folder: Path, as_json: bool) -> int:
    """Make an Ed25519 key.

    NAME.key is the secret (mode 0600), NAME.pub the public key. Both are PEM, as openssl and
    cosign read them. Existing files are never replaced.
    """
    from wherefrom.keys.pem import new_key_pair
    from wherefrom.keys.public import PublicKey

    secret, public = new_key_pair()
    private_path, public_path = folder / f"{name}.key", folder / f"{name}.pub"
    for path in (private_path, public_path):
        if path.exists():
            raise AlreadyExists(
                "a key of this name is there already", where=str(path), do="Choose another name"
            )
    _write_new(private_path, secret, mode=0o600)
    _write_new(public_path, public, mode=0o644)
    id = PublicKey.from_pem(public).id
    if as_json:
        write_json({"id": id, "private": str(private_path), "public": str(public_path)})
    else:
        click.echo(f"{id}\nsecret: {private_path}  (keep it)\npublic: {public_path}")
        click.echo(f"Let its signatures count: wherefrom keys trust {public_path}")
    return YES


def _write_new(path: Path, written: bytes, *, mode: int) -> None:
    import os

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
        with open(descriptor, "wb") as file:
            file.write(written)
    except OSError as error:
        raise unreadable(path, error) from error


@keys.command(name="list")
@placed
def list_keys(where: Where, as_json: bool) -> int:
    """List every key that the log has named, and its state."""
    from wherefrom.cli.opening import reading

    with reading(where) as place:
        known = place.keys()
    if as_json:
        write_json({"keys": known})
    elif not known:
        click.echo("No key is known: signatures prove nothing yet. See: wherefrom keys trust")
    else:
        rows = [("id", "state", "algorithm", "entry", "names")]
        rows += [(k.id, k.state, k.algorithm, f"#{k.entry}", ", ".join(k.names)) for k in known]
        click.echo(table(rows))
    return YES


@keys.command()
@click.argument("file", metavar="FILE")
@click.option("--name", "names", multiple=True, metavar="HINT", help="A keyid it signs under.")
@reason_option
@placed
def trust(file: str, names: tuple[str, ...], reason: str, where: Where, as_json: bool) -> int:
    """Let the signatures of a public key count.

    FILE is a PEM public key or certificate: Ed25519, ECDSA P-256, P-384 or P-521, RSA. Records
    that came before, signed by it, are judged again.
    """
    from wherefrom.keys.public import PublicKey

    pem = read_file(Path(file), bytes_max=_KEY_BYTES_MAX)
    PublicKey.from_pem(pem, where=file)  # a wrong file is told of before anything is opened
    return _change(where, as_json, action="trust", pem=pem, names=names, reason=reason)


@keys.command()
@click.argument("key", metavar="KEY")
@reason_option
@placed
def retire(key: str, reason: str, where: Where, as_json: bool) -> int:
    """Stop new signatures of KEY from counting.

    KEY is an id or a name; what it signed stays valid.
    """
    return _change(where, as_json, action="retire", key=key, reason=reason)


@keys.command()
@click.argument("key", metavar="KEY")
@reason_option
@placed
def revoke(key: str, reason: str, where: Where, as_json: bool) -> int:
    """Say that KEY, an id or a name, must not be believed."""
    return _change(where, as_json, action="revoke", key=key, reason=reason)


def _change(
    where: Where,
    as_json: bool,
    *,
    action: str,
    pem: bytes | None = None,
    key: str | None = None,
    names: tuple[str, ...] = (),
    reason: str,
) -> int:
    from wherefrom.cli.opening import writing

    with writing(where, create=action == "trust") as place:
        changed: Any = place.change_key(action=action, pem=pem, key=key, names=names, reason=reason)
    if as_json:
        write_json(changed._asdict())
        return YES
    known = changed.key
    named = f" ({', '.join(known.names)})" if known.names else ""
    click.echo(f"{known.id}{named} is {known.state}, by entry {known.entry}")
    if changed.judged_again:
        again = count(changed.judged_again, "earlier record")
        click.echo(f"{again} signed by it: judged again, and signed now")
    return YES
