"""CycloneDX's own suite: the valid is read with all its parts, the invalid is refused.

    tools/src/test/resources/<version>/valid-<point>-<version>.json     ──► facts
                                       invalid-<point>-<version>.json   ──► Malformed, at the point
                                       *.xml                            ──► send its JSON form

The files are CycloneDX's (CycloneDX/specification, Apache-2.0) and are not kept here: the source
distribution of ``cyclonedx-python-lib``, whose schemas are the oracle of the table, carries all of
them. ``make suites`` fetches it, in the version that constraints.txt pins, and ``make test`` does
so first; without it these tests fail and say so.
"""

from __future__ import annotations

import json
import re
import sys
import tarfile
from collections.abc import Iterator
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest

from tests.unit.formats.test_cyclonedx_shape import oracle
from wherefrom.errors import Malformed, Unsupported
from wherefrom.formats.facts import Facts
from wherefrom.formats.recognise import read

Document = dict[str, Any]

# How many documents each version has: (valid, invalid). None may fall out unseen.
SIZES = {
    "1.2": (21, 21),
    "1.3": (26, 22),
    "1.4": (29, 22),
    "1.5": (36, 22),
    "1.6": (45, 25),
    "1.7": (61, 29),
}
XML_VERSIONS = ("1.0", "1.1", *SIZES)
HASH = r"components\[0\]\.hashes\[\d\]\."
LICENSE = r"components\[0\]\.licenses\[\d\]\."
PATCH = r"components\[0\]\.pedigree\.patches\[0\]\."
# The point that an invalid document makes → the field that our refusal names.
POINTS = {
    "bomformat": "bomFormat",
    "citations": r"citations\[0\]\.attributedTo",
    "component-external-version-and-range": r"components\[0\]\.versionRange",
    "component-ref": r"components\[1\]|components\[[12]\]\.bom-ref",
    "component-swid": r"components\[0\]\.swid\.tagId",
    "component-type": r"components\[0\]\.type",
    "component-versionRange-non-external-explicit": r"components\[0\]\.versionRange",
    "component-versionRange-non-external-implicit": r"components\[0\]\.versionRange",
    "dependency": r"dependencies\[0\]\.ref",
    "empty-component": r"components\[0\]\.name",
    "hash-alg": HASH + "alg",
    "hash-md5": HASH + "content",
    "hash-sha1": HASH + "content",
    "hash-sha256": HASH + "content",
    "hash-sha512": HASH + "content",
    "issue-type": PATCH + r"resolves\[0\]\.type",
    "license-choice": LICENSE + "expression",
    "license-declared-concluded-mix": LICENSE + "expression",
    "license-encoding": LICENSE + r"license\.text\.encoding",
    "license-id": LICENSE + r"license\.id",
    "license-missing-id-and-name": LICENSE + r"license\.id",
    "metadata-distribution": r"metadata\.distribution",
    "metadata-license": r"metadata\.licenses\[0\]\.license\.id",
    "metadata-timestamp": r"metadata\.timestamp",
    "missing-component-type": r"components\[0\]\.type",
    "patch-type": PATCH + "type",
    "properties": r"metadata\.properties\[0\]\.name",
    "scope": r"components\[0\]\.scope",
    "serialnumber": "serialNumber",
    "service-data": r"services\[0\]\.data\[0\]\.flow",
}


@cache
def suite() -> dict[str, dict[str, bytes]]:
    """version → the name of a file → its bytes."""
    version = metadata.version("cyclonedx-python-lib")
    path = Path(sys.prefix) / "suites" / f"cyclonedx_python_lib-{version}.tar.gz"
    if not path.exists():
        pytest.fail(f"no {path.name} here: run `make suites`, or `make test`")
    found: dict[str, dict[str, bytes]] = {}
    with tarfile.open(path) as archive:
        for member in archive:
            match = re.fullmatch(r".*/schemaTestData/(1\.\d)/([^/]+\.(?:json|xml))", member.name)
            file = archive.extractfile(member) if match else None
            if match and file:
                found.setdefault(match[1], {})[match[2]] = file.read()
    return found


def documents(version: str, *, valid: bool) -> dict[str, bytes]:
    """The JSON documents of a version; 1.2 has two that its own tests skip, and we do not."""
    kind = re.compile(r"valid-.*\.json" if valid else r"(?:skip_)?invalid-.*\.json")
    return {name: data for name, data in suite()[version].items() if kind.fullmatch(name)}


def parts(document: Document, kind: str) -> Iterator[Document]:
    """Every component (or service) that the document lists, however deep."""
    main = document.get("metadata", {}).get("component", {})
    stack = [*document.get(kind, ()), *(() if kind == "services" or not main else (main,))]
    while stack:
        part = stack.pop()
        yield part
        stack += part.get(kind, ())


def lost(document: Document, facts: Facts) -> list[str]:
    """What the document says in so many words and the facts do not have."""
    names = {node.name for node in facts.nodes}
    claimed = {(node.properties or {}).get("vulnerability") for node in facts.nodes}
    refs = {
        part.get("bom-ref") for kind in ("components", "services") for part in parts(document, kind)
    }
    depends = sum(edge.relation == "depends_on" for edge in facts.edges)
    wanted = {
        (entry["ref"], to)
        for entry in document.get("dependencies", ())
        for to in entry.get("dependsOn", ())
        if {entry["ref"], to} <= refs and entry["ref"] != to  # of itself says nothing
    }
    missing = [
        f"{kind} {part['name']}"
        for kind in ("components", "services")
        for part in parts(document, kind)
        if not {part["name"], f"{part.get('group')}/{part['name']}"} & names
    ]
    missing += [
        f"vulnerability {said['id']}"
        for said in document.get("vulnerabilities", ())
        if said.get("id") and said["id"] not in claimed
    ]
    return missing + ([f"{len(wanted)} dependencies, got {depends}"] * (depends != len(wanted)))


@pytest.mark.parametrize("version", SIZES)
def test_every_valid_document_of_the_suite_is_read_with_all_that_it_lists(version: str) -> None:
    listed = documents(version, valid=True)
    assert len(listed) == SIZES[version][0]
    for name, content in listed.items():
        document = json.loads(content)
        assert oracle(version).is_valid(document), name
        recognised = read(content)
        facts = recognised.facts
        assert recognised.format == "cyclonedx", name
        assert facts.type == f"application/vnd.cyclonedx+json; version={version}", name
        assert lost(document, facts) == [], name
        ids = {node.id for node in facts.nodes}
        assert all({edge.source, edge.target} <= ids for edge in facts.edges), name


@pytest.mark.parametrize("version", SIZES)
def test_every_invalid_document_of_the_suite_is_refused_and_its_point_named(version: str) -> None:
    listed = documents(version, valid=False)
    assert len(listed) == SIZES[version][1]
    for name, content in listed.items():
        assert not oracle(version).is_valid(json.loads(content)), name
        point = re.fullmatch(r"(?:skip_)?invalid-(.*?)(?:-1\.\d)?\.json", name)
        assert point is not None, name
        with pytest.raises(Malformed) as refused:
            read(content)
        assert re.fullmatch(POINTS[point[1]], refused.value.where or ""), (name, refused.value)


def test_no_point_is_listed_that_the_suite_does_not_make() -> None:
    names = [name for version in SIZES for name in documents(version, valid=False)]
    for point in POINTS:
        assert any(re.search(rf"invalid-{point}(-1\.\d)?\.json", name) for name in names), point


@pytest.mark.parametrize("version", XML_VERSIONS)
def test_each_document_of_the_suite_in_xml_is_told_to_come_as_json(version: str) -> None:
    listed = [content for name, content in suite()[version].items() if name.endswith(".xml")]
    assert listed
    for content in listed:
        with pytest.raises(Unsupported, match=r"CycloneDX XML\. Send its JSON form"):
            read(content)
