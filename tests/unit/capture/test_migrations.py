"""What Alembic, Flyway and Liquibase write down becomes steps, and where the database is."""

from __future__ import annotations

import contextlib
import json
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wherefrom.capture.migration_scripts import Script
from wherefrom.capture.migrations import TOOLS, History, read, told
from wherefrom.errors import Error, LimitPassed, Malformed
from wherefrom.formats.recognise import facts_of
from wherefrom.formats.states import DECLARED, OBSERVED, Scope

NOW = "2026-02-01T00:00:00.000000Z"
SHOP = Scope("prod", "shop")


def flyway(rank: int, version: str | None, **changes: Any) -> dict[str, Any]:
    return {
        "installed_rank": rank, "version": version, "description": f"step {rank}", "type": "SQL",
        "script": f"V{version}__step_{rank}.sql", "checksum": 100 + rank, "installed_by": "app",
        "installed_on": f"2026-01-01T10:00:0{rank}", "execution_time": 7, "success": True,
        **changes,
    }  # fmt: skip


def liquibase(order: int, id: str, **changes: Any) -> dict[str, Any]:
    return {
        "ID": id, "AUTHOR": "jane", "FILENAME": "db/changelog.sql",
        "DATEEXECUTED": f"2026-01-01 10:00:0{order}", "ORDEREXECUTED": order,
        "EXECTYPE": "EXECUTED", "MD5SUM": f"9:{order}", "DESCRIPTION": "sql", "COMMENTS": "",
        "TAG": None, "LIQUIBASE": "4.25", **changes,
    }  # fmt: skip


def facts(history: History, **more: Any) -> list[Any]:
    return [
        facts_of(content)
        for content in told(history, "orders", SHOP, at=NOW, source="/by-hand/ci", **more)
    ]


def values(history: History, mode: str = DECLARED) -> list[tuple[str | None, str | None]]:
    """Value and time of each state, in order."""
    return [
        (s.value, s.at or f.occurred) for f in facts(history) for s in f.states if s.mode == mode
    ]


def at(second: int) -> str:
    return f"2026-01-01T10:00:0{second}.000000Z"


# -- Flyway


def test_each_step_of_flyway_is_where_the_database_was_then() -> None:
    history = read("flyway", [flyway(2, "2"), flyway(1, "1.1"), flyway(3, "10")])
    assert values(history) == [("1.1", at(1)), ("2", at(2)), ("10", at(3))]
    assert values(history, OBSERVED) == [("10", NOW)]
    (state,) = facts(history)[0].states
    assert (state.scope, state.slot, state.name, state.says) == (
        SHOP, "migration", "orders", "step 1",
    )  # fmt: skip
    assert state.properties == {
        "tool": "flyway", "script": "1.1", "checksum": "101", "by": "app",
    }  # fmt: skip


def test_what_runs_out_of_order_leaves_the_highest_version_and_repeatables_none() -> None:
    again = flyway(3, None, script="R__views.sql")
    history = read("flyway", [flyway(1, "3"), flyway(2, "2_1"), again])
    assert values(history) == [("3", at(1)), ("3", at(2)), ("3", at(3))]


@pytest.mark.parametrize(
    ("lower", "higher"), [("1", "1.0.1"), ("9", "10"), ("1.9", "1.10"), ("2", "20260101")]
)
def test_versions_are_compared_part_by_part_as_numbers(lower: str, higher: str) -> None:
    assert read("flyway", [flyway(1, higher), flyway(2, lower)]).now == higher


def test_an_undo_takes_its_version_back_and_what_failed_states_nothing() -> None:
    history = read(
        "flyway",
        [flyway(1, "1"), flyway(2, "2"), flyway(3, "2", type="UNDO_SQL", script="U2__x.sql"),
         flyway(4, "3", success=False), flyway(5, "1", type="DELETE", script="x")],
    )  # fmt: skip
    assert values(history) == [("1", at(1)), ("2", at(2)), ("1", at(3)), (None, at(5))]
    assert values(history, OBSERVED) == [(None, NOW)]
    undone = facts(history)[2].states[0]
    assert (undone.properties or {})["reason"] == "undo of 2"
    failed = facts(history)[3]
    assert (failed.kind, failed.states) == ("change", ())
    (tried,) = [n for n in failed.nodes if n.kind == "activity"]
    assert (tried.properties or {})["failed"] == "3"
    seen = facts(history)[-1].states[0]
    assert (seen.properties or {})["failed"] == ["3"]


# -- Liquibase


def test_each_changeset_of_liquibase_is_named_by_file_id_and_author() -> None:
    history = read(
        "liquibase",
        [liquibase(2, "b", EXECTYPE="RERAN", COMMENTS="why"), liquibase(1, "a"),
         liquibase(3, "c", EXECTYPE="SKIPPED"), liquibase(4, "d", EXECTYPE="FAILED")],
    )  # fmt: skip
    name = "db/changelog.sql::{}::jane"
    assert values(history) == [(name.format("a"), at(1)), (name.format("b"), at(2))]
    assert values(history, OBSERVED) == [(name.format("b"), NOW)]
    assert facts(history)[1].states[0].says == "why"
    assert [step.id for step in history.steps if step.failed] == [name.format("d")]


# -- Alembic


def test_alembic_says_only_where_it_is() -> None:
    history = read("alembic", [{"version_num": "b2"}, {"VERSION_NUM": "a1"}])
    assert (values(history), values(history, OBSERVED)) == ([], [("a1,b2", NOW)])
    assert values(read("alembic", []), OBSERVED) == [(None, NOW)]


def test_scripts_tell_what_it_is_whether_it_can_be_undone_and_what_is_pending() -> None:
    scripts = {
        "a1": Script("first", True, "downgrade()"),
        "b2": Script("second", False, "downgrade() refuses", ("a1",)),
        "c3": Script("third", True, "downgrade()", ("b2",)),
    }
    (last,) = facts(read("alembic", [{"version_num": "b2"}]), scripts=scripts)
    state = last.states[0]
    properties = state.properties or {}
    assert (state.says, properties["can_undo"], properties["undo"], properties["pending"]) == (
        "second", False, "downgrade() refuses", 1,
    )  # fmt: skip
    (lost,) = facts(read("alembic", [{"version_num": "zz"}]), scripts=scripts)
    assert (lost.states[0].properties or {})["without_script"] == ["zz"]


def test_scripts_of_flyway_tell_it_of_each_step_too() -> None:
    scripts = {"1": Script("one", False, "no U1__ script"), "2": Script("two", True, "U2__x.sql"),
               "3": Script("three", True, "U3__x.sql")}  # fmt: skip
    found = facts(read("flyway", [flyway(1, "1"), flyway(2, "2")]), scripts=scripts)
    assert [(f.states[0].properties or {})["undo"] for f in found] == [
        "no U1__ script", "U2__x.sql", "U2__x.sql",
    ]  # fmt: skip
    now = found[-1].states[0].properties or {}
    assert (now["can_undo"], now["pending"]) == (True, 1)


# -- all of them


def test_who_reads_again_tells_the_same_steps_in_the_same_bytes() -> None:
    rows = [flyway(1, "1"), flyway(2, "2")]
    first, again = (
        told(read("flyway", rows), "orders", SHOP, at=when, source="/ci")
        for when in (NOW, "2026-03-01T00:00:00Z")
    )
    assert first[:-1] == again[:-1]
    assert first[-1] != again[-1]


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("2026-01-01 10:00:00", "2026-01-01T09:00:00.000000Z"),
        ("2026-01-01T10:00:00.5", "2026-01-01T09:00:00.500000Z"),
        ("2026-01-01 10:00:00+00", "2026-01-01T10:00:00.000000Z"),
        ("2026-01-01T10:00:00Z", "2026-01-01T10:00:00.000000Z"),
        (1767261600000, "2026-01-01T10:00:00.000000Z"),
    ],
)
def test_a_time_without_an_offset_is_of_the_zone_that_is_given(said: Any, meant: str) -> None:
    history = read("flyway", [flyway(1, "1", installed_on=said)], zone=ZoneInfo("Europe/Paris"))
    assert history.steps[0].at == meant


@pytest.mark.parametrize(
    ("yes", "no"),
    [(True, False), (1, 0), ("t", "f"), ("TRUE", "False"), ("1", "0"), ("yes", "no")],
)
def test_success_is_read_however_a_database_writes_it(yes: Any, no: Any) -> None:
    assert read("flyway", [flyway(1, "1", success=yes)]).now == "1"
    assert read("flyway", [flyway(1, "1", success=no)]).now is None


@pytest.mark.parametrize(
    ("tool", "rows", "says"),
    [
        ("flyway", [{"version": "1"}], r"row 1\.installed_rank"),
        ("flyway", [flyway(1, "1", installed_rank="x")], "a number"),
        ("flyway", [flyway(1, "1", installed_on="soon")], "a time such as"),
        ("flyway", [flyway(1, "1", installed_on=10**30)], "a time such as"),
        ("flyway", [flyway(1, "1", installed_on=True)], "a time such as"),
        ("flyway", [flyway(1, "1", success="perhaps")], "true or false"),
        ("flyway", [flyway(1, "1", script=["x"])], "a text"),
        ("alembic", [{"version": "1"}], "version_num"),
        ("liquibase", [liquibase(1, "")], r"row 1\.id"),
        ("liquibase", [flyway(1, "1")], "orderexecuted"),
    ],
)
def test_a_row_of_something_else_is_refused(tool: str, rows: Any, says: str) -> None:
    with pytest.raises(Malformed, match=says):
        read(tool, rows)


def test_too_many_rows_are_refused() -> None:
    with pytest.raises(LimitPassed, match="rows_max 100000"):
        read("alembic", [{"version_num": "a"}] * 100_001)


COLUMNS = sorted({*flyway(1, "1"), *liquibase(1, "a"), "version_num"})
VALUES = (
    st.none() | st.booleans() | st.integers() | st.text(max_size=6) | st.floats()
    | st.lists(st.integers(), max_size=1) | st.sampled_from(["2026-01-01 10:00:00", "1", "UNDO"])
)  # fmt: skip


@given(
    st.sampled_from(TOOLS), st.lists(st.dictionaries(st.sampled_from(COLUMNS), VALUES), max_size=3)
)
def test_no_rows_however_odd_give_anything_but_an_error_of_ours(tool: str, odd: Any) -> None:
    whole = {"version_num": "a", **liquibase(1, "a"), **flyway(1, "1")}
    for rows in (odd, [{**whole, **row} for row in odd]):
        with contextlib.suppress(Error):
            for content in told(read(tool, rows), "d", SHOP, at=NOW, source="/ci"):
                json.loads(content)
                facts_of(content)
