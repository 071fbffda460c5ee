"""New against old in the same minutes: the one comparison that what hits both alike cannot fool.

    old  ▁▁▂▁▁▂▁▁▁▂▁      d = new − old, bin by bin, where both serve
    new      ▂▁▁▇▇▆▇▇     ──► Lift: how much worse the new is, and how surely

Processes differ a little for no reason, and go on doing so: that difference between old instances
is part of the doubt, so that long watching alone makes nothing sure.
"""

from __future__ import annotations

from math import erf, sqrt
from typing import Final, NamedTuple

import numpy as np

from wherefrom.query.why.grid import BURNS, FAILS, HOLDS, WAITS, Floats, Marks, mean_of_rows, middle
from wherefrom.query.why.shifts import NOISE_MIN, spread, strength

YOUNG_S: Final = 60.0  # so long a process warms up
RECENT_S: Final = 180.0
# How far two equal processes may lie apart, at least.
APART_MIN: Final = {FAILS: 0.003, WAITS: 0.06, BURNS: 0.12, HOLDS: 0.10}
# What being young adds to that.
YOUNG_APART: Final = {FAILS: 0.01, WAITS: 0.5, BURNS: 0.5, HOLDS: 0.2}
TOLD_BEFORE: Final = 0.5
CALM_BINS_MIN: Final = 2
# What the new may be worse by and still be called fine.
FINE: Final = {FAILS: 0.015, WAITS: 0.20}


class Lift(NamedTuple):
    """``size`` new − old, ``doubt`` its standard error, ``new`` and ``old`` the levels.

    strength  how clearly the new is worse in the trouble, 0 to 4
    fine      how sure it is that the new is not worse, 0 to 1
    turned    how clearly the new parted from the old when the trouble began, 0 to 4
    """

    kind: str
    metric: str
    caller: str
    size: float
    doubt: float
    new: float
    old: float
    bins: int
    strength: float
    fine: float
    turned: float = 0.0


def compare(
    new: Floats,
    old: Floats,
    *,
    kind: str,
    metric: str,
    caller: str,
    times: Floats,
    onset: float | None,
    counts: tuple[Floats, Floats],
) -> Lift | None:
    """How rows of the new differ from rows of the old; None where they never serve together.

    new, old  (rows, bins), larger is worse; ``counts`` are their requests, ``nan`` if not measured
    onset     when the trouble began, if known
    """
    a, b = mean_of_rows(new, counts[0]), mean_of_rows(old, counts[1])
    together = ~np.isnan(a) & ~np.isnan(b)
    if not together.any():
        return None
    apart = max(_apart(old), APART_MIN[kind])
    grown = together & (times >= times[int(np.argmax(~np.isnan(a)))] + YOUNG_S)
    if grown.any():
        together = grown
    else:
        apart += YOUNG_APART[kind]
    told, calm = 1.0, np.zeros(len(times), dtype=bool)
    if onset is not None:
        since = together & (times >= onset)
        if since.any():
            calm = together & (times < onset)
            together = since
        else:
            told = TOLD_BEFORE  # both were seen side by side, but not in the trouble
    windows = [together, together & (times >= times[-1] - RECENT_S)]
    # The step that the trouble makes in the new is what is looked for, not noise.
    noise = max(_noise(old), 0.7 * _noise(_level_by_level(new, times, onset)), NOISE_MIN[kind])
    parts = 1 / max(_rows(new), 1) + 1 / max(_rows(old), 1)
    turned = _turned(kind, a - b, together, calm, noise * float(np.sqrt(parts)), counts)
    best: Lift | None = None
    for window in windows:
        bins = int(window.sum())
        if not bins:
            continue
        size = float((a - b)[window].mean())
        floor = _by_chance(kind, a, b, counts, window)
        doubt = float(np.sqrt((noise**2 / bins + apart**2) * parts + floor**2))
        found = Lift(
            kind=kind,
            metric=metric,
            caller=caller,
            size=size,
            doubt=doubt,
            new=float(a[window].mean()),
            old=float(b[window].mean()),
            bins=bins,
            strength=told * float(strength(size, size / doubt, kind, half=4.0)),
            fine=_fine(kind, size, doubt) if told == 1.0 else 0.0,
            turned=turned,
        )
        if best is None or found.strength > best.strength:
            best = found
    return best


def _turned(
    kind: str, apart: Floats, after: Marks, calm: Marks, noise: float,
    counts: tuple[Floats, Floats],
) -> float:  # fmt: skip
    """The same two, before and after the trouble began: what sets them apart by nature cancels."""
    early, late = int(calm.sum()), int(after.sum())
    if early < CALM_BINS_MIN or not late:
        return 0.0
    size = float(apart[after].mean() - apart[calm].mean())
    doubt = noise * sqrt(1 / early + 1 / late)
    if kind == FAILS:
        share = float(np.clip(abs(apart[calm | after]).mean(), 0.005, 0.5))
        for window in (calm, after):
            for rows in counts:
                requests = float(np.nansum(rows[:, window]))
                if requests > 0:
                    doubt = sqrt(doubt**2 + share * (1 - share) / requests)
    return float(strength(size, size / doubt, kind, half=4.0))


def _fine(kind: str, size: float, doubt: float) -> float:
    """How sure it is that the new is no worse than it may be, 0 to 1."""
    if kind not in FINE:
        return 0.0
    return 0.5 * (1 + erf((FINE[kind] - size) / doubt / sqrt(2)))


def _by_chance(
    kind: str, a: Floats, b: Floats, counts: tuple[Floats, Floats], window: Floats
) -> float:
    """The doubt of two failing shares that comes of counting alone."""
    if kind != FAILS:
        return 0.0
    doubt = 0.0
    share = float(np.clip(np.r_[a[window], b[window]].mean(), 0.005, 0.5))
    for rows in counts:
        requests = np.nansum(rows[:, window])
        if requests > 0:
            doubt += share * (1 - share) / requests
    return float(np.sqrt(doubt))


def _rows(values: Floats) -> int:
    return int((~np.isnan(values)).any(1).sum())


def _noise(values: Floats) -> float:
    return float(np.median([spread(row) for row in values])) if len(values) else 0.0


def _level_by_level(values: Floats, times: Floats, onset: float | None) -> Floats:
    """Rows as distances from their usual values before and since the trouble began."""
    if onset is None:
        return values
    found = values.copy()
    for window in (times < onset, times >= onset):
        for row in found:
            row[window] -= middle(row[window])
    return found


def _apart(values: Floats) -> float:
    """How far the rows' own usual values lie apart."""
    usual = [np.median(row[~np.isnan(row)]) for row in values if (~np.isnan(row)).any()]
    return float(np.std(usual, ddof=1)) if len(usual) > 2 else 0.0
