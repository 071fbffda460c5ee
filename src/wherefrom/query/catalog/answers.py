"""The shapes of the answers about catalogues; their JSON is what doors send.

catalog          ──► Shown     what is in force: services, teams, environments
catalog gaps     ──► Gaps      who should have sent what, and did not; how much is covered
"""

from __future__ import annotations

import msgspec

from wherefrom.formats.catalog import Environment, Service, Team
from wherefrom.query.answers import LogPosition
from wherefrom.query.catalog.in_force import HeldCatalog


class LastHeard(msgspec.Struct, frozen=True, kw_only=True):
    """A record that came: when it happened and when we heard, from whom, how far believed.

    source    who it says made it; ``producer`` who sent it, as entries name senders
    """

    at: str
    received: str
    entry: int
    type: str
    source: str
    producer: str
    trust: str


class ServiceShown(msgspec.Struct, frozen=True, kw_only=True):
    """A service, and who was heard last of it by kind, newest first.

    runs_in  the environments that the estate has it in
    """

    service: Service
    owner: Team | None
    runs_in: list[str]
    heard: dict[str, LastHeard]


class CatalogShown(msgspec.Struct, frozen=True, kw_only=True):
    """What is in force at a time.

    named_twice  services that more than one catalogue names
    """

    at: str
    log: LogPosition
    as_of: int
    catalogs: list[HeldCatalog]
    services: list[ServiceShown]
    teams: list[Team]
    environments: list[Environment]
    named_twice: list[str]


class Expected(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that an emitter has to send of a service in an environment.

    state      ``covered``; ``late``: the last is too old; ``missing``: none ever came, or none of
               what runs
    within     seconds after which the last is late; None for never. ``age``: seconds since the last
    last       what came last; None if nothing did
    artifacts  of kinds that are of artifacts: what runs there; ``without``: those of it that have
               no such record
    """

    environment: str
    service: str
    owner: str | None
    criticality: str | None
    emitter: str
    kind: str
    state: str
    within: int | None
    age: float | None
    last: LastHeard | None
    artifacts: list[str]
    without: list[str]


class Share(msgspec.Struct, frozen=True, kw_only=True):
    """How much of what is expected there is; ``share`` of 1, None of nothing."""

    expected: int
    covered: int
    share: float | None


class Coverage(msgspec.Struct, frozen=True, kw_only=True):
    """The same in parts: of each environment, kind of record, team; ``production`` together."""

    all: Share
    production: Share
    environments: dict[str, Share]
    kinds: dict[str, Share]
    teams: dict[str, Share]


class Unknown(msgspec.Struct, frozen=True, kw_only=True):
    """A service that runs or was heard of, and no catalogue names."""

    service: str
    environments: list[str]
    entry: int | None


class Gaps(msgspec.Struct, frozen=True, kw_only=True):
    """Who should have sent what, and did not.

    gaps        what is late or missing, in order of environment, service and kind
    unknown     services that no catalogue names; ``unseen`` those that no record names
    undeclared  services of the catalogue that run where it does not say: service → environments
    """

    of: str
    at: str
    log: LogPosition
    as_of: int
    catalogs: list[HeldCatalog]
    gaps: list[Expected]
    expected: int
    unknown: list[Unknown]
    unseen: list[str]
    undeclared: dict[str, list[str]]
    coverage: Coverage
