"""Documents inside statements: what they state of the subjects, wrapped by cosign or not."""

from __future__ import annotations

import contextlib
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.paths import DATA
from tests.unit.formats.changed import with_one_change
from tests.unit.formats.test_csaf import advisory
from tests.unit.formats.test_openvex import vex
from tests.unit.formats.test_sarif import report
from tests.unit.formats.test_statement import CYCLONEDX, SPDX
from wherefrom.errors import LimitPassed, Malformed, Refused
from wherefrom.formats import base64_strict, embedded, statement
from wherefrom.formats.facts import Facts
from wherefrom.formats.recognise import facts_of

DOCUMENT = "sha256:" + "d" * 64
SHA256, COMMIT = "a" * 64, "1" * 40
SUBJECT = f"sha256:{SHA256}"
COSIGN = "https://cosign.sigstore.dev/attestation/v1"
OWN = "https://example.com/evidence/v1"
JUNIT = (
    '<testsuites name="all"><testsuite name="s" timestamp="2024-01-02T03:04:05Z"><properties>'
    f'<property name="git.commit" value="{COMMIT}"/></properties><testcase name="passes"/>'
    '<testcase classname="C" name="fails"><failure/></testcase></testsuite></testsuites>'
)
RHSA = DATA / "supply/guac/internal/testing/testdata/exampledata/rhsa-csaf.json"


def said(predicate: Any, kind: str = OWN, *subjects: dict[str, Any]) -> dict[str, Any]:
    return {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": list(subjects) or [{"name": "app", "digest": {"sha256": SHA256}}],
        "predicateType": kind,
        "predicate": predicate,
    }


def read(predicate: Any, kind: str = OWN, *subjects: dict[str, Any]) -> Facts:
    return statement.facts(said(predicate, kind, *subjects), document_id=DOCUMENT)


def edges(facts: Facts, relation: str) -> set[tuple[str, str]]:
    return {(e.source, e.target) for e in facts.edges if e.relation == relation}


def properties(facts: Facts, id: str) -> dict[str, Any]:
    (node,) = [n for n in facts.nodes if n.id == id]
    return dict(node.properties or {})


def claims_of(facts: Facts) -> dict[str, dict[str, Any]]:
    return {n.id: dict(n.properties or {}) for n in facts.nodes if n.kind == "claim"}


def csaf(*, purl: str = "pkg:npm/a@1", **helper: Any) -> dict[str, Any]:
    """An advisory of one product that is fixed, and of that product on a platform."""
    product = {
        "product_id": "a",
        "name": "A",
        "product_identification_helper": {"purl": purl, **helper},
    }
    platform = {
        "product_id": "os",
        "name": "OS",
        "product_identification_helper": {"purl": "pkg:generic/os@9"},
    }
    both = {
        "category": "default_component_of",
        "product_reference": "a",
        "relates_to_product_reference": "os",
        "full_product_name": {"product_id": "os:a", "name": "A of OS"},
    }
    return advisory(
        product_tree={"full_product_names": [product, platform], "relationships": [both]},
        vulnerabilities=[
            {"cve": "CVE-2024-0001", "product_status": {"fixed": ["a"]}},
            {"cve": "CVE-2024-0002", "product_status": {"known_affected": ["os:a"]}},
        ],
    )


def test_a_csaf_document_claims_of_the_subject_that_its_product_is() -> None:
    facts = read(csaf(), OWN, {"name": "pkg:npm/a@1", "digest": {"sha256": SHA256}})
    assert (facts.kind, facts.type) == ("attestation", OWN)
    assert (DOCUMENT, SUBJECT) in edges(facts, "describes")
    place = f"{DOCUMENT}#/predicate.vulnerabilities"
    claims = claims_of(facts)
    assert claims[f"{place}[0].product_status.fixed"]["status"] == "fixed"
    assert (f"{place}[0].product_status.fixed", "pkg:npm/a@1") in edges(facts, "describes")
    assert not any("outside_subjects" in claim for claim in claims.values())
    assert facts.occurred == "2024-01-03T00:00:00.000000Z"
    assert facts.producers == ("https://psirt.example",)
    assert properties(facts, DOCUMENT)["format"] == "CSAF"


@pytest.mark.parametrize(
    ("subject", "outside"),
    [
        ({"uri": "pkg:npm/a@1", "digest": {"md5": "d" * 32}}, (False, False)),
        ({"uri": "pkg:generic/os@9", "digest": {"md5": "d" * 32}}, (True, False)),
        ({"name": "a.tgz", "digest": {"sha256": "b" * 64}}, (False, False)),
        ({"name": "other", "digest": {"sha256": "c" * 64}}, (True, True)),
    ],
)
def test_a_csaf_claim_is_outside_when_no_name_of_its_products_is_a_subject(
    subject: Any, outside: tuple[bool, bool]
) -> None:
    files = [{"filename": "a.tgz", "file_hashes": [{"algorithm": "sha256", "value": "b" * 64}]}]
    facts = read(csaf(hashes=files), OWN, subject)
    found = [claim.get("outside_subjects", False) for claim in claims_of(facts).values()]
    assert tuple(found) == outside


def test_a_real_advisory_says_in_a_statement_what_it_says_alone() -> None:
    document = json.loads(RHSA.read_bytes())
    alone, attested = facts_of(RHSA.read_bytes()), read(document)
    assert len(claims_of(alone)) == len(claims_of(attested)) > 0
    assert alone.occurred == attested.occurred
    assert all(claim["outside_subjects"] for claim in claims_of(attested).values())
    tree = ("contains", "specializes", "depends_on", "alternate")
    inner = {(e.relation, e.target) for e in alone.edges if "#" not in e.source + e.target}
    outer = {(e.relation, e.target) for e in attested.edges}
    assert {pair for pair in inner if pair[0] in tree} <= outer


@pytest.mark.parametrize(
    ("document", "mark", "value"),
    [
        (csaf(), "format", "CSAF"),
        (vex(), "format", "OpenVEX"),
        (report({"ruleId": "R1"}), "error", 1),
    ],
)
@pytest.mark.parametrize("wrap", ["as it is", "object", "text"])
def test_a_document_is_read_as_it_is_and_as_cosign_wraps_it(
    document: Any, mark: str, value: Any, wrap: str
) -> None:
    stamp = "2024-05-06T07:08:09Z"
    predicate, kind = document, OWN
    if wrap == "object":
        predicate, kind = {"Data": document, "Timestamp": stamp}, COSIGN
    if wrap == "text":
        predicate, kind = {"Data": json.dumps(document) + "\n", "Timestamp": stamp}, COSIGN
    facts = read(predicate, kind)
    assert properties(facts, DOCUMENT)[mark] == value
    assert (DOCUMENT, SUBJECT) in edges(facts, "describes")
    if mark == "error" and wrap != "as it is":
        assert facts.occurred == "2024-05-06T07:08:09.000000Z"


@pytest.mark.parametrize("sbom", [CYCLONEDX, SPDX])
@pytest.mark.parametrize("wrap", [lambda d: d, lambda d: {"Data": d, "Timestamp": ""}])
def test_an_sbom_is_read_for_the_subject_under_any_type(sbom: Any, wrap: Any) -> None:
    for kind in (OWN, "https://cyclonedx.org/bom", "https://spdx.dev/Document"):
        facts = read(wrap(sbom), kind)
        assert "pkg:npm/left@1" in {node.id for node in facts.nodes}
        assert (DOCUMENT, SUBJECT) in edges(facts, "describes")


def test_an_sbom_of_several_subjects_that_names_none_of_them_is_of_each() -> None:
    other = "sha256:" + "b" * 64
    two = ({"digest": {"sha256": SHA256}}, {"digest": {"sha256": "b" * 64}})
    left = CYCLONEDX["components"][0] | {"bom-ref": "left"}  # type: ignore[index]
    said = {"id": "CVE-2024-0001", "affects": [{"ref": "app"}, {"ref": "left"}]}
    main = {"type": "application", "name": "app", "bom-ref": "app"}
    bom = CYCLONEDX | {
        "metadata": {"component": main},
        "components": [left],
        "dependencies": [{"ref": "app", "dependsOn": ["left"]}],
        "vulnerabilities": [said],
    }
    facts = read(bom, "https://cyclonedx.org/bom", *two)
    for relation in ("contains", "depends_on"):
        assert {(SUBJECT, "pkg:npm/left@1"), (other, "pkg:npm/left@1")} <= edges(facts, relation)
    (claim,) = claims_of(facts)
    assert {(claim, SUBJECT), (claim, other)} <= edges(facts, "describes")
    within = [
        (e.properties or {}).get("within") for e in facts.edges if "within" in (e.properties or {})
    ]
    assert within == [[SUBJECT, other]]
    assert {(DOCUMENT, SUBJECT), (DOCUMENT, other)} <= edges(facts, "describes")


@pytest.mark.parametrize("named", ["a", "b"])
def test_an_sbom_of_several_subjects_that_names_one_is_of_that_one(named: str) -> None:
    two = ({"digest": {"sha256": SHA256}}, {"digest": {"sha256": "b" * 64}})
    hashes = [{"alg": "SHA-256", "content": named * 64}]
    main = {"type": "application", "name": "app", "hashes": hashes}
    facts = read(CYCLONEDX | {"metadata": {"component": main}}, "https://cyclonedx.org/bom", *two)
    assert edges(facts, "contains") == {(f"sha256:{named * 64}", "pkg:npm/left@1")}
    assert len(edges(facts, "describes")) == 2


def test_a_subject_that_is_a_part_of_another_gets_no_parts_of_it() -> None:
    two = ({"digest": {"sha256": SHA256}}, {"digest": {"sha256": "b" * 64}})
    file = {"type": "file", "name": "f", "hashes": [{"alg": "SHA-256", "content": "b" * 64}]}
    components = [*CYCLONEDX["components"], file]  # type: ignore[misc]
    facts = read(CYCLONEDX | {"components": components}, OWN, *two)
    assert {source for source, _ in edges(facts, "contains")} == {SUBJECT}


def test_contents_that_are_too_many_for_every_subject_are_of_the_first_and_it_is_said(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(embedded, "SHARED_EDGES_MAX", 1)
    listed = [{"name": n, "digest": {"sha256": n * 64}} for n in ("a", "b", "c")]
    facts = read(CYCLONEDX, "https://cyclonedx.org/bom", *listed)
    assert {source for source, _ in edges(facts, "contains")} == {SUBJECT}
    assert properties(facts, DOCUMENT)["contents_of_first_subject"] is True


def test_test_results_in_xml_are_counted_on_the_attestation_of_their_subject() -> None:
    facts = read({"Data": JUNIT, "Timestamp": ""}, COSIGN)
    counts = properties(facts, DOCUMENT)
    assert (counts["tests"], counts["failures"], counts["failed_tests"]) == (2, 1, ["C.fails"])
    assert facts.occurred == "2024-01-02T03:04:05.000000Z"
    assert edges(facts, "describes") == {(DOCUMENT, SUBJECT), (DOCUMENT, f"gitCommit:{COMMIT}")}
    assert [n.kind for n in facts.nodes if n.id == DOCUMENT] == ["attestation"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("SPDXVersion: SPDX-2.3\nDataLicense: CC0-1.0\n", "SPDX tag-value text"),
        ("reviewed by hand", "text"),
        ('{"a": 1', "text"),
        ("<testsuites><testsuite", "not XML"),
        ("\ud800", "text"),
    ],
)
def test_text_that_is_not_read_leaves_the_attestation_and_says_why(text: str, said: str) -> None:
    for predicate, kind in (
        ({"Data": text, "Timestamp": "2024-01-02T03:04:05Z"}, COSIGN),
        (text, "https://spdx.dev/Document"),
    ):
        facts = read(predicate, kind)
        assert said in properties(facts, DOCUMENT)["predicate_unread"]
        assert edges(facts, "describes") == {(DOCUMENT, SUBJECT)}


def test_spdx_as_text_is_read_when_it_is_json_and_no_other_predicate_may_be_text() -> None:
    facts = read(json.dumps(SPDX), "https://spdx.dev/Document")
    assert "pkg:npm/left@1" in {node.id for node in facts.nodes}
    with pytest.raises(Malformed, match="at predicate: expected an object"):
        read(json.dumps(CYCLONEDX), "https://cyclonedx.org/bom")


BROKEN = [
    ("https://openvex.dev/ns/v0.2.0", vex({"status": "maybe"}), r"predicate\.statements\[0\]"),
    ("https://openvex.dev/ns/v0.2.0", {"author": "x"}, r"at predicate\.@id"),
    ("https://example.com/csaf", csaf() | {"vulnerabilities": 7}, r"at predicate\.vulnerabil"),
    ("https://example.com/sarif", report() | {"runs": [{}]}, r"at predicate\.runs\[0\]\.tool"),
    ("https://spdx.dev/Document", SPDX | {"packages": 7}, "packages"),
]


@pytest.mark.parametrize(("kind", "document", "message"), BROKEN)
def test_a_broken_document_is_refused_where_the_type_names_its_kind(
    kind: str, document: Any, message: str
) -> None:
    with pytest.raises(Malformed, match=message):
        read(document, kind)


@pytest.mark.parametrize(
    "document", [broken[1] for broken in BROKEN if broken[1] != {"author": "x"}]
)
def test_under_another_type_it_leaves_the_attestation_with_nothing_half_read(document: Any) -> None:
    facts = read(document, OWN)
    assert properties(facts, DOCUMENT)["predicate_unread"]
    assert [(e.relation, e.target) for e in facts.edges] == [("describes", SUBJECT)]
    assert len(facts.nodes) == 2


@pytest.mark.parametrize(
    ("kind", "document"),
    [
        ("https://openvex.dev/ns/v9", vex() | {"@context": "https://openvex.dev/ns/v9.0.0"}),
        ("https://example.com/csaf", {"document": {"csaf_version": "9"}}),
        ("https://example.com/sarif", report() | {"version": "9"}),
        (OWN, {"version": "3", "runs": 12}),
    ],
)
def test_a_version_that_is_not_read_leaves_the_attestation(kind: str, document: Any) -> None:
    facts = read(document, kind)
    assert properties(facts, DOCUMENT)["predicate_unread"]
    assert edges(facts, "describes") == {(DOCUMENT, SUBJECT)}


@pytest.mark.parametrize(
    "predicate",
    [
        {},
        {"Data": None, "Timestamp": None},
        {"Data": 7},
        {"Data": {"Data": CYCLONEDX}},
        {"Data": CYCLONEDX, "more": 1},
        {"Timestamp": 7, "Data": [CYCLONEDX]},
    ],
)
def test_what_is_no_document_says_no_more_than_its_subjects(predicate: Any) -> None:
    facts = read(predicate, COSIGN)
    assert edges(facts, "describes") == {(DOCUMENT, SUBJECT)}
    assert len(facts.nodes) == 2
    assert "predicate_unread" not in properties(facts, DOCUMENT)


def test_a_limit_holds_for_what_is_wrapped_too() -> None:
    with pytest.raises(LimitPassed):
        read({"Data": '{"a":' * 200 + "1" + "}" * 200, "Timestamp": ""}, COSIGN)


def test_an_attested_cyclonedx_vex_of_another_document_is_outside_the_subjects() -> None:
    link = "urn:cdx:3e671687-395b-41f5-a30f-a58921a69b79/1#left"
    inside = CYCLONEDX["components"][0] | {"bom-ref": "left"}  # type: ignore[index]
    document = CYCLONEDX | {
        "components": [inside],
        "vulnerabilities": [
            {"id": "CVE-2024-0001", "affects": [{"ref": link}]},
            {"id": "CVE-2024-0002", "affects": [{"ref": "left"}, {"ref": link}]},
            {"id": "CVE-2024-0003"},
        ],
    }
    found = claims_of(read(document, "https://cyclonedx.org/bom"))
    assert [c.get("outside_subjects", False) for c in found.values()] == [True, False, False]
    alone = claims_of(facts_of(json.dumps(document).encode()))
    assert not any("outside_subjects" in claim for claim in alone.values())


def test_an_envelope_around_it_changes_nothing() -> None:
    payload = base64_strict.encode(json.dumps(said(csaf())).encode())
    envelope = {
        "payloadType": "application/vnd.in-toto+json",
        "payload": payload,
        "signatures": [{"sig": "YQ=="}],
    }
    facts = facts_of(json.dumps(envelope).encode())
    assert {c["status"] for c in claims_of(facts).values()} == {"fixed", "affected"}


_values = st.sampled_from([None, True, 0, "", "x", [], ["x"], {}, [{}], {"name": "x"}, JUNIT])


@given(
    kind=st.sampled_from([OWN, COSIGN, "https://openvex.dev/ns", "https://spdx.dev/Document"]),
    which=st.integers(0, 5),
    place=st.integers(min_value=0),
    value=_values,
)
@settings(max_examples=300, deadline=None)
def test_one_change_gives_whole_facts_or_a_refusal(
    kind: str, which: int, place: int, value: Any
) -> None:
    documents = [csaf(), vex(), report({"ruleId": "R1"}), CYCLONEDX, SPDX, {"Data": JUNIT}]
    predicate = with_one_change({"predicate": documents[which]}, place, value)["predicate"]
    with contextlib.suppress(Refused):
        facts = read(predicate, kind)
        ids = {node.id for node in facts.nodes}
        assert all({edge.source, edge.target} <= ids for edge in facts.edges)
        assert (DOCUMENT, SUBJECT) in edges(facts, "describes")
