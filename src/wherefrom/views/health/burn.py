"""How fast an objective uses up what may be bad, by the same windows as the rules of a Prometheus.

    (minute, bad, all) ──► Burnt: minutes of three days, hours of the period
                             ├ ratio(until, window) ──► errors in each window
                             └ burning(objective) ──► those windows that say so, pages first

What is measured now and then, such as a share, holds until it is measured again: ``Held`` makes
minutes of it, each counting once. A window in which nothing was measured says nothing, as there
is nothing to divide there either. Where requests are known, a long window of too few counts as one
of ``requests_min``: a quiet service that fails altogether burns, and one failed request does not.

Sizes:  a minute MINUTE_S · MINUTES minutes, and the hours of the longest period, 16 bytes each
Source: Google, "The Site Reliability Workbook", chapter 5; docs/objectives.md
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from wherefrom.formats.objectives import Objective, Windows

MINUTE_S: Final = 60
HOUR_S: Final = 3_600
MINUTES: Final = 3 * 24 * 60
HOURS: Final = 30 * 24
# What is measured holds so long at most, until it is measured again.
HOLDS_S_MAX: Final = 6 * 3_600


class Burn(NamedTuple):
    """One pair of windows that says that it burns.

    short, long  how many times faster than it lasts the budget goes, in each window; in the long
                 one as if there had been ``requests_min`` requests at least
    """

    windows: Windows
    short: float
    long: float


class _Ring:
    """Bad and all of the newest slots of one length; older ones are forgotten."""

    def __init__(self, slot_s: int, slots: int) -> None:
        self._slot_s, self._slots = slot_s, slots
        self._bad, self._all = array("d", bytes(8 * slots)), array("d", bytes(8 * slots))
        self._newest = -1  # number of the newest slot since 1970

    def put(self, number: int, bad: float, all_of: float, *, adds: bool) -> tuple[float, float]:
        """Set or add to a slot; by how much both grew."""
        if self._newest < 0:
            self._newest = number
        while self._newest < number:
            if number - self._newest >= self._slots:
                self._bad, self._all = (array("d", bytes(8 * self._slots)) for _ in range(2))
                self._newest = number
                break
            self._newest += 1
            self._bad[self._newest % self._slots] = self._all[self._newest % self._slots] = 0.0
        if number <= self._newest - self._slots:
            return 0.0, 0.0
        at = number % self._slots
        before = (0.0, 0.0) if adds else (self._bad[at], self._all[at])
        self._bad[at] += bad - before[0]
        self._all[at] += all_of - before[1]
        return bad - before[0], all_of - before[1]

    def sums(self, last: int, slots: int) -> tuple[float, float]:
        """Of so many slots up to ``last``, included."""
        first = max(last - slots + 1, self._newest - self._slots + 1)
        last = min(last, self._newest)
        if first > last:
            return 0.0, 0.0
        a, b = first % self._slots, last % self._slots
        pieces = [slice(a, b + 1)] if a <= b else [slice(a, None), slice(b + 1)]
        return (
            sum(sum(self._bad[piece]) for piece in pieces),
            sum(sum(self._all[piece]) for piece in pieces),
        )


class Burnt:
    """What was measured of one objective, or of one reality in it."""

    def __init__(self) -> None:
        self._minutes = _Ring(MINUTE_S, MINUTES)
        self._hours = _Ring(HOUR_S, HOURS)
        self.since: float | None = None
        self.until = 0.0

    def put(self, at: float, bad: float, all_of: float) -> None:
        """Set what the minute that ends at, or after, ``at`` had; the same again changes nothing.

        at   seconds since 1970
        bad  how many of ``all_of`` were bad
        """
        minute = _slot(at)
        grown = self._minutes.put(minute, bad, all_of, adds=False)
        self._hours.put((minute * MINUTE_S - 1) // HOUR_S, *grown, adds=True)
        self.since = at if self.since is None else min(self.since, at)
        self.until = max(self.until, at)

    def ratio(self, until: float, window_s: int) -> float | None:
        """Which share was bad in the whole minutes from ``until - window_s`` to ``until``."""
        bad, all_of = self._sums(until, window_s)
        return min(max(bad / all_of, 0.0), 1.0) if all_of > 0 else None

    def count(self, until: float, window_s: int) -> float:
        """How many there were in the same minutes."""
        return self._sums(until, window_s)[1]

    def _sums(self, until: float, window_s: int) -> tuple[float, float]:
        last = int(until // MINUTE_S)
        if window_s <= MINUTES * MINUTE_S:
            return self._minutes.sums(last, window_s // MINUTE_S)
        return self._hours.sums((last * MINUTE_S - 1) // HOUR_S, window_s // HOUR_S)


class Held:
    """What is measured now and then, as minutes that count once each: ``put`` it, in any order of
    time that goes forward."""

    def __init__(self, burnt: Burnt) -> None:
        self._burnt = burnt
        self._last: tuple[float, float] | None = None

    def put(self, at: float, bad: float | None) -> None:
        """From ``at`` on this share is bad; None: nobody knows."""
        self.hold(at)
        self._last = None if bad is None else (at, bad)
        if bad is not None:
            self._burnt.put(at, bad, 1.0)

    def hold(self, until: float) -> None:
        """It is as it was, until then."""
        if self._last is None:
            return
        since, bad = self._last
        ends = min(until, since + HOLDS_S_MAX)
        for minute in range(_slot(since) + 1, int(ends // MINUTE_S) + 1):
            self._burnt.put(minute * MINUTE_S, bad, 1.0)
        self._last = (max(since, ends), bad) if ends == until else None


def burning(
    objective: Objective,
    ratio: Callable[[int], float | None],
    requests: Callable[[int], float | None] = lambda seconds: None,
) -> list[Burn]:
    """Those windows that say that it burns, pages first.

    ratio     which share was bad in the newest window of so many seconds; None if nothing was
              measured
    requests  how many there were in it; None if nobody knows, and then it does not matter
    """
    found = []
    for windows in objective.windows:
        short, long = ratio(windows.short_s), ratio(windows.long_s)
        if short is None or long is None:
            continue
        least, came = objective.requests_least(windows), requests(windows.long_s)
        if came is not None and came < least:
            long *= came / least
        bound = windows.factor(objective.period_s) * objective.budget
        if short > bound and long > bound:
            found.append(Burn(windows, short / objective.budget, long / objective.budget))
    return found


def left(objective: Objective, share: float | None) -> float | None:
    """Which share of the budget of a period is left, where so much of it was bad; below 0 if more
    was bad than may be."""
    return None if share is None else 1 - share / objective.budget


def worst(found: Sequence[Burn]) -> Burn | None:
    """The one that says most: a page before a ticket, then the fastest."""
    return max(found, key=lambda b: (b.windows.severity == "page", b.short), default=None)


def _slot(at: float) -> int:
    """The minute that a measurement at ``at`` ends in."""
    return -int(-at // MINUTE_S)
