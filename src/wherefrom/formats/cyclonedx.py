"""CycloneDX JSON as facts: what an SBOM, OBOM, CBOM or VEX document says is in what.

    document (sbom) ── alternate ──► urn:cdx:<serial>/<version>      BOM-Link
       │  └─ attributed_to ──► software:syft@0.58.0
       ├─ describes ──► metadata.component ── contains ──► component ── contains ──► nested
       │                        └─ depends_on ──► component ── depends_on ──► component
       └─ contains ──► claim {status, state, severity} ── describes ──► CVE-2021-44228, component

``components.py`` says which node a component is. Read as heard: a reference that leads nowhere
is left out and counted on the document (``dangling_references``), because real generators write
them; one reference for two different things is refused, because two readers could follow
different ones, and so is what its version's schema refuses (``cyclonedx_shape``). Not read:
formulation, annotations, declarations, people.

Sizes:  versions 1.2 to 1.7 · 100,000 components and services · 64 versions an edge
Source: ECMA-424; the CycloneDX JSON schemas 1.2 to 1.7; BOM-Link (cyclonedx.org)
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import unquote

from wherefrom.errors import Malformed, Refused, Unsupported
from wherefrom.formats import claims, cyclonedx_shape
from wherefrom.formats import components as parts
from wherefrom.formats.digests import commit_id
from wherefrom.formats.facts import Facts, FactsBuilder
from wherefrom.formats.purl import canonical
from wherefrom.formats.strict_json import (
    as_array,
    as_object,
    as_string,
    get_array,
    get_object,
    get_string,
    need_string,
)

VERSIONS: Final = ("1.2", "1.3", "1.4", "1.5", "1.6", "1.7")
MEDIA_TYPE: Final = "application/vnd.cyclonedx+json"
AFFECTS_MAX: Final = 64
# What CycloneDX says of a vulnerability → the status that every format shares.
STATUSES: Final[Mapping[str, str]] = {
    "resolved": "fixed",
    "resolved_with_pedigree": "fixed",
    "exploitable": "affected",
    "in_triage": "under_investigation",
    "false_positive": "not_affected",
    "not_affected": "not_affected",
}
_SEVERITIES: Final = ("critical", "high", "medium", "low", "info", "none")

_VERSION = re.compile(r"[0-9]+\.[0-9]+")
_SERIAL = re.compile(r"urn:uuid:([0-9a-fA-F-]{36})")
_BOM_LINK = re.compile(r"urn:cdx:[0-9a-fA-F-]{36}/[0-9]{1,9}(?:#.+)?", re.DOTALL)


def recognises(document: Mapping[str, Any]) -> bool:
    """Whether the document means to be CycloneDX, whole or broken; looks at two keys."""
    schema = document.get("$schema")
    return "bomFormat" in document or (isinstance(schema, str) and "cyclonedx" in schema.lower())


def media_type(document: Mapping[str, Any]) -> str:
    """The type with the version that the document came with. Raises Malformed, Unsupported."""
    return f"{MEDIA_TYPE}; version={_check_version(document)}"


def occurred(document: Mapping[str, Any]) -> str | None:
    """When the document says it was made; None when it does not say so in a readable way."""
    return parts.occurred(get_object(document, "metadata").get("timestamp"))[0]


def facts(document: Mapping[str, Any], *, document_id: str) -> Facts:
    """What the document says.

    document     the value that ``strict_json.decode`` gave
    document_id  ``sha256:`` + hex of the content's bytes: the node of the document itself

    Raises Malformed for a missing or wrong field, naming its path; Unsupported for a version
    outside 1.2 to 1.7; LimitPassed.
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
    bom_format = get_string(document, "bomFormat")
    if bom_format != "CycloneDX":
        raise Malformed(
            "not a CycloneDX document", where="bomFormat", expected="CycloneDX", got=bom_format
        )
    version = need_string(document, "specVersion")
    if not _VERSION.fullmatch(version):
        raise Malformed(
            "not a CycloneDX version", where="specVersion", expected="such as 1.6", got=version
        )
    if version not in VERSIONS:
        raise Unsupported(
            "a CycloneDX version that is not read",
            where="specVersion",
            expected=f"{VERSIONS[0]} to {VERSIONS[-1]}",
            got=version,
        )
    return version


class _Reader:
    """One document on its way into a builder; ``refs`` is what each bom-ref names."""

    def __init__(
        self, builder: FactsBuilder, document: Mapping[str, Any], document_id: str
    ) -> None:
        self.builder = builder
        self.document = document
        self.document_id = document_id
        self.refs: dict[str, str] = {}
        self.said: dict[str, tuple[str, str | None, str | None]] = {}
        self.own: str | None = None
        self.vouched: set[str] = set()
        self.count = 0
        self.dangling = 0

    def read(self, subject: str | None) -> None:
        version = _check_version(self.document)
        cyclonedx_shape.check(self.document, version=version)
        metadata = get_object(self.document, "metadata")
        bom_link = self._bom_link()
        main = get_object(metadata, "component") or None
        self.builder.node(
            self.document_id,
            "sbom",
            parts.shown(get_string(main, "name", where="metadata.component")) if main else None,
            {
                "format": "CycloneDX",
                "specVersion": version,
                "serialNumber": parts.shown(get_string(self.document, "serialNumber")),
                **parts.occurred(metadata.get("timestamp"))[1],
            },
        )
        if bom_link:
            link = self.builder.node(bom_link, "resource")
            self.builder.edge(self.document_id, "alternate", link)
        root = self._subject(main, subject, bom_link) or self.document_id
        self.vouched = self.builder.names_of((subject,)) if subject else set()
        for at, component in enumerate(get_array(self.document, "components")):
            self._component(component, f"components[{at}]", whole=root)
        for at, service in enumerate(get_array(self.document, "services")):
            self._service(service, f"services[{at}]", whole=root)
        self._dependencies()
        self._vulnerabilities(root)
        self._compositions()
        self._tools(metadata.get("tools"))
        if self.dangling:
            self.builder.node(
                self.document_id, "sbom", properties={"dangling_references": self.dangling}
            )

    def _bom_link(self) -> str | None:
        """The link to this document; None without a serial number, or a version it can hold."""
        version = self.document.get("version")
        match = _SERIAL.fullmatch(get_string(self.document, "serialNumber") or "")
        version = 1 if version is None else version
        return f"urn:cdx:{match[1].lower()}/{version}" if match and 0 <= version < 10**9 else None

    def _subject(
        self, main: dict[str, Any] | None, subject: str | None, bom_link: str | None
    ) -> str | None:
        own = None
        if main is not None:
            own = self._component(main, "metadata.component", whole=subject)
        root = parts.add_subject(
            self.builder, document_id=self.document_id, own=own, subject=subject
        )
        if main is None or root is None:
            return root
        ref = get_string(main, "bom-ref", where="metadata.component")
        if ref is not None:
            self.refs[ref] = root
            if bom_link:
                link = self.builder.node(parts.bounded(f"{bom_link}#{ref}"), "resource")
                self.builder.edge(root, "alternate", link)
        if main.get("type") == "container":
            parts.add_tag(self.builder, _part(main, "metadata.component", ""), root)
        if root.startswith(self.document_id):
            # A name and a version prove nothing: say so where people look.
            self.builder.node(root, "component", properties={"identity": "asserted"})
        return root

    def _component(self, value: object, where: str, *, whole: str | None) -> str:
        component = as_object(value, where=where)
        self.count += 1
        parts.check_count(self.count)
        ref = get_string(component, "bom-ref", where=where)
        part = _part(component, where, f"{self.document_id}#{ref or '/' + where}")
        node = parts.add(self.builder, part)
        if ref is not None:
            self._name(ref, node, part.name, part.version, where)
        if where == "metadata.component":
            self.own = node
        # Generators list the subject again among its components: it does not contain itself.
        inner = whole if whole is not None and node == self.own else node
        if whole is not None and node != self.own:
            self.builder.edge(whole, "contains", node)
        for at, nested in enumerate(get_array(component, "components", where=where)):
            self._component(nested, f"{where}.components[{at}]", whole=inner)
        self._pedigree(component, node, where)
        for reference in get_array(component, "externalReferences", where=where):
            if isinstance(reference, dict) and reference.get("type") == "bom":
                other = self._bom_link_node(reference.get("url"))
                if other is not None:
                    self.builder.edge(other, "describes", node)
        return node

    def _name(self, ref: str, node: str, name: str | None, version: str | None, where: str) -> None:
        self.refs.setdefault(ref, node)
        before = self.said.setdefault(ref, (node, name, version))
        scoped = node.startswith(self.document_id)
        if before[0] != node or (scoped and before != (node, name, version)):
            raise Malformed(
                "one bom-ref names two things",
                where=f"{where}.bom-ref",
                expected="each bom-ref once",
                got=ref,
                do="Two readers could follow it to different components; give each its own",
            )

    def _service(self, value: object, where: str, *, whole: str) -> None:
        service = as_object(value, where=where)
        self.count += 1
        parts.check_count(self.count)
        ref = get_string(service, "bom-ref", where=where)
        name, version = _full_name(service, where), get_string(service, "version", where=where)
        node = self.builder.node(
            parts.bounded(f"{self.document_id}#{ref or '/' + where}"),
            "component",
            parts.shown(name),
            {"type": "service", "version": parts.shown(version)},
        )
        if ref is not None:
            self._name(ref, node, name, version, where)
        self.builder.edge(whole, "contains", node)
        for at, nested in enumerate(get_array(service, "services", where=where)):
            self._service(nested, f"{where}.services[{at}]", whole=node)

    def _pedigree(self, component: dict[str, Any], node: str, where: str) -> None:
        """What the component was made from: its ancestors, and the commits it was built of."""
        pedigree = get_object(component, "pedigree", where=where)
        where = f"{where}.pedigree"
        for at, ancestor in enumerate(get_array(pedigree, "ancestors", where=where)):
            source = self._component(ancestor, f"{where}.ancestors[{at}]", whole=None)
            self.builder.edge(node, "derived_from", source)
        for at, value in enumerate(get_array(pedigree, "commits", where=where)):
            commit = as_object(value, where=f"{where}.commits[{at}]")
            id_ = commit_id(get_string(commit, "uid", where=f"{where}.commits[{at}]") or "")
            if id_ is not None:
                self.builder.edge(node, "derived_from", self.builder.node(id_, "commit"))

    def _dependencies(self) -> None:
        for at, value in enumerate(get_array(self.document, "dependencies")):
            where = f"dependencies[{at}]"
            dependency = as_object(value, where=where)
            source = self.refs.get(need_string(dependency, "ref", where=where))
            targets = get_array(dependency, "dependsOn", where=where)
            self.dangling += source is None
            for to, ref in enumerate(targets):
                target = self.refs.get(as_string(ref, where=f"{where}.dependsOn[{to}]"))
                if target is None:
                    self.dangling += 1
                elif source is not None:
                    self.builder.edge(source, "depends_on", target)

    def _vulnerabilities(self, root: str) -> None:
        for at, value in enumerate(get_array(self.document, "vulnerabilities")):
            where = f"vulnerabilities[{at}]"
            vulnerability = as_object(value, where=where)
            id_ = get_string(vulnerability, "id", where=where)
            if id_ is None or not id_.strip():
                continue
            analysis = get_object(vulnerability, "analysis", where=where)
            state = get_string(analysis, "state", where=where)
            time, unread = parts.occurred(
                analysis.get("lastUpdated") or analysis.get("firstIssued")
                or vulnerability.get("updated") or vulnerability.get("published")
            )  # fmt: skip
            claim = claims.add_claim(
                self.builder,
                document_id=self.document_id,
                place=where,
                vulnerability=claims.add_vulnerability(
                    self.builder, id_, aliases=_equivalents(vulnerability, where)
                ),
                status=STATUSES.get(state) if state else None,
                properties={
                    "state": state,
                    "justification": get_string(analysis, "justification", where=where),
                    "action": get_array(analysis, "response", where=where) or None,
                    "severity": _severity(vulnerability, where),
                    "timestamp": time,
                    **unread,
                },
            )
            self._affected(claim, vulnerability, where, root)

    def _affected(self, claim: str, vulnerability: dict[str, Any], where: str, root: str) -> None:
        """Tie the claim to what it affects; a part is meant within what the document describes."""
        outside = 0  # how many of other documents' things, when a statement vouches for one
        listed = get_array(vulnerability, "affects", where=where)
        for at, value in enumerate(listed):
            place = f"{where}.affects[{at}]"
            affects = as_object(value, where=place)
            ref = need_string(affects, "ref", where=place)
            # A VEX speaks of another document's component: the link finds its alternate.
            node = self.refs.get(ref) or self._bom_link_node(ref)
            if node is None:
                self.dangling += 1
                continue
            versions = _versions(affects, place)
            said = {"versions": versions} if versions else {}
            outside += ref not in self.refs and node not in self.vouched
            if node == root or root == self.document_id or ref not in self.refs:
                self.builder.edge(claim, "describes", node, {"as": "product", **said})
                self._linked(claim, ref)
            else:
                self.builder.edge(claim, "describes", root, {"as": "product"})
                claims.add_subcomponent(self.builder, claim, node, within=(root,), **said)
        if self.vouched and listed and outside == len(listed):
            self.builder.node(claim, "claim", properties={"outside_subjects": True})

    def _linked(self, claim: str, ref: str) -> None:
        """Tie the claim to a package of another document, where that named it by its purl."""
        document, _, name = ref.partition("#")
        if ref in self.refs or not _BOM_LINK.fullmatch(ref) or not name:
            return
        try:
            purl = canonical(unquote(name))
        except Refused:
            return
        node = self.builder.node(purl.id, "package")
        whole = self.builder.node(document.lower(), "resource")
        claims.add_subcomponent(self.builder, claim, node, within=(whole,))

    def _compositions(self) -> None:
        """How complete the lists of parts and of dependencies are, as the document says."""
        for at, value in enumerate(get_array(self.document, "compositions")):
            where = f"compositions[{at}]"
            composition = as_object(value, where=where)
            aggregate = need_string(composition, "aggregate", where=where)
            for key in ("assemblies", "dependencies"):
                for to, ref in enumerate(get_array(composition, key, where=where)):
                    text = as_string(ref, where=f"{where}.{key}[{to}]")
                    node = self.refs.get(text)
                    if node is not None:
                        # Only adds to a node that is there, whatever its kind.
                        said = {f"composition_{key}": aggregate}
                        self.builder.node(node, "component", properties=said)
                    elif not _BOM_LINK.fullmatch(text):
                        self.dangling += 1

    def _bom_link_node(self, text: object) -> str | None:
        """The node of another document, or of a part of one; None for any other text."""
        if isinstance(text, str) and _BOM_LINK.fullmatch(text):
            return self.builder.node(parts.bounded(text), "resource")
        return None

    def _tools(self, tools: object) -> None:
        if isinstance(tools, dict):
            listed = get_array(tools, "components", where="metadata.tools")
            listed = listed + get_array(tools, "services", where="metadata.tools")
        else:
            listed = [] if tools is None else as_array(tools, where="metadata.tools")
        for at, value in enumerate(listed):
            tool = as_object(value, where=f"metadata.tools[{at}]")
            name = get_string(tool, "name", where=f"metadata.tools[{at}]")
            version = get_string(tool, "version", where=f"metadata.tools[{at}]")
            parts.add_tool(self.builder, self.document_id, name or "", version)


def _part(component: dict[str, Any], where: str, scoped: str) -> parts.Part:
    type_ = get_string(component, "type", where=where)
    purl = get_string(component, "purl", where=where)
    hashes = []
    for at, value in enumerate(get_array(component, "hashes", where=where)):
        digest = as_object(value, where=f"{where}.hashes[{at}]")
        algorithm = need_string(digest, "alg", where=f"{where}.hashes[{at}]")
        content = get_string(digest, "content", where=f"{where}.hashes[{at}]")
        hashes.append((algorithm, content or ""))
    return parts.Part(
        scoped=scoped,
        name=_full_name(component, where),
        version=get_string(component, "version", where=where),
        purls=(purl,) if purl else (),
        hashes=hashes,
        container=type_ == "container",
        kind="model" if type_ == "machine-learning-model" else "component",
        properties={
            "type": parts.shown(type_),
            "cpe": parts.shown(get_string(component, "cpe", where=where)),
            "licenses": _licenses(component) or None,
        },
    )


def _equivalents(vulnerability: dict[str, Any], where: str) -> list[str]:
    """Other ids of the same vulnerability, where they are ids everywhere."""
    found = []
    for at, value in enumerate(get_array(vulnerability, "references", where=where)):
        place = f"{where}.references[{at}]"
        id_ = get_string(as_object(value, where=place), "id", where=place)
        if id_ and claims.is_known_scheme(id_):
            found.append(id_)
    return found


def _severity(vulnerability: dict[str, Any], where: str) -> str | None:
    """The highest severity that a rating gives."""
    said = [
        as_object(rating, where=f"{where}.ratings[{at}]").get("severity")
        for at, rating in enumerate(get_array(vulnerability, "ratings", where=where))
    ]
    return next((word for word in _SEVERITIES if word in said), None)


def _versions(affects: dict[str, Any], where: str) -> list[str]:
    """``1.2 affected``: the versions that a claim is about, and how."""
    found = []
    for at, value in enumerate(get_array(affects, "versions", where=where)):
        place = f"{where}.versions[{at}]"
        version = as_object(value, where=place)
        which = get_string(version, "version", where=place) or get_string(
            version, "range", where=place
        )
        status = get_string(version, "status", where=place) or "affected"
        if which and at < AFFECTS_MAX:
            found.append(f"{parts.shown(which)} {status}")
    return found


def _full_name(component: dict[str, Any], where: str) -> str:
    name = component.get("name")
    if name is None:
        raise Malformed("a required field is missing", where=f"{where}.name")
    group = get_string(component, "group", where=where)
    text = as_string(name, where=f"{where}.name")
    return f"{group}/{text}" if group else text


def _licenses(component: dict[str, Any]) -> list[str]:
    """Licence ids, expressions or names; shapes that are none of these say nothing."""
    found: dict[str, None] = {}
    listed = component.get("licenses")
    for choice in listed if isinstance(listed, list) else ():
        license_ = choice.get("license") if isinstance(choice, dict) else None
        said = license_ if isinstance(license_, dict) else choice
        if isinstance(said, dict):
            text = said.get("id") or said.get("expression") or said.get("name")
            if isinstance(text, str):
                found[parts.shown(text) or ""] = None
    return list(found)[: parts.LICENSES_MAX]
