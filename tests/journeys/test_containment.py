"""Containment policies in force: what is off, apart or hangs on nothing is warned of, each once."""

import json
import sys
from base64 import b64decode

import pytest

from tests.paths import REPOSITORY
from tests.served import Inside
from tests.unit.cli.running import run
from wherefrom.formats.digests import sha256_id

SERVICE = ("--service", "cart", "-e", "prod")
GOOD = {"timeout_ms": 800, "retries": {"max": 2}, "breaker": {"enabled": True}}


@pytest.fixture
def activate(tmp_path):
    assert run("keys", "new", "ops", "-o", tmp_path).code == 0

    def activated(region, **call):
        file, out = tmp_path / "policy.json", tmp_path / "bundle.json"
        file.write_text(json.dumps({"calls": {"payment": GOOD | call}}))
        packed = run("bundle", "pack", file, "--name", "calls", "--kind", "policy", "--key",
                     tmp_path / "ops.key", "-o", out)  # fmt: skip
        assert packed.code == 0, packed.err
        done = run("bundle", "activate", out, *SERVICE, "--region", region, data=tmp_path / "data")
        assert done.code == 0, done.err

    return activated


def checked(tmp_path, code):
    done = run("check", "containment", "prod", "--json", data=tmp_path / "data")
    assert done.code == code, done.out + done.err
    answer = done.json
    return {(w["rule"], w["region"]) for w in answer["warnings"]}, {
        (w["rule"], w["region"]) for w in answer["unknown"]
    }


def flag(tmp_path, value, *scope):
    done = run("change", "set", "flag", "later", value, "-e", "prod", *scope,
               data=tmp_path / "data")  # fmt: skip
    assert done.code == 0, done.err


def test_what_holds_everywhere_is_not_warned_of(tmp_path, activate):
    activate("eu")
    activate("us")
    assert checked(tmp_path, 0) == (set(), set())


def test_a_breaker_that_is_off_is_warned_of_where_it_is(tmp_path, activate):
    activate("eu", breaker={"enabled": False})
    activate("us")
    assert checked(tmp_path, 1) == ({("breaker", "eu")}, set())
    said = run("check", "containment", "prod", data=tmp_path / "data").out
    assert "! prod/cart/eu  the breaker of payment is off  #2" in said


@pytest.mark.parametrize("call", [{"timeout_ms": 900}, {"retries": {"max": 3}}])
def test_regions_that_differ_need_a_reason(tmp_path, activate, call):
    activate("eu")
    activate("us", **call)
    assert checked(tmp_path, 1) == ({("apart", "")}, set())
    activate("us", **call, reason="a slow link")
    assert checked(tmp_path, 0) == (set(), set())


def test_a_fallback_needs_a_flag_that_is_on_there(tmp_path, activate):
    activate("eu", fallback={"flag": "later"})
    assert checked(tmp_path, 0) == (set(), {("unstated", "eu")})
    flag(tmp_path, "false")
    assert checked(tmp_path, 1) == ({("fallback", "eu")}, set())
    flag(tmp_path, "true", "--service", "cart")
    assert checked(tmp_path, 0) == (set(), set())
    flag(tmp_path, "off", "--service", "cart", "--region", "us")
    assert checked(tmp_path, 0) == (set(), set())


def test_a_policy_that_nobody_recorded_is_told_as_unknown(tmp_path):
    done = run("change", "set", "policy", "calls", "sha256:" + "a" * 64, *SERVICE,
               data=tmp_path / "data")  # fmt: skip
    assert done.code == 0
    assert checked(tmp_path, 0) == (set(), {("unrecorded", "")})


def pack(tmp_path, call, *options):
    file, out = tmp_path / "policy.json", tmp_path / "bundle.json"
    file.write_text(json.dumps({"calls": {"payment": call}, "owner": "ops"}))
    return run("bundle", "pack", file, "--name", "calls", "--kind", "policy", "--key",
               tmp_path / "ops.key", "-o", out, *options)  # fmt: skip


@pytest.mark.parametrize(
    "call",
    [
        {"timeout_ms": "800"}, {"timeout_ms": 0}, {"retries": {"max": -1}}, {"retries": 3},
        {"breaker": {"enabled": "false"}}, {"fallback": {"flag": True}}, {"reason": ""}, 7,
    ],
)  # fmt: skip
def test_what_is_no_policy_is_not_packed_unless_another_schema_is_named(tmp_path, activate, call):
    refused = pack(tmp_path, call)
    assert refused.code == 1
    assert "the schema of containment policies" in " ".join(refused.err.split())
    anything = tmp_path / "schema.json"
    anything.write_text("{}")
    assert pack(tmp_path, call, "--schema", anything).code == 0


def test_a_policy_that_was_checked_names_the_schema_and_one_that_was_not_names_none(
    tmp_path, activate, monkeypatch
):
    def schema():
        envelope = json.loads((tmp_path / "bundle.json").read_bytes())
        return json.loads(b64decode(envelope["payload"]))["predicate"].get("schema")

    published = (REPOSITORY / "docs" / "formats" / "containment.schema.json").read_bytes()
    assert pack(tmp_path, GOOD).code == 0
    assert schema() == sha256_id(published)
    monkeypatch.setitem(sys.modules, "jsonschema_rs", None)
    ran = pack(tmp_path, GOOD)
    assert ran.code == 0
    assert "not checked against the schema of containment policies" in " ".join(ran.err.split())
    assert schema() is None
    assert pack(tmp_path, GOOD, "--schema", tmp_path / "policy.json").code == 2


def test_a_policy_in_force_is_named_with_its_records_and_a_server_says_the_same(
    tmp_path, activate, monkeypatch
):
    activate("eu")
    activate("us", breaker={"enabled": False})
    with Inside(tmp_path / "data") as inside:
        monkeypatch.setenv("WHEREFROM_TOKEN", inside.token["reader"])
        inside.fold()
        asked = ("check", "containment", "prod", "--at", "2099-01-01", "--json")
        there = run(*asked, "--server", inside.url)
        here = run(*asked, data=tmp_path / "data")
        assert (there.code, there.written) == (here.code, here.written)
        query = "environment=prod&at=2099-01-01T00:00:00Z"
        sent = inside.client.get(f"/v1/checks/containment?{query}")
        assert sent.json() == here.json
    in_force = {one["region"]: one for one in here.json["in_force"]}
    for one in in_force.values():
        shown = run("show", f"entry:{one['contents']}", "--json", data=tmp_path / "data")
        assert shown.code == 0
        proven = run("verify", f"entry:{one['entry']}", data=tmp_path / "data")
        assert "FAILED" not in proven.out
    assert (in_force["eu"]["entry"], in_force["eu"]["contents"]) == (2, 1)
    assert (in_force["us"]["entry"], in_force["us"]["contents"]) == (4, 3)
    said = run("check", "containment", data=tmp_path / "data").out
    assert "  prod/cart/us  calls sha256:" in said
