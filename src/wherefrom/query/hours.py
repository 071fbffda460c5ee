"""What is left of spans and samples whose time is over: sums by the hour.

    spans   ──expired──► by hour, environment, service, reality  ┐
    samples ──expired──► by hour, place and metric               ┴──► Hours, the newest first

Sizes:  ROWS_MAX rows an answer
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import msgspec

from wherefrom.formats.timestamps import of_posix
from wherefrom.formats.why_case import seconds
from wherefrom.views.requests.reader import RequestReader
from wherefrom.views.series.reader import Hour as SeriesHour
from wherefrom.views.series.reader import SeriesReader

ROWS_MAX: Final = 10_000
_MICROS: Final = 1_000_000


class HourOptions(msgspec.Struct, frozen=True, kw_only=True):
    """Of what, and from when until when, RFC 3339; empty for all."""

    service: str = ""
    environment: str = ""
    since: str | None = None
    until: str | None = None


class HourSum(msgspec.Struct, frozen=True, kw_only=True):
    """One hour of one service, by one source.

    source    ``spans``, or ``series``
    identity  the reality, or what the series called itself
    requests  how many; of spans, how many spans
    failing   which share of them failed: of series the mean of what was measured; None if not known
    """

    hour: str
    environment: str
    service: str
    identity: str
    source: str
    requests: float
    failing: float | None
    latency_ms_mean: float | None


class Hours(msgspec.Struct, frozen=True, kw_only=True):
    """Sums, the newest hour first; ``truncated`` if there are more."""

    hours: list[HourSum]
    truncated: bool


def hours(requests: RequestReader, series: SeriesReader, options: HourOptions) -> Hours:
    """What is left. Raises Malformed for a time that is none."""
    since, until = (
        None if text is None else seconds(text, where=where)
        for text, where in ((options.since, "since"), (options.until, "until"))
    )

    def wanted(one: HourSum) -> bool:
        at = seconds(one.hour, where="hour")
        return (
            options.service in ("", one.service)
            and options.environment in ("", one.environment)
            and (since is None or at >= since)
            and (until is None or at < until)
        )

    found = [one for one in (*_spans(requests), *_series(series.hours())) if wanted(one)]
    found.sort(key=lambda one: (one.environment, one.service, one.identity, one.source))
    found.sort(key=lambda one: one.hour, reverse=True)
    return Hours(hours=found[:ROWS_MAX], truncated=len(found) > ROWS_MAX)


def _spans(requests: RequestReader) -> list[HourSum]:
    return [
        HourSum(
            hour=of_posix(one.hour // _MICROS), environment=one.environment, service=one.service,
            identity=one.reality, source="spans", requests=one.spans,
            failing=one.errors / one.spans, latency_ms_mean=one.micros / one.spans / 1000,
        )
        for one in requests.hours()
    ]  # fmt: skip


def _series(found: Iterable[SeriesHour]) -> list[HourSum]:
    """What services say of themselves, over all of their instances."""
    together: dict[tuple[int, str, str, str], dict[str, list[float]]] = {}
    for one in found:
        labels = one.labels
        if not labels.caller:
            key = (one.hour, labels.environment, labels.service, labels.identity)
            sums = together.setdefault(key, {}).setdefault(one.metric, [0.0, 0.0])
            sums[0] += one.total
            sums[1] += one.samples
    return [
        HourSum(
            hour=of_posix(hour), environment=environment, service=service, identity=identity,
            source="series", requests=metrics.get("requests", [0.0])[0],
            failing=None if (rate := _mean(metrics, "success_rate")) is None else 1 - rate,
            latency_ms_mean=_mean(metrics, "latency_ms_mean"),
        )
        for (hour, environment, service, identity), metrics in together.items()
    ]  # fmt: skip


def _mean(metrics: dict[str, list[float]], name: str) -> float | None:
    total, samples = metrics.get(name, [0.0, 0.0])
    return total / samples if samples else None
