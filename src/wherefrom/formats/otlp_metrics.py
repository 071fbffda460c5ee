"""Metrics as OTLP brings them: of OpenTelemetry's own, those that say how a service fares.

    {"resourceMetrics": [{"resource", "scopeMetrics": [{"metrics": [{…}]}]}]} ──read──► Points
    Points ──less what each counted before──► Amounts ──rows──► Series: requests, success_rate, …

A *point* is what one counter, gauge or histogram said at a time, of one set of attributes. Most
counters only ever grow, so that what is theirs is the difference to the point before, which
whoever holds them remembers (``since``). Metrics that are not of TELLING are left out and counted.

Sizes:  POINTS_MAX points a request · BUCKETS_MAX buckets a histogram
Source: OTLP 1.9, metrics.proto; OpenTelemetry semantic conventions 1.37; docs/formats/series.md
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from itertools import accumulate
from typing import Any, Final, NamedTuple

import msgspec

from wherefrom.errors import LimitPassed, Malformed, Refused
from wherefrom.formats import otlp
from wherefrom.formats.canonical_json import to_bytes
from wherefrom.formats.series import Labels, Row, Series, gather
from wherefrom.formats.strict_json import as_object, get_array, get_object, get_string
from wherefrom.formats.why_series import VALUE_MAX

POINTS_MAX: Final = 100_000
BUCKETS_MAX: Final = 1_000
WHY_MAX: Final = 5
# A counter that is heard of for the first time so soon after it began counts from there.
YOUNG_S: Final = 180.0
SERVER, CLIENT, CPU_TIME, CPU, MEMORY = "server", "client", "cpu_time", "cpu", "memory"
TELLING: Final[Mapping[str, str]] = {
    "http.server.request.duration": SERVER,
    "http.server.duration": SERVER,
    "rpc.server.call.duration": SERVER,
    "rpc.server.duration": SERVER,
    "http.client.request.duration": CLIENT,
    "rpc.client.call.duration": CLIENT,
    "process.cpu.time": CPU_TIME,
    "container.cpu.time": CPU_TIME,
    "process.cpu.utilization": CPU,
    "container.cpu.usage": CPU,
    "process.memory.usage": MEMORY,
    "container.memory.usage": MEMORY,
}
_CUMULATIVE: Final = (2, "AGGREGATION_TEMPORALITY_CUMULATIVE")
_MS: Final = {"s": 1000.0, "ms": 1.0, "us": 0.001}
_GRPC_GOOD: Final = ("0", "OK")


class Amount(msgspec.Struct, frozen=True, array_like=True):
    """What was counted: how many, how much together, and how many in each bucket."""

    count: float = 0.0
    total: float = 0.0
    buckets: tuple[float, ...] = ()

    def less(self, other: Amount) -> Amount | None:
        """What came since ``other``; None if it was begun anew in between."""
        if other.count > self.count or len(other.buckets) != len(self.buckets):
            return None
        parts = tuple(a - b for a, b in zip(self.buckets, other.buckets, strict=True))
        if min(parts, default=0.0) < 0:
            return None
        return Amount(self.count - other.count, self.total - other.total, parts)


class Point(NamedTuple):
    """What one instrument said at ``at``, seconds since 1970.

    key         which counter it is: of this resource, name and attributes
    start       since when it counts; ``grows`` whether it ever more counts from there
    failed      whether these are the answers that failed
    bounds_ms   upper ends of its buckets but the last, which has none
    """

    key: bytes
    labels: Labels
    tells: str
    start: float
    at: float
    grows: bool
    failed: bool
    bounds_ms: tuple[float, ...]
    amount: Amount


class Points(NamedTuple):
    """What came in one request, and of the rest how many and why, a few of them.

    left_out  points of metrics that say nothing of how a service fares
    """

    points: list[Point]
    left_out: int
    rejected: int
    why: list[str]

    def answer(self) -> dict[str, Any]:
        """An ExportMetricsServiceResponse, in OTLP's JSON."""
        if not self.rejected:
            return {}
        said = {"rejectedDataPoints": str(self.rejected), "errorMessage": "; ".join(self.why)}
        return {"partialSuccess": said}


class Past(msgspec.Struct, frozen=True, array_like=True):
    """What a counter said last: since when it counted, when it said so, and what."""

    start: float
    at: float
    amount: Amount


class Told(NamedTuple):
    """What was counted at a place until ``at``, over ``seconds``."""

    point: Point
    amount: Amount
    seconds: float


def read(document: object) -> Points:
    """Read an ExportMetricsServiceRequest. Raises Malformed if it is none, LimitPassed."""
    found = _Reading()
    for i, of_resource in enumerate(get_array(as_object(document, where=""), "resourceMetrics")):
        found.of_resource(of_resource, f"resourceMetrics[{i}]")
    return Points(found.points, found.left_out, found.rejected, found.why)


def since(point: Point, past: Past | None) -> Told | None:
    """What a point adds to what was known; None where that cannot be said, or nothing is new."""
    if not point.grows:
        return Told(point, point.amount, max(point.at - point.start, 0.0))
    if past is not None and past.at >= point.at:
        return None  # sent again, or out of order
    if past is not None and past.start == point.start:
        less = point.amount.less(past.amount)
        if less is not None:
            return Told(point, less, point.at - past.at)
    elif past is None and not 0 < point.at - point.start <= YOUNG_S:
        return None
    return Told(point, point.amount, max(point.at - point.start, 0.0))


def to_series(told: Iterable[Told], *, slow_ms: float) -> list[Series]:
    """The rows of a why-case, and the share of slow answers, at each place and moment."""
    together: dict[tuple[Labels, str, float], list[Told]] = {}
    for one in told:
        key = (one.point.labels, one.point.tells, one.point.at)
        together.setdefault(key, []).append(one)
    rows: list[Row] = []
    for (labels, tells, at), some in together.items():
        values = _answers(some, slow_ms) if tells in (SERVER, CLIENT) else _level(tells, some)
        rows += [Row(labels, metric, at, value) for metric, value in values.items()]
    return gather(rows)


def quantile(share: float, bounds: Sequence[float], buckets: Sequence[float]) -> float | None:
    """The value below which ``share`` of what is in the buckets lies, as Prometheus reckons it.

    bounds  upper ends, ascending; ``buckets`` has one more, for what is above them all
    """
    below = list(accumulate(buckets))
    if not bounds or not below or below[-1] <= 0:
        return None
    rank = share * below[-1]
    for i, bound in enumerate(bounds):
        if below[i] >= rank:
            start, before = (bounds[i - 1], below[i - 1]) if i else (0.0, 0.0)
            return start + (bound - start) * (rank - before) / max(below[i] - before, 1e-12)
    return bounds[-1]


def _answers(some: Sequence[Told], slow_ms: float) -> dict[str, float]:
    count = sum(one.amount.count for one in some)
    values = {"requests": count}
    if count <= 0:
        return values
    values["success_rate"] = 1 - sum(o.amount.count for o in some if o.point.failed) / count
    values["latency_ms_mean"] = max(sum(one.amount.total for one in some), 0.0) / count
    bounds = {one.point.bounds_ms for one in some}
    if len(bounds) == 1 and (ends := bounds.pop()):
        parts = [sum(col) for col in zip(*(one.amount.buckets for one in some), strict=True)]
        if (p95 := quantile(0.95, ends, parts)) is not None:
            values["latency_ms_p95"] = p95
        # What is slow is told by whole buckets: those that begin at it or above.
        first = next((i for i, end in enumerate(ends) if end >= slow_ms), len(ends))
        values["slow_rate"] = min(sum(parts[first + 1 :]) / count, 1.0)
    return values


def _level(tells: str, some: Sequence[Told]) -> dict[str, float]:
    if tells == CPU_TIME:
        seconds = max((one.seconds for one in some), default=0.0)
        used = sum(one.amount.total for one in some)
        return {"cpu": max(used, 0.0) / seconds} if seconds > 0 else {}
    return {tells: max(sum(one.amount.total for one in some), 0.0)}


class _Reading:
    """What has been read so far."""

    def __init__(self) -> None:
        self.points: list[Point] = []
        self.left_out = self.rejected = 0
        self.why: list[str] = []

    def of_resource(self, said: object, where: str) -> None:
        try:
            of_resource = as_object(said, where=where)
            resource = otlp.attributes(
                get_object(of_resource, "resource", where=where), where=where
            )
            scopes = get_array(of_resource, "scopeMetrics", where=where)
        except Refused as error:
            return self._reject(error)
        labels = _labels(resource)
        for j, scope in enumerate(scopes):
            inside = f"{where}.scopeMetrics[{j}]"
            try:
                metrics = get_array(as_object(scope, where=inside), "metrics", where=inside)
            except Refused as error:
                self._reject(error)
                continue
            for k, metric in enumerate(metrics):
                self._metric(metric, labels, f"{inside}.metrics[{k}]")
        return None

    def _metric(self, said: object, labels: Labels, where: str) -> None:
        try:
            metric = as_object(said, where=where)
            name = get_string(metric, "name", where=where) or ""
            unit = get_string(metric, "unit", where=where) or ""
            shape, held = next(
                ((key, metric[key]) for key in ("histogram", "sum", "gauge") if key in metric),
                ("", {}),
            )
            held = as_object(held, where=f"{where}.{shape}")
            points = get_array(held, "dataPoints", where=f"{where}.{shape}")
        except Refused as error:
            return self._reject(error)
        if len(self.points) + self.left_out + self.rejected + len(points) > POINTS_MAX:
            raise LimitPassed("too many points at once", expected=f"points_max {POINTS_MAX}")
        tells = TELLING.get(name)
        if (
            tells is None
            or not labels.service
            or (tells in (SERVER, CLIENT)) != (shape == "histogram")
        ):
            self.left_out += len(points)
            return None
        # A level that is counted up and down says what is, and not what was added.
        cumulative = held.get("aggregationTemporality") in _CUMULATIVE
        grows = cumulative and (shape == "histogram" or held.get("isMonotonic") is True)
        for i, point in enumerate(points):
            try:
                self.points.append(
                    _point(point, labels, (name, tells, unit), grows, f"{where}.points[{i}]")
                )
            except Refused as error:
                self._reject(error)
        return None

    def _reject(self, error: Refused) -> None:
        self.rejected += 1
        if len(self.why) < WHY_MAX:
            self.why.append(str(error))


def _labels(resource: Mapping[str, Any]) -> Labels:
    source = otlp.source_of(resource)
    return Labels(
        environment=source.environment,
        service=source.service,
        region=source.region,
        pool=source.pool,
        instance=source.instance,
        identity=source.artifact or otlp.digest(resource.get("prov.reality.id")) or source.version,
        bundle=source.config,
    )


def _point(
    said: object, labels: Labels, of: tuple[str, str, str], grows: bool, where: str
) -> Point:
    name, tells, unit = of
    point = as_object(said, where=where)
    attributes = otlp.attributes(point, where=where)
    # Every reader of the same counter calls it the same: in whatever order attributes stand.
    key = hashlib.sha256(to_bytes([list(labels[:8]), name, sorted(attributes.items())])).digest()
    scale = _MS.get(unit, 1000.0 if name.endswith(("request.duration", "call.duration")) else 1.0)
    if tells == CLIENT:
        called = attributes.get("server.address")
        if not isinstance(called, str) or not called:
            raise Malformed("a call that does not say whom", where=where, expected="server.address")
        labels = Labels(labels.environment, otlp.text(called), labels.service)
    bounds: tuple[float, ...] = ()
    if tells in (SERVER, CLIENT):
        ends = get_array(point, "explicitBounds", where=where)
        counts = get_array(point, "bucketCounts", where=where)
        if len(ends) > BUCKETS_MAX or (counts and len(counts) != len(ends) + 1):
            raise Malformed(
                "not the buckets of a histogram", where=where,
                expected=f"one more than bounds, {BUCKETS_MAX} at most",
                got=f"{len(counts)} buckets, {len(ends)} bounds",
            )  # fmt: skip
        amount = Amount(
            _number(point.get("count", 0), where),
            _number(point.get("sum", 0.0), where) * scale,
            tuple(_number(count, where) for count in counts),
        )
        bounds = tuple(_number(end, where) * scale for end in ends) if counts else ()
    else:
        value = _number(point.get("asDouble", point.get("asInt", 0)), where)
        amount = Amount(value, value)
    return Point(
        key=key,
        labels=labels,
        tells=tells,
        start=otlp.micros(point.get("startTimeUnixNano") or 0, where=where) / 1e6,
        at=otlp.micros(point.get("timeUnixNano"), where=where) / 1e6,
        grows=grows,
        failed=_failed(attributes),
        bounds_ms=bounds,
        amount=amount,
    )


def _failed(attributes: Mapping[str, Any]) -> bool:
    """Whether answers with these attributes are failures of the server."""
    code = attributes.get("http.response.status_code", attributes.get("http.status_code"))
    if isinstance(code, str) and code.isdecimal():
        return int(code[:4]) >= 500
    rpc = attributes.get("rpc.response.status_code", attributes.get("rpc.grpc.status_code"))
    if isinstance(rpc, str):
        return rpc not in _GRPC_GOOD
    return bool(attributes.get("error.type"))


def _number(value: object, where: str) -> float:
    """A number of OTLP's JSON, which writes 64 bits as a text."""
    found = -1.0
    if isinstance(value, str):
        found = float(value) if value.isdecimal() and len(value) <= 20 else -1.0
    elif isinstance(value, int | float) and not isinstance(value, bool):
        found = float(min(value, 2 * VALUE_MAX))
    if not 0 <= found <= VALUE_MAX:
        raise Malformed(
            "not a count or a value", where=where, expected=f"0 to {VALUE_MAX:g}", got=value
        )
    return found
