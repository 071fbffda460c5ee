"""A canary's verdict: what is written comes back, and what does not hold together is refused."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.paths import REPOSITORY
from wherefrom.errors import LimitPassed, Malformed
from wherefrom.formats.canary import (
    MEASURES,
    VERDICTS,
    CanaryApart,
    CanarySide,
    CanaryVerdict,
    LogAt,
    Measure,
    parse,
    to_statement,
    together,
)
from wherefrom.formats.recognise import facts_of

A, B, R = (f"sha256:{letter * 64}" for letter in "abc")
AT, LATER = "2026-03-01T12:00:00.000000Z", "2026-03-01T12:30:00.000000Z"


def measure(name: str = "failing", verdict: str = "fail", **more: Any) -> Measure:
    return Measure(**{
        "measure": name, "verdict": verdict, "canary": 0.4, "baseline": 0.01, "effect": 0.39,
        "tolerance": 0.005, "canary_samples": 100, "baseline_samples": 900, "low": 0.3,
        "high": 0.5, "decided": LATER, **more,
    })  # fmt: skip


def made(**changes: Any) -> CanaryVerdict:
    measures = changes.setdefault("measures", [measure()])
    return CanaryVerdict(**{
        "service": "cart", "environment": "prod", "since": AT, "until": LATER, "alpha": 0.05,
        "verdict": together(measures),
        "canary": CanarySide(where="pool=canary", requests=100, artifact=B, reality=R),
        "baseline": CanarySide(where="not pool=canary", requests=900, artifact=A),
        "apart": [CanaryApart(slot="artifact", name="", value=B)],
        "log": LogAt(origin="log.example", size=7), **changes,
    })  # fmt: skip


numbers = st.floats(-1, 1)
verdicts = st.lists(
    st.builds(measure, st.sampled_from(MEASURES), st.sampled_from(VERDICTS), canary=numbers,
              low=st.none() | numbers, decided=st.none() | st.just(AT)),
    max_size=3, unique_by=lambda m: m.measure,
).map(lambda measures: made(measures=measures))  # fmt: skip


@given(verdicts)
def test_what_is_written_comes_back(verdict: CanaryVerdict) -> None:
    document = json.loads(to_statement(verdict))
    assert parse(document["predicate"]) == verdict
    facts = facts_of(to_statement(verdict))
    assert (facts.kind, facts.occurred) == ("attestation", LATER)


def test_it_is_told_of_the_canary_and_of_what_it_was_compared_with() -> None:
    facts = facts_of(to_statement(made()))
    edges = {(e.source.partition(":")[0], e.relation, e.target) for e in facts.edges}
    assert {("canary", "used", A), ("canary", "used", B), ("canary", "used", "service:cart"),
            ("sha256", "describes", B), ("sha256", "describes", R)} <= edges  # fmt: skip
    activity = next(node for node in facts.nodes if node.kind == "activity")
    assert activity.properties is not None
    assert (activity.name, activity.properties["verdict"]) == ("canary of cart: fail", "fail")
    assert not facts.states


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"verdict": "pass"}, "does not follow from its measures"),
        ({"verdict": "fine"}, "none of what it can be"),
        ({"service": ""}, "about no service"),
        ({"alpha": 1.0}, "not a chance"),
        ({"since": "2026-03-01T12:00:00Z"}, "not a time in its one spelling"),
        ({"measures": [measure(), measure()]}, "a measure twice"),
        ({"measures": [measure(low=float("nan"))]}, "not a number"),
        ({"measures": [measure(canary_samples=-1)]}, "less than nothing"),
        ({"canary": CanarySide(where="x", requests=1)}, "about nothing"),
        ({"canary": CanarySide(where="x", requests=1, artifact="nginx:1.25")}, "not a digest"),
        ({"canary": CanarySide(where="x", requests=-1, artifact=B)}, "less than nothing"),
        ({"apart": [CanaryApart(slot="scale", name="", value="3")]}, "none of what it can be"),
    ],
)
def test_what_is_no_verdict_is_not_written(changes: dict[str, Any], says: str) -> None:
    with pytest.raises(Malformed, match=says):
        to_statement(made(**changes))


def test_what_is_too_much_is_refused() -> None:
    with pytest.raises(LimitPassed):
        to_statement(made(apart=[CanaryApart(slot="flag", name=str(n), value="on")
                                 for n in range(1_001)]))  # fmt: skip
    with pytest.raises(LimitPassed):
        to_statement(made(service="x" * 257))


def test_other_subjects_or_fields_than_its_own_are_refused() -> None:
    document = json.loads(to_statement(made()))
    document["subject"] = document["subject"][:1]
    with pytest.raises(Malformed, match="other subjects than its own"):
        facts_of(json.dumps(document).encode())
    document = json.loads(to_statement(made()))
    document["predicate"]["mood"] = "good"
    with pytest.raises(Malformed, match="not a canary's verdict"):
        facts_of(json.dumps(document).encode())


def test_the_worked_example_is_read() -> None:
    page = (REPOSITORY / "docs" / "formats" / "canary.md").read_text("utf-8")
    example = page.partition("## Worked example")[2].partition("```json\n")[2].partition("```")[0]
    found = parse(json.loads(example)["predicate"])
    assert found.verdict == "fail"
    assert msgspec.json.decode(to_statement(found)) == json.loads(example)
