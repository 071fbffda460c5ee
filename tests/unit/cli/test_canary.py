"""``wherefrom canary``: verdicts of a directory, which side is which, and what is recorded."""

from __future__ import annotations

import json
import time

import pytest

from tests.unit.cli.running import run
from wherefrom.app import DataFolder, open_recorder
from wherefrom.capture import changes
from wherefrom.collect.principals import local
from wherefrom.formats.series import Labels, Series
from wherefrom.formats.series_settings import SeriesSettings
from wherefrom.formats.states import OBSERVED, Scope
from wherefrom.formats.timestamps import of_posix
from wherefrom.views.series.store import SeriesStore

OLD, NEW, REALITY = (f"sha256:{letter * 64}" for letter in "abc")
NOW = time.time() // 60 * 60
UNTIL = ("--until", of_posix(int(NOW)))


def at(minutes):
    return of_posix(int(NOW + 60 * minutes))


def made(path, rate, *, flag=False, requests=300.0):
    """A cart whose canary has answered with this rate for an hour; other environments beside it."""
    folder = DataFolder(path / "data")
    folder.create(origin="log.example/canary")
    with open_recorder(folder) as recorder:
        for pool, value, minute in (("main", OLD, -300), ("canary", OLD if flag else NEW, -60)):
            scope = Scope("prod", "cart", "", pool)
            said = [changes.deploy(scope, value, at=at(minute), source="/x")]
            if flag:
                on = "on" if pool == "canary" else "off"
                said.append(changes.place("flag", "fast", on, scope, at=at(minute), source="/x",
                                          told={}))  # fmt: skip
            if pool == "canary" and not flag:
                told = {"slot": "artifact", "name": "", "value": NEW,
                        "scope": {"service": "cart", "pool": pool, "instance": "cart-canary"},
                        "properties": {"reality": REALITY}}  # fmt: skip
                said.append(changes.estate(OBSERVED, Scope("prod"), [told], all_of=(),
                                           at=at(minute), source="/agent"))  # fmt: skip
            recorder.record(said, principal=local(0))
    store = SeriesStore(folder.series_path, SeriesSettings)
    for pool, born, share in (("main", -120, 0.999), ("canary", -60, rate)):
        where = Labels("prod", "cart", pool=pool, instance=f"cart-{pool}")
        times = [NOW + 60 * m for m in range(born, 0)]
        counts, rates = [requests] * len(times), [share] * len(times)
        store.add([Series(where, "requests", times, counts),
                   Series(where, "success_rate", times, rates)], now=NOW)  # fmt: skip
    store.close()
    return folder.path


@pytest.fixture(scope="module")
def bad(tmp_path_factory):
    return made(tmp_path_factory.mktemp("bad"), 0.9)


@pytest.fixture(scope="module")
def good(tmp_path_factory):
    return made(tmp_path_factory.mktemp("good"), 0.999)


def test_a_canary_that_fails_ends_with_no_and_says_by_how_much(bad):
    ran = run("canary", "cart", *UNTIL, data=bad)
    assert ran.code == 1
    assert "FAIL  canary of cart in prod" in ran.out
    assert "canary    pool=canary  18,000 requests" in run(
        "canary", "cart", "--canary", "pool=canary", *UNTIL, data=bad).out  # fmt: skip
    assert "only the canary has artifact  sha256:bbbbbbbbbbbb" in ran.out
    assert "10 % fail against 0.1 %, +9.9 % of all (surely +" in ran.out
    assert "+0.5 % is borne: fail since " in ran.out


def test_a_canary_as_good_as_the_rest_ends_with_yes(good):
    ran = run("canary", "cart", *UNTIL, "--json", data=good)
    answer = ran.json
    assert (ran.code, answer["verdict"]) == (0, "pass")
    # It began when its artifact came, and not with the series.
    assert answer["since"] == at(-60).replace("Z", ".000000Z")
    assert answer["baseline"]["requests"] == 18_000
    assert answer["canary"]["reality"] == REALITY
    assert [one["value"] for one in answer["apart"]] == [NEW]


def test_a_few_requests_decide_nothing_and_it_cannot_be_told(tmp_path):
    folder = made(tmp_path, 0.995, requests=2.0)
    ran = run("canary", "cart", *UNTIL, data=folder)
    assert ran.code == 3
    assert "UNDECIDED" in ran.out
    assert run("canary", "cart", *UNTIL, "--tolerate", "failing=0.2", data=folder).code == 0


def test_a_flags_canary_is_told_by_its_flag(tmp_path):
    folder = made(tmp_path, 0.9, flag=True)
    ran = run("canary", "cart", *UNTIL, data=folder)
    assert (ran.code, "what is the canary?" in ran.err) == (1, True)
    answer = run("canary", "cart", "--canary", "flag:fast=on", *UNTIL, "--json", data=folder).json
    assert answer["verdict"] == "fail"
    assert [(one["slot"], one["name"]) for one in answer["apart"]] == [("flag", "fast")]
    named = run("canary", "cart", "--canary", "flag:fast=on", "--baseline", "flag:fast=off", *UNTIL,
                "--json", data=folder).json  # fmt: skip
    assert named["measures"] == answer["measures"]


def test_a_verdict_is_recorded_signed_and_found_by_its_artifact(tmp_path, bad):
    assert run("keys", "new", "ci", "-o", tmp_path).code == 0
    ran = run("canary", "cart", *UNTIL, "--record", "--key", tmp_path / "ci.key", "--json",
              data=bad)  # fmt: skip
    assert ran.code == 1
    index = ran.json["items"][0]["index"]
    told = run("show", NEW, "--json", data=bad).json
    records = {r["entry"]: r["type"] for match in told["matches"] for r in match["records"]}
    assert records[index] == "urn:wherefrom:canary:v1"
    again = run("canary", "cart", *UNTIL, "--record", "--json", data=bad)
    assert again.json["items"][0]["status"] == "recorded"  # unsigned, it is another content


def test_misuse_is_told(bad):
    for asked in (("--key", "x"), ("--tolerate", "failing"), ("--alpha", "0")):
        assert run("canary", "cart", *asked, data=bad).code == 2
    for asked, says in (
        (("--canary", "colour=red"), "not what tells a canary"),
        (("--canary", "pool=blue"), "since when the canary runs"),
        (("--tolerate", "mood=0.1"), "not a measure"),
        (("--tolerate", "failing=nan"), "not what may be borne"),
        (("-e", "moon"), "what is the canary"),
    ):
        ran = run("canary", "cart", *asked, data=bad)
        assert (ran.code, says in ran.err) == (1, True), ran.err
    assert run("canary", "mail", data=bad).code == 1


def test_json_of_a_recorded_verdict_holds_both(good):
    said = json.loads(run("canary", "cart", *UNTIL, "--record", "--json", data=good).written)
    assert said["canary"]["verdict"] == "pass"
    assert said["log"]["size"] > said["canary"]["log"]["size"]
