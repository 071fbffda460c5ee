"""What several processes count, as one exposition, in the form that is asked for.

    registry ──families──► Family… ──pack──► a socket, a shared page ──unpack──► Family…
                                             all of them together ──write──► OpenMetrics, or text

A family that several processes have is written once, with the samples of each. OpenMetrics alone
has exemplars: the trace of a request that a bucket counted.

Source: OpenMetrics 1.0; prometheus.io, text exposition format 0.0.4; RFC 9110 §12.5.1 (Accept)
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

import msgspec
from prometheus_client import CollectorRegistry, Metric
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest
from prometheus_client.samples import Exemplar, Sample

PACKED: Final = "application/x-wherefrom-metrics"
TEXT: Final = CONTENT_TYPE_PLAIN_0_0_4
OPENMETRICS: Final = "application/openmetrics-text; version=1.0.0; charset=utf-8"
_OPENMETRICS: Final = "application/openmetrics-text"
_VERSIONS: Final = ("1.0.0", "0.0.1")  # the older one differs in nothing that is written here


class Point(msgspec.Struct, frozen=True, array_like=True):
    """One sample; ``exemplar`` is its labels, its value, and when (s since 1970)."""

    name: str
    labels: dict[str, str]
    value: float
    exemplar: tuple[dict[str, str], float, float | None] | None = None


class Family(msgspec.Struct, frozen=True, array_like=True):
    """A metric with its samples. ``kind`` and ``unit`` as OpenMetrics has them."""

    name: str
    says: str
    kind: str
    unit: str
    points: list[Point]


def families(registry: CollectorRegistry) -> list[Family]:
    """What a process counts. When each series began is left out: it doubles them."""
    return [
        Family(
            metric.name, metric.documentation, metric.type, metric.unit,
            [_point(s) for s in metric.samples if not s.name.endswith("_created")],
        )
        for metric in registry.collect()
    ]  # fmt: skip


def _point(sample: Sample) -> Point:
    seen = sample.exemplar
    exemplar = None
    if seen is not None:
        at = None if seen.timestamp is None else float(seen.timestamp)
        exemplar = (dict(seen.labels), float(seen.value), at)
    return Point(sample.name, dict(sample.labels), float(sample.value), exemplar)


def pack(some: Iterable[Family]) -> bytes:
    """For another process of ours."""
    return msgspec.msgpack.encode(list(some))


def unpack(packed: bytes) -> list[Family]:
    """The inverse of ``pack``; nothing of what is not."""
    try:
        return msgspec.msgpack.decode(packed, type=list[Family])
    except msgspec.MsgspecError:
        return []


def wanted(accept: str) -> str:
    """The media type to answer a scraper with: OpenMetrics if it likes that as well as text.

    accept  the header; whoever sends none, or one that cannot be read, gets text
    """
    openmetrics, text = 0.0, 0.0
    for item in accept.split(","):
        kind, *parameters = (part.strip().lower() for part in item.split(";"))
        said = dict(one.replace(" ", "").partition("=")[::2] for one in parameters)
        if kind == _OPENMETRICS and said.get("version", "1.0.0").strip('"') in _VERSIONS:
            openmetrics = max(openmetrics, _quality(said.get("q", "1")))
        elif kind in ("text/plain", "text/*", "*/*"):
            text = max(text, _quality(said.get("q", "1")))
    return OPENMETRICS if openmetrics and openmetrics >= text else TEXT


def _quality(text: str) -> float:
    try:
        said = float(text)
    except ValueError:
        return 0.0
    return said if 0 <= said <= 1 else 0.0


def write(some: Iterable[Family], *, media_type: str) -> bytes:
    """The exposition, as ``wanted`` says it: families of one name together, the first as they are.

    Raises ValueError for an exemplar of what is neither a bucket nor a counter.
    """
    together = _Together(some)
    if media_type == OPENMETRICS:
        from prometheus_client.openmetrics.exposition import generate_latest as openmetrics

        written: bytes = openmetrics(together)  # type: ignore[no-untyped-call]
        return written
    return generate_latest(together)


class _Together:
    """What ``generate_latest`` asks of a registry."""

    def __init__(self, some: Iterable[Family]) -> None:
        self._metrics: dict[str, Metric] = {}
        for one in some:
            metric = self._metrics.get(one.name)
            if metric is None:
                metric = self._metrics[one.name] = Metric(one.name, one.says, one.kind, one.unit)
            metric.samples += [_sample(point) for point in one.points]

    def collect(self) -> Iterator[Metric]:
        yield from self._metrics.values()


def _sample(point: Point) -> Sample:
    seen = None if point.exemplar is None else Exemplar(*point.exemplar)
    return Sample(point.name, point.labels, point.value, None, seen)
