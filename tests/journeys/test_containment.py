"""Containment policies in force: what is off, apart or hangs on nothing is warned of, each once."""

import json

import pytest

from tests.unit.cli.running import run

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
