"""``wherefrom catalog``: which services there are, whose they are, and what each has to send.

FILE… ──check──► catalogue ──record, signed──► log ──► who is silent: gaps
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from wherefrom.cli.exits import NO, YES
from wherefrom.cli.options import as_of_option, then_option
from wherefrom.cli.render import count, write_json
from wherefrom.cli.settings import Where, json_option, placed
from wherefrom.cli.targets import read_file
from wherefrom.errors import Malformed
from wherefrom.formats.shown import printable, short_id

if TYPE_CHECKING:
    from wherefrom.formats.catalog import Catalog

_FILE = click.Path(path_type=Path)
_NAME: Final = "catalog"


@click.group()
def catalog() -> None:
    """Record which services there are, whose they are, and ask who is silent."""


@catalog.command()
@click.argument("files", metavar="FILE…", nargs=-1, required=True, type=_FILE)
@click.option("--key", metavar="FILE|URI", help="Sign it with this secret key.")
@click.option("--name", default=_NAME, show_default=True, help="It takes the place of that one.")
@placed
def record(files: tuple[Path, ...], key: str | None, name: str, where: Where, as_json: bool) -> int:
    """Record a catalogue; it is in force from now on.

    FILE is a catalog.yaml, or a catalog-info.yaml of Backstage; several are one catalogue. What is
    in force already is not recorded again.
    """
    import msgspec

    from wherefrom.cli.opening import reading
    from wherefrom.cli.saying import now, signed
    from wherefrom.cli.saying import record as record_contents
    from wherefrom.errors import NotAllowed, Unavailable
    from wherefrom.formats import catalog as catalogs
    from wherefrom.query.catalog.questions import CatalogOptions

    made = _read(files, name)
    try:
        with reading(where) as place:
            held = place.catalog("", CatalogOptions()).catalogs
    except (Unavailable, NotAllowed):  # a log that is only started by this, or that we only write
        held = []
    for one in held:
        if one.name == name and one.digest == made.digest:
            if as_json:
                write_json({"status": "known", "index": one.entry, **_told(made)})
            else:
                click.echo(f"in force already, as entry {one.entry}")
            return YES
    made = msgspec.structs.replace(made, issued=now())
    content = signed(catalogs.to_statement(made), key)
    if not as_json:
        click.echo(_headline(made))
    return record_contents([content], where, as_json)


@catalog.command()
@click.argument("files", metavar="FILE…", nargs=-1, required=True, type=_FILE)
@json_option
def check(files: tuple[Path, ...], as_json: bool) -> int:
    """Read a catalogue and say what it holds, without recording it. FILE as in record."""
    made = _read(files, _NAME)
    if as_json:
        write_json({**_told(made), "left_out": dict(made.left_out)})
        return YES
    click.echo(f"{_headline(made)}\n{made.digest}")
    silent = [one.name for one in made.services if not one.emitters]
    if silent:
        listed = ", ".join(map(printable, silent[:10])) + (" …" if len(silent) > 10 else "")
        click.echo(f"Nothing is expected of {count(len(silent), 'service')}: {listed}")
    for kind, number in made.left_out.items():
        click.echo(f"Left out: {number} of kind {printable(kind)}")
    return YES


@catalog.command()
@click.argument("service", default="")
@then_option
@as_of_option
@placed
def show(service: str, at: str | None, as_of: int | None, where: Where, as_json: bool) -> int:
    """Show the catalogue in force, or one service in full."""
    from wherefrom.cli.draw_catalog import draw_catalog
    from wherefrom.cli.opening import reading
    from wherefrom.query.catalog.questions import CatalogOptions

    with reading(where) as place:
        answer = place.catalog(service, CatalogOptions(at=at, as_of=as_of))
    if as_json:
        write_json(answer)
        return YES
    for line in draw_catalog(answer, one=bool(service)):
        click.echo(line)
    return YES


@catalog.command()
@click.argument("files", metavar="FILE…", nargs=-1, required=True, type=_FILE)
@click.option("--name", default=_NAME, show_default=True, help="Compare with the one of this name.")
@then_option
@placed
def diff(files: tuple[Path, ...], name: str, at: str | None, where: Where, as_json: bool) -> int:
    """Show how files differ from the catalogue in force."""
    from wherefrom.cli.opening import reading
    from wherefrom.formats.catalog import difference
    from wherefrom.query.catalog.in_force import catalog_in
    from wherefrom.query.catalog.questions import CatalogOptions

    made = _read(files, name)
    before = None
    with reading(where) as place:
        for one in place.catalog("", CatalogOptions(at=at)).catalogs:
            if one.name == name and one.held:
                before = catalog_in(place.content(one.entry))
    from wherefrom.formats.catalog import Catalog

    found = difference(before or Catalog(name=name), made)
    if as_json:
        write_json({"before": before and before.digest, "after": made.digest, "differing": found})
        return YES
    for change in found:
        fields = f"  {' '.join(change.fields)}" if change.fields else ""
        click.echo(f"{change.kind} {printable(change.name)}  {change.what}{fields}")
    click.echo(f"{count(len(found), 'part')} differ" if found else "Nothing differs.")
    return YES


@catalog.command()
@click.argument("service", default="")
@click.option("--environment", "-e", default="", help="Only there.")
@then_option
@as_of_option
@placed
def gaps(
    service: str,
    environment: str,
    at: str | None,
    as_of: int | None,
    where: Where,
    as_json: bool,
) -> int:
    """Show who should have sent what, and did not. Exits 1 if anything is late or missing.

    With the services that run and that nobody's catalogue names, and how much of what is expected
    is covered.
    """
    from wherefrom.cli.draw_catalog import draw_gaps
    from wherefrom.cli.opening import reading
    from wherefrom.query.catalog.questions import CatalogOptions

    with reading(where) as place:
        answer = place.gaps(service, CatalogOptions(at=at, as_of=as_of, environment=environment))
    if as_json:
        write_json(answer)
    else:
        for line in draw_gaps(answer):
            click.echo(line)
    return NO if answer.gaps else YES


def _read(files: tuple[Path, ...], name: str) -> Catalog:
    """The one catalogue that files say. Raises Malformed, LimitPassed, StorageError."""
    from wherefrom.formats import backstage, catalog_yaml, yaml_text

    some = []
    for path in files:
        written = read_file(path, bytes_max=catalog_yaml.FILE_BYTES_MAX)
        documents = yaml_text.decode_all(written, where=str(path))
        if any(backstage.recognises(one) for one in documents):
            some.append((str(path), backstage.read(documents, where=str(path))))
        elif len(documents) == 1:
            some.append((str(path), catalog_yaml.read(documents[0], where=str(path))))
        else:
            raise Malformed(
                "not a catalogue", where=str(path),
                expected="one document with services, or Backstage's entities",
                got=f"{len(documents)} documents",
            )  # fmt: skip
    return catalog_yaml.merged(some, name=name)


def _told(made: Catalog) -> dict[str, Any]:
    return {
        "name": made.name, "digest": made.digest, "services": len(made.services),
        "teams": len(made.teams), "environments": len(made.environments),
    }  # fmt: skip


def _headline(made: Catalog) -> str:
    parts = (
        count(len(made.services), "service"),
        count(len(made.teams), "team"),
        count(len(made.environments), "environment"),
    )
    return f"{printable(made.name)} {short_id(made.digest)}: {', '.join(parts)}"
