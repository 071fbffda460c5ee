"""From minutes to measures: fractions are carried, chances shared, the unknown is said so."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from wherefrom.errors import LimitPassed
from wherefrom.formats.canary import Measure, together
from wherefrom.query.canary.judge import MINUTES_MAX, TOLERANCES, Minute, judge
from wherefrom.query.impact.sums import Sum


def seen(requests: float, **measured: float) -> Sum:
    found = Sum()
    found.add(requests, measured)
    return found


def minutes(side: Callable[[bool], Sum], count: int = 60) -> list[Minute]:
    return [Minute(60 * at, side(True), side(False)) for at in range(count)]


def judged(found: list[Minute], alpha: float = 0.05) -> dict[str, Measure]:
    return {m.measure: m for m in judge(found, tolerances=TOLERANCES, alpha=alpha)}


def test_a_tenth_of_a_failure_in_each_scrape_is_not_rounded_away() -> None:
    # A failure in a hundred, a few requests a minute: each minute alone has none.
    found = judged(minutes(lambda _: seen(10, success_rate=0.96), 1_000))["failing"]
    assert found.canary == pytest.approx(0.04)
    assert found.canary_samples == 10_000


def test_each_measure_has_its_own_verdict_and_one_that_fails_is_enough() -> None:
    found = judged(minutes(lambda canary: seen(
        300, success_rate=0.999, slow_rate=0.3 if canary else 0.01,
        latency_ms_mean=105.0 if canary else 100.0)))  # fmt: skip
    assert {name: m.verdict for name, m in found.items()} == {
        "failing": "pass", "slow": "fail", "latency": "pass",
    }  # fmt: skip
    assert together(list(found.values())) == "fail"
    slow = found["slow"]
    assert slow.low is not None
    assert slow.high is not None
    assert slow.tolerance < slow.low < slow.effect < slow.high
    assert slow.decided == "1970-01-01T00:01:00.000000Z"


def test_latency_that_is_twice_as_long_fails_by_its_median_whatever_one_minute_says() -> None:
    def slower(canary: bool) -> Sum:
        return seen(50, success_rate=1.0, latency_ms_mean=200.0 if canary else 100.0)

    found = minutes(slower, 20)
    found[3] = Minute(180, seen(50, latency_ms_mean=1.0), seen(50, latency_ms_mean=9e6))
    latency = judged(found)["latency"]
    assert (latency.verdict, latency.effect) == ("fail", pytest.approx(1.0))
    assert latency.canary_samples == 20


def test_a_canary_of_which_nobody_knows_what_fails_does_not_pass() -> None:
    found = judged(minutes(lambda _: seen(500, slow_rate=0.001)))
    assert (found["slow"].verdict, found["failing"].verdict) == ("pass", "undecided")
    assert (found["failing"].low, found["failing"].high) == (None, None)
    assert together(list(found.values())) == "undecided"
    assert together(list(judged([]).values())) == "undecided"


def test_the_chance_of_a_false_verdict_is_shared_among_the_measures() -> None:
    def one(canary: bool) -> Sum:
        return seen(300, success_rate=0.97 if canary else 0.99)

    def two(canary: bool) -> Sum:
        return seen(300, success_rate=0.97 if canary else 0.99, slow_rate=0.0)

    alone, beside = (judged(minutes(f, 12))["failing"].low for f in (one, two))
    assert alone is not None
    assert beside is not None
    assert beside < alone


def test_more_minutes_than_a_week_has_are_refused() -> None:
    with pytest.raises(LimitPassed, match="too many minutes"):
        judged([Minute(60 * at, Sum(), Sum()) for at in range(MINUTES_MAX + 1)])
