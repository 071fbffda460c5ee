"""Where questions about trouble are asked: where it concentrates, and which change did it.

    service, alert or window ──► Look: when, where ──► what was measured then ──► impact/live.py
                                 └ the estate then ──► what ran where, what changed   └► why/live.py
    a service's safe mode ──► when it was in it, where ──► what was measured ──► mode_effect.py

Answers speak of the log at one size, and of series, which are not of the log: asked again when
those are no longer kept, an answer has less to go by.

Sizes:  a window WINDOW_S_MAX seconds, from 1970 to MOMENT_S_MAX · CALL_SPANS_MAX spans are looked
        at for who calls whom
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

import msgspec

from wherefrom.errors import Malformed
from wherefrom.formats import timestamps
from wherefrom.formats.states import DECLARED, Scope
from wherefrom.formats.timestamps import micros, of_micros, of_posix
from wherefrom.formats.why_case import seconds
from wherefrom.query.incident_answers import Impact, Incident, Why
from wherefrom.query.look import Look
from wherefrom.query.measured import Measured
from wherefrom.query.mode_effect import ModeEffect, Points, Span, mode_effect, spans
from wherefrom.query.mode_effect import Series as Place
from wherefrom.query.postmortem.listed import find_stay
from wherefrom.query.reality import CHANGES_MAX, Reality, RealityOptions
from wherefrom.query.reality_answers import Changes
from wherefrom.views.estate import EstateSnapshot
from wherefrom.views.graph import Lens, Snapshot
from wherefrom.views.requests.reader import RequestReader

if TYPE_CHECKING:
    from wherefrom.formats.series import Series
    from wherefrom.query.canary.live import CanaryOptions
    from wherefrom.query.canary_answers import Canary
    from wherefrom.query.why.live import WhyCase

WINDOW_S_MAX: Final = 31 * 86_400.0
MOMENT_S_MAX: Final = 253_370_764_800.0  # the year 9999
CALL_SPANS_MAX: Final = 100_000
# An alert rises some minutes after what it tells of began.
BEFORE_ALERT_S: Final = 600.0
_HOUR: Final = 3_600.0
_MICROS: Final = 1_000_000


class IncidentOptions(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked about; times are RFC 3339.

    service      where it hurts; empty for what the alert says, or anywhere
    environment  likewise
    alert        an incident: its id, its alert's name or fingerprint
    since        from when on; ``until`` when: nothing later is used
    at           when it was detected, if no alert says so
    by           dimensions to split by; empty for the usual ones
    """

    service: str = ""
    environment: str = ""
    alert: str = ""
    since: str | None = None
    until: str | None = None
    at: str | None = None
    as_of: int | None = None
    by: tuple[str, ...] = ()


class EffectOptions(msgspec.Struct, frozen=True, kw_only=True):
    """Which safe mode: of a service in an environment, entered last by ``at``, or called ``name``.

    window  seconds before and after it that are compared
    """

    service: str
    environment: str
    name: str | None = None
    at: str | None = None
    window: int = 3_600


class Incidents:
    """Answers over one log's estate, its spans and series; safe for several threads."""

    def __init__(
        self,
        reality: Reality,
        requests: RequestReader,
        measured: Measured,
        *,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._reality, self._requests, self._measured = reality, requests, measured
        self._clock = clock

    def impact(self, options: IncidentOptions) -> Impact:
        """Where it fails or is slow, and where that concentrates.

        Raises NotFound for an incident that is none, Malformed, Unavailable, LimitPassed.
        """
        from wherefrom.query.impact.live import dimensions, impact  # late, as what is asked rarely

        by = dimensions(options.by)
        with self._looking(options, back=_HOUR, before_alert=BEFORE_ALERT_S) as (
            estate,
            _,
            lens,
            look,
        ):
            found = self._measured.window(look.since, look.until)
            return impact(estate, lens, look, found, by=by)

    def why(self, options: IncidentOptions) -> Why:
        """Which change did it, likeliest first. Raises as ``impact``."""
        return self.ranked(self.case(options))

    def ranked(self, case: WhyCase) -> Why:
        """The answer to a case."""
        from wherefrom.query.why.live import answer

        return answer(case)

    def case(self, options: IncidentOptions) -> WhyCase:
        """The question as a case: all that ``why`` goes by, so that it can be asked again."""
        from wherefrom.query.why.live import gather

        reach = {"back": 2 * _HOUR, "before_alert": 2 * _HOUR}
        with self._looking(options, **reach) as (estate, graph, lens, look):
            found, calls = self.seen(look.since, look.until)
            return gather(estate, graph, lens, look, found, calls)

    def seen(self, since: float, until: float) -> tuple[list[Series], list[tuple[str, str]]]:
        """What was measured in a window, seconds since 1970, and who called whom.

        Raises Unavailable, LimitPassed.
        """
        found = self._measured.window(since, until)
        spoken = self._requests.calls(
            int(since * _MICROS), int(until * _MICROS), limit=CALL_SPANS_MAX
        )
        return found, [*spoken, *self._measured.calls()]

    def canary(self, options: CanaryOptions) -> Canary:
        """Whether a canary does worse than what runs beside it.

        Raises NotFound for a service that runs nowhere, Malformed, Unavailable, LimitPassed.
        """
        from wherefrom.query.canary.live import canary
        from wherefrom.query.one_thing import OneThing

        until = self._clock().timestamp()
        if options.until is not None:
            until = seconds(options.until, where="until")
        since = None if options.since is None else seconds(options.since, where="since")
        with self._reality.snapshots(options.as_of) as (estate, graph, lens):
            return canary(
                estate, lens, options, since=since, until=until, measured=self._in_window,
                same=OneThing(graph, lens),
            )  # fmt: skip

    def _in_window(self, since: float, until: float) -> list[Series]:
        _check(since, until)
        return self._measured.window(since, until)

    def effect(self, options: EffectOptions) -> ModeEffect:
        """What a safe mode changed, by what was measured then.

        Raises NotFound if the service was in none, Malformed, Unavailable, LimitPassed.
        """
        now, window = timestamps.to_text(self._clock()), options.window * _MICROS
        name, stays = stays_of(self._reality.changes, options, now=now)
        since = min(micros(stay.entered) for stay in stays) - window
        until = max(micros(stay.left or now) for stay in stays) + window
        _check(since / _MICROS, until / _MICROS)
        points: dict[Place, Points] = {}
        for one in self._measured.window(since / _MICROS, until / _MICROS):
            labels = one.labels
            if labels.service != options.service or labels.caller:
                continue
            if labels.environment in ("", options.environment):
                here = points.setdefault(Place(one.metric, labels.region, labels.pool), [])
                here += [(int(t * _MICROS), v) for t, v in zip(one.times, one.values, strict=True)]
        return mode_effect(name, stays, points, now=now, window=window)

    @contextmanager
    def _looking(
        self, options: IncidentOptions, *, back: float, before_alert: float
    ) -> Iterator[tuple[EstateSnapshot, Snapshot, Lens, Look]]:
        with self._reality.snapshots(options.as_of) as (estate, graph, lens):
            now = self._clock().timestamp()
            until = now if options.until is None else seconds(options.until, where="until")
            incident = self._incident(estate, lens, options, until)
            if incident is None:
                detected = until if options.at is None else seconds(options.at, where="at")
                since = detected - back
            else:
                detected = seconds(incident.began, where="began")
                since = detected - before_alert
                if options.until is None and incident.ended is not None:
                    until = min(until, seconds(incident.ended, where="ended"))
            if options.since is not None:
                since = seconds(options.since, where="since")
            _check(since, until)
            service = options.service or (incident.service if incident else "")
            environment = options.environment or (incident.environment if incident else "")
            look = Look(incident, service, environment, since, until, detected)
            yield estate, graph, lens, look

    def _incident(
        self, estate: EstateSnapshot, lens: Lens, options: IncidentOptions, until: float
    ) -> Incident | None:
        """The one that is named; else the newest that was open at the service."""
        if options.alert:
            if options.at is not None:
                raise Malformed("two times of detection", expected="an alert, or a time")
            by = None if options.until is None else until
            return find_incident(estate, options.alert, as_of=lens.as_of, by=by)
        if not options.service or options.at is not None or options.since is not None:
            return None
        scope = Scope(options.environment, options.service)
        at = int(until * _MICROS)
        open_ = estate.held(scope, at=at, as_of=lens.as_of, slots=("incident",))
        newest = max(open_, key=lambda held: (held.since, held.value), default=None)
        if newest is None:
            return None
        return find_incident(estate, newest.value, as_of=lens.as_of, by=until)


def stays_of(
    changes: Callable[[str, RealityOptions], Changes], options: EffectOptions, *, now: str
) -> tuple[str, list[Span]]:
    """The mode that is asked about, and every place that was in it, as ``spans`` gives them.

    changes  what changed in a scope, from wherever that is asked

    Raises NotFound if the service was in none.
    """
    asked = RealityOptions(
        since=of_micros(0), until=now, slots=("safe_mode",), mode=DECLARED, limit=CHANGES_MAX
    )
    found = changes(f"environment={options.environment},service={options.service}", asked)
    margin = options.window * _MICROS
    return spans(found.changes, name=options.name, at=options.at, margin=margin)


def _check(since: float, until: float) -> None:
    if not 0 <= since < until <= min(since + WINDOW_S_MAX, MOMENT_S_MAX):
        raise Malformed(
            "not a window",
            expected=f"from before until, {WINDOW_S_MAX / 86_400:.0f} days at most, since 1970",
            got=f"{of_posix(int(since))} to {of_posix(int(until))}",
        )


def find_incident(
    estate: EstateSnapshot, text: str, *, as_of: int, by: float | None = None
) -> Incident:
    """The newest incident of this id, title, alert or fingerprint. Raises NotFound.

    by  nothing later is known, seconds since 1970; None: everything is
    """
    stay = find_stay(estate, text, as_of=as_of, by=None if by is None else int(by * _MICROS))
    return Incident(
        id=stay.value,
        name=stay.says or stay.name,
        environment=stay.scope.environment,
        service=stay.scope.service,
        began=of_micros(stay.began),
        ended=None if stay.ended is None else of_micros(stay.ended),
        entry=stay.entry,
    )
