"""Where questions about catalogues are asked.

    catalog ──► what is in force      gaps ──► who should have sent what, and did not

Each takes one snapshot of the estate and one of the graph, as questions about reality do.

Sizes:  RECORDS_MAX records of one artifact are looked at, the first and the last of them
"""

from __future__ import annotations

import contextlib
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator
from datetime import UTC, datetime
from typing import Final, NamedTuple

import msgspec

from wherefrom.errors import NotFound
from wherefrom.formats import timestamps
from wherefrom.formats.catalog import Service
from wherefrom.formats.digests import strong_id
from wherefrom.formats.inventory import Inventory
from wherefrom.formats.states import DECLARED, OBSERVED, Scope
from wherefrom.formats.timestamps import micros, of_micros
from wherefrom.log.reader import LogReader
from wherefrom.query.answers import LogPosition
from wherefrom.query.catalog import gaps as counted
from wherefrom.query.catalog.answers import (
    CatalogShown,
    Expected,
    Gaps,
    LastHeard,
    ServiceShown,
    Unknown,
)
from wherefrom.query.catalog.in_force import Catalogs, InForce
from wherefrom.query.catalog.reconcile import Reconciled, Reconciling
from wherefrom.query.one_thing import OneThing
from wherefrom.query.sizes import need_size
from wherefrom.views.estate import (
    EstateReader,
    EstateSnapshot,
    Held,
    Last,
    heard_in,
    last_heard,
    services_heard,
)
from wherefrom.views.graph import GraphReader, Judgement, Lens, Snapshot

RECORDS_MAX: Final = 200


class CatalogOptions(msgspec.Struct, frozen=True, kw_only=True):
    """When, as known when, and where; ``at`` RFC 3339, or None for now."""

    at: str | None = None
    as_of: int | None = None
    environment: str = ""


class _Asked(NamedTuple):
    """One question's snapshots, its time in microseconds, and what is in force then."""

    estate: EstateSnapshot
    graph: Snapshot
    lens: Lens
    at: int
    known: InForce

    @property
    def log(self) -> LogPosition:
        root = None if self.estate.root is None else self.estate.root.hex()
        return LogPosition(origin=self.estate.origin, size=self.estate.size, root=root)

    def judged(self, entry: int) -> Judgement | None:
        return self.graph.judgements([entry], self.lens).get(entry)


class CatalogQuestions:
    """Answers over one log's estate and graph; safe for several threads."""

    def __init__(
        self,
        log: LogReader,
        estate: EstateReader,
        graph: GraphReader,
        *,
        catalogs: Catalogs,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._log = log
        self._estate = estate
        self._graph = graph
        self._catalogs = catalogs
        self._clock = clock

    def catalog(self, name: str, options: CatalogOptions) -> CatalogShown:
        """What is in force, of one service or of all. Raises NotFound for one it does not name."""
        with self._asked(options) as asked:
            known = asked.known
            services = _services(known, name)
            runs_in = _runs_in(asked, _held(asked, services if name else None))
            heard = _heard_of(asked, services)
            return CatalogShown(
                at=of_micros(asked.at),
                log=asked.log,
                as_of=asked.lens.as_of,
                catalogs=list(known.catalogs),
                services=[
                    ServiceShown(
                        service=one,
                        owner=known.teams.get(one.owner or ""),
                        runs_in=sorted(runs_in.get(one.name, ())),
                        heard=_by_kind(asked, heard[one.name]),
                    )
                    for one in services
                ],
                teams=sorted(known.teams.values(), key=lambda team: team.name),
                environments=sorted(known.environments.values(), key=lambda one: one.name),
                named_twice=list(known.named_twice),
            )

    def gaps(self, name: str, options: CatalogOptions) -> Gaps:
        """Who should have sent what, and did not. Raises NotFound, also without a catalogue."""
        with self._asked(options) as asked:
            known = asked.known
            if not known.catalogs:
                raise NotFound(
                    "no catalogue is in force", got=of_micros(asked.at),
                    do="Record one: wherefrom catalog record FILE",
                )  # fmt: skip
            services = _services(known, name)
            held = _held(asked, services if name else None)
            runs_in = _runs_in(asked, held)
            where = options.environment or None
            found = list(self._expected(asked, services, held, runs_in, where))
            unknown, unseen = ([], []) if name else self._strangers(asked, runs_in)
            return Gaps(
                of=name,
                at=of_micros(asked.at),
                log=asked.log,
                as_of=asked.lens.as_of,
                catalogs=list(known.catalogs),
                gaps=sorted(
                    (one for one in found if one.state != "covered"),
                    key=lambda one: (one.environment, one.service, one.kind, one.emitter),
                ),
                expected=len(found),
                unknown=unknown,
                unseen=unseen,
                undeclared={
                    one.name: more
                    for one in services
                    if one.environments
                    and (more := sorted(runs_in.get(one.name, set()) - set(one.environments)))
                },
                coverage=counted.coverage(found, known),
            )

    def reconcile(self, inventory: Inventory, options: CatalogOptions) -> Reconciled:
        """What an inventory lists against what the log holds, each difference named."""
        with self._asked(options) as asked:
            found = Reconciling(
                asked.estate, asked.graph, asked.lens, at=asked.at, known=asked.known
            )
            only_listed, only_held = found.differences(inventory)
            return Reconciled(
                kind=inventory.kind,
                source=inventory.source,
                taken=inventory.taken,
                log=asked.log,
                as_of=asked.lens.as_of,
                listed=len(inventory.listed),
                held=len(inventory.listed) - len(only_listed),
                only_listed=only_listed,
                only_held=only_held,
                left_out=dict(inventory.left_out),
                truncated=found.truncated,
            )

    def owner_of(self, service: str, options: CatalogOptions) -> str | None:
        """Who owns a service at a time, if a catalogue says."""
        with self._asked(options) as asked:
            return asked.known.owner_of(service)

    # -- parts

    def _expected(
        self,
        asked: _Asked,
        services: Collection[Service],
        held: Collection[Held],
        runs_in: dict[str, set[str]],
        environment: str | None,
    ) -> Iterator[Expected]:
        heard, artifacts = _heard_of(asked, services), _artifacts(held)
        of_artifact = _ArtifactRecords(asked)
        # All at once: a question each would be one for every pair.
        entries = {one.entry for some in heard.values() for one in some}
        judged = asked.graph.judgements(entries, asked.lens)
        for pair in counted.pairs(services, runs_in=runs_in, environment=environment):
            called = (pair.service.name, *pair.service.aliases)
            running = {id for name in called for id in artifacts[pair.environment, name]}
            yield counted.expected(
                pair,
                heard[pair.service.name],
                at=asked.at,
                artifacts=running,
                of_artifact=of_artifact,
                judged=lambda entry: judged.get(entry) or asked.judged(entry),
            )

    def _strangers(
        self, asked: _Asked, runs_in: dict[str, set[str]]
    ) -> tuple[list[Unknown], list[str]]:
        """Services that no catalogue names, and services that no record names."""
        size = asked.lens.as_of
        names = {*services_heard(asked.estate, at=asked.at, as_of=size), *runs_in}
        strangers = sorted(name for name in names if asked.known.service(name) is None)
        last: dict[str, Last] = {}
        abouts = [f"service:{name}" for name in strangers]
        for one in last_heard(asked.estate, abouts, at=asked.at, as_of=size):
            name = one.about.removeprefix("service:")
            if name not in last or one.entry > last[name].entry:
                last[name] = one
        unknown = [
            Unknown(
                service=name,
                environments=sorted(runs_in.get(name, ())),
                entry=last[name].entry if name in last else None,
            )
            for name in strangers
        ]
        heard = _heard_of(asked, asked.known.services.values())
        unseen = sorted(name for name, ones in heard.items() if not ones and name not in runs_in)
        return unknown, unseen

    @contextlib.contextmanager
    def _asked(self, options: CatalogOptions) -> Iterator[_Asked]:
        now = timestamps.to_text(self._clock())
        at = micros(timestamps.canonical(options.at, where="at") if options.at else now)
        with self._estate.snapshot() as estate, self._graph.snapshot() as graph:
            need_size(options.as_of, reached=estate.size, log=self._log)
            size = estate.need(options.as_of)
            if options.as_of is None:
                size = min(size, graph.size)
            lens = graph.lens(as_of=size)
            known = self._catalogs.in_force(estate, graph, lens, at=at)
            yield _Asked(estate, graph, lens, at, known)


def _services(known: InForce, name: str) -> list[Service]:
    if not name:
        return sorted(known.services.values(), key=lambda one: one.name)
    found = known.service(name)
    if found is None:
        raise NotFound(
            "no catalogue in force names this service", got=name,
            expected=", ".join(sorted(known.services)[:10]) or "none: there is no catalogue",
            do="See: wherefrom catalog show",
        )  # fmt: skip
    return [found]


def _heard_of(asked: _Asked, services: Collection[Service]) -> dict[str, list[Last]]:
    """What was heard of each service, under any of its names."""
    whose: dict[str, list[str]] = defaultdict(list)
    for service in services:
        for about in service.abouts():
            whose[about].append(service.name)
    found: dict[str, list[Last]] = {service.name: [] for service in services}
    for one in last_heard(asked.estate, whose, at=asked.at, as_of=asked.lens.as_of):
        for name in whose[one.about]:
            found[name].append(one)
    return found


def _by_kind(asked: _Asked, heard: list[Last]) -> dict[str, LastHeard]:
    newest: dict[str, Last] = {}
    for one in sorted(heard, key=lambda one: (one.at, one.entry)):
        newest[one.kind] = one
    judged = asked.graph.judgements({one.entry for one in newest.values()}, asked.lens)
    ordered = sorted(newest.items(), key=lambda pair: (-pair[1].at, pair[0]))
    return {kind: counted.shown(one, judged.get(one.entry)) for kind, one in ordered}


def _held(asked: _Asked, services: Collection[Service] | None) -> list[Held]:
    """What holds of some services, by any of their names; None for all that holds."""
    size = asked.lens.as_of
    if services is None:
        return asked.estate.held(Scope(), at=asked.at, as_of=size)
    return [
        one
        for service in services
        for name in (service.name, *service.aliases)
        for one in asked.estate.held(Scope(service=name), at=asked.at, as_of=size)
    ]


def _runs_in(asked: _Asked, held: Collection[Held]) -> dict[str, set[str]]:
    """Service, as the catalogue calls it → environments that anything is stated of it in."""
    found: dict[str, set[str]] = defaultdict(set)
    for one in held:
        if one.scope.service:
            known = asked.known.service(one.scope.service)
            name = one.scope.service if known is None else known.name
            if one.scope.environment:
                found[name].add(one.scope.environment)
    return dict(found)


def _artifacts(held: Collection[Held]) -> dict[tuple[str, str], set[str]]:
    """(environment, service) → the artifacts with a digest there: observed, or else declared."""
    by_mode: dict[str, dict[tuple[str, str], set[str]]] = {
        mode: defaultdict(set) for mode in (DECLARED, OBSERVED)
    }
    for one in held:
        spelling, _, value = one.value.partition(":")
        if one.slot == "artifact" and strong_id(spelling, value) is not None:
            by_mode[one.mode][one.scope.environment, one.scope.service].add(one.value)
    return defaultdict(set, {**by_mode[DECLARED], **by_mode[OBSERVED]})


class _ArtifactRecords:
    """What was heard of an artifact: of it, of the index it is a platform of, under other names."""

    def __init__(self, asked: _Asked) -> None:
        self._asked = asked
        self._same = OneThing(asked.graph, asked.lens)
        self._found: dict[str, list[Last]] = {}

    def __call__(self, id: str) -> list[Last]:
        if id not in self._found:
            graph, lens = self._asked.graph, self._asked.lens
            numbers = graph.numbers({id, *self._same.names(id), *self._same.wholes(id)}).values()
            mentions = graph.mentions(sorted(numbers), lens, each_max=RECORDS_MAX)
            self._found[id] = [
                one
                for one in heard_in(
                    self._asked.estate, {m.entry for m in mentions}, as_of=lens.as_of
                )
                if one.at <= self._asked.at
            ]
        return self._found[id]
