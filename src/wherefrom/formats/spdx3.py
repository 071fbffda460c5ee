"""SPDX 3 in JSON-LD as facts: packages, files, models, datasets, builds, and claims about them.

    document (sbom) ── alternate ──► its spdxId       └─ attributed_to ──► software:tool
       ├─ describes ──► rootElement ── contains ──► package ── depends_on ──► package
       │                    └─ generated_by ──► build ── used ──► source
       └─ contains ──► claim ── describes ──► CVE-…, package        (the security profile)

The graph is a list of elements that name each other by ``spdxId``; ``spdx3_elements.py`` reads them
and ``spdx3_relations.py`` says what a relationship means. An spdxId is an ``alternate`` name of a
package and not its identity, because published documents share theirs
(``http://spdx.example.com/Package1``). Read as heard, for published examples leave out prefixes,
``from`` and ``to``: what leads nowhere is counted on the document. JSON-LD is read in the compact
form that SPDX prescribes, and no context is fetched. Not read: people, annotations, licence texts,
extensions.

Sizes:  versions 3.0.x · 100,000 parts · 200,000 nodes
Source: SPDX 3.0.1, serialization in JSON-LD; profiles Core, Software, Build, AI, Dataset, Security
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from typing import Any, Final

from wherefrom.errors import Malformed, Unsupported
from wherefrom.formats import claims, descriptors
from wherefrom.formats import components as parts
from wherefrom.formats.facts import Facts, FactsBuilder
from wherefrom.formats.spdx3_elements import (
    PARTS,
    Elements,
    digest_of,
    ends,
    field,
    identifiers,
    part_of,
    refs,
    text_of,
)
from wherefrom.formats.spdx3_relations import (
    ASSESSMENTS,
    DRAFT_SPELLINGS,
    OF_BUILDS,
    RELATIONSHIPS,
    Reading,
)
from wherefrom.formats.strict_json import (
    as_array,
    as_object,
    as_string,
    get_string,
    need_string,
)

MEDIA_TYPE: Final = "application/spdx+json"
_CONTEXT = re.compile(r"https?://spdx\.org/rdf/(?P<version>3\.[0-9]+(?:\.[0-9]+)?)/.+")
_VERSION = re.compile(r"3\.0(?:\.[0-9]+)?")
_IRI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:\S+")
_NOTHING = re.compile(r"(?:https://spdx\.org/rdf/.*/|spdx:)(?:.*/)?No(?:ne|Assertion)\w*")
_COLLECTIONS: Final = frozenset({"Bom", "software_Sbom", "Bundle", "ElementCollection"})
_AGENTS: Final[Mapping[str, str]] = {
    "Organization": "organization",
    "SoftwareAgent": "software",
    "Tool": "software",
}
_SEVERITIES: Final = ("critical", "high", "medium", "low", "none")


def recognises(document: Mapping[str, Any]) -> bool:
    """Whether the document means to be SPDX 3, of any version: by its context."""
    # Every record is asked: most have no context at all.
    return "@context" in document and any("spdx.org/rdf/3" in t for t in _contexts(document))


def media_type(document: Mapping[str, Any]) -> str:
    """The type with the version of the document's context. Raises Unsupported."""
    return f"{MEDIA_TYPE}; version={_check_version(document)}"


def occurred(document: Mapping[str, Any]) -> str | None:
    """When the document says it was made; None when it does not say so in a readable way."""
    return parts.occurred(Elements(document).created())[0]


def facts(document: Mapping[str, Any], *, document_id: str) -> Facts:
    """What the document says.

    document     the value that ``strict_json.decode`` gave
    document_id  ``sha256:`` + hex of the content's bytes: the node of the document itself

    Raises Malformed for a wrong field, naming its path; Unsupported for a version other than
    3.0.x; LimitPassed.
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
    version = _check_version(document)
    _Reader(builder, Elements(document), document_id, version).read(subject)


def _contexts(document: Mapping[str, Any]) -> list[str]:
    context = document.get("@context")
    listed = context if isinstance(context, list) else [context]
    return [text for text in listed if isinstance(text, str)]


def _check_version(document: Mapping[str, Any]) -> str:
    found = [match["version"] for text in _contexts(document) if (match := _CONTEXT.match(text))]
    if not found or not _VERSION.fullmatch(found[0]):
        raise Unsupported(
            "an SPDX version that is not read",
            where="@context",
            expected="SPDX 3.0, 2.3 or 2.2",
            got=found[0] if found else "; ".join(_contexts(document)),
        )
    return found[0]


class _Reader:
    """One document on its way into a builder; ``nodes`` is what each spdxId names."""

    def __init__(
        self, builder: FactsBuilder, index: Elements, document_id: str, version: str
    ) -> None:
        self.builder = builder
        self.index = index
        self.document_id = document_id
        self.version = version
        self.nodes: dict[str, str] = {}
        self.parts: dict[str, parts.Part] = {}
        self.agents: dict[str, str] = {}
        self.builds: set[str] = set()
        self.vulnerabilities: dict[str, str] = {}
        self.licenses: dict[str, str] = {}
        self.placed: set[str] = set()
        self.dangling = 0
        self.ignored: Counter[str] = Counter()

    def read(self, subject: str | None) -> None:
        main = self.index.document()
        self._document(main)
        self._agents(main)
        self._parts()
        self._builds()
        self._vulnerabilities()
        self._licenses()
        owner = self._describe(main, subject) or self.document_id
        self._relationships()
        self._claims()
        for ref in self.parts:
            node = self.nodes[ref]
            if node not in self.placed and node != owner:
                self.builder.edge(owner, "contains", node)
        left_out = {
            "dangling_references": self.dangling or None,
            "relationships_ignored": [
                f"{parts.shown(kind)} {count}" for kind, count in self.ignored.most_common(8)
            ]
            or None,
        }
        self.builder.node(self.document_id, "sbom", properties=left_out)

    def _document(self, main: tuple[Mapping[str, Any], str] | None) -> None:
        element, where = main or ({}, "")
        self.builder.node(
            self.document_id,
            "sbom",
            parts.shown(get_string(element, "name", where=where)),
            {
                "format": "SPDX",
                "specVersion": f"SPDX-{self.version}",
                "profiles": [
                    parts.shown(text) for text in refs(element, "profileConformance", where)
                ]
                or None,
                **parts.occurred(self.index.created())[1],
            },
        )
        own = get_string(element, "spdxId", where=where)
        if own:
            self._also_called(self.document_id, own)
        for collection, place in self.index.of("SpdxDocument", *sorted(_COLLECTIONS)):
            ref = get_string(collection, "spdxId", where=place)
            if ref:
                self.nodes[ref] = self.document_id

    def _also_called(self, node: str, ref: str) -> None:
        """An spdxId that is an IRI is a name of the node; any other means nothing elsewhere."""
        if _IRI.fullmatch(ref) and not ref.startswith("_:"):
            name = self.builder.node(parts.bounded(descriptors.public_id(ref)), "resource")
            self.builder.edge(node, "alternate", name)

    def _agents(self, main: tuple[Mapping[str, Any], str] | None) -> None:
        names: dict[str, tuple[str, str | None]] = {}
        for type_, kind in _AGENTS.items():
            for element, where in self.index.of(type_):
                ref = need_string(element, "spdxId", where=where)
                names[ref] = (kind, get_string(element, "name", where=where))
        creation = self.index.creation(main[0]) if main else {}
        for ref in refs(creation, "createdUsing", "creationInfo"):
            kind, name = names.get(ref, ("software", None))
            if name:
                parts.add_tool(self.builder, self.document_id, *parts.split_tool(name))
        for ref, (kind, name) in names.items():
            # Agents are named by IRI: a tool's name and version stand in its name alone.
            own = descriptors.public_id(ref) if _IRI.fullmatch(ref) else f"software:{name or ref}"
            self.agents[ref] = parts.bounded(own)
            self.nodes[ref] = self.agents[ref]
            self.builder.node(self.agents[ref], kind, parts.shown(name))
        for ref in refs(creation, "createdBy", "creationInfo"):
            if ref in self.agents:
                self.builder.edge(self.document_id, "attributed_to", self.agents[ref])

    def _parts(self) -> None:
        for type_ in PARTS:
            for element, where in self.index.of(type_):
                ref = need_string(element, "spdxId", where=where)
                if ref in self.nodes:
                    raise Malformed(
                        "one spdxId names two things",
                        where=f"{where}.spdxId",
                        expected="each spdxId once",
                        got=ref,
                        do="Two readers could follow it to different ones; give each its own",
                    )
                parts.check_count(len(self.parts) + 1)
                part = part_of(element, type_, where, f"{self.document_id}#{ref}")
                node = self.nodes[ref] = parts.add(self.builder, part)
                self.parts[ref] = part
                if type_ != "software_File":
                    self._also_called(node, ref)
                self._intrinsic_names(element, node, where)
        for snippet, where in self.index.of("software_Snippet"):
            file = text_of(snippet, "software", "snippetFromFile", where)
            whole = self._node(file) if file else None
            if whole is not None:
                inside = self.nodes[snippet["spdxId"]]
                self.builder.edge(whole, "contains", inside)
                self.placed.add(inside)

    def _intrinsic_names(self, element: Mapping[str, Any], node: str, where: str) -> None:
        """gitoid and SWHID name content wherever it lies; a qualifier says only where."""
        said = identifiers(element, where)
        listed = field(element, "software", "contentIdentifier")
        for at, value in enumerate(as_array(listed or [], where=f"{where}.contentIdentifier")):
            place = f"{where}.contentIdentifier[{at}]"
            identifier = as_object(value, where=place)
            kind = text_of(identifier, "software", "contentIdentifierType", place)
            text = text_of(identifier, "software", "contentIdentifierValue", place)
            said += [(kind or "", text or "")]
        for kind, text in said:
            if kind in ("gitoid", "swhid") and text:
                name = self.builder.node(parts.bounded(text.partition(";")[0]), "artifact")
                self.builder.edge(node, "alternate", name)

    def _builds(self) -> None:
        for element, where in self.index.of("build_Build"):
            ref = need_string(element, "spdxId", where=where)
            started, _ = parts.occurred(field(element, "build", "buildStartTime"))
            finished, _ = parts.occurred(field(element, "build", "buildEndTime"))
            node = self.builder.node(
                parts.bounded(f"build:{self.document_id}#{ref}"),
                "build",
                parts.shown(get_string(element, "name", where=where)),
                {
                    "buildType": parts.shown(text_of(element, "build", "buildType", where)),
                    "invocationId": parts.shown(text_of(element, "build", "buildId", where)),
                    "startedOn": started,
                    "finishedOn": finished,
                },
            )
            self.nodes[ref] = node
            self.builds.add(node)
            self._sources(element, node, where)

    def _sources(self, element: Mapping[str, Any], build: str, where: str) -> None:
        """Where a build was configured: one URI or many, each with the digest beside it."""
        uris = field(element, "build", "configSourceUri")
        digests = field(element, "build", "configSourceDigest")
        digests = digests if isinstance(digests, list) else []
        for at, uri in enumerate(uris if isinstance(uris, list) else [uris] if uris else []):
            place = f"{where}.configSourceUri[{at}]"
            digest = digest_of(digests[at]) if at < len(digests) else {}
            source = {"uri": as_string(uri, where=place), "digest": digest}
            used = descriptors.resource(self.builder, source, where=place)
            if used:
                self.builder.edge(build, "used", used, {"scope": "config"})

    def _vulnerabilities(self) -> None:
        for element, where in self.index.of("security_Vulnerability"):
            ref = need_string(element, "spdxId", where=where)
            named = [text for kind, text in identifiers(element, where) if kind == "cve"]
            others = [
                text
                for kind, text in identifiers(element, where)
                if kind == "securityOther" and claims.is_known_scheme(text)
            ]
            name = get_string(element, "name", where=where)
            if not named and name and name.strip():
                named = [name]
            if named and named[0].strip():
                node = claims.add_vulnerability(
                    self.builder, named[0], aliases=[*named[1:], *others]
                )
            else:
                scoped = parts.bounded(f"{self.document_id}#{ref}")
                node = self.builder.node(scoped, "vulnerability")
            self.vulnerabilities[ref] = node
            self.nodes.setdefault(ref, node)

    def _licenses(self) -> None:
        for element, where in self.index.of("simplelicensing_LicenseExpression"):
            ref = need_string(element, "spdxId", where=where)
            text = text_of(element, "simplelicensing", "licenseExpression", where)
            self.licenses[ref] = text or ref
        for type_ in ("expandedlicensing_ListedLicense", "expandedlicensing_CustomLicense"):
            for element, where in self.index.of(type_):
                ref = need_string(element, "spdxId", where=where)
                self.licenses[ref] = get_string(element, "name", where=where) or ref

    def _describe(
        self, main: tuple[Mapping[str, Any], str] | None, subject: str | None
    ) -> str | None:
        """Add what the document describes; returns it when it is one thing."""
        found: dict[str, str] = {}
        for element, where in self.index.of("SpdxDocument", *sorted(_COLLECTIONS)):
            for ref in refs(element, "rootElement", where):
                node = self.nodes.get(ref)
                if node is not None and node != self.document_id:
                    found[ref] = node
        for relationship, where in self._all_relationships():
            if relationship.get("relationshipType") == "describes":
                source = refs(relationship, "from", where)
                if source and self.nodes.get(source[0]) == self.document_id:
                    for ref in refs(relationship, "to", where):
                        node = self.nodes.get(ref)
                        if node is not None and node != self.document_id:
                            found[ref] = node
        found = {ref: node for ref, node in found.items() if ref not in self.vulnerabilities}
        self.placed.update(found.values())
        if len(found) != 1 or next(iter(found)) not in self.parts:
            for node in found.values():
                self.builder.edge(self.document_id, "describes", node)
            return parts.add_subject(
                self.builder, document_id=self.document_id, own=None, subject=subject
            )
        (ref, own), *_ = found.items()
        root = parts.add_subject(
            self.builder, document_id=self.document_id, own=own, subject=subject
        )
        assert root is not None
        self.nodes[ref] = root
        self.placed.add(root)
        part = self.parts[ref]
        if part.container or parts.names_image(part):
            parts.add_tag(self.builder, part, root)
        if root == part.scoped:
            # A name and a version prove nothing: say so where people look.
            self.builder.node(root, part.kind, properties={"identity": "asserted"})
        return root

    def _all_relationships(self) -> list[tuple[Mapping[str, Any], str]]:
        types = [t for t in self.index.by_type if t.endswith("Relationship")]
        return self.index.of(*types)

    def _node(self, ref: str) -> str | None:
        """The node that ``ref`` names, here or, by its IRI, in another document."""
        node = self.nodes.get(ref)
        if node is not None or _NOTHING.fullmatch(ref) or ref in self.licenses:
            return node
        if _IRI.fullmatch(ref) and not ref.startswith("_:"):
            return self.builder.node(parts.bounded(descriptors.public_id(ref)), "resource")
        self.dangling += 1
        return None

    def _relationships(self) -> None:
        for relationship, where in self._all_relationships():
            kind = need_string(relationship, "relationshipType", where=where)
            kind = DRAFT_SPELLINGS.get(kind, kind)
            sources, targets = ends(relationship, where)
            if kind in ASSESSMENTS or kind in ("describes", "hasAssessmentFor"):
                continue
            if kind in ("hasDeclaredLicense", "hasConcludedLicense"):
                self._licensed(sources, kind, targets)
                continue
            if kind == "hasAssociatedVulnerability":
                continue
            scope = text_of(relationship, "core", "scope", where)
            for source in sources:
                for target in targets:
                    self._relate(source, kind, target, scope)

    def _relate(self, source_ref: str, kind: str, target_ref: str, scope: str | None) -> None:
        source = self._node(source_ref)
        reading = RELATIONSHIPS.get(kind)
        if source in self.builds:
            reading = OF_BUILDS.get(kind, reading)
        elif kind == "delegatedTo" and source_ref in self.agents:
            reading = Reading("acted_for", reversed=True, agent=True)
        if reading is None:
            self.ignored[kind] += 1
            return
        if reading.agent and target_ref not in self.agents:
            return  # a person, or someone of another document
        target = self._node(target_ref)
        if source is None or target is None:
            return
        effect, cause = (target, source) if reading.reversed else (source, target)
        if reading.relation == "contains" and effect == self.document_id:
            return  # a collection lists its members; they hang from what it describes
        said = reading.scope or scope
        self.builder.edge(effect, reading.relation, cause, {"scope": said} if said else None)
        if effect != cause and reading.relation in ("contains", "depends_on"):
            self.placed.add(cause)

    def _licensed(self, sources: list[str], kind: str, targets: list[str]) -> None:
        key = "license_declared" if kind == "hasDeclaredLicense" else "license_concluded"
        texts = [self.licenses.get(ref, ref) for ref in targets if not _NOTHING.fullmatch(ref)]
        for ref in sources:
            if ref in self.parts and texts:
                said = {key: [parts.shown(text) for text in texts[: parts.LICENSES_MAX]]}
                self.builder.node(self.nodes[ref], "component", properties=said)

    def _claims(self) -> None:
        severities = self._severities()
        for relationship, where in self._all_relationships():
            kind = relationship["relationshipType"]
            sources, targets = ends(relationship, where)
            if kind == "hasAssociatedVulnerability":
                sources, targets = targets, sources
            elif kind not in ASSESSMENTS:
                continue
            for at, ref in enumerate(sources):
                if ref in self.vulnerabilities:
                    place = where if at == 0 else f"{where}.from[{at}]"
                    self._claim(relationship, place, ref, kind, targets, severities.get(ref))

    def _claim(
        self,
        relationship: Mapping[str, Any],
        where: str,
        vulnerability: str,
        kind: str,
        targets: list[str],
        severity: str | None,
    ) -> None:
        def said(key: str) -> str | None:
            return parts.shown(text_of(relationship, "security", key, where))

        time = field(relationship, "security", "publishedTime")
        time = time or self.index.creation(relationship).get("created")
        claim = claims.add_claim(
            self.builder,
            document_id=self.document_id,
            place=where,
            vulnerability=self.vulnerabilities[vulnerability],
            status=ASSESSMENTS.get(kind),
            properties={
                "state": kind,
                "justification": said("justificationType"),
                "action": said("actionStatement"),
                "version": said("vexVersion"),
                "severity": severity,
                "timestamp": parts.occurred(time)[0],
            },
        )
        products = [node for ref in targets if (node := self._node(ref)) is not None]
        for product in products:
            self.builder.edge(claim, "describes", product, {"as": "product"})
        assessed = text_of(relationship, "security", "assessedElement", where)
        inner = self._node(assessed) if assessed else None
        if inner is not None and inner not in products:
            claims.add_subcomponent(self.builder, claim, inner, within=products)

    def _severities(self) -> dict[str, str]:
        """The highest severity that an assessment gives each vulnerability."""
        found: dict[str, str] = {}
        for relationship, where in self._all_relationships():
            word = text_of(relationship, "security", "severity", where)
            if relationship["relationshipType"] != "hasAssessmentFor" or word not in _SEVERITIES:
                continue
            for ref in refs(relationship, "from", where):
                best = min(_SEVERITIES.index(word), _SEVERITIES.index(found.get(ref, "none")))
                found[ref] = _SEVERITIES[best]
        return found
