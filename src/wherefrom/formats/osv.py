"""OSV as facts: which versions of which packages a vulnerability is in.

    document ── specializes ──► osv:GHSA-…        one node for every version of the advisory
       └─ contains ──► claim {affected, severity, ecosystem, ranges, versions, fixed, advisory}
                         ├─ describes ──► pkg:npm/lodash        a package, without its version
                         └─ describes ──► GHSA-… ── alternate ──► CVE-…

A claim speaks of a package in general, so only who compares versions can tell what it is about:
``query.advisories`` does. What is too long to stand on the claim is read out of the record then
(``in_content``). An advisory that is withdrawn claims nothing. One of a distribution that collects
vulnerabilities of others (``upstream``) is about those. Not read: texts, references, credits.

Sizes:  10,000 packages · on a claim 200 versions and 100 ranges in 8,000 characters
Source: ossf.github.io/osv-schema, 1.0 to 1.7
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple
from urllib.parse import quote, unquote

from wherefrom.errors import LimitPassed, Malformed, Refused, Unsupported
from wherefrom.formats import claims, cvss, digests, ecosystems, timestamps
from wherefrom.formats import components as parts
from wherefrom.formats.descriptors import public_id
from wherefrom.formats.facts import Facts, FactsBuilder
from wherefrom.formats.purl import canonical
from wherefrom.formats.strict_json import (
    as_object,
    as_string,
    get_array,
    get_object,
    get_string,
    need_array,
    need_string,
)

MEDIA_TYPE: Final = "application/vnd.osv+json"
AFFECTED_MAX: Final = 10_000
# How a claim is about an advisory that collects the vulnerabilities it is about.
COLLECTED: Final = "advisory"
EVENTS: Final = ("introduced", "fixed", "last_affected", "limit")
_VERSIONS_MAX: Final = 200
_RANGES_MAX: Final = 100
_CHARS_MAX: Final = 8_000
_FIXED_MAX: Final = 8
_VERSION: Final = re.compile(r"([0-9]{1,6})\.[0-9]{1,6}\.[0-9]{1,6}[0-9A-Za-z.+-]{0,64}")
_WORDS: Final[Mapping[str, str]] = {
    "negligible": "low", "unimportant": "low", "low": "low", "minor": "low",
    "moderate": "medium", "medium": "medium", "high": "high", "important": "high",
    "critical": "critical",
}  # fmt: skip


class Range(NamedTuple):
    """One range: SEMVER, ECOSYSTEM or GIT, and its events in order, each (what, version)."""

    type: str
    events: tuple[tuple[str, str], ...]


class Affected(NamedTuple):
    """What one advisory says of one package: it is in these versions, and in these ranges."""

    ecosystem: str
    versions: tuple[str, ...]
    ranges: tuple[Range, ...]


def recognises(document: Mapping[str, Any]) -> bool:
    """Whether this means to be OSV: an id, and what is affected, or a time of change."""
    return isinstance(document.get("id"), str) and (
        document.keys() >= {"modified", "schema_version"}
        or document.keys() >= {"modified", "affected"}
        or document.keys() >= {"schema_version", "affected"}
    )


def media_type(document: Mapping[str, Any], where: str = "") -> str:
    """The type with the version of the schema. Raises Malformed, Unsupported."""
    version = get_string(document, "schema_version", where=where) or "1.0.0"
    place = _at(where, "schema_version")
    match = _VERSION.fullmatch(version)
    if match is None:
        raise Malformed("not a version of OSV", where=place, expected="such as 1.7.0", got=version)
    if match[1] != "1":
        raise Unsupported("an OSV version that is not read", where=place, expected="1.x",
                          got=version)  # fmt: skip
    return f"{MEDIA_TYPE}; version={version}"


def facts(document: Mapping[str, Any], *, document_id: str) -> Facts:
    """What the document says.

    document     the value that ``strict_json.decode`` gave
    document_id  ``sha256:`` + hex of the content's bytes: the node of the document itself

    Raises Malformed for a missing or wrong field, naming its path; Unsupported for another major
    version; LimitPassed.
    """
    builder = FactsBuilder(document=document_id)
    modified = embed(builder, document, document_id=document_id)
    return builder.build(kind="attestation", type=media_type(document), occurred=modified)


def embed(
    builder: FactsBuilder, document: Mapping[str, Any], *, document_id: str, where: str = ""
) -> str:
    """Add the document's nodes and edges to ``builder``, as ``facts`` does; returns its time.

    where  path of the document in the record, for messages
    """
    media_type(document, where)
    id_ = need_string(document, "id", where=where)
    modified = modified_of(document, where)
    withdrawn = get_string(document, "withdrawn", where=where)
    if withdrawn is not None:
        withdrawn = timestamps.canonical(withdrawn, where=_at(where, "withdrawn"))
    builder.node(
        document_id,
        "attestation",
        parts.shown(id_),
        {
            "format": "OSV",
            "advisory": parts.shown(id_),
            "modified": modified,
            "withdrawn": withdrawn,
            "title": parts.shown(get_string(document, "summary", where=where)),
        },
    )
    builder.edge(document_id, "specializes", builder.node(advisory_id(id_), "resource"))
    own, names = _vulnerabilities(builder, document, id_, where)
    for at, affected in enumerate(_listed(document, where)):
        # What was taken back is claimed no more; it is read all the same, or it could be broken.
        said = _Affected(builder, document, affected, _at(where, f"affected[{at}]"))
        if withdrawn is None:
            said.claim(document_id, own, names, modified)
    return modified


def advisory_id(id: str) -> str:
    """The node of an advisory, whichever version of it."""
    return parts.bounded(f"osv:{claims.vulnerability_id(id)}")


def modified_of(document: Mapping[str, Any], where: str = "") -> str:
    """When a document was last changed, as entries write times. Raises Malformed."""
    text = need_string(document, "modified", where=where)
    return timestamps.canonical(text, where=_at(where, "modified"))


def affected_at(document: Mapping[str, Any], at: int) -> Affected:
    """What a document says in its ``affected[at]``. Raises Malformed, IndexError."""
    value = as_object(_listed(document, "")[at], where=f"affected[{at}]")
    return _read(value, f"affected[{at}]")


def affected_of(properties: Mapping[str, Any]) -> Affected | None:
    """What a claim of this format says; None where that has to be read in its record."""
    if properties.get("in_content"):
        return None
    return Affected(
        str(properties.get("ecosystem", "")),
        tuple(properties.get("versions", ())),
        tuple(map(_range_of, properties.get("ranges", ()))),
    )


def packages(document: Mapping[str, Any]) -> list[str]:
    """The ids, without a version, of all packages that a document names. Raises Malformed."""
    found: dict[str, None] = {}
    for at, value in enumerate(_listed(document, "")):
        affected = as_object(value, where=f"affected[{at}]")
        found |= dict.fromkeys(_packages(affected, f"affected[{at}]"))
    return list(found)


def _at(where: str, key: str) -> str:
    return f"{where}.{key}" if where else key


def _listed(document: Mapping[str, Any], where: str) -> list[Any]:
    listed = get_array(document, "affected", where=where)
    if len(listed) > AFFECTED_MAX:
        raise LimitPassed(
            "an advisory lists too many packages", where=_at(where, "affected"),
            expected=f"{AFFECTED_MAX} at most", got=len(listed),
        )  # fmt: skip
    return listed


def _vulnerabilities(
    builder: FactsBuilder, document: Mapping[str, Any], id_: str, where: str
) -> tuple[str, list[str]]:
    """Its own id; and what it is about: itself, under its other names, or those it collects."""
    if not id_.strip():
        raise Malformed("an advisory without a name", where=_at(where, "id"), got=id_)
    aliases = _texts(document, "aliases", where)
    upstream = [text for text in _texts(document, "upstream", where) if text.strip()]
    own = claims.add_vulnerability(builder, id_, aliases=aliases)
    if not upstream or len(upstream) > claims.ALIASES_MAX:
        return own, [own]
    found = [claims.add_vulnerability(builder, text) for text in upstream]
    for other in found:
        builder.edge(own, "derived_from", other)
    return own, found


def _texts(parent: Mapping[str, Any], key: str, where: str) -> list[str]:
    place = _at(where, key)
    return [
        as_string(text, where=f"{place}[{at}]")
        for at, text in enumerate(get_array(parent, key, where=where))
    ]


class _Affected:
    """One element of ``affected``, read, on its way into a builder."""

    def __init__(
        self, builder: FactsBuilder, document: Mapping[str, Any], value: object, where: str
    ) -> None:
        self.builder = builder
        self.where = where
        self.value = as_object(value, where=where)
        self.said = _read(self.value, where)
        self.ids = _packages(self.value, where)
        self.severity = _severity(document, self.value, where)

    def claim(self, document_id: str, own: str, names: list[str], modified: str) -> None:
        """Add the claim of the advisory ``own``, about each of ``names``."""
        fixed = [v for r in self.said.ranges for what, v in r.events if what == "fixed"
                 and r.type != "GIT"]  # fmt: skip
        claim = claims.add_claim(
            self.builder,
            document_id=document_id,
            place=self.where,
            vulnerability=names[0],
            status="affected",
            properties={
                "severity": self.severity,
                "timestamp": modified,
                "ecosystem": self.said.ecosystem,
                "advisory": parts.shown(own),
                "fixed": [parts.shown(v) for v in dict.fromkeys(fixed)][:_FIXED_MAX] or None,
                **_shown(self.said),
            },
        )
        for other in names[1:]:
            self.builder.edge(claim, "describes", other)
        if own not in names:
            self.builder.edge(claim, "describes", own, {"as": COLLECTED})
        for id_ in self.ids:
            node = self.builder.node(id_, "package")
            self.builder.edge(claim, "describes", node, {"as": "product"})
        for id_ in self._sources():
            node = self.builder.node(id_, "source")
            self.builder.edge(claim, "describes", node, {"as": "product"})
        if not self.ids:
            package = get_object(self.value, "package", where=self.where)
            if name := get_string(package, "name", where=f"{self.where}.package"):
                scoped = parts.bounded(f"{document_id}#/{self.where}.package")
                node = self.builder.node(scoped, "component", parts.shown(name))
                self.builder.edge(claim, "describes", node, {"as": "product"})

    def _sources(self) -> list[str]:
        """The repositories whose commits it names."""
        found: dict[str, None] = {}
        for at, value in enumerate(get_array(self.value, "ranges", where=self.where)):
            place = f"{self.where}.ranges[{at}]"
            repo = get_string(as_object(value, where=place), "repo", where=place)
            if repo and repo.strip():
                git = digests.git_place(repo)
                found[parts.bounded(git.repository if git else public_id(repo.strip()))] = None
        return list(found)[: claims.ALIASES_MAX]


def _packages(affected: Mapping[str, Any], where: str) -> list[str]:
    """The package by its own purl, and by its ecosystem and name if that gives another."""
    package = get_object(affected, "package", where=where)
    if not package:
        return []
    place = f"{where}.package"
    found: dict[str, None] = {}
    purl = get_string(package, "purl", where=place)
    if purl is not None:
        try:
            read = canonical(purl)
        except Refused:
            read = None
        if read is not None:
            found[ecosystems.without_version(read.id)] = None
    ecosystem = need_string(package, "ecosystem", where=place)
    name = need_string(package, "name", where=place)
    if (named := ecosystems.package_of(ecosystem, name)) is not None:
        found[named] = None
    return list(found)


def _read(affected: Mapping[str, Any], where: str) -> Affected:
    package = get_object(affected, "package", where=where)
    ecosystem = get_string(package, "ecosystem", where=f"{where}.package") or ""
    ranges = []
    for at, value in enumerate(get_array(affected, "ranges", where=where)):
        place = f"{where}.ranges[{at}]"
        said = as_object(value, where=place)
        events = tuple(_events(said, place))
        ranges.append(Range(need_string(said, "type", where=place), events))
    return Affected(ecosystem, tuple(_texts(affected, "versions", where)), tuple(ranges))


def _events(said: Mapping[str, Any], where: str) -> Iterator[tuple[str, str]]:
    begins = False
    for at, value in enumerate(need_array(said, "events", where=where)):
        place = f"{where}.events[{at}]"
        event = as_object(value, where=place)
        # Older documents put the beginning and the end of a range into one event.
        found = [
            (what, as_string(event[what], where=f"{place}.{what}"))
            for what in EVENTS
            if event.get(what) is not None
        ]
        if not found:
            raise Malformed("an event of no kind", where=place, expected=" or ".join(EVENTS))
        begins = begins or found[0][0] == "introduced"
        yield from found
    if not begins:
        raise Malformed("a range that begins nowhere", where=f"{where}.events",
                        expected='an event "introduced"')  # fmt: skip


def _shown(said: Affected) -> dict[str, Any]:
    """Versions and ranges as properties, or that they are too long for that."""
    ranges = [_range_text(one) for one in said.ranges]
    short = len(said.versions) <= _VERSIONS_MAX and len(ranges) <= _RANGES_MAX
    if not short or sum(map(len, [*said.versions, *ranges])) > _CHARS_MAX:
        return {"in_content": True}
    return {"versions": list(said.versions) or None, "ranges": ranges or None}


def _range_text(said: Range) -> str:
    """``SEMVER introduced 0 fixed 4.17.21``: spaces within a version are percent signs."""
    words = [said.type, *(word for event in said.events for word in event)]
    return " ".join(quote(word, safe="!*+:~^=<>,/@()[]") or "%" for word in words)


def _range_of(text: object) -> Range:
    type_, *words = ("" if w == "%" else unquote(w) for w in str(text).split(" "))
    return Range(type_, tuple(zip(words[::2], words[1::2], strict=False)))


def _severity(document: Mapping[str, Any], affected: Mapping[str, Any], where: str) -> str | None:
    """The highest score; of a vector that has none here, or without one, the database's word."""
    found, unscored = [], False
    own = get_array(affected, "severity", where=where)
    outer, _, _ = where.rpartition("affected[")
    listed = own or get_array(document, "severity", where=outer.rstrip("."))
    place = f"{where}.severity" if own else f"{outer}severity"
    for at, value in enumerate(listed):
        one = as_object(value, where=f"{place}[{at}]")
        kind = get_string(one, "type", where=f"{place}[{at}]") or ""
        score = get_string(one, "score", where=f"{place}[{at}]") or ""
        word = cvss.severity(score) if kind.startswith("CVSS") else _WORDS.get(score.lower())
        unscored = unscored or word is None
        found.append(word)
    if unscored or not any(found):
        for owner in (document, affected):
            for key in ("database_specific", "ecosystem_specific"):
                said = owner.get(key)
                text = said.get("severity") if isinstance(said, dict) else None
                found.append(_WORDS.get(text.lower()) if isinstance(text, str) else None)
    known = [cvss.SEVERITIES.index(word) for word in found if word is not None]
    return cvss.SEVERITIES[max(known)] if known else None
