"""What was taken for a cause: it comes back, under the digest of what was set where."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.paths import REPOSITORY
from wherefrom.errors import LimitPassed, Malformed
from wherefrom.formats.cause import Cause, node_id, parse, to_statement
from wherefrom.formats.recognise import facts_of
from wherefrom.formats.states import SLOTS

AT = "2026-03-01T12:00:00.000000Z"
DIGEST = "sha256:" + "b" * 64
text = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=20)


def made(**changes: Any) -> Cause:
    return Cause(**{
        "service": "cart", "environment": "prod", "slot": "artifact", "name": "", "at": AT,
        "value": DIGEST, "incident": "CartFails", "change": 7, "probability": 0.8, **changes,
    })  # fmt: skip


causes = st.builds(
    made, service=text, environment=text, name=text, slot=st.sampled_from(sorted(SLOTS)),
    value=st.none() | text | st.just(DIGEST), withdrawn=st.booleans(),
)  # fmt: skip


@given(causes)
def test_what_is_written_comes_back(cause: Cause) -> None:
    document = json.loads(to_statement(cause))
    assert parse(document["predicate"]) == cause
    facts = facts_of(to_statement(cause))
    assert node_id(cause.subject) in {node.id for node in facts.nodes}
    assert (facts.occurred, facts.states) == (AT, ())


@given(causes, causes)
def test_what_was_set_elsewhere_or_otherwise_has_another_subject(a: Cause, b: Cause) -> None:
    def place(one: Cause) -> tuple[str | None, ...]:
        return one.environment, one.service, one.slot, one.name, one.value

    assert (a.subject == b.subject) == (place(a) == place(b))


@pytest.mark.parametrize(
    ("incident", "withdrawn", "leads"),
    [("incident:x", False, True), ("incident:x", True, False), ("CartFails", False, False)],
)
def test_an_incident_leads_to_what_was_taken_for_its_cause(
    incident: str, withdrawn: bool, leads: bool
) -> None:
    cause = made(incident=incident, withdrawn=withdrawn)
    edges = {(e.source, e.relation, e.target) for e in facts_of(to_statement(cause)).edges}
    assert ((incident, "used", node_id(cause.subject)) in edges) is leads


@pytest.mark.parametrize(
    ("changes", "error"),
    [({"slot": "mood"}, Malformed), ({"probability": 2.0}, Malformed), ({"at": "x"}, Malformed),
     ({"name": "x" * 257}, LimitPassed), ({"value": "x" * 2_049}, LimitPassed)],
)  # fmt: skip
def test_what_is_no_cause_is_not_written(changes: dict[str, Any], error: type[Exception]) -> None:
    with pytest.raises(error):
        to_statement(made(**changes))


def test_another_subject_or_field_is_refused() -> None:
    document = json.loads(to_statement(made()))
    document["predicate"]["value"] = "on"
    with pytest.raises(Malformed, match="another subject than its own"):
        facts_of(json.dumps(document).encode())
    with pytest.raises(Malformed, match="not a cause"):
        parse({**document["predicate"], "mood": 1})


def test_the_worked_example_is_read() -> None:
    page = (REPOSITORY / "docs" / "formats" / "cause.md").read_text("utf-8")
    example = page.partition("## Worked example")[2].partition("```json\n")[2].partition("```")[0]
    document = json.loads(example)
    assert json.loads(to_statement(parse(document["predicate"]))) == document
