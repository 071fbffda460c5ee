"""Metrics over OTLP: what counters add becomes the rows of a why-case."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wherefrom.errors import LimitPassed, Malformed
from wherefrom.formats import otlp_metrics
from wherefrom.formats.otlp_metrics import Amount, Past, quantile, read, since, to_series
from wherefrom.formats.series import Labels

T = 1_767_268_800
A = "sha256:" + "a" * 64


def attributes(said: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        {"key": key, "value": {"intValue" if isinstance(text, int) else "stringValue": text}}
        for key, text in said.items()
    ]


def histogram(count: int, *, at: int = T, start: int = T - 60, status: int = 200,
              buckets: tuple[int, ...] = (), **more: Any) -> dict[str, Any]:  # fmt: skip
    return {
        "startTimeUnixNano": str(start * 10**9), "timeUnixNano": str(at * 10**9),
        "count": str(count), "sum": count * 0.05,
        "explicitBounds": [0.1, 0.5], "bucketCounts": [str(n) for n in buckets or (count, 0, 0)],
        "attributes": attributes({"http.response.status_code": status, **more}),
    }  # fmt: skip


def export(*points: dict[str, Any], name: str = "http.server.request.duration", unit: str = "s",
           shape: str = "histogram", resource: dict[str, Any] | None = None,
           temporality: object = 2, **more: Any) -> dict[str, Any]:  # fmt: skip
    said = {"service.name": "cart", "service.instance.id": "cart-1", "prov.artifact.digest": A}
    metric = {"name": name, "unit": unit, shape: {
        "dataPoints": list(points), "aggregationTemporality": temporality, **more}}  # fmt: skip
    return {"resourceMetrics": [{
        "resource": {"attributes": attributes(said if resource is None else resource)},
        "scopeMetrics": [{"metrics": [metric]}]}]}  # fmt: skip


def rows(*documents: dict[str, Any], slow_ms: float = 500) -> dict[tuple[str, int], float]:
    """What becomes of exports, one after the other, of one place."""
    past: dict[bytes, Past] = {}
    told = []
    for document in documents:
        for point in read(document).points:
            if (one := since(point, past.get(point.key))) is not None:
                told.append(one)
            past[point.key] = Past(point.start, point.at, point.amount)
    return {
        (s.metric, int(t - T)): v
        for s in to_series(told, slow_ms=slow_ms)
        for t, v in zip(s.times, s.values, strict=True)
    }


def test_a_histogram_becomes_requests_failures_and_latencies() -> None:
    found = rows(export(histogram(90, buckets=(80, 5, 5)), histogram(10, status=503)))
    assert found == {
        ("requests", 0): 100,
        ("success_rate", 0): pytest.approx(0.9),
        ("latency_ms_mean", 0): pytest.approx(50),
        ("latency_ms_p95", 0): pytest.approx(500),
        ("slow_rate", 0): pytest.approx(0.05),
    }


def test_a_counter_that_grows_counts_what_it_has_more_than_before() -> None:
    found = rows(
        export(histogram(90)),
        export(histogram(100, at=T + 60), histogram(30, at=T + 60, status=500, start=T + 30)),
    )
    assert found["requests", 0] == 90
    assert found["requests", 60] == 40  # ten more, and thirty of a counter that began meanwhile
    assert found["success_rate", 60] == pytest.approx(0.25)


def test_a_delta_counts_as_it_is() -> None:
    found = rows(*(export(histogram(5, at=T + n), temporality=1) for n in (0, 60)))
    assert (found["requests", 0], found["requests", 60]) == (5, 5)


def test_a_counter_that_began_long_before_it_was_heard_of_counts_from_the_second_time() -> None:
    old = T - 100_000
    found = rows(*(export(histogram(n, at=T + n, start=old)) for n in (1, 61)))
    assert ("requests", 1) not in found
    assert found["requests", 61] == 60


def test_a_restart_counts_from_nothing_and_what_is_sent_again_counts_once() -> None:
    first, again = export(histogram(90)), export(histogram(7, at=T + 60, start=T + 10))
    found = rows(first, first, again)
    assert (found["requests", 0], found["requests", 60]) == (90, 7)
    # Of one that forgets to say so.
    found = rows(first, export(histogram(7, at=T + 60)))
    assert found["requests", 60] == 7


def test_labels_are_the_resources() -> None:
    said = {
        "service.name": "cart", "deployment.environment.name": "prod", "cloud.region": "eu",
        "prov.pool": "canary", "service.instance.id": "i", "prov.config.bundle.hash": A,
        "service.version": "2.0",
    }  # fmt: skip
    (point,) = read(export(histogram(1), resource=said)).points
    assert point.labels == Labels("prod", "cart", "", "eu", "canary", "i", "2.0", A)
    (point,) = read(export(histogram(1))).points
    assert point.labels.identity == A


def test_a_client_says_how_it_finds_whom_it_calls() -> None:
    document = export(
        histogram(4, **{"server.address": "mail"}), name="http.client.request.duration"
    )
    (point,) = read(document).points
    assert point.labels == Labels(service="mail", caller="cart")
    document = export(histogram(4), name="http.client.request.duration")
    assert "whom" in read(document).why[0]


def level(value: float, *, at: int = T, start: int = T - 60) -> dict[str, Any]:
    return {"startTimeUnixNano": start * 10**9, "timeUnixNano": at * 10**9, "asDouble": value,
            "attributes": []}  # fmt: skip


def test_sums_and_gauges_become_processors_and_bytes() -> None:
    used = [export(level(10 + 0.5 * n, at=T + n), name="process.cpu.time", shape="sum",
                   isMonotonic=True) for n in (0, 60)]  # fmt: skip
    assert rows(*used)["cpu", 60] == pytest.approx(0.5)
    gauge = export(level(0.7), name="process.cpu.utilization", shape="gauge")
    assert rows(gauge) == {("cpu", 0): pytest.approx(0.7)}
    memory = [export(level(v, at=T + n), name="process.memory.usage", shape="sum", unit="By")
              for n, v in ((0, 5e8), (60, 4e8))]  # fmt: skip
    assert rows(*memory) == {("memory", 0): 5e8, ("memory", 60): 4e8}


def test_milliseconds_are_milliseconds() -> None:
    document = export(histogram(10), name="http.server.duration", unit="ms")
    assert rows(document)["latency_ms_mean", 0] == pytest.approx(0.05)


@pytest.mark.parametrize(
    ("said", "failed"),
    [
        ({"http.response.status_code": 500}, True),
        ({"http.response.status_code": 404}, False),
        ({"http.response.status_code": 404, "error.type": "404"}, False),
        ({"rpc.grpc.status_code": 13}, True),
        ({"rpc.grpc.status_code": 0}, False),
        ({"error.type": "timeout"}, True),
        ({}, False),
    ],
)
def test_what_counts_as_a_failure(said: dict[str, Any], failed: bool) -> None:
    point = histogram(1) | {"attributes": attributes(said)}
    (found,) = read(export(point)).points
    assert found.failed is failed


def test_what_cannot_be_read_costs_itself_alone_and_what_tells_nothing_is_counted() -> None:
    broken = [
        histogram(1) | {"count": "-1"}, histogram(1) | {"bucketCounts": ["1"]},
        histogram(1) | {"timeUnixNano": "soon"}, histogram(1) | {"sum": 1e19}, 7,
    ]  # fmt: skip
    found = read(export(histogram(1), *broken))  # type: ignore[arg-type]
    assert (len(found.points), found.rejected, len(found.why)) == (1, 5, 5)
    assert found.answer()["partialSuccess"]["rejectedDataPoints"] == "5"
    other = read(export(level(1), name="queue.length", shape="gauge"))
    assert (other.points, other.left_out, other.answer()) == ([], 1, {})
    assert read(export(histogram(1), resource={})).left_out == 1  # nobody's


@pytest.mark.parametrize("document", [[], {"resourceMetrics": 1}])
def test_what_is_no_export_is_refused(document: object) -> None:
    with pytest.raises(Malformed):
        read(document)


def test_too_many_points_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(otlp_metrics, "POINTS_MAX", 1)
    with pytest.raises(LimitPassed, match="points_max"):
        read(export(histogram(1), histogram(2)))


def test_a_quantile_by_hand() -> None:
    assert quantile(0.95, [10, 20], [90, 10, 0]) == pytest.approx(15)
    assert quantile(0.95, [10, 20], [100, 0, 0]) == pytest.approx(9.5)
    assert quantile(0.95, [10, 20], [0, 0, 5]) == 20  # above all ends: the last
    assert quantile(0.95, [10], [0, 0]) is None
    assert quantile(0.95, [], [3]) is None


counts = st.lists(st.integers(0, 1_000), min_size=4, max_size=4)


@given(st.lists(counts, min_size=1, max_size=6))
def test_what_was_added_together_is_what_the_counter_says_last(steps: list[list[int]]) -> None:
    total, past, seen = [0] * 4, None, Amount(0.0, 0.0, (0.0,) * 4)
    for n, step in enumerate(steps):
        total = [a + b for a, b in zip(total, step, strict=True)]
        point = read(
            export(histogram(sum(total), at=T + 60 * n, buckets=tuple(total))
                   | {"explicitBounds": [1, 2, 3]})
        ).points[0]  # fmt: skip
        told = since(point, past)
        assert told is not None
        seen = Amount(
            seen.count + told.amount.count, seen.total + told.amount.total,
            tuple(a + b for a, b in zip(seen.buckets, told.amount.buckets, strict=True)),
        )  # fmt: skip
        past = Past(point.start, point.at, point.amount)
    assert seen.count == sum(total)
    assert list(seen.buckets) == total
