"""OpenVEX: what a document says of which product, what is refused, alone and inside a statement."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.paths import DATA
from tests.unit.formats.changed import need_facts_or_refusal, with_one_change
from wherefrom.errors import LimitPassed, Malformed, Unsupported
from wherefrom.formats import claims, openvex, statement, strict_json
from wherefrom.formats.facts import Facts
from wherefrom.formats.recognise import facts_of

SUPPLY = DATA / "supply"
REAL = [
    SUPPLY / "guac/internal/testing/testdata/exampledata/open-vex-affected.json",
    SUPPLY / "guac/internal/testing/testdata/exampledata/open-vex-not-affected.json",
    SUPPLY / "chainloop/internal/schemavalidators/testdata/openvex_v0.2.0.json",
]
DOCUMENT = "sha256:" + "d" * 64
FIRST = f"{DOCUMENT}#/statements[0]"
SHA256, SHA512 = "a" * 64, "b" * 128


def vex(*statements: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {
        "@context": "https://openvex.dev/ns/v0.2.0",
        "@id": "https://example.com/vex-1",
        "author": "Example",
        "timestamp": "2024-01-02T03:04:05Z",
        "version": 2,
        "statements": list(statements) or [said()],
    } | fields


def said(**fields: Any) -> dict[str, Any]:
    return {
        "vulnerability": {"name": "CVE-2024-0001"},
        "products": [{"@id": "pkg:apk/wolfi/git@2.39.0-r1?arch=x86_64"}],
        "status": "fixed",
    } | fields


def read(document: dict[str, Any]) -> Facts:
    return openvex.facts(document, document_id=DOCUMENT)


def edges(facts: Facts, relation: str) -> dict[tuple[str, str], Any]:
    return {(e.source, e.target): e.properties for e in facts.edges if e.relation == relation}


def properties(facts: Facts, id: str) -> dict[str, Any]:
    (node,) = [n for n in facts.nodes if n.id == id]
    return dict(node.properties or {})


def attested(predicate: dict[str, Any], *subjects: dict[str, Any], **fields: Any) -> Facts:
    document = {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": list(subjects),
        "predicateType": "https://openvex.dev/ns/v0.2.0",
        "predicate": predicate,
    } | fields
    return statement.facts(document, document_id=DOCUMENT)


@pytest.mark.parametrize("path", REAL, ids=lambda p: p.name)
def test_every_statement_of_a_real_document_is_a_claim_about_its_products(path: Any) -> None:
    document = strict_json.decode(path.read_bytes())
    facts = facts_of(path.read_bytes())
    assert facts.kind == "attestation"
    assert facts.type.startswith("application/vnd.openvex+json")
    told = [n for n in facts.nodes if n.kind == "claim"]
    assert [n.properties["status"] for n in told if n.properties] == [
        s["status"] for s in document["statements"]
    ]
    for claim in told:
        targets = [t for s, t in edges(facts, "describes") if s == claim.id]
        assert len(targets) >= 2, "a vulnerability and a product"
    assert facts.occurred


def test_a_claim_ties_a_status_to_a_vulnerability_a_product_and_what_is_inside_it() -> None:
    image = f"pkg:oci/git@sha256%3A{SHA256}"
    facts = read(
        vex(
            said(
                **{"@id": "https://example.com/vex-1#a"},
                vulnerability={
                    "name": "cve-2024-0001",
                    "@id": "https://nvd.example/CVE-2024-0001",
                    "aliases": ["GHSA-JFH8-C2JP-5V3Q"],
                },
                products=[
                    {"@id": image, "subcomponents": [{"@id": "pkg:apk/alpine/git@2.38.1-r0"}]}
                ],
                status="not_affected",
                justification="component_not_present",
                timestamp="2024-02-01T00:00:00+01:00",
            ),
            tooling="vexctl 0.2.6",
        )
    )
    assert properties(facts, FIRST) == {
        "status": "not_affected",
        "vulnerability": "CVE-2024-0001",
        "justification": "component_not_present",
        "timestamp": "2024-01-31T23:00:00.000000Z",
    }
    assert edges(facts, "describes") == {
        (FIRST, "CVE-2024-0001"): None,
        (FIRST, f"sha256:{SHA256}"): {"as": "product"},
        (FIRST, "pkg:apk/alpine/git@2.38.1-r0"): {
            "as": "subcomponent",
            "within": [f"sha256:{SHA256}"],
        },
    }
    alternates = edges(facts, "alternate")
    assert ("CVE-2024-0001", "GHSA-jfh8-c2jp-5v3q") in alternates
    assert (FIRST, "https://example.com/vex-1#a") in alternates
    assert edges(facts, "contains") == {(DOCUMENT, FIRST): None}
    assert edges(facts, "specializes") == {(DOCUMENT, "https://example.com/vex-1"): None}
    assert edges(facts, "attributed_to") == {(DOCUMENT, "software:vexctl@0.2.6"): None}
    assert properties(facts, DOCUMENT)["version"] == "2"
    assert facts.type == "application/vnd.openvex+json; version=0.2.0"


def test_the_first_version_with_texts_for_products_says_the_same() -> None:
    old = vex(
        said(
            vulnerability="CVE-2024-0001",
            products=["pkg:apk/wolfi/git@1?arch=arm", "pkg:apk/wolfi/git@2"],
            subcomponents=["pkg:apk/wolfi/zlib@1"],
        ),
        version="2",
        **{"@context": "https://openvex.dev/ns"},
    )
    new = vex(
        said(
            products=[
                {"@id": text, "subcomponents": [{"@id": "pkg:apk/wolfi/zlib@1"}]}
                for text in ("pkg:apk/wolfi/git@1?arch=arm", "pkg:apk/wolfi/git@2")
            ]
        )
    )
    assert edges(read(old), "describes") == edges(read(new), "describes")
    assert read(old).type == "application/vnd.openvex+json"
    assert edges(read(old), "describes")[FIRST, "pkg:apk/wolfi/zlib@1"]["within"] == [
        "pkg:apk/wolfi/git@1",
        "pkg:apk/wolfi/git@2",
    ]


def test_a_product_is_known_by_purl_or_hash_then_by_its_iri_then_in_this_document_only() -> None:
    facts = read(
        vex(
            said(
                products=[
                    {"@id": "https://example.com/app", "identifiers": {"purl": "pkg:npm/app@1"}},
                    {"hashes": {"sha-256": SHA256, "sha-512": SHA512}},
                    {"@id": "https://example.com/other", "identifiers": {"cpe23": "cpe:2.3:a:x"}},
                    {"@id": "my product"},
                ]
            )
        )
    )
    last = f"{FIRST}.products[3]"
    assert [t for s, t in edges(facts, "describes")] == [
        "CVE-2024-0001",
        "pkg:npm/app@1",
        f"sha256:{SHA256}",
        "https://example.com/other",
        last,
    ]
    assert ("pkg:npm/app@1", "https://example.com/app") in edges(facts, "alternate")
    assert properties(facts, "https://example.com/other") == {"cpe": "cpe:2.3:a:x"}
    assert properties(facts, last) == {"identity": "asserted"}


def test_the_last_change_is_when_it_occurred_and_a_time_nobody_can_read_is_shown() -> None:
    later = vex(last_updated="2024-03-01T00:00:00Z")
    assert read(later).occurred == "2024-03-01T00:00:00.000000Z"
    unread = read(vex(timestamp="yesterday"))
    assert unread.occurred is None
    assert properties(unread, DOCUMENT)["time_unread"] == "yesterday"


def test_an_attested_claim_without_products_is_about_the_subjects() -> None:
    predicate = vex({"vulnerability": {"name": "CVE-2024-0001"}, "status": "fixed"})
    facts = attested(predicate, {"name": "a", "digest": {"sha256": SHA256}})
    claim = f"{DOCUMENT}#/predicate.statements[0]"
    assert (claim, f"sha256:{SHA256}") in edges(facts, "describes")
    assert facts.type == "https://openvex.dev/ns/v0.2.0"
    assert facts.occurred == "2024-01-02T03:04:05.000000Z"
    assert properties(facts, DOCUMENT)["format"] == "OpenVEX"


@pytest.mark.parametrize(
    ("product", "inside"),
    [
        ({"@id": "pkg:apk/wolfi/git@1?arch=x86_64"}, True),
        ({"hashes": {"sha-256": SHA256}}, True),
        ({"@id": f"pkg:oci/git@sha256:{SHA256}"}, True),
        ({"@id": "pkg:apk/wolfi/git@2"}, False),
    ],
)
def test_an_attested_claim_about_none_of_the_subjects_is_marked(
    product: dict[str, Any], inside: bool
) -> None:
    subject = {"name": "pkg:apk/wolfi/git@1?arch=x86_64", "digest": {"sha256": SHA256}}
    facts = attested(vex(said(products=[product])), subject)
    claim = properties(facts, f"{DOCUMENT}#/predicate.statements[0]")
    assert claim.get("outside_subjects", False) is not inside


def test_a_predicate_of_vex_that_holds_something_else_leaves_the_attestation_as_it_is() -> None:
    facts = attested({"other": 1}, {"digest": {"sha256": SHA256}}, predicateType="text/vex")
    assert [e.relation for e in facts.edges] == ["describes"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"status": "maybe"}, r"not a VEX status, at statements\[0\]\.status: .*got maybe"),
        ({"status": None}, r"required field is missing, at statements\[0\]\.status"),
        ({"status": "not_affected"}, r"no reason given, at statements\[0\]: expected a just"),
        ({"status": "affected"}, r"nothing to do about it, at statements\[0\]: expected an act"),
        ({"justification": "because"}, r"not a VEX justification, at statements\[0\]\.justif"),
        ({"vulnerability": {}}, r"missing, at statements\[0\]\.vulnerability\.name"),
        ({"vulnerability": " "}, r"at statements\[0\]\.vulnerability: expected an object"),
        ({"vulnerability": {"name": " "}}, r"without a name, at statements\[0\]\.vulnerability"),
        ({"vulnerability": None}, r"required field is missing, at statements\[0\]\.vulnerability"),
        ({"products": "x"}, r"at statements\[0\]\.products: expected an array, got a string"),
        ({"products": [{}]}, r"that nothing names, at statements\[0\]\.products\[0\]"),
        ({"products": [1]}, r"at statements\[0\]\.products\[0\]: expected an object, got a num"),
        ({"products": [{"hashes": {"sha-256": 1}}]}, r"products\[0\]\.hashes\.sha-256: expected"),
    ],
)
def test_a_broken_statement_is_refused_and_its_field_named(
    change: dict[str, Any], message: str
) -> None:
    with pytest.raises(Malformed, match=message):
        read(vex(said(**change)))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"statements": []}, "states nothing, at statements"),
        ({"statements": None}, "required field is missing, at statements"),
        ({"@id": ""}, "required field is missing, at @id"),
        ({"author": None}, "required field is missing, at author"),
        ({"timestamp": None}, "required field is missing, at timestamp"),
        ({"version": None}, "required field is missing, at version"),
        ({"version": True}, "wrong type, at version: expected an integer, got True"),
    ],
)
def test_a_broken_document_is_refused_and_its_field_named(
    change: dict[str, Any], message: str
) -> None:
    with pytest.raises(Malformed, match=message):
        read(vex(**change))


def test_another_version_is_unsupported_and_too_many_statements_are_over_a_limit(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with pytest.raises(Unsupported, match="an OpenVEX version that is not read, at @context"):
        read(vex(**{"@context": "https://openvex.dev/ns/v9"}))
    monkeypatch.setattr(openvex, "STATEMENTS_MAX", 1)
    with pytest.raises(LimitPassed, match="too many statements, at statements: expected 1 at"):
        read(vex(said(), said()))


def test_subjects_cannot_multiply_a_small_document_into_a_large_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    about_all = {"vulnerability": {"name": "CVE-2024-0001"}, "status": "fixed"}
    subjects = [{"digest": {"sha256": digit * 64}} for digit in "abc"]
    monkeypatch.setattr(claims, "TIES_MAX", 6)
    assert attested(vex(about_all, about_all), *subjects)
    monkeypatch.setattr(claims, "TIES_MAX", 5)
    with pytest.raises(LimitPassed, match="claims too much of too many products"):
        attested(vex(about_all, about_all), *subjects)


@pytest.mark.parametrize(
    ("text", "id"),
    [
        ("cve-2021-44228", "CVE-2021-44228"),
        (" GHSA-JFH8-C2JP-5V3Q ", "GHSA-jfh8-c2jp-5v3q"),
        ("DSA-4686-1", "DSA-4686-1"),
        ("cve-x", "cve-x"),
    ],
)
def test_a_vulnerability_has_one_spelling(text: str, id: str) -> None:
    assert claims.vulnerability_id(text) == id


_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=6,
)
_FULL = vex(
    said(
        vulnerability={"name": "CVE-2024-0001", "@id": "urn:x", "aliases": ["A"]},
        products=[
            {
                "@id": "pkg:npm/a@1",
                "identifiers": {"purl": "pkg:npm/a@1", "cpe23": "cpe:2.3:a:x"},
                "hashes": {"sha-256": SHA256},
                "subcomponents": [{"@id": "x"}],
            }
        ],
        justification="component_not_present",
    )
)


@given(place=st.integers(min_value=0), value=_values)
@settings(max_examples=300, deadline=None)
def test_a_document_with_one_change_gives_facts_or_our_refusals(place: int, value: Any) -> None:
    need_facts_or_refusal(with_one_change(_FULL, place, value))
