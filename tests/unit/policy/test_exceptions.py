"""Exceptions: asked for, answered by others, bounded by the policy, and told with the answer."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wherefrom.errors import Malformed
from wherefrom.formats import exception
from wherefrom.formats import policy as policies
from wherefrom.policy.cases import Case, dossier_of
from wherefrom.policy.decide import decide

DEV, BOSS, CHIEF = ("k:" + c * 32 for c in "abc")
ARTIFACT = "sha256:" + "1" * 64
ASKED = "sha256:" + "2" * 64
AT = "2026-11-26T12:00:00.000000Z"
TERMS = {
    "by": [{"key": BOSS}, {"key": CHIEF}], "approvals": 1, "longest": "7d",
    "break_glass": {"by": [{"key": CHIEF}], "longest": "2h"},
}  # fmt: skip


def word(stage, by, said="2026-11-26T10:00:00Z", *, document="", trust="signed", **more):
    predicate = {"stage": stage, "at": said, **more}
    if stage in exception.ASKS:
        predicate = {
            "rules": ["tested"], "environment": "prod", "until": "2026-11-28T10:00:00Z",
            "reason": "because", **predicate,
        }  # fmt: skip
    else:
        predicate = {"request": ASKED, **predicate}
    return {
        "kind": "exception", "type": exception.PREDICATE_TYPE, "signers": [by], "trust": trust,
        "said": said, "document": document or (ASKED if stage in exception.ASKS else ""),
        "predicate": predicate,
    }  # fmt: skip


def judged(*words, terms=TERMS, environment="prod", at=AT, name="p"):
    document = {"name": name, "version": "1", "rules": [{"name": "tested", "needs": "tests"}]}
    policy = policies.parse({**document, "exceptions": terms} if terms else document, where="p")
    case = Case(name="c", allowed=False, input={"artifact": ARTIFACT, "evidence": list(words)})
    return decide(policy, dossier_of(case, where="c"), environment=environment, at=at)


ASK = word("requested", DEV)
YES = word("approved", BOSS)


def test_an_exception_that_another_approved_lets_it_in_and_is_told():
    verdict = judged(ASK, YES)
    assert verdict.allowed
    (found,) = verdict.exceptions
    assert (found.entry, found.by, found.break_glass) == (0, (BOSS,), False)
    assert "exception until 2026-11-28T10:00:00Z (because), though not tested" in (
        verdict.reasons[0].says
    )
    assert verdict.reasons[0].entries == [0, 1]
    assert verdict.until == "2026-11-27T12:00:00.000000Z"  # a day: the policy's own
    assert judged(ASK, YES, at="2026-11-28T09:00:00.000000Z").until == "2026-11-28T10:00:00.000000Z"


@pytest.mark.parametrize(
    "words",
    [
        [ASK],
        [YES],
        [ASK, word("approved", DEV)],  # who asked does not answer
        [ASK, word("approved", "k:" + "d" * 32)],  # nobody that the policy names
        [ASK, {**YES, "trust": "channel"}],
        [{**ASK, "trust": "channel"}, YES],
        [ASK, word("approved", BOSS, request="sha256:" + "3" * 64)],  # of another request
        [ASK, YES, word("refused", BOSS, "2026-11-26T11:00:00Z")],  # the last word counts
        [ASK, YES, word("withdrawn", DEV, "2026-11-26T11:00:00Z")],
        [ASK, YES, word("withdrawn", CHIEF, "2026-11-26T11:00:00Z")],
        [word("requested", DEV, rules=["other"]), YES],
        [word("requested", DEV, environment="test"), YES],
        [word("requested", DEV, policy="another"), YES],
        [word("requested", DEV, until="2026-11-26T11:59:00Z"), YES],  # over
        [word("requested", DEV, until="2026-12-26T10:00:00Z"), YES],  # longer than 7d
        [word("requested", DEV, said="2026-11-26T13:00:00Z"), YES],  # to come
        [word("requested", BOSS), YES],  # one person, twice
        [word("break_glass", BOSS, until="2026-11-26T12:00:01Z")],  # may approve, not break glass
        [word("break_glass", CHIEF, until="2026-11-26T12:00:01Z", said="2026-11-26T09:59:00Z")],
        [{**ASK, "predicate": {"stage": "a newer one"}}, YES],
    ],
)
def test_one_that_does_not_count_lets_nothing_in(words):
    verdict = judged(*words)
    assert not verdict.allowed
    assert verdict.exceptions == []


def test_a_policy_that_knows_no_exceptions_has_none():
    assert not judged(ASK, YES, terms=None).allowed
    assert not judged(ASK, YES, terms={**TERMS, "never": ["tested"]}).allowed


def test_several_must_approve_where_the_policy_says_so():
    terms = {**TERMS, "approvals": 2}
    assert not judged(ASK, YES, terms=terms).allowed
    assert not judged(ASK, YES, YES, terms=terms).allowed
    assert judged(ASK, YES, word("approved", CHIEF), terms=terms).allowed


def test_an_exception_for_everywhere_counts_everywhere():
    everywhere = word("requested", DEV, environment="*")
    assert all(judged(everywhere, YES, environment=e).allowed for e in ("prod", "test", ""))
    assert not judged(ASK, YES, environment="").allowed


def test_broken_glass_lets_it_in_alone_and_shouts():
    glass = word("break_glass", CHIEF, "2026-11-26T10:30:00Z", until="2026-11-26T12:00:01Z")
    verdict = judged(glass)
    assert verdict.allowed
    assert verdict.reasons[0].says.startswith("BREAK GLASS until")
    assert verdict.exceptions[0].break_glass
    assert verdict.until == "2026-11-26T12:00:01.000000Z"
    assert not judged(glass, word("withdrawn", BOSS, "2026-11-26T11:00:00Z")).allowed


@given(st.lists(st.sampled_from([ASK, YES, word("refused", BOSS, "2026-11-26T11:00:00Z")])))
def test_without_a_request_and_a_last_yes_there_is_none(words):
    answers = [one for one in words if one["predicate"]["stage"] in ("approved", "refused")]
    is_refused = any(one["predicate"]["stage"] == "refused" for one in answers)
    expected = ASK in words and bool(answers) and not is_refused
    assert judged(*words).allowed is expected


@pytest.mark.parametrize(
    "wrong",
    [
        {"stage": "requested"}, {"stage": "requested", "reason": ""}, {"stage": "approved"},
        {"stage": "approved", "request": "sha256:12"}, {"stage": "thought about"},
        {"stage": "withdrawn", "request": ASKED, "rules": ["x"]}, {"stage": "requested", "x": 1},
        {"stage": "requested", "until": "2026-11-26T09:00:00Z"},
        {"stage": "requested", "until": "tomorrow"},
    ],
)  # fmt: skip
def test_an_exception_that_is_not_whole_is_refused(wrong):
    asks = {"rules": ["r"], "environment": "prod", "until": "2026-11-28T10:00:00Z", "reason": "b"}
    given_ = {"at": "2026-11-26T10:00:00Z", **wrong}
    if wrong.get("stage") == "requested" and set(wrong) & {"reason", "until", "x"}:
        given_ = {**asks, **given_}
    with pytest.raises(Malformed):
        exception.parse(given_)
