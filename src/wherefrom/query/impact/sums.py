"""What befell some requests, added up: how many failed, were slow, and how long they took.

series ──chosen──► by place ──counted──► (what ran there, when, requests, what was seen of them)
                                            └──► Sum
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from wherefrom.formats.series import Labels, Series
from wherefrom.query.look import Look
from wherefrom.query.placing import Estates, Piece


class Sum:
    """What befell some requests."""

    def __init__(self) -> None:
        self.requests = self.judged = self.failed = self.timed = self.slow = 0.0
        self.waited = self.waits = 0.0
        self.p95: float | None = None

    def add(self, requests: float, found: Mapping[str, float]) -> None:
        """``requests`` of one place and moment, of which ``found`` was measured."""
        self.requests += requests
        if (rate := found.get("success_rate")) is not None:
            self.judged += requests
            self.failed += requests * (1 - rate)
        if (rate := found.get("slow_rate")) is not None:
            self.timed += requests
            self.slow += requests * rate
        if (mean := found.get("latency_ms_mean")) is not None:
            self.waits += requests
            self.waited += requests * mean
        if (worst := found.get("latency_ms_p95")) is not None and requests:
            self.p95 = max(self.p95 or 0.0, worst)

    def of(self, measure: str) -> tuple[float, float]:
        """How many were bad, and of how many that was seen."""
        bad, seen = (self.failed, self.judged) if measure == "failing" else (self.slow, self.timed)
        return min(bad, seen), seen


def together(some: Iterable[Sum]) -> Sum:
    """All of them as one."""
    whole = Sum()
    for one in some:
        for name in ("requests", "judged", "failed", "timed", "slow", "waited", "waits"):
            setattr(whole, name, getattr(whole, name) + getattr(one, name))
        if one.p95 is not None:
            whole.p95 = max(whole.p95 or 0.0, one.p95)
    return whole


def chosen(measured: Iterable[Series], look: Look) -> dict[Labels, dict[str, Series]]:
    """By place, what is asked about; where a service measures itself, not what its callers see."""
    found: dict[Labels, dict[str, Series]] = {}
    for one in measured:
        labels = one.labels
        if look.service and labels.service != look.service:
            continue
        if look.environment and labels.environment not in ("", look.environment):
            continue
        found.setdefault(labels, {})[one.metric] = one
    own = {p.service for p, some in found.items() if not p.caller and "requests" in some}
    return {p: some for p, some in found.items() if not p.caller or p.service not in own}


def counted(
    estates: Estates, labels: Labels, samples: Mapping[str, Series]
) -> Iterator[tuple[Piece, float, float, dict[str, float]]]:
    """One place's requests by moment, each with what ran there and what else was measured then."""
    if "requests" not in samples:
        return
    others = {
        metric: dict(zip(one.times, one.values, strict=True))
        for metric, one in samples.items()
        if metric != "requests"
    }
    pieces = iter(estates.of(labels))
    piece = next(pieces)
    requests = samples["requests"]
    for at, number in zip(requests.times, requests.values, strict=True):
        while at >= piece.until:
            piece = next(pieces)
        yield piece, at, number, {m: some[at] for m, some in others.items() if at in some}
