"""Answers about reality as people see them: what a stranger named cannot move the cursor."""

import pytest

from tests.unit.cli.running import run
from wherefrom.app import DataFolder, open_recorder
from wherefrom.capture import changes
from wherefrom.collect.principals import local
from wherefrom.formats.states import OBSERVED, Scope

ESCAPE = "\x1b[2J"


def test_no_part_of_a_place_can_move_the_cursor(tmp_path):
    folder = DataFolder(tmp_path / "data")
    folder.create(origin="log.example/strange")
    event = changes.estate(
        OBSERVED, Scope(f"prod{ESCAPE}"),
        [
            {"slot": "artifact", "name": f"web{ESCAPE}", "value": f"cart:1{ESCAPE}",
             "scope": {"service": f"cart{ESCAPE}", "region": f"eu{ESCAPE}",
                       "pool": "\N{RIGHT-TO-LEFT OVERRIDE}a", "instance": f"1{ESCAPE}"}}
        ],
        all_of=(), at="2026-01-01T00:00:00Z", source="/1",
    )  # fmt: skip
    with open_recorder(folder) as recorder:
        (outcome,) = recorder.record([event], principal=local(0))
        assert outcome.status == "recorded"
    for asked in (
        ("running",), ("drift",), ("changes", "--since", "2025-01-01T00:00:00Z"), ("clocks",),
        ("diff", "*@{2025-01-01}", "*"),
    ):  # fmt: skip
        out = run(*asked, data=folder.path).out
        assert "log.example/strange" in out, asked
        assert "\x1b" not in out, asked
        assert "\N{RIGHT-TO-LEFT OVERRIDE}" not in out, asked


@pytest.mark.parametrize("width", [80, 100])
def test_a_long_name_has_a_line_of_its_own_and_hides_nothing_of_what_is_there(
    width, tmp_path, monkeypatch
):
    monkeypatch.setenv("COLUMNS", str(width))
    folder = DataFolder(tmp_path / "data")
    folder.create(origin="log.example/long")
    name = f"module.{'x' * 50}.it"
    contents = [
        changes.place(
            "resource", called, f"what-is-at-{called[-2:]}", Scope("prod"),
            at="2026-01-01T00:00:00Z", source="/1", told={},
        )
        for called in (name, "it")
    ]  # fmt: skip
    with open_recorder(folder) as recorder:
        outcomes = recorder.record(contents, principal=local(0))
        assert [one.status for one in outcomes] == ["recorded"] * 2
    out = run("running", data=folder.path).out.splitlines()
    assert [line.split()[:3] for line in out[1:4]] == [
        ["resource", "it", "what-is-at-it"],
        ["resource", name],
        ["what-is-at-it", "declared", out[3].split()[2]],
    ]
    assert out[1].index("what-is") == out[3].index("what-is")
    assert all(len(line) <= width for line in out[:4])


PATH = "registry.acme.example/a-long-way/to-where-images-are"


@pytest.mark.parametrize("width", [80, 100])
def test_of_a_change_that_is_too_long_both_sides_are_seen(width, tmp_path, monkeypatch):
    monkeypatch.setenv("COLUMNS", str(width))
    folder = DataFolder(tmp_path / "data")
    folder.create(origin="log.example/long")
    pinned = f"{PATH}/cart:1.2@sha256:{'ab' * 32}"
    contents = [
        changes.deploy(Scope("prod", "cart"), artifact, at=f"2026-01-0{n}T00:00:00Z", source="/1")
        for n, artifact in enumerate((f"{PATH}/cart:1.0", f"{PATH}/cart:1.1", pinned), 1)
    ]
    with open_recorder(folder) as recorder:
        outcomes = recorder.record(contents, principal=local(0))
        assert [one.status for one in outcomes] == ["recorded"] * 3
    out = run("changes", "--since", "2026-01-01T12:00Z", data=folder.path).out.splitlines()
    pinned_now, moved = (line for line in out if "→" in line)
    before, after = moved.split(" → ")
    assert before.startswith("      registry.")
    assert before.endswith("cart:1.0")
    assert after.startswith("registry.")
    assert after.split()[0].endswith("cart:1.1")
    assert pinned_now.split(" → ")[1].split()[:2] == ["cart:1.2", "sha256:abababababab"]
    assert all(len(line) <= width for line in out[:4])


def test_two_migrations_that_are_called_alike_are_told_apart(tmp_path):
    folder = DataFolder(tmp_path / "data")
    folder.create(origin="log.example/alike")
    contents = [
        changes.place(
            "migration", "orders", version, Scope("prod"),
            at=f"2026-01-0{n}T00:00:00Z", source="/1", told={"says": "hotfix"},
        )
        for n, version in enumerate(("1.1", "1.2"), 1)
    ]  # fmt: skip
    with open_recorder(folder) as recorder:
        outcomes = recorder.record(contents, principal=local(0))
        assert [one.status for one in outcomes] == ["recorded"] * 2
    assert "migration orders  1.2 hotfix  declared" in run("running", data=folder.path).out
    out = run("changes", "--since", "2026-01-01T12:00Z", data=folder.path).out
    assert "1.1 hotfix → 1.2 hotfix" in out
