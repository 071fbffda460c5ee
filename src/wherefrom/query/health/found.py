"""What an indicator finds, and how it is told in parts: small things that all of them share."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Final, NamedTuple, TypeVar

from wherefrom.query.health.answers import Share
from wherefrom.views.health import Count

BY_MAX: Final = 200
T = TypeVar("T")
_Part = tuple[str, str, str, str]  # environment, service, kind, trust


class Found(NamedTuple):
    """An indicator as it was found; ``value`` None if it cannot be known, and ``says`` why."""

    value: float | None
    of: int
    says: str
    by: Sequence[Share] = ()


class Figure(NamedTuple):
    """A value, and over how many it was counted."""

    value: float | None
    of: int


def unknown(says: str) -> Found:
    """An indicator that cannot be known."""
    return Found(None, 0, says)


def in_parts(
    some: Iterable[Count], figure: Callable[[Collection[Count]], Figure], *, low: bool
) -> list[Share]:
    """A figure of records by environment, kind, trust and service, the worst of each first."""
    return parts_of(
        some, lambda one: (one.part.environment, one.part.service, one.part.kind, one.part.trust),
        figure, low=low,
    )  # fmt: skip


def parts_of(
    some: Iterable[T],
    part: Callable[[T], _Part],
    figure: Callable[[Collection[T]], Figure],
    *,
    low: bool,
) -> list[Share]:
    """A figure of things by each of their parts alone; where one says nothing it is left out."""
    groups: tuple[dict[_Part, list[T]], ...] = tuple(defaultdict(list) for _ in range(4))
    for one in some:
        environment, service, kind, trust = part(one)
        for place, key in enumerate(
            (
                (environment, "", "", ""), ("", "", kind, ""), ("", "", "", trust),
                (environment, service, "", "") if service else ("", "", "", ""),
            )
        ):  # fmt: skip
            if any(key):
                groups[place][key].append(one)
    found: list[Share] = []
    for group in groups:
        shares = []
        for (environment, service, kind, trust), ones in sorted(group.items()):
            value, of = figure(ones)
            if of:
                shares.append(
                    Share(environment=environment, service=service, kind=kind, trust=trust,
                          value=value, of=of)
                )  # fmt: skip
        shares.sort(key=lambda one: (-(one.value or 0) if low else one.value or 0, -one.of))
        found += shares[:BY_MAX]
    return found


def median(numbers: Collection[float]) -> float | None:
    """The middle one; of an even number the upper; None of nothing."""
    return sorted(numbers)[len(numbers) // 2] if numbers else None
