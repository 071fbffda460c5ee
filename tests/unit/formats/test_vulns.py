"""Attested scans, in-toto's and cosign's: what was found, and that it was sought."""

from __future__ import annotations

import contextlib
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.paths import DATA
from tests.unit.formats.changed import with_one_change
from wherefrom.errors import LimitPassed, Malformed, Refused
from wherefrom.formats import statement, vulns
from wherefrom.formats.facts import Facts
from wherefrom.formats.recognise import facts_of

DOCUMENT = "sha256:" + "d" * 64
SUBJECT = "sha256:" + "a" * 64
IN_TOTO = "https://in-toto.io/attestation/vulns/v0.2"
COSIGN = "https://cosign.sigstore.dev/attestation/vuln/v1"
GUAC = DATA / "supply/guac/internal/testing/testdata/exampledata"
TRIVY = {
    "SchemaVersion": 2,
    "ArtifactName": "app",
    "Results": [
        {
            "Target": "app (alpine 3.19)",
            "Vulnerabilities": [
                {
                    "VulnerabilityID": "CVE-2024-0001",
                    "PkgName": "zlib",
                    "InstalledVersion": "1.2",
                    "PkgIdentifier": {"PURL": "pkg:apk/alpine/zlib@1.2?arch=x86_64"},
                    "Severity": "HIGH",
                },
                {"VulnerabilityID": "GHSA-JFH8-c2jp-5v3q", "Severity": "UNKNOWN"},
            ],
        },
        {"Target": "go", "Vulnerabilities": None},
    ],
}


def scan(*results: Any, **scanner: Any) -> dict[str, Any]:
    return {
        "scanner": {
            "uri": "pkg:github/aquasecurity/trivy@244fd47",
            "version": "0.19.2",
            "db": {"version": "v1-2021080612", "lastUpdate": "2021-08-06T17:45:50.52Z"},
            "result": list(results),
            **scanner,
        },
        "metadata": {
            "scanStartedOn": "2021-08-06T17:45:50.52Z",
            "scanFinishedOn": "2021-08-06T17:50:50.52Z",
        },
    }


def read(predicate: Any, kind: str = IN_TOTO) -> Facts:
    document = {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"digest": {"sha256": "a" * 64}}],
        "predicateType": kind,
        "predicate": predicate,
    }
    return statement.facts(document, document_id=DOCUMENT)


def edges(facts: Facts, relation: str) -> set[tuple[str, str]]:
    return {(e.source, e.target) for e in facts.edges if e.relation == relation}


def properties(facts: Facts, id: str) -> dict[str, Any]:
    (node,) = [n for n in facts.nodes if n.id == id]
    return dict(node.properties or {})


def test_each_vulnerability_is_a_claim_about_the_subject_without_a_status() -> None:
    high = [{"method": "nvd", "score": "medium"}, {"method": "own", "score": "High"}]
    facts = read(
        scan(
            {"id": "cve-2024-0001", "severity": high},
            {"id": "GHSA-jfh8-c2jp-5v3q", "severity": [{"method": "cvss", "score": "9.8"}]},
            {"vulnerability": {"id": "CVE-2024-0003", "severity": {"score": "critical"}}},
        )
    )
    said = properties(facts, DOCUMENT)
    assert said.items() >= {
        "vulnerabilities": 3, "critical": 1, "high": 1, "medium": 0, "low": 0,
        "database": "v1-2021080612", "database_updated": "2021-08-06T17:45:50.520000Z",
    }.items()  # fmt: skip
    assert facts.occurred == said["finishedOn"] == "2021-08-06T17:50:50.520000Z"
    first = f"{DOCUMENT}#/predicate.scanner.result[0]"
    claim = properties(facts, first)
    assert claim["severity"] == "high"
    assert "status" not in claim
    assert {(first, "CVE-2024-0001"), (first, SUBJECT)} <= edges(facts, "describes")
    scanner = "pkg:github/aquasecurity/trivy@244fd47"
    assert edges(facts, "attributed_to") == {(DOCUMENT, scanner)}


@pytest.mark.parametrize("kind", [IN_TOTO, COSIGN, COSIGN.removeprefix("https://")])
def test_trivys_report_in_it_says_in_which_package_of_the_subject(kind: str) -> None:
    facts = read(scan(result=TRIVY), kind)
    said = properties(facts, DOCUMENT)
    assert (said["vulnerabilities"], said["high"]) == (2, 1)
    claim = f"{DOCUMENT}#/predicate.scanner.result.Results[0].Vulnerabilities[0]"
    within = [
        dict(e.properties or {})
        for e in facts.edges
        if (e.source, e.target) == (claim, "pkg:apk/alpine/zlib@1.2")
    ]
    assert within == [{"as": "subcomponent", "within": [SUBJECT]}]
    assert "GHSA-jfh8-c2jp-5v3q" in {n.id for n in facts.nodes}


def test_nothing_found_is_said_too_and_not_knowing_is_not_nothing() -> None:
    assert properties(read(scan()), DOCUMENT)["vulnerabilities"] == 0
    empty = {"Results": None}
    assert properties(read(scan(result=empty), COSIGN), DOCUMENT)["vulnerabilities"] == 0
    assert "vulnerabilities" not in properties(read(scan(result=None), COSIGN), DOCUMENT)
    other = properties(read(scan(result={"matches": []}), COSIGN), DOCUMENT)
    assert other["result_unread"] is True
    assert "vulnerabilities" not in other


def test_a_time_that_go_left_unset_is_no_time() -> None:
    unset = {"scanStartedOn": "0001-01-01T00:00:00Z", "scanFinishedOn": "0001-01-01T00:00:00Z"}
    facts = read(scan() | {"metadata": unset}, COSIGN)
    assert facts.occurred is None
    assert "finishedOn" not in properties(facts, DOCUMENT)


@pytest.mark.parametrize("name", ["certify-vuln.json", "certify-novuln.json"])
def test_a_real_scan_lists_what_its_scanner_found(name: str) -> None:
    document = json.loads((GUAC / name).read_bytes())
    for subject in document["subject"]:
        subject["digest"] = {"sha256": "a" * 64}  # these came without, or with none of its length
    facts = facts_of(json.dumps(document).encode())
    listed = document["predicate"]["scanner"].get("result")  # no list: it does not say
    assert properties(facts, facts.document).get("vulnerabilities") == (listed and len(listed))
    assert sum(n.kind == "claim" for n in facts.nodes) == len(listed or ())


@pytest.mark.parametrize(
    ("predicate", "message"),
    [
        ({}, r"missing, at predicate\.scanner"),
        (scan(uri=7), r"at predicate\.scanner\.uri: expected a string"),
        (scan("CVE-2024-0001"), r"at predicate\.scanner\.result\[0\]: expected an object"),
        (scan({}), r"missing, at predicate\.scanner\.result\[0\]\.id"),
        (scan({"id": " "}), r"without a name, at predicate\.scanner\.result\[0\]\.id"),
        (scan({"id": "x", "severity": [1]}), r"result\[0\]\.severity\[0\]: expected an object"),
        (scan(result={"Results": 7}), r"result\.Results: expected an array"),
        (scan(result={"Results": [{"Vulnerabilities": [{}]}]}), r"\[0\]\.VulnerabilityID"),
        (scan() | {"metadata": 7}, r"at predicate\.metadata: expected an object"),
    ],
)
def test_a_broken_scan_is_refused_and_its_field_named(predicate: Any, message: str) -> None:
    with pytest.raises(Malformed, match=message):
        read(predicate)


def test_more_than_can_be_read_is_over_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vulns, "VULNERABILITIES_MAX", 1)
    with pytest.raises(LimitPassed, match="too many vulnerabilities: expected 1 at most"):
        read(scan({"id": "CVE-2024-0001"}, {"id": "CVE-2024-0002"}))


_values = st.sampled_from([None, True, 0, "", "x", [], ["x"], {}, [{}], {"id": "x"}, "pkg:npm/a@1"])


@given(trivy=st.booleans(), place=st.integers(min_value=0), value=_values)
@settings(max_examples=200, deadline=None)
def test_one_change_gives_whole_facts_or_a_refusal(trivy: bool, place: int, value: Any) -> None:
    found = {"id": "CVE-2024-0001", "severity": [{"method": "nvd", "score": "low"}]}
    predicate = scan(result=TRIVY) if trivy else scan(found)
    changed = with_one_change({"predicate": predicate}, place, value)["predicate"]
    with contextlib.suppress(Refused):
        facts = read(changed)
        ids = {node.id for node in facts.nodes}
        assert all({edge.source, edge.target} <= ids for edge in facts.edges)
