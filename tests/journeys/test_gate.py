"""The gate as a release engineer, a colleague and somebody on call use it, on a shop's estate."""

import base64
import json
import os
import re

import pytest
import yaml

from tests.served import ServerProcess
from tests.unit.cli.running import run
from wherefrom.sample.signed import digest

TILL = f"sha256:{digest('till 1.1.0')}"
HOTFIX = f"sha256:{digest('till hotfix')}"


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    """A loaded log, keys of a colleague and of who is on call, and a policy that knows both."""
    from wherefrom.app import DataFolder
    from wherefrom.cli.up import load_sample

    path = tmp_path_factory.mktemp("shop")
    folder = DataFolder(path / "data")
    folder.create()
    load_sample(folder)
    ids = {}
    for name in ("dev", "boss"):
        assert run("keys", "new", name, "-o", path).code == 0
        done = run("keys", "trust", path / f"{name}.pub", "--json", data=path / "data")
        assert done.code == 0, done.err
        ids[name] = done.json["key"]["id"]
    policy = {
        "name": "shop", "version": "1",
        "rules": [
            {"name": "built", "needs": "provenance"},
            {"name": "inside", "needs": "cel", "expression": "input.sboms.exists(s, s.trusted)"},
            {"name": "seen", "needs": "approvals", "environments": ["prod"]},
            {"name": "ours", "needs": "rego", "modules": ["ours.rego"], "query": "data.ours.deny"},
        ],
        "exceptions": {
            "by": [{"key": ids["boss"]}], "break_glass": {"by": [{"key": ids["boss"]}]},
        },
    }  # fmt: skip
    (path / "policy").mkdir()
    (path / "policy/policy.yaml").write_text(yaml.safe_dump(policy))
    (path / "policy/ours.rego").write_text(
        'package ours\nimport rego.v1\ndeny contains "no name" if count(input.names) == 0\n'
    )
    return path


def gate(shop, artifact, *more, environment="test"):
    return run("gate", artifact, "--policy", shop / "policy", "--env", environment, *more,
               data=shop / "data")  # fmt: skip


def test_what_is_proven_goes_in_and_what_is_not_is_told_what_to_do(shop):
    done = gate(shop, TILL)
    assert done.code == 0, done.err
    assert done.out.startswith("ALLOWED  registry.corner-shop.example/till:1.1.0 (sha256:")
    assert "yes  built   built by https://ci.corner-shop.example/builder/v1" in done.out
    done = gate(shop, HOTFIX)
    assert done.code == 1
    assert "NO   built   no provenance counts: #" in done.out
    assert "do: Record the builder's signed SLSA provenance" in done.out
    assert all(len(line) <= 100 for line in done.out.splitlines())


def test_a_name_a_file_and_a_digest_that_nobody_knows_are_answered(shop, tmp_path):
    by_name = gate(shop, "registry.corner-shop.example/till:1.1.0", "--json")
    assert (by_name.code, by_name.json["artifact"]) == (0, TILL)
    file = tmp_path / "program"
    file.write_text("x")
    assert gate(shop, file, "--json").code == 1
    done = gate(shop, "nothing of that name")
    assert (done.code, "nothing" in done.err) == (1, True)


def test_the_answer_is_a_record_that_is_found_again(shop):
    first, again = (gate(shop, TILL, "--json").json for _ in range(2))
    assert (again["entry"], again["reused"]) == (first["entry"], True)
    predicate = json.loads(base64.b64decode(first["vsa"]["payload"]))["predicate"]
    assert predicate["verificationResult"] == "PASSED"
    done = run("show", f"entry:{first['entry']}", "--json", data=shop / "data")
    assert done.json["matches"][0]["records"][0]["trust"] == "signed"
    done = run("verify", f"entry:{first['entry']}", data=shop / "data")
    assert done.code == 0, done.err
    by_digest = run("gate", TILL, "--policy", first["digest"], "--env", "test", "--json",
                    data=shop / "data")  # fmt: skip
    assert by_digest.json["entry"] == first["entry"]


def test_a_colleague_approves_and_takes_it_back(shop):
    data = shop / "data"
    assert gate(shop, TILL, environment="prod").code == 1
    for key, more, code in (
        ("dev.key", (), 0), ("dev.key", ("--reject",), 1), ("boss.key", ("--reason", "fine"), 0),
        ("boss.key", ("--reject", "-e", "prod"), 1),
    ):  # fmt: skip
        done = run("approve", TILL, "--key", shop / key, *more, data=data)
        assert done.code == 0, done.err
        assert gate(shop, TILL, environment="prod").code == code


def test_an_exception_is_asked_for_answered_listed_and_ended(shop):
    data = shop / "data"
    asked = run("exception", "request", HOTFIX, "--rule", "built", "--rule", "inside", "-e", "test",
                "--for", "2d", "--reason", "the shop is down", "--key", shop / "dev.key", "--json",
                data=data)  # fmt: skip
    assert asked.code == 0, asked.err
    entry = asked.json["items"][0]["index"]
    assert gate(shop, HOTFIX).code == 1
    for key, code in (("dev.key", 1), ("boss.key", 0)):
        done = run("exception", "approve", entry, "--key", shop / key, data=data)
        assert done.code == 0, done.err
        assert gate(shop, HOTFIX).code == code
    done = gate(shop, HOTFIX)
    assert "exc  built   exception until" in done.out
    assert "(the shop is down), though no provenance counts" in " ".join(done.out.split())
    listed = run("exception", "list", HOTFIX, "--json", data=data).json
    assert [one["stage"] for one in listed] == ["requested", "approved", "approved"]
    drawn = run("exception", "list", HOTFIX, data=data).out
    assert re.search(rf"^#{entry} +requested", drawn, re.M), drawn
    done = run("exception", "withdraw", entry, "--key", shop / "dev.key", data=data)
    assert done.code == 0, done.err
    assert gate(shop, HOTFIX).code == 1
    done = run("exception", "approve", 1, "--key", shop / "boss.key", data=data)
    assert (done.code, "no exception is asked for there" in done.err) == (1, True)


def test_broken_glass_lets_it_in_and_shouts(shop):
    data = shop / "data"
    done = run(
        "exception", "break-glass", HOTFIX, "--rule", "built", "--rule", "inside", "-e", "test",
        "--for", "1h", "--reason", "night", "--key", shop / "boss.key", data=data,
    )  # fmt: skip
    assert done.code == 0
    assert "without anybody else's word" in done.err
    done = gate(shop, HOTFIX)
    assert done.code == 0
    assert "BREAK GLASS: nobody approved the exception from built" in done.err
    assert done.out.count("BREAK GLASS") == 2


def test_a_policy_is_explained_simulated_and_recorded(shop, tmp_path):
    data = shop / "data"
    explained = run("policy", "explain", HOTFIX, "--policy", shop / "policy", "-e", "prod",
                    "--as-of", 70, data=data)  # fmt: skip
    assert explained.code == 1
    assert "as known at size 70" in explained.out
    printed = run("policy", "explain", TILL, "--policy", shop / "policy", "--input", data=data)
    document = json.loads(printed.out)
    assert document["artifact"] == TILL
    assert {one["kind"] for one in document["evidence"]} >= {"provenance", "sbom", "vsa"}
    done = run("policy", "simulate", "prod", "--policy", shop / "policy", "--since", "2026-11-01",
               "--until", "2026-11-30", "--json", data=data)  # fmt: skip
    assert done.code == 0, done.err
    assert {one["service"] for one in done.json["deployments"]} >= {"till", "shelf", "window"}
    assert not any(one["allowed"] for one in done.json["deployments"])
    drawn = run("policy", "simulate", "prod/till", "--policy", shop / "policy", "--since",
                "2026-11-01", "--until", "2026-11-30", data=data).out  # fmt: skip
    assert "would have been denied\n" in drawn
    assert all(len(line) <= 100 for line in drawn.splitlines())
    done = run("policy", "record", shop / "policy", "--key", shop / "boss.key", data=data)
    assert done.code == 0, done.err
    policy = run("policy", "check", shop / "policy", "--json").json
    assert f"is {policy['digest']}" in done.out
    assert run("show", policy["digest"], "--json", data=data).json["matches"][0]["kind"] == "policy"


def test_a_new_policy_is_tested_beside_itself(tmp_path):
    done = run("policy", "new", "--from", "sbom", "-o", tmp_path / "p")
    assert done.code == 0, done.err
    assert run("policy", "test", tmp_path / "p").code == 0
    again = run("policy", "new", "--from", "sbom", "-o", tmp_path / "p")
    assert (again.code, "there is a file already" in again.err) == (1, True)
    (tmp_path / "p/tests/more.yaml").write_text(
        "cases:\n  - {name: a lie, allowed: true, input: {artifact: 'sha256:1'}}\n"
    )
    done = run("policy", "test", tmp_path / "p")
    assert done.code == 1
    assert "FAIL  a lie" in done.out
    assert "denied: sbom: It must be recorded what is inside" in done.out
    ready = run("policy", "ready", "--json").json
    assert "slsa-3" in {one["name"] for one in ready}


def test_a_new_policy_is_written_where_nothing_is_or_not_at_all(tmp_path):
    wrong = run("policy", "new", "--from", "slsa-3", "-o", tmp_path / "p",
                "--set", "builder=x", "--set", "signer=nobody")  # fmt: skip
    assert (wrong.code, "not the id of a key" in wrong.err) == (1, True)
    assert not (tmp_path / "p").exists()
    (tmp_path / "p").mkdir()
    (tmp_path / "p/policy.yaml").symlink_to(tmp_path / "elsewhere")
    assert run("policy", "new", "--from", "sbom", "-o", tmp_path / "p").code == 1
    assert not (tmp_path / "elsewhere").exists()


def _pipe(path):
    os.mkfifo(path)


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (_pipe, "it is none"), (lambda p: p.symlink_to("/dev/zero"), "it is none"),
        (lambda p: p.mkdir(), "it is none"), (lambda p: p.write_bytes(b"\xff"), "not UTF-8"),
    ],
    ids=["pipe", "device", "folder", "bytes"],
)  # fmt: skip
def test_what_is_no_file_is_not_waited_for(tmp_path, spoil, says):
    assert run("policy", "new", "--from", "sbom", "-o", tmp_path / "p").code == 0
    spoil(tmp_path / "p/x.rego")
    done = run("policy", "check", tmp_path / "p")
    assert (done.code > 0, says in done.err) == (True, True), done.err
    (tmp_path / "q").mkdir()
    (tmp_path / "p/policy.yaml").rename(tmp_path / "q/policy.yaml")
    (tmp_path / "q/tests").mkdir()
    (tmp_path / "q/tests/a.yaml").write_text(
        f"cases: [{{name: a, allowed: true, artifact: x, records: ['{tmp_path}/p/x.rego']}}]"
    )
    done = run("policy", "test", tmp_path / "q")
    assert (done.code > 0, "Traceback" in done.err) == (True, False), done.err


def test_no_exception_lasts_longer_than_time(shop):
    asked = ("exception", "request", TILL, "--rule", "built", "-e", "prod", "--for", "999999w",
             "--reason", "x", "--key", shop / "dev.key", "-o", shop / "long.json")  # fmt: skip
    assert run(*asked, data=shop / "data").code == 0
    said = json.loads(base64.b64decode(json.loads((shop / "long.json").read_text())["payload"]))
    assert said["predicate"]["until"].startswith("9999")


@pytest.mark.parametrize(
    ("written", "says"),
    [
        ("name: p\nversion: '1'\nrules: []\n", "lets in everything"),
        ("name: p\nversion: '1'\nrules: [{name: a, needs: sbom, extra: 1}]\n", "not a policy"),
        ("name: p\nversion: '1'\nrules: [{name: a, needs: magic}]\n", "not a policy"),
        ("name: p\nversion: '1'\nrules: [{name: a, needs: sbom, within: soon}]\n", "duration"),
        ("- 1\n", "object"),
        ("name: [\n", "YAML"),
        ("name: p\nversion: '1'\nrules: [{name: a, needs: rego, modules: [x], query: q}]\n",
         "a module that is not there"),
    ],
)  # fmt: skip
def test_a_policy_that_is_none_says_why(tmp_path, written, says):
    (tmp_path / "policy.yaml").write_text(written)
    for verb in (("policy", "check", tmp_path), ("gate", "x", "--policy", tmp_path)):
        done = run(*verb, data=tmp_path / "d" if verb[0] == "gate" else None)
        assert done.code != 0
        assert says in done.err, done.err


def test_a_server_answers_as_the_directory_does(shop, monkeypatch):
    before = gate(shop, TILL, "--json").json
    with ServerProcess(shop / "data") as server:
        monkeypatch.setenv("WHEREFROM_TOKEN", server.token)
        asked = ("--policy", shop / "policy", "--server", server.url)
        looked_up = run("gate", TILL, *asked, "--env", "test", "--json")
        assert looked_up.json == {**before, "reused": True}
        through = gate(shop, TILL, "--json")  # the directory is held: through the server
        assert through.json["entry"] == before["entry"]
        fresh = run("gate", TILL, *asked, "--env", "elsewhere", "--json")
        assert (fresh.code, fresh.json["reused"]) == (0, False)
        explained = run("policy", "explain", HOTFIX, *asked, "-e", "test", "--json")
        assert [one["rule"] for one in explained.json["reasons"]] == ["built", "inside", "ours"]
        assert run("gate", "nothing", *asked).code == 1
        with server.client() as client:
            wrong = client.post("/v1/gate", json={"artifact": TILL, "policy": {"name": "x"}})
            assert (wrong.status_code, wrong.json()["code"]) == (400, "malformed")
            deep, infinite = '{"policy": ' + "[" * 5_000, '{"policy": {"a": 1e999}}'
            for body in (deep, infinite):
                for path in ("/v1/gate", "/v1/decide"):
                    wrong = client.post(path, content=body)
                    assert (wrong.status_code, wrong.json()["code"]) == (400, "malformed")
