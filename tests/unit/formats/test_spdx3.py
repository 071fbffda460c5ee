"""SPDX 3: what its elements and relationships say, what is counted, what is refused."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.formats.changed import need_facts_or_refusal, with_one_change
from wherefrom.errors import LimitPassed, Malformed, Unsupported
from wherefrom.formats import components as parts
from wherefrom.formats import spdx3, statement
from wherefrom.formats.facts import RELATIONS, Facts
from wherefrom.formats.recognise import facts_of
from wherefrom.formats.spdx3_relations import OF_BUILDS, RELATIONSHIPS

CONTEXT = "https://spdx.org/rdf/3.0.1/spdx-context.jsonld"
DOCUMENT = "sha256:" + "d" * 64
SHA256, SHA512 = "a" * 64, "b" * 128
BASE = "https://example.com/doc/"
Element = dict[str, Any]


def spdx(*elements: Element, root: str | None = "app", **document: Any) -> dict[str, Any]:
    """A document of ``elements``, whose root is the element with the short id ``root``."""
    made = {
        "type": "CreationInfo",
        "@id": "_:made",
        "specVersion": "3.0.1",
        "created": "2024-01-02T03:04:05Z",
        "createdBy": [BASE + "me", BASE + "org"],
        "createdUsing": [BASE + "tool"],
    }
    main = element("SpdxDocument", "document", name="A document", **document)
    if root:
        main["rootElement"] = [BASE + root]
    return {"@context": CONTEXT, "@graph": [made, main, *elements]}


def element(type_: str, id_: str, **fields: Any) -> Element:
    return {"type": type_, "spdxId": BASE + id_, "creationInfo": "_:made", **fields}


def package(id_: str, **fields: Any) -> Element:
    return element("software_Package", id_, name=id_, **fields)


def related(source: str, kind: str, *targets: str, **fields: Any) -> Element:
    made = {"from": BASE + source, "to": [BASE + t for t in targets], "relationshipType": kind}
    return element(fields.pop("type", "Relationship"), f"{source}-{kind}", **made, **fields)


def hashed(**hashes: str) -> list[Element]:
    return [{"type": "Hash", "algorithm": k, "hashValue": v} for k, v in hashes.items()]


APP = package("app", software_packageUrl="pkg:npm/app@1", software_packageVersion="1")
LIB = package("lib", software_packageUrl="pkg:npm/lib@2")


def read(document: dict[str, Any]) -> Facts:
    return spdx3.facts(document, document_id=DOCUMENT)


def edges(facts: Facts, relation: str) -> dict[tuple[str, str], Any]:
    return {(e.source, e.target): e.properties for e in facts.edges if e.relation == relation}


def properties(facts: Facts, id: str) -> dict[str, Any]:
    (node,) = [n for n in facts.nodes if n.id == id]
    return dict(node.properties or {})


def kinds(facts: Facts) -> dict[str, str]:
    return {n.id: n.kind for n in facts.nodes}


def test_a_document_describes_its_root_which_contains_what_no_relationship_places() -> None:
    facts = read(
        spdx(
            APP,
            LIB,
            element("Tool", "tool", name="syft-1.2.0"),
            element("Person", "me", name="Somebody"),
            element("Organization", "org", name="Example"),
            profileConformance=["core", "software"],
        )
    )
    assert (facts.kind, facts.type) == ("sbom", "application/spdx+json; version=3.0.1")
    assert facts.occurred == "2024-01-02T03:04:05.000000Z"
    assert edges(facts, "describes") == {(DOCUMENT, "pkg:npm/app@1"): None}
    assert edges(facts, "contains") == {("pkg:npm/app@1", "pkg:npm/lib@2"): None}
    assert set(edges(facts, "alternate")) == {
        (DOCUMENT, BASE + "document"),
        ("pkg:npm/app@1", BASE + "app"),
        ("pkg:npm/lib@2", BASE + "lib"),
    }
    assert set(edges(facts, "attributed_to")) == {
        (DOCUMENT, "software:syft@1.2.0"),
        (DOCUMENT, BASE + "org"),
    }
    assert properties(facts, DOCUMENT) == {
        "format": "SPDX",
        "specVersion": "SPDX-3.0.1",
        "profiles": ["core", "software"],
    }
    assert "Somebody" not in [n.name for n in facts.nodes]


def test_a_root_that_is_a_collection_stands_for_its_own_roots() -> None:
    sbom = element("software_Sbom", "sbom", rootElement=[BASE + "app"])
    facts = read(spdx(sbom, APP, LIB, related("sbom", "contains", "app", "lib"), root="sbom"))
    assert edges(facts, "describes") == {(DOCUMENT, "pkg:npm/app@1"): None}
    assert edges(facts, "contains") == {("pkg:npm/app@1", "pkg:npm/lib@2"): None}


def test_a_part_is_named_by_purl_then_by_hash_then_in_its_document_only() -> None:
    identifiers = [
        {"externalIdentifierType": "packageUrl", "identifier": "pkg:pypi/A_b@1"},
        {"externalIdentifierType": "cpe23", "identifier": "cpe:2.3:a:x"},
        {"externalIdentifierType": "swhid", "identifier": "swh:1:cnt:" + "c" * 40 + ";origin=x"},
        {"externalIdentifierType": "email", "identifier": "a@example.com"},
    ]
    content = {
        "type": "software_ContentIdentifier",
        "software_contentIdentifierType": "gitoid",
        "software_contentIdentifierValue": "gitoid:blob:sha1:" + "e" * 40,
    }
    facts = read(
        spdx(
            package("app", externalIdentifier=identifiers),
            element(
                "software_File",
                "file",
                name="x.c",
                verifiedUsing=hashed(sha256=SHA256, sha512=SHA512, md5="f" * 32),
                software_contentIdentifier=[content],
            ),
            package("lib"),
            element("software_Snippet", "part", software_snippetFromFile=BASE + "file"),
        )
    )
    file, lib, part = f"sha256:{SHA256}", f"{DOCUMENT}#{BASE}lib", f"{DOCUMENT}#{BASE}part"
    assert edges(facts, "contains") == {
        ("pkg:pypi/a-b@1", file): None,
        ("pkg:pypi/a-b@1", lib): None,
        (file, part): None,
    }
    assert {
        (file, f"sha512:{SHA512}"),
        (file, "gitoid:blob:sha1:" + "e" * 40),
        ("pkg:pypi/a-b@1", "swh:1:cnt:" + "c" * 40),
        (lib, BASE + "lib"),
    } <= set(edges(facts, "alternate"))
    assert properties(facts, "pkg:pypi/a-b@1")["cpe"] == "cpe:2.3:a:x"
    assert properties(facts, file)["hash_md5"] == "f" * 32
    assert not [n.id for n in facts.nodes if "example.com" in n.id and "@" in n.id]


def test_a_root_that_only_its_document_knows_is_asserted_and_an_image_has_its_tag() -> None:
    facts = read(spdx(package("app")))
    assert properties(facts, f"{DOCUMENT}#{BASE}app")["identity"] == "asserted"
    image = package(
        "app",
        software_primaryPurpose="container",
        software_packageVersion=f"sha256:{SHA256}",
    )
    image["name"] = "docker.io/library/caddy:2"
    facts = read(spdx(image))
    assert kinds(facts)[f"sha256:{SHA256}"] == "image"
    assert [(t.name, t.node) for t in facts.tags] == [("caddy:2", f"sha256:{SHA256}")]


@pytest.mark.parametrize("kind", RELATIONSHIPS)
def test_every_relationship_of_the_table_is_an_edge_from_effect_to_cause(kind: str) -> None:
    reading = RELATIONSHIPS[kind]
    assert reading.relation in RELATIONS
    target = element("Organization", "lib", name="Example") if reading.agent else LIB
    facts = read(spdx(package("app"), package("x"), target, related("x", kind, "lib")))
    x = f"{DOCUMENT}#{BASE}x"
    lib = BASE + "lib" if reading.agent else "pkg:npm/lib@2"
    expected = (lib, x) if reading.reversed else (x, lib)
    found = edges(facts, reading.relation)
    assert expected in found
    assert (found[expected] or {}).get("scope") == reading.scope


@pytest.mark.parametrize("kind", OF_BUILDS)
def test_every_relationship_of_a_build_is_an_edge_from_effect_to_cause(kind: str) -> None:
    reading = OF_BUILDS[kind]
    target = element("Organization", "lib", name="Example") if reading.agent else LIB
    facts = read(spdx(element("build_Build", "b"), target, related("b", kind, "lib"), root=None))
    build = f"build:{DOCUMENT}#{BASE}b"
    lib = BASE + "lib" if reading.agent else "pkg:npm/lib@2"
    expected = (lib, build) if reading.reversed else (build, lib)
    assert expected in edges(facts, reading.relation)


def test_a_build_has_its_times_its_source_and_what_it_made() -> None:
    facts = read(
        spdx(
            APP,
            element(
                "build_Build",
                "build",
                build_buildType="https://example.com/ci",
                build_buildId="run/7",
                build_buildStartTime="2024-01-01T00:00:00Z",
                build_buildEndTime="not a time",
                build_configSourceUri=["git+https://github.com/o/r.git@refs/heads/main"],
                build_configSourceDigest=[*hashed(gitCommit="1" * 40)],
            ),
            related("build", "hasOutputs", "app", type="LifecycleScopedRelationship"),
        )
    )
    build = f"build:{DOCUMENT}#{BASE}build"
    assert properties(facts, build) == {
        "buildType": "https://example.com/ci",
        "invocationId": "run/7",
        "startedOn": "2024-01-01T00:00:00.000000Z",
    }
    assert edges(facts, "generated_by") == {("pkg:npm/app@1", build): None}
    assert edges(facts, "used") == {(build, "gitCommit:" + "1" * 40): {"scope": "config"}}


def test_a_model_is_derived_from_the_dataset_it_was_trained_on() -> None:
    facts = read(
        spdx(
            element("ai_AIPackage", "app", name="model"),
            element("dataset_DatasetPackage", "data", name="data"),
            related("app", "trainedOn", "data"),
        )
    )
    model, data = f"{DOCUMENT}#{BASE}app", f"{DOCUMENT}#{BASE}data"
    assert (kinds(facts)[model], kinds(facts)[data]) == ("model", "dataset_version")
    assert edges(facts, "derived_from") == {(model, data): {"scope": "training"}}
    assert properties(facts, model)["type"] == "aipackage"


def test_assessments_are_claims_with_the_severity_that_another_gives() -> None:
    vulnerability = element(
        "security_Vulnerability",
        "cve",
        externalIdentifier=[
            {"externalIdentifierType": "cve", "identifier": "CVE-2024-0001"},
            {"externalIdentifierType": "securityOther", "identifier": "GHSA-jfh8-c2jp-5v3q"},
        ],
    )
    facts = read(
        spdx(
            APP,
            LIB,
            vulnerability,
            related(
                "cve",
                "doesNotAffect",
                "app",
                type="security_VexNotAffectedVulnAssessmentRelationship",
                security_justificationType="componentNotPresent",
                security_assessedElement=BASE + "lib",
                security_publishedTime="2024-02-01T00:00:00Z",
                security_vexVersion="1",
            ),
            related(
                "cve",
                "hasAssessmentFor",
                "app",
                type="security_CvssV3VulnAssessmentRelationship",
                security_severity="high",
            ),
            related("lib", "hasAssociatedVulnerability", "cve"),
        )
    )
    first, second = f"{DOCUMENT}#/@graph[5]", f"{DOCUMENT}#/@graph[7]"
    assert properties(facts, first) == {
        "status": "not_affected",
        "state": "doesNotAffect",
        "vulnerability": "CVE-2024-0001",
        "justification": "componentNotPresent",
        "severity": "high",
        "timestamp": "2024-02-01T00:00:00.000000Z",
        "version": "1",
    }
    assert "status" not in properties(facts, second)
    assert edges(facts, "describes") == {
        (DOCUMENT, "pkg:npm/app@1"): None,
        (first, "CVE-2024-0001"): None,
        (first, "pkg:npm/app@1"): {"as": "product"},
        (first, "pkg:npm/lib@2"): {"as": "subcomponent", "within": ["pkg:npm/app@1"]},
        (second, "CVE-2024-0001"): None,
        (second, "pkg:npm/lib@2"): {"as": "product"},
    }
    assert ("CVE-2024-0001", "GHSA-jfh8-c2jp-5v3q") in edges(facts, "alternate")


def test_a_vulnerability_without_identifier_goes_by_its_name_or_by_its_document() -> None:
    facts = read(
        spdx(
            element("security_Vulnerability", "a", name="CVE-2024-0002"),
            element("security_Vulnerability", "b"),
            root=None,
        )
    )
    assert kinds(facts)["CVE-2024-0002"] == "vulnerability"
    assert kinds(facts)[f"{DOCUMENT}#{BASE}b"] == "vulnerability"


def test_licences_stand_on_the_package() -> None:
    text = {"simplelicensing_licenseExpression": "MIT OR Apache-2.0"}
    facts = read(
        spdx(
            APP,
            element("simplelicensing_LicenseExpression", "mit", **text),
            related("app", "hasDeclaredLicense", "mit"),
            related("app", "hasConcludedLicense", "gone"),
        )
    )
    said = properties(facts, "pkg:npm/app@1")
    assert said["license_declared"] == ["MIT OR Apache-2.0"]
    assert said["license_concluded"] == [BASE + "gone"]


def test_what_published_examples_leave_out_refuses_nothing() -> None:
    loose = element("software_Package", "x", name="", packageVersion="3", packageUrl="pkg:npm/x@3")
    short = {"type": "software_File", "spdxId": "file-1", "name": "f"}
    no_ends = element("Relationship", "r", relationshipType="usesTool")
    text_end = element("Relationship", "r", relationshipType="contains", to="file-1")
    text_end["from"] = BASE + "x"
    facts = read(spdx(loose, short, no_ends, text_end, root="x"))
    assert ("pkg:npm/x@3", f"{DOCUMENT}#file-1") in edges(facts, "contains")
    assert properties(facts, "pkg:npm/x@3")["version"] == "3"


def test_what_leads_nowhere_or_says_nothing_of_origins_is_counted() -> None:
    lost = related("app", "dependsOn")
    lost["to"] = ["nowhere", "https://spdx.org/rdf/3.0.1/terms/Core/NoneElement"]
    facts = read(spdx(APP, LIB, lost, related("app", "hasTest", "lib")))
    assert properties(facts, DOCUMENT)["dangling_references"] == 1
    assert properties(facts, DOCUMENT)["relationships_ignored"] == ["hasTest 1"]
    elsewhere = related("app", "dependsOn")
    elsewhere["to"] = ["https://other.example/doc/lib"]
    found = edges(read(spdx(APP, elsewhere)), "depends_on")
    assert set(found) == {("pkg:npm/app@1", "https://other.example/doc/lib")}


def test_an_attested_artifact_is_the_subject() -> None:
    document = {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"digest": {"sha256": SHA256}}],
        "predicateType": "https://spdx.dev/Document/v3",
        "predicate": spdx(APP),
    }
    facts = statement.facts(document, document_id=DOCUMENT)
    assert edges(facts, "describes") == {(DOCUMENT, f"sha256:{SHA256}"): None}
    assert (f"sha256:{SHA256}", "pkg:npm/app@1") in edges(facts, "alternate")


def test_one_element_alone_is_a_document_too() -> None:
    facts = facts_of(json.dumps({"@context": CONTEXT, **APP}).encode())
    assert (facts.document, "pkg:npm/app@1") in edges(facts, "contains")


@pytest.mark.parametrize("version", ["3.1.0", "3.1", "3.2"])
def test_another_version_is_unsupported(version: str) -> None:
    document = spdx(APP) | {"@context": f"https://spdx.org/rdf/{version}/spdx-context.jsonld"}
    assert spdx3.recognises(document)
    with pytest.raises(Unsupported, match=f"not read, at @context: expected .*, got {version}"):
        read(document)


@pytest.mark.parametrize(
    ("elements", "message"),
    [
        ([APP, APP], r"one spdxId names two things, at @graph\[3\]\.spdxId"),
        ([{"type": "software_Package"}], r"missing, at @graph\[2\]\.spdxId"),
        ([{"spdxId": "x"}], r"missing, at @graph\[2\]\.type"),
        (["x"], r"at @graph\[2\]: expected an object"),
        ([element("Relationship", "r")], r"missing, at @graph\[2\]\.relationshipType"),
        ([related("app", "contains", "x") | {"to": [1]}], r"@graph\[2\]\.to\[0\]: expected a str"),
        ([package("x", verifiedUsing={})], r"at @graph\[2\]\.verifiedUsing: expected an array"),
        ([package("x", software_packageUrl=1)], r"@graph\[2\]\.packageUrl: expected a string"),
        (
            [package("x", externalIdentifier=[{"identifier": "x"}])],
            r"missing, at @graph\[2\]\.externalIdentifier\[0\]\.externalIdentifierType",
        ),
    ],
)
def test_a_broken_element_is_refused_and_its_field_named(elements: Any, message: str) -> None:
    with pytest.raises(Malformed, match=message):
        read(spdx(*elements))


def test_too_many_parts_are_over_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parts, "PARTS_MAX", 1)
    with pytest.raises(LimitPassed, match="too many parts"):
        read(spdx(APP, LIB))


_FULL = spdx(
    APP | {"verifiedUsing": hashed(sha256=SHA256), "externalIdentifier": [
        {"externalIdentifierType": "swhid", "identifier": "swh:1:cnt:1"}]},
    LIB,
    element("Tool", "tool", name="syft-1.2.0"),
    element("Organization", "org", name="o"),
    element("build_Build", "build", build_configSourceUri=["https://x.example"]),
    element("security_Vulnerability", "cve", name="CVE-2024-0001"),
    element("simplelicensing_LicenseExpression", "mit", simplelicensing_licenseExpression="MIT"),
    related("app", "dependsOn", "lib"),
    related("app", "hasDeclaredLicense", "mit"),
    related("build", "hasOutput", "app"),
    related("cve", "affects", "app", security_actionStatement="x"),
    related("cve", "hasAssessmentFor", "app", security_severity="low"),
)  # fmt: skip
_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8)
    | st.sampled_from(["contains", "describes", BASE + "app", "software_File", "_:made"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=6,
)  # fmt: skip


@given(place=st.integers(min_value=0), value=_values)
@settings(max_examples=400, deadline=None)
def test_a_document_with_one_change_gives_facts_or_our_refusals(place: int, value: Any) -> None:
    need_facts_or_refusal(with_one_change(_FULL, place, value))
