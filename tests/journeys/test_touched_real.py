"""A real repository's history answers exactly which commits touched a table, in any window."""

import json
import subprocess
from datetime import datetime
from pathlib import PurePosixPath

import pytest

from tests.paths import DATA
from tests.unit.cli.running import run
from wherefrom.capture import table_files
from wherefrom.capture.commits import commits
from wherefrom.errors import NotFound

HISTORY = DATA / "runtime" / "jaffle-shop-git-history"
URL = "https://github.com/dbt-labs/jaffle_shop"


def told():
    return [json.loads(line) for line in (HISTORY / "commits.jsonl").read_text().splitlines()]


def rebuild(folder):
    """A repository with these commits: their authors, times, parents and files; other ids."""
    subprocess.run(["git", "init", "-q", "-b", "main", folder], check=True)
    stream, marks = [], {}
    for number, commit in enumerate(told(), start=1):
        marks[commit["commit"]] = number
        at = datetime.fromisoformat(commit["committed"])
        when = f"{int(at.timestamp())} {at.strftime('%z')}"
        who = f"{commit['author']} <someone@example.org>"
        stream.append(f"commit refs/heads/main\nmark :{number}\n".encode())
        stream.append(f"author {who} {when}\ncommitter {who} {when}\n".encode())
        subject = commit["subject"].encode()
        stream.append(b"data %d\n%s\n" % (len(subject), subject))
        first, *others = [marks[parent] for parent in commit["parents"]] or [None]
        # A merge holds what its parents hold together, so that none of it is the merge's own.
        stream += [f"from :{first}\n".encode()] if first else []
        stream += [f"merge :{other}\n".encode() for other in others]
        for change in merged(commit) if others else commit["changes"]:
            path = change["path"]
            if change["status"] == "D":
                stream.append(f"D {path}\n".encode())
                continue
            blob = HISTORY / "blobs" / change["sha256"]
            content = blob.read_bytes() if blob.exists() else change["sha256"].encode()
            stream.append(f"M 100644 inline {path}\n".encode())
            stream.append(b"data %d\n%s\n" % (len(content), content))
        stream.append(b"\n")
    subprocess.run(
        ["git", "-C", folder, "fast-import", "--quiet"], input=b"".join(stream), check=True
    )
    subprocess.run(["git", "-C", folder, "remote", "add", "origin", URL], check=True)
    return marks


def merged(commit):
    """What the second parent's side changed since the first."""
    by_id = {one["commit"]: one for one in told()}

    def line(id):
        found = {}
        todo = [id]
        while todo:
            here = todo.pop()
            if here not in found:
                found[here] = by_id[here]
                todo += by_id[here]["parents"]
        return found

    first, second = commit["parents"]
    only = [one for id, one in line(second).items() if id not in line(first)]
    only.sort(key=lambda one: list(by_id).index(one["commit"]))
    return [change for one in only for change in one["changes"]]


def tables_of(change):
    """Read another way: the stem of a model or seed."""
    path = PurePosixPath(change["path"])
    is_model = path.parts[0] == "models" and path.suffix == ".sql"
    is_seed = path.parts[0] in ("data", "seeds") and path.suffix == ".csv"
    return {path.stem} if is_model or is_seed else set()


def expected():
    """table → the numbers of the commits that touched it."""
    found = {}
    for number, commit in enumerate(told(), start=1):
        for change in [] if len(commit["parents"]) > 1 else commit["changes"]:
            for table in tables_of(change):
                found.setdefault(table, set()).add(number)
    return found


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    folder = tmp_path_factory.mktemp("shop")
    marks = rebuild(folder / "git")
    ids = subprocess.run(
        ["git", "-C", folder / "git", "log", "--format=%H %ct %s", "main"],
        capture_output=True, text=True, check=True,
    ).stdout.splitlines()  # fmt: skip
    assert len(ids) == len(marks) == 31
    data = folder / "data"
    ran = run("change", "commits", folder / "git", "--json", data=data)
    assert (ran.code, ran.json["commits"], ran.json["refused"]) == (0, 31, 0)
    assert run("views", "rebuild", data=data).code == 0
    return data, folder / "git"


def ask(data, table, *options):
    return run("touched", table, *options, "--json", data=data)


def when(number):
    at = datetime.fromisoformat(told()[number - 1]["committed"])
    return at.timestamp()


def asked(ran):
    return sorted((datetime.fromisoformat(t["at"]).timestamp(), t["name"]) for t in ran["touches"])


def wanted(numbers):
    return sorted((when(n), told()[n - 1]["subject"]) for n in numbers)


def test_there_are_tables_to_ask_about():
    assert set(expected()) == {
        "customers", "orders", "stg_customers", "stg_orders", "stg_payments",
        "raw_customers", "raw_orders", "raw_payments",
    }  # fmt: skip


@pytest.mark.parametrize("table", sorted(expected()))
def test_every_commit_that_touched_a_table_is_told_and_no_other(shop, table):
    ran = ask(shop[0], table)
    assert ran.code == 0
    assert asked(ran.json) == wanted(expected()[table])
    authors = {told()[n - 1]["author"] for n in expected()[table]}
    assert {name for touch in ran.json["touches"] for name in touch["by"]} == authors
    assert ran.json["things"] == [f"dataset:git+{URL}:{table}"]


@pytest.mark.parametrize("table", ["customers", "orders"])
@pytest.mark.parametrize(
    ("since", "until"),
    [
        ("2021-03-30T21:03:11Z", "2021-07-07T04:28:46Z"),  # up to, and without, a commit's time
        ("2021-07-07T04:28:46Z", "2021-09-09T17:49:33Z"),
        ("2021-09-09T17:50:00Z", "2022-01-01T00:00:00Z"),
        ("2023-01-01T00:00:00Z", "2024-01-01T00:00:00Z"),
    ],
)
def test_a_window_keeps_what_is_in_it(shop, table, since, until):
    first, last = (datetime.fromisoformat(t).timestamp() for t in (since, until))
    inside = {n for n in expected()[table] if first <= when(n) < last}
    ran = ask(shop[0], table, "--since", since, "--until", until)
    assert asked(ran.json) == wanted(inside)


def test_a_column_is_touched_by_commits_whose_changed_lines_name_it(shop):
    ran = ask(shop[0], "customers.customer_lifetime_value")
    subjects = {touch["name"] for touch in ran.json["touches"]}
    assert "Initial commit" in subjects
    assert len(ran.json["touches"]) < len(expected()["customers"])
    assert ask(shop[0], "customers.no_such_column").json["touches"] == []


def test_a_model_reads_what_it_refers_to(shop):
    ran = run("trace", f"dataset:git+{URL}:customers", "--json", data=shop[0])
    assert {"stg_customers", "raw_payments"} <= {n["name"] for n in ran.json["nodes"]}


def test_what_is_recorded_again_is_known_and_what_is_no_table_is_not_found(shop):
    ran = run("change", "commits", shop[1], "--json", data=shop[0])
    assert (ran.json["commits"], ran.json["known"]) == (31, 31)
    assert ask(shop[0], "no_such_table").code == 1


def test_only_what_came_since_a_revision_is_read(shop):
    assert len(list(commits(shop[1], since="HEAD~1"))) < 31
    with pytest.raises(NotFound, match="git cannot tell"):
        list(commits(shop[1], since="no-such-revision"))


ALEMBIC = """
from alembic import op
import sqlalchemy as sa
def upgrade():
    op.add_column("orders", sa.Column("status", sa.String()))
    op.create_index("ix", "customers", ["id"])
    op.rename_table("old_name", "new_name", schema="app")
    op.execute("UPDATE payments SET amount = 0; DROP TABLE IF EXISTS refunds")
"""


@pytest.mark.parametrize(
    ("path", "text", "names"),
    [
        ("db/migrations/V2__add.sql", "ALTER TABLE app.orders ADD x int; -- DROP TABLE no",
         ["app.orders"]),
        ("V1__a.sql", 'create table if not exists "Orders" (id int)', ["Orders"]),
        ("migrations/versions/ab12_x.py", ALEMBIC,
         ["orders", "customers", "app.old_name", "new_name", "payments", "refunds"]),
        ("versions/broken.py", "def (", []),
        ("src/app.sql", "DROP TABLE x", []),
    ],
)  # fmt: skip
def test_a_migration_changes_the_tables_that_it_names(path, text, names):
    assert [t.name for t in table_files.tables(path, text, ())] == names


def test_a_dbt_model_is_called_by_its_alias_and_lies_where_its_project_says():
    project = table_files.project("dw/dbt_project.yml", "model-paths: [sql]\nseed-paths: [in]")
    text = "{{ config(alias='people') }} select * from {{ ref('a') }} join {{ source('s', 't') }}"
    (found,) = table_files.tables("dw/sql/x/users.sql", text, [project])
    assert found == ("people", "model", ("a", "s.t"))
    assert table_files.tables("dw/models/users.sql", text, [project]) == []
    assert table_files.tables("dw/in/plan.csv", "a,b", [project])[0].name == "plan"
    usual = table_files.project("dbt_project.yml", "name: [")
    assert table_files.tables("models/users.sql", "select 1", [usual])[0].name == "users"


def commit(folder, message, files):
    for name, text in files.items():
        path = folder / name
        if text is None:
            path.unlink()
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    said = ["git", "-C", folder, "-c", "user.name=a", "-c", "user.email=a@example.org"]
    subprocess.run([*said, "add", "-A"], check=True)
    subprocess.run([*said, "commit", "-q", "-m", message], check=True)


@pytest.fixture
def models(tmp_path):
    subprocess.run(["git", "init", "-q", "-b", "main", tmp_path / "git"], check=True)
    commit(tmp_path / "git", "first", {
        "dbt_project.yml": "name: x\n", "readme.md": "# x\n",
        "models/a.sql": "-- total of orders\nselect 1 as one\n++ odd\n",
        "models/with blank.sql": "select 1", 'models/"quoted".sql': "select 1\n",
    })  # fmt: skip
    return tmp_path / "git"


def test_the_words_of_comments_that_come_and_go_are_words_of_changed_lines(models):
    commit(models, "second", {"models/a.sql": "select 1 as one\n"})
    first, second = commits(models)
    (told,) = second.tables
    assert told["names"] == ["odd", "of", "orders", "total"]
    by_name = {table["name"]: table["names"] for table in first.tables}
    assert by_name["a"] == ["as", "odd", "of", "one", "orders", "select", "total"]


def test_names_with_blanks_and_quotes_renames_and_removals_have_their_own_lines(models):
    commit(models, "second", {"models/with blank.sql": "select 2 as two\n",
                              'models/"quoted".sql': "select 1\n-- three\n"})  # fmt: skip
    commit(models, "third", {
        "models/a.sql": None, "models/b.sql": "-- total of orders\nselect 1 as one\n-- now b\n",
        "models/with blank.sql": None, "readme.md": "# y\n",
    })  # fmt: skip
    commit(models, "fourth", {"readme.md": "# z\n"})
    _, second, third, fourth = commits(models)
    assert {(t["name"], t["status"], *t["names"]) for t in second.tables} == {
        ("with blank", "M", "as", "select", "two"), ('"quoted"', "M", "three"),
    }  # fmt: skip
    told = {(t["name"], t["status"]): t["names"] for t in third.tables}
    assert told[("b", "R")] == told[("a", "R")] == ["b", "now", "odd"]
    assert told[("with blank", "D")] == ["as", "select", "two"]
    assert fourth.tables == []


def test_commits_are_told_apart_whatever_their_messages_and_paths_hold(models):
    fake = "\x01" + "a" * 40
    commit(models, f"a \x01 b {fake}", {"models/a.sql": "select 2 as two\n"})
    commit(models, fake, {f"models/{fake}.sql": "select 3 as three\n"})
    commit(models, "last", {"models/a.sql": "select 4 as four\n"})
    _, odd, other, last = commits(models)
    assert (odd.subject, other.subject) == (f"a \x01 b {fake}", fake)
    assert [[t["status"] for t in one.tables] for one in (odd, other, last)] == [
        ["M"], ["A"], ["M"],
    ]  # fmt: skip


def test_git_runs_as_often_for_a_hundred_commits_as_for_one(models, monkeypatch):
    started = []
    real = subprocess.Popen

    class Counted(real):
        def __init__(self, command, *rest, **options):
            started.append(command)
            super().__init__(command, *rest, **options)

    for number in range(9):
        commit(models, str(number), {"models/a.sql": f"select {number} as n{number}\n"})
    monkeypatch.setattr(subprocess, "Popen", Counted)
    found = list(commits(models))
    assert len(found) == 10
    assert found[-1].tables[0]["names"] == ["as", "n7", "n8", "select"]
    assert len(started) == 3
