"""``wherefrom keys``: make keys, and say in the log whose signatures count, since when, for what.

trust · retire · revoke · administrators ──► at once, on the word of the service key
                                         └─ --propose FILE ──► approve, by each ──► apply
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from wherefrom.cli.exits import YES
from wherefrom.cli.options import as_of_option
from wherefrom.cli.render import count, table, write_json
from wherefrom.cli.resign import resign
from wherefrom.cli.settings import Where, json_option, placed
from wherefrom.cli.targets import read_file, unreadable
from wherefrom.errors import AlreadyExists

if TYPE_CHECKING:
    from wherefrom.formats.own import Change, KeyChange
    from wherefrom.keys.keyring import KnownKey
    from wherefrom.log.recorder import KeyChanged
    from wherefrom.query.lost import Lost

_KEY_BYTES_MAX = 64 * 1024
# A change may hold a whole trusted root, in base64.
_CHANGE_BYTES_MAX = 2 * 1024 * 1024
reason_option = click.option("--reason", default="", help="Why; kept in the log for ever.")
propose_option = click.option(
    "--propose", metavar="FILE", type=click.Path(path_type=Path),
    help="Change nothing: write the change to FILE, for administrators to approve.",
)  # fmt: skip
_SHOWN_MAX = 20


@click.group()
def keys() -> None:
    """Make keys, and say whose signatures count."""


@keys.command()
@click.argument("name")
@click.option(
    "-o", "--output", "folder", metavar="DIR", default=".", type=click.Path(path_type=Path),
    help="Where to write the two files.",
)  # fmt: skip
@click.option(
    "--held", metavar="URI",
    help="Make none: write the public half of a key that a KMS or token holds.",
)  # fmt: skip
@json_option
def new(name: str, folder: Path, held: str | None, as_json: bool) -> int:
    """Make an Ed25519 key.

    NAME.key is the secret (mode 0600), NAME.pub the public key. Both are PEM, as openssl and
    cosign read them. Existing files are never replaced.
    """
    from wherefrom.keys.pem import new_key_pair
    from wherefrom.keys.public import PublicKey

    if held is not None:
        return _public_half(held, folder / f"{name}.pub", as_json)
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


def _public_half(uri: str, path: Path, as_json: bool) -> int:
    from wherefrom.keys.held import open_held

    public = open_held(uri).public
    _write_new(path, public.to_pem().encode(), mode=0o644)
    if as_json:
        write_json({"id": public.id, "private": uri, "public": str(path)})
    else:
        click.echo(f"{public.id}\nsecret: stays at {uri}\npublic: {path}")
        click.echo(f"Let its signatures count: wherefrom keys trust {path}")
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
@as_of_option
@placed
def list_keys(as_of: int | None, where: Where, as_json: bool) -> int:
    """List every key that the log has named, and its state."""
    from wherefrom.cli.opening import reading

    with reading(where) as place:
        told = place.keys(as_of)
    if as_json:
        write_json(told)
        return YES
    if not told.keys:
        click.echo("No key is known: signatures prove nothing yet. See: wherefrom keys trust")
        return YES
    rows = [("id", "state", "algorithm", "entry", "names")]
    rows += [(k.id, k.state, k.algorithm, f"#{k.entry}", ", ".join(k.names)) for k in told.keys]
    click.echo(table(rows))
    if (agreed := told.administrators) is not None:
        click.echo(f"A change needs {agreed.threshold} of: {' '.join(agreed.keys)}")
    return YES


@keys.command()
@click.argument("key", metavar="KEY")
@placed
def show(key: str, where: Where, as_json: bool) -> int:
    """Show when a key counts, for what, and what became of it.

    KEY is an id, a unique beginning of one, or a name.
    """
    from wherefrom.cli.opening import reading

    with reading(where) as place:
        history = place.key(key)
    if as_json:
        write_json(history)
        return YES
    known = history.key
    click.echo(f"{known.id}  {known.algorithm}, {known.state}")
    for line in _facts_of(known):
        click.echo(f"  {line}")
    rows = [("entry", "when", "what", "why")]
    rows += [
        (f"#{c.entry}", c.change.since or "", _does(c.change), c.change.reason)
        for c in history.changes
    ]
    click.echo(table(rows))
    return YES


def _facts_of(known: KnownKey) -> list[str]:
    told = {
        "called": ", ".join(known.names),
        "owner": known.owner,
        "counts from": known.valid_from,
        "counts until": known.valid_to,
        "compromised since": known.compromised_since,
        "may sign": ", ".join(known.kinds),
        "may speak of": ", ".join(known.scopes),
        "replaces": known.replaces,
    }
    return [f"{what}: {value}" for what, value in told.items() if value]


def _does(change: KeyChange) -> str:
    since = change.compromised_since
    return f"{change.action}, compromised since {since}" if since else change.action


@keys.command()
@click.argument("file", metavar="FILE")
@click.option("--name", "names", multiple=True, metavar="HINT", help="A keyid it signs under.")
@click.option("--owner", default="", help="Whose it is: a team or service, not a person.")
@click.option("--valid-from", metavar="TIME", help="What it signed before does not count.")
@click.option("--valid-to", metavar="TIME", help="What it signs from then on does not count.")
@click.option(
    "--kind", "kinds", multiple=True, metavar="KIND",
    help="An entry kind or predicate type it may sign; without any, all.",
)  # fmt: skip
@click.option(
    "--scope", "scopes", multiple=True, metavar="PATTERN",
    help="What it may speak of, by id or name, such as 'pkg:npm/%40acme/*'; without any, all.",
)  # fmt: skip
@click.option("--replaces", metavar="KEY", help="The key before it, an id or a name.")
@reason_option
@propose_option
@placed
def trust(file: str, where: Where, as_json: bool, propose: Path | None, **said: Any) -> int:
    """Let the signatures of a public key count.

    FILE is a PEM public key or certificate: Ed25519, ECDSA P-256, P-384 or P-521, RSA. Records
    that came before, signed by it, are judged again, each at the time the log took it.
    """
    from wherefrom.keys.public import PublicKey

    pem = read_file(Path(file), bytes_max=_KEY_BYTES_MAX)
    # A wrong file is told of before anything is opened.
    text = PublicKey.from_pem(pem, where=file).to_pem()
    return _change(where, as_json, propose, action="trust", pem=text, **said)


@keys.command()
@click.argument("key", metavar="KEY")
@click.option("--since", metavar="TIME", help="From when on it does not count; now, if not given.")
@reason_option
@propose_option
@placed
def retire(key: str, where: Where, as_json: bool, propose: Path | None, **said: Any) -> int:
    """Stop new signatures of KEY from counting.

    KEY is an id or a name; what it signed stays valid.
    """
    return _change(where, as_json, propose, action="retire", key=key, **said)


@keys.command()
@click.argument("key", metavar="KEY")
@click.option(
    "--compromised-since", metavar="TIME",
    help="From when on it may have been in other hands: what came before stays valid.",
)  # fmt: skip
@reason_option
@propose_option
@placed
def revoke(key: str, where: Where, as_json: bool, propose: Path | None, **said: Any) -> int:
    """Say that a key must not be believed; list what hung on it.

    KEY is an id or a name. Every record that it vouched for is judged again, at the time the log
    took it.
    """
    return _change(where, as_json, propose, action="revoke", key=key, **said)


@keys.command()
@click.argument("admins", metavar="KEY...", nargs=-1, required=True)
@click.option(
    "--threshold", type=click.IntRange(1), required=True, help="How many must sign a change."
)
@reason_option
@propose_option
@placed
def administrators(
    admins: tuple[str, ...],
    threshold: int,
    reason: str,
    propose: Path | None,
    where: Where,
    as_json: bool,
) -> int:
    """Say whose signatures a change of keys needs from now on.

    KEY is an id or a name of a key that is trusted already. Without --propose the change is
    made at once, as long as no administrators are named yet.
    """
    from wherefrom.app import now
    from wherefrom.cli.opening import reading, writing
    from wherefrom.formats.own import Administrators
    from wherefrom.keys.changes import draft

    with reading(where) as place:
        told = place.keys()
        ids = tuple(place.key(hint).key.id for hint in admins)
    change = Administrators(
        keys=ids, threshold=threshold, since=now(), reason=reason, keyring=told.keyring
    )
    written = draft(change)
    if propose is not None:
        return write_draft(propose, written, as_json)
    with writing(where) as place:
        changed = place.apply_key_change(written)
    return _tell(changed, None, as_json, change)


@keys.command()
@click.argument("file", metavar="FILE", type=click.Path(path_type=Path))
@click.option(
    "--key", "secret", metavar="FILE|URI", required=True,
    help="Your secret key: PEM, or where it is held (awskms:…, pkcs11:…).",
)  # fmt: skip
@json_option
def approve(file: Path, secret: str, as_json: bool) -> int:
    """Sign the change in FILE after reading what it does.

    It is one of keys, intake rules or the trusted root, as --propose wrote it.
    """
    from wherefrom.formats import strict_json
    from wherefrom.keys.changes import approve as signed
    from wherefrom.keys.changes import read_draft
    from wherefrom.keys.held import open_signer
    from wherefrom.storage.whole_file import replace_whole

    before = read_file(file, bytes_max=_CHANGE_BYTES_MAX)
    written = signed(before, open_signer(secret))
    change, envelope = read_draft(strict_json.as_object(strict_json.decode(written), where=""))
    try:
        replace_whole(file, written + b"\n")
    except OSError as error:
        raise unreadable(file, error) from error
    signers = [signature.keyid for signature in envelope.signatures]
    if as_json:
        write_json({"change": change, "signed_by": signers})
    else:
        click.echo(f"Signed: {_in_words(change)}")
        click.echo(
            f"{count(len(signers), 'signature')} in {file}. Then: wherefrom keys apply {file}"
        )
    return YES


@keys.command()
@click.argument("file", metavar="FILE", type=click.Path(path_type=Path))
@placed
def apply(file: Path, where: Where, as_json: bool) -> int:
    """Make a change that those who must have signed."""
    from wherefrom.cli.opening import writing
    from wherefrom.formats import strict_json
    from wherefrom.formats.own import IntakeRules, TrustRoot
    from wherefrom.keys.changes import read_draft

    written = read_file(file, bytes_max=_CHANGE_BYTES_MAX)
    change, _ = read_draft(strict_json.as_object(strict_json.decode(written), where=""))
    with writing(where) as place:
        if isinstance(change, IntakeRules | TrustRoot):
            take = place.apply_intake if isinstance(change, IntakeRules) else place.apply_root
            done = take(written)
            if as_json:
                write_json(done)
            else:
                click.echo(_recorded(done.entry, change))
            return YES
        changed = place.apply_key_change(written)
    return _tell(changed, _lost_by(changed, where), as_json, change)


@keys.command()
@click.argument("key", metavar="KEY")
@placed
def lost(key: str, where: Where, as_json: bool) -> int:
    """List what a key vouched for and no longer does.

    What is deployed or runs comes first.
    """
    from wherefrom.cli.opening import reading

    with reading(where) as place:
        found = place.lost(place.key(key).key.id)
    if as_json:
        write_json(found)
    else:
        _tell_lost(found)
    return YES


def _change(where: Where, as_json: bool, propose: Path | None, **said: Any) -> int:
    from wherefrom.cli.opening import reading, writing
    from wherefrom.keys.changes import KeyWish, change_of, draft

    wish = KeyWish(**said)
    if propose is not None:
        from wherefrom.app import now

        with reading(where) as place:
            change = change_of(
                wish,
                find=lambda hint: place.key(hint).key,
                now=now(),
                keyring=place.keys().keyring,
            )
        return write_draft(propose, draft(change), as_json)
    with writing(where, create=wish.action == "trust") as place:
        changed = place.change_key(wish)
    return _tell(changed, _lost_by(changed, where), as_json)


def _lost_by(changed: KeyChanged, where: Where) -> Lost | None:
    """What a key that was just revoked vouches for no longer; None after any other change."""
    from wherefrom.cli.opening import reading

    if changed.key is None or changed.key.state != "revoked":
        return None
    with reading(where) as place:
        return place.lost(changed.key.id)


def write_draft(path: Path, written: bytes, as_json: bool) -> int:
    """A change in a file of its own, for those who must sign it."""
    _write_new(path, written + b"\n", mode=0o644)
    if as_json:
        write_json({"proposed": str(path)})
    else:
        click.echo(
            f"Written to {path}. Each who must agree: wherefrom keys approve {path} --key KEY"
        )
    return YES


def _in_words(change: Change) -> str:
    from wherefrom.formats.own import IntakeRules, KeyChange, TrustRoot

    if isinstance(change, KeyChange):
        return f"{_does(change)} {change.key}"
    if isinstance(change, TrustRoot):
        digest = change.digest or "none any more"
        return f"the trusted root, version {change.version}: {digest}"
    if isinstance(change, IntakeRules):
        names = ", ".join(rule.name for rule in change.rules) or "none"
        return f"intake rules, version {change.version}: {names}"
    return f"a change of keys needs {change.threshold} of {' '.join(change.keys)}"


def _recorded(entry: int, change: Change) -> str:
    return f"Recorded in entry {entry}: {_in_words(change)}"


def _tell(
    changed: KeyChanged,
    lost: Lost | None,
    as_json: bool,
    change: Change | None = None,
) -> int:
    if as_json:
        import msgspec

        write_json(msgspec.to_builtins(changed) | ({"lost": lost} if lost else {}))
        return YES
    known = changed.key
    if known is None:
        assert change is not None
        click.echo(_recorded(changed.entry, change))
        return YES
    named = f" ({', '.join(known.names)})" if known.names else ""
    click.echo(f"{known.id}{named} is {known.state}, by entry {changed.entry}")
    if changed.judged_again:
        again = count(changed.judged_again, "earlier record")
        click.echo(f"{again} judged again at the time the log took it")
    if lost is not None and lost.subjects:
        _tell_lost(lost)
    return YES


def _tell_lost(lost: Lost) -> None:
    if not lost.subjects:
        click.echo("Nothing that it vouched for was taken back.")
        return
    running = sum(1 for s in lost.subjects if s.runs)
    click.echo(
        f"{count(len(lost.subjects), 'thing')} it no longer vouches for; {running} of them run:"
    )
    rows = [("entry", "thing", "name", "trust now", "runs in")]
    rows += [
        (f"#{s.entry}", s.id, s.name or "", s.trust, ", ".join(s.runs[:2]))
        for s in lost.subjects[:_SHOWN_MAX]
    ]
    click.echo(table(rows))
    if len(lost.subjects) > _SHOWN_MAX or lost.truncated:
        click.echo("All of them: wherefrom keys lost KEY --json")


keys.add_command(resign)
