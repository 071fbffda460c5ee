"""SPDX 2 JSON as facts: documents, packages, files and how they relate.

    document (sbom) ── alternate ──► its documentNamespace
       │  └─ attributed_to ──► software:syft@0.57.0
       └─ describes ──► package ── contains ──► package ── contains ──► file (sha256:…)
                           └─ depends_on ──► package

``components.py`` says which node a package is. SPDX writes one fact in two directions
(``CONTAINS``, ``CONTAINED_BY``); here each is one edge from effect to cause (RELATIONSHIPS). A
package or file that no relationship places hangs from the subject, or from the document when it
describes none or several. A relationship that leads nowhere is left out and counted on the
document (``dangling_references``), and so are files that no strong hash names
(``files_unidentified``). Not read: snippets, annotations, reviews, licence texts, people.

Sizes:  versions SPDX-2.2 and SPDX-2.3 · 100,000 packages and files
Source: SPDX specification 2.3 §§6-11 (ISO/IEC 5962:2021 is 2.2.1)
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from wherefrom.errors import Malformed, Unsupported
from wherefrom.formats import components as parts
from wherefrom.formats.facts import Facts, FactsBuilder
from wherefrom.formats.strict_json import (
    as_object,
    as_string,
    get_array,
    get_object,
    get_string,
    need_string,
)

VERSIONS: Final = ("SPDX-2.2", "SPDX-2.3")
MEDIA_TYPE: Final = "application/spdx+json"
_NOTHING: Final = frozenset({"NONE", "NOASSERTION"})


class Reading(NamedTuple):
    """How a relationship type is read: ``reversed`` when SPDX writes cause before effect."""

    relation: str
    reversed: bool = False
    scope: str | None = None


RELATIONSHIPS: Final[Mapping[str, Reading]] = {
    "CONTAINS": Reading("contains"),
    "CONTAINED_BY": Reading("contains", reversed=True),
    "PACKAGE_OF": Reading("contains", reversed=True),
    "FILE_ADDED": Reading("contains", reversed=True),
    "OPTIONAL_COMPONENT_OF": Reading("contains", reversed=True, scope="optional"),
    "DEPENDS_ON": Reading("depends_on"),
    "HAS_PREREQUISITE": Reading("depends_on"),
    "DYNAMIC_LINK": Reading("depends_on", scope="dynamic_link"),
    "STATIC_LINK": Reading("depends_on", scope="static_link"),
    "DEPENDENCY_OF": Reading("depends_on", reversed=True),
    "PREREQUISITE_FOR": Reading("depends_on", reversed=True),
    "BUILD_DEPENDENCY_OF": Reading("depends_on", reversed=True, scope="build"),
    "DEV_DEPENDENCY_OF": Reading("depends_on", reversed=True, scope="dev"),
    "OPTIONAL_DEPENDENCY_OF": Reading("depends_on", reversed=True, scope="optional"),
    "PROVIDED_DEPENDENCY_OF": Reading("depends_on", reversed=True, scope="provided"),
    "RUNTIME_DEPENDENCY_OF": Reading("depends_on", reversed=True, scope="runtime"),
    "TEST_DEPENDENCY_OF": Reading("depends_on", reversed=True, scope="test"),
    "BUILD_TOOL_OF": Reading("depends_on", reversed=True, scope="build_tool"),
    "DEV_TOOL_OF": Reading("depends_on", reversed=True, scope="dev_tool"),
    "TEST_TOOL_OF": Reading("depends_on", reversed=True, scope="test_tool"),
    "GENERATED_FROM": Reading("derived_from"),
    "GENERATES": Reading("derived_from", reversed=True),
    "DESCENDANT_OF": Reading("derived_from"),
    "ANCESTOR_OF": Reading("derived_from", reversed=True),
    "EXPANDED_FROM_ARCHIVE": Reading("derived_from"),
    "COPY_OF": Reading("derived_from"),
    "FILE_MODIFIED": Reading("derived_from"),
    "PATCH_APPLIED": Reading("derived_from", reversed=True, scope="patch"),
}


def recognises(document: Mapping[str, Any]) -> bool:
    """Whether the document means to be SPDX 1 or 2, whole or broken; ``spdx3`` is another."""
    return "spdxVersion" in document or "SPDXID" in document


def media_type(document: Mapping[str, Any]) -> str:
    """The type with the version that the document came with. Raises Malformed, Unsupported."""
    return f"{MEDIA_TYPE}; version={_check_version(document).removeprefix('SPDX-')}"


def occurred(document: Mapping[str, Any]) -> str | None:
    """When the document says it was made; None when it does not say so in a readable way."""
    return parts.occurred(get_object(document, "creationInfo").get("created"))[0]


def facts(document: Mapping[str, Any], *, document_id: str) -> Facts:
    """What the document says.

    document     the value that ``strict_json.decode`` gave
    document_id  ``sha256:`` + hex of the content's bytes: the node of the document itself

    Raises Malformed for a missing or wrong field, naming its path; Unsupported for a version
    other than 2.2 and 2.3; LimitPassed.
    """
    builder = FactsBuilder(document=document_id)
    embed(builder, document, document_id=document_id, subject=None)
    return parts.close(builder, type=media_type(document), occurred=occurred(document))


def embed(
    builder: FactsBuilder,
    document: Mapping[str, Any],
    *,
    document_id: str,
    subject: str | None,
) -> None:
    """Add the document's nodes and edges to ``builder``, as ``facts`` does.

    subject  the artifact a signed statement attests the document for; it then is what the
             document describes, and the document's own name for it an ``alternate``
    """
    _Reader(builder, document, document_id).read(subject)


def _check_version(document: Mapping[str, Any]) -> str:
    version = need_string(document, "spdxVersion")
    if version not in VERSIONS:
        raise Unsupported(
            "an SPDX version that is not read",
            where="spdxVersion",
            expected=" or ".join(VERSIONS),
            got=version,
        )
    return version


class _Reader:
    """One document on its way into a builder; ``nodes`` is what each SPDXID names."""

    def __init__(
        self, builder: FactsBuilder, document: Mapping[str, Any], document_id: str
    ) -> None:
        self.builder = builder
        self.document = document
        self.document_id = document_id
        self.namespace = ""
        self.nodes: dict[str, str] = {}
        self.packages: dict[str, parts.Part] = {}
        self.unidentified: dict[str, parts.Part] = {}
        self.elsewhere: dict[str, str] = {}
        self.placed: set[str] = set()
        self.dangling = 0
        self.ignored: Counter[str] = Counter()

    def read(self, subject: str | None) -> None:
        version = _check_version(self.document)
        self.nodes[need_string(self.document, "SPDXID")] = self.document_id
        self.nodes["SPDXRef-DOCUMENT"] = self.document_id
        self.namespace = need_string(self.document, "documentNamespace")
        creation = get_object(self.document, "creationInfo")
        self.builder.node(
            self.document_id,
            "sbom",
            parts.shown(get_string(self.document, "name")),
            {
                "format": "SPDX",
                "specVersion": version,
                "documentNamespace": parts.shown(self.namespace),
                **parts.occurred(creation.get("created"))[1],
            },
        )
        link = self.builder.node(parts.bounded(self.namespace), "resource")
        self.builder.edge(self.document_id, "alternate", link)
        for at, creator in enumerate(get_array(creation, "creators", where="creationInfo")):
            if isinstance(creator, str) and creator.startswith("Tool:"):
                name, tool_version = parts.split_tool(creator.removeprefix("Tool:"))
                parts.add_tool(self.builder, self.document_id, name, tool_version)
            elif not isinstance(creator, str | dict):
                as_string(creator, where=f"creationInfo.creators[{at}]")
        self._other_documents()
        self._packages()
        self._files()
        owner = self._describe(subject) or self.document_id
        self._relationships()
        self._place(owner)
        self._count_what_is_left_out()

    def _other_documents(self) -> None:
        for at, value in enumerate(get_array(self.document, "externalDocumentRefs")):
            where = f"externalDocumentRefs[{at}]"
            other = as_object(value, where=where)
            id_ = need_string(other, "externalDocumentId", where=where)
            self.elsewhere[id_] = need_string(other, "spdxDocument", where=where)

    def _packages(self) -> None:
        listed = get_array(self.document, "packages")
        parts.check_count(len(listed) + len(get_array(self.document, "files")))
        for at, value in enumerate(listed):
            where = f"packages[{at}]"
            package = as_object(value, where=where)
            ref = need_string(package, "SPDXID", where=where)
            part = _package(package, where, f"{self.document_id}#{ref}")
            self._name(ref, parts.add(self.builder, part), part, where)
            self.packages[ref] = part

    def _files(self) -> None:
        for at, value in enumerate(get_array(self.document, "files")):
            where = f"files[{at}]"
            file = as_object(value, where=where)
            ref = need_string(file, "SPDXID", where=where)
            part = parts.Part(
                scoped=f"{self.document_id}#{ref}",
                name=get_string(file, "fileName", where=where) or ref,
                hashes=_checksums(file, where),
                properties={"type": "file"},
            )
            if parts.has_identity(part):
                self._name(ref, parts.add(self.builder, part), part, where)
            elif ref in self.nodes or self.unidentified.setdefault(ref, part).name != part.name:
                raise _twice(ref, where)

    def _name(self, ref: str, node: str, part: parts.Part, where: str) -> None:
        known = self.nodes.setdefault(ref, node)
        before = self.packages.get(ref, part)
        scoped = node == part.scoped
        if known != node or (scoped and (before.name, before.version) != (part.name, part.version)):
            raise _twice(ref, where)

    def _describe(self, subject: str | None) -> str | None:
        """Add what the document describes; returns it when it is one thing."""
        refs: dict[str, None] = {}
        for at, ref in enumerate(get_array(self.document, "documentDescribes")):
            refs[as_string(ref, where=f"documentDescribes[{at}]")] = None
        for at, value in enumerate(get_array(self.document, "relationships")):
            source, kind, target = _relationship(value, f"relationships[{at}]")
            if kind == "DESCRIBED_BY":
                source, target = target, source
            if kind in ("DESCRIBES", "DESCRIBED_BY") and self._is_document(source):
                refs[target] = None
        if not refs and len(self.packages) == 1:
            refs = dict.fromkeys(self.packages)  # the only package is what it describes
        found = {ref: node for ref in refs if (node := self._node(ref, make=True)) is not None}
        if len(found) == 1:
            (ref, own), *_ = found.items()
            return self._one_subject(ref, own, subject)
        for node in found.values():
            self.builder.edge(self.document_id, "describes", node)
        root = parts.add_subject(
            self.builder, document_id=self.document_id, own=None, subject=subject
        )
        if root is not None:
            for node in found.values():
                self.builder.edge(root, "contains", node)
        self.placed.update(found.values())
        return root

    def _one_subject(self, ref: str, own: str, subject: str | None) -> str:
        root = parts.add_subject(
            self.builder, document_id=self.document_id, own=own, subject=subject
        )
        assert root is not None
        self.nodes[ref] = root
        self.placed.update((own, root))
        link = self.builder.node(parts.bounded(f"{self.namespace}#{ref}"), "resource")
        self.builder.edge(root, "alternate", link)
        part = self.packages.get(ref)
        if part is not None:
            if part.container or parts.names_image(part):
                parts.add_tag(self.builder, part, root)
            if root == part.scoped:
                # A name and a version prove nothing: say so where people look.
                self.builder.node(root, "component", properties={"identity": "asserted"})
        return root

    def _is_document(self, ref: str) -> bool:
        return self.nodes.get(ref) == self.document_id

    def _relationships(self) -> None:
        for at, package in enumerate(get_array(self.document, "packages")):
            whole = self.nodes[package["SPDXID"]]
            for ref in get_array(package, "hasFiles", where=f"packages[{at}]"):
                part = self._node(as_string(ref, where=f"packages[{at}].hasFiles"), make=False)
                self._edge(whole, Reading("contains"), part)
        for at, value in enumerate(get_array(self.document, "relationships")):
            source_ref, kind, target_ref = _relationship(value, f"relationships[{at}]")
            if kind in ("DESCRIBES", "DESCRIBED_BY"):
                continue
            reading = RELATIONSHIPS.get(kind)
            if kind == "VARIANT_OF":
                reading = self._variant(source_ref, target_ref)
            if reading is None:
                self.ignored[kind] += 1
                continue
            make = reading.relation != "contains"
            source = self._node(source_ref, make=make)
            target = self._node(target_ref, make=make)
            if reading.reversed:
                source, target = target, source
            self._edge(source, reading, target)

    def _edge(self, source: str | None, reading: Reading, target: str | None) -> None:
        if source is None or target is None:
            return
        scope = {"scope": reading.scope} if reading.scope else None
        self.builder.edge(source, reading.relation, target, scope)
        if source != target:
            self.placed.add(target)

    def _variant(self, source: str, target: str) -> Reading | None:
        """ko writes an image index as a variant of each of its platforms."""
        for ref, reading in (
            (source, Reading("contains")),
            (target, Reading("contains", reversed=True)),
        ):
            part = self.packages.get(ref)
            if part is not None and parts.is_image_index(part.purls):
                return reading
        return None

    def _node(self, ref: str, *, make: bool) -> str | None:
        """The node that ``ref`` names; a file without identity only when ``make`` asks."""
        node = self.nodes.get(ref)
        if node is not None or ref in _NOTHING:
            return node
        part = self.unidentified.get(ref)
        if part is not None:
            if make:
                self.nodes[ref] = parts.add(self.builder, part)
            return self.nodes.get(ref)
        document, colon, element = ref.partition(":")
        if colon and document in self.elsewhere:
            id_ = f"{self.elsewhere[document]}#{element}"
            return self.builder.node(parts.bounded(id_), "resource")
        self.dangling += 1
        return None

    def _place(self, owner: str) -> None:
        for node in self.nodes.values():
            if node not in self.placed and node not in (owner, self.document_id):
                self.builder.edge(owner, "contains", node)

    def _count_what_is_left_out(self) -> None:
        left_out = sum(1 for ref in self.unidentified if ref not in self.nodes)
        properties = {
            "dangling_references": self.dangling or None,
            "files_unidentified": left_out or None,
            "relationships_ignored": [
                f"{parts.shown(kind)} {count}" for kind, count in self.ignored.most_common(8)
            ]
            or None,
        }
        self.builder.node(self.document_id, "sbom", properties=properties)


def _package(package: dict[str, Any], where: str, scoped: str) -> parts.Part:
    name = package.get("name", package.get("packageName"))
    if name is None:
        raise Malformed("a required field is missing", where=f"{where}.name")
    purpose = get_string(package, "primaryPackagePurpose", where=where)
    purls, cpe = _external(package, where)
    licenses = {
        value: None
        for key in ("licenseConcluded", "licenseDeclared")
        if isinstance(value := package.get(key), str) and value and value not in _NOTHING
    }
    return parts.Part(
        scoped=scoped,
        name=as_string(name, where=f"{where}.name"),
        version=get_string(package, "versionInfo", where=where),
        purls=purls,
        hashes=_checksums(package, where),
        container=purpose == "CONTAINER",
        properties={
            "type": parts.shown(purpose.lower() if purpose else None),
            "cpe": parts.shown(cpe),
            "licenses": [parts.shown(text) for text in licenses] or None,
        },
    )


def _external(package: dict[str, Any], where: str) -> tuple[list[str], str | None]:
    purls: list[str] = []
    cpe = None
    for at, value in enumerate(get_array(package, "externalRefs", where=where)):
        reference = as_object(value, where=f"{where}.externalRefs[{at}]")
        kind = get_string(reference, "referenceType", where=f"{where}.externalRefs[{at}]")
        locator = get_string(reference, "referenceLocator", where=f"{where}.externalRefs[{at}]")
        kind = (kind or "").rpartition("/")[2]  # or http://spdx.org/rdf/references/purl
        if kind == "purl" and locator and locator not in purls:
            purls.append(locator)
        elif kind in ("cpe23Type", "cpe22Type") and locator and cpe is None:
            cpe = locator
    return purls, cpe


def _checksums(element: dict[str, Any], where: str) -> list[tuple[str, str]]:
    found = []
    for at, value in enumerate(get_array(element, "checksums", where=where)):
        checksum = as_object(value, where=f"{where}.checksums[{at}]")
        algorithm = need_string(checksum, "algorithm", where=f"{where}.checksums[{at}]")
        content = get_string(checksum, "checksumValue", where=f"{where}.checksums[{at}]")
        found.append((algorithm, content or ""))
    return found


def _relationship(value: object, where: str) -> tuple[str, str, str]:
    relationship = as_object(value, where=where)
    return (
        need_string(relationship, "spdxElementId", where=where),
        need_string(relationship, "relationshipType", where=where).upper(),
        need_string(relationship, "relatedSpdxElement", where=where),
    )


def _twice(ref: str, where: str) -> Malformed:
    return Malformed(
        "one SPDXID names two things",
        where=f"{where}.SPDXID",
        expected="each SPDXID once",
        got=ref,
        do="Two readers could follow it to different packages; give each its own",
    )
