"""The last word counts: not one sent again, nor one taken back, nor one for another place."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from tests.unit.policy.made import (
    APPROVAL,
    APPROVED,
    SBOM,
    SCAN,
    TEST,
    VEX,
    VSA,
    Made,
    bom,
    digest,
    result_of,
    signed,
    statement,
)
from tests.unit.policy.test_papers_of_another import scan, vex
from wherefrom.errors import Malformed
from wherefrom.formats import digests
from wherefrom.formats import policy as policies
from wherefrom.formats.timestamps import to_text
from wherefrom.policy import conditions
from wherefrom.policy.gate import Question
from wherefrom.query import dossier

A = digest("a")
TESTS = {"needs": "tests"}
VERIFIER = "https://verifier.example"
VERIFIED = {"needs": "vsa", "verifiers": [{"id": VERIFIER}]}


@pytest.fixture
def made(tmp_path):
    return Made(tmp_path)


def written_otherwise(envelope, **more):
    """The same signed text in other bytes: as anybody can send it."""
    return json.dumps({**json.loads(envelope), **more}, indent=1).encode()


def test_a_report_that_is_sent_again_is_no_newer_than_the_one_that_failed(made):
    key = made.key()
    passed = signed(key, A, TEST, result_of("PASSED"))
    made.record(passed, signed(key, A, TEST, result_of("FAILED")))
    made.record(written_otherwise(passed))
    assert not made.judged(A, TESTS).allowed
    made.record(signed(key, A, TEST, {**result_of("PASSED"), "url": "https://ci.example/2"}))
    assert made.judged(A, TESTS).allowed


def test_who_is_signed_beside_does_not_make_an_old_word_new(made):
    key, other = made.key(), made.key()
    passed = signed(key, A, TEST, result_of("PASSED"))
    made.record(passed, signed(key, A, TEST, result_of("FAILED")))
    both = (
        json.loads(passed)["signatures"]
        + json.loads(signed(other, A, TEST, result_of("PASSED")))["signatures"]
    )
    made.record(written_otherwise(passed, signatures=both))
    assert not made.judged(A, TESTS).allowed


def test_an_old_record_that_is_sent_again_gets_no_younger(made):
    key = made.key()
    report = signed(key, A, TEST, result_of("PASSED"))
    made.record(report)
    first = made.judged(A, {**TESTS, "within": "1d"}).reasons[0].until
    made.record(written_otherwise(report))
    assert made.judged(A, {**TESTS, "within": "1d"}).reasons[0].until == first


def test_a_yes_counts_until_what_the_rule_asks_the_age_of_is_too_old(made):
    key = made.key()
    old = vex(A, "CVE-2021-44228", "not_affected", at="2026-01-01T00:00:00Z")
    at = "2026-11-26T10:00:00.000000Z"
    made.record(signed(key, A, SCAN, scan("CVE-2021-44228")), signed(key, A, VEX, old))
    verdict = made.judged(A, {"needs": "vulnerabilities", "within": "7d"}, at=at, valid="30d")
    assert verdict.allowed
    assert verdict.until == "2026-12-02T10:00:00.000000Z"  # the scan's; the VEX does not age
    assert len(verdict.inputs) == 2


@pytest.mark.parametrize(
    ("at", "within", "valid"),
    [("9999-12-31T23:59:59Z", "1d", "1d"), (None, "999999w", "999999w")],
)
def test_no_time_is_too_late_to_be_told(made, at, within, valid):
    made.record(signed(made.key(), A, SBOM, bom("x", A)))
    rule = {"needs": "sbom", "within": within}
    verdict = made.judged(A, rule, at=at, valid=valid)
    assert verdict.until <= "9999-12-31T23:59:59.999999Z"
    assert not at or not verdict.allowed


def summary(result, at, **more):
    levels = ["SLSA_BUILD_LEVEL_3"] if result == "PASSED" else ["FAILED"]
    return {
        "verifier": {"id": VERIFIER}, "timeVerified": at, "resourceUri": "x",
        "policy": {"uri": "p"}, "verificationResult": result, "verifiedLevels": levels, **more,
    }  # fmt: skip


PASSED, FAILED = ("PASSED", "2026-11-01T00:00:00Z"), ("FAILED", "2026-11-20T00:00:00Z")


def test_a_verifier_that_says_no_since_is_believed(made):
    key, other = made.key(), made.key()
    made.record(signed(key, A, VSA, summary(*PASSED)))
    assert made.judged(A, VERIFIED).allowed
    made.record(signed(other, A, VSA, {**summary(*FAILED), "verifier": {"id": "https://else"}}))
    made.record(signed(other, A, VSA, {**summary(*FAILED), "policy": {"uri": "another"}}))
    assert made.judged(A, VERIFIED).allowed
    mine = {**VERIFIED, "verifiers": [{"id": VERIFIER, "by": [{"key": key.id}]}]}
    made.record(signed(other, A, VSA, summary(*FAILED)))
    assert made.judged(A, mine).allowed  # nobody that signs for it said so
    verdict = made.judged(A, VERIFIED)
    assert not verdict.allowed
    assert "#6: it says FAILED" in verdict.reasons[0].says
    made.record(signed(key, A, VSA, summary(*FAILED)))
    assert not made.judged(A, mine).allowed


def test_a_summary_for_no_environment_says_nothing_of_one(made):
    made.record(signed(made.key(), A, SBOM, bom("x", A)))
    asked = ({"needs": "sbom"}, {"needs": "tests", "environments": ["prod"]})
    assert made.asked(A, *asked, environment="").allowed
    own = {"needs": "vsa", "verifiers": [{"id": "urn:wherefrom:log:*"}]}
    assert not made.judged(A, own).allowed
    assert made.asked(A, own, environment="").allowed


def test_a_policy_of_the_same_name_is_not_the_policy_that_is_asked_for(made):
    """Whoever may ask the gate brings a policy, and calls it what they like."""
    made.record(signed(made.key(), A, SBOM, bom("x", A)))
    mine = made.asked(A, {"needs": "sbom"})
    assert mine.allowed
    own = {
        "needs": "vsa", "verifiers": [{"id": "urn:wherefrom:log:*"}], "levels": ["WHEREFROM_p"],
    }  # fmt: skip
    assert made.judged(A, {**own, "policies": [mine.digest]}).allowed
    verdict = made.judged(A, {**own, "policies": ["sha256:" + "0" * 64]})
    assert not verdict.allowed
    assert "by another policy" in verdict.reasons[0].says


@pytest.mark.parametrize(
    "wrong",
    [
        {"needs": "cel", "expression": "true", "by": [{"key": "k:" + "0" * 32}]},
        {"needs": "cel", "expression": "true", "within": "1d"},
        {"needs": "cel", "expression": "true", "trust": "channel"},
        {"needs": "lineage", "forbid": [{"property": "x", "equals": "y"}], "within": "1d"},
        {**VERIFIED, "policies": ["prod"]},
    ],
)
def test_a_rule_does_not_take_what_it_would_not_ask_for(wrong):
    with pytest.raises(Malformed):
        policies.parse({"name": "p", "version": "1", "rules": [{"name": "r", **wrong}]}, where="p")


def test_an_approval_dated_in_the_future_cannot_be_renewed_by_sending_it_again(made):
    key = made.key()
    later = signed(key, A, APPROVAL, {**APPROVED, "at": "2030-01-01T00:00:00Z"})
    made.record(later)
    assert made.judged(A, {"needs": "approvals"}).allowed
    rejected = {**APPROVED, "decision": "rejected", "at": "2030-01-01T00:00:00Z"}
    made.record(signed(key, A, APPROVAL, rejected), written_otherwise(later))
    assert not made.judged(A, {"needs": "approvals"}).allowed


def at(**ago):
    return to_text(datetime.now(UTC) - timedelta(**ago))


def test_a_clock_that_is_behind_does_not_make_a_no_older_than_the_yes_it_takes_back(made):
    key = made.key()
    no = signed(key, A, APPROVAL, {**APPROVED, "decision": "rejected", "at": at(hours=2)})
    made.record(signed(key, A, APPROVAL, {**APPROVED, "at": at(hours=1)}), no)
    assert not made.judged(A, {"needs": "approvals"}).allowed
    yes = signed(key, A, APPROVAL, {**APPROVED, "at": at(minutes=1)})
    made.record(yes)
    assert made.judged(A, {"needs": "approvals"}).allowed
    made.record(written_otherwise(no))  # who sends it again takes nothing back
    assert made.judged(A, {"needs": "approvals"}).allowed


SBOMS = {"needs": "sbom"}
EXCEPTION = "urn:wherefrom:exception:v1"


def requested(of, key, **more):
    said = {"stage": "requested", "at": at(hours=3), "reason": "r", "rules": ["r0"],
            "environment": "prod", "until": at(days=-1), **more}  # fmt: skip
    return signed(key, of, EXCEPTION, said)


def answered(of, key, request, stage, **ago):
    said = {"stage": stage, "at": at(**ago), "request": digests.sha256_id(request)}
    return signed(key, of, EXCEPTION, said)


def test_an_exception_is_refused_also_by_a_clock_that_is_behind(made):
    key, boss = made.key(), made.key()
    terms = {"by": [{"key": boss.id}]}
    asked = requested(A, key)
    made.record(asked, answered(A, boss, asked, "approved", hours=1))
    assert made.judged(A, SBOMS, exceptions=terms).allowed
    made.record(answered(A, boss, asked, "refused", hours=2))
    assert not made.judged(A, SBOMS, exceptions=terms).allowed


def test_an_exception_for_a_policy_counts_for_what_the_log_has_not_heard_of_too(made):
    key, boss = made.key(), made.key()
    terms = {"by": [{"key": boss.id}]}
    said = {"name": "p", "version": "1", "rules": [{"name": "r0", **SBOMS}], "exceptions": terms}
    policy = policies.parse(said, where="p").digest
    asked = requested(policy, key)
    made.record(asked, answered(policy, boss, asked, "approved", hours=1))
    verdict = made.judged(A, SBOMS, exceptions=terms)
    assert verdict.allowed
    assert verdict.names == (A,)
    made.record(answered(policy, key, asked, "withdrawn", minutes=1))
    assert not made.judged(A, SBOMS, exceptions=terms).allowed


def test_strangers_who_say_much_neither_let_in_nor_keep_out(made, monkeypatch):
    monkeypatch.setattr(dossier, "EVIDENCE_MAX", 3)
    made.record(signed(made.key(), A, SBOM, bom("x", A)))
    made.record(*(statement(A, "https://x.example/x", {"n": n}) for n in range(5)))
    assert made.judged(A, SBOMS).allowed
    for rule in ({**SBOMS, "trust": "channel"}, {"needs": "cel", "expression": "true"}):
        verdict = made.judged(A, rule)
        assert not verdict.allowed  # it hears strangers, and not all of them were heard
        assert "more recorded of it" in verdict.reasons[-1].says
    key = made.key()
    made.record(*(signed(key, A, "https://x.example/x", {"n": n}) for n in range(3)))
    assert not made.judged(A, SBOMS).allowed


def test_a_policy_is_found_under_whatever_strangers_say_of_it(made):
    said = {"name": "p", "version": "1", "rules": [{"name": "r0", **SBOMS}]}
    policy = policies.parse(said, where="p")
    made.record(signed(made.key(), A, SBOM, bom("x", A)))
    noise = [statement(policy.digest, "https://x.example/x", {"n": n}) for n in range(220)]
    made.record(*noise[:110], policies.to_statement(policy), *noise[110:])
    asked = Question(artifacts=(A,), policy=policy.digest, environment="prod")
    assert made.gate().decide(asked).verdicts[0].allowed


def test_what_takes_too_long_now_is_asked_again_soon(made, monkeypatch):
    made.record(signed(made.key(), A, SBOM, bom("x", A)))
    monkeypatch.setattr(conditions, "SECONDS_MAX", 0.0)
    at = "2026-11-26T10:00:00Z"
    verdict = made.judged(A, {"needs": "cel", "expression": "true"}, at=at)
    assert not verdict.allowed
    assert verdict.until == "2026-11-26T10:01:00.000000Z"
    monkeypatch.undo()
    assert made.judged(A, {"needs": "cel", "expression": "true"}, at=at).allowed
