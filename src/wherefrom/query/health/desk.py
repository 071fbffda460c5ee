"""Where it is asked how good the evidence is: every indicator, what stands behind one, its past.

    now ──► Health      explain ──► HealthExplained      history ──► History

Each takes one snapshot of each view, at one log size, so that all indicators of an answer speak of
one moment. ``at`` asks as of a time with what is known now, ``as_of`` with what was known then.

Sizes:  a history has POINTS_MAX moments, STEP_SECONDS_MIN apart at least
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from msgspec import structs

from wherefrom.errors import LimitPassed, Malformed
from wherefrom.formats.timestamps import canonical, micros, of_micros
from wherefrom.query.health import coverage
from wherefrom.query.health.answers import (
    Health,
    HealthExplained,
    History,
    Indicator,
    Missing,
    Point,
)
from wherefrom.query.health.asked import Asking, HealthOptions
from wherefrom.query.health.indicators import INDICATORS, indicator, named

POINTS_MAX: Final = 400
STEP_SECONDS_MIN: Final = 60


class HealthDesk:
    """Answers over one log's views; safe for several threads."""

    def __init__(self, asking: Asking) -> None:
        self._asking = asking

    def now(self, options: HealthOptions, *, only: Sequence[str] = ()) -> Health:
        """Every indicator, or ``only`` those of these ids or names, in their order.

        Raises NotFound for a size the log never had, or an indicator there is none of; Malformed.
        """
        wanted = [named(text) for text in only] or INDICATORS
        with self._asking.asked(options) as asked:
            return Health(
                log=asked.log,
                at=of_micros(asked.at),
                as_of=asked.lens.as_of,
                indicators=[indicator(one, asked) for one in wanted],
            )

    def one(self, text: str, options: HealthOptions) -> Indicator:
        """One indicator, by its id or name. Raises NotFound, and as ``now``."""
        known = named(text)
        with self._asking.asked(options) as asked:
            return indicator(known, asked)

    def explain(self, text: str, options: HealthOptions) -> HealthExplained:
        """What stands behind one indicator, by its id or name. Raises NotFound, and as ``now``."""
        known = named(text)
        with self._asking.asked(options) as asked:
            found = indicator(known, asked)
            missing: list[Missing] = []
            if known.behind is not None and found.value is not None:
                missing = known.behind(asked)
            return HealthExplained(
                log=asked.log,
                at=of_micros(asked.at),
                as_of=asked.lens.as_of,
                indicator=found,
                missing=missing[: coverage.LISTED_MAX],
                fixes=coverage.fixes(missing),
                truncated=len(missing) > coverage.LISTED_MAX,
                by_policy=self._asking.judge.named() if known.id in coverage.OF_CHAINS else "",
            )

    def history(
        self,
        text: str,
        options: HealthOptions,
        *,
        since: str,
        until: str | None = None,
        step_s: int,
    ) -> History:
        """One indicator at moments from ``since`` to ``until``, each as it was known then.

        since, until  RFC 3339; ``until`` None is now

        Raises Malformed, LimitPassed for too many moments, NotFound.
        """
        known, now = named(text), self._asking.now()
        if options.at is not None or options.as_of is not None:
            raise Malformed("a history is of many moments", where="at, as_of", expected="neither")
        first = micros(canonical(since, where="since"))
        last = min(micros(now), micros(canonical(until, where="until") if until else now))
        moments = _moments(first, last, step_s)
        points: list[Point] = []
        with self._asking.asked(options) as newest:
            for moment in moments:
                at = of_micros(moment)
                size = self._asking.size_at(at, newest)
                then = structs.replace(options, at=at, as_of=size)
                with self._asking.asked(then, as_then=True) as asked:
                    found = indicator(known, asked)
                points.append(Point(at=at, size=size, value=found.value, of=found.of))
            return History(
                log=newest.log, indicator=known.id, name=known.name, unit=known.unit,
                since=of_micros(first), until=of_micros(last), step_s=step_s, points=points,
            )  # fmt: skip


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
