"""``wherefrom rollback``: which reality, what is passed over, what is not safe, the commands."""

from __future__ import annotations

import json
import time

import pytest

from tests.unit.cli.running import run
from wherefrom.app import DataFolder, open_recorder
from wherefrom.capture import changes
from wherefrom.collect.principals import local
from wherefrom.formats import canary, cdevents
from wherefrom.formats.states import DECLARED, OBSERVED, Scope
from wherefrom.formats.timestamps import of_micros
from wherefrom.sample import estate

ONE, TWO, THREE, FOUR, CONFIG = (f"sha256:{letter * 64}" for letter in "abcde")
NOW = int(time.time()) // 60 * 60
HOUR = 60
PROD = Scope("prod", "cart")


def at(minutes):
    return of_micros((NOW + 60 * minutes) * 1_000_000)


class Shop:
    """A data directory, and what is said of a cart in it."""

    def __init__(self, path):
        self.folder = DataFolder(path / "data")
        self.folder.create(origin="log.example/shop")
        self.path = self.folder.path

    def record(self, *contents):
        """The entries of these."""
        with open_recorder(self.folder) as recorder:
            found = recorder.record(list(contents), principal=local(0))
        assert all(one.index is not None for one in found), found
        return [one.index for one in found]

    def deploy(self, value, minutes, scope=PROD):
        return self.record(changes.deploy(scope, value, at=at(minutes), source="/ci"))[0]

    def set(self, slot, name, value, minutes, scope=PROD, **told):
        said = changes.place(slot, name, value, scope, at=at(minutes), source="/ci", told=told)
        return self.record(said)[0]

    def event(self, type, subject, content, minutes):
        document = cdevents.make(
            type, "0.3.0", id=f"{type}-{minutes}-{subject}", source="/ops", timestamp=at(minutes),
            subject=subject, content=content,
        )  # fmt: skip
        return self.record(cdevents.to_bytes(document))[0]

    def verdict(self, said, value, minutes, *, apart=None, environment="prod"):
        one = canary.Measure(
            measure="failing", verdict=said, canary=0.4, baseline=0.01, effect=0.39,
            tolerance=0.005, canary_samples=100, baseline_samples=900,
        )  # fmt: skip
        made = canary.CanaryVerdict(
            service="cart", environment=environment, since=at(minutes - 9), until=at(minutes),
            verdict=said, alpha=0.05, measures=[one],
            canary=canary.CanarySide(where="pool=canary", requests=100, artifact=value),
            baseline=canary.CanarySide(where="rest", requests=900),
            log=canary.LogAt(origin="log.example/shop", size=1),
            apart=apart or [canary.CanaryApart(slot="artifact", name="", value=value)],
        )  # fmt: skip
        return self.record(canary.to_statement(made))[0]

    def ask(self, *arguments):
        return run("rollback", "cart", *arguments, "--json", data=self.path)

    def to(self, *arguments):
        """The artifact to go back to, None for none."""
        found = self.ask(*arguments).json["to"]
        return None if found is None else found["values"][0]["value"]

    def passed(self, *arguments):
        """By artifact, why it was passed over."""
        return {
            one["reality"]["values"][0]["value"]: [reason["code"] for reason in one["reasons"]]
            for one in self.ask(*arguments).json["passed_over"]
        }


@pytest.fixture
def shop(tmp_path):
    """A cart of three versions, the last since half an hour."""
    shop = Shop(tmp_path)
    for value, minutes in ((ONE, -72 * HOUR), (TWO, -24 * HOUR), (THREE, -30)):
        shop.deploy(value, minutes)
    return shop


def test_the_one_before_is_gone_back_to_if_it_ran_without_trouble(shop):
    ran = shop.ask()
    answer = ran.json
    assert (ran.code, answer["verdict"], shop.to()) == (0, "safe", TWO)
    assert [one["code"] for one in answer["evidence"]] == ["uptime"]
    assert answer["evidence"][0]["says"] == "it ran for 23 hours without an incident of the service"
    (change,) = answer["changes"]
    assert (change["slot"], change["a"], change["b"]) == ("artifact", [THREE], [TWO])
    assert answer["passed_over"] == []


def test_what_a_canary_failed_is_passed_over_until_another_passes_it(shop):
    entry = shop.verdict("fail", TWO, -23 * HOUR)
    answer = shop.ask().json
    assert (shop.to(), shop.passed()) == (ONE, {TWO: ["canary"]})
    assert answer["passed_over"][0]["reasons"][0]["entries"] == [entry]
    shop.verdict("undecided", TWO, -22 * HOUR)
    assert shop.to() == ONE
    shop.verdict("pass", TWO, -21 * HOUR)
    assert shop.to() == TWO
    assert [one["code"] for one in shop.ask().json["evidence"]] == ["canary", "uptime"]


def test_a_verdict_on_a_flag_or_of_another_place_is_none_on_the_artifact(shop):
    flag = canary.CanaryApart(slot="flag", name="fast", value="on")
    shop.verdict("fail", TWO, -20 * HOUR, apart=[flag])
    shop.verdict("fail", TWO, -20 * HOUR, environment="staging")
    assert shop.to() == TWO
    # But it is one on a reality that has the flag so.
    shop.set("flag", "fast", "on", -20 * HOUR)
    assert shop.passed()[TWO] == ["canary"]


def test_what_an_incident_was_put_down_to_is_passed_over(shop):
    entry = shop.event("incident.detected", "oom", {
        "environment": {"id": "prod"}, "service": {"id": "cart"}, "artifactId": TWO,
    }, -20 * HOUR)  # fmt: skip
    reason = shop.ask().json["passed_over"][0]["reasons"][0]
    assert (shop.to(), reason["code"], reason["entries"]) == (ONE, "incident", [entry])


def test_what_had_an_incident_of_no_known_cause_is_gone_back_to_last(shop):
    where = {"environment": {"id": "prod"}, "service": {"id": "cart"}}
    shop.event("incident.detected", "slow", where, -20 * HOUR)
    assert (shop.to(), shop.passed()) == (ONE, {TWO: ["evidence"]})
    shop.event("incident.detected", "down", where, -70 * HOUR)
    ran = shop.ask()
    assert (ran.code, ran.json["verdict"], shop.to()) == (1, "not safely", TWO)
    assert "nothing says that it was good" in ran.json["obstacles"][0]


def test_what_was_rolled_back_from_is_passed_over_and_what_runs_again_needs_no_way_back(shop):
    entry = shop.event("service.rolledback", "cart", {
        "environment": {"id": "prod"}, "artifactId": TWO}, -10)  # fmt: skip
    reasons = shop.ask().json["passed_over"][0]["reasons"]
    assert [(one["code"], one["entries"]) for one in reasons] == [("rolled_back", [entry])]
    # Now it is TWO again, as it was before: the way back is further.
    assert shop.to() == ONE


def test_what_stood_for_a_minute_or_was_a_rollout_under_way_is_passed_over(shop):
    shop.deploy(FOUR, -32)  # two minutes before THREE
    assert shop.passed() == {FOUR: ["brief"]}
    canary = PROD._replace(pool="canary")
    shop.deploy(THREE, -9 * HOUR, canary)
    ran = shop.ask().json
    reasons = [[one["code"] for one in passed["reasons"]] for passed in ran["passed_over"]]
    assert ["mixed"] in reasons
    assert shop.to() == TWO


def test_what_was_deleted_is_not_gone_back_to(shop):
    shop.event("artifact.deleted", TWO, {}, -5)
    assert (shop.to(), shop.passed()) == (ONE, {TWO: ["gone"]})


def test_a_signer_that_is_revoked_takes_its_artifact_out_until_it_is_signed_again(shop, tmp_path):
    for name in ("ci", "later"):
        assert run("keys", "new", name, "-o", tmp_path).code == 0
        assert run("keys", "trust", tmp_path / f"{name}.pub", data=shop.path).code == 0
    statement = {
        "_type": "https://in-toto.io/Statement/v1", "predicateType": "https://example.com/built/v1",
        "subject": [{"name": "cart", "digest": {"sha256": TWO[7:]}}], "predicate": {},
    }  # fmt: skip
    (tmp_path / "said.json").write_text(json.dumps(statement))

    def sign(name):
        key, output = tmp_path / f"{name}.key", tmp_path / f"{name}.dsse"
        assert run("sign", tmp_path / "said.json", "--key", key, "-o", output).code == 0
        assert run("record", output, data=shop.path).code == 0

    sign("ci")
    (part,) = shop.ask().json["parts"]
    assert (part["exists"], part["trusted"], part["trust"]) == ("yes", "yes", "signed")
    key = run("keys", "list", "--json", data=shop.path).json["keys"][0]["id"]
    assert run("keys", "revoke", key, "--reason", "stolen", data=shop.path).code == 0
    assert (shop.to(), shop.passed()) == (ONE, {TWO: ["trust"]})
    sign("later")
    assert shop.to() == TWO


def test_a_migration_that_cannot_be_undone_is_said_loudly_and_is_not_safe(shop):
    shop.set("migration", "orders", "6", -40 * HOUR, can_undo="yes", undo="U6__x.sql")
    shop.set("migration", "orders", "7", -20, can_undo="yes", undo="U7__more.sql")
    assert shop.ask().code == 0
    shop.set("migration", "orders", "8", -10, can_undo="no", undo="no U8__ script")
    ran = run("rollback", "cart", data=shop.path)
    assert ran.code == 1
    assert "NOT SAFELY  cart in prod can go back to" in ran.out
    assert "! migration of orders to 8 CANNOT BE UNDONE: no U8__ script" in ran.out
    found = shop.ask().json["migrations"]
    assert [(one["after"], one["can_undo"]) for one in found] == [("8", False), ("7", True)]
    # What was taken back since is no obstacle.
    shop.set("migration", "orders", "6", -5)
    assert (shop.ask().code, shop.ask().json["migrations"]) == (0, [])


def test_a_migration_of_which_nobody_says_is_not_taken_for_undoable(shop):
    shop.set("migration", "orders", "7", -20, scope=Scope("prod"))
    shop.set("migration", "stock", "1", -20, scope=Scope("prod", "stock"))
    ran = shop.ask()
    assert (ran.code, ran.json["verdict"]) == (1, "not safely")
    (said,) = ran.json["obstacles"]
    assert said == "migration of orders to 7: nobody says whether it can be undone"


def agent(shop, image, value, minutes):
    """As the agent of a cluster declares it."""
    state = {
        "slot": "artifact", "name": "server", "value": value, "says": image,
        "scope": {"service": "cart"},
        "properties": {"workload": "Deployment/cart", "namespace": "shop"},
    }  # fmt: skip
    said = changes.estate(DECLARED, Scope("prod"), [state], all_of=("artifact",), at=at(minutes),
                          source="/clusters/eu")  # fmt: skip
    shop.record(said)


def test_kubernetes_is_brought_back_by_kubectl_and_what_else_as_the_settings_say(
    tmp_path,
):
    shop = Shop(tmp_path)
    agent(shop, "ghcr.io/acme/cart:1", ONE, -10 * HOUR)
    shop.set("flag", "fast", "off", -10 * HOUR)
    agent(shop, "ghcr.io/acme/cart:2", TWO, -30)
    shop.set("flag", "fast", "on; rm -rf /", -30)
    found = shop.ask().json["commands"]
    by_slot = {one["slot"]: one for one in found}
    assert by_slot["artifact"]["argv"] == [
        "kubectl", "-n", "shop", "set", "image", "deployment/cart",
        f"server=ghcr.io/acme/cart@{ONE}",
    ]  # fmt: skip
    assert by_slot["flag"]["argv"] == []
    assert "rollback.json" in by_slot["flag"]["says"]
    settings = {"version": 1, "commands": [
        {"argv": ["flags", "set", "{name}", "{value}", "--was={before}"], "slots": ["flag"],
         "services": ["ca*"]},
        {"argv": ["never"], "services": ["other"]},
    ]}  # fmt: skip
    (shop.path / "rollback.json").write_text(json.dumps(settings))
    found = {one["slot"]: one for one in shop.ask().json["commands"]}
    assert found["flag"]["argv"] == ["flags", "set", "fast", "off", "--was=on; rm -rf /"]
    out = run("rollback", "cart", data=shop.path).out
    assert "$ flags set fast off '--was=on; rm -rf /'" in out
    (shop.path / "rollback.json").write_text('{"version": 1, "commands": [{"argv": ["{value}"]}]}')
    ran = shop.ask()
    assert (ran.code, ran.problem["code"]) == (3, "unavailable")


def test_a_value_that_would_be_an_option_makes_no_command(tmp_path):
    shop = Shop(tmp_path)
    shop.deploy(ONE, -10 * HOUR)
    shop.set("flag", "fast", "--force", -10 * HOUR)
    shop.set("flag", "fast", "on", -30)
    template = {"argv": ["flags", "set", "{value}"]}
    (shop.path / "rollback.json").write_text(json.dumps({"version": 1, "commands": [template]}))
    (command,) = shop.ask().json["commands"]
    assert command["argv"] == []
    assert "taken for an option" in command["says"]


def test_a_service_that_never_was_another_has_nothing_to_go_back_to(tmp_path):
    shop = Shop(tmp_path)
    shop.deploy(ONE, -HOUR)
    ran = run("rollback", "cart", data=shop.path)
    assert ran.code == 1
    assert "NONE  cart in prod has nothing to go back to" in ran.out
    assert run("rollback", "mail", data=shop.path).code == 1
    shop.deploy(ONE, -HOUR, Scope("staging", "cart"))
    ran = run("rollback", "cart", data=shop.path)
    assert (ran.code, "several environments" in ran.err) == (1, True)
    assert run("rollback", "cart", "-e", "staging", data=shop.path).code == 1


def test_where_nobody_declares_it_is_what_instances_report(tmp_path):
    shop = Shop(tmp_path)
    for value, minutes in ((ONE, -10 * HOUR), (TWO, -30)):
        states = [
            {"slot": "artifact", "name": "", "value": value,
             "scope": {"service": "cart", "instance": f"cart-{number}"}}
            for number in range(3)
        ]  # fmt: skip
        shop.record(changes.estate(OBSERVED, Scope("prod"), states, all_of=(), at=at(minutes),
                                   source="/agent"))  # fmt: skip
    answer = shop.ask().json
    assert (answer["verdict"], shop.to()) == ("safe", ONE)
    assert [(one["value"], one["slot"]) for one in answer["parts"]] == [(ONE, "artifact")]
    assert len(answer["commands"]) == 1


def test_as_it_was_at_another_time_or_size(shop):
    assert shop.to("--at", at(-HOUR)) == ONE
    assert shop.to("--as-of", "3") == ONE
    assert shop.to("--days", "1") == TWO


def test_what_changed_for_every_service_stays_and_is_told(shop):
    entry = shop.set("flag", "dark", "on", -20, scope=Scope("prod"))
    answer = shop.ask().json
    assert [(one["name"], one["entry"]) for one in answer["beside"]] == [("dark", entry)]
    assert "Changed since for every service, and stays" in run(
        "rollback", "cart", data=shop.path).out  # fmt: skip


def test_a_stranger_does_not_withdraw_what_somebody_known_took_for_the_cause(shop, tmp_path):
    for name in ("mine", "theirs"):
        assert run("keys", "new", name, "-o", tmp_path).code == 0
    assert run("keys", "trust", tmp_path / "mine.pub", data=shop.path).code == 0
    shop.set("flag", "fast", "on", -20 * HOUR)
    where = {"environment": {"id": "prod"}, "service": {"id": "cart"}}
    shop.event("incident.detected", "slow", where, -19 * HOUR)
    asked = ("why", "--service", "cart", "--alert", "slow", "--json")
    (flag,) = (one for one in run(*asked, data=shop.path).json["ranked"] if one["name"] == "fast")

    def say(word, key):
        ran = run(*asked, word, flag["entry"], "--key", tmp_path / f"{key}.key", data=shop.path)
        assert ran.code == 0, ran.err
        return "cause" in {one["code"] for one in shop.ask().json["trouble"]}

    assert say("--accept", "mine")
    assert say("--withdraw", "theirs")
    assert not say("--withdraw", "mine")


def test_what_was_accepted_as_a_cause_is_passed_over_until_that_is_withdrawn(shop):
    shop.set("flag", "fast", "on", -20 * HOUR)
    where = {"environment": {"id": "prod"}, "service": {"id": "cart"}}
    shop.event("incident.detected", "slow", where, -19 * HOUR)
    asked = ("why", "--service", "cart", "--alert", "slow", "--json")
    (flag,) = (one for one in run(*asked, data=shop.path).json["ranked"] if one["name"] == "fast")
    ran = run(*asked, "--accept", flag["entry"], data=shop.path)
    assert (ran.code, ran.json["cause"]["incident"]) == (0, "incident:cdevents:slow")
    entry = ran.json["items"][0]["index"]
    answer = shop.ask().json
    reasons = [reason for one in answer["passed_over"] for reason in one["reasons"]]
    assert ("cause", [entry]) in [(one["code"], one["entries"]) for one in reasons]
    assert ("cause", [entry]) in [(one["code"], one["entries"]) for one in answer["trouble"]]
    run(*asked, "--withdraw", flag["entry"], data=shop.path)
    assert shop.ask().json["trouble"] == answer["trouble"][:-1]
    for wrong in (("--accept", "1", "--withdraw", "1"), ("--key", "x"), ("--accept", "x")):
        assert run(*asked, *wrong, data=shop.path).code == 2
    assert run(*asked, "--accept", "999", data=shop.path).code == 1


def test_the_corner_shop_goes_back_past_its_hotfix_and_is_told_of_its_migration(tmp_path):
    folder = DataFolder(tmp_path / "data")
    folder.create(origin="log.example/corner-shop")
    with open_recorder(folder) as recorder:
        recorder.record(estate.build().records, principal=local(0))
    ran = run("rollback", "till", "-e", "prod", "--at", "2026-11-16", "--json", data=folder.path)
    answer = ran.json
    assert (ran.code, answer["verdict"]) == (1, "not safely")
    assert answer["evidence"][0]["says"].startswith("it ran for 7 days")
    (change,) = answer["changes"]
    assert (change["slot"], len(change["commits_a"])) == ("artifact", 1)
    assert [one["database"] for one in answer["migrations"]] == ["receipts"]
    assert [one["name"] for one in answer["beside"]] == ["new-basket"]
    assert answer["parts"][0]["exists"] == "yes"
    (command,) = answer["commands"]
    assert "registry.corner-shop.example/till@sha256:" in command["says"]
