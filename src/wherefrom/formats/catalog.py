"""A catalogue: which services there are, whose they are, and what each of them has to send.

    catalog.yaml, Backstage ──► Catalog ──► statement ──► log      (``catalog_yaml``, ``backstage``)
                                   └ services: owner, criticality, environments, emitters
                                     teams: where their alerts go · environments: production or not

The statement's subject is the catalogue under its digest: SHA-256 over what it says in canonical
JSON, without the time it was issued at. From then on it is in force under its name, in the slot
``catalog`` of the estate, until another of that name takes its place.

An *emitter* is somebody who has to send records of some kinds about a service: a build its
provenance, an agent what runs. What the kinds are is ``heard``. People's addresses are refused: a
log forgets nothing.

Sizes:  SERVICES_MAX services · a name 128 bytes · 32 emitters a service · 4 MiB in all
Source: OpenTelemetry, service.criticality; docs/formats/catalog.md
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, Literal, TypeVar

import msgspec

from wherefrom.errors import LimitPassed, Malformed
from wherefrom.formats import canonical_json, digests, heard, names, statement_shape, timestamps
from wherefrom.formats.facts import FactsBuilder
from wherefrom.formats.states import DECLARED, Scope, State

PREDICATE_TYPE: Final = "urn:wherefrom:catalog:v1"
SLOT: Final = "catalog"
CRITICALITIES: Final = ("critical", "high", "medium", "low")
SERVICES_MAX: Final = 5_000
TEAMS_MAX: Final = 2_000
LISTED_MAX: Final = 64
EMITTERS_MAX: Final = 32
NAME_BYTES_MAX: Final = 128
WITHIN_SECONDS_MAX: Final = 366 * 86_400
CATALOG_BYTES_MAX: Final = 4 * 1024 * 1024
_ADDRESS: Final = re.compile(r"[^\s@/:]+@[^\s@/:]+\.[^\s@/:]+")

Criticality = Literal["critical", "high", "medium", "low"]
T = TypeVar("T")


class _Part(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True
):
    """A part of a catalogue; what is not said is not written."""


class Emitter(_Part, frozen=True):
    """Somebody who has to send records about a service.

    kinds         words of ``heard.KINDS``, or types of records, with ``*``
    source        who its records say made them, with ``*``; anybody, if not said here or there
    producer      who sends them, as entries name senders: ``p:…``; anybody, if not said
    environments  only of these; all of the service's, if not said
    within        seconds after which its last record is too old; never, if not said
    """

    name: str
    kinds: tuple[str, ...]
    source: str = ""
    producer: str = ""
    environments: tuple[str, ...] = ()
    within: int | None = None


class Service(_Part, frozen=True):
    """A service.

    owner         the name of a team
    aliases       what records call it besides its name
    repositories  where its code is, as ``git+https://host/path``; ``images`` without tags
    namespaces    of its jobs and datasets, as OpenLineage calls them
    billable      somebody pays by what it does: none of its spans are left out
    """

    name: str
    owner: str | None = None
    criticality: Criticality | None = None
    environments: tuple[str, ...] = ()
    emitters: tuple[Emitter, ...] = ()
    aliases: tuple[str, ...] = ()
    repositories: tuple[str, ...] = ()
    images: tuple[str, ...] = ()
    namespaces: tuple[str, ...] = ()
    billable: bool = False
    tags: tuple[str, ...] = ()

    def abouts(self) -> list[str]:
        """What records about it are kept under, as ``heard.heard_of`` writes it."""
        return [
            *(f"service:{name}" for name in dict.fromkeys((self.name, *self.aliases))),
            *(f"repository:{one}" for one in self.repositories),
            *(f"image:{one}" for one in self.images),
            *(f"namespace:{one}" for one in self.namespaces),
        ]


class Team(_Part, frozen=True):
    """Who owns services. ``contacts``: where to reach it, such as a channel or a rota, by kind."""

    name: str
    title: str | None = None
    parent: str | None = None
    contacts: Mapping[str, str] = {}


class Environment(_Part, frozen=True):
    """Where services run."""

    name: str
    production: bool = False


class Catalog(_Part, frozen=True):
    """A catalogue.

    issued    RFC 3339: since when it says so
    left_out  how much of the file it was read from says nothing here, by kind
    """

    name: str = "catalog"
    issued: str = ""
    services: tuple[Service, ...] = ()
    teams: tuple[Team, ...] = ()
    environments: tuple[Environment, ...] = ()
    left_out: Mapping[str, int] = {}

    @property
    def digest(self) -> str:
        """``sha256:`` of what it says, whenever that was issued."""
        said = msgspec.structs.replace(self, issued="", left_out={})
        return digests.sha256_id(canonical_json.to_bytes(msgspec.to_builtins(said)))


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that two catalogues do not say alike; None where one of them does not have it.

    what  ``added``, ``removed`` or ``changed``; ``fields``: what of it changed
    """

    kind: str
    name: str
    what: str
    fields: tuple[str, ...] = ()
    before: Any = None
    after: Any = None


def to_statement(catalog: Catalog) -> bytes:
    """The in-toto statement, canonical. Raises what ``parse`` raises."""
    said = msgspec.to_builtins(catalog)
    parse(said)
    subject = {"name": catalog.name, "digest": statement_shape.digest_set(catalog.digest)}
    return statement_shape.of_subjects([subject], PREDICATE_TYPE, said)


def parse(predicate: Mapping[str, Any], *, where: str = "predicate") -> Catalog:
    """Read a predicate. Raises Malformed for a field that is wrong or unknown, LimitPassed."""
    catalog = convert(predicate, Catalog, where=where)
    timestamps.parse(catalog.issued, where=f"{where}.issued")
    check(catalog, where=where)
    return catalog


def convert(value: Any, kind: type[T], *, where: str) -> T:
    """A value as a part of a catalogue. Raises Malformed, with the path, what was expected and
    what was there."""
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        said, _, at = str(error).partition(" - at `$")
        expected, _, got = said.removeprefix("Expected ").partition(", got ")
        place = f"{where}{at.rstrip('`')}"
        if not got:
            raise Malformed(said[:120].lower(), where=place, expected=_fields(kind)) from error
        raise Malformed(
            "a catalogue does not say it so", where=place, expected=expected.replace("`", ""),
            got=got.replace("`", ""),
        ) from error  # fmt: skip


def _fields(kind: object) -> str | None:
    fields = getattr(kind, "__struct_fields__", None)
    return " ".join(fields) if fields else None


def check(catalog: Catalog, *, where: str) -> None:
    """Raises Malformed for names that are none or are there twice, LimitPassed."""
    _need_name(catalog.name, f"{where}.name")
    for what, parts, most in (
        ("services", catalog.services, SERVICES_MAX),
        ("teams", catalog.teams, TEAMS_MAX),
        ("environments", catalog.environments, TEAMS_MAX),
    ):
        if len(parts) > most:
            raise LimitPassed(f"too many {what}", where=where, expected=f"{what}_max {most}")
        _need_once((part.name for part in parts), f"{where}.{what}")
    for service in catalog.services:
        _check_service(service, f"{where}.services[{service.name}]")
    for team in catalog.teams:
        place = f"{where}.teams[{team.name}]"
        if team.title is not None:
            _need_no_address(team.title, f"{place}.title")
        if team.parent is not None:
            _need_name(team.parent, f"{place}.parent")
        _need_some(team.contacts, f"{place}.contacts")
        for kind, contact in team.contacts.items():
            _need_name(kind, f"{place}.contacts")
            _need_name(contact, f"{place}.contacts.{kind}")
    _need_once((n for s in catalog.services for n in {s.name, *s.aliases}), f"{where}.services")
    if len(canonical_json.to_bytes(msgspec.to_builtins(catalog))) > CATALOG_BYTES_MAX:
        raise LimitPassed(
            "a catalogue is too large", where=where, expected=f"catalog_bytes_max "
            f"{CATALOG_BYTES_MAX}",
        )  # fmt: skip


def _check_service(service: Service, place: str) -> None:
    if service.owner is not None:
        _need_name(service.owner, f"{place}.owner")
    for what in ("environments", "aliases", "repositories", "images", "namespaces", "tags"):
        listed = getattr(service, what)
        _need_some(listed, f"{place}.{what}")
        for one in listed:
            # An image or a repository may be on a host with a port or a user: no address.
            _need_name(one, f"{place}.{what}", bytes_max=512, is_place=what in _PLACES)
    if len(service.emitters) > EMITTERS_MAX:
        raise LimitPassed("too many emitters", where=place, expected=f"emitters_max {EMITTERS_MAX}")
    _need_once((emitter.name for emitter in service.emitters), f"{place}.emitters")
    for emitter in service.emitters:
        spot = f"{place}.emitters[{emitter.name}]"
        _need_some(emitter.kinds, f"{spot}.kinds")
        if not emitter.kinds:
            raise Malformed("an emitter that need not send anything", where=f"{spot}.kinds")
        for kind in emitter.kinds:
            if not heard.is_kind(kind):
                raise Malformed(
                    "not a kind of record", where=f"{spot}.kinds", got=kind[:80],
                    expected=f"a type of record, or one of {' '.join(heard.KINDS)}",
                )  # fmt: skip
        for environment in emitter.environments:
            if service.environments and environment not in service.environments:
                raise Malformed(
                    "an emitter where the service is not", where=f"{spot}.environments",
                    expected=" ".join(service.environments), got=environment[:80],
                )  # fmt: skip
        if emitter.within is not None and not 0 < emitter.within <= WITHIN_SECONDS_MAX:
            raise Malformed(
                "not a time that a record may take", where=f"{spot}.within",
                expected=f"1 to {WITHIN_SECONDS_MAX} seconds", got=emitter.within,
            )  # fmt: skip


_PLACES: Final = frozenset({"repositories", "images", "namespaces"})


def _need_name(
    text: str, where: str, *, bytes_max: int = NAME_BYTES_MAX, is_place: bool = False
) -> None:
    size = len(text.encode("utf-8", "surrogatepass"))
    if not 0 < size <= bytes_max or not text.isprintable() or text != text.strip():
        raise Malformed(
            "not a name", where=where, got=text[:80],
            expected=f"1 to {bytes_max} bytes that can be printed, without blanks around",
        )  # fmt: skip
    if not is_place:
        _need_no_address(text, where)


def _need_no_address(text: str, where: str) -> None:
    if is_address(text):
        raise Malformed(
            "somebody's address", where=where, expected="a team, a channel or a rota",
            do="A log forgets nothing: leave addresses where alerts are delivered",
        )  # fmt: skip


def is_address(text: str) -> bool:
    """Whether a text holds an e-mail address."""
    return _ADDRESS.search(text) is not None


def _need_some(listed: Sequence[Any] | Mapping[str, Any], where: str) -> None:
    if len(listed) > LISTED_MAX:
        raise LimitPassed("too many in a list", where=where, expected=f"listed_max {LISTED_MAX}")


def _need_once(said: Iterable[str], where: str) -> None:
    seen = set()
    for name in said:
        _need_name(name, where)
        if name in seen:
            raise Malformed("two of one name", where=where, got=name[:80])
        seen.add(name)


def add(
    builder: FactsBuilder,
    predicate: Mapping[str, Any],
    *,
    subjects: Sequence[str],
    where: str,
) -> str:
    """Add what a catalogue's statement says; returns when it was issued. Raises as ``parse``, and
    Malformed for other contents than its subject's."""
    catalog = parse(predicate, where=where)
    digest = catalog.digest
    if list(subjects) != [digest]:
        raise Malformed(
            "a catalogue under another digest than its own", where="subject",
            expected=digest, got=", ".join(subjects),
            do="Record the file again: wherefrom catalog record",
        )  # fmt: skip
    builder.node(
        digest, SLOT, catalog.name,
        {"services": len(catalog.services), "teams": len(catalog.teams)},
    )  # fmt: skip
    for environment in catalog.environments:
        node = builder.node(
            names.environment_id(environment.name), "environment", environment.name,
            {"production": environment.production},
        )  # fmt: skip
        builder.edge(digest, "contains", node)
    for team in catalog.teams:
        node = builder.node(names.team_id(team.name), "organization", team.title or team.name)
        if team.parent is not None:
            above = builder.node(names.team_id(team.parent), "organization", team.parent)
            builder.edge(node, "acted_for", above)
    for service in catalog.services:
        node = builder.node(
            names.service_id(service.name), "service", service.name,
            {"criticality": service.criticality, "billable": service.billable or None},
        )  # fmt: skip
        builder.edge(digest, "contains", node)
        if service.owner is not None:
            owner = builder.node(names.team_id(service.owner), "organization", service.owner)
            builder.edge(node, "attributed_to", owner)
    issued = timestamps.canonical(catalog.issued, where=f"{where}.issued")
    builder.state(
        State(
            DECLARED, Scope(), SLOT, catalog.name, digest,
            says=_counted(len(catalog.services)), at=issued,
        )
    )  # fmt: skip
    return issued


def _counted(services: int) -> str:
    return "1 service" if services == 1 else f"{services} services"


def difference(a: Catalog, b: Catalog) -> list[Difference]:
    """How ``b`` differs from ``a``: services, then teams, then environments, by name."""
    found = []
    for kind, mine, theirs in (
        ("service", a.services, b.services),
        ("team", a.teams, b.teams),
        ("environment", a.environments, b.environments),
    ):
        before = {part.name: msgspec.to_builtins(part) for part in mine}
        after = {part.name: msgspec.to_builtins(part) for part in theirs}
        for name in sorted(before.keys() | after.keys()):
            old, new = before.get(name), after.get(name)
            if old == new:
                continue
            fields: tuple[str, ...] = ()
            if old is not None and new is not None:
                keys = sorted(old.keys() | new.keys())
                fields = tuple(key for key in keys if old.get(key) != new.get(key))
            what = "added" if old is None else "removed" if new is None else "changed"
            found.append(
                Difference(kind=kind, name=name, what=what, fields=fields, before=old, after=new)
            )
    return found
