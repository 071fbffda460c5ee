"""What an indicator finds, and how it is told in parts: small things that all of them share."""

from __future__ import annotations

import heapq
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Final, NamedTuple, TypeVar

from wherefrom.query.health.answers import Share
from wherefrom.views.health import Count

BY_MAX: Final = 200
T = TypeVar("T")
Part = tuple[str, str, str, str]  # environment, service, kind, trust


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
    part: Callable[[T], Part],
    figure: Callable[[Collection[T]], Figure],
    *,
    low: bool,
) -> list[Share]:
    """A figure of things by each of their parts alone; where one says nothing it is left out."""
    groups: tuple[dict[Part, list[T]], ...] = tuple(defaultdict(list) for _ in range(4))
    of_environments, of_kinds, of_trust, of_services = groups
    for one in some:
        environment, service, kind, trust = part(one)
        if environment:
            of_environments[environment, "", "", ""].append(one)
        if kind:
            of_kinds["", "", kind, ""].append(one)
        if trust:
            of_trust["", "", "", trust].append(one)
        if service:
            of_services[environment, service, "", ""].append(one)
    return [
        share
        for group in groups
        for share in worst(((key, figure(ones)) for key, ones in group.items()), low=low)
    ]


def worst(figures: Iterable[tuple[Part, Figure]], *, low: bool) -> list[Share]:
    """The BY_MAX worst parts, in order; what was counted over nothing is left out."""

    def rank(one: tuple[Part, Figure]) -> tuple[float, int, Part]:
        value = one[1].value or 0.0
        return -value if low else value, -one[1].of, one[0]

    told = heapq.nsmallest(BY_MAX, (one for one in figures if one[1].of), key=rank)
    return [
        Share(environment=e, service=s, kind=k, trust=t, value=value, of=of)
        for (e, s, k, t), (value, of) in told
    ]


def median(numbers: Collection[float]) -> float | None:
    """The middle one; of an even number the upper; None of nothing."""
    return sorted(numbers)[len(numbers) // 2] if numbers else None
