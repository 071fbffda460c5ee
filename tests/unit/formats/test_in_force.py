"""Words that put policies in force, and turns: what they state, and what is refused."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wherefrom.errors import LimitPassed, Malformed
from wherefrom.formats import in_force, recognise, turned
from wherefrom.formats.in_force import InForce
from wherefrom.formats.states import Scope
from wherefrom.formats.turned import Turned

POLICY, ARTIFACT = f"sha256:{'b' * 64}", f"sha256:{'a' * 64}"
AT = "2026-11-26T10:00:00.000000Z"
names = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=60
)


def predicate(written):
    return json.loads(written)["predicate"]


@given(names, st.sampled_from(["in_force", "ended"]), st.text(max_size=30))
def test_a_word_is_read_as_it_was_written(environment, stage, reason):
    said = InForce(stage=stage, environment=environment, since=AT, reason=reason)
    assert in_force.parse(predicate(in_force.to_statement(said, POLICY))) == said


@given(
    names, st.sampled_from(["denied", "allowed", "gone"]), st.lists(names, max_size=5),
    st.integers(0, 10**9) | st.none(),
)  # fmt: skip
def test_a_turn_is_read_as_it_was_written(environment, to, rules, summary):
    said = Turned(
        to=to, environment=environment, at=AT, policy=POLICY, rules=tuple(rules), count=len(rules),
        summary=summary,
    )  # fmt: skip
    assert turned.parse(predicate(turned.to_statement(said, ARTIFACT))) == said


def test_a_word_states_which_policy_decides_in_the_environment():
    said = InForce(stage="in_force", environment="prod", since=AT, until="2027-01-01T00:00:00Z")
    facts = recognise.facts_of(in_force.to_statement(said, POLICY))
    (state,) = facts.states
    assert (state.scope, state.slot, state.value) == (Scope("prod"), "gate", POLICY)
    assert facts.kind == "policy"
    assert facts.occurred == AT
    described = {e.target for e in facts.edges if e.relation == "describes"}
    assert described == {POLICY, "environment:prod"}
    ended = InForce(stage="ended", environment="prod", since=AT)
    (state,) = recognise.facts_of(in_force.to_statement(ended, POLICY)).states
    assert state.value is None


@pytest.mark.parametrize(("to", "value"), [("denied", POLICY), ("allowed", None), ("gone", None)])
def test_a_turn_states_what_is_denied_while_it_is(to, value):
    said = Turned(to=to, environment="prod", at=AT, policy=POLICY, rules=("sbom",), summary=7)
    facts = recognise.facts_of(turned.to_statement(said, ARTIFACT))
    (state,) = facts.states
    assert (state.scope, state.slot, state.name, state.value) == (
        Scope("prod"), "denied", ARTIFACT, value,
    )  # fmt: skip
    assert facts.kind == "observation"


def both(written):
    """The same statement about two things."""
    document = json.loads(written)
    document["subject"] *= 2
    document["subject"][1] = {"digest": {"sha256": "c" * 64}}
    return json.dumps(document).encode()


def test_a_word_and_a_turn_are_about_one_thing():
    word = in_force.to_statement(InForce(stage="ended", environment="e", since=AT), POLICY)
    turn = turned.to_statement(Turned(to="gone", environment="e", at=AT, policy=POLICY), ARTIFACT)
    for written in (word, turn):
        with pytest.raises(Malformed, match="subject"):
            recognise.facts_of(both(written))


@pytest.mark.parametrize(
    ("said", "error"),
    [
        ({"to": "good"}, Malformed), ({"environment": ""}, Malformed), ({"at": "now"}, Malformed),
        ({"rules": ["r"] * 201}, LimitPassed), ({"services": ["s" * 257]}, LimitPassed),
        ({"more": 1}, Malformed),
    ],
)  # fmt: skip
def test_a_turn_that_says_something_else_is_refused(said, error):
    whole = {"to": "denied", "environment": "prod", "at": AT, "policy": POLICY, **said}
    with pytest.raises(error):
        turned.parse(whole)
