"""The elements of an SPDX 3 graph, and how their fields are read.

    {"@graph": [{"type", "spdxId", …}, …]}  ──►  Elements: by type, in order, each with its place
    software_Package, software_File, …      ──►  components.Part

A field is read under its name with the profile in front (``software_packageUrl``) or without, and
a list of one as a text alone, because published examples have both. What the elements mean
together is in ``spdx3``.

Source: SPDX 3.0.1, serialization in JSON-LD
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from wherefrom.formats import components as parts
from wherefrom.formats.strict_json import (
    as_array,
    as_object,
    as_string,
    get_array,
    get_string,
    need_string,
)

# type of element → the kind of its node when nothing else names it.
PARTS: Final[Mapping[str, str]] = {
    "software_Package": "component",
    "software_File": "component",
    "software_Snippet": "component",
    "ai_AIPackage": "model",
    "dataset_DatasetPackage": "dataset_version",
}


def field(element: Mapping[str, Any], profile: str, key: str) -> Any:
    """A field under its name with the profile in front, or without, as examples have it."""
    value = element.get(f"{profile}_{key}")
    return element.get(key) if value is None else value


def text_of(element: Mapping[str, Any], profile: str, key: str, where: str) -> str | None:
    """A ``field`` that is text; None if it is not there or empty. Raises Malformed."""
    value = field(element, profile, key)
    return None if value in (None, "") else as_string(value, where=f"{where}.{key}")


def refs(element: Mapping[str, Any], key: str, where: str) -> list[str]:
    """The ids under ``key``: one or many, as texts or as objects that say theirs."""
    value = element.get(key)
    listed = value if isinstance(value, list) else [] if value is None else [value]
    found = []
    for at, ref in enumerate(listed):
        if isinstance(ref, dict):
            ref = ref.get("spdxId", ref.get("@id", ""))
        found.append(as_string(ref, where=f"{where}.{key}[{at}]"))
    return [ref for ref in found if ref]


def ends(relationship: Mapping[str, Any], where: str) -> tuple[list[str], list[str]]:
    """What a relationship goes from, one thing at most, and what it goes to."""
    return refs(relationship, "from", where)[:1], refs(relationship, "to", where)


class Elements:
    """The elements of a document by type, in order, each with its place."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        self.by_type: dict[str, list[tuple[Mapping[str, Any], str]]] = {}
        self.creations: dict[str, Mapping[str, Any]] = {}
        graph = document.get("@graph")
        listed = [document] if graph is None else as_array(graph, where="@graph")
        for at, value in enumerate(listed):
            where = "" if graph is None else f"@graph[{at}]"
            element = as_object(value, where=where)
            key = "type" if "type" in element or "@type" not in element else "@type"
            type_ = need_string(element, key, where=where)
            self.by_type.setdefault(type_, []).append((element, where))
            if type_ == "CreationInfo":
                self.creations[str(element.get("@id", element.get("spdxId")))] = element

    def of(self, *types: str) -> list[tuple[Mapping[str, Any], str]]:
        """The elements of these types, in the order of the types."""
        return [item for type_ in types for item in self.by_type.get(type_, ())]

    def document(self) -> tuple[Mapping[str, Any], str] | None:
        """The SpdxDocument, or, where there is none, the collection that stands for it."""
        found = self.of("SpdxDocument", "software_Sbom", "Bom")
        return found[0] if found else None

    def creation(self, element: Mapping[str, Any]) -> Mapping[str, Any]:
        """How an element came to be: its own, or the one that it names, or the only one."""
        said = element.get("creationInfo")
        if isinstance(said, dict):
            return said
        only = next(iter(self.creations.values())) if len(self.creations) == 1 else {}
        return self.creations.get(said, only) if isinstance(said, str) else only

    def created(self) -> object:
        """When the document was made, as it is written."""
        main = self.document()
        return self.creation(main[0] if main else {}).get("created")


def part_of(element: Mapping[str, Any], type_: str, where: str, scoped: str) -> parts.Part:
    """A package, file or snippet by its names, digests and purpose; ``scoped`` is its last id."""
    purpose = text_of(element, "software", "primaryPurpose", where)
    said = identifiers(element, where)
    purl = text_of(element, "software", "packageUrl", where)
    purls = [text for kind, text in said if kind == "packageUrl"]
    cpes = [text for kind, text in said if kind in ("cpe23", "cpe22")]
    return parts.Part(
        scoped=scoped,
        name=get_string(element, "name", where=where) or str(element["spdxId"]),
        version=text_of(element, "software", "packageVersion", where),
        purls=list(dict.fromkeys([purl, *purls] if purl else purls)),
        hashes=hashes_of(element, where),
        container=purpose == "container",
        kind=PARTS[type_],
        properties={
            "type": parts.shown(purpose) or type_.partition("_")[2].lower(),
            "cpe": parts.shown(cpes[0]) if cpes else None,
        },
    )


def identifiers(element: Mapping[str, Any], where: str) -> list[tuple[str, str]]:
    """(kind, text) of what others call it. Raises Malformed."""
    found = []
    for at, value in enumerate(get_array(element, "externalIdentifier", where=where)):
        place = f"{where}.externalIdentifier[{at}]"
        identifier = as_object(value, where=place)
        kind = need_string(identifier, "externalIdentifierType", where=place)
        text = get_string(identifier, "identifier", where=place)
        if text:
            found.append((kind, text))
    return found


def hashes_of(element: Mapping[str, Any], where: str) -> list[tuple[str, str]]:
    """(algorithm, value) of its hashes; other ways to verify it are passed over."""
    found = []
    for at, value in enumerate(get_array(element, "verifiedUsing", where=where)):
        place = f"{where}.verifiedUsing[{at}]"
        method = as_object(value, where=place)
        if method.get("type", method.get("@type")) == "Hash":
            algorithm = need_string(method, "algorithm", where=place)
            found.append((algorithm, get_string(method, "hashValue", where=place) or ""))
    return found


def digest_of(value: object) -> dict[str, str]:
    """The digest of a source, from a hash as SPDX writes it; nothing from anything else."""
    if not isinstance(value, dict):
        return {}
    algorithm, text = value.get("algorithm"), value.get("hashValue")
    return {algorithm: text} if isinstance(algorithm, str) and isinstance(text, str) else {}
