"""Where it is asked how good the evidence is: every indicator, what stands behind one, its past.

    now ──► Health      explain ──► HealthExplained      history ──► History

Each takes one snapshot of each view, at one log size, so that all indicators of an answer speak of
one moment. ``at`` asks as of a time with what is known now, ``as_of`` with what was known then.
"""

from __future__ import annotations

from collections.abc import Sequence

from wherefrom.formats.timestamps import of_micros
from wherefrom.query.health import coverage
from wherefrom.query.health.answers import (
    Health,
    HealthExplained,
    History,
    Indicator,
    Missing,
)
from wherefrom.query.health.asked import Asking, HealthOptions
from wherefrom.query.health.found import Figure
from wherefrom.query.health.indicators import INDICATORS, Known, indicator, named
from wherefrom.query.health.kept import Kept
from wherefrom.query.health.past import Past
from wherefrom.query.what_runs import Service


class HealthDesk:
    """Answers over one log's views; safe for several threads."""

    def __init__(self, asking: Asking) -> None:
        self._asking = asking
        self._kept: Kept[Health] = Kept()
        self._past = Past(asking)

    def now(self, options: HealthOptions, *, only: Sequence[str] = ()) -> Health:
        """Every indicator, or ``only`` those of these ids or names, in their order.

        An answer of now that took long is given again for a while: see ``kept``.

        Raises NotFound for a size the log never had, or an indicator there is none of; Malformed.
        """
        wanted = [named(text) for text in only] or INDICATORS
        if options.at is not None or options.as_of is not None:
            return self._found(options, wanted)
        key = options, tuple(one.id for one in wanted)
        return self._kept.get(key, lambda: self._found(options, wanted))

    def _found(self, options: HealthOptions, wanted: Sequence[Known]) -> Health:
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
        return self._past.of(named(text), options, since=since, until=until, step_s=step_s)

    def covered(self, *, at: str | None = None) -> dict[Service, Figure]:
        """How much of each service has a whole chain, of every service: indicators tell the worst.

        at  RFC 3339: as it was known then

        Raises Malformed, and as the judge does.
        """
        with self._asking.asked(HealthOptions()) as newest:
            if at is None:
                return coverage.by_service(newest.units)
            size = self._asking.size_at(at, newest)
        with self._asking.asked(HealthOptions(at=at, as_of=size), as_then=True) as asked:
            return coverage.by_service(asked.units)
