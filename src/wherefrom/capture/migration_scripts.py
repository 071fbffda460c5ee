"""The scripts of migrations: what each is, what it comes after, and whether it can be undone.

    Alembic    versions/*.py          revision, down_revision, whether downgrade() does anything
    Flyway     V2__x.sql, U2__x.sql   a version can be undone if there is its U script
    Liquibase  changelogs in SQL, XML, YAML, JSON    a rollback, or one that follows by itself

Nothing is run: Python is parsed, never executed. A script that cannot be read is one that cannot be
undone, as far as we know.

Sizes:  20,000 files of 4 MiB at most
Source: Alembic, "Create a Migration Script"; Flyway, "Migrations"; Liquibase, "Rollback", "Example
changelogs"
"""

from __future__ import annotations

import ast
import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

from wherefrom.errors import LimitPassed, Refused, StorageError
from wherefrom.formats import xml_strict, yaml_text

FILES_MAX: Final = 20_000
FILE_BYTES_MAX: Final = 4 * 1024 * 1024
_FLYWAY: Final = re.compile(r"(?P<kind>[VU])(?P<version>[0-9][\w.]*?)__(?P<says>.+)\.sql", re.A)
_FORMATTED: Final = re.compile(r"--\s*liquibase\s+formatted\s+sql", re.I)
_CHANGESET: Final = re.compile(r"\s*--\s*changeset\s+(?P<author>[^:\s]+):(?P<id>\S+)", re.I)
_ROLLBACK: Final = re.compile(r"\s*--\s*rollback\b\s*(?P<sql>.*)", re.I)
# What Liquibase undoes by itself.
_AUTOMATIC: Final = frozenset(
    {"addColumn", "addDefaultValue", "addForeignKeyConstraint", "addLookupTable",
     "addNotNullConstraint", "addPrimaryKey", "addUniqueConstraint", "createIndex",
     "createSequence", "createTable", "createView", "dropNotNullConstraint", "renameColumn",
     "renameSequence", "renameTable", "renameView", "tagDatabase"}
)  # fmt: skip
_NO_CHANGES: Final = frozenset(
    {"rollback", "preConditions", "comment", "validCheckSum", "include", "property", "modifySql"}
)


class Script(NamedTuple):
    """One migration; ``undo`` says how it can be undone, or why it cannot."""

    says: str | None
    can_undo: bool
    undo: str
    after: tuple[str, ...] = ()
    checksum: str | None = None


def read(tool: str, folder: Path, applied: tuple[str, ...] = ()) -> dict[str, Script]:
    """The scripts below ``folder``, by the ids that the rows have.

    applied  those of Liquibase's rows, whose file names are told by them

    Raises StorageError, LimitPassed.
    """
    if tool == "alembic":
        return dict(_alembic(folder))
    if tool == "flyway":
        return _flyway(folder)
    found = dict(_liquibase(folder))
    return {_row_id(id, applied): script for id, script in found.items()}


def _files(folder: Path, *suffixes: str) -> Iterator[tuple[Path, str]]:
    """Each file with its text, in order."""
    if not folder.is_dir():
        raise StorageError("no folder of scripts", where=str(folder))
    count = 0
    for path in sorted(folder.rglob("*")):
        if path.suffix.lower() not in suffixes:
            continue
        count += 1
        if count > FILES_MAX:
            raise LimitPassed(
                "too many scripts", where=str(folder), expected=f"files_max {FILES_MAX}"
            )
        try:
            with path.open("rb") as file:
                written = file.read(FILE_BYTES_MAX + 1)
        except OSError as error:
            raise StorageError(
                "a script cannot be read", where=str(path), got=error.strerror
            ) from error
        if len(written) <= FILE_BYTES_MAX:
            yield path, written.decode("utf-8", "replace")


def _digest(text: str) -> str:
    return "sha256:" + hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


# -- Alembic


def _alembic(folder: Path) -> Iterator[tuple[str, Script]]:
    for _, text in _files(folder, ".py"):
        try:
            module = ast.parse(text)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            continue
        said = dict(_assigned(module))
        revision = said.get("revision")
        if not isinstance(revision, str) or "down_revision" not in said:
            continue
        below = _ids(said["down_revision"]) + _ids(said.get("depends_on"))
        doc = ast.get_docstring(module) or ""
        can, how = _downgrade(module)
        first = doc.strip().partition("\n")[0].strip()
        yield revision, Script(first[:200] or None, can, how, below, _digest(text))


def _assigned(module: ast.Module) -> Iterator[tuple[str, Any]]:
    """Names of the module and the constants that they are."""
    for node in module.body:
        targets: list[ast.expr] = []
        value: ast.expr | None = None
        if isinstance(node, ast.Assign):
            targets, value = node.targets, node.value
        elif isinstance(node, ast.AnnAssign):
            targets, value = [node.target], node.value
        for target in targets:
            if isinstance(target, ast.Name) and value is not None:
                try:
                    yield target.id, ast.literal_eval(value)
                except (ValueError, TypeError, SyntaxError, RecursionError, MemoryError):
                    continue


def _ids(said: object) -> tuple[str, ...]:
    if isinstance(said, str):
        return (said,)
    listed = said if isinstance(said, tuple | list) else ()
    return tuple(one for one in listed if isinstance(one, str))


def _downgrade(module: ast.Module) -> tuple[bool, str]:
    """Whether ``downgrade`` does anything, or there is nothing to be undone."""
    bodies = {
        node.name: [one for one in node.body if not _is_nothing(one)]
        for node in module.body
        if isinstance(node, ast.FunctionDef)
    }
    down = bodies.get("downgrade")
    if down is None:
        return False, "no downgrade()"
    if any(isinstance(one, ast.Raise) for one in down[:1]):
        return False, "downgrade() refuses"
    if not down:
        return (not bodies.get("upgrade"), "downgrade() does nothing")
    return True, "downgrade()"


def _is_nothing(statement: ast.stmt) -> bool:
    constant = isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
    return constant or isinstance(statement, ast.Pass)


# -- Flyway


def _flyway(folder: Path) -> dict[str, Script]:
    applying: dict[str, tuple[str, str]] = {}
    undoing: dict[str, str] = {}
    for path, text in _files(folder, ".sql"):
        match = _FLYWAY.fullmatch(path.name)
        if match is None:
            continue
        version = match["version"].replace("_", ".")
        if match["kind"] == "V":
            applying[version] = match["says"].replace("_", " "), _digest(text)
        else:
            undoing[version] = path.name
    return {
        version: Script(
            says, version in undoing, undoing.get(version, f"no U{version}__ script"), (), checksum
        )
        for version, (says, checksum) in applying.items()
    }


# -- Liquibase


def _row_id(id: str, applied: tuple[str, ...]) -> str:
    """As the rows have it: their file names may begin higher, or lower."""
    file, _, rest = id.partition("::")
    for row in applied:
        its_file, _, its_rest = row.partition("::")
        of = its_file.removeprefix("classpath:").lstrip("/")
        if rest == its_rest and (of.endswith(f"/{file}") or file.endswith(f"/{of}") or of == file):
            return row
    return id


def _liquibase(folder: Path) -> Iterator[tuple[str, Script]]:
    for path, text in _files(folder, ".sql", ".xml", ".yaml", ".yml", ".json"):
        name = path.relative_to(folder).as_posix()
        if path.suffix == ".sql":
            found = _formatted(text) if _FORMATTED.search(text) else []
        elif path.suffix == ".xml":
            found = _xml(text)
        else:
            found = list(_nested(_document(path, text)))
        for author, id, can, how in found:
            yield f"{name}::{id}::{author}", Script(None, can, how, (), _digest(text))


_Sets = list[tuple[str, str, bool, str]]  # author, id, whether it can be undone, and how


def _formatted(text: str) -> _Sets:
    found: _Sets = []
    for line in text.splitlines():
        if match := _CHANGESET.match(line):
            found.append((match["author"], match["id"], False, "no rollback, and SQL has none"))
        elif found and (match := _ROLLBACK.match(line)):
            author, id, _, _ = found[-1]
            empty = match["sql"].strip().lower() in ("", "empty")
            how = "an empty rollback" if empty else "rollback"
            found[-1] = (author, id, True, how)
    return found


def _judged(changes: list[str], has_rollback: bool) -> tuple[bool, str]:
    if has_rollback:
        return True, "rollback"
    by_hand = [change for change in changes if change not in _AUTOMATIC]
    if by_hand:
        return False, f"no rollback of {by_hand[0]}"
    return True, "automatic rollback"


def _xml(text: str) -> _Sets:
    found: _Sets = []
    path: list[str] = []
    attributes: Mapping[str, str] = {}
    inside: list[str] = []

    def start(name: str, given: Mapping[str, str]) -> None:
        nonlocal attributes
        local = name.rpartition(":")[2]
        path.append(local)
        if local == "changeSet":
            attributes = dict(given)
            inside.clear()
        elif len(path) > 1 and path[-2] == "changeSet":
            inside.append(local)

    def end(name: str) -> None:
        path.pop()
        if name.rpartition(":")[2] == "changeSet" and {"id", "author"} <= attributes.keys():
            made = [one for one in inside if one not in _NO_CHANGES]
            can, how = _judged(made, "rollback" in inside)
            found.append((attributes["author"], attributes["id"], can, how))

    try:
        xml_strict.walk(text.encode("utf-8", "replace"), start=start, end=end)
    except Refused:
        return found
    return found


def _document(path: Path, text: str) -> Any:
    import yaml  # late: few have changelogs in it

    try:
        if path.suffix == ".json":
            return json.loads(text)
        yaml_text.need_shallow(text, where=str(path))
        return yaml.safe_load(text)
    except (ValueError, RecursionError, yaml.YAMLError, Refused):
        return None


def _nested(document: Any) -> Iterator[tuple[str, str, bool, str]]:
    listed = document.get("databaseChangeLog") if isinstance(document, dict) else None
    for one in listed if isinstance(listed, list) else ():
        said = one.get("changeSet") if isinstance(one, dict) else None
        if not isinstance(said, dict) or not {"id", "author"} <= said.keys():
            continue
        made = said.get("changes")
        names = [
            str(name)
            for change in (made if isinstance(made, list) else ())
            if isinstance(change, dict)
            for name in change
        ]
        can, how = _judged(names, "rollback" in said)
        yield str(said["author"]), str(said["id"]), can, how
