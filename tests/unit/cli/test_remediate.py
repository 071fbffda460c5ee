"""``wherefrom remediate``: off until it is on, tried and approved before, and never twice."""

from __future__ import annotations

import hashlib
import json
import os
import socket
import sys

import pytest

from tests.unit.cli.running import run
from tests.unit.cli.test_rollback import HOUR, ONE, PROD, THREE, TWO, Shop, at
from wherefrom.formats import response
from wherefrom.remedies import Kept

WRITES = "import sys; open(sys.argv[1], 'a').write(' '.join(sys.argv[2:]) + chr(10)); print('hi')"


def words(text):
    """Without the breaks of a narrow page."""
    return " ".join(text.split())


class Bench(Shop):
    """A shop in trouble, and rules beside it; ``done`` is what its commands have written."""

    def __init__(self, path):
        super().__init__(path)
        self.ran = path / "ran"
        self.rules_file = self.path / "remediation.json"
        for value, minutes in ((ONE, -72 * HOUR), (TWO, -24 * HOUR), (THREE, -30)):
            self.deploy(value, minutes)

    @property
    def done(self):
        return self.ran.read_text().splitlines() if self.ran.exists() else []

    def rules(self, *, enabled=True, hourly=4, **changes):
        step = {"argv": [sys.executable, "-c", WRITES, str(self.ran), "{service}", "{value}"],
                "slots": ["artifact"]}  # fmt: skip
        rule = {
            "name": "back", "action": "rollback", "when": {"troubles": ["canary", "by_hand"]},
            "services": ["cart"], "environments": ["prod"], "commands": [step],
            "approval": {"need": 0}, "cool_down_s": 0, **changes,
        }  # fmt: skip
        said = {"version": 1, "enabled": enabled, "per_hour": hourly, "rules": [rule]}
        self.rules_file.write_text(json.dumps(said))
        self.rules_file.chmod(0o600)

    def plan(self, *options, rule="back"):
        return run("remediate", "plan", rule, "cart", *options, "--json", data=self.path)

    def planned(self, *options):
        ran = self.plan(*options)
        assert ran.code == 0, ran.err
        return ran.json["digest"]

    def run(self, digest, *options):
        return run("remediate", "run", digest, *options, "--json", data=self.path)

    def stages(self, digest):
        shown = run("remediate", "show", digest, "--json", data=self.path).json
        return [(one["stage"], one["outcome"]) for one in shown["stages"]]


@pytest.fixture
def bench(tmp_path):
    bench = Bench(tmp_path)
    bench.verdict("fail", THREE, -10)
    bench.rules()
    return bench


def test_without_the_operators_word_nothing_is_planned_and_nothing_is_run(bench):
    digest = bench.planned()
    bench.rules(enabled=False)
    ran = bench.plan()
    assert (ran.code, "remediation is off" in ran.err) == (1, True)
    ran = bench.run(digest)
    assert (ran.code, "remediation is off" in ran.err) == (1, True)
    bench.rules_file.unlink()
    assert bench.run(digest).code == 2
    assert bench.done == []


def test_a_plan_is_tried_run_once_and_every_stage_is_a_record(bench):
    ran = bench.plan()
    digest, plan = ran.json["digest"], ran.json["plan"]
    assert bench.done == []
    assert plan["trouble"] == "canary"
    assert [(one["before"], one["after"]) for one in plan["changes"]] == [(THREE, TWO)]
    done = bench.run(digest)
    assert (done.code, bench.done) == (0, [f"cart {TWO}"])
    assert done.json["ended"]["output"] == {
        "digest": "sha256:" + hashlib.sha256(b"hi\n").hexdigest(), "size": 3,
    }  # fmt: skip
    assert bench.stages(digest) == [
        ("asked", None), ("dry_run", "done"), ("started", None), ("ended", "done"),
    ]  # fmt: skip
    again = bench.run(digest)
    assert (again.code, bench.done) == (1, [f"cart {TWO}"])
    assert "carried out before" in again.problem["got"]
    # It is no change that anything is put down to, but it can be seen what was under way.
    changes = run("changes", "prod/cart", "--slot", "response", "--json", data=bench.path).json
    assert [one["after"] for one in changes["changes"]] == [None, "started"]


def test_a_command_that_fails_is_told_and_is_the_last(bench):
    fails = {"argv": [sys.executable, "-c", "print('no'); raise SystemExit(7)"]}
    bench.rules(commands=[fails])
    digest = bench.planned()
    ran = bench.run(digest)
    assert (ran.code, ran.json["ended"]["outcome"], ran.json["ended"]["exit"]) == (1, "failed", 7)
    assert bench.stages(digest)[-1] == ("ended", "failed")


def test_a_dry_run_that_fails_keeps_the_plan_from_being_run(bench):
    step = {"argv": [sys.executable, "-c", ""], "dry_run": [sys.executable, "-c", "exit(1)"]}
    bench.rules(commands=[step])
    ran = bench.plan()
    assert (ran.code, ran.json["dry_run"]["outcome"]) == (1, "failed")
    ran = bench.run(ran.json["digest"])
    assert "its dry run is not recorded, or did not end well" in ran.problem["got"]
    bench.rules(commands=[{"argv": ["no-such-program-here"]}])
    ran = bench.plan()
    assert (ran.code, ran.json["dry_run"]["outcome"]) == (1, "refused")


def test_who_asked_cannot_approve_and_another_key_can(bench, tmp_path):
    for name in ("asker", "other"):
        assert run("keys", "new", name, "-o", tmp_path).code == 0
        assert run("keys", "trust", tmp_path / f"{name}.pub", data=bench.path).code == 0
    asker, other = (("--key", tmp_path / f"{name}.key") for name in ("asker", "other"))
    bench.rules(approval={"need": 1})
    digest = bench.planned(*asker)
    assert "0 of 1 approvals" in bench.run(digest).problem["got"]
    for mine in (asker, ()):  # without a key it is the same principal
        ran = run("remediate", "approve", digest, *mine, data=bench.path)
        assert (ran.code, "does not count" in ran.err) == (1, True)
    assert "0 of 1 approvals" in bench.run(digest).problem["got"]
    assert run("remediate", "approve", digest[7:19], *other, data=bench.path).code == 0
    assert bench.run(digest).code == 0
    assert bench.done == [f"cart {TWO}"]


def test_only_who_the_rule_names_may_approve(bench, tmp_path):
    for name in ("asker", "other"):
        run("keys", "new", name, "-o", tmp_path)
        run("keys", "trust", tmp_path / f"{name}.pub", data=bench.path)
    keys = {one["names"][0] if one["names"] else one["id"]: one["id"]
            for one in run("keys", "list", "--json", data=bench.path).json["keys"]}  # fmt: skip
    named = {"need": 1, "of": ["k:" + "0" * 32]}
    bench.rules(approval=named)
    digest = bench.planned("--key", tmp_path / "asker.key")
    run("remediate", "approve", digest, "--key", tmp_path / "other.key", data=bench.path)
    assert "0 of 1 approvals" in bench.run(digest).problem["got"], keys


def test_what_somebody_else_wrote_into_a_plan_is_never_run(bench):
    digest = bench.planned()
    plan = run("remediate", "show", digest, "--json", data=bench.path).json["plan"]
    evil = [sys.executable, "-c", WRITES, str(bench.ran), "evil"]
    forged = response.Plan(**{
        **plan, "steps": [response.PlannedStep(argv=evil)],
        "changes": [response.PlannedChange(**one) for one in plan["changes"]],
    })  # fmt: skip
    bench.record(
        response.to_statement(response.asked(forged)),
        response.to_statement(response.of(forged, "dry_run", at=at(0), outcome="done")),
    )
    ran = bench.run(forged.digest)
    assert (ran.code, bench.done) == (1, [])
    assert "the plan is another by now" in ran.problem["title"]


def test_a_plan_is_not_run_once_the_estate_or_the_rule_is_another(bench):
    digest = bench.planned()
    bench.deploy("sha256:" + "f" * 64, -1)
    ran = bench.run(digest)
    assert (ran.code, bench.done) == (1, [])
    assert "is over" in ran.problem["title"] or "is another by now" in ran.problem["title"]
    bench.rules(cool_down_s=1)
    assert "not the one that it was planned under" in bench.run(digest).problem["got"]


def test_what_is_over_is_not_answered_any_more(bench):
    digest = bench.planned()
    bench.verdict("pass", THREE, -1)
    ran = bench.run(digest)
    assert (ran.code, ran.problem["title"]) == (1, "what it was planned for is over")
    ran = bench.plan()
    assert (ran.code, "nothing that this rule is for is wrong" in ran.err) == (1, True)
    assert bench.plan("--by-hand").code == 0


def test_going_back_that_is_not_safe_is_not_planned(bench):
    bench.set("migration", "orders", "8", -20, can_undo="no")
    ran = bench.plan()
    assert (ran.code, ran.problem["title"]) == (1, "going back is not safe")


def test_a_part_without_a_command_leaves_nothing_half_done(bench):
    bench.set("flag", "fast", "off", -25 * HOUR)
    bench.set("flag", "fast", "on", -20)
    ran = bench.plan()
    assert (ran.code, ran.problem["got"]) == (1, "flag fast")


def test_limits_are_kept_by_the_log_and_not_by_memory(bench):
    first, second = (bench.planned("--reason", text) for text in "ab")
    assert bench.run(first).code == 0
    got = bench.run(second).problem["got"]
    assert "1 in an hour is all that may be done for this service" in got
    bench.rules(per_hour=9, cool_down_s=600)
    assert "cooling down" in bench.run(bench.planned()).problem["got"]
    said = json.loads(bench.rules_file.read_text())
    said |= {"per_hour": 1}
    bench.rules_file.write_text(json.dumps(said))
    assert "for all services" in bench.run(bench.planned()).problem["got"]
    assert len(bench.done) == 1


def begin(bench, digest, *, runner):
    plan = run("remediate", "show", digest, "--json", data=bench.path).json["plan"]
    made = response.Plan(**{
        **plan, "steps": [response.PlannedStep(**one) for one in plan["steps"]],
        "changes": [response.PlannedChange(**one) for one in plan["changes"]],
    })  # fmt: skip
    started = response.of(made, "started", at=at(0), runner=runner)
    bench.record(response.to_statement(started))
    return made


def test_what_was_begun_and_never_ended_is_said_and_recorded_at_the_next_start(bench):
    lost, next_ = bench.planned("--reason", "a"), bench.planned("--reason", "b")
    begin(bench, lost, runner=Kept(bench.path / "responses").runner(socket.gethostname()))
    bench.rules(per_hour=9)
    digest = bench.planned()
    ran = bench.run(digest)
    assert "never ended: look how far it came" in words(ran.err)
    assert bench.stages(lost)[-1] == ("ended", "lost")
    assert (ran.code, next_ != lost) == (0, True)


def test_what_another_machine_began_is_waited_for(bench):
    other = bench.planned("--reason", "a")
    begin(bench, other, runner="another-machine")
    bench.rules(per_hour=9)
    ran = bench.run(bench.planned())
    assert (ran.code, bench.done) == (1, [])
    assert "something else is under way" in ran.problem["got"]
    assert bench.stages(other)[-1] == ("started", None)


def test_an_end_that_was_not_recorded_is_recorded_as_it_was(bench):
    digest = bench.planned("--reason", "a")
    made = begin(bench, digest, runner=Kept(bench.path / "responses").runner(socket.gethostname()))
    ended = response.of(made, "ended", at=at(0), outcome="done", exit=0)
    Kept(bench.path / "responses").keep(made.digest, response.to_statement(ended))
    bench.rules(per_hour=9)
    ran = bench.run(bench.planned())
    assert "how it ended was not recorded before, and is now" in words(ran.err)
    assert bench.stages(digest)[-1] == ("ended", "done")
    assert Kept(bench.path / "responses").ends() == []


def test_two_at_once_for_a_service_on_one_machine_cannot_be(bench):
    digest = bench.planned()
    kept = Kept(bench.path / "responses")
    with kept.locked("cart", "prod"):
        ran = bench.run(digest)
    assert (ran.code, bench.done) == (3, [])
    assert bench.run(digest).code == 0  # the lock is the system's, and goes with who held it


def test_a_file_of_rules_that_others_may_write_is_not_believed(bench):
    os.chmod(bench.rules_file, 0o666)
    ran = bench.plan()
    assert (ran.code, "others have access" in ran.err) == (2, True)


def test_a_secret_in_a_command_is_refused_and_not_quoted(bench):
    for argv in (["x", "--token=hunter2x"], ["x", "--password", "hunter2x"],
                 ["x", "https://me:hunter2x@example.com/"]):  # fmt: skip
        bench.rules(commands=[{"argv": argv}])
        ran = run("remediate", "rules", data=bench.path)
        assert (ran.code, "a secret in a command" in ran.err) == (1, True)
        assert "hunter2x" not in ran.err
    bench.rules(commands=[{"argv": ["x", "--token-file", "/run/token"]}])


def test_rules_and_plans_are_listed(bench):
    out = run("remediate", "rules", data=bench.path).out
    assert "remediation is on; 4 in an hour at most" in out
    assert "cart in prod" in out
    digest = bench.planned()
    bench.run(digest)
    out = run("remediate", "list", data=bench.path).out
    assert f"{digest[7:19]}" in out
    assert "ended: done" in out
    assert run("remediate", "list", "--service", "mail", data=bench.path).out.startswith("nothing")
    out = run("remediate", "show", digest[7:20], data=bench.path).out
    assert "because of canary" in out
    assert run("remediate", "show", "0" * 64, data=bench.path).code == 1
    assert run("remediate", "show", "zz", data=bench.path).code == 1


def test_blocking_what_runs_is_a_plan_too(bench):
    bench.rules(action="block")
    ran = bench.plan()
    assert [(one["before"], one["after"]) for one in ran.json["plan"]["changes"]] == [
        (THREE, THREE)
    ]
    assert bench.run(ran.json["digest"]).code == 0
    assert bench.done == [f"cart {THREE}"]


def test_an_incident_is_answered_by_its_name(bench):
    bench.rules(when={"troubles": ["incident"], "names": ["Cart*"]})
    where = {"environment": {"id": "prod"}, "service": {"id": "cart"}}
    bench.event("incident.detected", "MailIsSlow", where, -5)
    assert bench.plan().code == 1
    entry = bench.event("incident.detected", "CartFails", where, -4)
    plan = bench.plan().json["plan"]
    assert (plan["trouble"], plan["because"]) == ("incident", [entry])
    assert PROD.service == plan["service"]
