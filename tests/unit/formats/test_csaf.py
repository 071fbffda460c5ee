"""CSAF: the product tree, what each vulnerability says of it, versions, and what is refused."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.paths import DATA
from tests.unit.formats.changed import need_facts_or_refusal, with_one_change
from wherefrom.errors import LimitPassed, Malformed, Unsupported
from wherefrom.formats import claims, csaf
from wherefrom.formats.facts import Facts
from wherefrom.formats.recognise import facts_of

SUPPLY = DATA / "supply"
REAL = sorted(
    path
    for folder in ("guac", "chainloop")
    for path in (SUPPLY / folder).rglob("*csaf*.json")
    if b"csaf_version" in path.read_bytes()
)
RHSA = SUPPLY / "guac/internal/testing/testdata/exampledata/rhsa-csaf.json"
DOCUMENT = "sha256:" + "d" * 64
FIRST = f"{DOCUMENT}#/vulnerabilities[0].product_status"
SHA256 = "a" * 64


def advisory(**fields: Any) -> dict[str, Any]:
    return {
        "document": {
            "category": "csaf_vex",
            "csaf_version": "2.0",
            "title": "An advisory",
            "publisher": {
                "category": "vendor",
                "name": "Example",
                "namespace": "https://psirt.example",
            },
            "tracking": {
                "id": "EX-2024:1",
                "version": "3",
                "status": "final",
                "initial_release_date": "2024-01-01T00:00:00Z",
                "current_release_date": "2024-01-03T00:00:00Z",
                "revision_history": [
                    {"number": "10", "date": "2024-01-09T00:00:00Z", "summary": "later"},
                    {"number": "1", "date": "2024-01-01T00:00:00Z", "summary": "first"},
                    {"number": "2", "date": "2024-01-02T00:00:00Z", "summary": "second"},
                    {"number": "3", "date": "2024-01-03T00:00:00Z", "summary": "third"},
                ],
                "generator": {"engine": {"name": "Secvisogram", "version": "1.11.0"}},
            },
        },
        "product_tree": {
            "branches": [
                {
                    "category": "vendor",
                    "name": "Example",
                    "branches": [
                        {
                            "category": "product_version",
                            "name": "1.2",
                            "product": product("lib", purl="pkg:rpm/example/lib@1.2?arch=x86_64"),
                        }
                    ],
                }
            ],
            "full_product_names": [product("os", cpe="cpe:/o:example:os:1")],
        },
    } | fields


def product(ref: str, **helper: Any) -> dict[str, Any]:
    return {
        "name": f"The {ref}",
        "product_id": ref,
        "product_identification_helper": helper,
    }


def flaw(**fields: Any) -> dict[str, Any]:
    return {"cve": "CVE-2024-0001", "product_status": {"fixed": ["lib"]}} | fields


def tracked(**changes: Any) -> dict[str, Any]:
    made = advisory()
    made["document"]["tracking"] |= changes
    return made


def read(document: dict[str, Any]) -> Facts:
    return csaf.facts(document, document_id=DOCUMENT)


def edges(facts: Facts, relation: str) -> dict[tuple[str, str], Any]:
    return {(e.source, e.target): e.properties for e in facts.edges if e.relation == relation}


def properties(facts: Facts, id: str) -> dict[str, Any]:
    (node,) = [n for n in facts.nodes if n.id == id]
    return dict(node.properties or {})


@pytest.mark.parametrize("path", REAL, ids=lambda p: f"{p.parent.name}-{p.name}")
def test_every_status_of_a_real_document_is_a_claim_about_its_products(path: Any) -> None:
    document = json.loads(path.read_bytes())
    facts = facts_of(path.read_bytes())
    version = document["document"]["csaf_version"]
    assert (facts.kind, facts.type) == ("attestation", f"application/csaf+json; version={version}")
    assert facts.occurred
    assert facts.producers == (document["document"]["publisher"]["namespace"],)
    listed = [v.get("product_status", {}) for v in document.get("vulnerabilities", [])]
    told = [n for n in facts.nodes if n.kind == "claim"]
    assert len(told) == sum(len(statuses) for statuses in listed)
    as_product = [e for e in facts.edges if (e.properties or {}).get("as") == "product"]
    assert len(as_product) == sum(len(refs) for s in listed for refs in s.values())
    assert "dangling_references" not in properties(facts, facts.document)


def test_a_real_component_of_a_platform_is_claimed_within_it_only() -> None:
    facts = facts_of(RHSA.read_bytes())
    claim = f"{facts.document}#/vulnerabilities[0].product_status.known_affected"
    openssl, platform = "pkg:rpm/redhat/openssl@1.1.1k-7.el8_6", "BaseOS-8.6.0.Z.EUS"
    within = f"{facts.document}#{platform}"
    combined = f"{within}:openssl-1:1.1.1k-7.el8_6.x86_64"
    described = edges(facts, "describes")
    assert described[claim, openssl] == {"as": "subcomponent", "within": [within]}
    assert described[claim, combined]["remediation"] == ["vendor_fix"]
    assert (combined, openssl) in edges(facts, "specializes")
    assert (within, combined) in edges(facts, "contains")
    assert properties(facts, claim)["severity"] == "high"
    assert properties(facts, within)["cpe"] == "cpe:/o:redhat:rhel_eus:8.6::baseos"


def test_a_document_is_one_version_of_its_advisory_and_revises_the_one_before() -> None:
    facts = read(advisory())
    general = "csaf:https://psirt.example:EX-2024%3A1"
    assert edges(facts, "alternate") == {(DOCUMENT, f"{general}:3"): None}
    assert edges(facts, "revises") == {(f"{general}:3", f"{general}:2"): None}
    assert set(edges(facts, "specializes")) == {
        (f"{general}:3", general),
        (f"{general}:2", general),
    }
    assert set(edges(facts, "attributed_to")) == {
        (DOCUMENT, "https://psirt.example"),
        (DOCUMENT, "software:Secvisogram@1.11.0"),
    }
    assert facts.occurred == "2024-01-03T00:00:00.000000Z"
    assert properties(facts, DOCUMENT) == {
        "format": "CSAF",
        "specVersion": "2.0",
        "category": "csaf_vex",
        "tracking_id": "EX-2024:1",
        "version": "3",
        "status": "final",
    }


@pytest.mark.parametrize(
    ("version", "history", "before"),
    [
        ("1.10.0", ["1.9.0", "1.2.0", "1.10.0"], "1.9.0"),
        ("1", ["1"], None),
        ("2", ["1.0.0", "2"], None),
        ("1.0.0-alpha", ["0.1.0"], None),
    ],
)
def test_versions_are_ordered_as_numbers_within_one_scheme(
    version: str, history: list[str], before: str | None
) -> None:
    listed = [{"number": number} for number in history]
    facts = read(tracked(version=version, revision_history=listed))
    found = [target.rpartition(":")[2] for _, target in edges(facts, "revises")]
    assert found == ([before] if before else [])


def test_statuses_flags_groups_and_remediations_reach_each_product() -> None:
    document = advisory(
        vulnerabilities=[
            flaw(
                ids=[
                    {"system_name": "GitHub", "text": "GHSA-jfh8-c2jp-5v3q"},
                    {"system_name": "Tracker", "text": "77"},
                ],
                title="A flaw",
                product_status={"known_not_affected": ["os", "lib"], "first_fixed": ["lib"]},
                flags=[{"label": "component_not_present", "group_ids": ["g"]}],
                remediations=[
                    {"category": "vendor_fix", "url": "https://x/1", "product_ids": ["lib"]},
                    {"category": "workaround", "product_ids": ["lib"]},
                ],
                scores=[
                    {"products": ["lib"], "cvss_v3": {"baseSeverity": "MEDIUM"}},
                    {"products": ["os"], "cvss_v3": {"baseSeverity": "CRITICAL"}},
                ],
            )
        ]
    )
    document["product_tree"]["product_groups"] = [{"group_id": "g", "product_ids": ["os"]}]
    facts = read(document)
    lib, os = "pkg:rpm/example/lib@1.2", f"{DOCUMENT}#os"
    not_affected, fixed = f"{FIRST}.known_not_affected", f"{FIRST}.first_fixed"
    fix = {"remediation": ["vendor_fix", "workaround"], "remediation_url": ["https://x/1"]}
    assert edges(facts, "describes") == {
        (not_affected, "CVE-2024-0001"): None,
        (not_affected, os): {"as": "product", "justification": ["component_not_present"]},
        (not_affected, lib): {"as": "product", **fix},
        (fixed, "CVE-2024-0001"): None,
        (fixed, lib): {"as": "product", **fix},
    }
    assert properties(facts, fixed) == {
        "status": "fixed",
        "state": "first_fixed",
        "vulnerability": "CVE-2024-0001",
        "severity": "critical",
    }
    assert ("CVE-2024-0001", "GHSA-jfh8-c2jp-5v3q") in edges(facts, "alternate")
    assert properties(facts, "CVE-2024-0001") == {"title": "A flaw", "ids": ["Tracker:77"]}


def test_a_flaw_without_a_cve_goes_by_its_tracker_or_by_this_document() -> None:
    facts = read(
        advisory(
            vulnerabilities=[
                {"ids": [{"system_name": "T", "text": "77"}], "product_status": {"fixed": ["os"]}},
                {"title": "nameless", "product_status": {"fixed": ["os"]}},
            ]
        )
    )
    kinds = {n.id: n.name for n in facts.nodes if n.kind == "vulnerability"}
    assert kinds == {"T:77": "T:77", f"{DOCUMENT}#/vulnerabilities[1]": "nameless"}


def test_a_product_is_known_by_purls_contains_the_files_it_hashes_and_has_an_sbom() -> None:
    helper = {
        "purls": ["pkg:npm/a@1", "pkg:github/o/a@1"],
        "hashes": [
            {
                "filename": "a.tgz",
                "file_hashes": [
                    {"algorithm": "md5", "value": "c" * 32},
                    {"algorithm": "sha256", "value": SHA256},
                ],
            }
        ],
        "sbom_urls": ["https://example.com/a.spdx.json"],
    }
    document = advisory(product_tree={"full_product_names": [product("a", **helper)]})
    document["document"]["csaf_version"] = "2.1"
    facts = read(document)
    assert ("pkg:npm/a@1", "pkg:github/o/a@1") in edges(facts, "alternate")
    assert edges(facts, "contains") == {("pkg:npm/a@1", f"sha256:{SHA256}"): None}
    assert edges(facts, "describes") == {("https://example.com/a.spdx.json", "pkg:npm/a@1"): None}
    assert facts.type == "application/csaf+json; version=2.1"


def test_products_are_combined_by_relationships_and_by_paths() -> None:
    document = advisory()
    document["product_tree"]["relationships"] = [
        {
            "category": "optional_component_of",
            "full_product_name": product("lib in os"),
            "product_reference": "lib",
            "relates_to_product_reference": "os",
        },
        {
            "category": "installed_on",
            "full_product_name": product("lib on nothing"),
            "product_reference": "lib",
            "relates_to_product_reference": "nothing",
        },
    ]
    document["product_tree"]["product_paths"] = [
        {
            "full_product_name": product("lib on os"),
            "beginning_product_reference": "lib",
            "subpaths": [{"category": "installed_on", "next_product_reference": "os"}],
        }
    ]
    facts = read(document)
    inside, on, os = (f"{DOCUMENT}#{ref}" for ref in ("lib in os", "lib on os", "os"))
    assert edges(facts, "contains") == {(os, inside): {"scope": "optional"}}
    assert edges(facts, "depends_on") == {(on, os): None}
    lib = "pkg:rpm/example/lib@1.2"
    assert {(inside, lib), (on, lib)} <= set(edges(facts, "specializes"))
    assert properties(facts, DOCUMENT)["dangling_references"] == 1


def test_references_to_nothing_are_counted() -> None:
    facts = read(
        advisory(
            vulnerabilities=[
                flaw(
                    product_status={"fixed": ["gone"]},
                    flags=[{"label": "x", "group_ids": ["gone"]}],
                )
            ]
        )
    )
    assert properties(facts, DOCUMENT)["dangling_references"] == 2


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"id": None}, r"required field is missing, at document\.tracking\.id"),
        ({"version": ""}, r"required field is missing, at document\.tracking\.version"),
        ({"status": "new"}, r"not a status of a CSAF document, at document\.tracking\.status"),
        ({"current_release_date": None}, r"at document\.tracking\.current_release_date"),
        ({"revision_history": {}}, r"at document\.tracking\.revision_history: expected an array"),
        ({"revision_history": [{}]}, r"document\.tracking\.revision_history\[0\]\.number"),
        ({"generator": []}, r"at document\.tracking\.generator: expected an object"),
    ],
)
def test_a_broken_tracking_is_refused_and_its_field_named(
    change: dict[str, Any], message: str
) -> None:
    with pytest.raises(Malformed, match=message):
        read(tracked(**change))


@pytest.mark.parametrize(
    ("tree", "message"),
    [
        ({"full_product_names": [product("a"), product("a")]}, r"names two products, at product_"),
        ({"full_product_names": [{"name": "a"}]}, r"at product_tree\.full_product_names\[0\]\.pr"),
        ({"branches": [{"category": "vendor"}]}, r"at product_tree\.branches\[0\]\.name"),
        ({"branches": {}}, r"at product_tree\.branches: expected an array"),
        (
            {
                "relationships": [
                    {
                        "category": "beside",
                        "full_product_name": product("a"),
                        "product_reference": "b",
                        "relates_to_product_reference": "c",
                    }
                ]
            },
            r"not a category of a relationship, at product_tree\.relationships\[0\]\.category",
        ),
    ],
)
def test_a_broken_product_tree_is_refused_and_its_field_named(
    tree: dict[str, Any], message: str
) -> None:
    with pytest.raises(Malformed, match=message):
        read(advisory(product_tree=tree))


def test_another_version_is_unsupported_and_too_much_is_over_a_limit(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    other = advisory()
    other["document"]["csaf_version"] = "3.0"
    with pytest.raises(Unsupported, match=r"at document\.csaf_version: expected 2\.0 or 2\.1"):
        read(other)
    monkeypatch.setattr(csaf, "VULNERABILITIES_MAX", 1)
    with pytest.raises(LimitPassed, match="too many vulnerabilities"):
        read(advisory(vulnerabilities=[flaw(), flaw()]))


def test_groups_cannot_multiply_a_small_document_into_a_large_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    flags = [{"label": "component_not_present", "group_ids": ["g"]}]
    document = advisory(vulnerabilities=[flaw(flags=flags), flaw(flags=flags)])
    document["product_tree"]["product_groups"] = [{"group_id": "g", "product_ids": ["os", "lib"]}]
    monkeypatch.setattr(claims, "TIES_MAX", 6)
    assert read(document)
    monkeypatch.setattr(claims, "TIES_MAX", 5)
    with pytest.raises(LimitPassed, match="claims too much of too many products: expected 5 ties"):
        read(document)


def test_branches_nested_past_the_depth_of_json_are_over_a_limit() -> None:
    branch: dict[str, Any] = {"category": "vendor", "name": "x"}
    for _ in range(200):
        branch = {"category": "vendor", "name": "x", "branches": [branch]}
    content = json.dumps(advisory(product_tree={"branches": [branch]})).encode()
    with pytest.raises(LimitPassed, match="nested too deeply"):
        facts_of(content)


_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=6,
)
_FULL = json.loads(RHSA.read_bytes())


@given(place=st.integers(min_value=0), value=_values)
@settings(max_examples=300, deadline=None)
def test_a_real_document_with_one_change_gives_facts_or_our_refusals(
    place: int, value: Any
) -> None:
    need_facts_or_refusal(with_one_change(_FULL, place, value))
