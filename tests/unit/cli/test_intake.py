"""``wherefrom intake``: try, set, propose, approve, apply; on a directory and through a server."""

import json

import pytest

from tests.folders import BUILDER, STRANGER, envelope, statement
from tests.served import Inside
from tests.unit.cli.running import run

RULES = """
[[rule]]
name = "signed"
kinds = ["attestation"]
least = "signed"

[[rule]]
name = "the till's own"
subjects = ["till*"]
only = ["ci-till"]
"""


@pytest.fixture
def data(tmp_path):
    return tmp_path / "data"


@pytest.fixture
def rules(tmp_path):
    path = tmp_path / "rules.toml"
    path.write_text(RULES)
    return path


def record(data, *names):
    contents = b"\n".join(envelope(statement(name), STRANGER) for name in names)
    return run("record", "-", "--json", stdin=contents, data=data)


def test_rules_are_tried_then_set_then_shown_and_refuse(data, rules):
    assert record(data, "app", "till").code == 0
    ran = run("intake", "simulate", rules, data=data)
    assert ran.code == 0
    assert "Of 2 records in entries 0 to 3: 0 let in (0 of them marked), 2 refused" in ran.out
    assert "  #2 https://slsa.dev/provenance/v1, local:" in ran.out
    assert "No intake rules" in run("intake", "show", data=data).out
    ran = run("intake", "set", rules, "--reason", "from today", data=data)
    assert (ran.code, ran.out) == (0, "2 intake rules in force, version 1, by entry 3\n")
    shown = run("intake", "show", data=data).out
    for line in ("version 1, by entry 3  from today", "needs signed", "only from p:", "of till*"):
        assert line in shown
    refused = record(data, "other")
    assert (refused.code, refused.json["items"][0]["code"]) == (1, "not_allowed")
    assert run("intake", "set", "/dev/null", data=data).code == 0
    assert "version 2" in run("intake", "show", data=data).out


def test_a_simulation_names_a_rule_that_is_about_nothing(data, rules):
    record(data, "app")
    ran = run("intake", "simulate", rules, "--last", "1", data=data)
    assert "the till's own: about none of them; is it spelled as the records spell it?" in ran.out
    told = run("intake", "simulate", rules, "--since", "2020-01-01", "--json", data=data).json
    assert [(r["rule"], r["about"], r["failed"]) for r in told["rules"]] == [
        ("signed", 1, 1), ("the till's own", 0, 0),
    ]  # fmt: skip


def test_rules_are_proposed_approved_and_applied_as_a_change_of_keys_is(data, rules, tmp_path):
    record(data, "app")
    key = run("keys", "new", "ada", "-o", tmp_path, "--json").json
    run("keys", "trust", key["public"], data=data)
    run("keys", "administrators", key["id"], "--threshold", "1", data=data)
    assert run("intake", "set", rules, data=data).code == 1
    draft = tmp_path / "draft.json"
    assert run("intake", "set", rules, "--propose", draft, data=data).code == 0
    assert run("keys", "apply", draft, data=data).code == 1
    said = run("keys", "approve", draft, "--key", key["private"])
    assert "Signed: intake rules, version 1: signed, the till's own" in said.out
    ran = run("keys", "apply", draft, data=data)
    assert (ran.code, "intake rules, version 1" in ran.out) == (0, True)
    assert run("intake", "show", "--json", data=data).json["version"] == 1
    assert run("keys", "apply", draft, data=data).code == 1


def test_what_came_in_and_is_marked_is_listed(data, tmp_path):
    path = tmp_path / "mark.toml"
    path.write_text('[[rule]]\nname = "should be signed"\nleast = "signed"\neffect = "mark"\n')
    run("intake", "set", path, data=data)
    assert "Nothing in entries 0 to 2" in run("intake", "marks", data=data).out
    assert record(data, "app").code == 0
    ran = run("intake", "marks", data=data)
    assert (ran.code, "should be signed" in ran.out) == (0, True)
    assert len(run("intake", "marks", "--last", "5", "--json", data=data).json["marks"]) == 1


def test_a_broken_file_says_where_and_changes_nothing(data, tmp_path):
    path = tmp_path / "broken.toml"
    path.write_text('[[rule]]\nname = "a"\nleast = "sgined"\n')
    ran = run("intake", "set", path, "--json", data=data)
    assert (ran.code, ran.problem["where"]) == (1, f"{path}[0].least")
    assert not data.exists()
    assert run("intake", "simulate", tmp_path / "none", data=data).code == 3


def test_a_server_answers_as_its_directory_does(tmp_path, rules, monkeypatch):
    with Inside(tmp_path / "data") as server:
        monkeypatch.setenv("WHEREFROM_TOKEN", server.token["admin"])
        at = ("--server", server.url)
        assert run("record", "-", *at, stdin=envelope(statement("app"), BUILDER)).code == 0
        tried = run("intake", "simulate", rules, "--json", *at).json
        here = run("intake", "simulate", rules, "--json", data=tmp_path / "data").json
        assert tried == here
        draft = tmp_path / "draft.json"
        assert run("intake", "set", rules, "--propose", draft, *at).code == 0
        assert json.loads(draft.read_text())["signatures"] == []
        assert run("intake", "set", rules, *at).code == 0
        assert run("intake", "marks", "--json", *at).json["marks"] == []
        told = run("intake", "show", "--json", *at).json
        assert told == run("intake", "show", "--json", data=tmp_path / "data").json
        assert run("record", "-", *at, stdin=envelope(statement("b"), STRANGER)).code == 1
