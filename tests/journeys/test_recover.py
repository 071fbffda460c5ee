"""`wherefrom log recover`: what the entries prove is made again, what they do not is named."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest

from tests.unit.cli.running import Ran, run
from wherefrom.app import DataFolder, open_log, open_recorder
from wherefrom.collect.principals import local

EVENTS = 600


def event(number: int) -> bytes:
    return json.dumps(
        {
            "eventTime": "2026-01-01T00:00:00Z",
            "producer": "https://example.com/etl",
            "run": {"runId": f"0195a8a0-0000-7000-8000-{number:012}"},
            "job": {"namespace": "shop", "name": f"job-{number % 7}"},
            "outputs": [{"namespace": "shop", "name": f"table-{number % 11}"}],
        }
    ).encode()


@pytest.fixture
def folder(tmp_path: Path) -> DataFolder:
    made = DataFolder(tmp_path / "data")
    made.create()
    with open_recorder(made) as recorder:
        outcomes = recorder.record([event(n) for n in range(EVENTS)], principal=local(0))
    assert {o.status for o in outcomes} == {"recorded"}
    return made


def ask(folder: DataFolder, *words: str) -> Ran:
    return run(*words, "--json", data=folder.path)


def flip(path: Path, at: int) -> None:
    written = bytearray(path.read_bytes())
    written[at] ^= 1
    path.write_bytes(bytes(written))


def test_tiles_indexes_and_views_are_made_again_from_the_entries(folder: DataFolder) -> None:
    before = open_log(folder).position()
    assert ask(folder, "find", "table-3").code == 0
    flip(folder.path / "tile/0/000", 77)
    (folder.path / "tile/0/001").unlink()
    flip(folder.path / "views" / "graph.db", 5)
    (folder.path / "decisions.json").write_text("{")
    for marks in (folder.path / "journal").glob("*.idx"):
        marks.write_bytes(random.Random(7).randbytes(48))
    assert ask(folder, "log", "audit").code == 1
    answer = ask(folder, "log", "recover")
    assert answer.code == 0, answer.err
    said = answer.json
    assert said["problems"] == []
    assert said["rebuilt"] == ["tiles", "indexes", "views"]
    assert ask(folder, "log", "audit").code == 0
    assert open_log(folder).position() == before
    assert ask(folder, "find", "table-3").json["matches"]


def test_a_changed_entry_is_named_and_nothing_is_signed_over_it(folder: DataFolder) -> None:
    checkpoint = open_log(folder).checkpoint
    (segment,) = (folder.path / "journal").glob("*.wfj")
    flip(segment, segment.read_bytes().index(b'"kind":"event"') + 9)
    answer = ask(folder, "log", "recover")
    assert answer.code == 1
    said = answer.json
    assert said["rebuilt"] == []
    assert any("journal" in p["file"] for p in said["problems"])
    assert open_log(folder).checkpoint == checkpoint
