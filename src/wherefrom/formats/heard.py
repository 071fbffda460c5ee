"""Of what, where and of which kind a record is, so that it can be missed when it does not come.

    Facts ──heard_of──► (environment, about, kind, type), …      the estate keeps when, and by whom

*About* is what records call a thing: ``service:cart``, ``image:ghcr.io/acme/cart`` without tag or
digest, ``repository:git+https://github.com/acme/cart``, ``namespace:warehouse``; or nothing in
particular, ``""``. Which service an image belongs to is not known here: a catalogue says so, and it
may change, so the two are joined when somebody asks.

Sizes:  ABOUTS_MAX things of each sort a record, the first in order
Source: docs/formats/catalog.md, "Kinds of record"
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache
from itertools import islice
from typing import Final, NamedTuple

from wherefrom.formats import digests, names, openvex, patterns, slsa, test_result, vulns
from wherefrom.formats.descriptors import image_repository
from wherefrom.formats.facts import Facts, environments
from wherefrom.formats.states import DECLARED

ABOUTS_MAX: Final = 64

# The kinds that a catalogue may ask for by name. Closed: a new one is a decision.
KINDS: Final[Mapping[str, str]] = {
    "provenance": "how an artifact was built",
    "sbom": "what is inside an artifact",
    "vex": "which vulnerabilities do it harm",
    "scan": "what a scanner found in it",
    "advisory": "which versions of packages have a vulnerability",
    "test": "results of its tests",
    "deployment": "which artifact was declared for it",
    "observation": "what its instances or its cluster report",
    "config": "which settings are active",
    "policy": "which timeouts, retries, limits",
    "flag": "a feature flag that changed",
    "secret": "a secret that was rotated",
    "migration": "a schema that changed",
    "safe_mode": "a safe mode that was entered or left",
    "incident": "an incident that began or ended",
    "resource": "something provisioned that changed",
    "lineage": "a run of a job over data",
    "change": "any other change",
    "event": "any other event",
}
# Those that are of an artifact, wherever it runs.
OF_ARTIFACTS: Final = frozenset({"provenance", "sbom", "vex", "scan", "test"})
_LISTS: Final = frozenset({"urn:wherefrom:catalog:v1", "urn:wherefrom:inventory:v1"})
_SBOM_TYPES: Final = ("https://cyclonedx.org/", "https://spdx.dev/Document")
_BY_MEDIA: Final = (
    ("application/vnd.openvex+json", "vex"),
    ("application/csaf+json", "vex"),
    ("application/vnd.osv+json", "advisory"),
    ("application/sarif+json", "scan"),
    ("application/vnd.junit+xml", "test"),
)


class Heard(NamedTuple):
    """One thing that a record is about, in one environment (or any), of one kind."""

    environment: str
    about: str
    kind: str
    type: str


def is_kind(text: str) -> bool:
    """Whether a catalogue may ask for it: a word of ``KINDS``, or a type of records, with ``*``."""
    return text in KINDS or (any(mark in text for mark in "./:*") and len(text.encode()) <= 256)


def is_asked(asked: str, kind: str, type: str) -> bool:
    """Whether a record of this kind and type is what a catalogue asks for."""
    return asked == kind if asked in KINDS else patterns.matches(asked, type)


def heard_of(facts: Facts) -> list[Heard]:
    """What a record is heard as; nothing only of a list of things, which none of them sent."""
    if facts.type in _LISTS:
        return []
    kinds = _kinds(facts)
    found: dict[Heard, None] = {}
    stated = set()
    for state in facts.states:
        scope = state.scope
        if not scope.service:
            continue
        stated.add(scope.service)
        if state.mode == DECLARED:
            kind = "deployment" if state.slot in ("artifact", "scale", "share") else state.slot
        else:
            kind = state.slot if state.slot == "incident" else "observation"
        if kind in KINDS:
            about = f"service:{scope.service}"
            found[Heard(scope.environment, about, kind, facts.type)] = None
    for about in _abouts(facts, stated):
        of_service = about.startswith("service:")
        for environment in (environments(facts) or ("",)) if of_service else ("",):
            for kind in kinds:
                found[Heard(environment, about, kind, facts.type)] = None
    if not found:
        found = {Heard("", "", kind, facts.type): None for kind in kinds}
    return list(found)


def _kinds(facts: Facts) -> list[str]:
    """What kind of record it is, whatever it states."""
    said = next((n.properties for n in facts.nodes if n.id == facts.document), None) or {}
    types = [facts.type, str(said.get("predicateType") or "")]
    found = [kind for type in types if type for kind in kinds_of_type(type)]
    if facts.kind == "sbom":
        found.append("sbom")
    if not found and "openlineage" in facts.type:
        found.append("lineage")
    if not found and facts.kind == "incident":
        found.append("incident")
    if not found and facts.kind in ("change", "observation"):
        found.append("change" if facts.kind == "change" else "observation")
    return list(dict.fromkeys(found)) or ["event"]


@lru_cache(maxsize=1024)  # a log has few types, and many records of each
def kinds_of_type(type: str) -> tuple[str, ...]:
    """Which of the kinds of artifacts' records have this media or predicate type."""
    found = [kind for media, kind in _BY_MEDIA if type.startswith(media)]
    if slsa.is_provenance(type):
        found.append("provenance")
    elif type.startswith(_SBOM_TYPES):
        found.append("sbom")
    elif type.startswith(openvex.PREDICATE_TYPE):
        found.append("vex")
    elif vulns.is_scan(type):
        found.append("scan")
    elif test_result.is_test_result(type):
        found.append("test")
    return tuple(found)


def _image(text: str) -> str | None:
    """What names an image; most things are called what cannot, at first sight."""
    return image_repository(text) if "/" in text or text.startswith("pkg:") else None


def _abouts(facts: Facts, stated: Iterable[str]) -> list[str]:
    """What else it is about: services it names, images and repositories, namespaces of data."""
    known = {names.service_id(name) for name in stated}
    services: list[str] = []
    images: dict[str, None] = {}
    repositories: dict[str, None] = {}
    described = {edge.target for edge in facts.edges if edge.relation == "describes"}
    called = set(described)
    for node in facts.nodes:
        kind = node.kind
        if kind == "service":
            if node.id not in known:
                services.append(node.id)
        elif kind == "source" and (place := digests.git_place(node.id)) is not None:
            repositories[f"repository:{place.repository}"] = None
        if described and node.name and node.id in described:
            called.add(node.name)
    called.update(tag.name for tag in facts.tags if tag.node in described)
    for edge in facts.edges if called else ():
        if edge.relation == "alternate" and (edge.source in called or edge.target in called):
            called |= {edge.source, edge.target}
    for text in sorted(called):
        if (image := _image(text)) is not None:
            images[f"image:{image}"] = None
    spaces = [f"namespace:{namespace}" for namespace in sorted(facts.namespaces)]
    found = services[:ABOUTS_MAX]
    for some in (images, repositories, spaces):
        if some:
            found += islice(some, ABOUTS_MAX)
    return found
