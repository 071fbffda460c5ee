"""Which catalogue is in force at a time, as the log knew it at a size.

    estate, slot catalog ──► a digest for each name ──its record──► catalogues ──► InForce

Several may be in force under several names, such as one a department. A service, team or environment
that two of them name is that of the one whose word is vouched for best, of equal ones the newest;
who else named it is told.

Sizes:  CACHED_MAX catalogues are kept as they were read; a record never changes
"""  # noqa: E501 - the picture

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final, NamedTuple

import msgspec

from wherefrom.errors import NotFound, Refused
from wherefrom.formats import catalog, entry, recognise, strict_json
from wherefrom.formats.catalog import Catalog, Environment, Service, Team
from wherefrom.formats.dsse import Envelope
from wherefrom.formats.states import DECLARED
from wherefrom.formats.timestamps import of_micros
from wherefrom.views.estate import EstateSnapshot
from wherefrom.views.graph import Lens, Snapshot

CACHED_MAX: Final = 32


class HeldCatalog(msgspec.Struct, frozen=True, kw_only=True):
    """A catalogue that is in force.

    held  whether what it says is known: it is not once its record is erased
    """

    name: str
    digest: str
    since: str
    entry: int
    trust: str
    signers: tuple[str, ...]
    services: int
    held: bool


class InForce(NamedTuple):
    """All that holds together."""

    catalogs: tuple[HeldCatalog, ...]
    services: Mapping[str, Service]
    teams: Mapping[str, Team]
    environments: Mapping[str, Environment]
    # what is called otherwise → its service
    aliases: Mapping[str, str]
    # services that more than one catalogue names
    named_twice: tuple[str, ...]

    def service(self, name: str) -> Service | None:
        """The service that records call so."""
        return self.services.get(name) or self.services.get(self.aliases.get(name, ""))

    def owner_of(self, name: str) -> str | None:
        """Who owns the service that records call so, if a catalogue says."""
        found = self.service(name)
        return None if found is None else found.owner

    def is_production(self, environment: str) -> bool:
        """Whether a catalogue says that an environment is one of production."""
        found = self.environments.get(environment)
        return found is not None and found.production


NOTHING: Final = InForce((), {}, {}, {}, {}, ())


def catalog_in(content: bytes) -> Catalog | None:
    """The catalogue that a record holds, None for other records. Raises what refuses a record."""
    read = recognise.read(content)
    if read.facts.type != catalog.PREDICATE_TYPE:
        return None
    payload = content if read.batched is None else read.batched.record
    if isinstance(read.envelope, Envelope):
        payload = read.envelope.payload
    return catalog.parse(strict_json.decode(payload)["predicate"])


class Catalogs:
    """Reads catalogues out of their records, each once; safe for several threads.

    content  gives the content of an entry, None if it is erased
    """

    def __init__(self, content: Callable[[int], bytes | None]) -> None:
        self._content = content
        self._read: dict[int, Catalog] = {}

    def in_force(self, estate: EstateSnapshot, graph: Snapshot, lens: Lens, *, at: int) -> InForce:
        """What is in force at ``at``, in microseconds."""
        held = estate.held_of_no_scope(catalog.SLOT, at=at, mode=DECLARED, as_of=lens.as_of)
        if not held:
            return NOTHING
        judged = graph.judgements({one.seen_entry for one in held}, lens)
        found: list[tuple[tuple[int, int], HeldCatalog, Catalog | None]] = []
        for one in held:
            said = self._catalog(one.seen_entry, one.value)
            judgement = judged.get(one.seen_entry)
            trust = "unknown" if judgement is None else judgement.level
            strength = entry.LEVELS.index(trust) if trust in entry.LEVELS else -1
            recorded = HeldCatalog(
                name=one.name,
                digest=one.value,
                since=of_micros(one.since),
                entry=one.seen_entry,
                trust=trust,
                signers=() if judgement is None else judgement.signers,
                services=0 if said is None else len(said.services),
                held=said is not None,
            )
            found.append(((-strength, -one.since), recorded, said))
        found.sort(key=lambda one: (one[0], one[1].name))
        return joined([(recorded, said) for _, recorded, said in found])

    def _catalog(self, entry: int, digest: str) -> Catalog | None:
        # Of one that is erased the estate says nothing any more, so it is not asked for here.
        found = self._read.get(entry)
        if found is None:
            written = self._content_of(entry)
            if written is None:
                return None
            try:
                found = catalog_in(written)
            except Refused:  # a newer program took what this one does not
                return None
            if found is None or found.digest != digest:
                return None
            if len(self._read) >= CACHED_MAX:
                self._read.clear()
            self._read[entry] = found
        return found

    def _content_of(self, entry: int) -> bytes | None:
        try:
            return self._content(entry)
        except NotFound:
            return None


def joined(some: Sequence[tuple[HeldCatalog, Catalog | None]]) -> InForce:
    """What catalogues say together, the best vouched for first."""
    services: dict[str, Service] = {}
    teams: dict[str, Team] = {}
    environments: dict[str, Environment] = {}
    aliases: dict[str, str] = {}
    twice: dict[str, None] = {}
    for _, said in some:
        if said is None:
            continue
        for service in said.services:
            if services.setdefault(service.name, service) is not service:
                twice[service.name] = None
                continue
            for alias in service.aliases:
                aliases.setdefault(alias, service.name)
        for team in said.teams:
            teams.setdefault(team.name, team)
        for environment in said.environments:
            environments.setdefault(environment.name, environment)
    return InForce(
        tuple(recorded for recorded, _ in some), services, teams, environments, aliases,
        tuple(twice),
    )  # fmt: skip
