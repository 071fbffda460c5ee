"""How sure a difference of two shares is: lift with its interval, and how many finds are false.

    bad/total here ┐
                   ├──► Lift: how many times as often, from … to …, and by what chance
    bad/total else ┘

Sources: Katz et al. 1978 (interval of a ratio of shares) · Haldane 1956 (half a count more, so that
         none is not certain) · Benjamini and Hochberg 1995
"""

from __future__ import annotations

from collections.abc import Sequence
from math import erfc, exp, log, sqrt
from typing import Final, NamedTuple

Z_95: Final = 1.959964


class Lift(NamedTuple):
    """``ratio`` of two shares, the ends of its interval of 95 %, and ``p``, one-sided: of more."""

    ratio: float
    low: float
    high: float
    p: float


def lift(bad: float, total: float, other_bad: float, other_total: float) -> Lift:
    """How many times as often it goes bad here as elsewhere. Totals are above 0.

    Raises ValueError for counts that cannot be: below 0, or more bad than all.
    """
    for some, all_of in ((bad, total), (other_bad, other_total)):
        if not 0 <= some <= all_of or all_of <= 0:
            raise ValueError(f"{some} bad of {all_of} cannot be")
    a, n, b, m = bad + 0.5, total + 1.0, other_bad + 0.5, other_total + 1.0
    size = log(a / n) - log(b / m)
    doubt = sqrt(1 / a - 1 / n + 1 / b - 1 / m)
    ends = size - Z_95 * doubt, size + Z_95 * doubt
    return Lift(exp(size), exp(ends[0]), exp(ends[1]), 0.5 * erfc(size / doubt / sqrt(2)))


def falsely_found(chances: Sequence[float]) -> list[float]:
    """The q of each p: the share of false finds if all of at most this q are believed."""
    order = sorted(range(len(chances)), key=chances.__getitem__, reverse=True)
    found, least = [0.0] * len(chances), 1.0
    for place, i in enumerate(order):
        least = min(least, chances[i] * len(chances) / (len(chances) - place))
        found[i] = least
    return found
