"""What was judged of what ran stands in its postmortem: canaries, and exceptions from rules."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec
import pytest

from tests.incident_story import Story, image, moment
from tests.watched_world import SBOM, World, key_id, policy
from wherefrom.app import open_desk
from wherefrom.formats import canary, cause, exception, incident, timestamps, vsa
from wherefrom.keys.ed25519 import SigningKey
from wherefrom.query.postmortem import pages

DEV, BOSS, STRANGER = (SigningKey(bytes([number] * 32)) for number in (1, 2, 3))
POLICY = "sha256:" + "e" * 64


@pytest.fixture
def story(tmp_path, monkeypatch):
    """A cart that fails from minute 15 on; its new artifact came at minute 10."""
    made = Story(tmp_path, monkeypatch)
    made.trust(DEV)
    made.trust(BOSS)
    made.deploy("cart", 1)
    return made


def went(said, number=2, *, minute=5, service="cart", environment="prod"):
    measured = canary.Measure(
        measure="failing", verdict=said, canary=0.4, baseline=0.01, effect=0.39,
        tolerance=0.005, canary_samples=100, baseline_samples=900,
    )  # fmt: skip
    return canary.to_statement(canary.CanaryVerdict(
        service=service, environment=environment, since=moment(minute - 3), until=moment(minute),
        verdict=said, alpha=0.05, measures=[measured],
        canary=canary.CanarySide(where="pool=canary", requests=100, artifact=image(number)),
        baseline=canary.CanarySide(where="rest", requests=900),
        log=canary.LogAt(origin="log.example/shop", size=1),
        apart=[canary.CanaryApart(slot="artifact", name="", value=image(number))],
    ))  # fmt: skip


def asked(minute, *, until, stage="requested", number=2, about=None, environment="prod"):
    return exception.to_statement(
        exception.Exceptional(
            stage=stage, at=moment(minute), reason="the scanner is down", rules=("scanned",),
            environment=environment, until=moment(until),
        ),
        {about or image(number): ""},
    )  # fmt: skip


def answered(story, entry, minute, *, stage="approved", number=2):
    with story.desk().reality.snapshots(None) as (_, graph, _):
        document = graph.document(entry)
        request = graph.ids([document])[document]
    said = exception.Exceptional(stage=stage, at=moment(minute), request=request, reason="go on")
    return exception.to_statement(said, {image(number): ""})


def passed(entry, *, number=2, environment="prod", minute=9, rule="scanned"):
    """What the gate says when it let something in by an exception; None: because a rule held."""
    reason = {
        "rule": rule, "needs": "vulnerabilities", "ok": True, "entries": [],
        "says": "exception", "remedy": "wherefrom scan it, and send that",
        "excused": {"entry": entry, "until": moment(60), "reason": "x", "by": [],
                    "break_glass": False},
    }  # fmt: skip
    if entry is None:
        del reason["excused"]
    return vsa.to_statement(vsa.Summary(
        artifact=image(number), resource="cart", verifier="urn:wherefrom:log:log.example/evening",
        program="1", at=moment(minute), until=moment(minute + 600),
        policy="urn:wherefrom:policy:p:1", policy_digest=POLICY, environment=environment,
        allowed=True, levels=(), inputs=[], reasons=[reason], origin="log.example/evening",
        size=9, root=None,
    ))  # fmt: skip


def hurts(story, *, accept=True):
    """It came, hurt, was found and ended."""
    story.at(10)
    story.deploy("cart", 2)
    story.at(15)
    story.say("opened", title="cart fails")
    story.at(20)
    if accept:
        story.accept_artifact(2)
    story.at(40)
    story.say("closed")
    return story.report()


def of(report, what):
    return [(row.at, row.says, row.entry, row.trust) for row in report.timeline if row.what == what]


def lines(report):
    return "\n".join(pages.comes_down_to(report))


def test_a_canary_that_failed_before_stands_in_the_timeline_and_is_said_of_the_cause(story):
    story.at(6)
    entry = story.sign(went("fail"), BOSS)
    report = hurts(story)
    (row,) = of(report, "canary")
    assert row == (
        moment(5), "canary of cart failed: 40 % fail against 1 % (pool=canary)", entry,
        "signed",
    )  # fmt: skip
    assert report.tried is not None
    assert (report.tried.verdict, report.tried.at, report.tried.entry) == ("fail", moment(5), entry)
    assert "Its canary failed at 2026-03-01 13:05:00, before the detection" in lines(report)
    assert entry in report.entries


def test_a_canary_of_another_service_or_environment_is_not_told(story):
    story.at(6)
    story.sign(went("fail", service="mail"), BOSS)
    story.sign(went("fail", environment="test"), BOSS)
    assert of(hurts(story), "canary") == []


def test_the_word_of_a_stranger_does_not_stand_for_the_verdict_of_somebody_known(story):
    story.at(6)
    story.sign(went("fail", minute=5), BOSS)
    story.at(8)
    story.sign(went("pass", minute=8), STRANGER)
    report = hurts(story)
    assert [trust for *_, trust in of(report, "canary")] == ["signed", "channel"]
    assert (report.tried.verdict, report.tried.trust) == ("fail", "signed")


def test_an_undecided_canary_is_a_stretch_of_uncertainty_until_it_is_decided(story):
    story.at(6)
    story.sign(went("undecided", minute=5), BOSS)
    story.at(30)
    story.sign(went("fail", minute=30), BOSS)
    report = hurts(story)
    (found,) = (one for one in report.unsure if one.code == "canary")
    # From the change that did it, for that is where it began to count.
    assert (found.since, found.until) == (moment(10), moment(30))
    assert found.gap == "canary of cart undecided: 20 minutes"


def test_an_exception_is_told_from_its_request_to_its_end_and_that_it_let_the_cause_in(story):
    story.at(-90)
    request = story.sign(asked(-90, until=30), DEV)
    story.at(-60)
    approval = story.sign(answered(story, request, -60), BOSS)
    story.at(9)
    decision = story.vouch(passed(request))
    report = hurts(story)
    assert [(at, says, entry) for at, says, entry, _ in of(report, "exception")] == [
        (moment(-90), f"exception asked for: rule scanned need not hold for {image(2)[:19]} until "
         f"{moment(30)[:19]}Z: the scanner is down", request),
        (moment(-60), f"exception of entry {request} approved: go on", approval),
        (moment(9), f"{image(2)[:19]} was let in by the exception of entry {request}: rule scanned "
         "did not hold", decision),
        (moment(30), f"exception of entry {request} is over", request),
    ]  # fmt: skip
    (one,) = report.let_in
    assert (one.entry, one.verdict, one.rules, one.by) == (
        request, decision, ["scanned"], (key_id(BOSS),)
    )  # fmt: skip
    assert {request, approval, decision} <= set(report.entries)
    assert "came in by an exception from scanned until 2026-03-01 13:30:00" in lines(report)
    assert f"the decision in entry {decision} rests on it" in lines(report)
    (gap,) = (one for one in report.unsure if one.code == "excepted")
    assert gap.gap == f"{image(2)[:19]} ran although scanned did not hold: 30 minutes"
    assert gap.fix == "wherefrom scan it, and send that"
    story.at(50)
    story.sign(answered(story, request, -60, stage="withdrawn"), DEV)
    assert msgspec.json.encode(story.report(as_of=report.as_of)) == msgspec.json.encode(report)


def test_an_exception_that_was_in_force_is_said_though_no_decision_rests_on_it(story):
    story.at(-5)
    request = story.sign(asked(-5, until=400), DEV)
    assert hurts(story).let_in == []  # nobody answered: nothing was excepted
    story.at(1)
    story.sign(answered(story, request, 1), BOSS)
    (one,) = story.report().let_in
    assert (one.entry, one.verdict) == (request, None)
    assert "no decision that rests on it is recorded" in lines(story.report())


@pytest.mark.parametrize("why", ["self", "stranger", "over", "withdrawn", "elsewhere", "refused"])
def test_what_let_nobody_in_is_not_said_to_have(story, why):
    story.at(-90)
    until = 5 if why == "over" else 400
    place = "test" if why == "elsewhere" else "prod"
    request = story.sign(asked(-90, until=until, environment=place), DEV)
    story.at(-60)
    by = {"self": DEV, "stranger": STRANGER}.get(why, BOSS)
    stage = "refused" if why == "refused" else "approved"
    story.sign(answered(story, request, -60, stage=stage), by)
    if why == "withdrawn":
        story.at(-30)
        story.sign(answered(story, request, -30, stage="withdrawn"), DEV)
    if why == "stranger":
        story.at(9)
        story.sign(passed(request), STRANGER)
    report = hurts(story)
    assert report.let_in == []
    assert not [one for one in report.unsure if one.code == "excepted"]
    assert bool(of(report, "exception")) == (why != "elsewhere")


@pytest.mark.parametrize(("held", "by", "expected"), [
    ("scanned", None, 0), ("another", None, 1), ("scanned", STRANGER, 1),
])  # fmt: skip
def test_what_came_in_because_the_rule_held_came_in_by_no_exception(story, held, by, expected):
    story.at(8)
    story.sign(asked(8, until=60, stage="break_glass"), DEV)
    story.at(9)
    decision = passed(None, rule=held)
    story.vouch(decision) if by is None else story.sign(decision, by)
    report = hurts(story)
    assert len(report.let_in) == expected
    assert len(of(report, "exception")) == 1  # what was asked for is told all the same


def test_glass_that_was_broken_is_said_to_be_one_word_alone(story):
    story.at(8)
    request = story.sign(asked(8, until=60, stage="break_glass"), DEV)
    report = hurts(story)
    (one,) = report.let_in
    assert (one.entry, one.break_glass, one.by) == (request, True, ())
    assert "came in on one word alone (glass broken) from scanned" in lines(report)
    assert of(report, "exception")[0][1].startswith("glass broken: rule scanned need not hold")


def test_an_exception_from_all_that_a_policy_judges_is_told(story):
    story.at(-5)
    request = story.sign(asked(-5, until=60, about=POLICY), DEV)
    story.at(9)
    story.vouch(passed(request))
    report = hurts(story)
    assert [one.entry for one in report.let_in] == [request]
    assert "for all that the policy judges" in of(report, "exception")[0][1]


def test_where_nothing_was_accepted_what_is_likely_is_looked_at(story):
    story.at(8)
    story.sign(asked(8, until=60, stage="break_glass"), DEV)
    report = hurts(story, accept=False)
    assert report.explained is None
    (one,) = report.let_in
    assert one.what == image(2)[:19]
    # Likely, and not the first of the ranking: that is said all the same.
    assert image(2)[:19] not in report.rankings[-1].leader


def test_who_asked_in_vain_is_told_with_the_end_of_it(story):
    story.at(-5)
    request = story.sign(asked(-5, until=20), DEV)
    rows = of(hurts(story), "exception")
    assert rows[-1][:2] == (moment(20), f"exception of entry {request} is over, unanswered")


def test_a_decision_for_another_environment_let_nobody_in_here(story):
    story.at(-5)
    request = story.sign(asked(-5, until=60, environment="*"), DEV)
    story.at(9)
    story.vouch(passed(request, environment="test"))
    report = hurts(story)
    assert report.let_in == []
    assert not [says for _, says, _, _ in of(report, "exception") if "was let in" in says]


def test_what_strangers_ask_for_does_not_push_the_incident_out_of_its_timeline(story):
    story.at(-5)
    for number in range(30):
        story.sign(asked(-5, until=100 + number), STRANGER)
    mine = story.sign(asked(-5, until=90), DEV)
    report = hurts(story)
    told = of(report, "exception")
    assert mine in {entry for _, _, entry, _ in told}
    assert [row.what for row in report.timeline if row.what in ("opened", "closed")] == [
        "opened", "closed",
    ]  # fmt: skip


def test_that_more_was_judged_than_is_looked_at_is_said(story, monkeypatch):
    monkeypatch.setattr("wherefrom.query.postmortem.weighed.READ_MAX", 2)
    story.at(-5)
    for number in range(3):
        story.sign(asked(-5, until=100 + number), STRANGER)
    mine = story.sign(asked(-5, until=90), DEV)
    report = hurts(story)
    assert mine in {entry for _, _, entry, _ in of(report, "exception")}
    assert report.truncated
    assert any("an exception may be missing here" in line for line in report.says)


def test_a_gate_of_ours_that_let_it_in_by_broken_glass_is_what_the_report_names(tmp_path):
    """Whole: a policy, broken glass, the gate's own decision, the deployment, the incident."""
    glass = {"by": [{"key": key_id(SigningKey(bytes([7] * 32)))}], "longest": "2h"}
    terms = {"by": glass["by"], "approvals": 1, "longest": "7d", "break_glass": glass}
    with World(tmp_path / "data") as world:
        said = policy(SBOM, exceptions=terms)
        broken = world.break_glass(5, "sbom", hours=1)
        world.ask_the_gate(5, policy=said)
        world.deploy("cart", 5)
        at = timestamps.to_text(datetime.now(UTC))
        told = {"incident": "incident:wherefrom:x@y", "service": "cart", "environment": "prod"}
        opened = incident.IncidentStage(stage="opened", at=at, title="cart fails", **told)
        value = world.running("prod/cart")[0].declared.value
        blamed = cause.Cause(slot="artifact", name="", at=at, value=value, **told)
        world.record(incident.to_statement(opened), cause.to_statement(blamed))
        world.fold()
        report = open_desk(world.folder, world.log).postmortems.report("cart fails")
        (decision,) = (n for n, type in enumerate(world.types()) if "verification_summary" in type)
        (one,) = report.let_in
        assert (one.entry, one.verdict, one.rules) == (broken, decision, ["sbom"])
        assert one.remedy
        assert one.break_glass
