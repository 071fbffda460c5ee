"""What is said of an incident: it comes back, opens and ends the estate's slot, and no more."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.paths import REPOSITORY
from wherefrom.errors import LimitPassed, Malformed
from wherefrom.formats.facts import Facts
from wherefrom.formats.incident import (
    SEVERITIES,
    STAGES,
    IncidentStage,
    Root,
    incident_id,
    parse,
    subject,
    to_statement,
)
from wherefrom.formats.recognise import facts_of
from wherefrom.formats.states import OBSERVED, Scope, State

AT = "2026-03-01T12:00:00.000000Z"
NAME = "cart-fails@2026-03-01T12:00:00Z"
ID = f"incident:wherefrom:{NAME}"
DIGEST = "sha256:" + "b" * 64
text = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=20)
OF_STAGE: dict[str, dict[str, Any]] = {
    "opened": {"title": "cart fails"},
    "noted": {"text": "rolled back"},
    "closed": {},
    "marked": {"is_false": True},
    "baseline": {"baseline_s": 7_200.0},
}


def made(stage: str = "opened", **changes: Any) -> IncidentStage:
    return IncidentStage(**{
        "incident": ID, "stage": stage, "at": AT, "service": "cart", "environment": "prod",
        **OF_STAGE[stage], **changes,
    })  # fmt: skip


def read(said: IncidentStage) -> Facts:
    return facts_of(to_statement(said))


said = st.builds(
    made, stage=st.sampled_from(STAGES), service=text, environment=text, text=text.map("x".__add__),
    severity=st.sampled_from(("", *SEVERITIES)), entries=st.lists(st.integers(0, 2**53 - 1)),
    root=st.none() | st.just(Root(kind="digest", id=DIGEST)), rule=text,
)  # fmt: skip


@given(said)
def test_what_is_written_comes_back_under_the_digest_of_its_id(one: IncidentStage) -> None:
    document = json.loads(to_statement(one))
    assert parse(document["predicate"]) == one
    facts = facts_of(to_statement(one))
    assert (facts.kind, facts.type, facts.occurred) == ("incident", "urn:wherefrom:incident:v1", AT)
    assert document["subject"][0]["digest"] == {"sha256": subject(ID).removeprefix("sha256:")}
    assert [node.kind for node in facts.nodes if node.id == ID] == ["incident"]
    assert (DIGEST in {e.target for e in facts.edges if e.relation == "used"}) == bool(one.root)


def test_what_is_opened_holds_in_its_place_until_it_is_closed() -> None:
    kept = {"severity": "page", "rule": "coverage"}
    opened = read(made(severity="page", rule="coverage"))
    place = (OBSERVED, Scope("prod", "cart"), "incident", NAME)
    assert opened.states == (State(*place, ID, "cart fails", kept, AT),)
    assert read(made("closed")).states == (State(*place, None, at=AT),)
    assert ("changes", "service:cart") in {(e.relation, e.target) for e in opened.edges}


def test_what_another_system_opened_is_closed_in_the_place_that_it_holds() -> None:
    theirs = f"incident:alertmanager:ab12@{AT}"
    (state,) = read(made("closed", incident=theirs, name="ab12", region="eu")).states
    assert state == State(OBSERVED, Scope("prod", "cart", "eu"), "incident", "ab12", None, at=AT)


@pytest.mark.parametrize("stage", ["noted", "marked", "baseline"])
def test_what_is_said_of_it_else_states_nothing(stage: str) -> None:
    facts = read(made(stage))
    assert facts.states == ()
    (node,) = (node for node in facts.nodes if node.id == ID)
    assert (node.properties or {})["stage"] == stage


def test_what_is_marked_says_so_and_so_does_what_takes_it_back() -> None:
    found = [
        node.properties["false"]
        for said in (made("marked"), made("marked", is_false=False))
        for node in read(said).nodes
        if node.id == ID and node.properties
    ]
    assert found == [True, False]


def test_an_address_in_a_title_is_hashed_where_it_is_shown() -> None:
    facts = read(made(title="cart fails for ann@shop.example\nand bob"))
    named = [n.name for n in facts.nodes if n.id == ID] + [s.says for s in facts.states]
    assert all("ann@" not in str(name) and "bob" not in str(name) for name in named)
    assert all(str(name).startswith("cart fails for person:") for name in named)


@pytest.mark.parametrize(
    ("stage", "changes", "error", "says"),
    [
        ("opened", {"title": " "}, Malformed, "no title"),
        ("opened", {"incident": "sha256:" + "a" * 64}, Malformed, "not the id of an incident"),
        ("opened", {"incident": "incident:a\nb"}, Malformed, "not the id of an incident"),
        ("opened", {"incident": "incident:" + "x" * 257}, LimitPassed, "too long"),
        ("opened", {"at": "2026-03-01"}, Malformed, "at"),
        ("opened", {"severity": "panic"}, Malformed, "not a word about an incident"),
        ("opened", {"is_false": True}, Malformed, "only what is marked"),
        ("opened", {"baseline_s": 1.0}, Malformed, "only a baseline does"),
        ("baseline", {"baseline_s": None}, Malformed, "only a baseline does"),
        ("baseline", {"baseline_s": 0.0}, Malformed, "not how long it took"),
        ("baseline", {"baseline_s": float("nan")}, Malformed, "not how long it took"),
        ("noted", {"text": " "}, Malformed, "a note of nothing"),
        ("noted", {"text": "x" * 16_385}, LimitPassed, "too long"),
        ("noted", {"links": ["javascript:alert(1)"]}, Malformed, "not a link"),
        ("noted", {"links": ["https://a b"]}, Malformed, "not a link"),
        ("noted", {"links": ["https://a"] * 21}, LimitPassed, "too many"),
        ("noted", {"entries": [-1]}, Malformed, "not an entry of a log"),
        ("noted", {"entries": list(range(101))}, LimitPassed, "too many"),
        ("opened", {"root": Root(kind="digest", id="cart:1")}, Malformed, "not a digest"),
        ("opened", {"root": Root(kind="service", id="")}, Malformed, "the root of nothing"),
        ("closed", {"service": "x" * 257}, LimitPassed, "too long"),
    ],
)  # fmt: skip
def test_what_is_no_word_about_an_incident_is_not_written(
    stage: str, changes: dict[str, Any], error: type[Exception], says: str
) -> None:
    with pytest.raises(error, match=says):
        to_statement(made(stage, **changes))


def test_another_subject_or_field_is_refused() -> None:
    document = json.loads(to_statement(made()))
    document["predicate"]["incident"] += "1"
    with pytest.raises(Malformed, match="another subject than its own"):
        facts_of(json.dumps(document).encode())
    with pytest.raises(Malformed, match="not a word about an incident"):
        parse({**document["predicate"], "mood": 1})


@pytest.mark.parametrize(
    ("title", "words"),
    [("Cart fails!", "cart-fails"), ("  ", "incident"), ("Ärger: 500s", "rger-500s"),
     ("x" * 60, "x" * 48), ("a" * 47 + " b", "a" * 47)],
)  # fmt: skip
def test_an_id_of_ours_is_made_of_the_words_of_its_title(title: str, words: str) -> None:
    assert incident_id(title, AT) == f"incident:wherefrom:{words}@2026-03-01T12:00:00Z"
    assert parse({"incident": incident_id(title, AT), "stage": "closed", "at": AT})


def test_the_worked_example_is_read() -> None:
    page = (REPOSITORY / "docs" / "formats" / "incident.md").read_text("utf-8")
    example = page.partition("## Worked example")[2].partition("```json\n")[2].partition("```")[0]
    document = json.loads(example)
    assert json.loads(to_statement(parse(document["predicate"]))) == document
