"""The rows that a tool of migrations keeps: from a database, or from an export of them.

    postgresql://…  ──► psycopg, read only            ┐
    a SQLite file   ──► apsw, read only               ├─► rows: {column: value}
    an export       ──► JSON, JSON Lines, CSV         ┘

Every value comes as JSON has it, also from a database, so that an export of its rows says the
same. Other databases are read by an export of the tool's table.

Sizes:  64 MiB an export · 100,000 rows · 30 s to connect, and for an answer
Source: PostgreSQL, "JSON functions"; RFC 4180 (CSV)
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

from wherefrom.capture.migrations import ROWS_MAX, Row
from wherefrom.errors import (
    LimitPassed,
    Malformed,
    NotFound,
    SettingError,
    StorageError,
    Unavailable,
)
from wherefrom.formats import strict_json

TABLES: Final[Mapping[str, str]] = {
    "alembic": "alembic_version",
    "flyway": "flyway_schema_history",
    "liquibase": "databasechangelog",
}
EXPORT_BYTES_MAX: Final = 64 * 1024 * 1024
_SECONDS: Final = 30
_POSTGRES: Final = ("postgresql://", "postgres://")
_SQLITE: Final = "sqlite:///"
_SQLITE_BEGINS: Final = b"SQLite format 3\0"


def is_database(place: str) -> bool:
    """Whether this is a database's address, or its file."""
    return place.startswith((*_POSTGRES, _SQLITE)) or _is_sqlite(Path(place))


def name_of(place: str) -> str:
    """What a database is called: the last part of its address, or its file's name."""
    if place.startswith(_POSTGRES):
        return unquote(urlsplit(place).path.strip("/"))
    return Path(place.removeprefix(_SQLITE)).stem


def read(place: str, *, table: str, schema: str | None = None) -> list[Row]:
    """The rows of ``table`` in a database.

    Raises NotFound for a table that is not there, Unavailable for a database that is not,
    SettingError for one that cannot be named so, StorageError, LimitPassed.
    """
    if place.startswith(_POSTGRES):
        return _postgres(place, table, schema)
    return _sqlite(Path(place.removeprefix(_SQLITE)), table)


def exported(content: bytes, *, name: str) -> list[Row]:
    """The rows of an export: an array, JSON Lines, or CSV whose first line names the columns.

    Raises Malformed, LimitPassed.
    """
    if len(content) > EXPORT_BYTES_MAX:
        raise LimitPassed("an export is too large", where=name, expected=f"{EXPORT_BYTES_MAX}")
    first = content.lstrip()[:1]
    if first == b"[":
        listed = strict_json.as_array(strict_json.decode(content), where=name)
    elif first == b"{":
        listed = [strict_json.decode(line) for line in content.splitlines() if line.strip()]
    else:
        return _csv(content, name)
    return [strict_json.as_object(row, where=f"{name}, row {n}") for n, row in enumerate(listed, 1)]


def _csv(content: bytes, name: str) -> list[Row]:
    try:
        text = content.decode("utf-8-sig")
        lines = csv.reader(io.StringIO(text, newline=""), strict=True)
        columns = next(lines, None)
        if not columns:
            raise Malformed("no rows", where=name, expected="JSON, or CSV with a line of columns")
        rows: list[Row] = []
        for cells in lines:
            if not cells:
                continue
            if len(cells) != len(columns):
                raise Malformed(
                    "a row of another width", where=f"{name}, line {lines.line_num}",
                    expected=f"{len(columns)} cells", got=len(cells),
                )  # fmt: skip
            rows.append(dict(zip(columns, cells, strict=True)))
    except (UnicodeDecodeError, csv.Error) as error:
        raise Malformed("neither JSON nor CSV", where=name, got=str(error)[:100]) from error
    return rows


def _is_sqlite(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return file.read(len(_SQLITE_BEGINS)) == _SQLITE_BEGINS
    except (OSError, ValueError):
        return False


def _sqlite(path: Path, table: str) -> list[Row]:
    import apsw

    if not path.is_file():
        raise StorageError("no such file", where=str(path))
    try:
        db = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
        try:
            db.set_busy_timeout(_SECONDS * 1000)
            quoted = '"' + table.replace('"', '""') + '"'
            found = db.execute(f"SELECT * FROM {quoted} LIMIT {ROWS_MAX + 1}")
            columns: list[str] = []
            rows: list[Row] = []
            for values in found:
                columns = columns or [column[0] for column in found.get_description()]
                rows.append(dict(zip(columns, values, strict=True)))
            return rows
        finally:
            db.close()
    except apsw.Error as error:
        if "no such table" in str(error):
            raise _no_table(table) from error
        raise StorageError(
            "the database cannot be read", where=str(path), got=str(error)[:200]
        ) from error


def _postgres(place: str, table: str, schema: str | None) -> list[Row]:
    try:
        import psycopg
        from psycopg import sql
    except ImportError as error:
        raise SettingError(
            "PostgreSQL is read with a library that is not here",
            expected="psycopg",
            do="pip install 'wherefrom[postgres]', or give an export of the table",
        ) from error
    named = sql.Identifier(schema, table) if schema else sql.Identifier(table)
    query = sql.SQL("SELECT row_to_json(t)::text FROM {} t LIMIT {}").format(
        named, sql.Literal(ROWS_MAX + 1)
    )
    options = f"-c default_transaction_read_only=on -c statement_timeout={_SECONDS * 1000}"
    try:
        with psycopg.connect(
            place, connect_timeout=_SECONDS, options=options, application_name="wherefrom"
        ) as connection:
            return [_row(text) for (text,) in connection.execute(query)]
    except psycopg.errors.UndefinedTable as error:
        raise _no_table(table) from error
    except psycopg.errors.InsufficientPrivilege as error:
        raise SettingError(
            "this user may not read the table", where=table, do=f"GRANT SELECT ON {table}"
        ) from error
    except psycopg.ProgrammingError as error:  # an address that is none: it may hold a password
        raise SettingError(
            "not an address of PostgreSQL",
            expected="postgresql://USER@HOST/DATABASE",
            do="Write it as psql takes it",
        ) from error
    except psycopg.Error as error:
        raise Unavailable(
            "the database does not answer",
            where=_shown(place),
            got=str(error).strip()[:200],
            do="Try the same address with psql",
        ) from error


def _row(text: object) -> Row:
    return strict_json.as_object(strict_json.decode(str(text).encode()), where="row")


def _shown(place: str) -> str:
    """The address without user and password."""
    parts = urlsplit(place)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


def _no_table(table: str) -> NotFound:
    return NotFound(
        "no table of migrations", got=table,
        do="Name it with --table, and its --schema, if the tool keeps it elsewhere",
    )  # fmt: skip
