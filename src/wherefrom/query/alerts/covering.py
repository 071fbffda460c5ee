"""How much of each service has a whole chain, now and as it was known then: of the indicators."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from wherefrom.errors import Unavailable
from wherefrom.formats.objectives import Objective
from wherefrom.query.alerts.signals import Covered, CoveredBy
from wherefrom.query.health import HealthDesk, HealthOptions
from wherefrom.query.health.found import Figure
from wherefrom.query.what_runs import Service

_STEP_S: Final = 60


class Covering:
    """Asks a desk of health; one thread's."""

    def __init__(self, health: HealthDesk) -> None:
        self._health = health

    def now(self) -> CoveredBy:
        """By environment and service. Raises as the desk does."""
        return _covered(self._health.covered())

    def then(self, at: str) -> CoveredBy:
        """The same as it was known at a time. Raises as the desk does."""
        return _covered(self._health.covered(at=at))

    def indicated(self, objective: Objective, at: str | None) -> float | None:
        """An indicator of an objective, now, or as it was known at a time.

        Raises Unavailable for one that is no share and has no bound, or that nobody knows now, and
        as the desk does.
        """
        asked = HealthOptions(
            environment=objective.environment, service=objective.service, kind=objective.kind,
            trust=objective.trust,
        )  # fmt: skip
        if at is not None:
            told = self._health.history(
                objective.indicator, asked, since=at, until=at, step_s=_STEP_S
            )
            self._need_bound(objective, told.unit)
            return told.points[0].value
        found = self._health.one(objective.indicator, asked)
        self._need_bound(objective, found.unit)
        if found.value is None:
            raise Unavailable(f"{objective.indicator} is not known", got=found.says)
        return found.value

    def _need_bound(self, objective: Objective, unit: str) -> None:
        if unit != "share" and objective.at_most is None and objective.at_least is None:
            raise Unavailable(
                f"{objective.indicator} is no share", where=objective.name, got=f"in {unit}",
                expected="at_most or at_least",
                do="Say in objectives.yaml what of it is good",
            )  # fmt: skip


def _covered(found: Mapping[Service, Figure]) -> CoveredBy:
    return {
        place: Covered(figure.value, figure.of)
        for place, figure in found.items()
        if figure.value is not None
    }
