"""``wherefrom roots``: show, set, remove, propose; on a directory and through a server."""

import json

import pytest

from tests.served import Inside
from tests.sigstore_world import Made, world
from tests.unit.cli.running import run
from wherefrom.verify.sigstore import which_root


@pytest.fixture
def data(tmp_path):
    return tmp_path / "data"


@pytest.fixture
def root(tmp_path):
    path = tmp_path / "root.json"
    path.write_text(json.dumps(world().root()))
    return path


def record(data, *more, **changes):
    content = json.dumps(Made(**changes).document()).encode()
    return run("record", "-", "--json", *more, stdin=content, data=data)


def test_a_root_is_set_shown_judged_by_removed_and_the_past_is_still_told(data, root):
    record(data)
    assert "No trusted root: what Sigstore's" in run("roots", "show", data=data).out
    ran = run("roots", "set", root, "--reason", "from today", data=data)
    assert (ran.code, ran.out.splitlines()[0][:54]) == (
        0, "Trusted root, version 1, by entry 2, is in force: " + ran.out[50:54],
    )  # fmt: skip
    shown = run("roots", "show", data=data).out
    for said in ("version 1, by entry 2  from today", "0 days old; old after 180, judges no more",
                 "authority", "ct log", "timestamp authority"):  # fmt: skip
        assert said in shown
    assert run("verdicts", "renew", "--json", data=data).json["changed"] == 1
    assert run("roots", "remove", data=data).out.startswith("Trusted root, version 2, by entry 5")
    assert "No trusted root (version 2, entry 5)" in run("roots", "show", data=data).out
    past = run("roots", "show", "--version", "1", data=data)
    assert "Another is in force now." in past.out
    told = run("roots", "show", "--version", "1", "--json", data=data).json
    assert (told["trusted_root"], told["state"]) == (root.read_text(), "past")
    assert run("roots", "show", "--version", "3", data=data).code == 1


def test_an_old_root_says_so_wherever_it_is_shown(data, root):
    run(
        "roots", "set", root, "--as-of", "2020-01-01T00:00:00Z", "--refuse-days", "20000", data=data
    )
    assert "Keys may have been added" in run("roots", "show", data=data).out
    run("roots", "set", root, "--as-of", "2020-01-01T00:00:00Z", "--warn-days", "9", data=data)
    assert "It judges no more" in run("roots", "show", data=data).out


def test_a_root_is_proposed_approved_and_applied_as_a_change_of_keys_is(data, root, tmp_path):
    record(data)
    key = run("keys", "new", "ada", "-o", tmp_path, "--json").json
    run("keys", "trust", key["public"], data=data)
    run("keys", "administrators", key["id"], "--threshold", "1", data=data)
    assert run("roots", "set", root, data=data).code == 1
    draft = tmp_path / "draft.json"
    assert run("roots", "set", root, "--propose", draft, data=data).code == 0
    assert run("keys", "apply", draft, data=data).code == 1
    said = run("keys", "approve", draft, "--key", key["private"])
    assert "Signed: the trusted root, version 1: " in said.out
    ran = run("keys", "apply", draft, data=data)
    assert (ran.code, "the trusted root, version 1" in ran.out) == (0, True)
    assert run("roots", "show", "--json", data=data).json["version"] == 1
    assert run("keys", "apply", draft, data=data).code == 1
    gone = tmp_path / "gone.json"
    assert run("roots", "remove", "--propose", gone, data=data).code == 0
    assert "none any more" in run("keys", "approve", gone, "--key", key["private"]).out
    assert run("keys", "apply", gone, data=data).code == 0


def test_a_file_that_is_no_root_says_so_and_changes_nothing(data, tmp_path):
    path = tmp_path / "none.json"
    path.write_bytes(b"\xff")
    assert run("roots", "set", path, data=data).code == 1
    assert run("roots", "set", tmp_path / "missing", data=data).code == 3
    assert run("roots", "remove", data=data).code == 3
    path.write_text("{}")
    record(data)
    assert run("roots", "set", path, "--json", data=data).code == 1
    assert run("roots", "show", "--json", data=data).json["version"] == 0


def test_the_root_that_ships_with_us_can_be_a_logs(data, tmp_path):
    path = tmp_path / "public-good.json"
    path.write_bytes(which_root.shipped().written)
    assert run("roots", "set", path, data=data).code == 0
    assert "https://fulcio.sigstore.dev" in run("roots", "show", "--json", data=data).out


def test_a_server_answers_as_its_directory_does(tmp_path, root, monkeypatch):
    data = tmp_path / "data"
    with Inside(data) as server:
        monkeypatch.setenv("WHEREFROM_TOKEN", server.token["admin"])
        at = ("--server", server.url)
        draft = tmp_path / "draft.json"
        assert run("roots", "set", root, "--propose", draft, *at).code == 0
        assert json.loads(draft.read_text())["signatures"] == []
        assert run("roots", "set", root, "--as-of", "2026-01-01T00:00:00Z", *at).code == 0
        told = run("roots", "show", "--json", *at).json
        assert told == run("roots", "show", "--json", data=data).json
        record(None, *at)
        assert run("roots", "remove", "--reason", "r", *at).code == 0
        assert run("verdicts", "renew", "--json", *at).json["changed"] == 1
        assert run("roots", "show", "--version", "1", "--json", *at).json["version"] == 1
