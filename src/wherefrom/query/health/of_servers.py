"""Indicators of the server itself: out of the measures that it records of itself.

    records of measures ──added──► Measured ──► percentiles, shares

Source: docs/health.md, docs/formats/measures.md
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from wherefrom.formats import counted, measures
from wherefrom.query.health.asked import WINDOW_DAYS, Asked
from wherefrom.query.health.found import Found, unknown
from wherefrom.views.health import Event

_NOBODY: Final = (
    f"no measures of a server in {WINDOW_DAYS} days; wherefrom up records them every ten minutes"
)
_OVER: Final = f"over {measures.EDGES_MS[-1] // 60_000} min"


class Measured:
    """All measures of a window, added up."""

    def __init__(self, some: Sequence[Event]) -> None:
        self._some = some

    def total(self, name: str) -> int:
        """A count, such as ``queries.errors``, over all."""
        return sum(int(one.says.get(name) or 0) for one in self._some)

    def percentile(self, name: str, share: float) -> float | None:
        """Of a histogram, such as ``queries.le_ms``, in milliseconds; None of nothing."""
        held = [one.says.get(name) or [] for one in self._some]
        return measures.percentile(measures.added(held), share)

    def at_least(self, name: str, share: float) -> float | None:
        """The same, and the last edge if it is past that: too slow is not unknown."""
        found = self.percentile(name, share)
        if found is None and any(any(one.says.get(name) or ()) for one in self._some):
            return float(measures.EDGES_MS[-1])
        return found

    def storage(self) -> tuple[int | None, int | None]:
        """Bytes on disk, and bytes free, as they were measured last."""
        for one in reversed(self._some):
            held = {k: v for k, v in one.says.items() if k.startswith("storage.")}
            if held:
                return sum(held.values()), one.says.get("free")
        return None, None


def measured(asked: Asked) -> Measured:
    """The measures of the window. Anybody may record some; the log's own are believed."""
    return Measured(asked.own_events(counted.MEASURED) if not any(asked.wanted[:2]) else [])


def query_latency(asked: Asked) -> Found:
    """How long 95 of 100 questions took at most."""
    held = measured(asked)
    count = held.total("queries.count")
    if not count:
        return unknown(_NOBODY)
    told = [held.percentile("queries.le_ms", share) for share in (0.5, 0.95, 0.99)]
    says = f"{count:,} questions: " + ", ".join(
        f"p{p} {_OVER if t is None else f'≤ {t:g} ms'}"
        for p, t in zip((50, 95, 99), told, strict=True)
    )
    return Found(held.at_least("queries.le_ms", 0.95), count, says)


def query_errors(asked: Asked) -> Found:
    """Questions that failed by a fault of the server."""
    held = measured(asked)
    count, errors = held.total("queries.count"), held.total("queries.errors")
    if not count:
        return unknown(_NOBODY)
    return Found(errors / count, count, f"{errors:,} of {count:,} questions failed")


def verification(asked: Asked) -> Found:
    """How long 95 of 100 verifications took at most."""
    held = measured(asked)
    count = held.total("verified.count")
    if not count:
        why = "nobody asked a server to verify anything"
        return unknown(f"{why} in {WINDOW_DAYS} days" if held.total("queries.count") else _NOBODY)
    value = held.at_least("verified.le_ms", 0.95)
    failed = held.total("verified.failed")
    return Found(value, count, f"{count:,} verifications, {failed:,} without an answer; p95")
