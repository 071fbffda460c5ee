"""``wherefrom bundle``: settings as one signed thing, that is activated, shown and compared.

FILE… ──pack──► bundle.json ──record──► log ──activate──► which one is active where
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from wherefrom.cli import hash_key as hash_keys
from wherefrom.cli.exits import YES
from wherefrom.cli.failures import warn
from wherefrom.cli.hash_key import hash_key_option
from wherefrom.cli.render import count, write_json
from wherefrom.cli.saying import Said, record, scoped
from wherefrom.cli.settings import Where, json_option, placed
from wherefrom.cli.targets import is_file, path_of, read_file, unreadable
from wherefrom.errors import Malformed, NotFound, SettingError
from wherefrom.formats.shown import printable, short_id

if TYPE_CHECKING:
    from wherefrom.formats.config_bundle import Bundle

_FILE = click.Path(path_type=Path)
_KINDS: Final = ("config", "policy", "safe_mode")
_SCHEMA_BYTES_MAX: Final = 1024 * 1024


@click.group()
def bundle() -> None:
    """Pack settings into signed bundles, activate and compare them."""


@bundle.command()
@click.argument("files", metavar="FILE…", nargs=-1, required=True, type=_FILE)
@click.option("--name", required=True, help="What it is called, such as the service's name.")
@click.option(
    "--key", metavar="FILE|URI", required=True,
    help="The secret key to sign with: PEM, or where one is held.",
)  # fmt: skip
@click.option("--version", "version", metavar="TEXT", help="Its version; else by its digest.")
@click.option(
    "--kind", type=click.Choice(_KINDS), default="config", show_default=True, help="What it is."
)
@click.option("--secret", "patterns", multiple=True, metavar="PATTERN", help="Keep as a hash.")
@click.option("--not-secret", "plain", multiple=True, metavar="PATTERN", help="Keep as it is.")
@hash_key_option
@click.option("--schema", type=_FILE, metavar="FILE", help="A JSON Schema that it must satisfy.")
@click.option("--revises", metavar="DIGEST", help="The bundle before it.")
@click.option("--meaning", metavar="TEXT", help="Of a safe mode: what it is for.")
@click.option("--max-seconds", type=click.IntRange(1), metavar="N", help="Of one: for how long.")
@click.option("-o", "--output", type=_FILE, metavar="FILE", help="Where to write it.")
@json_option
def pack(
    files: tuple[Path, ...],
    name: str,
    key: str,
    version: str | None,
    kind: str,
    patterns: tuple[str, ...],
    plain: tuple[str, ...],
    hash_key: Path | None,
    schema: Path | None,
    revises: str | None,
    meaning: str | None,
    max_seconds: int | None,
    output: Path | None,
    as_json: bool,
) -> int:
    """Pack settings into a signed bundle, ready to record.

    FILE is YAML, JSON, .env or .properties, or a folder of them, each under its path. Several are
    one bundle, and a setting in two of them is refused. Secrets are kept as keyed hashes: those
    that the schema marks, a PATTERN names, or whose name or value looks like one. A policy must
    satisfy the schema of containment policies, if no other is given.
    """
    import msgspec

    from wherefrom.capture import bundles
    from wherefrom.formats import config_bundle, containment, strict_json
    from wherefrom.formats.digests import sha256_id
    from wherefrom.formats.dsse import IN_TOTO_TYPE
    from wherefrom.keys.envelopes import sign_envelope
    from wherefrom.keys.held import open_signer

    settings: dict[str, Any] = {}
    for path in files:
        for found in [bundles.flat(value) for value in _values(path)]:
            if both := sorted(settings.keys() & found.keys()):
                raise Malformed("a setting in two files", where=str(path), got=both[0])
            settings |= found
    digest, written = None, _schema(schema, kind)
    if written is not None:
        named = containment.NAME if schema is None else str(schema)
        said = strict_json.as_object(strict_json.decode(written), where=named)
        patterns += tuple(bundles.secret_patterns(said))
        is_checked = _validate(files, said, named, must=schema is not None)
        digest = sha256_id(written) if is_checked else None
    shown, secrets = bundles.split(
        settings, key=hash_keys.read(hash_key), patterns=patterns, plain=plain
    )
    made = config_bundle.Bundle(
        name=name, kind=kind, settings=shown, secrets=secrets, meaning=meaning,
        max_seconds=max_seconds, revises=revises, schema=digest,
    )  # fmt: skip
    made = msgspec.structs.replace(made, version=version or made.digest[7:19])
    statement = config_bundle.to_statement(made)
    signer = open_signer(key)
    envelope = sign_envelope(IN_TOTO_TYPE, statement, signer)
    if output is None:
        click.echo(envelope)
        return YES
    try:
        output.write_bytes(envelope + b"\n")
    except OSError as error:
        raise unreadable(output, error) from error
    if as_json:
        write_json({"file": str(output), "signer": signer.id, **_told(made)})
    else:
        click.echo(f"{output}: {_headline(made)}, signed by {signer.id}")
        click.echo(f"Record it: wherefrom record {output}")
    return YES


@bundle.command()
@click.argument("name", metavar="BUNDLE")
@placed
def show(name: str, where: Where, as_json: bool) -> int:
    """Show what a bundle holds.

    BUNDLE is a file that `bundle pack` wrote, or the digest of a bundle that is recorded.
    """
    found, _ = found_bundle(name, where)
    if as_json:
        write_json({**_told(found), "settings": found.settings, "secrets": found.secrets})
        return YES
    click.echo(f"{_headline(found)}\n{found.digest}")
    if found.meaning is not None:
        click.echo(f"{printable(found.meaning)}; for {found.max_seconds:,} s at most")
    import json

    for key in sorted({*found.settings, *found.secrets}):
        if key in found.secrets:
            _, which, hashed = found.secrets[key].split(":")
            said = f"secret, hash {hashed[:12]} under key {which[:8]}"
        else:
            said = json.dumps(found.settings[key], ensure_ascii=False)
        click.echo(f"  {printable(key)}  {printable(said)}")
    return YES


@bundle.command()
@click.argument("a")
@click.argument("b")
@placed
def diff(a: str, b: str, where: Where, as_json: bool) -> int:
    """Show which settings differ between two bundles.

    A and B as in `bundle show`. Of a secret it is told only that it changed.
    """
    from wherefrom.cli.draw_keys import draw_keys
    from wherefrom.formats.config_bundle import difference

    sides = [found_bundle(side, where)[0] for side in (a, b)]
    keys = difference(*sides)
    if as_json:
        write_json({"a": _told(sides[0]), "b": _told(sides[1]), "keys": keys})
        return YES
    for side, found in zip("AB", sides, strict=True):
        click.echo(f"{side}  {_headline(found)}  {short_id(found.digest)}")
    for line in draw_keys(keys):
        click.echo(line)
    click.echo(f"{count(len(keys), 'setting')} differ" if keys else "No setting differs.")
    return YES


@bundle.command()
@click.argument("name", metavar="BUNDLE")
@click.option("--service", default="", help="Only for this service.")
@click.option("--reason", default="", help="Why; shown with it.")
@scoped
@placed
def activate(
    name: str,
    service: str,
    reason: str,
    said: Said,
    where: Where,
    as_json: bool,
) -> int:
    """Say that a bundle is active from now on.

    BUNDLE as in `bundle show`; a file is recorded too. It takes the place of the bundle of that
    name in the same scope.
    """
    from wherefrom.capture import changes
    from wherefrom.formats.config_bundle import KINDS

    found, content = found_bundle(name, where)
    if found.kind == "safe_mode":
        raise SettingError(
            "a safe mode is entered", got=found.name,
            do="Use: wherefrom safe-mode enter SERVICE BUNDLE",
        )  # fmt: skip
    told = {"says": f"{found.name} {found.version}"} | ({"reason": reason} if reason else {})
    event = changes.place(
        KINDS[found.kind], found.name, found.digest, said.scope(service), told=told, **said.when
    )  # fmt: skip
    return record([event] if content is None else [content, event], where, as_json)


def found_bundle(text: str, where: Where) -> tuple[Bundle, bytes | None]:
    """A bundle by its file, with the record in it, or by its digest in the log.

    Raises NotFound, Malformed, StorageError.
    """
    from wherefrom.cli.opening import reading
    from wherefrom.formats.config_bundle import PREDICATE_TYPE
    from wherefrom.query.bundles import bundle_in
    from wherefrom.query.desk import TraceOptions

    path = path_of(text)
    if path is None and is_file(text):
        path = Path(text)
    if path is not None:
        written = read_file(path).strip()
        if (made := bundle_in(written)) is None:
            raise Malformed("not a bundle", where=str(path), do="Make one: wherefrom bundle pack")
        return made, written
    with reading(where) as place:
        for match in place.show(text, TraceOptions(own=True)).matches:
            for record in match.records:
                if record.type != PREDICATE_TYPE:
                    continue
                made = bundle_in(place.content(record.entry))
                if made is not None and made.digest == match.id:
                    return made, None
    raise NotFound("no bundle that is recorded", got=text, do="Record it: wherefrom record FILE")


def _values(path: Path) -> list[Any]:
    """The value of a file; of a folder's each under its path, without the end of its name."""
    from wherefrom.capture import bundles

    if not path.is_dir():
        return [bundles.read(path.name, read_file(path, bytes_max=bundles.FILE_BYTES_MAX))]
    found = []
    for file in sorted(p for p in path.rglob("*") if p.is_file()):
        inside = file.relative_to(path)
        value = bundles.read(file.name, read_file(file, bytes_max=bundles.FILE_BYTES_MAX))
        for part in reversed(inside.with_suffix("").parts):
            value = {part: value}
        found.append(value)
    return found


def _schema(named: Path | None, kind: str) -> bytes | None:
    """The schema that a bundle must satisfy: the one that was named, of a policy else our own."""
    from wherefrom.formats import containment

    if named is not None:
        return read_file(named, bytes_max=_SCHEMA_BYTES_MAX)
    return containment.schema_bytes() if kind == "policy" else None


def _validate(files: tuple[Path, ...], schema: dict[str, Any], where: str, *, must: bool) -> bool:
    """Check each file against the schema; whether that could be done.

    must  it has to be, also without the library for it

    Raises SettingError, Malformed; never shows a value.
    """
    try:
        import jsonschema_rs
    except ImportError as error:
        if not must:
            warn(f"not checked against {where}: pip install 'wherefrom[schema]'")
            return False
        raise SettingError(
            "a schema needs a library that is not installed", where=where, got=str(error),
            do="pip install 'wherefrom[schema]'",
        ) from error  # fmt: skip
    try:
        validator = jsonschema_rs.validator_for(schema)
    except ValueError as error:
        raise Malformed("not a JSON Schema", where=where, got=str(error)[:200]) from error
    for path in files:
        for value in _values(path):
            failed = next(iter(validator.iter_errors(value)), None)
            if failed is not None:
                place = ".".join(map(str, failed.instance_path)) or "the whole"
                rule = "/".join(map(str, failed.schema_path))
                raise Malformed(
                    "the settings are not what the schema asks for", where=f"{path}: {place}",
                    expected=f"what {rule} says in {where}",
                )  # fmt: skip
    return True


def _told(found: Bundle) -> dict[str, Any]:
    return {
        "name": found.name, "version": found.version, "kind": found.kind, "digest": found.digest,
        "meaning": found.meaning, "max_seconds": found.max_seconds, "revises": found.revises,
    }  # fmt: skip


def _headline(found: Bundle) -> str:
    secret = f", {count(len(found.secrets), 'secret')}" if found.secrets else ""
    what = found.kind.replace("_", " ")
    settings = count(len(found.settings), "setting")
    return f"{printable(found.name)} {printable(found.version)}, a {what} of {settings}{secret}"
