"""Every indicator: what it is called, what its target is, and how it is found.

    Asked ──find──► Found(value, of, says, by) ──► Indicator, against its target

Source: docs/health.md has the same table in words
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from wherefrom.errors import LimitPassed, NotFound, Unavailable
from wherefrom.query.health import coverage
from wherefrom.query.health.answers import Indicator, Missing, Share
from wherefrom.query.health.asked import Asked


class Found(NamedTuple):
    """An indicator as it was found; ``value`` None if it cannot be known, and ``says`` why."""

    value: float | None
    of: int
    says: str
    by: Sequence[Share] = ()


class Known(NamedTuple):
    """One indicator.

    low     whether a lower value is better
    behind  what is missing behind it, where that can be listed, and whether that was cut off
    """

    id: str
    name: str
    unit: str
    target: float | None
    low: bool
    find: Callable[[Asked], Found]
    behind: Callable[[Asked], tuple[list[Missing], bool]] | None = None


def indicator(one: Known, asked: Asked) -> Indicator:
    """One indicator of a question."""
    try:
        found = one.find(asked)
    except (Unavailable, LimitPassed) as error:
        found = Found(None, 0, str(error))
    met = None
    if one.target is not None and found.value is not None:
        met = found.value <= one.target if one.low else found.value >= one.target
    return Indicator(
        id=one.id, name=one.name, value=found.value, unit=one.unit, of=found.of,
        target=one.target, met=met, says=found.says, by=list(found.by),
    )  # fmt: skip


def named(text: str) -> Known:
    """An indicator by its id or name. Raises NotFound."""
    wanted = text.strip().lower().replace("-", " ").replace("_", " ")
    for one in INDICATORS:
        if wanted in (one.id.lower(), one.name):
            return one
    raise NotFound(
        "no such indicator", got=text,
        expected=", ".join(f"{one.id} {one.name}" for one in INDICATORS),
        do="See: wherefrom health",
    )  # fmt: skip


def _coverage(asked: Asked) -> Found:
    units = asked.units
    if not units:
        return Found(None, 0, "nothing runs, and nothing was made, that a rule asks about")
    says = "; ".join(coverage.lines(units, asked.known))
    return Found(coverage.share(units), len(units), says, coverage.shares(units))


def _uncovered(asked: Asked) -> tuple[list[Missing], bool]:
    return coverage.missing(asked.units, asked.graph, asked.lens, asked.known)


INDICATORS: Final = (Known("N1", "coverage", "share", 0.99, False, _coverage, _uncovered),)
