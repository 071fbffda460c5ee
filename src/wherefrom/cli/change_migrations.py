"""``wherefrom change migrations``: where a database is, as its tool of migrations wrote it down."""

from __future__ import annotations

import sys
from datetime import tzinfo
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from wherefrom.cli.render import count
from wherefrom.cli.saying import Said, record, scoped
from wherefrom.cli.settings import Where, placed
from wherefrom.cli.targets import read_file

if TYPE_CHECKING:
    from wherefrom.capture.migrations import History, Row

_TOOLS: Final = ("alembic", "flyway", "liquibase")
_STDIN: Final = "-"


def _zone(_: click.Context, __: click.Parameter, said: str) -> tzinfo:
    from zoneinfo import ZoneInfo

    try:
        return ZoneInfo(said)
    except (KeyError, ValueError, OSError) as error:
        raise click.BadParameter(f"{said!r} is no time zone such as Europe/Paris.") from error


@click.command()
@click.option("--tool", type=click.Choice(_TOOLS), required=True, help="Which tool wrote it down.")
@click.option(
    "--from", "place", required=True, metavar="PLACE", envvar="WHEREFROM_MIGRATIONS_FROM",
    help="A database, or an export of its table.",
)  # fmt: skip
@click.option(
    "--scripts", type=click.Path(path_type=Path), metavar="FOLDER", help="The migrations."
)
@click.option("--database", default="", help="What it is called; else as its address says.")
@click.option("--service", default="", help="Whose it is.")
@click.option("--table", default="", help="The table, if the tool was told to use another.")
@click.option("--schema", default="", help="The schema of the table, in PostgreSQL.")
@click.option(
    "--zone", default="UTC", show_default=True, callback=_zone, metavar="NAME",
    help="Of times that say no offset.",
)  # fmt: skip
@scoped
@placed
def migrations(
    tool: str,
    place: str,
    scripts: Path | None,
    database: str,
    service: str,
    table: str,
    schema: str,
    zone: tzinfo,
    said: Said,
    where: Where,
    as_json: bool,
) -> int:
    """Record which migrations a database has, and where it is now.

    PLACE is postgresql://USER@HOST/DATABASE, a SQLite file, or a file with the rows of the tool's
    table as JSON, JSON Lines or CSV; - is standard input. With the scripts it is told, too, what
    each is, whether it can be undone, and how many are not applied yet. What is recorded already
    is known; what failed is said. The database is only read.
    """
    from wherefrom.capture import migration_rows, migration_scripts
    from wherefrom.capture import migrations as histories

    rows = _rows(place, table or migration_rows.TABLES[tool], schema or None)
    name = database or (migration_rows.name_of(place) if migration_rows.is_database(place) else "")
    if not name:
        raise click.UsageError("what is the database called? Give --database NAME")
    history = histories.read(tool, rows, zone=zone)
    found = None if scripts is None else migration_scripts.read(tool, scripts, history.applied)
    contents = histories.told(history, name, said.scope(service), scripts=found, **said.when)
    if not as_json:
        _tell(name, history)
    return record(contents, where, as_json)


def _rows(place: str, table: str, schema: str | None) -> list[Row]:
    from wherefrom.capture import migration_rows

    if migration_rows.is_database(place):
        return migration_rows.read(place, table=table, schema=schema)
    bytes_max = migration_rows.EXPORT_BYTES_MAX
    if place == _STDIN:
        return migration_rows.exported(sys.stdin.buffer.read(bytes_max + 1), name="standard input")
    return migration_rows.exported(read_file(Path(place), bytes_max=bytes_max), name=place)


def _tell(name: str, history: History) -> None:
    failed = [step.id for step in history.steps if step.failed]
    ran = count(len(history.applied), "migration")
    click.echo(f"{name} is at {history.now or 'nothing'}: {ran} by {history.tool}")
    if failed:
        click.echo(f"{count(len(failed), 'migration')} failed: {', '.join(failed[-3:])}")
