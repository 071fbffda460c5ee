"""The watch over alerts: decides which open and end, has the log say so, and tells who is to know.

    log grown, a minute gone ──► signals ──► Alerts.decide ──► signed: incidents of the log (decide)
    log ──from where it was told last──► opened, raised, closed ──► told ──► further (follow)

The log is its state: open alerts are its incidents, so a restart opens none again and forgets none.
Telling follows the log, whoever wrote there: what was recorded and not yet told is told by the next
start, and an alert that somebody known closes by hand ends everywhere. A crash between telling and
moving on tells it again, under the same name.

Off while there is no ``objectives.yaml``: it then looks once a round whether there is one.

Sizes:  it looks every EVERY_S, QUIET_EVERY_S while an alert may end, and EARLY_S after the log has
        grown
Source: docs/alerts.md
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Final, Protocol

import msgspec

from wherefrom.errors import Error
from wherefrom.formats import entry as entries
from wherefrom.formats import incident as incidents
from wherefrom.formats import timestamps
from wherefrom.formats.entry import Entry
from wherefrom.formats.incident import CLOSED, NOTED, OPENED, IncidentStage
from wherefrom.formats.objectives import INFO, Objectives
from wherefrom.formats.timestamps import micros, of_micros
from wherefrom.formats.watch_settings import WatchSettings
from wherefrom.log.reader import LogReader
from wherefrom.policy.gate import Gate
from wherefrom.query.alerts import signals
from wherefrom.query.alerts.drops import Coverage, Drops
from wherefrom.query.alerts.known import Known, Log, alerts_since, open_alerts
from wherefrom.query.alerts.lost_proof import lost_proof
from wherefrom.query.alerts.maintenances import Window, is_silenced, windows_at
from wherefrom.query.alerts.measuring import Measuring
from wherefrom.query.open_turns import Open, open_turns
from wherefrom.query.what_runs import Service, what_runs
from wherefrom.query.word import Words
from wherefrom.views.estate import EstateReader, clocks
from wherefrom.views.graph import GraphReader
from wherefrom.views.health.alerting import BURNS, DAY_S, Alert, Alerts, Root, Signal, Stage
from wherefrom.views.health.links import links_of

EVERY_S: Final = 30.0
QUIET_EVERY_S: Final = 5.0
EARLY_S: Final = 1.0
CLOSED_KEPT_S: Final = 300.0
_FOLLOWED_AT_ONCE: Final = 5_000
_MICROS: Final = 1_000_000
# Records that the log signs: it gives the entry of each, in order.
Sign = Callable[[Sequence[bytes]], Sequence[int]]


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be told: a stage, as the log has it.

    was  the severity that was told before; empty if none was
    """

    stage: Stage
    entry: int
    was: str


class Cursor(Protocol):
    """Up to which entry of the log somebody was told."""

    def read(self) -> int | None: ...

    def move(self, size: int) -> None: ...


class AlertWatch:
    """The watch over the alerts of one log; one thread's.

    objectives  gives what the file says; None if there is none
    coverage    asks how much has a whole chain; None where nobody can say
    words       says whose word ends or silences one
    sign        has statements signed and recorded by the log
    tell        is told what became of alerts: it must keep it, or raise
    url         gives where links lead
    on_trouble  is told in a line what cannot be looked at, and not again for the same
    """

    def __init__(
        self,
        log: LogReader,
        estate: EstateReader,
        graph: GraphReader,
        gate: Gate,
        measuring: Measuring,
        cursor: Cursor,
        *,
        objectives: Callable[[], Objectives | None],
        sign: Sign,
        tell: Callable[[Sequence[Told]], None],
        words: Words,
        coverage: Coverage | None = None,
        settings: Callable[[], WatchSettings] = WatchSettings,
        url: Callable[[], str] = lambda: "",
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        on_trouble: Callable[[str], None] = lambda says: None,
    ) -> None:
        self._log, self._estate, self._graph, self._gate = log, estate, graph, gate
        self._words = words
        self._measuring, self._cursor, self._coverage = measuring, cursor, coverage
        self._objectives, self._sign, self._tell = objectives, sign, tell
        self._settings, self._url, self._clock = settings, url, clock
        self._on_trouble = on_trouble
        self._told_to = cursor.read()
        self._begins = self._log.refresh().size
        self._looked = 0.0
        self._forget()

    def _forget(self) -> None:
        self.size = 0
        self._alerts: Alerts | None = None
        self._known: dict[str, Known] = {}  # by incident, those that are open
        self._closed: dict[str, Known] = {}  # those that ended lately
        self._wrote = -1
        self._drops = None
        if self._coverage is not None:
            self._drops = Drops(self._coverage, on_trouble=self._on_trouble)
        self._needs: dict[str, dict[str, str]] = {}  # by policy, what each rule needs

    # -- a round

    @property
    def is_on(self) -> bool:
        """Whether there is anything to decide by."""
        return self._objectives() is not None

    def is_due(self) -> bool:
        """Whether a round has anything to do."""
        if self._objectives() is None:
            return False
        gone = time.monotonic() - self._looked
        if gone < EARLY_S:
            return False
        pending = self._drops is not None and self._drops.is_pending
        ending = pending or (self._alerts is not None and self._alerts.is_ending)
        if gone >= (QUIET_EVERY_S if ending else EVERY_S) or self._measuring.is_behind():
            return True
        return self._log.refresh().size > self.size

    def round(self) -> int:
        """Decide, have it recorded, and tell; how many stages were recorded.

        Raises Unavailable while the views are not there, or nobody signs.
        """
        said = self._objectives()
        if said is None:
            return 0
        self._looked = time.monotonic()
        if self._alerts is not None:
            self._follow()
        moment = self._clock()
        now = moment.timestamp()
        # A clock that was set back: what the log received by its own clock is past all the same.
        clock = micros(timestamps.to_text(moment))
        at = max(clock, self._received_last())
        self._measuring.step(said, now=now)
        with self._estate.snapshot() as estate, self._graph.snapshot() as graph:
            lens = graph.lens(as_of=min(estate.size, graph.size))
            if lens.as_of < self.size:  # the views are made anew
                self._forget()
            if lens.as_of < self._begins or lens.as_of <= self._wrote:
                return 0  # what we wrote ourselves is not all in them yet
            log = Log(estate, graph, lens, self._log, own=self._gate.own, words=self._words)
            is_first = self._alerts is None
            alerts = self._take_up(log, at)
            if is_first:  # only now is known what a closing by hand would end
                self._follow()
            settings = self._settings()
            found = list(self._signals(said, log, settings, now=now, at=at))
            windows = windows_at(log, at=clock)
            self.size = lens.as_of
        stages = alerts.decide(
            found, now=now, quiet_s=said.quiet_s, silenced=lambda one: _is_silent(one, windows),
            unknown=self._is_unknown,
        )  # fmt: skip
        if not stages:
            return 0
        # 1. The only step that changes what is open. A crash after it: the next start tells.
        written = self._sign([self._statement(stage) for stage in stages])
        alerts.take(stages)
        self._wrote = max(written)
        for stage, entry in zip(stages, written, strict=True):
            self._note(stage, entry)
        # 2. Whoever is to be told.
        self._follow()
        return len(stages)

    def _received_last(self) -> int:
        last = self._log.record(self._log.refresh().size - 1)
        return micros(entries.parse(last.entry).received)

    def standing(self) -> list[tuple[Alert, str, tuple[int, ...], float | None]]:
        """The alerts that people were told of and that are open, or ended a few minutes ago:
        each with its text, its entries and when it ended."""
        now = self._clock().timestamp()
        kept = {
            incident: one for incident, one in self._closed.items()
            if one.closed is not None and one.closed > now - CLOSED_KEPT_S
        }  # fmt: skip
        self._closed = kept
        return [
            (one.alert, one.text, one.entries, one.closed)
            for one in (*self._known.values(), *kept.values())
            if one.alert.severity != INFO
        ]

    # -- what the log says

    def _take_up(self, log: Log, at: int) -> Alerts:
        """The alerts that are open, as the log says now."""
        if self._alerts is None:
            lately = alerts_since(log, since=at - int(DAY_S) * _MICROS, until=at + 1)
            opened: dict[Root, list[float]] = {}
            for one in lately:
                opened.setdefault(one.alert.root, []).append(one.alert.opened)
                if one.closed is not None:
                    self._closed[one.alert.incident] = one
            found = open_alerts(log, at=at)
            self._known = {one.alert.incident: one for one in found}
            self._alerts = Alerts((one.alert for one in found), opened)
        elif log.lens.as_of > self.size:
            found = open_alerts(log, at=at, known=self._known)
            there = {one.alert.incident: one for one in found}
            for incident in self._known.keys() - there.keys():  # somebody closed it
                one = self._known[incident]
                self._alerts.open.pop(one.alert.root, None)
                self._closed[incident] = msgspec.structs.replace(one, closed=at / _MICROS)
            for incident in there.keys() - self._known.keys():
                self._alerts.open[there[incident].alert.root] = there[incident].alert
            self._known = there
        return self._alerts

    def _note(self, stage: Stage, entry: int) -> None:
        incident = stage.alert.incident
        before = self._known.pop(incident, None)
        ended = stage.stage == CLOSED
        kept = self._closed if ended else self._known
        kept[incident] = Known(
            alert=stage.alert,
            entry=entry if before is None else before.entry,
            text=stage.text,
            entries=stage.entries or (before.entries if before else ()),
            closed=stage.at if ended else None,
        )

    def _signals(
        self, said: Objectives, log: Log, settings: WatchSettings, *, now: float, at: int
    ) -> Iterator[Signal]:
        production = settings.production
        yield from signals.of_objectives(self._measuring.burning(), production=production)
        failing: list[Signal] = []
        if said.integrity:
            failing = list(self._of_evidence(log, production, at=at))
            yield from failing
        if said.clock_skew is not None:
            lately = clocks.tallies(log.estate.db, since=at - clocks.HOUR_MICROS, until=at)
            yield from signals.of_skew(said.clock_skew, lately)
        if said.coverage_drop is not None and self._drops is not None:
            # Coverage that is gone with the proof of what runs is told by that already.
            told = {(one.environment, one.service) for one in failing} | {
                (one.alert.environment, one.alert.service)
                for one in self._known.values()
                if one.alert.rule in (signals.INTEGRITY, signals.DENIED)
            }
            standing: dict[Service, Alert] = {
                (one.alert.environment, one.alert.service): one.alert
                for one in self._known.values()
                if one.alert.rule == signals.COVERAGE
            }
            for one in self._drops.signals(
                said.coverage_drop, log, standing, production=production, now=now, at=at
            ):
                if one.root.kind != "service" or (one.environment, one.service) not in told:
                    yield one

    def _of_evidence(self, log: Log, production: Sequence[str], *, at: int) -> Iterator[Signal]:
        opened = open_turns(log.estate, log.graph, log.lens, at=at, own=log.own)
        runs: dict[str, list[Service]] = {}
        for place, some in what_runs(log.estate, "", at=at, as_of=log.lens.as_of).items():
            for one in some:
                runs.setdefault(one.artifact, []).append(place)
        lost = lost_proof(log.graph, log.lens, list(runs))
        roots = signals.roots_of(lost, {one.alert.root for one in self._known.values()})
        yield from signals.of_denied(
            opened, needs_of=lambda open: self._needs_of(open, log), roots=roots, runs=runs,
            production=production,
        )  # fmt: skip
        yield from signals.of_lost_proof(lost, roots=roots, runs=runs, production=production)

    def _needs_of(self, open: Open, log: Log) -> Mapping[str, str]:
        digest = open.against.policy
        if digest not in self._needs:
            try:
                policy = self._gate.policy_of(digest, log.graph, log.lens)
            except Error:
                return {}
            self._needs[digest] = {
                rule.name: str(rule.__struct_config__.tag) for rule in policy.rules
            }
        return self._needs[digest]

    def _is_unknown(self, alert: Alert) -> bool:
        if alert.rule == signals.COVERAGE:
            return self._drops is not None and self._drops.is_unknown
        name = alert.rule.removeprefix(f"{BURNS}-")
        return name != alert.rule and self._measuring.is_unknown(name)

    # -- what follows

    def _statement(self, stage: Stage) -> bytes:
        alert = stage.alert
        return incidents.to_statement(
            IncidentStage(
                incident=alert.incident,
                stage=stage.stage,
                at=of_micros(int(stage.at * _MICROS)),
                service=alert.service,
                environment=alert.environment,
                title=alert.title,
                severity=alert.severity,
                text=stage.text,
                rule=alert.rule,
                root=incidents.Root(alert.root.kind, alert.root.id),  # type: ignore[arg-type]
                entries=list(stage.entries),
                links=list(links_of(alert, (), self._url()).values()),
            )
        )

    def _follow(self) -> None:
        """Tell what the log says of alerts since it was told last, and note how far that was."""
        size = self._log.refresh().size
        if self._told_to is None:  # the first time: the past is past
            self._told_to = size
            self._cursor.move(size)
        while self._told_to < size:
            until = min(size, self._told_to + _FOLLOWED_AT_ONCE)
            told = list(self._between(self._told_to, until))
            if told:
                self._tell(told)
            if told or until - self._told_to >= _FOLLOWED_AT_ONCE:
                self._cursor.move(until)
            self._told_to = until

    def _between(self, first: int, until: int) -> Iterator[Told]:
        for index, written in enumerate(self._log.entries(first, until), start=first):
            if incidents.PREDICATE_TYPE.encode() not in written:
                continue
            read = entries.parse(written)
            if read.type != incidents.PREDICATE_TYPE:
                continue
            told = self._told(index, read)
            if told is not None:
                yield told

    def _told(self, index: int, read: Entry) -> Told | None:
        said = Log.stage_of(self._log.content_of(index))
        if said is None:
            return None
        if self._gate.own in read.trust.signers and said.rule and said.root is not None:
            alert = Alert(
                incident=said.incident, rule=said.rule, root=Root(said.root.kind, said.root.id),
                severity=said.severity or INFO, title=said.title, environment=said.environment,
                service=said.service, opened=_opened(said),
            )  # fmt: skip
        elif self._ends(said) and self._words.count(read.trust.level, read.producer):
            known = self._known.get(said.incident) or self._closed[said.incident]
            alert = known.alert  # by hand
        else:
            return None
        if said.stage not in (OPENED, NOTED, CLOSED) or alert.severity == INFO:
            return None
        stage = Stage(
            stage=said.stage,  # type: ignore[arg-type]
            alert=alert, text=said.text, at=micros(said.at) / _MICROS, entries=tuple(said.entries),
        )  # fmt: skip
        was = ""
        if said.stage == NOTED:
            was = self._severity_before(said.incident, index)
        return Told(stage=stage, entry=index, was=was)

    def _ends(self, said: IncidentStage) -> bool:
        """Whether it ends an alert, where and since it is: elsewhere, or before, it ends none."""
        known = self._known.get(said.incident) or self._closed.get(said.incident)
        if known is None or said.stage != CLOSED:
            return False
        opened = Log.stage_of(self._log.content_of(known.entry))
        return (
            opened is not None
            and (said.scope, said.name) == (opened.scope, opened.name)
            and micros(opened.at) <= micros(said.at)
        )

    def _severity_before(self, incident: str, index: int) -> str:
        """What was told of it before this was: nothing, if it was only recorded."""
        known = self._known.get(incident)
        first = None if known is None else Log.stage_of(self._log.content_of(known.entry))
        if first is None or known is None or known.entry >= index or first.severity == INFO:
            return ""
        return first.severity


def _is_silent(one: Signal, windows: Iterable[Window]) -> bool:
    return is_silenced(windows, one.environment, one.service)


def _opened(said: IncidentStage) -> float:
    """When it opened: what it opened with says it, and its id does later."""
    if said.stage != OPENED:
        _, _, at = said.incident.rpartition("@")
        try:
            return timestamps.parse(at, where="incident").timestamp()
        except Error:
            pass
    return micros(said.at) / _MICROS
