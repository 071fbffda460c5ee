"""What a safe mode did: one series before, during and after it.

    points ──by time──► before │ during │ after ──► mean, and the ratio to before with its interval

The interval is of the difference of two means (Welch), divided by the mean before. It takes points
for independent: of a series that drifts or swings slowly it is too narrow, which the answer cannot
know. With fewer than three points on a side there is none.

Source: B. L. Welch, Biometrika 34 (1947); Student's quantile by the expansion of Cornish and Fisher
(Abramowitz and Stegun 26.7.5), within 1 % from three degrees of freedom on
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import NormalDist, fmean, variance
from typing import Final

import msgspec

CONFIDENCE: Final = 0.95
POINTS_MIN: Final = 3


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """One part of a series. ``ratio`` to the mean before, ``low`` and ``high`` its interval; None
    where they cannot be told."""

    name: str
    points: int
    mean: float | None
    ratio: float | None = None
    low: float | None = None
    high: float | None = None


def effect(
    points: Sequence[tuple[int, float]], *, entered: int, left: int, window: int
) -> list[Part]:
    """Before, during and after.

    points   (when, in microseconds; value), finite, in any order
    entered  and ``left``: when the mode began and ended; ``window`` how long before and after
    """
    if not entered < left or window <= 0:
        raise ValueError("a mode ends after it began, and a window is longer than nothing")
    before = [v for t, v in points if entered - window <= t < entered]
    parts = [Part(name="before", points=len(before), mean=fmean(before) if before else None)]
    for name, since, until in (("during", entered, left), ("after", left, left + window)):
        found = [v for t, v in points if since <= t < until]
        parts.append(_compared(name, found, before))
    return parts


def _compared(name: str, found: Sequence[float], before: Sequence[float]) -> Part:
    mean = fmean(found) if found else None
    base = fmean(before) if before else 0.0
    if mean is None or base == 0:
        return Part(name=name, points=len(found), mean=mean)
    ratio = mean / base
    if min(len(found), len(before)) < POINTS_MIN:
        return Part(name=name, points=len(found), mean=mean, ratio=ratio)
    half = _half_width(found, before) / abs(base)
    return Part(
        name=name, points=len(found), mean=mean, ratio=ratio, low=ratio - half, high=ratio + half
    )


def _half_width(a: Sequence[float], b: Sequence[float]) -> float:
    """Of the interval of the difference of two means."""
    errors = [variance(side) / len(side) for side in (a, b)]
    total = sum(errors)
    if total == 0:
        return 0.0
    shares = zip(errors, (a, b), strict=True)
    # As shares of the whole: the squares of small errors would be lost.
    freedom = 1 / sum((error / total) ** 2 / (len(side) - 1) for error, side in shares)
    return student(1 - (1 - CONFIDENCE) / 2, freedom) * math.sqrt(total)


def student(probability: float, freedom: float) -> float:
    """The quantile of Student's t; exact at one and two degrees of freedom."""
    if freedom < 2.5:
        # Exact for two; what has fewer is rounded down to one, which is wider.
        if freedom < 2:
            return math.tan(math.pi * (probability - 0.5))
        centred = 2 * probability - 1
        return centred * math.sqrt(2 / (1 - centred**2))
    x = NormalDist().inv_cdf(probability)
    terms = (
        (x**3 + x) / 4,
        (5 * x**5 + 16 * x**3 + 3 * x) / 96,
        (3 * x**7 + 19 * x**5 + 17 * x**3 - 15 * x) / 384,
        (79 * x**9 + 776 * x**7 + 1482 * x**5 - 1920 * x**3 - 945 * x) / 92160,
    )
    return x + sum(term / freedom**n for n, term in enumerate(terms, 1))
