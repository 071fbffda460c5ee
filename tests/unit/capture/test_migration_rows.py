"""Rows of an export are what it says, or it is refused; a database is named by its address."""

from __future__ import annotations

import contextlib
import csv
import io
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wherefrom.capture.migration_rows import exported, is_database, name_of, read
from wherefrom.errors import Error, SettingError

CELLS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=6)


@given(st.lists(st.lists(CELLS, min_size=2, max_size=2), max_size=4))
def test_csv_that_was_written_is_read_again(rows: list[list[str]]) -> None:
    table = io.StringIO(newline="")
    csv.writer(table).writerows([["version", "script"], *rows])
    found = exported(table.getvalue().encode(), name="x.csv")
    assert [list(row.values()) for row in found] == rows


@given(st.binary(max_size=60) | st.text(max_size=60).map(lambda text: text.encode()))
def test_no_export_however_odd_gives_anything_but_rows_or_an_error_of_ours(content: bytes) -> None:
    with contextlib.suppress(Error):
        assert all(isinstance(row, dict) for row in exported(content, name="x"))


def test_a_byte_order_mark_before_csv_is_none_of_its_columns() -> None:
    assert exported(b"\xef\xbb\xbfa,b\r\n1,2\r\n", name="x") == [{"a": "1", "b": "2"}]


@pytest.mark.parametrize(
    ("place", "name"),
    [
        ("postgresql://app:x@db.example/orders?sslmode=require", "orders"),
        ("postgres://db/a%20b", "a b"),
        ("postgresql://db", ""),
        ("sqlite:////var/lib/orders.db", "orders"),
    ],
)
def test_a_database_is_called_by_the_end_of_its_address(place: str, name: str) -> None:
    assert is_database(place)
    assert name_of(place) == name


def test_a_file_is_a_database_by_how_it_begins(tmp_path: Path) -> None:
    (tmp_path / "a.db").write_bytes(b"SQLite format 3\0")
    (tmp_path / "b.db").write_bytes(b"[]")
    assert is_database(str(tmp_path / "a.db"))
    for other in ("b.db", "none.db", ""):
        assert not is_database(str(tmp_path / other))


def test_without_the_library_it_says_which_extra_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(SettingError, match=r"wherefrom\[postgres\]"):
        read("postgresql://127.0.0.1/x", table="alembic_version")
