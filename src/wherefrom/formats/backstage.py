"""Backstage's ``catalog-info.yaml``, read as it is, as a catalogue.

    Component  ──► a service: spec.owner, github.com/project-slug, backstage.io/kubernetes-id
    Group      ──► a team: its parent                      Resource of type environment ──► one
    API, User, Domain, System, Location, Template, … ──► nothing here; how many of each is told

Components are what emits: libraries and websites too, since they are built and owned. An API is
what one of them provides, often under the same name. Annotations of our own say what Backstage has
no field for:

    wherefrom.dev/criticality: high          wherefrom.dev/environments: production, staging
    wherefrom.dev/emitters: |                wherefrom.dev/images: ghcr.io/acme/cart
      [{name: ci, kinds: [provenance, sbom], within: 30d}]      wherefrom.dev/billable: "true"

An owner is a reference, ``[kind:][namespace/]name``: a group's name stands alone in the namespace
``default`` and with the namespace in another; letters count alike in any case. People stay out: a
user who owns something is ``user:NAME``, and nobody's address is kept.

Sizes:  those of ``yaml_text`` and ``catalog``
Source: backstage.io, "Descriptor Format of Catalog Entities", "Well-known Annotations", "Entity
        References"; docs/formats/backstage.md
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from msgspec import structs

from wherefrom.errors import LimitPassed, Malformed
from wherefrom.formats import catalog, catalog_yaml, yaml_text
from wherefrom.formats.catalog import CRITICALITIES, Catalog, Environment, Service, Team
from wherefrom.formats.digests import git_place
from wherefrom.formats.strict_json import as_array, get_array, get_object, get_string, need_string

OWN: Final = "wherefrom.dev/"
_OURS: Final = ("criticality", "environments", "emitters", "images", "namespaces", "billable")
_API_VERSION: Final = re.compile(r"(?:backstage\.io|[a-z0-9.-]+)/v[0-9][a-z0-9]*")
_NAME: Final = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,61}[A-Za-z0-9])?")
# annotation → the host that a project's slug is on.
_SLUGS: Final[Mapping[str, str]] = {
    "github.com/project-slug": "github.com",
    "gitlab.com/project-slug": "gitlab.com",
    "bitbucket.org/project-slug": "bitbucket.org",
}


class Reference(NamedTuple):
    """``kind:namespace/name``, in lower case as Backstage compares them; the name as written."""

    kind: str
    namespace: str
    name: str

    def called(self) -> str:
        """What it is called here."""
        name = self.name if self.namespace == "default" else f"{self.namespace}/{self.name}"
        return name if self.kind == "group" else f"{self.kind}:{name}"


class _Entity(NamedTuple):
    kind: str
    name: str
    namespace: str
    annotations: Mapping[str, Any]
    metadata: Mapping[str, Any]
    spec: Mapping[str, Any]
    where: str

    @property
    def called(self) -> str:
        return self.name if self.namespace == "default" else f"{self.namespace}/{self.name}"


def recognises(document: object) -> bool:
    """Whether a YAML document is an entity of Backstage."""
    return (
        isinstance(document, dict)
        and isinstance(document.get("kind"), str)
        and isinstance(document.get("metadata"), dict)
        and isinstance(document.get("apiVersion"), str)
        and "backstage.io/" in document["apiVersion"]
    )


def parse(written: bytes, *, where: str) -> Catalog:
    """Read a file of entities. Raises Malformed, LimitPassed."""
    if len(written) > catalog_yaml.FILE_BYTES_MAX:
        raise LimitPassed(
            "a catalogue is too large", where=where,
            expected=f"{catalog_yaml.FILE_BYTES_MAX} bytes",
        )  # fmt: skip
    return read(yaml_text.decode_all(written, where=where), where=where)


def read(documents: list[Any], *, where: str) -> Catalog:
    """The catalogue that entities say together. Raises as ``parse``."""
    services: list[Service] = []
    teams: list[Team] = []
    environments: list[Environment] = []
    left_out: Counter[str] = Counter()
    for number, document in enumerate(documents, 1):
        entity = _entity(document, f"{where}, document {number}")
        kind = entity.kind.lower()
        if kind == "component":
            services.append(_service(entity))
        elif kind == "group":
            teams.append(_team(entity))
        elif kind == "resource" and entity.spec.get("type") == "environment":
            production = entity.annotations.get(f"{OWN}production")
            is_production = _flag(production, f"{entity.where}.metadata.annotations")
            environments.append(Environment(name=entity.called, production=is_production))
        else:
            left_out[entity.kind[: catalog.NAME_BYTES_MAX]] += 1
    services = _with_owners(_with_aliases(services), teams)
    made = Catalog(
        services=tuple(services), teams=tuple(teams), environments=tuple(environments),
        left_out=dict(sorted(left_out.items())[: catalog.LISTED_MAX]),
    )  # fmt: skip
    catalog.check(made, where=where)
    return made


def _with_aliases(services: list[Service]) -> list[Service]:
    """Without those that more than one is called by: several may share what they run in."""
    counts = Counter(alias for service in services for alias in service.aliases)
    names = {service.name for service in services}
    return [
        structs.replace(
            service,
            aliases=tuple(a for a in service.aliases if counts[a] == 1 and a not in names),
        )
        for service in services
    ]


def _with_owners(services: list[Service], teams: list[Team]) -> list[Service]:
    """With owners spelled as their groups are."""
    spelled = {team.name.lower(): team.name for team in teams}
    return [
        service
        if service.owner is None
        else structs.replace(service, owner=spelled.get(service.owner.lower(), service.owner))
        for service in services
    ]


def reference(text: str, *, kind: str, namespace: str = "default", where: str) -> Reference:
    """Read a reference; ``kind`` and ``namespace`` where it does not say. Raises Malformed."""
    said, colon, rest = text.partition(":")
    if not colon:
        said, rest = kind, text
    space, slash, name = rest.partition("/")
    if not slash:
        space, name = namespace, rest
    for part in (said, space, name):
        if not _NAME.fullmatch(part):
            raise Malformed(
                "not a reference to an entity", where=where, expected="[kind:][namespace/]name",
                got=text[:80],
            )  # fmt: skip
    return Reference(said.lower(), space.lower(), name)


def _entity(document: Any, where: str) -> _Entity:
    if not isinstance(document, dict):
        raise Malformed(
            "not an entity", where=where, expected="apiVersion, kind, metadata and spec",
            got=type(document).__name__,
        )  # fmt: skip
    version = need_string(document, "apiVersion", where=where)
    if not _API_VERSION.fullmatch(version):
        raise Malformed(
            "not an entity of Backstage", where=f"{where}.apiVersion", got=version[:80],
            expected="backstage.io/v1alpha1",
        )  # fmt: skip
    kind = need_string(document, "kind", where=where)
    metadata = get_object(document, "metadata", where=where)
    name = need_string(metadata, "name", where=f"{where}.metadata")
    namespace = get_string(metadata, "namespace", where=f"{where}.metadata") or "default"
    for what, text in (("name", name), ("namespace", namespace)):
        if not _NAME.fullmatch(text):
            raise Malformed(
                f"not a {what} of an entity", where=f"{where}.metadata.{what}", got=text[:80],
                expected="up to 63 letters, digits and - _ .",
            )  # fmt: skip
    return _Entity(
        kind, name, namespace.lower(),
        get_object(metadata, "annotations", where=f"{where}.metadata"), metadata,
        get_object(document, "spec", where=where), where,
    )  # fmt: skip


def _team(entity: _Entity) -> Team:
    parent = get_string(entity.spec, "parent", where=f"{entity.where}.spec")
    above = None
    if parent is not None:
        above = reference(
            parent, kind="group", namespace=entity.namespace, where=f"{entity.where}.spec.parent"
        ).called()
    title = get_string(entity.metadata, "title", where=f"{entity.where}.metadata")
    if title is not None and (catalog.is_address(title) or not title.isprintable()):
        title = None
    return Team(name=entity.called, title=title, parent=above)


def _service(entity: _Entity) -> Service:
    place = f"{entity.where}.metadata.annotations"
    said = {key: _annotation(entity, key, place) for key in _OURS}
    spec = f"{entity.where}.spec"
    owner = get_string(entity.spec, "owner", where=spec)
    called = None
    if owner is not None:
        called = reference(
            owner, kind="group", namespace=entity.namespace, where=f"{spec}.owner"
        ).called()
    criticality = said["criticality"]
    if criticality is not None and criticality not in CRITICALITIES:
        raise Malformed(
            "not a criticality", where=f"{place}.{OWN}criticality", got=criticality[:80],
            expected=" ".join(CRITICALITIES),
        )  # fmt: skip
    alias = entity.annotations.get("backstage.io/kubernetes-id")
    emitters = said["emitters"]
    tags = [
        tag for tag in get_array(entity.metadata, "tags", where=f"{entity.where}.metadata")
        if isinstance(tag, str) and not catalog.is_address(tag)
    ]  # fmt: skip
    lifecycle = get_string(entity.spec, "lifecycle", where=spec)
    return catalog_yaml.service_of(
        entity.called,
        {
            "owner": called,
            "criticality": criticality,
            "environments": _listed(said["environments"]),
            "emitters": None if emitters is None else _emitters(emitters, place),
            "aliases": [alias] if isinstance(alias, str) and alias else [],
            "repositories": _repositories(entity),
            "images": _listed(said["images"]) or [],
            "namespaces": _listed(said["namespaces"]) or [],
            "billable": _flag(said["billable"], place),
            "tags": [*tags, *([f"lifecycle:{lifecycle}"] if lifecycle else [])][
                : catalog.LISTED_MAX
            ],
        },
        where=entity.where,
    )


def _annotation(entity: _Entity, key: str, place: str) -> str | None:
    """One of our annotations. Raises Malformed: Backstage's are text, and so are ours."""
    found = entity.annotations.get(OWN + key)
    if found is not None and not isinstance(found, str):
        raise Malformed(
            "an annotation that is no text", where=f"{place}.{OWN}{key}", expected="text",
            got=type(found).__name__, do="Put it in quotes",
        )  # fmt: skip
    return found


def _repositories(entity: _Entity) -> list[str]:
    found = []
    for annotation, host in _SLUGS.items():
        slug = entity.annotations.get(annotation)
        if isinstance(slug, str) and slug.count("/") >= 1:
            found.append(f"https://{host}/{slug}.git")
    location = entity.annotations.get("backstage.io/source-location")
    if isinstance(location, str):
        url = location.removeprefix("url:")
        # A folder or branch of a forge: its first two parts are the repository.
        match = re.match(r"https://([^/]+)/([^/]+)/([^/]+)", url)
        if git_place(url) is not None:
            found.append(url)
        elif match is not None and match[1] in _SLUGS_HOSTS:
            found.append(f"https://{match[1]}/{match[2]}/{match[3]}.git")
    return [one for one in found if git_place(one) is not None]


_SLUGS_HOSTS: Final = frozenset(_SLUGS.values())


def _emitters(text: str, place: str) -> list[Any]:
    where = f"{place}.{OWN}emitters"
    return as_array(yaml_text.decode(text.encode("utf-8", "replace"), where=where), where=where)


def _listed(text: str | None) -> list[str] | None:
    if text is None:
        return None
    return [part for part in re.split(r"[,\s]+", text) if part]


def _flag(text: object, place: str) -> bool:
    if text in (None, False, "false"):
        return False
    if text in (True, "true"):
        return True
    raise Malformed("neither true nor false", where=place, got=str(text)[:40])
