"""``wherefrom objectives``, ``alerts`` and ``maintenance``: here and over a server, the same."""

from __future__ import annotations

import json
import shutil
import subprocess
import time

import pytest

from tests.served import Inside
from tests.unit.cli.running import run
from wherefrom.app import DataFolder, fold_views, open_log, open_recorder, open_series
from wherefrom.collect.principals import local
from wherefrom.formats.incident import IncidentStage, Root, to_statement
from wherefrom.formats.series import Labels, series
from wherefrom.formats.timestamps import of_micros

NOW = int(time.time()) // 60 * 60
DIGEST = "sha256:" + "ab" * 32
INCIDENT = "incident:wherefrom:integrity-00ff@2026-01-01T00:00:00Z"


def at(minutes):
    return of_micros((NOW + 60 * minutes) * 1_000_000)


@pytest.fixture
def folder(tmp_path):
    folder = DataFolder(tmp_path / "data")
    folder.create(origin="log.example/alerts")
    with open_recorder(folder):
        pass
    return folder


def alert(folder, *stages, severity="page", text="what vouched for it no longer counts"):
    """An alert of the log's own word."""
    with open_recorder(folder) as recorder:
        for stage, minutes in stages:
            said = IncidentStage(
                incident=INCIDENT, stage=stage, at=at(minutes), service="pay", environment="prod",
                title="it fails a check", severity=severity, rule="integrity", text=text,
                root=Root("digest", DIGEST), entries=[0],
            )  # fmt: skip
            recorder.vouch(to_statement(said), principal=local(0))
    fold_views(folder, open_log(folder))


def measure(folder, rate):
    store = open_series(folder)
    labels = Labels("prod", "cart", identity="v1")
    now = int(time.time()) // 60 * 60  # of the test: whoever imported this may have waited long
    times = [float(now - 60 * m) for m in range(80)]
    store.add(
        [series(labels, "requests", dict.fromkeys(times, 100.0)),
         series(labels, "success_rate", dict.fromkeys(times, 1 - rate))],
        now=float(now),
    )  # fmt: skip
    store.close()


# -- alerts


def test_without_objectives_it_says_how_to_begin(folder):
    told = run("alerts", data=folder.path)
    assert told.code == 0
    assert told.out.startswith("No alert.\nNothing is watched: write objectives.yaml")


def test_open_alerts_are_listed_and_those_that_ended_if_it_is_asked(folder):
    alert(folder, ("opened", -60))
    told = run("alerts", data=folder.path)
    assert told.out.startswith("PAGE  it fails a check\n")
    assert "rests on #0" in told.out
    assert INCIDENT in told.out
    (one,) = run("alerts", "list", "--json", data=folder.path).json["alerts"]
    assert (one["root"], one["closed"], one["entries"]) == (
        {"kind": "digest", "id": DIGEST}, None, [0],
    )  # fmt: skip
    alert(folder, ("closed", -1))
    assert run("alerts", "--json", data=folder.path).json["alerts"] == []
    assert run("alerts", "--json", "--until", at(-30), data=folder.path).json["open"] == 1
    (one,) = run("alerts", "--json", "--since", at(-90), data=folder.path).json["alerts"]
    assert one["closed"] == at(-1)
    assert "ended" in run("alerts", "--since", at(-90), data=folder.path).out


def test_only_there_and_only_so_many(folder):
    alert(folder, ("opened", -60))
    for more, count in ((["-e", "prod"], 1), (["-e", "test"], 0), (["--service", "pay"], 1),
                        (["--service", "cart"], 0), (["--as-of", "1"], 0)):  # fmt: skip
        assert len(run("alerts", "--json", *more, data=folder.path).json["alerts"]) == count
    assert run("alerts", "--limit", "0", data=folder.path).code == 2
    assert run("alerts", "--since", "2020-01-01", data=folder.path).code == 1


def test_no_line_is_wider_than_a_page(folder, monkeypatch):
    monkeypatch.setenv("COLUMNS", "100")
    alert(folder, ("opened", -60), severity="info", text=" ".join(["word"] * 200))
    run("maintenance", "declare", f"prod/{'p' * 90}", "--until", "1h", "--reason", "r" * 300,
        data=folder.path)  # fmt: skip
    (folder.path / "objectives.yaml").write_text(
        "objectives: [{name: a, service: cart, environment: prod, target: 99, series: errors,"
        " by: [reality]}]"
    )
    measure(folder, 0.5)
    for words in (["alerts"], ["maintenance", "list"], ["objectives", "status"],
                  ["objectives", "check"]):  # fmt: skip
        told = run(*words, data=folder.path)
        assert told.code == 0, told.err
        assert max(map(len, told.out.splitlines())) <= 100, told.out


# -- maintenances


def test_a_maintenance_is_declared_listed_and_ended(folder):
    done = run("maintenance", "declare", "prod/cart", "--until", "2h", "--reason", "disk",
               "--json", data=folder.path)  # fmt: skip
    assert done.code == 0, done.err
    id = done.json["maintenance"]
    listed = run("maintenance", "list", "--json", data=folder.path).json
    assert listed["now"] == [id]
    (one,) = listed["maintenances"]
    assert (one["environment"], one["service"], one["reason"]) == ("prod", "cart", "disk")
    assert "lasts  prod/cart" in run("maintenance", "list", data=folder.path).out
    assert run("maintenance", "end", id, data=folder.path).code == 0
    listed = run("maintenance", "list", "--json", data=folder.path).json
    assert listed["now"] == []
    assert listed["maintenances"][0]["ended"] is not None
    again = run("maintenance", "end", id, data=folder.path)
    assert again.code == 1
    assert "no such maintenance" in again.err


def test_one_that_is_to_come_is_taken_back(folder):
    done = run("maintenance", "declare", "prod", "--since", "1h", "--until", "2h", "--reason", "x",
               "--json", data=folder.path)  # fmt: skip
    assert "to come  prod" in run("maintenance", "list", data=folder.path).out
    short = done.json["maintenance"].partition(":")[2]
    assert run("maintenance", "end", short, data=folder.path).code == 0
    assert "ended" in run("maintenance", "list", data=folder.path).out


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (["prod/a/b", "--until", "1h", "--reason", "x"], 1, "not a scope"),
        (["", "--until", "1h", "--reason", "x"], 1, "not a scope"),
        (["prod", "--reason", "x"], 2, "--until"),
        (["prod", "--until", "1h"], 2, "--reason"),
        (["prod", "--until", "15d", "--reason", "x"], 1, "too long"),
        (["prod", "--until", "2020-01-01", "--reason", "x"], 1, "ends before it begins"),
        (["prod", "--until", "soon", "--reason", "x"], 1, "time"),
    ],
)
def test_what_is_no_maintenance_is_not_recorded(folder, words, code, says):
    size = open_log(folder).size
    told = run("maintenance", "declare", *words, data=folder.path)
    assert (told.code, says in told.err) == (code, True), told.err
    assert open_log(folder).size == size


# -- objectives


def test_a_file_to_begin_with_is_right_and_is_not_written_over(folder):
    made = run("objectives", "new", "--service", "cart", "-e", "prod", data=folder.path)
    assert made.code == 0, made.err
    checked = run("objectives", "check", "--json", data=folder.path).json
    assert [one["name"] for one in checked["objectives"]] == ["cart-errors", "coverage-prod"]
    again = run("objectives", "new", "--service", "cart", "-e", "prod", data=folder.path)
    assert again.code == 1
    assert "there is a file already" in again.err


def test_what_burns_is_shown(folder):
    (folder.path / "objectives.yaml").write_text(
        "objectives: [{name: a, service: cart, environment: prod, target: 99, series: errors}]"
    )
    measure(folder, 0.5)
    told = run("objectives", "status", data=folder.path)
    assert "a  cart in prod  99 % of 30d: 50.0 times what may fail is used up" in told.out
    assert "page: 50.0 times too fast in 5m, 50.0 in 1h; more than 14.4 is told" in told.out
    answer = run("objectives", "status", "a", "--json", data=folder.path).json
    assert answer["standings"][0]["rates"]["300"] == pytest.approx(50)
    other = run("objectives", "status", "b", data=folder.path)
    assert other.code == 1
    assert "no objective is called so" in other.err


def test_without_a_file_each_says_what_to_do(folder):
    for words in (["status"], ["check"], ["rules"]):
        told = run("objectives", *words, data=folder.path)
        assert told.code == 1
        assert "wherefrom objectives new" in told.err


def test_rules_are_written_and_a_real_promtool_takes_them(folder, tmp_path):
    promtool = shutil.which("promtool")
    assert promtool, "make tools"
    run("objectives", "new", "--service", "cart", "-e", "prod", data=folder.path)
    (folder.path / "notify.yaml").write_text("url: https://w.example")
    path = tmp_path / "rules.yml"
    told = run("objectives", "rules", "-o", path, data=folder.path)
    assert told.code == 0, told.err
    assert "rules of 1 objective" in told.out
    subprocess.run([promtool, "check", "rules", path], check=True, capture_output=True)
    assert "https://w.example/services/prod/cart" in path.read_text()
    assert run("objectives", "rules", data=folder.path).out == path.read_text()
    assert run("objectives", "rules", "--json", data=folder.path).json["objectives"] == [
        "cart-errors"
    ]
    assert run("objectives", "rules", "--only", "x", data=folder.path).code == 1


# -- over a server


def test_a_server_answers_the_same(tmp_path, monkeypatch):
    with Inside(tmp_path / "data") as server:
        (server.folder.path / "objectives.yaml").write_text(
            "objectives: [{name: a, service: cart, environment: prod, target: 99, series: errors}]"
        )
        said = IncidentStage(
            incident=INCIDENT, stage="opened", at=at(-5), service="pay", environment="prod",
            title="it fails a check", severity="page", rule="integrity", text="t",
            root=Root("digest", DIGEST),
        )  # fmt: skip
        server.recorder.vouch(to_statement(said), principal=local(0))
        server.fold()
        monkeypatch.setenv("WHEREFROM_TOKEN", server.token["admin"])
        declared = run("maintenance", "declare", "prod", "--until", "1h", "--reason", "x",
                       "--server", server.url, "--json")  # fmt: skip
        assert declared.code == 0, declared.err
        server.fold()
        for words in (["alerts"], ["maintenance", "list"], ["objectives", "status"]):
            there = run(*words, "--json", "--server", server.url)
            here = run(*words, "--json", data=server.folder.path)
            assert there.code == here.code == 0, there.err
            a, b = there.json, here.json
            for answer in (a, b):
                answer.pop("at")
            assert a == b
        assert a["standings"], "the last of them is of objectives"
        ended = run("maintenance", "end", declared.json["maintenance"], "--server", server.url)
        assert ended.code == 0, ended.err
        unknown = run("objectives", "status", "b", "--server", server.url, "--json")
        assert unknown.code == 1
        assert json.loads(unknown.err)["code"] == "not_found"
