"""SARIF: what a scan found is counted, and of what; its messages are not kept."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.paths import DATA
from tests.unit.formats.changed import need_facts_or_refusal, with_one_change
from wherefrom.errors import LimitPassed, Malformed, Unsupported
from wherefrom.formats import sarif, statement
from wherefrom.formats.facts import Facts
from wherefrom.formats.recognise import facts_of

MATERIALS = DATA / "supply/chainloop/pkg/attestation/crafter/materials/testdata"
REAL = sorted(path for path in MATERIALS.glob("*.sarif") if "control-chars" not in path.name)
DOCUMENT = "sha256:" + "d" * 64
RUN = f"{DOCUMENT}#/runs[0]"
SHA256, COMMIT = "a" * 64, "1" * 40


def report(*results: dict[str, Any], **run: Any) -> dict[str, Any]:
    driver = {"name": "tfsec", "semanticVersion": "v1.2.0", "rules": [
        {"id": "R1", "defaultConfiguration": {"level": "error"}}, {"id": "R2"}]}  # fmt: skip
    return {
        "version": "2.1.0",
        "runs": [{"tool": {"driver": driver}, "results": list(results), **run}],
    }


def read(document: dict[str, Any]) -> Facts:
    return sarif.facts(document, document_id=DOCUMENT)


def edges(facts: Facts, relation: str) -> set[tuple[str, str]]:
    return {(e.source, e.target) for e in facts.edges if e.relation == relation}


def properties(facts: Facts, id: str) -> dict[str, Any]:
    (node,) = [n for n in facts.nodes if n.id == id]
    return dict(node.properties or {})


@pytest.mark.parametrize("path", REAL, ids=lambda p: p.name)
def test_every_result_of_a_real_report_is_counted_once(path: Any) -> None:
    document = json.loads(path.read_bytes())
    facts = facts_of(path.read_bytes())
    assert (facts.kind, facts.type) == ("observation", "application/sarif+json; version=2.1.0")
    total = sum(len(run.get("results", [])) for run in document["runs"])
    said = properties(facts, facts.document)
    assert said["results"] + said.get("suppressed", 0) == total
    assert len(edges(facts, "generated_by")) == len(document["runs"])
    assert edges(facts, "associated_with")


def test_a_level_is_the_results_own_then_its_rules_then_a_warning() -> None:
    facts = read(
        report(
            {"ruleId": "R1"},
            {"ruleIndex": 0, "level": "note"},
            {"rule": {"id": "R2"}},
            {"ruleId": "R1", "kind": "pass"},
            {"ruleId": "R1", "suppressions": [{"kind": "inSource"}]},
            {"ruleId": "R1", "baselineState": "absent"},
            {"message": {"text": "my password is x"}},
        )
    )
    assert properties(facts, DOCUMENT) == {
        "format": "SARIF",
        "specVersion": "2.1.0",
        "results": 5,
        "error": 1,
        "warning": 2,
        "note": 1,
        "none": 1,
        "suppressed": 1,
        "absent": 1,
    }
    rules = properties(facts, RUN)["rules"]
    assert sorted(rules) == [
        "R1 error 1", "R1 none 1", "R1 note 1", "R2 warning 1", "no rule warning 1",
    ]  # fmt: skip
    assert "password" not in repr(facts)


def test_a_suppression_that_nobody_accepted_leaves_the_result_open() -> None:
    states = (None, "accepted", "underReview", "rejected")
    facts = read(
        report(
            *(
                {"ruleId": "R1", "suppressions": [{"kind": "external", "status": s}]}
                for s in states
            ),
            {"ruleId": "R1", "suppressions": [{"status": "accepted"}, {"status": "rejected"}]},
            {"ruleId": "R1", "suppressions": []},
        )
    )
    said = properties(facts, DOCUMENT)
    assert (said["error"], said["suppressed"]) == (4, 2)


def test_a_rule_of_an_extension_has_its_own_level_and_its_own_index() -> None:
    document = report(
        {"ruleId": "E1", "rule": {"id": "E1", "index": 0, "toolComponent": {"index": 0}}},
        {"rule": {"index": 1, "toolComponent": {"index": 0}}},
        {"ruleId": "R1/2"},
        {"ruleId": "own", "ruleIndex": 0},
        {"rule": {"index": 7, "toolComponent": {"index": 7}}},
        {"ruleId": "E1", "rule": {"toolComponent": {"index": True}}},
    )
    levels = [{"id": "E1", "defaultConfiguration": {"level": "note"}}, {"id": "E2"}]
    document["runs"][0]["tool"]["extensions"] = [{"name": "pack", "rules": levels}]
    rules = properties(read(document), RUN)["rules"]
    assert sorted(rules) == [
        "E1 note 1", "E1 warning 1", "E2 warning 1", "R1/2 error 1", "no rule warning 1",
        "own error 1",
    ]  # fmt: skip


def test_nothing_found_is_said_too() -> None:
    said = properties(read(report()), DOCUMENT)
    assert {level: said[level] for level in ("results", *sarif.LEVELS)} == {
        "results": 0, "error": 0, "warning": 0, "note": 0, "none": 0,
    }  # fmt: skip


def test_a_run_has_its_tool_its_times_its_commit_and_its_files() -> None:
    facts = read(
        report(
            automationDetails={"id": "nightly/7"},
            invocations=[
                {
                    "executionSuccessful": True,
                    "startTimeUtc": "2024-01-01T00:00:00Z",
                    "endTimeUtc": "2024-01-01T00:01:00Z",
                },
                {"executionSuccessful": False},
            ],
            versionControlProvenance=[
                {
                    "repositoryUri": "https://github.com/o/r",
                    "revisionId": COMMIT,
                    "branch": "main",
                }
            ],
            artifacts=[
                {"location": {"uri": "app"}, "hashes": {"sha-256": SHA256},
                 "roles": ["analysisTarget"]},
                {"location": {"uri": "x.c"}, "hashes": {"sha-256": "b" * 64}},
                {"location": {"uri": "y.c"}},
            ],
        )
    )  # fmt: skip
    said = properties(facts, RUN)
    assert said["executionSuccessful"] is False
    assert said["automation"] == "nightly/7"
    assert said["finishedOn"] == facts.occurred == "2024-01-01T00:01:00.000000Z"
    commit, target, file = f"gitCommit:{COMMIT}", f"sha256:{SHA256}", "sha256:" + "b" * 64
    assert edges(facts, "describes") == {(DOCUMENT, commit), (DOCUMENT, target)}
    assert edges(facts, "used") == {(RUN, commit), (RUN, target), (RUN, file)}
    assert (commit, "git+https://github.com/o/r") in edges(facts, "specializes")
    assert edges(facts, "associated_with") == {(RUN, "software:tfsec@1.2.0")}


def test_a_report_in_a_statement_is_about_its_subject() -> None:
    facts = statement.facts(
        {
            "_type": "https://in-toto.io/Statement/v1",
            "subject": [{"digest": {"sha256": SHA256}}],
            "predicateType": "https://example.com/sarif",
            "predicate": report({"ruleId": "R1"}),
        },
        document_id=DOCUMENT,
    )
    assert facts.kind == "attestation"
    assert edges(facts, "describes") == {(DOCUMENT, f"sha256:{SHA256}")}
    assert properties(facts, DOCUMENT)["error"] == 1
    assert [n.kind for n in facts.nodes if n.id == DOCUMENT] == ["attestation"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"version": None}, "required field is missing, at version"),
        ({"runs": {}}, "at runs: expected an array"),
        ({"runs": [{}]}, r"required field is missing, at runs\[0\]\.tool"),
        ({"runs": [{"tool": {"driver": {}}}]}, r"missing, at runs\[0\]\.tool\.driver\.name"),
    ],
)
def test_a_broken_report_is_refused_and_its_field_named(change: Any, message: str) -> None:
    with pytest.raises(Malformed, match=message):
        read(report() | change)


@pytest.mark.parametrize(
    ("result", "message"),
    [
        ({"level": "fatal"}, r"not a level of a result, at runs\[0\]\.results\[0\]\.level"),
        ({"kind": "new"}, r"not a kind of result, at runs\[0\]\.results\[0\]\.kind"),
        ({"ruleId": 1}, r"at runs\[0\]\.results\[0\]\.ruleId: expected a string"),
    ],
)
def test_a_broken_result_is_refused_and_its_field_named(result: Any, message: str) -> None:
    with pytest.raises(Malformed, match=message):
        read(report(result))


def test_another_version_is_unsupported_and_too_many_runs_are_over_a_limit(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with pytest.raises(Unsupported, match=r"at version: expected 2\.1\.0, got 1\.0\.0"):
        read(report() | {"version": "1.0.0"})
    monkeypatch.setattr(sarif, "RUNS_MAX", 0)
    with pytest.raises(LimitPassed, match="too many runs"):
        read(report())


_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=6,
)
_FULL = report(
    {"ruleId": "R1", "level": "note", "kind": "fail", "suppressions": [{}], "ruleIndex": 0},
    {"rule": {"id": "R2", "index": 1}, "baselineState": "new"},
    invocations=[{"executionSuccessful": True, "endTimeUtc": "2024-01-01T00:01:00Z"}],
    versionControlProvenance=[{"repositoryUri": "https://x.example/r", "revisionId": COMMIT}],
    artifacts=[{"location": {"uri": "a"}, "hashes": {"sha-256": SHA256}, "roles": ["x"]}],
)


@given(place=st.integers(min_value=0), value=_values)
@settings(max_examples=300, deadline=None)
def test_a_report_with_one_change_gives_facts_or_our_refusals(place: int, value: Any) -> None:
    need_facts_or_refusal(with_one_change(_FULL, place, value))
