"""What got worse, since when, and how surely: one change point for each group of rows.

    ▁▂▁▁▂▁▁▆▇▆      before │ after        strength = log(1 + how much / what matters) × how surely
           └ onset                        0: nothing · about 1: clearly worse · 4: everything fails

Every possible onset is tried at once, by running sums; the one with the largest distance between
before and after, in units of the noise, is taken. Noise is what the group did before.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np

from wherefrom.query.why.grid import BURNS, FAILS, HOLDS, WAITS, Floats

STRENGTH_MAX: Final = 4.0
# How much is worth a word, and what noise must be reckoned with where little was measured.
MATTERS: Final = {FAILS: 0.02, WAITS: 0.15, BURNS: 0.30, HOLDS: 0.20}
NOISE_MIN: Final = {FAILS: 0.003, WAITS: 0.04, BURNS: 0.06, HOLDS: 0.03}
BEFORE_BINS_MIN: Final = 2
LOOK_BACK_S: Final = 1_200.0
ALIKE: Final = 12.0
BACK_S: Final = 90.0  # so long below the line is a recovery, not a wobble
BACK_SHARE: Final = 0.3


class Shift(NamedTuple):
    """A change of level: ``size`` after − before, ``surely`` in units of noise, ``onset`` a bin.

    earliest, latest  between which bins it may as well have begun
    """

    size: float
    surely: float
    onset: int
    strength: float
    before: float
    after: float
    earliest: int
    latest: int


NO_SHIFT: Final = Shift(0.0, 0.0, -1, 0.0, 0.0, 0.0, -1, -1)


def strength(size: Floats | float, surely: Floats | float, kind: str, half: float = 9.0) -> Floats:
    """How much it matters, from 0 to STRENGTH_MAX; what got better does not."""
    sure = np.maximum(surely, 0) ** 2
    worse = np.log1p(np.maximum(size, 0) / MATTERS[kind])
    return np.asarray(np.minimum(worse * sure / (sure + half), STRENGTH_MAX))


def find_shift(values: Floats, kind: str, *, times: Floats, detected: float, noise: float) -> Shift:
    """The change point of one row that best explains its end. ``noise``: at least so much."""
    measured = ~np.isnan(values)
    if measured.sum() < BEFORE_BINS_MIN + 1:
        return NO_SHIFT
    clean = np.where(measured, values, 0.0)
    count = np.cumsum(measured)
    total = np.cumsum(clean)
    # Onset bin k: before is [0, k), after is [k, end].
    n_before, n_after = count[:-1], count[-1] - count[:-1]
    could = (n_before >= BEFORE_BINS_MIN) & (n_after >= 1) & measured[1:]
    could &= (times[1:] >= detected - LOOK_BACK_S) & (times[1:] <= detected + 1)
    if not could.any():
        return NO_SHIFT
    before = total[:-1] / np.maximum(n_before, 1)
    after = (total[-1] - total[:-1]) / np.maximum(n_after, 1)
    early = values[: max(int(np.searchsorted(times, detected - 300)), BEFORE_BINS_MIN)]
    sigma = max(spread(early), noise, NOISE_MIN[kind])
    doubt = sigma * np.sqrt(1 / np.maximum(n_before, 1) + 1 / np.maximum(n_after, 1))
    surely = (after - before) / doubt
    surely = np.where(could, surely, -np.inf)
    k = int(np.argmax(surely))
    if surely[k] <= 0:
        return NO_SHIFT
    # Half of what the square of `surely` loses is a log-likelihood; noise is never as tame.
    alike = np.flatnonzero(surely > np.sqrt(max(float(surely[k]) ** 2 - ALIKE, 0.0)))
    low, high = min(int(alike[0]), k) + 1, max(int(alike[-1]), k) + 1
    onset = _last_rise(values, k + 1, float(before[k]), float(after[k]), times)
    if onset != k + 1:  # something earlier came and went: this trouble began later
        low, high = onset, max(onset, high)
    return _told(values, kind, onset, low, high, sigma)


def _last_rise(values: Floats, onset: int, before: float, after: float, times: Floats) -> int:
    """Where it rose for the last time: the bin after the last that had fallen back for good."""
    line = before + BACK_SHARE * (after - before)
    every = float(times[1] - times[0])
    need = max(1, round(BACK_S / every))
    calm = 0
    for i in range(len(values) - 1, onset, -1):
        calm = calm + 1 if values[i] < line else 0
        if calm >= need:
            end = i + calm
            return end if end < len(values) else onset
    return onset


def _told(values: Floats, kind: str, onset: int, low: int, high: int, sigma: float) -> Shift:
    """The shift at ``onset``; before it the median counts, which old trouble hardly moves."""
    early, late = values[:onset], values[onset:]
    early, late = early[~np.isnan(early)], late[~np.isnan(late)]
    if not len(early) or not len(late):
        return NO_SHIFT
    before, after = float(np.median(early)), float(late.mean())
    size = after - before
    surely = size / (sigma * float(np.sqrt(1 / len(early) + 1 / len(late))))
    return Shift(size, surely, onset, float(strength(size, surely, kind)), before, after, low, high)


def spread(values: Floats) -> float:
    """The usual distance from the usual value, robust against a few odd ones; 0 of too few."""
    measured = values[~np.isnan(values)]
    if len(measured) < 4:
        return 0.0
    off = np.abs(measured - np.median(measured))
    # Half of the plain deviation too: failures are rare, so most bins sit exactly at the median.
    return float(max(1.4826 * np.median(off), 0.5 * measured.std()))


def counted_noise(before: float, requests: Floats) -> float:
    """How much a failing share jumps by chance alone, with so many requests a bin."""
    measured = requests[~np.isnan(requests)]
    if not len(measured):
        return 0.0
    share = min(max(before, 0.01), 0.5)
    return float(np.sqrt(share * (1 - share) / max(float(np.median(measured)), 1.0)))
