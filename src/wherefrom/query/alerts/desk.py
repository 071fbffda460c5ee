"""Where it is asked which alerts there are, how objectives stand, and which maintenances last.

Alerts and maintenances are of the log; how an objective stands is measured when it is asked, from
all that is still kept, which takes as long as that is much.

Sizes:  LIST_MAX alerts an answer · a window WINDOW_S_MAX seconds
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final

import msgspec

from wherefrom.errors import Malformed, NotFound
from wherefrom.formats import timestamps
from wherefrom.formats.objectives import Objective, Objectives
from wherefrom.formats.states import Scope
from wherefrom.formats.timestamps import micros, of_micros
from wherefrom.log.reader import LogReader
from wherefrom.log.replay import service_key_id
from wherefrom.query.alerts.answers import (
    AlertList,
    MaintenanceList,
    ObjectiveStatus,
    ShownAlert,
    ShownObjective,
    ShownRoot,
)
from wherefrom.query.alerts.covering import Covering
from wherefrom.query.alerts.known import Known, Log, alerts_since, open_alerts
from wherefrom.query.alerts.maintenances import Window, windows_at, windows_in
from wherefrom.query.alerts.measuring import BACK_S, CHUNK_S, AskRatio, Measuring
from wherefrom.query.answers import log_of
from wherefrom.query.health import HealthDesk
from wherefrom.query.measured import Measured
from wherefrom.query.reality import Reality
from wherefrom.query.word import Words
from wherefrom.views.estate import EstateSnapshot
from wherefrom.views.graph import Lens, Snapshot

LIST_MAX: Final = 1_000
LIST_DEFAULT: Final = 100
WINDOW_S_MAX: Final = 366 * 86_400
DAY_S: Final = 86_400
_MICROS: Final = 1_000_000


class AlertOptions(msgspec.Struct, frozen=True, kw_only=True):
    """Which: of an environment, of a service, that opened or ended since; the open ones always.

    since  RFC 3339; None: only those that are open
    """

    environment: str = ""
    service: str = ""
    since: str | None = None
    until: str | None = None
    as_of: int | None = None
    limit: int = LIST_DEFAULT


class AlertDesk:
    """Answers over one log; safe for several threads.

    objectives  gives what the file says, None if there is none
    ask_ratio   asks a Prometheus of them; None where nobody is there to ask
    """

    def __init__(
        self,
        log: LogReader,
        reality: Reality,
        health: HealthDesk,
        measured: Measured,
        *,
        objectives: Callable[[], Objectives | None] = lambda: None,
        ask_ratio: AskRatio | None = None,
        words: Words,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._log, self._reality, self._measured = log, reality, measured
        self._words = words
        self.covering = Covering(health)
        self._objectives, self._ask_ratio, self._clock = objectives, ask_ratio, clock

    def measuring(self, *, on_trouble: Callable[[str], None] = lambda says: None) -> Measuring:
        """What measures objectives, which has measured nothing yet."""
        return Measuring(
            self._measured, indicated=self.covering.indicated, ask=self._ask_ratio,
            on_trouble=on_trouble,
        )  # fmt: skip

    def alerts(self, options: AlertOptions) -> AlertList:
        """Which alerts there are. Raises NotFound for a size the log never had, Malformed."""
        if not 0 < options.limit <= LIST_MAX:
            raise Malformed("not a limit", expected=f"1 to {LIST_MAX}", got=options.limit)
        now = timestamps.to_text(self._clock())
        until = micros(_time(options.until, "until") or now)
        scope = Scope(options.environment, options.service)
        with self._reality.snapshots(options.as_of) as (estate, graph, lens):
            log = self._look(estate, graph, lens)
            found = {one.alert.incident: one for one in open_alerts(log, at=until, scope=scope)}
            since = _time(options.since, "since")
            if since is not None:
                _need_window(micros(since), until)
                for one in alerts_since(log, since=micros(since), until=until + 1, scope=scope):
                    found.setdefault(one.alert.incident, one)
            windows = windows_at(log, at=until)
            listed = sorted(
                found.values(),
                key=lambda k: (k.closed is not None, -k.alert.opened, k.alert.incident),
            )
            return AlertList(
                log=log_of(graph),
                as_of=lens.as_of,
                at=of_micros(until),
                watched=self._objectives() is not None,
                alerts=[_shown(one, windows) for one in listed[: options.limit]],
                open=sum(one.closed is None for one in listed),
                truncated=len(listed) > options.limit,
            )

    def maintenances(self, options: AlertOptions) -> MaintenanceList:
        """Which maintenances last now, and in a window: of the last week, and what is to come, if
        none is given. Raises as ``alerts``."""
        moment = micros(timestamps.to_text(self._clock()))
        since = _time(options.since, "since")
        until = _time(options.until, "until")
        first = moment - 7 * DAY_S * _MICROS if since is None else micros(since)
        last = moment + WINDOW_S_MAX * _MICROS // 2 if until is None else micros(until)
        _need_window(first, last)
        scope = Scope(options.environment, options.service)
        with self._reality.snapshots(options.as_of) as (estate, graph, lens):
            log = self._look(estate, graph, lens)
            found = windows_in(log, since=first, until=last, now=moment, scope=scope)
            now = windows_at(log, at=moment, scope=scope)
            return MaintenanceList(
                log=log_of(graph),
                as_of=lens.as_of,
                at=of_micros(moment),
                maintenances=found[: options.limit],
                now=[one.maintenance for one in now],
            )

    def _look(self, estate: EstateSnapshot, graph: Snapshot, lens: Lens) -> Log:
        own = service_key_id(self._log)
        return Log(estate, graph, lens, self._log, own=own, words=self._words)

    def objectives(self, name: str = "") -> ObjectiveStatus:
        """How objectives stand, or one. Raises NotFound for none of that name, or no file."""
        said = self._objectives()
        if said is None:
            raise NotFound(
                "no objectives are set here", expected="objectives.yaml in the data directory",
                do="Write one: wherefrom objectives new",
            )  # fmt: skip
        wanted = [one for one in said.objectives if name in ("", one.name)]
        if name and not wanted:
            raise NotFound(
                "no objective is called so", got=name,
                expected=" ".join(one.name for one in said.objectives) or "none is set",
            )  # fmt: skip
        moment = self._clock()
        measuring = self.measuring()
        only = msgspec.structs.replace(said, objectives=tuple(wanted))
        for _ in range(BACK_S // CHUNK_S + 2):
            measuring.step(only, now=moment.timestamp(), watched_only=False)
            if not measuring.is_behind():
                break
        drop = said.coverage_drop
        with self._reality.snapshots(None) as (_, graph, _lens):
            return ObjectiveStatus(
                log=log_of(graph),
                at=timestamps.to_text(moment),
                objectives=[shown_objective(one) for one in wanted],
                standings=measuring.standings(),
                integrity=said.integrity,
                coverage_drop=None if drop is None else f"{drop.points:g} points in {drop.within}",
                clock_skew=None if said.clock_skew is None else said.clock_skew.ahead,
                quiet=said.quiet,
            )


def shown_objective(one: Objective) -> ShownObjective:
    """As an answer says it."""
    measured = one.indicator or (f"{one.series} of {one.service}" if one.series else "promql")
    return ShownObjective(
        name=one.name, target=one.target, period=one.period, environment=one.environment,
        service=one.service, description=one.description, measured=measured,
        watched="here" if one.is_watched_here else "prometheus", by=list(one.by),
    )  # fmt: skip


def _shown(known: Known, windows: list[Window]) -> ShownAlert:
    alert = known.alert
    over = [w for w in windows if w.covers(alert.environment, alert.service)]
    return ShownAlert(
        incident=alert.incident,
        rule=alert.rule,
        severity=alert.severity,
        title=alert.title,
        text=known.text,
        environment=alert.environment,
        service=alert.service,
        root=ShownRoot(*alert.root),
        opened=_text(alert.opened),
        closed=None if known.closed is None else _text(known.closed),
        entry=known.entry,
        entries=list(known.entries),
        maintenance=over[0].maintenance if over and known.closed is None else None,
    )


def _time(text: str | None, where: str) -> str | None:
    return None if text is None else timestamps.canonical(text, where=where)


def _need_window(since: int, until: int) -> None:
    if not 0 <= since <= until <= since + WINDOW_S_MAX * _MICROS:
        raise Malformed(
            "not a window", expected=f"from since to until, {WINDOW_S_MAX // DAY_S} days at most",
            got=f"{of_micros(since)} to {of_micros(until)}",
        )  # fmt: skip


def _text(seconds: float) -> str:
    return of_micros(int(seconds * _MICROS))
