"""Coverage that drops: looked at now and then, and told once it has been lower for long enough.

    coverage now ──against──► what it was everywhere a while ago, or before its alert ──► Signal

Sizes:  it asks every COVERAGE_S, and COVERAGE_EARLY_S after the log has grown
Source: docs/alerts.md, "coverage-drop"
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final, Protocol

from wherefrom.errors import Error
from wherefrom.formats.objectives import CoverageDrop
from wherefrom.formats.timestamps import of_posix
from wherefrom.query.alerts import signals
from wherefrom.query.alerts.known import Log
from wherefrom.query.alerts.signals import Covered, CoveredBy
from wherefrom.query.what_runs import Service
from wherefrom.views.health.alerting import Alert, Signal

COVERAGE_S: Final = 60.0
COVERAGE_EARLY_S: Final = 5.0
_REMEMBERED_MAX: Final = 1_000
_EARLIER_STEP_S: Final = 300
_MICROS: Final = 1_000_000


class Coverage(Protocol):
    """How much of each service has a whole chain: now, and as it was known at a time, RFC 3339."""

    def now(self) -> CoveredBy: ...

    def then(self, at: str) -> CoveredBy: ...


class Drops:
    """What was seen of coverage so far; one thread's.

    on_trouble  is told in a line why it is not looked at, and not again for the same
    """

    def __init__(self, coverage: Coverage, *, on_trouble: Callable[[str], None]) -> None:
        self._coverage, self._on_trouble, self._said = coverage, on_trouble, ""
        self._now: tuple[float, CoveredBy] = (0.0, {})
        self._size = 0  # of the log, that this is of
        self._earlier: tuple[str, CoveredBy] = ("", {})  # how it was everywhere, at a moment
        self._before_alerts: dict[tuple[Service, str], Covered | None] = {}
        self._since: dict[Service, float] = {}

    @property
    def is_pending(self) -> bool:
        """Whether it is lower somewhere."""
        return bool(self._since)

    @property
    def is_unknown(self) -> bool:
        """Whether nobody could say when it was looked at last."""
        return bool(self._said)

    def signals(
        self,
        rule: CoverageDrop,
        log: Log,
        standing: Mapping[Service, Alert],
        *,
        production: Sequence[str],
        now: float,
        at: int,
    ) -> Iterator[Signal]:
        """What speaks for an alert.

        standing  the alerts of this kind that are open
        now, at   the time, in seconds, and in microseconds
        """
        try:
            found = list(self._found(rule, log, standing, production, now=now, at=at))
            self._said = ""
        except Error as error:
            if str(error) != self._said:
                self._said = str(error)
                self._on_trouble(f"coverage is not looked at: {error}")
            return
        places = [(one.environment, one.service) for one in found]
        self._since = {place: self._since.get(place, now) for place in places}
        for place, one in zip(places, found, strict=True):
            if place in standing or now - self._since[place] >= rule.lasting_s:
                yield one

    def _found(
        self, rule: CoverageDrop, log: Log, standing: Mapping[Service, Alert],
        production: Sequence[str], *, now: float, at: int,
    ) -> Iterator[Signal]:  # fmt: skip
        age = now - self._now[0]
        if not 0 <= age < COVERAGE_S or (age >= COVERAGE_EARLY_S and log.lens.as_of > self._size):
            self._now, self._size = (now, self._coverage.now()), log.lens.as_of
        within = rule.within_s
        released = signals.releases_since(log, since=at - within * _MICROS, until=at + 1)
        for place, alert in standing.items():
            early = int((alert.opened - within) * _MICROS)
            last = signals.releases_since(log, since=early, until=at + 1).get(place)
            if last is not None:
                released.setdefault(place, last)
        return signals.of_coverage(
            rule,
            self._now[1],
            before=lambda place, alert: self._before(place, alert, now=now, within=within),
            released=released,
            standing=standing,
            production=production,
        )

    def _before(
        self, place: Service, alert: Alert | None, *, now: float, within: int
    ) -> Covered | None:
        """How much of a service was covered, before what is looked at or before its alert."""
        if self._now[1][place].value >= 1:
            return None  # nothing is gone
        moment = (now if alert is None else alert.opened) - within
        at = _step_before(moment, within)
        if alert is None:
            if self._earlier[0] != at:
                self._earlier = at, self._coverage.then(at)
            return self._earlier[1].get(place)
        if (place, at) not in self._before_alerts:
            if len(self._before_alerts) >= _REMEMBERED_MAX:
                self._before_alerts.clear()
            self._before_alerts[place, at] = self._coverage.then(at).get(place)
        return self._before_alerts[place, at]


def _step_before(moment: float, within: int) -> str:
    """A moment a little before, the same for a while: so that what was is asked once."""
    step = _EARLIER_STEP_S if within >= 12 * _EARLIER_STEP_S else _EARLIER_STEP_S // 5
    return of_posix(int(moment // step * step))
