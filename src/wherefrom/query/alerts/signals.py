"""What speaks for an alert now: an objective that burns, a check that fails, coverage that is lost.

    Measuring ──burns──► service, or the objective            page or ticket, by its windows
    estate, ``denied`` ──► the artifact                       page: production, a check of evidence
    records that count no more ──► the artifact, or the key   page: production
    coverage now and before ──► the release, or the service   page: so soon after a release
    clocks of producers ──► the producer                      ticket

Impact decides who is told: production is paged, all else is a ticket.

Sizes:  DROPPED_MAX services whose coverage dropped · SKEWED_MAX producers, the worst first
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import Final, NamedTuple

from wherefrom.formats.digests import strong_id_in
from wherefrom.formats.objectives import PAGE, TICKET, ClockSkew, CoverageDrop, Objective, Severity
from wherefrom.formats.shown import percent, short_id, short_key
from wherefrom.formats.states import Scope
from wherefrom.formats.timestamps import of_micros
from wherefrom.query.alerts.known import Log
from wherefrom.query.alerts.lost_proof import LostProof
from wherefrom.query.open_turns import Open
from wherefrom.query.what_runs import SLOT, Service
from wherefrom.views.estate.clocks import Tally
from wherefrom.views.health.alerting import BURNS, Alert, Root, Signal
from wherefrom.views.health.burn import Burn, worst

INTEGRITY: Final = "integrity"
DENIED: Final = "denied"
COVERAGE: Final = "coverage-drop"
SKEW: Final = "clock-skew"
DROPPED_MAX: Final = 100
SKEWED_MAX: Final = 20
RELEASES_MAX: Final = 1_000
# Which needs of a policy are about the evidence itself: who made it, and whether that is proven.
OF_EVIDENCE: Final = frozenset({"provenance", "vsa", "statement", "sbom"})
_MICROS: Final = 1_000_000


class Covered(NamedTuple):
    """How much of a service in an environment has a whole chain; ``of`` how many things it is."""

    value: float
    of: int


CoveredBy = Mapping[Service, Covered]


class Release(NamedTuple):
    """What was put into a service: which artifact, when in microseconds, by which record."""

    artifact: str
    at: int
    entry: int


def of_objectives(
    burning: Iterable[tuple[Objective, str, list[Burn]]], *, production: Sequence[str]
) -> Iterator[Signal]:
    """One for each objective that burns; of its realities, those that do."""
    by_name: dict[str, list[tuple[Objective, str, Burn]]] = defaultdict(list)
    for objective, reality, burns in burning:
        burn = worst(burns)
        if burn is not None:
            by_name[objective.name].append((objective, reality, burn))
    for name, some in by_name.items():
        objective = some[0][0]
        first = worst([burn for _, _, burn in some])
        assert first is not None
        severity: Severity = first.windows.severity
        if objective.environment and objective.environment not in production:
            severity = TICKET
        where = objective.service or name
        said = [
            f"{_of(reality)}{burn.short:.1f} times too fast ({_windows(burn)})"
            for _, reality, burn in some
        ]
        yield Signal(
            rule=f"{BURNS}-{name}",
            root=Root("service", "/".join(filter(None, (objective.environment, where)))),
            severity=severity,
            title=f"{_called(objective)}: what may fail is used up too fast",
            text=f"{name}, {objective.target:g} % over {objective.period}: " + ", ".join(said),
            environment=objective.environment,
            service=objective.service,
        )


def of_denied(
    opened: Mapping[tuple[str, str], Open],
    *,
    needs_of: Callable[[Open], Mapping[str, str]],
    roots: Mapping[str, Root],
    runs: Mapping[str, Sequence[Service]],
    production: Sequence[str],
) -> Iterator[Signal]:
    """One for each artifact that runs and is denied.

    opened    by environment and artifact
    needs_of  the rules that do not hold, each with what it needs
    roots     by artifact, what took its proof; of others their digest is the root
    runs      by artifact, the environments and services that run it
    """
    for (environment, artifact), open in sorted(opened.items()):
        services = sorted(s for e, s in runs.get(artifact, ()) if e == environment)
        needs = needs_of(open)
        rules = ", ".join(open.against.rules) or "a rule"
        is_evidence = any(needs.get(rule) in OF_EVIDENCE for rule in open.against.rules)
        is_production = environment in production
        own = Root("digest", artifact)
        what = "fails a check of its evidence" if is_evidence else "is denied by the policy"
        yield Signal(
            rule=INTEGRITY if is_evidence else DENIED,
            root=roots.get(artifact, own) if is_evidence else own,
            severity=PAGE if is_evidence and is_production else TICKET,
            title=f"{short_id(artifact)} runs in {environment} and {what}",
            text=f"{rules} does not hold for {artifact} in {environment}"
            + (f", which runs as {', '.join(services)}" if services else ""),
            environment=environment,
            service=services[0] if services else "",
            entries=(open.entry,),
        )


def roots_of(lost: Mapping[str, LostProof], open: Collection[Root]) -> dict[str, Root]:
    """What took the proof of each artifact: a key, if it did so with several at once, or does so
    with others already; else the artifact is the root itself, and it stays what is open.

    open  the roots of alerts that are open
    """
    found: dict[str, Root] = {}
    by_key: dict[str, list[str]] = defaultdict(list)
    for artifact, one in sorted(lost.items()):
        found[artifact] = Root("digest", artifact)
        if one.keys and found[artifact] not in open:
            by_key[one.keys[0]].append(artifact)
    for key, artifacts in by_key.items():
        root = Root("change", key)
        if len(artifacts) > 1 or root in open:
            found |= dict.fromkeys(artifacts, root)
    return found


def of_lost_proof(
    lost: Mapping[str, LostProof],
    *,
    roots: Mapping[str, Root],
    runs: Mapping[str, Sequence[Service]],
    production: Sequence[str],
) -> Iterator[Signal]:
    """One for each artifact that runs and is vouched for no longer.

    lost   by artifact, the records that no longer count
    roots  by artifact, what took its proof
    runs   by artifact, the environments and services that run it
    """
    many = Counter(roots.values())
    for artifact, one in sorted(lost.items()):
        # Where it matters most comes first.
        places = sorted(
            runs.get(artifact, ()), key=lambda place: (place[0] not in production, place)
        )
        if not places:
            continue
        environment, service = places[0]
        said = ", ".join(f"{service} in {environment}" for environment, service in places[:5])
        root = roots[artifact]
        title = f"{short_id(artifact)} runs in {environment} and fails a check of its evidence"
        if root.kind == "change":
            title = f"{many[root]} artifacts that run lost their proof: key {short_key(root.id)}"
        yield Signal(
            rule=INTEGRITY,
            root=root,
            severity=PAGE if environment in production else TICKET,
            title=title,
            text=f"what vouched for {artifact} no longer counts; it runs as {said}",
            environment=environment,
            service=service,
            entries=one.entries,
        )


def of_coverage(
    rule: CoverageDrop,
    now: CoveredBy,
    *,
    before: Callable[[Service, Alert | None], Covered | None],
    released: Mapping[Service, Release],
    standing: Mapping[Service, Alert],
    production: Sequence[str],
) -> Iterator[Signal]:
    """One for each service whose coverage dropped.

    now       by environment and service
    before    how it was before that, or before its alert opened
    released  what was put into a service lately
    standing  the alerts of this kind that are open: they end at half of what opens them, and keep
              their root however long ago the release is by then
    """
    told = 0
    # Those that are open first, so that none ends because others came.
    for place, covered in sorted(now.items(), key=lambda one: one[0] not in standing):
        if told == DROPPED_MAX:
            return
        environment, service = place
        alert = standing.get(place)
        was = before(place, alert)
        if was is None:
            continue
        points = 100 * (was.value - covered.value)
        if points < (rule.points if alert is None else rule.points / 2):
            continue
        told += 1
        release = released.get(place)
        is_critical = release is not None and environment in production
        root = Root("service", f"{environment}/{service}")
        if release is not None and strong_id_in(release.artifact) == release.artifact:
            root = Root("digest", release.artifact)
        after = "" if release is None else f" after the release of {short_id(release.artifact)}"
        yield Signal(
            rule=COVERAGE,
            root=root if alert is None else alert.root,
            severity=PAGE if is_critical else TICKET,
            title=f"coverage of {service} in {environment} dropped{after}",
            text=f"{percent(covered.value)} of what runs has a whole chain, {percent(was.value)}"
            f" before ({covered.of} looked at)"
            + ("" if release is None else f"; released {of_micros(release.at)[:19]}Z"),
            environment=environment,
            service=service,
            entries=() if release is None else (release.entry,),
        )


def of_skew(rule: ClockSkew, clocks: Iterable[Tally]) -> Iterator[Signal]:
    """One for each producer whose records are dated so far in the future: what is dated later than
    we heard of it proves its clock to be ahead."""
    ahead_of = {
        one: -one.fastest / _MICROS
        for one in clocks
        if one.newest_future is not None and one.fastest is not None
    }
    for one in sorted(ahead_of, key=lambda one: (-ahead_of[one], one.producer))[:SKEWED_MAX]:
        if ahead_of[one] < rule.ahead_s:
            return
        assert one.newest_future is not None
        yield Signal(
            rule=SKEW,
            root=Root("producer", one.producer),
            severity=TICKET,
            title=f"the clock of {one.producer} is ahead",
            text=f"{one.producer} dated {one.future} of {one.timed} records in the future: its"
            f" clock is ahead at least {ahead_of[one]:.0f} s",
            entries=(one.newest_future,),
        )


def releases_since(log: Log, *, since: int, until: int) -> dict[Service, Release]:
    """What was put into each service last, in a window of microseconds."""
    changed = log.estate.changed(
        Scope(), since=since, until=until, as_of=log.lens.as_of, slots=(SLOT,), limit=RELEASES_MAX
    )
    found: dict[Service, Release] = {}
    for one in changed:  # the newest first
        if one.after is not None and one.after != one.before:
            place = one.scope.environment, one.scope.service
            found.setdefault(place, Release(one.after, one.at, one.entry))
    return found


def _called(objective: Objective) -> str:
    where = " in ".join(filter(None, (objective.service, objective.environment)))
    return f"{objective.name} of {where}" if where else objective.name


def _of(reality: str) -> str:
    return f"{short_id(reality)} " if reality else ""


def _windows(burn: Burn) -> str:
    return f"{_span(burn.windows.short_s)} and {_span(burn.windows.long_s)}"


def _span(seconds: int) -> str:
    for length, name in ((86_400, "d"), (3_600, "h"), (60, "m")):
        if seconds % length == 0:
            return f"{seconds // length}{name}"
    return f"{seconds}s"
