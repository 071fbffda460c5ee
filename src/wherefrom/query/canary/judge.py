"""From what two sides did, minute by minute, to a verdict on each measure.

    failing, slow   shares of answers; so much more of them is borne, as a difference of shares
    latency         means; in at most half of the minutes is the ratio above what is borne

The chance of a false *fail* is shared among the measures. A *pass* needs all of them, so the chance
of a false one is no greater than that of each. Which answers fail is always a measure: a canary of
which nobody knows that does not pass.

Sizes:  MINUTES_MAX minutes
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import isfinite
from statistics import median
from typing import Final, NamedTuple

from wherefrom.errors import LimitPassed
from wherefrom.formats.canary import FAIL, MEASURES, PASS, UNDECIDED, Measure
from wherefrom.formats.timestamps import of_micros
from wherefrom.query.canary.sequential import (
    Block,
    Bound,
    at_least,
    at_most,
    median_at_least,
    median_at_most,
)
from wherefrom.query.impact.sums import Sum, together

MINUTES_MAX: Final = 7 * 24 * 60
MINUTE_S: Final = 60
ALPHA: Final = 0.05
# So much worse is borne, if nothing else is said: half a percent of all answers may fail more, two
# may be slower than they should, and a tenth of the time may be waited longer.
TOLERANCES: Final[Mapping[str, float]] = {"failing": 0.005, "slow": 0.02, "latency": 0.1}


class Minute(NamedTuple):
    """What both sides did in one minute; ``at`` is its beginning, seconds since 1970."""

    at: int
    canary: Sum
    baseline: Sum


def judge(
    minutes: Sequence[Minute], *, tolerances: Mapping[str, float], alpha: float
) -> list[Measure]:
    """Every measure that both sides have, and ``failing``; minutes in the order of time.

    tolerances  for each of MEASURES, how much worse is borne
    alpha       the chance that any measure fails though the canary is no worse than is borne

    Raises LimitPassed for too many minutes.
    """
    if len(minutes) > MINUTES_MAX:
        raise LimitPassed(
            "too many minutes to compare", expected=f"{MINUTES_MAX} minutes at most",
            got=len(minutes), do="Ask since a later time",
        )  # fmt: skip
    blocks = {name: _blocks(minutes, name) for name in ("failing", "slow")}
    ratios = [(one.at, *pair) for one in minutes if (pair := _means(one))]
    measured = [
        name
        for name in MEASURES
        if name == "failing"
        or (ratios if name == "latency" else any(b.of and b.other_of for _, b in blocks[name]))
    ]
    each = alpha / len(measured)
    return [
        _latency(ratios, tolerances[name], each)
        if name == "latency"
        else _share(name, blocks[name], tolerances[name], each)
        for name in measured
    ]


def _blocks(minutes: Sequence[Minute], measure: str) -> list[tuple[int, Block]]:
    """Whole counts by minute: what a rate leaves of an answer is carried into the next minute."""
    found = []
    sums = [0.0] * 4
    told = [0] * 4
    for one in minutes:
        seen = (*one.canary.of(measure), *one.baseline.of(measure))
        sums = [s + n for s, n in zip(sums, seen, strict=True)]
        whole = [round(s) - t for s, t in zip(sums, told, strict=True)]
        for bad in (0, 2):
            whole[bad] = min(whole[bad], whole[bad + 1])
        told = [t + w for t, w in zip(told, whole, strict=True)]
        found.append((one.at, Block(*whole)))
    return found


def _share(
    name: str, timed: Sequence[tuple[int, Block]], tolerance: float, alpha: float
) -> Measure:
    blocks = [block for _, block in timed]
    low = at_least(blocks, claim=tolerance, alpha=alpha)
    high = at_most(blocks, claim=tolerance, alpha=alpha)
    bad, of = sum(b.bad for b in blocks), sum(b.of for b in blocks)
    other_bad, other_of = sum(b.other_bad for b in blocks), sum(b.other_of for b in blocks)
    shares = (bad / of if of else 0.0, other_bad / other_of if other_of else 0.0)
    return _measure(
        name, shares, shares[0] - shares[1], tolerance, (of, other_of), (low, high),
        [at for at, _ in timed],
    )  # fmt: skip


def _latency(found: Sequence[tuple[int, float, float]], tolerance: float, alpha: float) -> Measure:
    ratios = [mine / theirs - 1 for _, mine, theirs in found]
    low = median_at_least(ratios, claim=tolerance, alpha=alpha)
    high = median_at_most(ratios, claim=tolerance, alpha=alpha)
    means = (_mean([mine for _, mine, _ in found]), _mean([theirs for _, _, theirs in found]))
    samples = (len(found), len(found))
    return _measure(
        "latency", means, median(ratios), tolerance, samples, (low, high),
        [at for at, _, _ in found],
    )  # fmt: skip


def _means(one: Minute) -> tuple[float, float] | None:
    """The mean latency of both sides in a minute, if both have one."""
    sides = (one.canary, one.baseline)
    if not all(side.waits and side.waited > 0 for side in sides):
        return None
    mine, theirs = (side.waited / side.waits for side in sides)
    return mine, theirs


def _measure(
    name: str,
    said: tuple[float, float],
    effect: float,
    tolerance: float,
    samples: tuple[int, int],
    bounds: tuple[Bound, Bound],
    times: Sequence[int],
) -> Measure:
    low, high = bounds
    verdict, decided = UNDECIDED, None
    if low.decided is not None:
        verdict, decided = FAIL, low.decided
    elif high.decided is not None:
        verdict, decided = PASS, high.decided
    known = all(samples)
    return Measure(
        measure=name, verdict=verdict, canary=said[0], baseline=said[1], effect=effect,
        tolerance=tolerance, canary_samples=samples[0], baseline_samples=samples[1],
        low=low.end if known and isfinite(low.end) else None,
        high=high.end if known and isfinite(high.end) else None,
        # It was known once that minute was over.
        decided=None if decided is None else of_micros((times[decided - 1] + MINUTE_S) * 1_000_000),
    )  # fmt: skip


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def by_minute(seen: Mapping[int, tuple[Sequence[Sum], Sequence[Sum]]]) -> list[Minute]:
    """Minutes in order, each with all that both sides did in it."""
    return [
        Minute(at, together(canary), together(baseline))
        for at, (canary, baseline) in sorted(seen.items())
    ]
