"""``catalog.yaml``: a catalogue as people write it.

    version: 1
    environments: {production: {production: true}, staging: {}}
    teams: {shop: {contacts: {slack: "#shop"}}}
    defaults: {environments: [production], emitters: [{name: cluster, kinds: [observation]}]}
    services:
      cart: {owner: shop, criticality: high, repository: github.com/acme/cart, emitters: […]}

A word that is not known is refused, and so is a team or an environment that nothing defines: what
is misspelt here would be missed nowhere. A service that names no environments or emitters has those
of ``defaults``.

Sizes:  FILE_BYTES_MAX a file; those of ``yaml_text`` and ``catalog``
Source: docs/formats/catalog.md
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from wherefrom.errors import LimitPassed, Malformed, Unsupported
from wherefrom.formats import catalog, timestamps, yaml_text
from wherefrom.formats.catalog import Catalog, Emitter, Environment, Service, Team, convert
from wherefrom.formats.descriptors import image_name
from wherefrom.formats.digests import git_place
from wherefrom.formats.strict_json import as_object

FILE_BYTES_MAX: Final = 4 * 1024 * 1024
_TOP: Final = ("version", "name", "environments", "teams", "defaults", "services")


class Written(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True
):
    """A service as it is written: what may be one or several may be either."""

    owner: str | None = None
    criticality: catalog.Criticality | None = None
    environments: list[str] | None = None
    emitters: list[dict[str, Any]] | None = None
    aliases: list[str] = []
    repository: str | None = None
    repositories: list[str] = []
    image: str | None = None
    images: list[str] = []
    namespaces: list[str] = []
    billable: bool = False
    tags: list[str] = []


class _Defaults(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    environments: list[str] = []
    emitters: list[dict[str, Any]] = []


def recognises(document: object) -> bool:
    """Whether a YAML document means to be a ``catalog.yaml``."""
    return isinstance(document, dict) and "services" in document and "kind" not in document


def parse(written: bytes, *, where: str) -> Catalog:
    """Read a file. Raises Malformed, LimitPassed, Unsupported for another version."""
    if len(written) > FILE_BYTES_MAX:
        raise LimitPassed(
            "a catalogue is too large", where=where, expected=f"{FILE_BYTES_MAX} bytes"
        )
    return read(yaml_text.decode(written, where=where), where=where)


def read(document: object, *, where: str) -> Catalog:
    """The catalogue that a document says. Raises as ``parse``."""
    said = as_object(document, where=where)
    if unknown := sorted(said.keys() - set(_TOP)):
        raise Malformed(
            "a field that catalogues do not have", where=where, expected=" ".join(_TOP),
            got=unknown[0][:80],
        )  # fmt: skip
    if said.get("version", 1) != 1:
        raise Unsupported(
            "not a version of catalog.yaml that is read here", where=f"{where}.version",
            expected="the number 1", got=repr(said["version"])[:40],
        )  # fmt: skip
    defaults = convert(said.get("defaults") or {}, _Defaults, where=f"{where}.defaults")
    environments = tuple(
        convert({**part, "name": name}, Environment, where=f"{where}.environments.{name}")
        for name, part in _named(said, "environments", where)
    )
    teams = tuple(
        convert({**part, "name": name}, Team, where=f"{where}.teams.{name}")
        for name, part in _named(said, "teams", where)
    )
    services = tuple(
        service_of(name, part, where=f"{where}.services.{name}", defaults=defaults)
        for name, part in _named(said, "services", where)
    )
    made = Catalog(
        name=convert(said.get("name", "catalog"), str, where=f"{where}.name"),
        services=services, teams=teams, environments=environments,
    )  # fmt: skip
    catalog.check(made, where=where)
    _check_known(made, where)
    return made


def service_of(
    name: str, said: Mapping[str, Any], *, where: str, defaults: _Defaults | None = None
) -> Service:
    """One service. Raises Malformed."""
    defaults = defaults or _Defaults()
    written = convert(dict(said), Written, where=where)
    where_it_runs = written.environments
    if where_it_runs is None:
        where_it_runs = defaults.environments
    if written.emitters is None:
        emitters = [
            one
            for said_of_all in _emitters(defaults.emitters, where)
            if (one := _narrowed(said_of_all, where_it_runs)) is not None
        ]
    else:
        emitters = _emitters(written.emitters, where)
    repositories = [*filter(None, [written.repository]), *written.repositories]
    images = [*filter(None, [written.image]), *written.images]
    return Service(
        name=name,
        owner=written.owner,
        criticality=written.criticality,
        environments=tuple(dict.fromkeys(where_it_runs)),
        emitters=tuple(emitters),
        aliases=tuple(alias for alias in dict.fromkeys(written.aliases) if alias != name),
        repositories=tuple(
            dict.fromkeys(repository_of(one, where=f"{where}.repository") for one in repositories)
        ),
        images=tuple(dict.fromkeys(image_of(one, where=f"{where}.images") for one in images)),
        namespaces=tuple(dict.fromkeys(written.namespaces)),
        billable=written.billable,
        tags=tuple(dict.fromkeys(written.tags)),
    )


def _emitters(some: Sequence[object], where: str) -> list[Emitter]:
    return [emitter_of(one, where=f"{where}.emitters[{number}]") for number, one in enumerate(some)]


def _narrowed(emitter: Emitter, environments: Sequence[str]) -> Emitter | None:
    """An emitter of all services, as it is of one that is in these; None if it is in no other."""
    if not emitter.environments or not environments:
        return emitter
    both = tuple(one for one in emitter.environments if one in environments)
    return msgspec.structs.replace(emitter, environments=both) if both else None


def emitter_of(said: object, *, where: str) -> Emitter:
    """One emitter; ``within`` is a duration, ``builder`` another word for ``source``."""
    part = dict(as_object(said, where=where))
    if "builder" in part:
        if "source" in part:
            raise Malformed("two words for one thing", where=where, got="builder and source")
        part["source"] = part.pop("builder")
    if isinstance(part.get("within"), str):
        part["within"] = timestamps.duration_s(part["within"], where=f"{where}.within")
    return convert(part, Emitter, where=where)


def repository_of(text: str, *, where: str) -> str:
    """A repository's id, of a URL or of ``host/path``. Raises Malformed."""
    place = git_place(text)
    if place is None and "://" not in text and not text.startswith("git@"):
        place = git_place(f"https://{text.removesuffix('.git')}.git")
    if place is None:
        raise Malformed(
            "not a repository", where=where, expected="a URL, or HOST/OWNER/NAME", got=text[:80]
        )
    return place.repository


def image_of(text: str, *, where: str) -> str:
    """An image's repository. Raises Malformed for none, and for one with a tag or digest."""
    image = image_name(text)
    if image is None or image.tag or image.digest:
        raise Malformed(
            "not the name of an image", where=where, expected="HOST/PATH, without tag and digest",
            got=text[:80],
        )  # fmt: skip
    return image.repository


def _named(said: Mapping[str, Any], key: str, where: str) -> list[tuple[str, dict[str, Any]]]:
    """Parts by name; one that says nothing may be empty."""
    parts = as_object({} if said.get(key) is None else said[key], where=f"{where}.{key}")
    return [
        (name, as_object({} if part is None else part, where=f"{where}.{key}.{name}"))
        for name, part in parts.items()
    ]


def _check_known(made: Catalog, where: str) -> None:
    """Raises Malformed for a team or an environment that is named and not defined."""
    teams = {team.name for team in made.teams}
    environments = {environment.name for environment in made.environments}
    for service in made.services:
        place = f"{where}.services.{service.name}"
        if teams and service.owner is not None and service.owner not in teams:
            raise _unknown("team", service.owner, teams, f"{place}.owner")
        for name in service.environments if environments else ():
            if name not in environments:
                raise _unknown("environment", name, environments, f"{place}.environments")
    for team in made.teams:
        if team.parent is not None and team.parent not in teams:
            raise _unknown("team", team.parent, teams, f"{where}.teams.{team.name}.parent")


def _unknown(what: str, got: str, known: set[str], where: str) -> Malformed:
    return Malformed(
        f"no {what} is called so", where=where, got=got[:80],
        expected=", ".join(sorted(known)[:10]), do=f"Name it under {what}s, or correct it",
    )  # fmt: skip


def merged(some: list[tuple[str, Catalog]], *, name: str) -> Catalog:
    """One catalogue of several files. Raises Malformed for a part that is in two of them."""
    found: dict[str, dict[str, Any]] = {"services": {}, "teams": {}, "environments": {}}
    left_out: dict[str, int] = {}
    for where, one in some:
        for kind, parts in found.items():
            for part in getattr(one, kind):
                old = parts.setdefault(part.name, part)
                if old is not part and old != part:
                    raise Malformed(
                        f"two {kind} of one name, which differ", where=where, got=part.name
                    )
        for kind, count in one.left_out.items():
            left_out[kind] = left_out.get(kind, 0) + count
    made = Catalog(
        name=name, left_out=left_out,
        services=tuple(found["services"].values()), teams=tuple(found["teams"].values()),
        environments=tuple(found["environments"].values()),
    )  # fmt: skip
    catalog.check(made, where=" ".join(where for where, _ in some))
    return made
