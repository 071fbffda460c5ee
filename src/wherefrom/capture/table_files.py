"""Which tables a file of a repository defines or changes, and what it names. Pure.

    dbt        models/**.sql, .py · seeds/**.csv · snapshots/**.sql    the table of that name
    Alembic    versions/*.py, calls of ``op``                          the tables that they name
    SQL        migrations (Flyway, Liquibase, plain .sql)              CREATE, ALTER, DROP, … TABLE

A dbt project says in ``dbt_project.yml`` where its files lie. A model may be called otherwise than
its file (``alias``), and says what it reads (``ref``, ``source``).

Source: dbt reference, "dbt_project.yml", "ref", "source", "alias"; Alembic, "Operation Reference"
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import PurePosixPath
from typing import Any, Final, NamedTuple

NAMES_MAX: Final = 200
DBT_PROJECT: Final = "dbt_project.yml"
_PATHS: Final = {
    "model": (("model-paths", "source-paths"), ("models",)),
    "seed": (("seed-paths", "data-paths"), ("seeds", "data")),
    "snapshot": (("snapshot-paths",), ("snapshots",)),
}
_SUFFIXES: Final = {"model": (".sql", ".py"), "seed": (".csv",), "snapshot": (".sql",)}
_ALIAS: Final = re.compile(r"""\balias\s*=\s*['"]([^'"]+)['"]""")
_REF: Final = re.compile(
    r"""\b(?:dbt\.)?ref\(\s*['"]([^'"]+)['"]\s*(?:,\s*['"]([^'"]+)['"]\s*)?[,)]"""
)
_SOURCE: Final = re.compile(
    r"""\b(?:dbt\.)?source\(\s*['"]([^'"]+)['"]\s*,\s*['"]([^'"]+)['"]\s*\)"""
)
_SNAPSHOT: Final = re.compile(r"{%-?\s*snapshot\s+(\w+)\s*-?%}")
_COMMENT: Final = re.compile(r"--[^\n]*|/\*.*?\*/|{#.*?#}", re.DOTALL)
_NAME: Final = r"""((?:["`\[]?\w+["`\]]?\.){0,2}["`\[]?\w+["`\]]?)"""
_STATEMENT: Final = re.compile(
    r"\b(?:(?:create|alter|drop|truncate)\s+(?:or\s+replace\s+)?(?:temp(?:orary)?\s+|unlogged\s+)?"
    r"table\s+(?:if\s+(?:not\s+)?exists\s+)?(?:only\s+)?"
    r"|create\s+(?:unique\s+)?index\s+(?:concurrently\s+)?(?:if\s+not\s+exists\s+)?(?:\S+\s+)?on\s+"
    r"|insert\s+into\s+|delete\s+from\s+|update\s+(?:only\s+)?|rename\s+table\s+|copy\s+)" + _NAME,
    re.IGNORECASE,
)
_MIGRATION: Final = re.compile(
    r"(?:^|/)(?:[VUR]\d*[\d._]*__[^/]*\.sql|(?:migrations?|migrate|changelog|db)/(?:[^/]+/)*[^/]+\.sql)$"
)
_VERSIONS: Final = re.compile(r"(?:^|/)versions/[^/]+\.py$")
_WORD: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,62}")
# Operations of Alembic whose table is not their first argument, and which one it is.
_TABLE_AT: Final = {
    "create_index": 1, "drop_index": 1, "create_unique_constraint": 1, "drop_constraint": 1,
    "create_check_constraint": 1, "create_primary_key": 1, "create_foreign_key": 1,
}  # fmt: skip


class TableFile(NamedTuple):
    """A table that a file defines (``dbt``) or changes (``migration``), and what it reads."""

    name: str
    kind: str
    reads: tuple[str, ...] = ()


class Project(NamedTuple):
    """A dbt project: the folder of its ``dbt_project.yml``, and what lies where, by kind."""

    root: str
    paths: Mapping[str, tuple[str, ...]]


def project(path: str, text: str) -> Project:
    """The project that the ``dbt_project.yml`` at ``path`` describes; what it does not say, or
    says in no way that can be read, is where dbt looks by itself."""
    import yaml  # late: only such projects need it

    try:
        said: Any = yaml.safe_load(text)
    except yaml.YAMLError:
        said = None
    said = said if isinstance(said, dict) else {}
    found = {}
    for kind, (keys, usual) in _PATHS.items():
        given = next((said[key] for key in keys if isinstance(said.get(key), list)), usual)
        found[kind] = tuple(str(one).strip("/") for one in given)
    return Project(str(PurePosixPath(path).parent), found)


def may_hold_tables(path: str, projects: Iterable[Project]) -> bool:
    """Whether a file at ``path`` is worth reading."""
    return (
        any(_kind(path, one) for one in projects)
        or _VERSIONS.search(path) is not None
        or _MIGRATION.search(path) is not None
    )


def tables(path: str, text: str, projects: Iterable[Project]) -> list[TableFile]:
    """The tables of a file, each once."""
    for one in projects:
        if kind := _kind(path, one):
            return _dbt(kind, PurePosixPath(path).stem, text)
    names: Iterable[str] = ()
    if _VERSIONS.search(path):
        names = _alembic(text)
    elif _MIGRATION.search(path):
        names = _sql(text)
    return [TableFile(name, "migration") for name in dict.fromkeys(names)]


def names_in(lines: Iterable[str]) -> list[str]:
    """The words of changed lines, in lower case, sorted: columns among them."""
    found = {word.lower() for line in lines for word in _WORD.findall(line)}
    return sorted(found)[:NAMES_MAX]


def _kind(path: str, project: Project) -> str | None:
    if project.root != ".":
        if not path.startswith(project.root + "/"):
            return None
        path = path[len(project.root) + 1 :]
    for kind, folders in project.paths.items():
        inside = any(path.startswith(folder + "/") for folder in folders)
        if inside and path.endswith(_SUFFIXES[kind]):
            return kind
    return None


def _dbt(kind: str, stem: str, text: str) -> list[TableFile]:
    if kind == "seed":
        return [TableFile(stem, "seed")]
    code = _COMMENT.sub(" ", text)
    reads = [second or first for first, second in _REF.findall(code)]
    reads += [f"{schema}.{table}" for schema, table in _SOURCE.findall(code)]
    read = tuple(dict.fromkeys(reads))
    if kind == "snapshot" and (found := _SNAPSHOT.findall(code)):
        return [TableFile(name, "snapshot", read) for name in dict.fromkeys(found)]
    alias = _ALIAS.search(code)
    return [TableFile(alias[1] if alias else stem, kind, read)]


def _sql(text: str) -> Iterator[str]:
    for found in _STATEMENT.findall(_COMMENT.sub(" ", text)):
        yield re.sub(r"[\"`\[\]]", "", found)


def _alembic(text: str) -> Iterator[str]:
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError):
        return
    for call in ast.walk(tree):
        if not (isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute)):
            continue
        if not (isinstance(call.func.value, ast.Name) and call.func.value.id == "op"):
            continue
        operation = call.func.attr
        said = {keyword.arg: keyword.value for keyword in call.keywords}
        at = _TABLE_AT.get(operation, 0)
        given = said.get("table_name") or (call.args[at] if len(call.args) > at else None)
        text_of = given.value if isinstance(given, ast.Constant) else None
        if operation == "execute" and isinstance(text_of, str):
            yield from _sql(text_of)
        elif isinstance(text_of, str):
            schema = said.get("schema")
            in_schema = schema.value if isinstance(schema, ast.Constant) else None
            yield f"{in_schema}.{text_of}" if isinstance(in_schema, str) else text_of
            if operation == "rename_table" and len(call.args) > 1:
                renamed = call.args[1]
                if isinstance(renamed, ast.Constant) and isinstance(renamed.value, str):
                    yield renamed.value
