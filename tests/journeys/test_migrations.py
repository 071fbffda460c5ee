"""Where a database is, read from PostgreSQL, from SQLite and from exports, is what was applied."""

import csv
import io
import json

import apsw
import pytest

from tests.postgres import PASSWORD, database, postgres  # noqa: F401 - fixtures
from tests.unit.cli.running import run

# As the tools create them: Flyway and Liquibase for PostgreSQL, Alembic for any.
FLYWAY = """CREATE TABLE flyway_schema_history (
  installed_rank INT NOT NULL PRIMARY KEY, version VARCHAR(50), description VARCHAR(200) NOT NULL,
  type VARCHAR(20) NOT NULL, script VARCHAR(1000) NOT NULL, checksum INTEGER,
  installed_by VARCHAR(100) NOT NULL, installed_on TIMESTAMP NOT NULL DEFAULT now(),
  execution_time INTEGER NOT NULL, success BOOLEAN NOT NULL)"""
LIQUIBASE = """CREATE TABLE databasechangelog (
  id VARCHAR(255) NOT NULL, author VARCHAR(255) NOT NULL, filename VARCHAR(255) NOT NULL,
  dateexecuted TIMESTAMP NOT NULL, orderexecuted INTEGER NOT NULL, exectype VARCHAR(10) NOT NULL,
  md5sum VARCHAR(35), description VARCHAR(255), comments VARCHAR(255), tag VARCHAR(255),
  liquibase VARCHAR(20), contexts VARCHAR(255), labels VARCHAR(255), deployment_id VARCHAR(10))"""
ALEMBIC = "CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL PRIMARY KEY)"
STEPS = [
    (1, "1", "create orders", "SQL", "V1__create_orders.sql", "2026-01-01 10:00:00", True),
    (2, "2", "add total", "SQL", "V2__add_total.sql", "2026-01-02 10:00:00", True),
    (3, "2", "add total", "UNDO_SQL", "U2__add_total.sql", "2026-01-03 10:00:00", True),
    (4, "2", "add total", "SQL", "V2__add_total.sql", "2026-01-04 10:00:00", True),
    (5, "3", "add index", "SQL", "V3__add_index.sql", "2026-01-05 10:00:00", False),
]


def flyway(execute):
    execute(FLYWAY)
    for rank, version, says, type, script, on, success in STEPS:
        execute(
            "INSERT INTO flyway_schema_history VALUES"
            f" ({rank}, '{version}', '{says}', '{type}', '{script}', {rank}, 'app', '{on}', 7,"
            f" {success})"
        )


@pytest.fixture
def tell(tmp_path):
    def made(*arguments, code=0, stdin=b"", env="prod"):
        ran = run(
            "change", "migrations", *arguments, "-e", env, "--service", "shop", "--source", "/ci",
            stdin=stdin, data=tmp_path / "log",
        )  # fmt: skip
        assert ran.code == code, ran.err
        assert PASSWORD not in ran.out + ran.err
        return ran

    return made


@pytest.fixture
def place(tmp_path):
    def found(*more):
        said = run("running", "prod", "--json", *more, data=tmp_path / "log").json
        (one,) = said["places"]
        assert (one["service"], one["slot"], one["name"]) == ("shop", "migration", "orders")
        return one

    return found


def kept(tmp_path):
    return b"".join(p.read_bytes() for p in (tmp_path / "log").rglob("*") if p.is_file())


def test_a_database_of_flyway_is_where_its_table_says_at_each_time(
    tmp_path, database, tell, place  # noqa: F811
):  # fmt: skip
    url, connection = database
    flyway(connection.execute)
    scripts = tmp_path / "sql"
    scripts.mkdir()
    for name in ("V1__create_orders.sql", "V2__add_total.sql", "U2__add_total.sql",
                 "V3__add_index.sql"):  # fmt: skip
        (scripts / name).write_text("SELECT 1;")
    said = tell("--tool", "flyway", "--from", url, "--scripts", scripts)
    assert "orders is at 2: 2 migrations by flyway" in said.out
    assert "1 migration failed: 3" in said.out
    now = place()
    assert (now["declared"]["value"], now["observed"][0]["value"], now["drift"]) == ("2", "2", None)
    properties = now["observed"][0]["properties"]
    assert (properties["failed"], properties["can_undo"], properties["pending"]) == (["3"], True, 1)
    for at, version in (("2026-01-01T12:00Z", "1"), ("2026-01-02T12:00Z", "2"),
                        ("2026-01-03T12:00Z", "1"), ("2026-01-04T12:00Z", "2")):  # fmt: skip
        assert place("--at", at)["declared"]["value"] == version
    again = tell("--tool", "flyway", "--from", url, "--scripts", scripts)
    assert again.out.count("known already") == len(STEPS)
    assert PASSWORD.encode() not in kept(tmp_path)
    # Somebody turns the table back by hand: what it holds is not what was run.
    connection.execute("DELETE FROM flyway_schema_history WHERE installed_rank > 1")
    tell("--tool", "flyway", "--from", url)
    assert (place()["drift"], place()["observed"][0]["value"]) == ("differs", "1")


def test_the_tables_of_alembic_and_liquibase_are_read_too(
    tmp_path, database, tell, place  # noqa: F811
):  # fmt: skip
    url, connection = database
    connection.execute("CREATE SCHEMA app")
    connection.execute(ALEMBIC.replace("alembic_version", "app.revisions"))
    connection.execute("INSERT INTO app.revisions VALUES ('ae1027a6acf1')")
    tell("--tool", "alembic", "--from", url, "--table", "revisions", "--schema", "app")
    assert place()["observed"][0]["value"] == "ae1027a6acf1"
    connection.execute(LIQUIBASE)
    connection.execute(
        "INSERT INTO databasechangelog VALUES ('1', 'jane', 'db/a.sql', '2026-01-01 10:00:00', 1,"
        " 'EXECUTED', '9:a', 'sql', '', NULL, '4.25', NULL, NULL, '1')"
    )
    tell("--tool", "liquibase", "--from", url, "--zone", "Europe/Paris")
    one = place("--at", "2026-01-01T09:30Z")
    assert one["declared"]["value"] == "db/a.sql::1::jane"


def test_the_database_is_only_read_and_what_cannot_be_read_is_told(
    tmp_path, database, postgres, tell  # noqa: F811
):  # fmt: skip
    url, connection = database
    assert "no table of migrations" in tell("--tool", "flyway", "--from", url, code=1).err
    connection.execute("CREATE TABLE hit (n int)")
    connection.execute(
        "CREATE FUNCTION evil() RETURNS text LANGUAGE plpgsql AS"
        " $$ BEGIN INSERT INTO hit VALUES (1); RETURN 'x'; END $$"
    )
    connection.execute("CREATE VIEW alembic_version AS SELECT evil() AS version_num")
    tell("--tool", "alembic", "--from", url, code=3)
    assert connection.execute("SELECT count(*) FROM hit").fetchone() == (0,)
    wrong = url.replace(PASSWORD, "wrong")
    assert "authentication" in tell("--tool", "alembic", "--from", wrong, code=3).err
    odd = f"postgresql://app:{PASSWORD}%zz@127.0.0.1/orders"
    assert "not an address" in tell("--tool", "alembic", "--from", odd, code=2).err
    nobody = postgres.replace("127.0.0.1", "127.0.0.2") + "orders"
    tell("--tool", "alembic", "--from", nobody, code=3)


def sqlite(path, *statements):
    db = apsw.Connection(str(path))
    for statement in statements:
        db.execute(statement)
    db.close()


def test_a_file_of_sqlite_and_every_export_say_the_same(tmp_path, tell, place):
    rows = [
        {"installed_rank": rank, "version": version, "description": says, "type": type,
         "script": script, "checksum": rank, "installed_by": "app", "installed_on": on,
         "execution_time": 7, "success": success}
        for rank, version, says, type, script, on, success in STEPS
    ]  # fmt: skip
    path = tmp_path / "orders.db"
    made = []
    flyway(made.append)
    sqlite(path, *(one.replace(" DEFAULT now()", "") for one in made))
    table = io.StringIO(newline="")
    writer = csv.DictWriter(table, rows[0])
    writer.writeheader()
    writer.writerows(rows)
    exports = {
        "rows.json": json.dumps(rows), "rows.jsonl": "\n".join(map(json.dumps, rows)),
        "rows.csv": table.getvalue(),
    }  # fmt: skip
    tell("--tool", "flyway", "--from", path, "--database", "orders")
    first = place()
    for name, text in exports.items():
        (tmp_path / name).write_text(text)
        said = tell("--tool", "flyway", "--from", tmp_path / name, "--database", "orders")
        assert said.out.count("known already") == len(STEPS), said.out
    text = exports["rows.csv"].encode()
    said = tell("--tool", "flyway", "--from", "-", "--database", "orders", stdin=text)
    assert said.out.count("known already") == len(STEPS)
    assert place()["declared"]["value"] == first["declared"]["value"] == "2"


def test_a_database_is_called_by_its_file_and_an_export_needs_a_name(tmp_path, tell):
    path = tmp_path / "shop.sqlite3"
    sqlite(path, ALEMBIC, "INSERT INTO alembic_version VALUES ('a1')")
    assert "shop is at a1" in tell("--tool", "alembic", "--from", f"sqlite:///{path}").out
    assert "--database" in tell("--tool", "alembic", "--from", "-", stdin=b"[]", code=2).err
    assert "no table" in tell("--tool", "flyway", "--from", path, code=1).err


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "no rows"),
        (b"a,b\n1\n", "another width"),
        (b'a\n"', "neither JSON nor CSV"),
        (b"\xff\xfe", "neither JSON nor CSV"),
        (b"[1]", "wrong type"),
        (b'{"a": 1}\n[]\n', "wrong type"),
        (b"[", "not JSON"),
        (b"version\n1\n", "version_num"),
    ],
)
def test_what_is_no_export_is_refused(tell, content, says):
    said = tell("--tool", "alembic", "--from", "-", "--database", "d", stdin=content, code=1)
    assert says in said.err


def test_many_steps_are_counted_and_not_listed(tmp_path, tell):
    rows = [
        {"installed_rank": n, "version": str(n), "description": "x", "type": "SQL",
         "script": "V.sql", "checksum": n, "installed_by": "app", "execution_time": 1,
         "installed_on": f"2026-01-01 00:{n // 60:02}:{n % 60:02}", "success": True}
        for n in range(1, 1501)
    ]  # fmt: skip
    said = tell(
        "--tool", "flyway", "--from", "-", "--database", "d", stdin=json.dumps(rows).encode()
    )
    assert "1,501 recorded, 0 known already" in said.out


def test_a_place_that_is_a_folder_or_missing_is_told(tmp_path, tell):
    for place in (tmp_path, tmp_path / "none"):
        tell("--tool", "alembic", "--from", place, "--database", "d", code=3)
    tell("--tool", "alembic", "--from", "sqlite:////none.db", code=3)
    assert "time zone" in tell("--tool", "alembic", "--from", "x", "--zone", "Mars/One", code=2).err
