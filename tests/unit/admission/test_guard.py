"""What a cluster is told: what is proven runs, all else does not, and why."""

import asyncio
import json
from datetime import UTC, datetime

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.reviews import (
    GROUPS,
    POLICY,
    SaidLog,
    digest,
    image,
    pod,
    review,
    verdict,
    workload,
)
from wherefrom.admission.asking import Asking
from wherefrom.admission.guard import Guard
from wherefrom.admission.records import Decided
from wherefrom.errors import Unavailable
from wherefrom.formats import admission_review
from wherefrom.formats.admission_settings import parse
from wherefrom.policy.verdict import Excused

GOOD, BAD, NEW = image(1), image(2), image(3)
SETTINGS = {
    "environment": "prod",
    "namespaces": {"open-*": {"mode": "open"}, "kube-system": {"exempt": True}},
}
AWAY = Unavailable("the log does not answer", where="http://log.example")


class Outbox:
    def __init__(self):
        self.put_in = []

    def put(self, record):
        self.put_in.append(json.loads(record))


def log_of():
    return SaidLog(digest(1), digest(4), bad=[digest(2)])


def decide(*documents, log=None, outbox=None, verb="validate", **changes):
    """What each review is answered, in order."""
    read = [admission_review.parse(json.dumps(one).encode()) for one in documents]

    async def run():
        asking = Asking(log or log_of(), POLICY, fresh_s=30)
        guard = Guard(
            asking, parse({**SETTINGS, **changes}, where="s"), wait_s=5,
            decided=Decided(outbox, cluster="c"),
            clock=lambda: datetime(2026, 11, 26, tzinfo=UTC),
        )  # fmt: skip
        try:
            return [await getattr(guard, verb)(one, wait_s=5) for one in read]
        finally:
            guard.close()

    return asyncio.run(run())


def one(document, **more):
    (found,) = decide(document, **more)
    return found


def test_what_is_proven_is_let_in_and_says_by_which_policy_and_log():
    found = one(review(pod(GOOD)))
    assert found.answer.allowed
    assert found.answer.audit["policy"] == f"prod 1 {POLICY.digest}"
    assert found.answer.audit["log"] == "log.example/a 10"


@pytest.mark.parametrize("kind", GROUPS)
@pytest.mark.parametrize("place", ["containers", "init", "ephemeral", "volumes"])
def test_one_bad_image_anywhere_keeps_the_whole_out(kind, place):
    if place == "containers":
        item = workload(kind, GOOD, BAD)
    else:
        item = workload(kind, GOOD, **{place: (BAD,)})
    found = one(review(item))
    assert not found.answer.allowed
    assert BAD in found.answer.message
    assert 'rule "inside": nothing says what is inside it (Record its SBOM)' in found.answer.message


def test_what_nobody_recorded_is_kept_out():
    found = one(review(pod(NEW)))
    assert not found.answer.allowed
    assert "nothing is recorded of it" in found.answer.message


@pytest.mark.parametrize("tagged", ["nginx", "nginx:1.25", "registry.example.com/cart:latest"])
def test_a_tag_is_kept_out_though_all_else_is_proven(tagged):
    log = log_of()
    found = one(review(pod(GOOD, tagged)), log=log)
    assert not found.answer.allowed
    assert f"{tagged} (spec.containers[1].image): it is named by what may move" in (
        found.answer.message
    )


@pytest.mark.parametrize(
    "broken",
    [{"containers": "x"}, {"containers": [{"name": "c"}]}, {"containers": [None]}, None, []],
)
def test_what_cannot_be_read_is_kept_out(broken):
    found = one(review({"kind": "Pod", "spec": broken}))
    assert not found.answer.allowed
    assert found.answer.audit["why"] == "unreadable"


def test_a_review_without_its_object_is_kept_out():
    document = review(pod(GOOD))
    document["request"]["object"] = None
    assert not one(document).answer.allowed


@pytest.mark.parametrize("operation", ["DELETE", "CONNECT"])
def test_what_runs_nothing_new_is_let_in_unasked(operation):
    log = log_of()
    document = review(pod(BAD), operation=operation)
    document["request"]["object"] = None
    assert one(document, log=log).answer.allowed
    assert log.asked == []


def test_equal_digests_are_asked_about_once():
    log = log_of()
    same = [image(1, f"registry.example.com/{name}") for name in "abc"]
    assert one(review(pod(*same, *same)), log=log).answer.allowed
    assert log.asked == [[digest(1)]]


def test_an_update_that_runs_what_ran_is_let_in_and_any_other_is_looked_at():
    log = log_of()
    same = review(pod(BAD), old=pod(BAD), operation="UPDATE")
    fewer = review(pod(BAD), old=pod(BAD, GOOD), operation="UPDATE")
    tagged = review(pod("nginx"), old=pod("nginx"), operation="UPDATE")
    found = decide(same, fewer, tagged, log=log)
    assert [one.how for one in found] == ["unchanged"] * 3
    assert "no digest" in found[2].answer.warnings[0]
    assert log.asked == []
    other = review(pod(BAD, GOOD), old=pod(BAD), operation="UPDATE")
    debug = review(
        pod(GOOD, ephemeral=(BAD,)), old=pod(GOOD), operation="UPDATE",
        subResource="ephemeralcontainers",
    )  # fmt: skip
    claimed = review(pod(BAD), old=pod(BAD))  # a CREATE has nothing old
    assert [one.answer.allowed for one in decide(other, debug, claimed)] == [False] * 3


def test_its_own_namespace_and_those_that_the_settings_name_are_exempt_and_no_other():
    log = log_of()
    for namespace in ("wherefrom", "kube-system"):
        assert one(review(pod(BAD), namespace=namespace), log=log).how == "exempt"
    assert log.asked == []
    assert not one(review(pod(BAD), namespace="default")).answer.allowed
    assert not one(review(pod(BAD), namespace="wherefrom"), own_namespace="guard").answer.allowed


def test_an_object_of_another_kind_than_the_review_says_is_kept_out():
    document = review(workload("Deployment", BAD))
    document["request"]["kind"] = {"group": "", "version": "v1", "kind": "Pod"}
    assert not one(document).answer.allowed
    del document["request"]["object"]["kind"]
    document["request"]["kind"] = {"group": "apps", "version": "v1", "kind": "Deployment"}
    assert "nothing says what is inside it" in one(document).answer.message


def test_what_the_object_says_of_itself_changes_nothing():
    item = pod(BAD)
    item["metadata"] = {
        "name": "cart", "namespace": "kube-system",
        "annotations": {"wherefrom/allowed": "true", "wherefrom.io/digest": digest(1)},
        "labels": {"environment": "dev", "admission.wherefrom/exempt": "true"},
    }  # fmt: skip
    assert not one(review(item)).answer.allowed


def test_a_log_that_is_away_closes_what_is_closed_and_opens_what_is_open():
    log = log_of()
    log.fails = AWAY
    closed = one(review(pod(GOOD)), log=log)
    assert not closed.answer.allowed
    assert "the log does not answer" in closed.answer.message
    opened = one(review(pod(GOOD), namespace="open-a"), log=log)
    assert opened.answer.allowed
    assert opened.how == "open"
    assert opened.answer.warnings[0].startswith("wherefrom: let in without a verdict")
    assert opened.answer.audit["decision"] == "open"
    assert "the log does not answer" in opened.answer.audit["why"]


@pytest.mark.parametrize("bad", [BAD, NEW, "nginx", "Not An Image"])
def test_in_an_open_namespace_a_no_is_a_no(bad):
    assert not one(review(pod(bad), namespace="open-a")).answer.allowed


def test_a_log_that_is_away_does_not_open_a_tag():
    log = log_of()
    log.fails = AWAY
    assert not one(review(pod(GOOD, "nginx"), namespace="open-a"), log=log).answer.allowed


class _Excusing(SaidLog):
    """Lets all in, by an exception."""

    def _one(self, policy, artifact, environment):
        found = verdict(artifact, environment=environment, policy=policy)
        excused = Excused(
            entry=7, until="2026-12-01T00:00:00.000000Z", reason="the scanner is down",
            by=("k:1",), break_glass=True,
        )  # fmt: skip
        reasons = [msgspec.structs.replace(found.reasons[0], ok=False, excused=excused)]
        return msgspec.structs.replace(found, reasons=reasons)


def test_what_is_let_in_by_an_exception_says_so():
    found = one(review(pod(GOOD)), log=_Excusing(digest(1)))
    assert found.answer.allowed
    (warning,) = found.answer.warnings
    assert 'rule "inside" is excused until 2026-12-01' in warning
    assert "the scanner is down" in found.answer.audit["excused"]


def test_decisions_are_recorded_once_each_and_again_when_they_turn():
    outbox, log = Outbox(), log_of()
    decide(review(pod(GOOD, BAD)), review(pod(GOOD)), review(pod(BAD)), log=log, outbox=outbox)
    said = [
        (r["subject"][0]["digest"]["sha256"], r["predicate"]["verificationResult"])
        for r in outbox.put_in
    ]
    assert sorted(said) == [(digest(1)[7:], "PASSED"), (digest(2)[7:], "FAILED")]
    predicate = outbox.put_in[0]["predicate"]
    assert predicate["verifier"]["id"] == "urn:wherefrom:admission:kubernetes"
    assert predicate["policy"]["digest"] == {"sha256": POLICY.digest[7:]}
    assert predicate["wherefrom"]["environment"] == "prod"
    assert predicate["wherefrom"]["day"] == "2026-11-26"
    (failed,) = [r["predicate"] for r in outbox.put_in if r is not outbox.put_in[0]]
    assert failed["wherefrom"]["reasons"] == [
        {"rule": "inside", "says": "nothing says what is inside it"}
    ]
    again = Outbox()
    decide(review(pod(GOOD)), log=log_of(), outbox=again)
    assert again.put_in == outbox.put_in[:1], "another replica says it in other words"


def test_a_decision_that_turns_and_turns_back_is_news_each_time():
    outbox = Outbox()
    decided = Decided(outbox, cluster="c")

    def tell(answer):
        return decided.tell(
            answer, artifact=digest(1), image=GOOD, environment="prod", policy=POLICY,
            digest=POLICY.digest, day="2026-11-26",
        )  # fmt: skip

    from wherefrom.admission.deciding import CannotTell, No, Yes

    yes, no = Yes("log", 1, 0.0), No("log", 2, ())
    assert [tell(one) for one in (yes, yes, no, no, yes, CannotTell("x"))] == [
        True, False, True, False, True, False,
    ]  # fmt: skip
    assert len(outbox.put_in) == 3


def test_a_dry_run_is_answered_alike_and_leaves_nothing():
    outbox = Outbox()
    found = decide(review(pod(GOOD), dryRun=True), review(pod(BAD), dryRun=True), outbox=outbox)
    assert [one.answer.allowed for one in found] == [True, False]
    assert outbox.put_in == []


def test_gatekeeper_is_given_a_value_for_what_may_run_and_an_error_for_all_else():
    async def run():
        guard = Guard(
            Asking(log_of(), POLICY, fresh_s=30), parse(SETTINGS, where="s"), wait_s=5,
            decided=Decided(None, cluster="c"),
        )  # fmt: skip
        try:
            return await guard.external([GOOD, BAD, NEW, "nginx", GOOD, "?"], None, wait_s=5)
        finally:
            guard.close()

    items = asyncio.run(run())
    assert [bool(item.error) for item in items] == [False, True, True, True, False, True]
    assert [item.key for item in items] == [GOOD, BAD, NEW, "nginx", GOOD, "?"]
    assert items[0].value["allowed"] is True
    assert items[0].value["digest"] == digest(1)
    assert all(item.value is None for item in items if item.error)


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.sampled_from(["", "nginx", GOOD, BAD]),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(
        st.sampled_from(
            ["spec", "containers", "initContainers", "template", "image", "name", "volumes",
             "reference", "metadata", "jobTemplate"]
        ),
        inner, max_size=4,
    ),
    max_leaves=20,
)  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(
    item=st.dictionaries(st.sampled_from(["spec", "template", "metadata"]), _json, max_size=3),
    kind=st.sampled_from([*GROUPS, "Rollout"]),
    old=_json,
)
def test_no_object_is_let_in_with_an_image_that_may_not_run(item, kind, old):
    document = review(
        {"kind": kind, **item}, operation="CREATE", old=old if isinstance(old, dict) else None
    )
    found = one(document)
    written = json.dumps(item)
    if found.answer.allowed and kind != "Rollout":
        parsed = admission_review.parse(json.dumps(document).encode())
        assert {use.image for use in parsed.images()} <= {GOOD}
    if not found.answer.allowed:
        assert found.answer.message
    assert written  # the example, for whoever reads a failure
