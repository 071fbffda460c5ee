"""Series on one clock: a row a series, a column a moment, ``nan`` where nothing was measured.

    Samples … ──► every metric a matrix ──► larger is worse
                  (rows × bins)             failing 1 − rate · logarithms of the others

Logarithms make a latency that doubles one step, whatever it was before.

Sizes:  240 bins at most, the last of them ends with what is known; ``every`` is the usual distance
        of two samples, 1 second to an hour
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from wherefrom.formats.why_case import Case
from wherefrom.formats.why_series import Samples

Floats = npt.NDArray[np.float64]
Marks = npt.NDArray[np.bool_]

BINS_MAX: Final = 240
AFTER_S_MAX: Final = 600.0  # what is measured long after the detection tells of the repair
FAILS, WAITS, BURNS, HOLDS = "fails", "waits", "burns", "holds"
KIND_OF: Final = {
    "success_rate": FAILS,
    "latency_ms_p95": WAITS,
    "latency_ms_mean": WAITS,
    "cpu": BURNS,
    "memory": HOLDS,
}
_TINY_SHARE: Final = 0.02  # of its usual value, below which a logarithm would exaggerate


class Key(NamedTuple):
    """Which series a row is."""

    service: str
    caller: str
    instance: str
    identity: str
    metric: str


class Grid(NamedTuple):
    """All series of a case; ``worse`` grows as things get worse, ``requests`` are plain counts.

    times   the end of each bin, seconds since 1970
    counts  of the rows of ``worse``: requests of the same series by bin, ``nan`` if not measured
    """

    times: Floats
    every: float
    keys: list[Key]
    worse: Floats
    counts: Floats
    request_keys: list[Key]
    requests: Floats


def lay_out(case: Case) -> Grid | None:
    """The grid of a case; None if nothing was measured."""
    series = [s for s in case.series if len(s.times)]
    if not series:
        return None
    every = _distance(series)
    end = min(max(s.times[-1] for s in series), case.detected + AFTER_S_MAX)
    start = min(s.times[0] for s in series)
    size = int(np.clip(np.ceil((end - start) / every + 1e-9) + 1, 1, BINS_MAX))
    values = _binned(series, end=end, every=every, size=size)
    times = end - every * np.arange(size - 1, -1, -1, dtype=np.float64)
    asked = [i for i, s in enumerate(series) if s.metric == "requests"]
    judged = [i for i, s in enumerate(series) if s.metric != "requests"]
    keys = [Key(*series[i][:5]) for i in judged]
    request_keys = [Key(*series[i][:5]) for i in asked]
    requests = values[asked]
    return Grid(
        times=times,
        every=every,
        keys=keys,
        worse=_worse(keys, values[judged]),
        counts=_counts(keys, request_keys, requests),
        request_keys=request_keys,
        requests=requests,
    )


def _distance(series: Sequence[Samples]) -> float:
    longest = sorted(series, key=lambda s: len(s.times))[-50:]
    gaps = [np.diff(np.asarray(s.times)) for s in longest if len(s.times) > 1]
    gaps = [gap[gap > 0] for gap in gaps]
    together = np.concatenate(gaps) if gaps else np.empty(0)
    return float(np.clip(np.median(together), 1, 3_600)) if len(together) else 60.0


def _binned(series: Sequence[Samples], *, end: float, every: float, size: int) -> Floats:
    """The mean of each series in each bin; bin ``size - 1`` ends at ``end``, inclusive."""
    times = np.concatenate([np.asarray(s.times, dtype=float) for s in series])
    values = np.concatenate([np.asarray(s.values, dtype=float) for s in series])
    row = np.repeat(np.arange(len(series)), [len(s.times) for s in series])
    back = np.floor((end - times) / every + 1e-9).astype(np.int64)
    kept = (back >= 0) & (back < size)
    flat = row[kept] * size + (size - 1 - back[kept])
    total = np.bincount(flat, values[kept], minlength=len(series) * size)
    count = np.bincount(flat, minlength=len(series) * size)
    with np.errstate(invalid="ignore", divide="ignore"):
        return (total / count).reshape(len(series), size)


def _worse(keys: Sequence[Key], values: Floats) -> Floats:
    found = values.copy()
    for i, key in enumerate(keys):
        if key.metric == "success_rate":
            found[i] = 1 - values[i]
        else:
            usual = middle(values[i])
            found[i] = np.log(np.maximum(values[i], max(usual * _TINY_SHARE, 1e-9)))
    return found


def _counts(keys: Sequence[Key], request_keys: Sequence[Key], requests: Floats) -> Floats:
    at = {key[:4]: i for i, key in enumerate(request_keys)}
    found = np.full((len(keys), requests.shape[1]), np.nan)
    for i, key in enumerate(keys):
        if (row := at.get(key[:4])) is not None:
            found[i] = requests[row]
    return found


def middle(values: Floats) -> float:
    """The median of what was measured; 0 of nothing."""
    measured = values[~np.isnan(values)]
    return float(np.median(measured)) if len(measured) else 0.0


def mean_of_rows(values: Floats, weights: Floats | None = None) -> Floats:
    """The mean by column over what was measured there; ``nan`` where nothing was.

    weights  same shape; ``nan`` counts as one request
    """
    weight = np.where(np.isnan(values), 0.0, 1.0)
    if weights is not None:
        weight = weight * np.where(np.isnan(weights), 1.0, np.maximum(weights, 1.0))
    total = (np.nan_to_num(values) * weight).sum(0)
    count = weight.sum(0)
    found = np.full(values.shape[1], np.nan)
    np.divide(total, count, out=found, where=count > 0)
    return found
