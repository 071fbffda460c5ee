"""What a tool of migrations wrote down of a database, as changes and as what is there now.

    rows of Alembic, Flyway, Liquibase ──► Step, Step, …  in the order in which they were run
                                             │      └ failed: an event that states nothing
       scripts, where they are given ────────┤
                                             ├──► each that ran: prov-migration.applied, then
                                             └──► where it is:   prov-estate.observed, now

Declared is what was run, observed what the database says: who reads again later, tells the steps
that are known already in the same bytes, and what the database holds anew. Alembic keeps only where
it is: of it there are no steps.

Flyway counts versions, not rows: what ran out of order leaves the highest. An undo takes its
version away again.

Sizes:  100,000 rows
Source: Alembic, "Working with branches"; Flyway, "Schema history table"; Liquibase,
        "DATABASECHANGELOG table"
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime, tzinfo
from typing import Any, Final, NamedTuple

from wherefrom.capture import changes
from wherefrom.capture.migration_scripts import Script
from wherefrom.errors import LimitPassed, Malformed
from wherefrom.formats.states import OBSERVED, Scope
from wherefrom.formats.timestamps import to_text

ROWS_MAX: Final = 100_000
FAILED_SHOWN_MAX: Final = 10
Row = Mapping[str, Any]
_SEPARATORS: Final = re.compile(r"[._]")
_NUMBER: Final = re.compile(r"[0-9]{1,40}")


class Step(NamedTuple):
    """One migration that was run, or was tried.

    id        what its tool calls it; ``after`` is where the database was then, None: at nothing
    says      what it is
    by        who ran it, or wrote it, as the tool keeps that
    reverts   the version that it took back
    """

    id: str
    after: str | None
    at: str | None
    says: str | None = None
    by: str | None = None
    checksum: str | None = None
    failed: bool = False
    reverts: str | None = None


class History(NamedTuple):
    """All that the rows say; ``now`` is where the database is, None at nothing."""

    tool: str
    steps: tuple[Step, ...]
    now: str | None
    applied: tuple[str, ...]


def read(tool: str, rows: Sequence[Row], *, zone: tzinfo = UTC) -> History:
    """What the rows of a tool's own table say.

    rows  each with its columns, in whatever case
    zone  of times that say no offset

    Raises Malformed for a row that is none of this tool's; LimitPassed.
    """
    if len(rows) > ROWS_MAX:
        raise LimitPassed("too many rows", expected=f"rows_max {ROWS_MAX}", got=len(rows))
    reader = _READERS[tool]
    return reader([_Fields(row, f"row {n}", zone) for n, row in enumerate(rows, 1)])


def told(
    history: History,
    database: str,
    scope: Scope,
    *,
    at: str,
    source: str,
    scripts: Mapping[str, Script] | None = None,
) -> list[bytes]:
    """The records: a change for each step, then what the database holds at ``at``."""
    found = []
    for step in history.steps:
        if step.at is None:
            continue
        said = _content(history.tool, step, (scripts or {}).get(step.id))
        if step.failed:
            said["failed"] = step.id
            found.append(
                changes.failed_migration(database, scope, at=step.at, source=source, told=said)
            )
        else:
            found.append(
                changes.place(
                    "migration", database, step.after, scope, at=step.at, source=source, told=said
                )
            )
    state: dict[str, Any] = {"slot": "migration", "name": database, "value": history.now}
    if scope.service:
        state["scope"] = {"service": scope.service}
    if says := _says(history, scripts or {}):
        state["says"] = says
    state["properties"] = _now(history, scripts)
    found.append(
        changes.estate(
            OBSERVED, scope._replace(service=""), [state], all_of=(), at=at, source=source
        )
    )
    return found


def _content(tool: str, step: Step, script: Script | None) -> dict[str, str]:
    said = {
        "tool": tool, "script": step.id, "says": step.says, "by": step.by,
        "checksum": step.checksum,
        "reason": f"undo of {step.reverts}" if step.reverts else None,
        "undo": script.undo if script else None,
        "can_undo": ("yes" if script.can_undo else "no") if script else None,
    }  # fmt: skip
    return {key: text for key, text in said.items() if text}


def _now(history: History, scripts: Mapping[str, Script] | None) -> dict[str, Any]:
    """What is worth knowing of where the database is."""
    failed = [step for step in history.steps if step.failed]
    newest = next((s for s in reversed(history.steps) if not s.failed), None)
    said: dict[str, Any] = {"tool": history.tool}
    if newest is not None:
        said |= {"checksum": newest.checksum, "by": newest.by, "since": newest.at}
    if failed:
        said["failed"] = [step.id for step in failed[-FAILED_SHOWN_MAX:]]
    if scripts is not None:
        at = [scripts[id] for id in _at_now(history) if id in scripts]
        said["can_undo"] = all(script.can_undo for script in at) if at else None
        said["undo"] = "; ".join(script.undo for script in at) or None
        missing = [id for id in _at_now(history) if id not in scripts]
        said["without_script"] = missing[:FAILED_SHOWN_MAX] or None
        applied = _with_causes(history.applied, scripts)
        said["pending"] = sum(id not in applied for id in scripts)
    return {key: value for key, value in said.items() if value is not None}


def _at_now(history: History) -> tuple[str, ...]:
    """The scripts that brought the database where it is: several only where branches end."""
    if history.tool == "alembic":
        return history.applied
    return () if history.now is None else (history.now,)


def _says(history: History, scripts: Mapping[str, Script]) -> str | None:
    """What the migration is that brought it there."""
    at = _at_now(history)
    steps = [s.says for s in history.steps if s.id in at and s.says and not s.failed]
    found = steps[-1:] or [said for id in at if id in scripts and (said := scripts[id].says)]
    return "; ".join(found) or None


def _with_causes(applied: Iterable[str], scripts: Mapping[str, Script]) -> set[str]:
    """These, and all that they come after."""
    found: set[str] = set()
    waiting = list(applied)
    while waiting:
        id = waiting.pop()
        if id not in found:
            found.add(id)
            waiting += scripts[id].after if id in scripts else ()
    return found


# -- the tools


class _Fields:
    """The columns of one row, by their names in lower case."""

    def __init__(self, row: Row, where: str, zone: tzinfo) -> None:
        self._row = {str(name).lower(): value for name, value in row.items()}
        self._where = where
        self._zone = zone

    def text(self, name: str) -> str | None:
        """A text, None if there is none. Raises Malformed."""
        value = self._row.get(name)
        if value is None or value == "":
            return None
        if isinstance(value, bool) or not isinstance(value, str | int):
            raise self._wrong(name, "a text", value)
        return str(value)

    def need(self, name: str) -> str:
        """A text that must be there. Raises Malformed."""
        found = self.text(name)
        if found is None:
            raise Malformed(
                "a row without what its tool always writes", where=f"{self._where}.{name}",
                expected=name, got=" ".join(sorted(self._row))[:200],
            )  # fmt: skip
        return found

    def number(self, name: str) -> int:
        """A whole number that must be there. Raises Malformed."""
        said = self.need(name)
        if not _NUMBER.fullmatch(said):
            raise self._wrong(name, "a number", said)
        return int(said)

    def truth(self, name: str) -> bool:
        """Yes or no, however a database writes that. Raises Malformed."""
        value = self._row.get(name)
        said = str(value).lower() if isinstance(value, bool | int | str) else ""
        if said in ("true", "t", "1", "yes"):
            return True
        if said in ("false", "f", "0", "no"):
            return False
        raise self._wrong(name, "true or false", value)

    def time(self, name: str) -> str | None:
        """A moment, in the zone that is given if it says none. Raises Malformed."""
        value = self._row.get(name)
        if value is None or value == "":
            return None
        try:
            if isinstance(value, int) and not isinstance(value, bool):  # as JDBC has it in SQLite
                return to_text(datetime.fromtimestamp(value / 1000, UTC))
            if isinstance(value, str):
                moment = datetime.fromisoformat(value.strip())
                return to_text(moment if moment.tzinfo else moment.replace(tzinfo=self._zone))
        except (ValueError, OverflowError, OSError):
            pass
        raise self._wrong(name, "a time such as 2026-01-01 12:00:00", value)

    def _wrong(self, name: str, expected: str, got: object) -> Malformed:
        return Malformed(
            "a column has the wrong type", where=f"{self._where}.{name}", expected=expected,
            got=str(got)[:80],
        )  # fmt: skip


def _alembic(rows: Sequence[_Fields]) -> History:
    heads = tuple(sorted(dict.fromkeys(row.need("version_num") for row in rows)))
    return History("alembic", (), ",".join(heads) or None, heads)


def _flyway(rows: Sequence[_Fields]) -> History:
    steps: list[Step] = []
    applied: dict[str, str] = {}  # version → what applied it
    for row in sorted(rows, key=lambda row: row.number("installed_rank")):
        type, version = row.text("type") or "SQL", row.text("version")
        script = row.need("script")
        reverts = None
        if not row.truth("success"):
            steps.append(_flyway_step(row, version or script, None, failed=True))
            continue
        if version is not None:
            if type.startswith("UNDO") or type == "DELETE":
                reverts = version
                applied.pop(version, None)
            else:
                applied[version] = script
        now = max(applied, key=_order, default=None)
        id = version if version is not None and reverts is None else script
        steps.append(_flyway_step(row, id, now, reverts=reverts))
    now = max(applied, key=_order, default=None)
    return History("flyway", tuple(steps), now, tuple(applied))


def _flyway_step(
    row: _Fields, id: str, after: str | None, *, failed: bool = False, reverts: str | None = None
) -> Step:
    return Step(
        id, after, row.time("installed_on"), row.text("description"), row.text("installed_by"),
        row.text("checksum"), failed, reverts,
    )  # fmt: skip


def _order(version: str) -> tuple[tuple[int, int, str], ...]:
    """As Flyway compares: part by part, as numbers where they are some."""
    parts = [
        (1, int(part), "") if _NUMBER.fullmatch(part) else (0, 0, part)
        for part in _SEPARATORS.split(version)
    ]
    while len(parts) > 1 and parts[-1] == (1, 0, ""):  # 1.0 is 1
        parts.pop()
    return tuple(parts)


def _liquibase(rows: Sequence[_Fields]) -> History:
    steps = []
    applied: dict[str, None] = {}
    now = None
    for row in sorted(rows, key=lambda row: row.number("orderexecuted")):
        id = f"{row.need('filename')}::{row.need('id')}::{row.need('author')}"
        kind = (row.text("exectype") or "EXECUTED").upper()
        if kind == "SKIPPED":
            continue
        failed = kind == "FAILED"
        if not failed:
            now = id
            applied[id] = None
        says = row.text("comments") or row.text("description")
        steps.append(
            Step(
                id, None if failed else id, row.time("dateexecuted"), says, row.text("author"),
                row.text("md5sum"), failed,
            )
        )  # fmt: skip
    return History("liquibase", tuple(steps), now, tuple(applied))


_READERS: Final[Mapping[str, Callable[[Sequence[_Fields]], History]]] = {
    "alembic": _alembic,
    "flyway": _flyway,
    "liquibase": _liquibase,
}
TOOLS: Final = tuple(_READERS)
