"""CycloneDX: what becomes of a document, what is refused, and that nothing else comes out."""

from __future__ import annotations

import contextlib
import copy
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.paths import DATA
from wherefrom.errors import Malformed, Refused, Unsupported
from wherefrom.formats import cyclonedx, strict_json
from wherefrom.formats.facts import Facts, FactsBuilder

SUPPLY = DATA / "supply"
GUAC = SUPPLY / "guac/internal/testing/testdata/exampledata"
DOCUMENT = "sha256:" + "d" * 64
SHA256, SHA512 = "a" * 64, "b" * 128
REAL = sorted(
    path
    for folder in ("guac", "guac-data", "cyclonedx-bom-examples", "chainloop", "witness")
    for path in (SUPPLY / folder).rglob("*.json")
    if b'"CycloneDX"' in path.read_bytes() and b'"predicateType"' not in path.read_bytes()
)
BROKEN = {
    "sbom.cyclonedx-invalid-schema.json": "at components: expected an array",
    "sbom.cyclonedx-duplicated.json": r"holds one thing twice, at components\[1\]",
    "small-legal-cyclonedx.json": r"at components\[3\]\.hashes\[0\]\.content: expected 32",
    "small-legal-cyclonedx-no-inline.json": r"at components\[3\]\.hashes\[0\]\.content: expe",
}


def read(document: dict[str, Any]) -> Facts:
    return cyclonedx.facts(document, document_id=DOCUMENT)


def bom(**fields: Any) -> dict[str, Any]:
    """A document; what has a name and no type, as a component must, is a library."""
    made = {"bomFormat": "CycloneDX", "specVersion": "1.5", "version": 1, **copy.deepcopy(fields)}
    stack: list[Any] = [made.get("components"), made.get("metadata")]
    while stack:
        item = stack.pop()
        if isinstance(item, dict) and "name" in item and "tools" not in item:
            item.setdefault("type", "library")
        if isinstance(item, dict):
            stack += [item.get(k) for k in ("component", "components", "pedigree", "ancestors")]
        elif isinstance(item, list):
            stack += item
    return made


def load(path: Path) -> dict[str, Any]:
    value: dict[str, Any] = strict_json.decode(path.read_bytes())
    return value


def edges(facts: Facts, relation: str) -> set[tuple[str, str]]:
    return {(e.source, e.target) for e in facts.edges if e.relation == relation}


def properties(facts: Facts, id: str) -> dict[str, Any]:
    (node,) = [n for n in facts.nodes if n.id == id]
    return dict(node.properties or {})


def kinds(facts: Facts) -> dict[str, str]:
    return {n.id: n.kind for n in facts.nodes}


def assert_whole(facts: Facts) -> None:
    ids = {n.id for n in facts.nodes}
    assert all(e.source in ids and e.target in ids for e in facts.edges)
    assert all(t.node in ids for t in facts.tags)
    assert DOCUMENT in ids
    json.dumps([n.properties for n in facts.nodes])


@pytest.mark.parametrize("path", REAL, ids=lambda p: f"{p.parent.name}-{p.name}")
def test_every_real_document_is_read_whole(path: Path) -> None:
    document = load(path)
    assert cyclonedx.recognises(document)
    if path.name in BROKEN:
        with pytest.raises(Malformed, match=BROKEN[path.name]):
            read(document)
        return
    facts = read(document)
    assert_whole(facts)
    assert facts.type.endswith(f"version={document['specVersion']}")
    if (document.get("metadata") or {}).get("component"):
        assert edges(facts, "describes")


def test_antlr_written_with_a_capital_go_has_its_one_id_under_the_caddy_image() -> None:
    path = SUPPLY / "guac-data/docs/cyclonedx/syft-cyclonedx-docker.io-library-caddy.latest.json"
    assert b"runtime/Go/antlr" in path.read_bytes()
    facts = read(load(path))
    image = "sha256:7992b931b7da3cf0840dd69ea74b2c67d423faf03408da8abdc31b7590a239a7"
    (antlr,) = [n.id for n in facts.nodes if "antlr4" in n.id]
    assert antlr.startswith("pkg:golang/github.com/antlr/antlr4/runtime/go/antlr@v")
    assert (image, antlr) in edges(facts, "contains")
    assert (DOCUMENT, image) in edges(facts, "describes")
    assert (DOCUMENT, "software:syft@0.57.0") in edges(facts, "attributed_to")
    assert kinds(facts)[image] == "image"
    assert [(t.name, t.node) for t in facts.tags] == [("caddy:latest", image)]
    assert facts.occurred == "2022-10-20T19:56:48.000000Z"


def test_a_component_is_named_by_purl_then_by_strong_hash_then_in_its_document_only() -> None:
    hashes = [
        {"alg": "SHA-1", "content": "c" * 40},
        {"alg": "SHA-512", "content": SHA512},
        {"alg": "SHA-256", "content": SHA256},
    ]
    facts = read(
        bom(
            components=[
                {"name": "a", "bom-ref": "1", "purl": "pkg:pypi/A_b@1", "hashes": hashes[:1]},
                {"name": "b", "bom-ref": "2", "hashes": hashes},
                {"name": "c", "bom-ref": "3", "version": "1"},
                {"name": "c"},
            ]
        )
    )
    assert kinds(facts) == {
        DOCUMENT: "sbom",
        "pkg:pypi/a-b@1": "package",
        f"sha256:{SHA256}": "artifact",
        f"sha512:{SHA512}": "artifact",
        f"{DOCUMENT}#3": "component",
        f"{DOCUMENT}#/components[3]": "component",
    }
    assert properties(facts, "pkg:pypi/a-b@1")["hash_sha1"] == "c" * 40
    assert edges(facts, "alternate") == {(f"sha256:{SHA256}", f"sha512:{SHA512}")}
    assert len(edges(facts, "contains")) == 4


def test_a_package_contains_the_file_its_hash_names_and_is_not_that_file() -> None:
    facts = read(
        bom(
            components=[
                {
                    "name": "a",
                    "purl": "pkg:pypi/a@1?arch=x86&file_name=a.whl",
                    "hashes": [{"alg": "SHA-256", "content": SHA256}],
                }
            ]
        )
    )
    assert ("pkg:pypi/a@1", f"sha256:{SHA256}") in edges(facts, "contains")
    assert edges(facts, "alternate") == set()
    said = properties(facts, "pkg:pypi/a@1")
    assert (said["purl"], said["arch"]) == ("pkg:pypi/a@1?arch=x86&file_name=a.whl", "x86")


def test_the_hash_of_nothing_names_nothing() -> None:
    empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    for content in (empty, "0" * 64):
        hashes = [{"alg": "SHA-256", "content": content}]
        facts = read(bom(components=[{"name": "a", "bom-ref": "1", "hashes": hashes}]))
        assert f"{DOCUMENT}#1" in kinds(facts)


def test_an_image_purl_names_the_image_by_its_digest_and_its_tag() -> None:
    facts = read(load(GUAC / "cyclonedx-components-nested.json"))
    image = "sha256:41d92dafa5ccbf7f76fa81c5a0e7de83c51166f27bea9b98df018f644016bf04"
    package = f"pkg:oci/mandrel-for-jdk-21-rhel8@{image}"
    assert (image, package) in edges(facts, "alternate")
    assert edges(facts, "contains") == {
        (image, "pkg:rpm/redhat/abattis-cantarell-fonts@0.0.25-6.el8"),
        (image, "pkg:maven/compiler/compiler@23.1.4.0-1-redhat-00001"),
    }
    assert facts.tags[0].name == "quarkus/mandrel-for-jdk-21-rhel8:23.1-13.1724180416"


def test_nested_components_hang_from_theirs_and_dependencies_follow_references() -> None:
    nested = {"name": "in", "bom-ref": "in", "purl": "pkg:npm/in@1"}
    facts = read(
        bom(
            metadata={"component": {"name": "app", "bom-ref": "app"}},
            components=[{"name": "o", "bom-ref": "o", "components": [nested]}],
            dependencies=[
                {"ref": "app", "dependsOn": ["o", "gone"]},
                {"ref": "o", "dependsOn": ["in"]},
                {"ref": "lost", "dependsOn": []},
            ],
        )
    )
    app, outer = f"{DOCUMENT}#app", f"{DOCUMENT}#o"
    assert edges(facts, "contains") == {(app, outer), (outer, "pkg:npm/in@1")}
    assert edges(facts, "depends_on") == {(app, outer), (outer, "pkg:npm/in@1")}
    assert properties(facts, DOCUMENT)["dangling_references"] == 2
    assert properties(facts, app)["identity"] == "asserted"


def test_an_attested_artifact_is_the_subject_and_the_documents_own_name_an_alternate() -> None:
    attested = f"sha256:{SHA256}"
    app = {"name": "app", "bom-ref": "app", "purl": "pkg:npm/app@1"}
    document = bom(
        metadata={"component": app},
        components=[app, {"name": "b", "bom-ref": "b", "purl": "pkg:npm/b@1"}],
        dependencies=[{"ref": "app", "dependsOn": ["b"]}],
    )
    builder = FactsBuilder(document=DOCUMENT)
    cyclonedx.embed(builder, document, document_id=DOCUMENT, subject=attested)
    facts = builder.build(kind="attestation", type="x")
    assert edges(facts, "describes") == {(DOCUMENT, attested)}
    assert edges(facts, "alternate") == {(attested, "pkg:npm/app@1")}
    assert edges(facts, "contains") == {(attested, "pkg:npm/b@1")}
    assert edges(facts, "depends_on") == {(attested, "pkg:npm/b@1")}


def test_an_attested_digest_and_another_digest_are_never_called_one_thing() -> None:
    other = {"type": "container", "name": "app", "version": "sha256:" + "e" * 64}
    builder = FactsBuilder(document=DOCUMENT)
    cyclonedx.embed(
        builder,
        bom(metadata={"component": other}),
        document_id=DOCUMENT,
        subject=f"sha256:{SHA256}",
    )
    facts = builder.build(kind="attestation", type="x")
    assert edges(facts, "alternate") == set()
    assert len(edges(facts, "describes")) == 2


def test_a_vex_document_meets_the_bom_it_speaks_of_through_its_bom_link() -> None:
    folder = SUPPLY / "cyclonedx-bom-examples/VEX/Use-Cases/Case-6"
    product = read(load(folder / "bom-1.json"))
    vex = read(load(folder / "vex.json"))
    link = "urn:cdx:2c385cf7-e1ee-46e9-a51c-13de1ecb380a/1#acme-product-1"
    assert (f"{DOCUMENT}#acme-product-1", link) in edges(product, "alternate")
    described = edges(vex, "describes")
    (claim,) = [source for source, target in described if target == "CVE-2020-25649"]
    assert (claim, link) in described
    assert (DOCUMENT, claim) in edges(vex, "contains")
    assert properties(vex, claim)["status"] == "not_affected"


def test_a_vulnerability_is_a_claim_about_a_part_within_the_subject() -> None:
    flaw = {
        "id": "cve-2024-0001",
        "references": [{"id": "GHSA-JFH8-C2JP-5V3Q"}, {"id": "SNYK-1"}],
        "ratings": [{"severity": "low"}, {"severity": "critical"}],
        "analysis": {
            "state": "exploitable",
            "justification": "code_not_reachable",
            "response": ["update"],
            "lastUpdated": "2024-01-02T03:04:05Z",
        },
        "affects": [
            {"ref": "lib", "versions": [{"version": "1", "status": "affected"}, {"range": "x"}]},
            {"ref": "gone"},
        ],
    }
    document = bom(
        metadata={"component": {"name": "app", "bom-ref": "app", "purl": "pkg:npm/app@1"}},
        components=[{"name": "lib", "bom-ref": "lib", "purl": "pkg:npm/lib@1"}],
        vulnerabilities=[flaw, {"id": "CVE-2024-0002", "affects": [{"ref": "app"}]}],
    )
    facts = read(document)
    first, second = (f"{DOCUMENT}#/vulnerabilities[{n}]" for n in (0, 1))
    said = {(e.source, e.target): e.properties for e in facts.edges if e.relation == "describes"}
    assert said == {
        (DOCUMENT, "pkg:npm/app@1"): None,
        (first, "CVE-2024-0001"): None,
        (first, "pkg:npm/app@1"): {"as": "product"},
        (first, "pkg:npm/lib@1"): {
            "as": "subcomponent",
            "within": ["pkg:npm/app@1"],
            "versions": ["1 affected", "x affected"],
        },
        (second, "CVE-2024-0002"): None,
        (second, "pkg:npm/app@1"): {"as": "product"},
    }
    assert properties(facts, first) == {
        "status": "affected",
        "state": "exploitable",
        "vulnerability": "CVE-2024-0001",
        "justification": "code_not_reachable",
        "action": ["update"],
        "severity": "critical",
        "timestamp": "2024-01-02T03:04:05.000000Z",
    }
    assert properties(facts, second) == {"vulnerability": "CVE-2024-0002"}
    assert edges(facts, "alternate") == {("CVE-2024-0001", "GHSA-jfh8-c2jp-5v3q")}
    assert properties(facts, DOCUMENT)["dangling_references"] == 1


def test_compositions_say_how_complete_the_lists_of_a_component_are() -> None:
    facts = read(
        bom(
            components=[{"name": "a", "bom-ref": "1", "purl": "pkg:npm/a@1"}],
            compositions=[
                {"aggregate": "complete", "assemblies": ["1", "gone"]},
                {"aggregate": "incomplete", "dependencies": ["1"]},
            ],
        )
    )
    assert properties(facts, "pkg:npm/a@1") == {
        "type": "library",
        "composition_assemblies": "complete",
        "composition_dependencies": "incomplete",
    }
    assert kinds(facts)["pkg:npm/a@1"] == "package"
    assert properties(facts, DOCUMENT)["dangling_references"] == 1


def test_pedigree_says_what_a_component_was_derived_from() -> None:
    pedigree = {
        "ancestors": [{"name": "up", "purl": "pkg:npm/up@1"}],
        "commits": [{"uid": "F" * 40}],
    }
    facts = read(bom(components=[{"name": "a", "purl": "pkg:npm/a@1", "pedigree": pedigree}]))
    assert edges(facts, "derived_from") == {
        ("pkg:npm/a@1", "pkg:npm/up@1"),
        ("pkg:npm/a@1", "gitCommit:" + "f" * 40),
    }


def test_a_purl_that_cannot_be_read_is_shown_and_refuses_nothing() -> None:
    facts = read(bom(components=[{"name": "a", "bom-ref": "1", "purl": "pkg:swift/a@1"}]))
    assert properties(facts, f"{DOCUMENT}#1")["purl_unread"] == "pkg:swift/a@1"


@pytest.mark.parametrize("text", ["yesterday", "2024-01-01T00:00:00", "2020-04-13", 17])
def test_a_time_that_is_none_is_refused(text: object) -> None:
    with pytest.raises(Malformed, match=r"at metadata\.timestamp: expected"):
        read(bom(metadata={"timestamp": text}))


def test_one_reference_for_two_things_is_refused_but_not_the_subject_listed_again() -> None:
    same = {"name": "a", "bom-ref": "1", "version": "1"}
    assert len(read(bom(metadata={"component": same}, components=[same])).nodes) == 2
    with pytest.raises(Malformed, match=r"holds one thing twice, at components\[1\]"):
        read(bom(components=[same, same]))
    with pytest.raises(Malformed, match="one bom-ref names two things, at components"):
        read(bom(metadata={"component": same}, components=[{**same, "version": "2"}]))
    with pytest.raises(Malformed, match=r"one bom-ref names two things, at components\[1\]"):
        read(bom(components=[same, {**same, "version": "2"}]))
    with pytest.raises(Malformed, match="one bom-ref names two things"):
        read(bom(components=[same, {**same, "purl": "pkg:npm/a@1"}]))


@pytest.mark.parametrize(
    ("fields", "where"),
    [
        ({"bomFormat": "CDX"}, "bomFormat: expected CycloneDX, got CDX"),
        ({"specVersion": 1.5}, "specVersion: expected a string"),
        ({"version": "1"}, "version: expected an integer"),
        ({"metadata": []}, "metadata: expected an object"),
        ({"metadata": {"tools": "syft"}}, r"metadata\.tools: expected an array"),
        ({"components": {}}, "components: expected an array"),
        ({"components": [{"type": "file"}]}, r"missing, at components\[0\]\.name"),
        ({"components": [{"name": "a", "purl": 1}]}, r"components\[0\]\.purl: expected a string"),
        ({"components": [{"name": "a", "hashes": [{}]}]}, r"hashes\[0\]\.alg"),
        ({"dependencies": [{"dependsOn": []}]}, r"missing, at dependencies\[0\]\.ref"),
        ({"dependencies": [{"ref": "a", "dependsOn": [1]}]}, r"dependsOn\[0\]: expected a str"),
        ({"vulnerabilities": [{"id": "C", "affects": [{}]}]}, r"affects\[0\]\.ref"),
    ],
)
def test_a_broken_field_is_refused_by_its_path(fields: dict[str, Any], where: str) -> None:
    with pytest.raises(Malformed, match=where):
        read(bom(**fields))


@pytest.mark.parametrize("version", ["1.0", "1.8", "2.0"])
def test_other_versions_are_recognised_and_refused_as_unsupported(version: str) -> None:
    document = bom(specVersion=version)
    assert cyclonedx.recognises(document)
    with pytest.raises(Unsupported, match=r"expected 1\.2 to 1\.7, got"):
        read(document)


def test_other_kinds_are_not_recognised() -> None:
    assert not cyclonedx.recognises({"spdxVersion": "SPDX-2.3"})
    assert cyclonedx.recognises({"$schema": "http://cyclonedx.org/schema/bom-1.5.schema.json"})


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=8,
)
SEEDS = [
    load(GUAC / name)
    for name in ("small-deps-cyclonedx.json", "xray-cdx-vulns.json", "cyclonedx-1.7.json")
] + [bom(services=[{"name": "s", "services": [{"name": "t"}]}], components=[{"name": "a"}])]


def places(value: object, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    items = value.items() if isinstance(value, dict) else enumerate(value)  # type: ignore[arg-type]
    found = []
    for key, inner in items:
        found.append((*at, key))
        if isinstance(inner, dict | list):
            found += places(inner, (*at, key))
    return found


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_a_document_changed_anywhere_gives_whole_facts_or_a_refusal(data: st.DataObject) -> None:
    document = copy.deepcopy(data.draw(st.sampled_from(SEEDS)))
    for _ in range(data.draw(st.integers(1, 3))):
        all_places = places(document)
        path = data.draw(st.sampled_from(all_places))
        parent: Any = document
        for key in path[:-1]:
            parent = parent[key]
        parent[path[-1]] = data.draw(JSON)
    with contextlib.suppress(Refused):
        assert_whole(read(document))


@settings(max_examples=100, deadline=None)
@given(st.dictionaries(st.sampled_from(["components", "metadata", "dependencies"]), JSON))
def test_any_fields_give_whole_facts_or_a_refusal(fields: dict[str, Any]) -> None:
    with contextlib.suppress(Refused):
        assert_whole(read(bom(**fields)))
