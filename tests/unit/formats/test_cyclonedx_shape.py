"""The table of shapes against the official schemas, which are the oracle and ship with no code.

Two claims: what the schemas take, the table takes; and what the schemas refuse for a reason that
matters (BROKEN), the table refuses, naming the field.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from functools import cache
from importlib import resources
from typing import Any

import jsonschema_rs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.paths import DATA
from tests.unit.formats.changed import with_one_change
from wherefrom.errors import Malformed, Unsupported
from wherefrom.formats import cyclonedx, cyclonedx_shape
from wherefrom.formats.cyclonedx import VERSIONS
from wherefrom.formats.recognise import facts_of

SUPPLY = DATA / "supply"
Document = dict[str, Any]


@cache
def oracle(version: str) -> Any:
    """The official schema, as its own test suite uses it: the strict one of 1.2 and 1.3."""
    folder = resources.files("cyclonedx.schema") / "_res"
    strict = "-strict" if version in ("1.2", "1.3") else ""

    def text(name: str) -> Any:
        return json.loads((folder / f"{name}.SNAPSHOT.schema.json").read_text(encoding="utf-8"))

    def retrieve(uri: str) -> Any:
        for name in ("spdx", "jsf-0.82", "cryptography-defs"):
            if name in uri:
                return text(name)
        raise AssertionError(uri)

    return jsonschema_rs.validator_for(
        text(f"bom-{version}{strict}"), retriever=retrieve, validate_formats=True
    )


def refusal(document: Document) -> str | None:
    try:
        cyclonedx_shape.check(document, version=document["specVersion"])
    except Malformed as error:
        return str(error)
    return None


def component(**fields: Any) -> Document:
    return {"type": "library", "name": "a", "version": "1", **fields}


def bom(version: str, **fields: Any) -> Document:
    return {"bomFormat": "CycloneDX", "specVersion": version, "version": 1, **fields}


def full(version: str) -> Document:
    """A document with something in every field that the table knows in ``version``."""
    properties = {"properties": [{"name": "p", "value": "v"}]} if version >= "1.3" else {}
    text = {"contentType": "text/plain", "encoding": "base64", "content": "YQ=="}
    made = bom(
        version,
        serialNumber="urn:uuid:3e671687-395b-41f5-a30f-a58921a69b79",
        metadata={
            "timestamp": "2024-01-02T03:04:05+01:00",
            "component": component(**{"bom-ref": "main"}),
            "tools": [{"name": "t", "version": "1"}],
            **properties,
        },
        components=[
            component(
                **{"bom-ref": "1", "mime-type": "text/plain"},
                group="g",
                scope="optional",
                purl="pkg:npm/a@1",
                cpe="cpe:2.3:a:x:a:1:*:*:*:*:*:*:*",
                hashes=[{"alg": "SHA-256", "content": "a" * 64}],
                licenses=[{"license": {"id": "Apache-2.0", "text": text}}],
                externalReferences=[{"type": "website", "url": "https://x.example/"}],
                swid={"tagId": "t", "name": "a", "text": text},
                modified=False,
                components=[component(**{"bom-ref": "1.1"})],
                pedigree={
                    "ancestors": [component()],
                    "patches": [
                        {
                            "type": "backport",
                            "diff": {"text": text, "url": "https://x.example/1.diff"},
                            "resolves": [{"type": "security", "id": "CVE-2024-0001"}],
                        }
                    ],
                },
                **properties,
            ),
            component(
                **{"bom-ref": "2"},
                name="b",
                licenses=[{"expression": "Apache-2.0 OR MIT"}],
            ),
        ],
        services=[
            {
                "bom-ref": "s",
                "name": "s",
                "endpoints": ["https://x.example/api"],
                "authenticated": True,
                "x-trust-boundary": False,
                "data": [{"flow": "inbound", "classification": "PII"}],
                "services": [{"name": "inner"}],
                **properties,
            }
        ],
        dependencies=[{"ref": "1", "dependsOn": ["2"]}, {"ref": "2"}],
    )
    if version >= "1.3":
        made["compositions"] = [{"aggregate": "incomplete_first_party_only", "assemblies": ["1"]}]
    if version >= "1.4":
        made["vulnerabilities"] = [
            {
                "id": "CVE-2024-0001",
                "ratings": [{"severity": "high", "method": "CVSSv31", "score": 8}],
                "cwes": [79],
                "affects": [{"ref": "1", "versions": [{"version": "1", "status": "affected"}]}],
                "analysis": {
                    "state": "not_affected",
                    "justification": "code_not_reachable",
                    "response": ["update"],
                },
            }
        ]
    if version >= "1.5":
        made["metadata"]["lifecycles"] = [{"phase": "build"}, {"name": "own"}]
    if version >= "1.7":
        made["metadata"]["distributionConstraints"] = {"tlp": "AMBER"}
        made["components"][1].pop("version")
        made["components"][1] |= {"versionRange": "vers:npm/>=1", "isExternal": True}
        made["citations"] = [
            {"timestamp": "2024-01-01T00:00:00Z", "pointers": ["/x"], "attributedTo": "1"}
        ]
    return dict(json.loads(json.dumps(made)))  # nothing in it is shared


def put(*path: str | int, value: Any) -> Callable[[Document], None]:
    """A change: ``value`` at ``path``; ``...`` takes the field away."""

    def change(document: Document) -> None:
        holder: Any = document
        for key in path[:-1]:
            holder = holder[key]
        if value is ...:
            del holder[path[-1]]
        else:
            holder[path[-1]] = value

    return change


C0: tuple[str | int, ...] = ("components", 0)
V0: tuple[str | int, ...] = ("vulnerabilities", 0)
PATCH: tuple[str | int, ...] = (*C0, "pedigree", "patches", 0)
LICENSE: tuple[str | int, ...] = (*C0, "licenses", 0, "license")
BOTH = {"expression": "MIT", "license": {"name": "x"}}
SAME = component(**{"bom-ref": "9"})
# name: (since which version the schemas refuse it, the change, the field that we name)
BROKEN: dict[str, tuple[str, Callable[[Document], None], str]] = {
    "serial number": ("1.2", put("serialNumber", value="urn:uuid:3e67"), "serialNumber"),
    "serial number in capitals": (
        "1.2",
        put("serialNumber", value="urn:uuid:3E671687-395B-41F5-A30F-A58921A69B79"),
        "serialNumber",
    ),
    "version as text": ("1.2", put("version", value="1"), "version"),
    "version 0": ("1.5", put("version", value=0), "version"),
    "components as object": ("1.2", put("components", value={}), "components"),
    "component as text": ("1.2", put(*C0, value="a"), "components[0]"),
    "no name": ("1.2", put(*C0, "name", value=...), "components[0].name"),
    "name as number": ("1.2", put(*C0, "name", value=1), "components[0].name"),
    "no type": ("1.2", put(*C0, "type", value=...), "components[0].type"),
    "type": ("1.2", put(*C0, "type", value="libary"), "components[0].type"),
    "nested type": ("1.2", put(*C0, "components", 0, "type", value="x"), "[0].components[0].type"),
    "type of main": ("1.2", put("metadata", "component", "type", value="x"), "component.type"),
    "scope": ("1.2", put(*C0, "scope", value="foo"), "components[0].scope"),
    "hash alg": ("1.2", put(*C0, "hashes", 0, "alg", value="SHA-1024"), "hashes[0].alg"),
    "no hash alg": ("1.2", put(*C0, "hashes", 0, "alg", value=...), "hashes[0].alg"),
    "hash length": ("1.2", put(*C0, "hashes", 0, "content", value="a" * 63), "hashes[0].content"),
    "hash digits": ("1.2", put(*C0, "hashes", 0, "content", value="g" * 64), "hashes[0].content"),
    "no hash": ("1.2", put(*C0, "hashes", 0, "content", value=...), "hashes[0].content"),
    "license id": ("1.2", put(*LICENSE, "id", value="Apache-2"), "license.id"),
    "no license id": ("1.2", put(*LICENSE, "id", value=...), "licenses[0].license.id"),
    "license id and name": ("1.2", put(*LICENSE, "name", value="x"), "license.name"),
    "license and expression": ("1.2", put(*C0, "licenses", 0, value=BOTH), "licenses[0].expr"),
    "license encoding": ("1.2", put(*LICENSE, "text", "encoding", value="base85"), "text.encoding"),
    "license of metadata": (
        "1.3",
        put("metadata", "licenses", value=[{"license": {"id": "Apache-2"}}]),
        "metadata.licenses[0].license.id",
    ),
    "timestamp": ("1.2", put("metadata", "timestamp", value="2020-04-13"), "metadata.timestamp"),
    "metadata of another name": (
        "1.2", put("metadata", "distribution", value="Unrestricted"), "metadata.distribution"
    ),
    "swid without tag": ("1.2", put(*C0, "swid", "tagId", value=...), "components[0].swid.tagId"),
    "modified": ("1.2", put(*C0, "modified", value="no"), "components[0].modified"),
    "reference without url": (
        "1.2", put(*C0, "externalReferences", 0, "url", value=...), "externalReferences[0].url"
    ),
    "patch type": ("1.2", put(*PATCH, "type", value="foo"), "pedigree.patches[0].type"),
    "issue type": ("1.2", put(*PATCH, "resolves", 0, "type", value="foo"), "resolves[0].type"),
    "dependency without ref": ("1.2", put("dependencies", 1, value={}), "dependencies[1].ref"),
    "empty ref": ("1.5", put("dependencies", 1, "ref", value=""), "dependencies[1].ref"),
    "dependsOn twice": ("1.2", put("dependencies", 0, "dependsOn", value=["2", "2"]), "dependsOn"),
    "component twice": ("1.2", put("components", value=[SAME, SAME]), "components[1]"),
    "empty bom-ref": ("1.5", put(*C0, "bom-ref", value=""), "components[0].bom-ref"),
    "service without name": ("1.2", put("services", 0, "name", value=...), "services[0].name"),
    "data flow": ("1.2", put("services", 0, "data", 0, "flow", value="bar"), "data[0].flow"),
    "authenticated": ("1.2", put("services", 0, "authenticated", value=1), "authenticated"),
    "property without name": (
        "1.6", put(*C0, "properties", 0, value={"value": "v"}), "components[0].properties[0].name"
    ),
    "aggregate": ("1.3", put("compositions", 0, "aggregate", value="all"), "aggregate"),
    "analysis state": ("1.4", put(*V0, "analysis", "state", value="fine"), "analysis.state"),
    "justification": ("1.4", put(*V0, "analysis", "justification", value="x"), "justification"),
    "response": ("1.4", put(*V0, "analysis", "response", value=["x"]), "analysis.response[0]"),
    "severity": ("1.4", put(*V0, "ratings", 0, "severity", value="HIGH"), "ratings[0].severity"),
    "method": ("1.4", put(*V0, "ratings", 0, "method", value="x"), "ratings[0].method"),
    "affects without ref": ("1.4", put(*V0, "affects", 0, "ref", value=...), "affects[0].ref"),
    "affected status": (
        "1.4", put(*V0, "affects", 0, "versions", 0, "status", value="x"), "versions[0].status"
    ),
    "lifecycle": ("1.5", put("metadata", "lifecycles", value=[{"phase": "x"}]), "[0].phase"),
    "range and version": ("1.7", put("components", 1, "version", value="1"), "[1].versionRange"),
    "range inside": ("1.7", put("components", 1, "isExternal", value=False), "[1].versionRange"),
    "tlp": ("1.7", put("metadata", "distributionConstraints", "tlp", value="W"), "ints.tlp"),
    "citation by nobody": ("1.7", put("citations", 0, "attributedTo", value=...), "attributedTo"),
    "citation of both": ("1.7", put("citations", 0, "expressions", value=["x"]), "expressions"),
}  # fmt: skip
CASES = [
    (name, version)
    for name, (since, _, _) in BROKEN.items()
    for version in VERSIONS
    if version >= since
]


@pytest.mark.parametrize("version", VERSIONS)
def test_a_full_document_of_each_version_is_taken_by_both_and_read(version: str) -> None:
    document = full(version)
    assert [str(e) for e in oracle(version).iter_errors(document)] == []
    assert refusal(document) is None
    facts = facts_of(json.dumps(document).encode())
    assert facts.type == f"application/vnd.cyclonedx+json; version={version}"


@pytest.mark.parametrize(("name", "version"), CASES)
def test_what_the_schemas_refuse_is_refused_and_the_field_named(name: str, version: str) -> None:
    _, change, field = BROKEN[name]
    document = full(version)
    change(document)
    assert not oracle(version).is_valid(document), "the oracle has nothing against it"
    message = refusal(document)
    assert message is not None
    assert field in message.partition(", at ")[2].partition(":")[0], message
    with pytest.raises(Malformed):
        facts_of(json.dumps(document).encode())


@pytest.mark.parametrize("version", VERSIONS)
def test_words_that_a_later_version_added_are_taken_from_then_on(version: str) -> None:
    for word in ("platform", "data", "cryptographic-asset", "firmware"):
        document = bom(version, components=[component(type=word)])
        assert (refusal(document) is None) == oracle(version).is_valid(document), word
    for word in ("BLAKE3", "Streebog-256"):
        hashes = [{"alg": word, "content": "a" * 64}]
        document = bom(version, components=[component(hashes=hashes)])
        assert (refusal(document) is None) == oracle(version).is_valid(document), word
    document = bom(version, components=[{"type": "library", "name": "a"}])
    assert (refusal(document) is None) == oracle(version).is_valid(document)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(
    "licenses",
    [
        [{"license": {"id": "MIT"}}, {"license": {"name": "Own"}}],
        [{"expression": "MIT OR Apache-2.0"}],
        [{"expression": "MIT"}, {"license": {"id": "MIT"}}],
        [{"license": {"id": "MIT"}}, {"expression": "MIT"}],
        [{"expression": "MIT"}, {"expression": "Apache-2.0"}],
        [{}],
        [],
    ],
)
def test_licences_and_expressions_mix_where_their_version_lets_them(
    version: str, licenses: Any
) -> None:
    document = bom(version, components=[component(licenses=licenses)])
    assert (refusal(document) is None) == oracle(version).is_valid(document)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("licenses", []),
        ("lifecycles", []),
        ("manufacturer", {"name": "x"}),
        ("distributionConstraints", {}),
        ("supplier", {"name": "x"}),
    ],
)
def test_metadata_has_the_fields_of_its_version_and_no_other(
    version: str, field: str, value: Any
) -> None:
    document = bom(version, metadata={field: value})
    assert (refusal(document) is None) == oracle(version).is_valid(document)


def test_one_reference_of_two_things_is_refused_though_the_schemas_cannot_see_it() -> None:
    two = [component(**{"bom-ref": "1"}), component(**{"bom-ref": "1"}, name="b")]
    document = bom("1.6", components=two)
    assert oracle("1.6").is_valid(document)
    assert "one bom-ref names two things, at components[1].bom-ref" in str(refusal(document))
    nested = bom("1.6", components=[component(**{"bom-ref": "1"}, components=[two[1]])])
    assert "components[0].components[0].bom-ref" in str(refusal(nested))


def test_fields_that_are_null_or_not_known_refuse_nothing() -> None:
    document = full("1.6")
    document["vulnerabilities"][0]["cwes"] = None
    document["components"][0] |= {"scope": None, "x-own": {"a": 1}}
    assert refusal(document) is None


@pytest.mark.parametrize("version", ["1.0", "1.1", "1.8", "2.0"])
def test_another_version_is_of_a_kind_that_is_not_read(version: str) -> None:
    with pytest.raises(Unsupported, match=r"at specVersion: expected 1\.2 to 1\.7"):
        cyclonedx.facts(bom(version), document_id="sha256:" + "d" * 64)


@pytest.mark.parametrize("version", ["one", "1", "v1.5", "1.5.1", 1.5])
def test_a_version_that_is_none_is_malformed(version: Any) -> None:
    with pytest.raises(Malformed, match="at specVersion"):
        cyclonedx.facts(bom(version), document_id="sha256:" + "d" * 64)


def _real() -> list[Document]:
    found = []
    for path in sorted(SUPPLY.rglob("*.json")):
        content = path.read_bytes()
        if b'"CycloneDX"' in content and b'"bomFormat"' in content:
            try:
                document = json.loads(content)
            except ValueError:
                continue
            if isinstance(document, dict) and document.get("specVersion") in VERSIONS:
                found.append(document)
    return found


def test_every_real_document_that_its_schema_takes_is_taken() -> None:
    real = _real()
    assert len(real) > 80
    taken = [d for d in real if oracle(d["specVersion"]).is_valid(d)]
    assert len(taken) > 80
    assert [refusal(d) for d in taken if refusal(d)] == []


_values = st.sampled_from(
    [None, True, 0, 1, -1, 1.5, "", "x", "library", "MIT", "SHA-1", "high", [], ["x"], {}, [{}],
     {"name": "x"}, [{"name": "x", "type": "file", "version": "1"}], "2024-01-01T00:00:00Z"]
)  # fmt: skip


@given(version=st.sampled_from(VERSIONS), place=st.integers(min_value=0), value=_values)
@settings(max_examples=600, deadline=None)
def test_no_change_makes_the_table_stricter_than_the_schemas(
    version: str, place: int, value: Any
) -> None:
    document = with_one_change(full(version), place, value, but=("specVersion", "bomFormat"))
    message = refusal(document)
    # Some schemas forget to say that an element is an object; no reader could do without.
    if message is not None and not re.search("one bom-ref|expected an object", message):
        assert not oracle(version).is_valid(document), message
