"""OpenVEX as facts: which vulnerability has which status in which product.

    document ── specializes ──► its @id               one node for every version of it
       ├─ attributed_to ──► software:vexctl@0.2.6     tooling
       └─ contains ──► claim {status, justification, action, timestamp} ──describes──► product

v0.0.1 names a vulnerability and a product by a text, v0.2.0 by an object; both are read wherever
they stand, because real documents mix them. Inside an in-toto statement, a claim without products
is about the subjects, and one whose products are none of the subjects has the property
``outside_subjects``: the attestation does not vouch for it. ``components.py`` says which node a
product is. Not read: authors, notes and impact statements (texts for people).

Sizes:  20,000 statements · 100,000 products and subcomponents
Source: OpenVEX specification v0.0.1 and v0.2.0, ATTESTING.md (openvex/spec)
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from wherefrom.errors import LimitPassed, Malformed, Unsupported
from wherefrom.formats import claims
from wherefrom.formats import components as parts
from wherefrom.formats.descriptors import public_id
from wherefrom.formats.facts import Facts, FactsBuilder
from wherefrom.formats.strict_json import (
    as_object,
    as_string,
    get_array,
    get_object,
    get_string,
    need_array,
    need_string,
)

MEDIA_TYPE: Final = "application/vnd.openvex+json"
PREDICATE_TYPE: Final = "https://openvex.dev/ns"
STATEMENTS_MAX: Final = 20_000
JUSTIFICATIONS: Final = (
    "component_not_present",
    "vulnerable_code_not_present",
    "vulnerable_code_not_in_execute_path",
    "vulnerable_code_cannot_be_controlled_by_adversary",
    "inline_mitigations_already_exist",
)
_CONTEXT = re.compile(r"https?://openvex\.dev/ns(?:/v(?P<version>0(?:\.[0-9]+){0,2}))?/?")
_IRI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:\S+")
_SHAPE: Final = frozenset({"@context", "@id", "author", "statements"})


def recognises(document: Mapping[str, Any]) -> bool:
    """Whether this means to be OpenVEX: by its context, or, that left out, by its keys."""
    context = document.get("@context")
    if isinstance(context, str) and context:
        return "openvex" in context
    return "statements" in document and document.keys() >= _SHAPE


def media_type(document: Mapping[str, Any]) -> str:
    """The type with the version that the context names. Raises Unsupported, Malformed."""
    version = _check_context(document)
    return f"{MEDIA_TYPE}; version={version}" if version else MEDIA_TYPE


def occurred(document: Mapping[str, Any]) -> str | None:
    """When the document was last changed, else issued; None when no readable time says so."""
    return parts.occurred(document.get("last_updated") or document.get("timestamp"))[0]


def facts(document: Mapping[str, Any], *, document_id: str) -> Facts:
    """What the document says.

    document     the value that ``strict_json.decode`` gave
    document_id  ``sha256:`` + hex of the content's bytes: the node of the document itself

    Raises Malformed for a missing or wrong field, naming its path; Unsupported for a context of
    another version; LimitPassed.
    """
    builder = FactsBuilder(document=document_id)
    embed(builder, document, document_id=document_id, subjects=())
    return builder.build(kind="attestation", type=media_type(document), occurred=occurred(document))


def embed(
    builder: FactsBuilder,
    document: Mapping[str, Any],
    *,
    document_id: str,
    subjects: Sequence[str],
    where: str = "",
) -> None:
    """Add the document's nodes and edges to ``builder``, as ``facts`` does.

    subjects  the things that a statement attests the document for; none when it stands alone
    where     path of the document in the record, for messages
    """
    version = _check_context(document, where)
    id_ = public_id(need_string(document, "@id", where=where))
    need_string(document, "author", where=where)
    revision = document.get("version")
    if isinstance(revision, bool) or not isinstance(revision, int | str):
        raise Malformed(
            "a field has the wrong type" if revision is not None else "a required field is missing",
            where=_at(where, "version"),
            expected="an integer",
            got=revision,
        )
    need_string(document, "timestamp", where=where)
    tooling = get_string(document, "tooling", where=where)
    builder.node(
        document_id,
        "attestation",
        properties={
            "format": "OpenVEX",
            "specVersion": version,
            "version": parts.shown(str(revision)),
            **parts.occurred(document.get("last_updated") or document["timestamp"])[1],
        },
    )
    builder.edge(document_id, "specializes", builder.node(parts.bounded(id_), "resource"))
    if tooling:
        parts.add_tool(builder, document_id, *parts.split_tool(tooling))
    _Statements(builder, document, document_id, subjects, where).read()


def _at(where: str, key: str) -> str:
    return f"{where}.{key}" if where else key


def _check_context(document: Mapping[str, Any], where: str = "") -> str | None:
    context = document.get("@context")
    if context is None or context == "":
        return None
    match = _CONTEXT.fullmatch(as_string(context, where=_at(where, "@context")))
    if match is None:
        raise Unsupported(
            "an OpenVEX version that is not read",
            where=_at(where, "@context"),
            expected="https://openvex.dev/ns, or its v0.0.1 or v0.2.0",
            got=context,
        )
    return match["version"]


class _Statements:
    """The statements of one document on their way into a builder."""

    def __init__(
        self,
        builder: FactsBuilder,
        document: Mapping[str, Any],
        document_id: str,
        subjects: Sequence[str],
        where: str,
    ) -> None:
        self.builder = builder
        self.document = document
        self.document_id = document_id
        self.subjects = subjects
        self.where = where
        self.vouched = builder.names_of(subjects)
        self.names: dict[str, set[str]] = {}  # what else a product is called
        self.budget = claims.Budget()
        self.count = 0

    def read(self) -> None:
        listed = need_array(self.document, "statements", where=self.where)
        place = _at(self.where, "statements")
        if not listed:
            raise Malformed("a VEX document that states nothing", where=place)
        if len(listed) > STATEMENTS_MAX:
            raise LimitPassed(
                "a VEX document has too many statements",
                where=place,
                expected=f"{STATEMENTS_MAX} at most",
                got=len(listed),
            )
        for at, statement in enumerate(listed):
            where = f"{place}[{at}]"
            self._statement(as_object(statement, where=where), where)

    def _statement(self, statement: Mapping[str, Any], where: str) -> None:
        status, justification = _check_status(statement, where)
        time = statement.get("last_updated") or statement.get("timestamp")
        time = time or self.document.get("last_updated") or self.document.get("timestamp")
        said, unread = parts.occurred(time)
        claim = claims.add_claim(
            self.builder,
            document_id=self.document_id,
            place=where,
            vulnerability=self._vulnerability(statement, where),
            status=status,
            properties={
                "justification": justification,
                "action": parts.shown(get_string(statement, "action_statement", where=where)),
                "timestamp": said,
                **unread,
            },
        )
        own = get_string(statement, "@id", where=where)
        if own:
            other = self.builder.node(parts.bounded(public_id(own)), "resource")
            self.builder.edge(claim, "alternate", other)
        products = {}
        for at, value in enumerate(get_array(statement, "products", where=where)):
            product, inner = self._product(value, f"{where}.products[{at}]")
            products[product] = inner
        loose = self._components(statement, where)  # v0.0.1 lists them beside the products
        if not products:
            products = {subject: [] for subject in self.subjects}
        elif self.subjects and not any(self._is_vouched(product) for product in products):
            self.builder.node(claim, "claim", properties={"outside_subjects": True})
        self._tie(claim, products, loose)

    def _is_vouched(self, product: str) -> bool:
        return product in self.vouched or not self.vouched.isdisjoint(self.names[product])

    def _tie(self, claim: str, products: Mapping[str, Sequence[str]], loose: Sequence[str]) -> None:
        self.budget.spend(len(products))
        for component in loose:
            claims.add_subcomponent(self.builder, claim, component, within=products)
        within: dict[str, dict[str, None]] = {}
        for product, inner in products.items():
            self.builder.edge(claim, "describes", product, {"as": "product"})
            for component in inner:
                within.setdefault(component, {})[product] = None
        for component, owners in within.items():
            claims.add_subcomponent(self.builder, claim, component, within=owners)

    def _vulnerability(self, statement: Mapping[str, Any], where: str) -> str:
        value = statement.get("vulnerability")
        if isinstance(value, str) and value.strip():
            return claims.add_vulnerability(self.builder, value)
        where = f"{where}.vulnerability"
        if value is None or value == "":
            raise Malformed("a required field is missing", where=where)
        vulnerability = as_object(value, where=where)
        # v0.1 drafts and some tools have only an @id, which then is the name.
        key = "name" if vulnerability.get("name") or "@id" not in vulnerability else "@id"
        name = need_string(vulnerability, key, where=where)
        if not name.strip():
            raise Malformed("a vulnerability without a name", where=f"{where}.{key}", got=name)
        aliases = [
            as_string(alias, where=f"{where}.aliases[{at}]")
            for at, alias in enumerate(get_array(vulnerability, "aliases", where=where))
        ]
        iri = get_string(vulnerability, "@id", where=where)
        url = parts.shown(public_id(iri)) if iri else None
        return claims.add_vulnerability(
            self.builder, name, aliases=aliases, properties={"url": url}
        )

    def _product(self, value: object, where: str) -> tuple[str, list[str]]:
        node = self._component(value, where)
        inner = self._components(value, where) if isinstance(value, dict) else []
        return node, inner

    def _components(self, owner: Mapping[str, Any], where: str) -> list[str]:
        return [
            self._component(value, f"{where}.subcomponents[{at}]")
            for at, value in enumerate(get_array(owner, "subcomponents", where=where))
        ]

    def _component(self, value: object, where: str) -> str:
        self.count += 1
        parts.check_count(self.count)
        component: Mapping[str, Any] = (
            {"@id": value} if isinstance(value, str) else as_object(value, where=where)
        )
        iri = get_string(component, "@id", where=where)
        names = get_object(component, "identifiers", where=where)
        purl = get_string(names, "purl", where=f"{where}.identifiers")
        cpe = None
        for key in ("cpe23", "cpe22", "@cpe23", "@cpe22"):
            cpe = cpe or get_string(names, key, where=f"{where}.identifiers")
        hashes = [
            (key, as_string(digest, where=f"{where}.hashes.{key}"))
            for key, digest in get_object(component, "hashes", where=where).items()
        ]
        is_purl = iri is not None and iri[:4].lower() == "pkg:"
        name = iri or purl or cpe
        if name is None and not hashes:
            raise Malformed(
                "a product that nothing names",
                where=where,
                expected="an @id, an identifier or a hash",
            )
        part = parts.Part(
            scoped=f"{self.document_id}#/{where}",
            name=name or hashes[0][1],
            purls=[text for text in (iri if is_purl else None, purl) if text],
            hashes=hashes,
            properties={"cpe": parts.shown(cpe)},
        )
        node = self._node(part, iri if iri and not is_purl and _IRI.fullmatch(iri) else None)
        self.names.setdefault(node, set()).update(parts.identities(part))
        return node

    def _node(self, part: parts.Part, iri: str | None) -> str:
        known = parts.has_identity(part)
        if iri is None:
            # A bare name proves nothing: say so where people look.
            asserted = {} if known else {"properties": {**part.properties, "identity": "asserted"}}
            return parts.add(self.builder, msgspec.structs.replace(part, **asserted))
        uri = public_id(iri)
        properties = None if known else part.properties
        resource = self.builder.node(parts.bounded(uri), "resource", parts.shown(uri), properties)
        if not known:
            return resource
        node = parts.add(self.builder, part)
        self.builder.edge(node, "alternate", resource)
        return node


def _check_status(statement: Mapping[str, Any], where: str) -> tuple[str, str | None]:
    """The status and its justification, which must go together as VEX says."""
    status = need_string(statement, "status", where=where)
    if status not in claims.STATUSES:
        raise Malformed(
            "not a VEX status",
            where=f"{where}.status",
            expected=" or ".join(claims.STATUSES),
            got=status,
        )
    justification = get_string(statement, "justification", where=where)
    if justification is not None and justification not in JUSTIFICATIONS:
        raise Malformed(
            "not a VEX justification",
            where=f"{where}.justification",
            expected=" or ".join(JUSTIFICATIONS),
            got=justification,
        )
    impact = get_string(statement, "impact_statement", where=where)
    if status == "not_affected" and justification is None and impact is None:
        raise Malformed(
            "not affected, and no reason given",
            where=where,
            expected="a justification or an impact_statement",
        )
    action = get_string(statement, "action_statement", where=where)
    if status == "affected" and action is None:
        raise Malformed(
            "affected, and nothing to do about it", where=where, expected="an action_statement"
        )
    return status, justification
