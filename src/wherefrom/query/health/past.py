"""An indicator at moments of the past, each as it was known then.

    since, until, step ──► moments ──each: found, or found before──► points

What was known at a past moment stays as it was, but for what was erased since, another policy of
coverage, and who administers the log now; so a point that was found once is kept under these.

Sizes:  POINTS_MAX moments, STEP_SECONDS_MIN apart at least, SECONDS_MAX for all · KEPT_MAX points
"""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable
from typing import Final

from msgspec import structs

from wherefrom.errors import LimitPassed, Malformed, Unavailable
from wherefrom.formats.timestamps import canonical, micros, of_micros
from wherefrom.query.health.answers import History, Point
from wherefrom.query.health.asked import Asking, HealthOptions
from wherefrom.query.health.indicators import Known, indicator

POINTS_MAX: Final = 400
STEP_SECONDS_MIN: Final = 60
SECONDS_MAX: Final = 30.0
KEPT_MAX: Final = 20_000


class Past:
    """Looks back; safe for several threads."""

    def __init__(self, asking: Asking, *, elapsed: Callable[[], float] = time.monotonic) -> None:
        self._asking, self._elapsed = asking, elapsed
        self._kept: dict[Hashable, Point] = {}

    def of(
        self, known: Known, options: HealthOptions, *, since: str, until: str | None, step_s: int
    ) -> History:
        """One indicator from ``since`` to ``until``. Raises Malformed, LimitPassed, NotFound."""
        now = self._asking.now()
        if options.at is not None or options.as_of is not None:
            raise Malformed("a history is of many moments", where="at, as_of", expected="neither")
        first = micros(canonical(since, where="since"))
        last = min(micros(now), micros(canonical(until, where="until") if until else now))
        moments = _moments(first, last, step_s)
        points: list[Point] = []
        begun = self._elapsed()
        with self._asking.asked(options) as newest:
            changed = (
                newest.health.erased(size=newest.health.size), self._policy(),
                self._asking.words.administrators(),
            )  # fmt: skip
            for moment in moments:
                if self._elapsed() - begun > SECONDS_MAX:
                    raise LimitPassed(
                        "it takes too long to look back", expected=f"{SECONDS_MAX:g} s",
                        got=f"{len(points)} of {len(moments)} moments",
                        do="Ask again: what was found is kept; or for a longer step",
                    )  # fmt: skip
                at = of_micros(moment)
                size = self._asking.size_at(at, newest)
                then = structs.replace(options, at=at, as_of=size)
                points.append(self._point(known, then, at, size, changed))
            return History(
                log=newest.log, indicator=known.id, name=known.name, unit=known.unit,
                since=of_micros(first), until=of_micros(last), step_s=step_s, points=points,
            )  # fmt: skip

    def _point(
        self, known: Known, then: HealthOptions, at: str, size: int, changed: Hashable
    ) -> Point:
        key = known.id, then, changed
        if (kept := self._kept.get(key)) is not None:
            return kept
        with self._asking.asked(then, as_then=True) as asked:
            found = indicator(known, asked)
        point = Point(at=at, size=size, value=found.value, of=found.of)
        if len(self._kept) >= KEPT_MAX:
            self._kept.clear()
        self._kept[key] = point
        return point

    def _policy(self) -> str:
        try:
            return self._asking.judge.named()
        except Unavailable:  # the indicator says why
            return ""


def _moments(first: int, last: int, step_s: int) -> range:
    """The moments of a history, in microseconds. Raises Malformed, LimitPassed."""
    if step_s < STEP_SECONDS_MIN:
        raise Malformed(
            "moments too close to each other", where="step", got=f"{step_s}s",
            expected=f"{STEP_SECONDS_MIN}s or more",
        )  # fmt: skip
    if last < first:
        raise Malformed("a history that ends before it begins", where="since", got=of_micros(first))
    found = range(first, last + 1, step_s * 1_000_000)
    if len(found) > POINTS_MAX:
        raise LimitPassed(
            "too many moments", expected=f"{POINTS_MAX} at most", got=str(len(found)),
            do="Ask for a longer step, or a shorter time",
        )  # fmt: skip
    return found
