"""SPDX: what becomes of a document, what is refused, and that nothing else comes out."""

from __future__ import annotations

import contextlib
import copy
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.paths import DATA
from tests.unit.formats.test_cyclonedx import (
    DOCUMENT,
    JSON,
    SHA256,
    assert_whole,
    edges,
    kinds,
    load,
    places,
    properties,
)
from wherefrom.errors import Malformed, Refused, Unsupported
from wherefrom.formats import spdx
from wherefrom.formats.facts import Facts, FactsBuilder

SUPPLY = DATA / "supply"
GUAC = SUPPLY / "guac/internal/testing/testdata/exampledata"
REAL = sorted(
    path
    for folder in ("guac", "guac-data", "chainloop", "witness")
    for path in (SUPPLY / folder).rglob("*.json")
    if b'"spdxVersion"' in path.read_bytes() and b'"predicateType"' not in path.read_bytes()
)
BROKEN = {
    "invalid-spdx.json": "at spdxVersion: expected a string",
    "invalid-spdx-identifier-spdx.json": "a required field is missing, at SPDXID",
}


def read(document: dict[str, Any]) -> Facts:
    return spdx.facts(document, document_id=DOCUMENT)


def package(ref: str, **fields: Any) -> dict[str, Any]:
    return {"SPDXID": f"SPDXRef-{ref}", "name": ref, **fields}


def purl(text: str) -> dict[str, Any]:
    reference = {"referenceCategory": "PACKAGE-MANAGER", "referenceType": "purl"}
    return {"externalRefs": [{**reference, "referenceLocator": text}]}


def document(*relations: tuple[str, str, str], **fields: Any) -> dict[str, Any]:
    return {
        "spdxVersion": "SPDX-2.3",
        "SPDXID": "SPDXRef-DOCUMENT",
        "name": "doc",
        "documentNamespace": "https://example.com/doc",
        "relationships": [
            {
                "spdxElementId": f"SPDXRef-{source}",
                "relationshipType": kind,
                "relatedSpdxElement": target if ":" in target else f"SPDXRef-{target}",
            }
            for source, kind, target in relations
        ],
        **fields,
    }


A, B, C = (f"pkg:npm/{name}@1" for name in "abc")
PACKAGES = [package(name, **purl(f"pkg:npm/{name}@1")) for name in "abc"]


@pytest.mark.parametrize("path", REAL, ids=lambda p: f"{p.parent.name}-{p.name}")
def test_every_real_document_is_read_whole(path: Path) -> None:
    value = load(path)
    assert spdx.recognises(value)
    if path.name in BROKEN:
        with pytest.raises(Malformed, match=BROKEN[path.name]):
            read(value)
        return
    facts = read(value)
    assert_whole(facts)
    reached = {e.target for e in facts.edges} | {e.source for e in facts.edges}
    assert {n.id for n in facts.nodes} <= reached
    assert facts.type.endswith(value["spdxVersion"].removeprefix("SPDX-"))


def test_antlr_in_kube_apiserver_has_the_id_it_has_everywhere() -> None:
    facts = read(
        load(SUPPLY / "guac-data/docs/spdx/syft-spdx-k8s.gcr.io-kube-apiserver.v1.25.2.json")
    )
    antlr = [n.id for n in facts.nodes if "antlr4" in n.id]
    assert len(antlr) == 1
    assert antlr[0].startswith("pkg:golang/github.com/antlr/antlr4/runtime/go/antlr@")
    # Older syft names no subject, so the document itself holds its packages.
    assert (DOCUMENT, antlr[0]) in edges(facts, "contains")
    assert (DOCUMENT, "software:syft@0.57.0") in edges(facts, "attributed_to")


def test_an_image_is_described_by_digest_and_contains_packages_that_contain_files() -> None:
    facts = read(load(SUPPLY / "witness/test/sbom.spdx.json"))
    image = "sha256:1c3b93ed450e26eac89b471d6d140e2f99488f489739b8b8ea5e8202dd086f82"
    assert edges(facts, "describes") == {(DOCUMENT, image)}
    assert kinds(facts)[image] == "image"
    musl = next(n.id for n in facts.nodes if n.id.startswith("pkg:apk/alpine/musl@"))
    busybox = next(n.id for n in facts.nodes if n.id.startswith("pkg:apk/alpine/busybox@"))
    assert (image, musl) in edges(facts, "contains")
    assert (busybox, musl) in edges(facts, "depends_on")
    file = "sha256:19f15cbea8d91421f7f8d5086a494048d305a922a8cad88f0a4836299411ac12"
    assert (busybox, file) in edges(facts, "contains")


def test_an_image_index_contains_its_platforms_and_is_derived_from_its_base() -> None:
    facts = read(load(GUAC / "go-spdx-multi-arch_3.json"))
    index = "sha256:534035553d1270a98dab3512fde0987e7709ec6b878c8fd60fdaf0d8e1611979"
    amd64 = "sha256:a743268cd3c56f921f3fb706cc0425c8ab78119fd433e38bb7c5dcd5635b0d10"
    base = "sha256:29fb66034dd7174ddd2538a69b84127db1b072f3f7714d9f3a8f8d598ef19ce9"
    assert (index, amd64) in edges(facts, "contains")
    assert edges(facts, "derived_from") == {(index, base)}


@pytest.mark.parametrize(
    ("kind", "relation", "edge"),
    [
        ("CONTAINS", "contains", (A, B)),
        ("CONTAINED_BY", "contains", (B, A)),
        ("DEPENDS_ON", "depends_on", (A, B)),
        ("DEPENDENCY_OF", "depends_on", (B, A)),
        ("BUILD_DEPENDENCY_OF", "depends_on", (B, A)),
        ("TEST_DEPENDENCY_OF", "depends_on", (B, A)),
        ("STATIC_LINK", "depends_on", (A, B)),
        ("GENERATED_FROM", "derived_from", (A, B)),
        ("GENERATES", "derived_from", (B, A)),
        ("ANCESTOR_OF", "derived_from", (B, A)),
    ],
)
def test_both_directions_of_a_relationship_are_one_edge(
    kind: str, relation: str, edge: tuple[str, str]
) -> None:
    facts = read(document(("a", kind, "b"), packages=PACKAGES[:2]))
    assert edge in edges(facts, relation)
    assert edge[::-1] not in edges(facts, relation)


@pytest.mark.parametrize(
    "fields",
    [
        {"documentDescribes": ["SPDXRef-a"]},
        {"relationships": document(("DOCUMENT", "DESCRIBES", "a"))["relationships"]},
        {"relationships": document(("a", "DESCRIBED_BY", "DOCUMENT"))["relationships"]},
    ],
)
def test_the_subject_is_found_however_it_is_said_and_holds_what_nothing_places(
    fields: dict[str, Any],
) -> None:
    facts = read({**document(packages=PACKAGES), **fields})
    assert edges(facts, "describes") == {(DOCUMENT, A)}
    assert edges(facts, "contains") == {(A, B), (A, C)}
    assert (A, "https://example.com/doc#SPDXRef-a") in edges(facts, "alternate")
    assert (DOCUMENT, "https://example.com/doc") in edges(facts, "alternate")


def test_the_only_package_is_what_a_document_describes() -> None:
    assert edges(read(document(packages=PACKAGES[:1])), "describes") == {(DOCUMENT, A)}


def test_an_attested_artifact_is_the_subject_and_the_documents_own_name_an_alternate() -> None:
    attested = f"sha256:{SHA256}"
    builder = FactsBuilder(document=DOCUMENT)
    value = document(("DOCUMENT", "DESCRIBES", "a"), ("a", "DEPENDS_ON", "b"), packages=PACKAGES)
    spdx.embed(builder, value, document_id=DOCUMENT, subject=attested)
    facts = builder.build(kind="attestation", type="x")
    assert edges(facts, "describes") == {(DOCUMENT, attested)}
    assert (attested, A) in edges(facts, "alternate")
    assert edges(facts, "depends_on") == {(attested, B)}
    assert edges(facts, "contains") == {(attested, C)}


def test_what_leads_nowhere_is_left_out_and_counted() -> None:
    facts = read(
        document(
            ("a", "CONTAINS", "gone"),
            ("a", "OTHER", "b"),
            ("a", "DEPENDS_ON", "DocumentRef-x:SPDXRef-z"),
            packages=PACKAGES[:2],
            files=[
                {"SPDXID": "SPDXRef-f", "fileName": "/f"},
                {"SPDXID": "SPDXRef-g", "checksums": [{"algorithm": "SHA1", "checksumValue": "0"}]},
            ],
            externalDocumentRefs=[
                {"externalDocumentId": "DocumentRef-x", "spdxDocument": "https://example.com/x"}
            ],
        )
    )
    said = properties(facts, DOCUMENT)
    assert said["dangling_references"] == 1
    assert said["relationships_ignored"] == ["OTHER 1"]
    assert said["files_unidentified"] == 2
    assert edges(facts, "depends_on") == {(A, "https://example.com/x#SPDXRef-z")}


def test_a_file_without_identity_is_kept_when_something_is_made_from_it() -> None:
    files = [{"SPDXID": "SPDXRef-f", "fileName": "/f"}]
    facts = read(document(("a", "GENERATED_FROM", "f"), packages=PACKAGES[:1], files=files))
    assert edges(facts, "derived_from") == {(A, f"{DOCUMENT}#SPDXRef-f")}


def test_one_spdxid_for_two_things_is_refused_and_the_same_thing_twice_is_not() -> None:
    same = package("a", versionInfo="1")
    assert read(document(packages=[same, same]))
    with pytest.raises(Malformed, match=r"one SPDXID names two things, at packages\[1\]\.SPDXID"):
        read(document(packages=[same, {**same, "versionInfo": "2"}]))
    with pytest.raises(Malformed, match="one SPDXID names two things"):
        read(document(packages=[package("DOCUMENT")]))


@pytest.mark.parametrize(
    ("fields", "where"),
    [
        ({"documentNamespace": None}, "missing, at documentNamespace"),
        ({"packages": {}}, "packages: expected an array"),
        ({"packages": [{"name": "a"}]}, r"missing, at packages\[0\]\.SPDXID"),
        ({"packages": [{"SPDXID": "a"}]}, r"missing, at packages\[0\]\.name"),
        ({"files": ["f"]}, r"files\[0\]: expected an object"),
        ({"relationships": [{}]}, r"missing, at relationships\[0\]\.spdxElementId"),
        ({"creationInfo": {"creators": [1]}}, r"creators\[0\]: expected a string"),
        ({"documentDescribes": [1]}, r"documentDescribes\[0\]: expected a string"),
    ],
)
def test_a_broken_field_is_refused_by_its_path(fields: dict[str, Any], where: str) -> None:
    with pytest.raises(Malformed, match=where):
        read(document(**fields))


def test_other_versions_are_recognised_and_refused_as_unsupported() -> None:
    assert not spdx.recognises({"@context": "https://spdx.org/rdf/3.0.1/spdx-context.jsonld"})
    with pytest.raises(Unsupported, match=r"expected SPDX-2\.2 or SPDX-2\.3, got SPDX-2\.1"):
        read(document(spdxVersion="SPDX-2.1"))
    assert not spdx.recognises({"bomFormat": "CycloneDX", "@context": 1})


def test_a_time_that_cannot_be_read_is_shown_and_refuses_nothing() -> None:
    facts = read(document(creationInfo={"created": "soon", "creators": ["Person: A (a@b.c)"]}))
    assert facts.occurred is None
    assert properties(facts, DOCUMENT)["time_unread"] == "soon"
    assert "a@b.c" not in repr(facts)


SEEDS = [load(GUAC / "go-spdx-multi-arch_3.json"), load(GUAC / "alpine-small-spdx.json")]


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_a_document_changed_anywhere_gives_whole_facts_or_a_refusal(data: st.DataObject) -> None:
    value = copy.deepcopy(data.draw(st.sampled_from(SEEDS)))
    for _ in range(data.draw(st.integers(1, 3))):
        path = data.draw(st.sampled_from(places(value)))
        parent: Any = value
        for key in path[:-1]:
            parent = parent[key]
        parent[path[-1]] = data.draw(JSON)
    with contextlib.suppress(Refused):
        assert_whole(read(value))


@settings(max_examples=100, deadline=None)
@given(st.dictionaries(st.sampled_from(["packages", "files", "relationships", "name"]), JSON))
def test_any_fields_give_whole_facts_or_a_refusal(fields: dict[str, Any]) -> None:
    with contextlib.suppress(Refused):
        assert_whole(read({**document(), **fields}))


@pytest.mark.parametrize("kind", ["purl", "http://spdx.org/rdf/references/purl"])
def test_a_purl_is_one_by_its_short_type_and_by_its_iri(kind: str) -> None:
    reference = {"referenceCategory": "PACKAGE-MANAGER", "referenceType": kind}
    package = {
        "SPDXID": "SPDXRef-a",
        "name": "a",
        "externalRefs": [{**reference, "referenceLocator": "pkg:npm/a@1"}],
    }
    facts = spdx.facts(document(packages=[package]), document_id=DOCUMENT)
    assert "pkg:npm/a@1" in {node.id for node in facts.nodes}
