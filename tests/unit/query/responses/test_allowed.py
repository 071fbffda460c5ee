"""Whether a plan may be carried out: who is another, what is too often, one no is enough."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wherefrom.formats.remedy_rules import Approval, RemedyRules, Rule, Step, When
from wherefrom.formats.response import Plan, PlannedStep
from wherefrom.query.answers import LogPosition
from wherefrom.query.reality_answers import Change
from wherefrom.query.response_answers import ResponseShown, ResponseStage
from wherefrom.query.responses.allowed import Begun, Who, approvers, begun, refusals

A, B, C = (f"k:{letter * 32}" for letter in "abc")
MADE, NOW = "2026-03-01T12:00:00.000000Z", "2026-03-01T12:30:00.000000Z"
OTHER = "sha256:" + "f" * 64


def rule(**changes: Any) -> Rule:
    return Rule(**{
        "name": "back", "action": "rollback", "when": When(troubles=("canary",)),
        "services": ("*",), "environments": ("*",), "commands": (Step(argv=("x",)),),
        "approval": Approval(need=1), **changes,
    })  # fmt: skip


def planned(by: Rule) -> Plan:
    return Plan(
        rule="back", rule_digest=by.digest, action="rollback", service="cart", environment="prod",
        made=MADE, until="2026-03-01T13:00:00.000000Z", trouble="canary",
        steps=[PlannedStep(argv=["x"])],
    )  # fmt: skip


def stage(name: str, entry: int, *, keys: tuple[str, ...] = (), producer: str = "p:1",
          trust: str = "signed", outcome: str | None = None) -> ResponseStage:  # fmt: skip
    return ResponseStage(
        stage=name, entry=entry, at=MADE, received=MADE, trust=trust if keys else "channel",
        signers=keys, producer=producer, outcome=outcome, exit=None, status=None, steps=None,
        output=None, runner=None, reason="",
    )  # fmt: skip


TRIED = stage("dry_run", 2, outcome="done")
ASKED = stage("asked", 1, keys=(A,))
AGREED = stage("approved", 3, keys=(B,))


def shown(*stages: ResponseStage) -> ResponseShown:
    return ResponseShown(
        digest="sha256:0", service="cart", environment="prod", action="rollback",
        stage=stages[-1].stage, plan=None, stages=list(stages),
        log=LogPosition(origin="x", size=9, root=None), as_of=9,
    )  # fmt: skip


def asked(*stages: ResponseStage, by: Rule | None = None, done: tuple[Begun, ...] = (),
          now: str = NOW, **file: Any) -> list[str]:  # fmt: skip
    by = by or rule()
    rules = RemedyRules(**{"version": 1, "enabled": True, "rules": (by,), **file})
    return refusals(planned(by), shown(*stages), rules, done, now=now)


def test_what_was_tried_and_approved_by_another_may_be_done() -> None:
    assert asked(ASKED, TRIED, AGREED) == []


@pytest.mark.parametrize(
    ("stages", "says"),
    [
        ([ASKED, AGREED], "dry run"),
        ([ASKED, stage("dry_run", 2, outcome="failed"), AGREED], "dry run"),
        ([ASKED, TRIED, stage("dry_run", 3, outcome="failed"), AGREED], "dry run"),
        ([ASKED, stage("dry_run", 2, outcome="done", producer="p:2"), AGREED], "dry run"),
        ([ASKED, TRIED], "0 of 1 approvals"),
        ([ASKED, TRIED, AGREED, stage("started", 4)], "carried out before"),
        ([ASKED, TRIED, AGREED, stage("ended", 4, outcome="lost")], "carried out before"),
        ([ASKED, TRIED, stage("approved", 3, keys=(A,), producer="p:2")], "0 of 1 approvals"),
        ([ASKED, TRIED, stage("approved", 3)], "0 of 1 approvals"),
    ],
)  # fmt: skip
def test_one_thing_that_is_missing_is_enough(stages: list[ResponseStage], says: str) -> None:
    (why,) = asked(*stages)
    assert says in why


def test_a_file_that_is_off_another_rule_and_a_late_hour_are_reasons() -> None:
    good = (ASKED, TRIED, AGREED)
    assert "off" in asked(*good, enabled=False)[0]
    assert "not the one" in asked(*good, rules=(rule(per_hour=2),))[0]
    assert "not the one" in asked(*good, rules=())[0]
    assert "too old" in asked(*good, now="2026-03-01T13:00:01.000000Z")[0]


who = st.builds(Who, st.sets(st.sampled_from([A, B, C])).map(frozenset), st.sampled_from("pq"))


@given(who, who)
def test_being_another_is_mutual_and_nobody_is_another_than_themselves(a: Who, b: Who) -> None:
    assert a.is_other(b) == b.is_other(a)
    assert not a.is_other(a)
    if a.is_other(b):
        assert not a.keys & b.keys


stages = st.lists(
    st.builds(
        lambda keys, producer, trust: (tuple(keys), producer, trust),
        st.lists(st.sampled_from([A, B, C]), max_size=2, unique=True), st.sampled_from("pq"),
        st.sampled_from(["signed", "channel"]),
    ), max_size=6,
)  # fmt: skip


@given(stages)
def test_of_those_who_count_no_two_are_one_and_none_asked(found: list[Any]) -> None:
    made = [
        stage("asked" if n == 0 else "approved", n, keys=keys, producer=producer, trust=trust)
        for n, (keys, producer, trust) in enumerate(found)
    ]
    if not made:
        return
    counted = list(approvers(shown(*made)).values())
    for number, one in enumerate(counted):
        assert all(one.is_other(other) for other in counted[number + 1 :])


def test_a_signature_that_is_not_believed_is_none() -> None:
    unknown = stage("approved", 3, keys=(B,), trust="channel")
    assert approvers(shown(ASKED, unknown)) == {}
    assert list(approvers(shown(ASKED, AGREED), of=(C,))) == []
    assert list(approvers(shown(ASKED, AGREED), of=(C, B))) == [3]


def did(minute: int, *, service: str = "cart", ended: bool = True, digest: str = OTHER) -> Begun:
    at = f"2026-03-01T12:{minute:02}:00.000000Z"
    return Begun(digest, service, "prod", at, minute, at if ended else None)


def test_limits_count_what_was_done_for_the_service_and_for_all() -> None:
    good = (ASKED, TRIED, AGREED)
    free = rule(cool_down_s=0, per_hour=2)
    assert asked(*good, by=free, done=(did(1),)) == []
    assert "2 in an hour" in asked(*good, by=free, done=(did(1), did(2)))[0]
    assert asked(*good, by=free, done=(did(1, service="mail"), did(2, service="mail"))) == []
    many = tuple(did(n, service="mail") for n in range(4))
    assert "for all services" in asked(*good, by=free, done=many)[0]
    assert "cooling down" in asked(*good, by=rule(per_hour=9), done=(did(25),))[0]
    assert asked(*good, by=rule(per_hour=9), done=(did(15),)) == []
    assert "under way" in asked(*good, by=free, done=(did(1, ended=False),))[0]
    assert asked(*good, by=free, done=(did(1, service="mail", ended=False),)) == []


def test_what_was_done_follows_from_what_began_and_ended() -> None:
    one = Change(
        at=MADE, environment="prod", service="cart", region="", pool="", instance="",
        mode="declared", slot="response", name=OTHER, before=None, after="started",
        before_says=None, after_says=None, by="", entry=4, type="", trust="channel", signers=(),
    )  # fmt: skip
    end = msgspec.structs.replace(one, at=NOW, before="started", after=None, entry=6)
    assert begun([one]) == [Begun(OTHER, "cart", "prod", MADE, 4, None)]
    assert begun([end, one]) == [Begun(OTHER, "cart", "prod", MADE, 4, NOW)]
    assert begun([end]) == [Begun(OTHER, "cart", "prod", NOW, 6, NOW)]
