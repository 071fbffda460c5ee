"""Who should have sent what: each service × environment × emitter × kind, against what was heard.

    InForce ──pairs──► Pair ──┬─ of what runs there: has each artifact such a record?   (has)
                              └─ else: the last that was heard of it there               (last)
                                                   └──► Expected: covered, late, missing

A provenance or an SBOM says nothing of environments: what counts is whether what runs there has one.
Only where nothing is known to run does it count that one was heard of the service at all.

Everything here is pure: what was heard, and what runs, is given.
"""  # noqa: E501 - the picture

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from typing import Final, NamedTuple

from wherefrom.formats import heard, patterns
from wherefrom.formats.catalog import Emitter, Service
from wherefrom.formats.timestamps import of_micros
from wherefrom.query.catalog.answers import Coverage, Expected, LastHeard, Share
from wherefrom.query.catalog.in_force import InForce
from wherefrom.views.estate import Last
from wherefrom.views.graph import Judgement

_SECOND: Final = 1_000_000
NOWHERE: Final = ""


class Pair(NamedTuple):
    """One thing that is expected."""

    environment: str
    service: Service
    emitter: Emitter
    kind: str


def pairs(
    services: Iterable[Service],
    *,
    runs_in: Mapping[str, Collection[str]],
    environment: str | None = None,
) -> Iterator[Pair]:
    """All that is expected; of a service that says nowhere, where it runs.

    runs_in  service → environments that the estate has it in
    """
    for service in sorted(services, key=lambda one: one.name):
        where = service.environments or tuple(sorted(runs_in.get(service.name, ())))
        for emitter in service.emitters:
            among = emitter.environments or where or (NOWHERE,)
            for one in among:
                if environment in (None, one):
                    for kind in emitter.kinds:
                        yield Pair(one, service, emitter, kind)


def heard_by(emitter: Emitter, kind: str, some: Iterable[Last]) -> list[Last]:
    """Those that come from an emitter and are of a kind; what does not say who made it, as most
    SBOMs, is held against nobody."""
    return [
        one
        for one in some
        if heard.is_asked(kind, one.kind, one.type)
        and (not (emitter.source and one.source) or patterns.matches(emitter.source, one.source))
        and (not emitter.producer or emitter.producer == one.producer)
    ]


def expected(
    pair: Pair,
    some: Iterable[Last],
    *,
    at: int,
    artifacts: Collection[str],
    of_artifact: Callable[[str], Iterable[Last]],
    judged: Callable[[int], Judgement | None],
) -> Expected:
    """What became of a pair.

    some         what was heard of the service, anywhere
    artifacts    what runs there; ``of_artifact``: what was heard of one of it
    """
    environment, service, emitter, kind = pair
    running = sorted(artifacts) if kind in heard.OF_ARTIFACTS else []
    if running:
        by_artifact = {id: heard_by(emitter, kind, of_artifact(id)) for id in running}
        found = [one for ones in by_artifact.values() for one in ones]
        without = [id for id, ones in by_artifact.items() if not ones]
    else:
        found = heard_by(emitter, kind, some)
        if environment != NOWHERE:
            found = [one for one in found if one.environment in ("", environment)]
        without = []
    last = max(found, key=lambda one: (one.at, one.entry), default=None)
    age = None if last is None else max(0, at - last.at) / _SECOND
    state = "covered"
    if last is None or without:
        state = "missing"
    elif emitter.within is not None and age is not None and age > emitter.within:
        state = "late"
    return Expected(
        environment=environment,
        service=service.name,
        owner=service.owner,
        criticality=service.criticality,
        emitter=emitter.name,
        kind=kind,
        state=state,
        within=emitter.within,
        age=age,
        last=None if last is None else shown(last, judged(last.entry)),
        artifacts=running,
        without=without,
    )


def shown(last: Last, judgement: Judgement | None) -> LastHeard:
    """A record that was heard, as answers show it."""
    return LastHeard(
        at=of_micros(last.at),
        received=of_micros(last.at) if judgement is None else judgement.received,
        entry=last.entry,
        type=last.type,
        source=last.source,
        producer=last.producer,
        trust="unknown" if judgement is None else judgement.level,
    )


def coverage(some: Collection[Expected], known: InForce) -> Coverage:
    """How much of it is covered, in parts. Whoever owns nothing is under ``""``."""
    environments: dict[str, list[Expected]] = defaultdict(list)
    kinds: dict[str, list[Expected]] = defaultdict(list)
    teams: dict[str, list[Expected]] = defaultdict(list)
    for one in some:
        environments[one.environment].append(one)
        kinds[one.kind].append(one)
        teams[one.owner or ""].append(one)
    return Coverage(
        all=_share(some),
        production=_share([one for one in some if known.is_production(one.environment)]),
        environments={name: _share(ones) for name, ones in sorted(environments.items())},
        kinds={name: _share(ones) for name, ones in sorted(kinds.items())},
        teams={name: _share(ones) for name, ones in sorted(teams.items())},
    )


def _share(some: Collection[Expected]) -> Share:
    covered = sum(one.state == "covered" for one in some)
    share = covered / len(some) if some else None
    return Share(expected=len(some), covered=covered, share=share)
