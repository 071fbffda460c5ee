"""Look one alert up: what runs there, who owns it, what changed, which change did it.

    About ──running──► artifacts, deployment ──catalogue──► owner ──changes──► latest ──why──► ranked

Each step stands alone: what one cannot find is said, and the next goes on. Everything is as of the
moment at which the alert began, or now, if it does not say.

Sizes:  changes of BACK_SECONDS before the alert
"""  # noqa: E501 - the picture

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

from wherefrom.errors import Error, NotFound
from wherefrom.formats.alert_shapes import About
from wherefrom.formats.shown import cut
from wherefrom.formats.states import DECLARED, OBSERVED, Scope
from wherefrom.formats.timestamps import canonical, micros, of_micros
from wherefrom.query.catalog.questions import CatalogOptions, CatalogQuestions
from wherefrom.query.enrich.told import ChangeTold, OwnerTold, Runs, Told
from wherefrom.query.incident_answers import RankedChange
from wherefrom.query.incidents import IncidentOptions, Incidents
from wherefrom.query.reality import Reality, RealityOptions
from wherefrom.query.reality_answers import Change, Place
from wherefrom.query.scopes import to_text

BACK_SECONDS: Final = 86_400
LIMIT: Final = 20
ARTIFACT: Final = "artifact"
# Of themselves no cause, but what somebody found wrong already.
_NO_CAUSE: Final = frozenset({"incident", "denied", "catalog", "response"})
_SECOND: Final = 1_000_000


class Alert(NamedTuple):
    """One alert to look up: where it is, and when it began, in microseconds; None for now."""

    environment: str
    service: str
    region: str
    artifact: str
    started: int | None

    @property
    def at(self) -> str | None:
        """The moment asked about, RFC 3339."""
        return None if self.started is None else of_micros(self.started)

    @property
    def scope(self) -> str:
        """The same as an expression, whatever the names hold."""
        return to_text(Scope(self.environment, self.service, self.region))


def alert_of(about: About, *, now: int) -> tuple[Alert, str | None]:
    """What to look up, and what is odd about its time. ``now`` in microseconds."""
    alert = Alert(about.environment, about.service, about.region, about.artifact, None)
    if not about.started:
        return alert, None
    try:
        started = micros(canonical(about.started, where="startsAt"))
    except Error:
        return alert, f"{cut(about.started, 40)!r} is no time, so all is as of now"
    if started <= 0:  # Go's time that nobody set
        return alert, None
    if started > now:
        return alert, "the alert begins later than now, so all is as of now"
    return alert._replace(started=started), None


class Looking:
    """The steps; each takes what is known of an alert, and gives more."""

    def __init__(self, reality: Reality, catalogs: CatalogQuestions, incidents: Incidents) -> None:
        self._reality, self._catalogs, self._incidents = reality, catalogs, incidents

    def first(self, alert: Alert) -> list[Callable[[Told], Told]]:
        """What is quick, in order."""
        if not alert.service and not alert.artifact:
            return [lambda told: told.but("the alert names no service, so nothing was looked up")]
        return [
            lambda told: self._place(told, alert),
            lambda told: self._running(told, alert),
            lambda told: self._owner(told, alert),
            lambda told: self._changes(told, alert),
        ]

    def then(self, alert: Alert) -> list[Callable[[Told], Told]]:
        """What may take longer."""
        return [lambda told: self._why(told, alert)] if alert.service else []

    def _place(self, told: Told, alert: Alert) -> Told:
        """Where it is; of an alert that names an artifact alone, the first place that runs it."""
        environment, service, says = alert.environment, alert.service, []
        if not service:
            found = self._reality.affected(alert.artifact, RealityOptions(at=alert.at)).running
            places = {
                (one.environment, one.service): None
                for one in found if environment in ("", one.environment)
            }  # fmt: skip
            if not places:
                return told.but("nothing is known to run this artifact")
            (environment, service), *more = places
            if more:
                others = ", ".join(sorted({name for _, name in more} - {service})) or service
                says.append(f"it runs in {len(places)} places, {others} among them")
        return told.but(*says, environment=environment, service=service)

    def _running(self, told: Told, alert: Alert) -> Told:
        options = RealityOptions(at=alert.at, slots=(ARTIFACT,))
        try:
            answer = self._reality.running(_scope(told, alert), options)
        except NotFound:
            return told.but(f"nothing is recorded of {_named(told)}")
        artifacts = tuple(_runs(answer.places))
        environments = {place.environment for place in answer.places}
        environment = told.environment
        if not environment and len(environments) == 1:
            environment = environments.pop()
        missing = [] if artifacts else [f"no artifact is known to run in {_named(told)}"]
        if artifacts and alert.artifact and alert.artifact not in {a.artifact for a in artifacts}:
            missing.append(f"the alert's own artifact is not known to run in {_named(told)}")
        return told.but(
            *missing, environment=environment, artifacts=artifacts, log=answer.log,
            as_of=answer.as_of,
        )  # fmt: skip

    def _owner(self, told: Told, alert: Alert) -> Told:
        if not told.service:
            return told
        try:
            answer = self._catalogs.catalog(told.service, CatalogOptions(at=alert.at))
        except NotFound:
            return told.but(f"no catalogue names {told.service}")
        owner = next((one for one in answer.services if one.service.owner), None)
        if owner is None:
            return told.but(f"no catalogue says who owns {told.service}")
        team = owner.service.owner or ""
        contacts = {} if owner.owner is None else owner.owner.contacts
        return told.but(owner=OwnerTold(team=team, contacts=dict(contacts)))

    def _changes(self, told: Told, alert: Alert) -> Told:
        if not told.service:
            return told
        since = until = None
        if alert.started is not None:
            since = of_micros(max(0, alert.started - BACK_SECONDS * _SECOND))
            until = of_micros(alert.started + 1)
        told = told.but(command=_command(told, alert))
        of_a_day = RealityOptions(since=since, until=until, limit=LIMIT)
        of_artifacts = RealityOptions(
            since=of_micros(0), until=until, limit=LIMIT, slots=(ARTIFACT,)
        )
        try:
            found = self._reality.changes(_scope(told, alert), of_a_day).changes
            deployed = self._reality.changes(_scope(told, alert), of_artifacts).changes
        except NotFound:
            return told
        latest = tuple(_change(one) for one in found if one.slot not in _NO_CAUSE and one.after)
        deployment = next(
            (one for one in deployed if one.mode == DECLARED and one.after),
            next((one for one in deployed if one.after), None),
        )
        return told.but(
            *([] if latest else [f"nothing of {_named(told)} changed in the day before"]),
            changes=latest,
            deployment=None if deployment is None else _change(deployment),
        )

    def _why(self, told: Told, alert: Alert) -> Told:
        if not told.changes:  # there is nothing to rank
            return told
        answer = self._incidents.why(
            IncidentOptions(service=told.service, environment=told.environment, at=alert.at)
        )
        if not answer.series:
            return told.but("nothing is measured there, so the changes are not ranked")
        ranked = [_ranked(one, told) for one in answer.ranked if one.entry is not None]
        if not ranked:
            return told
        none = next((one.probability for one in answer.ranked if one.change is None), None)
        return told.but(changes=tuple(ranked), none=none)


def _scope(told: Told, alert: Alert) -> str:
    return alert._replace(environment=told.environment, service=told.service).scope


def _named(told: Told) -> str:
    return f"{told.service} in {told.environment}" if told.environment else told.service


def _command(told: Told, alert: Alert) -> str:
    at = alert.at
    where = ["-e", told.environment] if told.environment else []
    when = ["--at", at] if at else []
    return shlex.join(["wherefrom", "why", "--service", told.service, *where, *when])


def _runs(places: list[Place]) -> Iterator[Runs]:
    """What is seen to run, most instances first; what is only declared, where nobody looks."""
    seen: dict[str, Runs] = {}
    for place in places:
        for one in place.observed:
            before = seen.get(one.value)
            instances = one.instances + ((before.instances or 0) if before else 0)
            seen[one.value] = Runs(
                artifact=one.value, says=one.says, instances=instances, entry=one.entry
            )
    yield from sorted(seen.values(), key=lambda one: (-(one.instances or 0), one.artifact))
    declared = {
        place.declared.value: place.declared
        for place in places if place.declared is not None and not place.observed
    }  # fmt: skip
    for value, said in sorted(declared.items()):
        if value not in seen:
            yield Runs(artifact=value, says=said.says, entry=said.entry)


def _change(one: Change) -> ChangeTold:
    return ChangeTold(
        slot=one.slot, name=one.name, service=one.service, before=one.before_says or one.before,
        after=one.after if one.slot == ARTIFACT else one.after_says or one.after, at=one.at,
        by=one.by or ("what was seen" if one.mode == OBSERVED else "a record"), entry=one.entry,
    )  # fmt: skip


def _ranked(one: RankedChange, told: Told) -> ChangeTold:
    assert one.entry is not None
    return ChangeTold(
        slot=one.slot or one.kind or "change", name=one.name, service=one.service or told.service,
        before=one.before_says or one.before, after=one.after_says or one.after,
        at=one.started or "", by="", entry=one.entry, probability=one.probability,
    )  # fmt: skip
