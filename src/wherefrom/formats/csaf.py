"""CSAF advisories and VEX as facts: which product has which status in which vulnerability.

    document ── alternate ──► csaf:<publisher>:<id>:<version> ── revises ──► …:<version before>
       ├─ attributed_to ──► publisher             └─ specializes ──► csaf:<publisher>:<id>
       └─ contains ──► claim {status, state, severity} ── describes ──► product, vulnerability

The product tree is in ``csaf_products``. A vulnerability gives one claim for each status that it
lists; a flag or remediation stands on the edge to the product that it holds for. A product id that
nothing defines is left out and counted (``dangling_references``). Inside an in-toto statement, a
claim whose products are none of the subjects has the property ``outside_subjects``, as in
``openvex``. Not read: notes, references, acknowledgments, threats, people.

Sizes:  versions 2.0 and 2.1 · 100,000 products · 20,000 vulnerabilities
Source: CSAF 2.0 (OASIS Standard, 2022) §3; CSAF 2.1 (drafts of 2025) §3
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from wherefrom.errors import LimitPassed, Malformed, Unsupported
from wherefrom.formats import claims, names
from wherefrom.formats import components as parts
from wherefrom.formats.csaf_products import Products
from wherefrom.formats.descriptors import public_id
from wherefrom.formats.facts import Facts, FactsBuilder
from wherefrom.formats.strict_json import (
    as_object,
    as_string,
    get_array,
    get_object,
    get_string,
    need_array,
    need_object,
    need_string,
)

VERSIONS: Final = ("2.0", "2.1")
MEDIA_TYPE: Final = "application/csaf+json"
VULNERABILITIES_MAX: Final = 20_000
# What CSAF says of a product → the status that every format shares.
STATES: Final[Mapping[str, str | None]] = {
    "known_affected": "affected",
    "first_affected": "affected",
    "last_affected": "affected",
    "known_not_affected": "not_affected",
    "fixed": "fixed",
    "first_fixed": "fixed",
    "under_investigation": "under_investigation",
    "unknown": "unknown",
    "recommended": None,
}
SEVERITIES: Final = ("NONE", "LOW", "MEDIUM", "HIGH", "CRITICAL")

_TRACKING: Final = ("draft", "interim", "final")
_NUMBERS = re.compile(r"(0|[1-9][0-9]{0,17})(?:\.(0|[1-9][0-9]{0,17})\.(0|[1-9][0-9]{0,17}))?")
_URL = re.compile(r"https?://\S")


class Published(NamedTuple):
    """When a document was released, and by whom."""

    occurred: str | None
    publisher: str


def recognises(document: Mapping[str, Any]) -> bool:
    """Whether this means to be CSAF, whole or broken."""
    inner = document.get("document")
    return isinstance(inner, dict) and "csaf_version" in inner


def media_type(document: Mapping[str, Any], where: str = "") -> str:
    """The type with the version of the document. Raises Malformed, Unsupported."""
    about = need_object(document, "document", where=where)
    version = need_string(about, "csaf_version", where=_at(where, "document"))
    if version not in VERSIONS:
        raise Unsupported(
            "a CSAF version that is not read",
            where=_at(where, "document.csaf_version"),
            expected=" or ".join(VERSIONS),
            got=version,
        )
    return f"{MEDIA_TYPE}; version={version}"


def facts(document: Mapping[str, Any], *, document_id: str) -> Facts:
    """What the document says.

    document     the value that ``strict_json.decode`` gave
    document_id  ``sha256:`` + hex of the content's bytes: the node of the document itself

    Raises Malformed for a missing or wrong field, naming its path; Unsupported for a version
    other than 2.0 and 2.1; LimitPassed.
    """
    builder = FactsBuilder(document=document_id)
    occurred, publisher = embed(builder, document, document_id=document_id)
    return builder.build(
        kind="attestation",
        type=media_type(document),
        occurred=occurred,
        producers=(publisher,),
    )


def embed(
    builder: FactsBuilder,
    document: Mapping[str, Any],
    *,
    document_id: str,
    subjects: Sequence[str] = (),
    where: str = "",
) -> Published:
    """Add the document's nodes and edges to ``builder``, as ``facts`` does.

    subjects  the things that a statement attests the document for; none when it stands alone
    where     path of the document in the record, for messages
    """
    media_type(document, where)
    about = need_object(document, "document", where=where)
    published = _describe(builder, about, document_id, _at(where, "document"))
    products = Products(builder, document_id)
    products.read(
        get_object(document, "product_tree", where=where), where=_at(where, "product_tree")
    )
    listed = get_array(document, "vulnerabilities", where=where)
    if len(listed) > VULNERABILITIES_MAX:
        raise LimitPassed(
            "an advisory lists too many vulnerabilities",
            expected=f"{VULNERABILITIES_MAX} at most",
            got=len(listed),
        )
    vouched = builder.names_of(subjects)
    for at, value in enumerate(listed):
        place = _at(where, f"vulnerabilities[{at}]")
        vulnerability = _Vulnerability(builder, document_id, products, vouched, place)
        vulnerability.read(as_object(value, where=place))
    if products.dangling:
        left_out = {"dangling_references": products.dangling}
        builder.node(document_id, "attestation", properties=left_out)
    return published


def _at(where: str, key: str) -> str:
    return f"{where}.{key}" if where else key


def _describe(
    builder: FactsBuilder, about: Mapping[str, Any], document_id: str, place: str
) -> Published:
    """Add the document, its versions and its publisher; returns its time and its publisher."""
    where = f"{place}.tracking"
    tracking = need_object(about, "tracking", where=place)
    publisher = need_object(about, "publisher", where=place)
    name = need_string(publisher, "name", where=f"{place}.publisher")
    author = public_id(need_string(publisher, "namespace", where=f"{place}.publisher"))
    status = need_string(tracking, "status", where=where)
    if status not in _TRACKING:
        raise Malformed(
            "not a status of a CSAF document",
            where=f"{where}.status",
            expected=" or ".join(_TRACKING),
            got=status,
        )
    version = need_string(tracking, "version", where=where)
    released = need_string(tracking, "current_release_date", where=where)
    occurred, unread = parts.occurred(released)
    builder.node(
        document_id,
        "attestation",
        parts.shown(need_string(about, "title", where=place)),
        {
            "format": "CSAF",
            "specVersion": about["csaf_version"],
            "category": parts.shown(need_string(about, "category", where=place)),
            "tracking_id": parts.shown(need_string(tracking, "id", where=where)),
            "version": parts.shown(version),
            "status": status,
            **unread,
        },
    )
    general = f"csaf:{author}:{names.encode(tracking['id'])}"
    this = builder.node(parts.bounded(f"{general}:{names.encode(version)}"), "resource")
    builder.edge(document_id, "alternate", this)
    builder.edge(this, "specializes", builder.node(parts.bounded(general), "resource"))
    history = need_array(tracking, "revision_history", where=where)
    before = _version_before(version, history, f"{where}.revision_history")
    if before is not None:
        earlier = builder.node(parts.bounded(f"{general}:{names.encode(before)}"), "resource")
        builder.edge(this, "revises", earlier)
        builder.edge(earlier, "specializes", general)
    builder.node(parts.bounded(author), "organization", parts.shown(name))
    builder.edge(document_id, "attributed_to", author)
    generator = get_object(tracking, "generator", where=where)
    engine = get_object(generator, "engine", where=f"{where}.generator")
    tool = get_string(engine, "name", where=f"{where}.generator.engine")
    if tool:
        its = get_string(engine, "version", where=f"{where}.generator.engine")
        parts.add_tool(builder, document_id, tool, its)
    return Published(occurred, author)


def _version_before(version: str, history: list[Any], place: str) -> str | None:
    """The greatest number in the history that is less than ``version``, both of one scheme."""
    found: list[tuple[tuple[int, ...], str]] = []
    own = _numbers(version)
    for at, value in enumerate(history):
        where = f"{place}[{at}]"
        number = need_string(as_object(value, where=where), "number", where=where)
        numbers = _numbers(number)
        if own is not None and numbers is not None and len(numbers) == len(own) and numbers < own:
            found.append((numbers, number))
    return max(found)[1] if found else None


def _numbers(version: str) -> tuple[int, ...] | None:
    match = _NUMBERS.fullmatch(version)
    return tuple(int(part) for part in match.groups() if part) if match else None


class _Vulnerability:
    """One vulnerability of a document; lists of products may name groups of them."""

    def __init__(
        self,
        builder: FactsBuilder,
        document_id: str,
        products: Products,
        vouched: set[str],
        where: str,
    ) -> None:
        self.builder = builder
        self.document_id = document_id
        self.products = products
        self.vouched = vouched
        self.where = where

    def read(self, said: Mapping[str, Any]) -> None:
        id_ = self._id(said)
        severity = self._severity(said)
        per_product = self._per_product(said)
        statuses = get_object(said, "product_status", where=self.where)
        for state, status in STATES.items():
            place = f"{self.where}.product_status.{state}"
            listed = get_array(statuses, state, where=f"{self.where}.product_status")
            if not listed:
                continue
            claim = claims.add_claim(
                self.builder,
                document_id=self.document_id,
                place=place,
                vulnerability=id_,
                status=status,
                properties={"state": state, "severity": severity},
            )
            outside = bool(self.vouched)
            for at, ref in enumerate(listed):
                key = as_string(ref, where=f"{place}[{at}]")
                if key in self.products.nodes:
                    outside = outside and self.vouched.isdisjoint(self.products.called(key))
                    self._tie(claim, key, state, per_product.get(key, {}))
                else:
                    self.products.dangling += 1
            if outside:
                self.builder.node(claim, "claim", properties={"outside_subjects": True})

    def _tie(self, claim: str, ref: str, state: str, holds: Mapping[str, list[str]]) -> None:
        product = self.products.nodes[ref]
        self.products.budget.spend(1 + len(self.products.inside.get(ref, ())))
        said = {key: value for key, value in holds.items() if value}
        if state != "known_not_affected":
            said.pop("justification", None)
        self.builder.edge(claim, "describes", product, {"as": "product", **said})
        for component, within in self.products.inside.get(ref, ()):
            claims.add_subcomponent(self.builder, claim, component, within=(within,))

    def _id(self, said: Mapping[str, Any]) -> str:
        aliases: list[str] = []
        tracked: list[str] = []  # one bug may be tracked for several vulnerabilities: no alias
        cve = get_string(said, "cve", where=self.where)
        if cve and cve.strip():
            aliases.append(cve)
        for at, value in enumerate(get_array(said, "ids", where=self.where)):
            where = f"{self.where}.ids[{at}]"
            other = as_object(value, where=where)
            system = need_string(other, "system_name", where=where)
            text = need_string(other, "text", where=where)
            if claims.is_known_scheme(text):
                aliases.append(text)
            else:
                tracked.append(text if _URL.match(text) else f"{system}:{text}")
        title = parts.shown(get_string(said, "title", where=self.where))
        ids = [parts.shown(text) for text in tracked[: claims.ALIASES_MAX]] or None
        properties = {"title": title, "ids": ids}
        found = aliases or tracked
        if found:
            return claims.add_vulnerability(
                self.builder, found[0], aliases=aliases[1:], properties=properties
            )
        # Nothing but this document knows what it is.
        scoped = parts.bounded(f"{self.document_id}#/{self.where}")
        return self.builder.node(scoped, "vulnerability", title)

    def _severity(self, said: Mapping[str, Any]) -> str | None:
        highest = -1
        for key in ("scores", "metrics"):
            for at, value in enumerate(get_array(said, key, where=self.where)):
                score = as_object(value, where=f"{self.where}.{key}[{at}]")
                content = score if key == "scores" else score.get("content")
                for system in ("cvss_v2", "cvss_v3", "cvss_v4"):
                    cvss = content.get(system) if isinstance(content, dict) else None
                    text = cvss.get("baseSeverity") if isinstance(cvss, dict) else None
                    if text in SEVERITIES:
                        highest = max(highest, SEVERITIES.index(text))
        return SEVERITIES[highest].lower() if highest >= 0 else None

    def _per_product(self, said: Mapping[str, Any]) -> dict[str, dict[str, list[str]]]:
        """What flags and remediations say, by product: each a short list."""
        found: dict[str, dict[str, list[str]]] = {}
        for key, names_it, as_ in (
            ("flags", "label", "justification"),
            ("remediations", "category", "remediation"),
        ):
            for at, value in enumerate(get_array(said, key, where=self.where)):
                where = f"{self.where}.{key}[{at}]"
                item = as_object(value, where=where)
                word = parts.shown(need_string(item, names_it, where=where)) or ""
                url = parts.shown(get_string(item, "url", where=where))
                for ref in self.products.listed(item, where):
                    holds = found.setdefault(ref, {})
                    for name, text in ((as_, word), (f"{as_}_url", url)):
                        texts = holds.setdefault(name, [])
                        if text and text not in texts and len(texts) < claims.ALIASES_MAX:
                            texts.append(text)
        return found
