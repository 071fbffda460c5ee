"""What was measured of each objective, minute by minute, out of whatever measures it.

    series (pushed, or of a Prometheus) ──┐   requests, success_rate, slow_rate
    an indicator, now and then ───────────┼──► Burnt of all, of each reality ──► ObjectiveStanding
    PromQL, window by window ─────────────┘

``step`` takes up what is new, and after a start some of the past each time, so a watch is never
held up for long; until it has come to now, an objective is not known. What cannot be measured is
told once.

Sizes:  REALITIES_MAX realities an objective, those that were seen last · CHUNK_S of the past a step
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final, NamedTuple, Protocol

import msgspec

from wherefrom.errors import Error
from wherefrom.formats.objectives import SPANS_S, Objective, Objectives
from wherefrom.formats.series import SLOW, Series
from wherefrom.formats.timestamps import of_posix
from wherefrom.query.measured import Measured
from wherefrom.views.health.burn import MINUTE_S, Burn, Burnt, Held, burning, left

REALITIES_MAX: Final = 20
CHUNK_S: Final = 3 * 3_600
BACK_S: Final = SPANS_S[-1]
# What is pushed comes late, so the newest minutes are read again each time.
LATE_S: Final = 600
ALL: Final = ""
_BAD: Final = {"errors": "success_rate", "slow": SLOW}

Ratios = Mapping[str, Mapping[int, float | None]]  # by reality, then by window in seconds


class AskedRatios(NamedTuple):
    """Which share was bad, and how many requests there were; of these none where nobody asks."""

    shares: Ratios
    requests: Ratios = {}


_NOTHING: Final = AskedRatios({})


class Indicated(Protocol):
    """Asks an indicator as it is at a time, RFC 3339: its value and unit; None if nobody knows."""

    def __call__(self, objective: Objective, at: str | None) -> float | None: ...


class AskRatio(Protocol):
    """Asks a Prometheus how much was bad in each window, by reality. Raises Unavailable."""

    def __call__(self, objective: Objective, at: float) -> AskedRatios: ...


class BurnShown(msgspec.Struct, frozen=True, kw_only=True):
    """Two windows that say that it burns: how many times too fast, in each."""

    severity: str
    short_s: int
    long_s: int
    factor: float
    short: float
    long: float


class ObjectiveStanding(msgspec.Struct, frozen=True, kw_only=True):
    """How an objective stands, all together or of one ``reality``.

    share    which share was bad over the period, as far as it is known; None if it is not
    left     which share of the budget that leaves; below 0 if more was bad than may be
    rates    by window in seconds, how many times faster than it lasts the budget goes
    burning  the windows that say that it burns, pages first
    since    from when on it is known
    says     why nothing is known
    """

    name: str
    reality: str
    target: float
    period: str
    share: float | None
    left: float | None
    rates: dict[str, float | None]
    burning: list[BurnShown]
    since: str | None
    says: str = ""


class _Place(NamedTuple):
    environment: str
    service: str


class Measuring:
    """What is known of the objectives of one estate; one thread's.

    measured    reads series of a window
    indicated   asks an indicator; ``ask`` a Prometheus. None where nobody is there to ask
    on_trouble  is told in a line what cannot be measured, and not again for the same
    """

    def __init__(
        self,
        measured: Measured,
        *,
        indicated: Indicated | None = None,
        ask: AskRatio | None = None,
        on_trouble: Callable[[str], None] = lambda says: None,
    ) -> None:
        self._measured, self._indicated, self._ask = measured, indicated, ask
        self._on_trouble = on_trouble
        self._troubles: dict[str, str] = {}
        self._of: tuple[Objective, ...] = ()
        self._burnt: dict[str, dict[str, Burnt]] = {}  # by objective, then by reality
        self._held: dict[str, Held] = {}
        self._asked: dict[str, AskedRatios] = {}
        self._uncounted: dict[str, bool] = {}  # objectives of series that tell no requests
        self._reached: dict[str, float] = {}  # of an objective of series, up to when it is read
        self._now = 0.0

    def step(self, said: Objectives, *, now: float, watched_only: bool = True) -> None:
        """Take up what is new, and some of what is still to be read of the past.

        now  seconds since 1970
        """
        wanted = tuple(o for o in said.objectives if o.is_watched_here or not watched_only)
        self._now = now
        self._forget_others(wanted)
        self._of = wanted
        self._read_series([one for one in wanted if one.series], now)
        for one in wanted:
            if one.indicator:
                self._read_indicator(one, now)
            elif one.promql is not None:
                self._read_promql(one, now)

    def is_behind(self) -> bool:
        """Whether some of the past is still to be read."""
        return any(self._is_behind(one) for one in self._of)

    def standings(self) -> list[ObjectiveStanding]:
        """How each objective stands, its realities after it."""
        return [
            self._standing(one, reality)
            for one in self._of
            for reality in sorted({ALL, *self._realities(one)})
        ]

    def burning(self) -> list[tuple[Objective, str, list[Burn]]]:
        """Of each objective, and each reality in it, the windows that say that it burns."""
        found = []
        for one in self._of:
            if self.is_unknown(one.name):
                continue
            for reality in sorted({ALL, *self._realities(one)}):
                burns = burning(one, self._ratios(one, reality), self._requests(one, reality))
                if burns:
                    found.append((one, reality, burns))
        return found

    def is_unknown(self, name: str) -> bool:
        """Whether it cannot be measured now, or its past is still to be read."""
        return name in self._troubles or any(
            self._is_behind(one) for one in self._of if one.name == name
        )

    # -- series

    def _is_behind(self, one: Objective) -> bool:
        return bool(one.series) and self._reached.get(one.name, 0.0) < self._now - LATE_S

    def _read_series(self, some: Sequence[Objective], now: float) -> None:
        if not some:
            return
        for one in some:
            # What was never read begins so long ago that the widest window is whole.
            self._reached.setdefault(one.name, now - BACK_S)
        since = min(self._reached[one.name] for one in some)
        until = min(now, max(since, now - BACK_S) + CHUNK_S)
        since = max(min(since, until - LATE_S), now - BACK_S)
        try:
            found = self._measured.window(since, until)
        except Error as error:
            for one in some:
                self._trouble(one.name, str(error))
            return
        for one in some:
            self._troubles.pop(one.name, None)
            self._take(one, found, since)
            self._reached[one.name] = max(self._reached[one.name], until)

    def _take(self, one: Objective, found: Iterable[Series], since: float) -> None:
        """Sum up a window by minute: of all, and of each reality."""
        by_place: dict[object, dict[str, Series]] = defaultdict(dict)
        for series in found:
            labels = series.labels
            if labels.service != one.service or labels.caller:
                continue
            if one.environment and labels.environment not in ("", one.environment):
                continue
            by_place[labels][series.metric] = series
        # A minute that the window cut is not whole: it was, or will be, read with another.
        first = math.ceil(since / MINUTE_S) * MINUTE_S
        sums: dict[str, dict[int, list[float]]] = defaultdict(lambda: defaultdict(lambda: [0, 0]))
        for metrics in by_place.values():
            rate = metrics.get(_BAD[one.series])
            if rate is None:
                continue
            requests = metrics.get("requests")
            if requests is None:
                self._uncounted[one.name] = True
            counts = dict(zip(requests.times, requests.values, strict=True)) if requests else None
            realities = [ALL]
            if one.by and rate.labels.identity:
                realities.append(rate.labels.identity)
            for at, value in zip(rate.times, rate.values, strict=True):
                weight = 1.0 if counts is None else counts.get(at, 0.0)
                bad = weight * (1 - value if one.series == "errors" else value)
                minute = math.ceil(at / MINUTE_S)
                if minute * MINUTE_S <= first:
                    continue
                for reality in realities:
                    slot = sums[reality][minute]
                    slot[0] += bad
                    slot[1] += weight
        kept = self._burnt.setdefault(one.name, {})
        for reality, minutes in sums.items():
            burnt = kept.get(reality)
            if burnt is None:
                burnt = kept[reality] = Burnt()
            for minute, (bad, all_of) in sorted(minutes.items()):
                burnt.put(minute * MINUTE_S, bad, all_of)
        realities = sorted((r for r in kept if r != ALL), key=lambda r: -kept[r].until)
        for reality in realities[REALITIES_MAX:]:
            del kept[reality]

    # -- indicators and PromQL

    def _read_indicator(self, one: Objective, now: float) -> None:
        if self._indicated is None:
            self._trouble(one.name, "no indicators are measured here")
            return
        held = self._held.get(one.name)
        try:
            if held is None:
                burnt = self._burnt.setdefault(one.name, {}).setdefault(ALL, Burnt())
                held = Held(burnt)
                # A few moments of the past, closer to each other the nearer they are.
                for back in (*range(BACK_S, 21_600, -21_600), *range(21_600, 0, -1_800)):
                    at = now - back
                    held.put(at, _bad(one, self._indicated(one, of_posix(int(at)))))
                self._held[one.name] = held
            value = self._indicated(one, None)
        except Error as error:
            if held is not None:
                held.put(now, None)
            self._trouble(one.name, str(error))
            return
        held.put(now, _bad(one, value))
        self._troubles.pop(one.name, None)

    def _read_promql(self, one: Objective, now: float) -> None:
        if self._ask is None:
            self._trouble(one.name, "no Prometheus is named in series.json")
            self._asked.pop(one.name, None)
            return
        try:
            self._asked[one.name] = self._ask(one, now)
        except Error as error:
            self._asked.pop(one.name, None)
            self._trouble(one.name, str(error))
        else:
            self._troubles.pop(one.name, None)

    # -- what it comes to

    def _realities(self, one: Objective) -> Iterable[str]:
        if one.promql is not None:
            return self._asked.get(one.name, _NOTHING).shares.keys()
        return self._burnt.get(one.name, {}).keys()

    def _ratios(self, one: Objective, reality: str) -> Callable[[int], float | None]:
        if one.promql is not None:
            asked = self._asked.get(one.name, _NOTHING).shares.get(reality, {})
            return lambda seconds: asked.get(seconds)
        burnt = self._burnt.get(one.name, {}).get(reality)
        if burnt is None:
            return lambda seconds: None
        return lambda seconds: burnt.ratio(self._now, seconds)

    def _requests(self, one: Objective, reality: str) -> Callable[[int], float | None]:
        """How many requests there were in a window, where that is known."""
        if one.promql is not None:
            asked = self._asked.get(one.name, _NOTHING).requests.get(reality, {})
            return lambda seconds: asked.get(seconds)
        burnt = self._burnt.get(one.name, {}).get(reality)
        if burnt is None or not one.series or one.name in self._uncounted:
            return lambda seconds: None
        return lambda seconds: burnt.count(self._now, seconds)

    def _standing(self, one: Objective, reality: str) -> ObjectiveStanding:
        ratio, requests = self._ratios(one, reality), self._requests(one, reality)
        share = ratio(one.period_s)
        if share is None and one.promql is not None:
            share = ratio(SPANS_S[-1])
        burnt = self._burnt.get(one.name, {}).get(reality)
        since = None if burnt is None or burnt.since is None else of_posix(int(burnt.since))
        rates = {seconds: ratio(seconds) for seconds in SPANS_S}
        says = self._troubles.get(one.name, "")
        if not says and self._is_behind(one):
            says = "what was measured is still being read"
        if not says and share is None:
            says = "nothing was measured"
        return ObjectiveStanding(
            name=one.name, reality=reality, target=one.target, period=one.period, share=share,
            left=left(one, share),
            rates={str(s): None if r is None else r / one.budget for s, r in rates.items()},
            burning=[shown(one, burn) for burn in burning(one, ratio, requests)],
            since=since, says=says,
        )  # fmt: skip

    def _forget_others(self, wanted: Sequence[Objective]) -> None:
        """What is said otherwise now is measured anew."""
        same = {one.name for one in wanted if one in self._of}
        for kept in (
            self._burnt, self._held, self._asked, self._reached, self._troubles, self._uncounted,
        ):  # fmt: skip
            for name in kept.keys() - same:
                del kept[name]

    def _trouble(self, name: str, says: str) -> None:
        if self._troubles.get(name) != says:
            self._troubles[name] = says
            self._on_trouble(f"objective {name} is not measured: {says}")


def shown(objective: Objective, burn: Burn) -> BurnShown:
    """As an answer says it."""
    windows = burn.windows
    return BurnShown(
        severity=windows.severity, short_s=windows.short_s, long_s=windows.long_s,
        factor=windows.factor(objective.period_s), short=burn.short, long=burn.long,
    )  # fmt: skip


def _bad(one: Objective, value: float | None) -> float | None:
    """Which share of it is bad: of a share, what is missing; else whether it is out of bounds."""
    if value is None:
        return None
    if one.at_most is not None:
        return float(value > one.at_most)
    if one.at_least is not None:
        return float(value < one.at_least)
    return min(max(1 - value, 0.0), 1.0)
