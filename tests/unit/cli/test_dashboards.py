"""``wherefrom dashboards``: files that Grafana imports, and errors that say what to do."""

import json
from pathlib import Path

import pytest

from tests.unit.cli.running import run


def test_a_file_for_each_dashboard_is_written_and_named(tmp_path):
    told = run("dashboards", "-o", tmp_path / "made" / "here", "--json").json["dashboards"]
    names = ["executive", "on-call", "debug"]
    assert [one["file"] for one in told] == [
        str(tmp_path / "made" / "here" / f"{n}.json") for n in names
    ]
    for one in told:
        document = json.loads(Path(one["file"]).read_text("utf-8"))
        assert (document["uid"], document["title"]) == (one["uid"], one["title"])
        assert one["panels"] == sum("targets" in panel for panel in document["panels"]) > 5


def test_what_was_written_before_is_written_anew_and_people_are_told_what_to_do(tmp_path):
    (tmp_path / "debug.json").write_text("old")
    (tmp_path / "mine.json").write_text("mine")
    ran = run("dashboards", "-o", tmp_path, "--url", "https://wherefrom.example")
    assert ran.code == 0
    assert "Import" in ran.out
    assert "https://wherefrom.example/log" in (tmp_path / "debug.json").read_text()
    assert (tmp_path / "mine.json").read_text() == "mine"


@pytest.mark.parametrize("url", ["wherefrom.example", "javascript:alert(1)", "ftp://x"])
def test_an_address_that_is_none_writes_nothing(tmp_path, url):
    ran = run("dashboards", "-o", tmp_path / "d", "--url", url)
    assert ran.code == 2
    assert "https://HOST:PORT" in ran.err
    assert not (tmp_path / "d").exists()


def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    ran = run("dashboards", "-o", tmp_path / "file", "--json")
    assert ran.code == 3
    assert str(tmp_path / "file") in ran.problem["where"]
