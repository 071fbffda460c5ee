"""Scripts of migrations: what they are, and whether they can be undone. None is ever run."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from wherefrom.capture.migration_scripts import FILE_BYTES_MAX, read
from wherefrom.errors import Error, StorageError

ALEMBIC = '''"""add orders

Revision ID: b2
Revises: a1
"""
from alembic import op
import sqlalchemy as sa

revision: str = "b2"
down_revision: str | None = "a1"
branch_labels = None
depends_on = ("x9",)

raise SystemExit("it was run")


def upgrade() -> None:
    op.create_table("orders")


def downgrade() -> None:
    {down}
'''


def put(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


@pytest.mark.parametrize(
    ("down", "can", "how"),
    [
        ('op.drop_table("orders")', True, "downgrade()"),
        ("pass", False, "downgrade() does nothing"),
        ('"""Nothing."""', False, "downgrade() does nothing"),
        ("raise NotImplementedError", False, "downgrade() refuses"),
    ],
)
def test_a_script_of_alembic_can_be_undone_if_its_downgrade_does_something(
    tmp_path: Path, down: str, can: bool, how: str
) -> None:
    put(tmp_path, "versions/b2_add_orders.py", ALEMBIC.replace("{down}", down))
    (script,) = read("alembic", tmp_path).values()
    assert (script.says, script.can_undo, script.undo) == ("add orders", can, how)
    assert script.after == ("a1", "x9")
    assert (script.checksum or "").startswith("sha256:")


def test_a_merge_has_nothing_to_undo_and_what_is_no_revision_is_passed_over(
    tmp_path: Path,
) -> None:
    put(
        tmp_path,
        "versions/m.py",
        'revision = "m"\ndown_revision = ("a", "b")\ndef upgrade(): pass\ndef downgrade(): pass\n',
    )
    put(tmp_path, "env.py", "config = context.config")
    put(tmp_path, "versions/broken.py", "revision = (")
    put(tmp_path, "versions/other.py", 'revision = f"{x}"\ndown_revision = None\n')
    put(tmp_path, "versions/none.py", 'revision = "n"\ndown_revision = None\n')
    found = read("alembic", tmp_path)
    assert (found["m"].can_undo, found["m"].after) == (True, ("a", "b"))
    assert (found["n"].can_undo, found["n"].undo) == (False, "no downgrade()")
    assert found.keys() == {"m", "n"}


def test_a_version_of_flyway_can_be_undone_if_there_is_its_script(tmp_path: Path) -> None:
    for name in ("V1__create.sql", "sub/V2_1__add_orders.sql", "U2_1__drop_orders.sql",
                 "R__views.sql", "V.sql", "V3.1__x.sql", "B1__base.sql"):  # fmt: skip
        put(tmp_path, name, "SELECT 1;")
    found = read("flyway", tmp_path)
    assert {version: (s.says, s.can_undo, s.undo) for version, s in found.items()} == {
        "1": ("create", False, "no U1__ script"),
        "2.1": ("add orders", True, "U2_1__drop_orders.sql"),
        "3.1": ("x", False, "no U3.1__ script"),
    }


SQL = """--liquibase formatted sql

--changeset jane:1 labels:x
CREATE TABLE a (id int);
--rollback DROP TABLE a;

-- changeset jane:2
DELETE FROM a;
--changeset jane:3
INSERT INTO a VALUES (1);
--rollback empty
"""
XML = """<?xml version="1.0" encoding="UTF-8"?>
<databaseChangeLog xmlns="http://www.liquibase.org/xml/ns/dbchangelog">
  <changeSet id="1" author="jane"><preConditions/><createTable tableName="a"><column/></createTable>
  </changeSet>
  <changeSet id="2" author="jane"><sql>DELETE FROM a</sql></changeSet>
  <changeSet id="3" author="jane"><sql>x</sql><rollback>y</rollback></changeSet>
</databaseChangeLog>
"""
YAML = """databaseChangeLog:
  - changeSet:
      id: 1
      author: jane
      changes:
        - createTable: {tableName: a}
  - changeSet: {id: 2, author: jane, changes: [{sql: {sql: x}}]}
  - changeSet: {id: 3, author: jane, changes: [{sql: {sql: x}}], rollback: [{sql: y}]}
  - include: {file: x}
"""
JSON = (
    '{"databaseChangeLog": [{"changeSet": {"id": "1", "author": "jane", "changes":'
    ' [{"addColumn": {}}]}}, {"changeSet": {"id": "2", "author": "jane", "changes":'
    ' [{"dropTable": {}}]}}, {"changeSet": {"id": "3", "author": "jane", "rollback": "x"}}]}'
)


@pytest.mark.parametrize(
    ("name", "text"), [("a.sql", SQL), ("a.xml", XML), ("a.yaml", YAML), ("a.json", JSON)]
)
def test_a_changeset_of_liquibase_can_be_undone_by_a_rollback_or_by_itself(
    tmp_path: Path, name: str, text: str
) -> None:
    put(tmp_path, f"db/{name}", text)
    found = read("liquibase", tmp_path)
    assert {id: script.can_undo for id, script in found.items()} == {
        f"db/{name}::1::jane": True, f"db/{name}::2::jane": False, f"db/{name}::3::jane": True,
    }  # fmt: skip
    row = f"classpath:app/db/{name}::2::jane"
    assert row in read("liquibase", tmp_path, (row,))
    assert row in read("liquibase", tmp_path / "db", (row,))


def test_a_changelog_of_aliases_is_not_opened_and_costs_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded = []
    load = yaml.safe_load
    monkeypatch.setattr(yaml, "safe_load", lambda text: loaded.append(text) or load(text))
    nested = "&a0 {k: 1}"
    for n in range(1, 9):
        nested = f"&a{n} {{<<: [{nested}{f', *a{n - 1}' * 9}]}}"
    put(tmp_path, "db/a.yaml", f"databaseChangeLog: {nested}")
    put(tmp_path, "db/b.yaml", YAML)
    assert len(read("liquibase", tmp_path)) == 3
    assert loaded == [YAML]


@pytest.mark.parametrize("tool", ["alembic", "flyway", "liquibase"])
def test_a_folder_that_is_none_is_told_and_large_files_are_passed_over(
    tmp_path: Path, tool: str
) -> None:
    with pytest.raises(StorageError, match="no folder of scripts"):
        read(tool, tmp_path / "none")
    for name in ("V1__x.sql", "x.py", "x.xml"):
        with (tmp_path / name).open("wb") as file:
            file.truncate(FILE_BYTES_MAX + 1)
    assert read(tool, tmp_path) == {}


@given(st.sampled_from(["alembic", "flyway", "liquibase"]),
       st.sampled_from(["x.py", "V1__x.sql", "a.sql", "a.xml", "a.yaml", "a.json"]),
       st.text(max_size=80) | st.sampled_from([ALEMBIC, SQL, XML, YAML, JSON]).flatmap(
           lambda text: st.integers(0, len(text)).map(lambda end: text[:end])))  # fmt: skip
def test_no_script_however_odd_gives_anything_but_an_error_of_ours(
    tmp_path_factory: pytest.TempPathFactory, tool: str, name: str, text: str
) -> None:
    folder = tmp_path_factory.mktemp("scripts")
    (folder / name).write_bytes(text.encode("utf-8", "surrogatepass"))
    with contextlib.suppress(Error):
        read(tool, folder)
