"""Coverage: how much of what runs, and of what was made, has a whole and trusted chain.

    estate ──what runs──┐
    made lately ────────┴─► Unit (environment, service, artifact) ──Judge──► whole, or what it lacks
                                                         └─ catalogue: whose it is

What runs in several services counts once in each; what was made and runs nowhere counts in the
environment ``""``.

Sizes:  found.BY_MAX of each part are told apart, the worst first · LISTED_MAX units are listed
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from typing import Final, NamedTuple

from wherefrom.formats.watch_settings import PRODUCTION
from wherefrom.query.catalog.in_force import InForce
from wherefrom.query.health.answers import Fix, Lack, Missing, Share
from wherefrom.query.health.chains import Judge, Thing
from wherefrom.query.health.found import Figure, Part, worst
from wherefrom.query.summary import summaries
from wherefrom.query.what_runs import Runs, Service
from wherefrom.views.graph import Lens, Snapshot

# Indicators that the policy of coverage decides.
OF_CHAINS: Final = frozenset({"N1", "N17"})
LISTED_MAX: Final = 1_000
# Of what no record that vouches for anything is about.
NO_TRUST: Final = "none"
_SERVICES_MAX: Final = 20
_FIXES_MAX: Final = 50
_SAYS_MAX: Final = 3


class Unit(NamedTuple):
    """One thing that has to have a chain. ``trust`` is of the best record about it."""

    environment: str
    service: str
    artifact: str
    kind: str
    trust: str
    lacks: tuple[Lack, ...]


class Wanted(NamedTuple):
    """Which units are asked about; an empty field is any."""

    environment: str = ""
    service: str = ""
    kind: str = ""
    trust: str = ""

    def has(self, one: Unit) -> bool:
        return (
            self.environment in ("", one.environment)
            and self.service in ("", one.service)
            and self.kind in ("", one.kind)
            and self.trust in ("", one.trust or NO_TRUST)
        )


def units(
    graph: Snapshot,
    lens: Lens,
    judge: Judge,
    *,
    running: Mapping[Service, tuple[Runs, ...]],
    made: Collection[str],
    at: str,
    wanted: Wanted,
) -> list[Unit]:
    """What has to have a chain, and what it lacks.

    made  what was made lately; what of it runs is left out here

    Raises Unavailable, LimitPassed as the judge does.
    """
    where = [
        (environment, service, one.artifact)
        for (environment, service), ones in sorted(running.items())
        if wanted.environment in ("", environment) and wanted.service in ("", service)
        for one in ones
    ]
    runs = {artifact for _, _, artifact in where}
    if not wanted.environment and not wanted.service:
        where += [("", "", id) for id in sorted(made) if id not in runs]
    chains = judge.judged(
        graph, lens, {Thing(artifact, environment) for environment, _, artifact in where}, at=at
    )
    found = (
        Unit(environment, service, artifact, chain.kind, chain.trust, chain.lacks)
        for environment, service, artifact in where
        if (chain := chains.get(Thing(artifact, environment))) is not None
    )
    return [one for one in found if wanted.has(one)]


def is_production(environment: str, known: InForce) -> bool:
    """Whether an environment is one of production: as catalogues say, or by its name where they
    name none."""
    if known.environments:
        return known.is_production(environment)
    return environment in PRODUCTION


def share(some: Collection[Unit]) -> float | None:
    """How much of it is whole; None of nothing."""
    return sum(not one.lacks for one in some) / len(some) if some else None


def shares(some: Collection[Unit]) -> list[Share]:
    """The same in parts: environments, kinds, kinds in environments, trust, services."""
    placed = [one for one in some if one.environment]
    return [
        *_by(some, lambda one: (one.environment, "", "", "")),
        *_by(some, lambda one: ("", "", one.kind, "")),
        *_by(placed, lambda one: (one.environment, "", one.kind, "")),
        *_by(some, lambda one: ("", "", "", one.trust or NO_TRUST)),
        *worst(_by_service(some).items(), low=False),
    ]


def by_service(some: Iterable[Unit]) -> dict[Service, Figure]:
    """The same for each service, and for all of them."""
    return {(part[0], part[1]): figure for part, figure in _by_service(some).items()}


def _by_service(some: Iterable[Unit]) -> dict[Part, Figure]:
    return _figures(
        (one for one in some if one.service), lambda one: (one.environment, one.service, "", "")
    )


def _by(some: Iterable[Unit], key: Callable[[Unit], Part]) -> list[Share]:
    return worst(_figures(some, key).items(), low=False)


def _figures(some: Iterable[Unit], key: Callable[[Unit], Part]) -> dict[Part, Figure]:
    of: Counter[Part] = Counter()
    whole: Counter[Part] = Counter()
    for one in some:
        part = key(one)
        of[part] += 1
        if not one.lacks:
            whole[part] += 1
    return {part: Figure(whole[part] / number, number) for part, number in of.items()}


def missing(some: Collection[Unit], graph: Snapshot, lens: Lens, known: InForce) -> list[Missing]:
    """Units that lack something, production first; the first LISTED_MAX of them by name."""
    lacking = sorted(
        (one for one in some if one.lacks),
        key=lambda one: (
            not is_production(one.environment, known), not one.environment, -len(one.lacks),
            one.environment, one.service, one.artifact,
        ),
    )  # fmt: skip
    numbers = graph.numbers({one.artifact for one in lacking[:LISTED_MAX]})
    said = summaries(graph, sorted(numbers.values()), lens)
    names = {id: said[number].name for id, number in numbers.items() if number in said}
    return [
        Missing(
            environment=one.environment,
            service=one.service,
            owner=known.owner_of(one.service),
            artifact=one.artifact,
            name=names.get(one.artifact),
            kind=one.kind,
            lacks=list(one.lacks),
        )
        for one in lacking
    ]


def fixes(some: Collection[Missing]) -> list[Fix]:
    """What to mend, by owner and what is lacking together; the one that closes most first."""
    by_owner: dict[str | None, list[Missing]] = defaultdict(list)
    for one in some:
        by_owner[one.owner].append(one)
    found = [
        _fix(frozenset(rules), owner, theirs)
        for owner, theirs in by_owner.items()
        for rules in {
            *(tuple(sorted({lack.rule for lack in one.lacks})) for one in theirs),
            *((lack.rule,) for one in theirs for lack in one.lacks),
        }
    ]
    found.sort(
        key=lambda one: (-one.closes, -one.helps, one.rule, one.owner is None, one.owner or "")
    )
    return found[:_FIXES_MAX]


def _fix(rules: frozenset[str], owner: str | None, theirs: Collection[Missing]) -> Fix:
    """What it helps if so many rules hold for all that an owner has."""
    helped = [one for one in theirs if rules & {lack.rule for lack in one.lacks}]
    closed = [one for one in helped if {lack.rule for lack in one.lacks} <= rules]
    lacks = [lack for one in helped for lack in one.lacks if lack.rule in rules]
    says = Counter(_first_part(lack.says) for lack in lacks)
    remedies = dict.fromkeys(lack.remedy for lack in lacks if lack.remedy)
    services = Counter(one.service for one in helped if one.service)
    return Fix(
        rule=" + ".join(sorted(rules)), owner=owner, closes=len(closed), helps=len(helped),
        services=[name for name, _ in services.most_common(_SERVICES_MAX)],
        says="; ".join(told for told, _ in says.most_common(_SAYS_MAX)),
        remedy="; ".join(list(remedies)[:_SAYS_MAX]),
    )  # fmt: skip


def _first_part(says: str) -> str:
    """What it says of all, without the entries: they are of one."""
    return says.partition(": #")[0]


def lines(some: Collection[Unit], known: InForce) -> Iterator[str]:
    """What coverage says in words, part by part."""
    yield f"{sum(not one.lacks for one in some)} of {len(some)} have a whole chain"
    production = [one for one in some if is_production(one.environment, known)]
    if production and len(production) < len(some):
        yield f"in production {sum(not one.lacks for one in production)} of {len(production)}"
    rules = Counter(lack.rule for one in some for lack in one.lacks)
    if rules:
        yield "lacking: " + ", ".join(f"{rule} {number}" for rule, number in rules.most_common(3))
