"""Responses: what is written comes back, a plan is its digest, what contradicts is refused."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.paths import REPOSITORY
from wherefrom.errors import LimitPassed, Malformed
from wherefrom.formats import response
from wherefrom.formats.facts import environments
from wherefrom.formats.recognise import facts_of
from wherefrom.formats.remedy_rules import ACTIONS
from wherefrom.formats.response import (
    OUTCOMES,
    STAGES,
    WITH_OUTCOME,
    Output,
    Plan,
    PlannedChange,
    PlannedStep,
    Response,
    parse,
    to_statement,
)
from wherefrom.formats.states import Scope

AT, LATER = "2026-03-01T12:00:00.000000Z", "2026-03-01T13:00:00.000000Z"
DIGEST = "sha256:" + "b" * 64
text = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=20)


def plan(**changes: Any) -> Plan:
    return Plan(**{
        "rule": "back", "rule_digest": DIGEST, "action": "rollback", "service": "cart",
        "environment": "prod", "made": AT, "until": LATER, "trouble": "canary", "because": [7],
        "changes": [PlannedChange(slot="artifact", before="a", after="b")],
        "steps": [PlannedStep(argv=["deploy", "b"], slot="artifact")], **changes,
    })  # fmt: skip


plans = st.builds(
    plan, service=text.filter(bool), action=st.sampled_from(ACTIONS),
    because=st.lists(st.integers(0, 2**53 - 1), max_size=3),
    steps=st.lists(st.builds(PlannedStep, argv=st.lists(text, max_size=3)), min_size=1, max_size=3),
)  # fmt: skip
stages = st.builds(
    lambda planned, stage, outcome, number, reason: response.asked(planned) if stage == "asked"
    else response.of(planned, stage, at=LATER, reason=reason, exit=number,
                     outcome=outcome if stage in WITH_OUTCOME else None,
                     output=Output(digest=DIGEST, size=number)),
    plans, st.sampled_from(STAGES), st.sampled_from(OUTCOMES), st.integers(0, 255), text,
)  # fmt: skip


@given(stages)
def test_what_is_written_comes_back(said: Response) -> None:
    document = json.loads(to_statement(said))
    assert parse(document["predicate"]) == said
    assert document["subject"][0]["digest"] == {"sha256": said.digest.removeprefix("sha256:")}
    facts = facts_of(to_statement(said))
    assert (facts.kind, facts.type) == ("change", response.PREDICATE_TYPE)
    assert "prod" in environments(facts)


@given(plans, plans)
def test_two_plans_share_a_digest_only_if_they_are_one(a: Plan, b: Plan) -> None:
    assert (a.digest == b.digest) == (a == b)


def test_what_has_begun_is_under_way_until_it_ends() -> None:
    planned = plan()
    where = ("declared", Scope("prod", "cart"), "response", planned.digest)
    for stage, more, value in (("started", {}, "started"), ("ended", {"outcome": "done"}, None)):
        said = response.of(planned, stage, at=LATER, **more)
        (state,) = facts_of(to_statement(said)).states
        assert (state.mode, state.scope, state.slot, state.name) == where
        assert state.value == value
    for stage, more in (("dry_run", {"outcome": "done"}), ("approved", {})):
        assert not facts_of(to_statement(response.of(planned, stage, at=LATER, **more))).states


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"mark": "x"}, "not marked as a response"),
        ({"stage": "thought"}, "none of what it can be"),
        ({"action": "delete"}, "none of what it can be"),
        ({"outcome": None}, "an outcome is of what was tried or done"),
        ({"outcome": "fine"}, "none of what it can be"),
        ({"stage": "approved"}, "an outcome is of what was tried or done"),
        ({"stage": "asked", "outcome": None}, "a plan is in what asks for it"),
        ({"plan": plan()}, "a plan is in what asks for it"),
        ({"service": ""}, "of no service"),
        ({"at": "2026-03-01"}, "RFC 3339"),
    ],
)
def test_what_is_no_stage_is_not_written(changes: dict[str, Any], says: str) -> None:
    said = {"mark": "response", "stage": "ended", "digest": DIGEST, "service": "cart",
            "environment": "prod", "action": "rollback", "at": AT, "outcome": "done",
            **changes}  # fmt: skip
    with pytest.raises(Malformed, match=says):
        to_statement(Response(**said))


def test_a_plan_that_is_not_the_one_it_is_of_is_refused() -> None:
    for changes in ({"service": "mail"}, {"made": LATER}, {"rule": "other"}):
        said = response.of(plan(), "asked", at=AT, plan=plan(**changes))
        with pytest.raises(Malformed, match="not the one it is of"):
            to_statement(said)
    for nothing in ({"steps": []}, {"url": "https://example.com"}):
        with pytest.raises(Malformed, match="a plan of nothing, or in two ways"):
            to_statement(response.asked(plan(**nothing)))
    with pytest.raises(LimitPassed):
        to_statement(response.asked(plan(steps=[PlannedStep(argv=["x" * 300_000])])))
    with pytest.raises(LimitPassed):
        to_statement(response.asked(plan(because=list(range(101)))))


def test_another_subject_than_the_plan_is_refused() -> None:
    document = json.loads(to_statement(response.asked(plan())))
    document["subject"][0]["digest"]["sha256"] = "c" * 64
    with pytest.raises(Malformed, match="another subject than its plan"):
        facts_of(json.dumps(document).encode())


def test_the_worked_example_is_read() -> None:
    page = (REPOSITORY / "docs" / "formats" / "response.md").read_text("utf-8")
    example = page.partition("## Worked example")[2].partition("```json\n")[2].partition("```")[0]
    document = json.loads(example)
    assert json.loads(to_statement(parse(document["predicate"]))) == document
