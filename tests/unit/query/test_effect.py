"""The effect of a safe mode: parts by time, intervals that hold as often as they say."""

from __future__ import annotations

import random

import pytest

from wherefrom.query.effect import effect, student


@pytest.mark.parametrize(
    ("freedom", "tabled"),
    [(1, 12.706), (2, 4.303), (3, 3.182), (5, 2.571), (10, 2.228), (30, 2.042), (1e9, 1.960)],
)
def test_the_quantile_is_that_of_the_tables(freedom: float, tabled: float) -> None:
    assert student(0.975, freedom) == pytest.approx(tabled, rel=0.01)


def test_points_belong_to_the_part_of_their_time() -> None:
    points = [
        (9, 1.0),
        (10, 2.0),
        (19, 4.0),
        (20, 8.0),
        (29, 10.0),
        (30, 5.0),
        (39, 7.0),
        (40, 9.0),
    ]
    before, during, after = effect(points, entered=20, left=30, window=10)
    assert [(p.name, p.points, p.mean) for p in (before, during, after)] == [
        ("before", 2, 3.0), ("during", 2, 9.0), ("after", 2, 6.0),
    ]  # fmt: skip
    assert (before.ratio, during.ratio, after.ratio) == (None, 3.0, 2.0)
    assert during.low is None, "two points tell no interval"


def test_nothing_is_said_of_what_is_not_there() -> None:
    before, during, after = effect([(20, 1.0)], entered=20, left=30, window=10)
    assert (before.mean, during.mean, during.ratio, after.mean) == (None, 1.0, None, None)
    zero = effect([(19, 0.0), (20, 1.0)], entered=20, left=30, window=10)
    assert zero[1].ratio is None


def test_an_interval_by_hand() -> None:
    points = [(n, v) for n, v in enumerate([1.0, 2.0, 3.0, 3.0, 4.0, 5.0])]
    _, during, _ = effect(points, entered=3, left=6, window=3)
    # Variances 1 and 1, three points each: 4 degrees of freedom, t = 2.776.
    half = 2.776 * (2 / 3) ** 0.5 / 2
    assert during.ratio == 2
    assert (during.low, during.high) == pytest.approx((2 - half, 2 + half), rel=0.01)


def test_the_interval_holds_the_truth_nineteen_times_of_twenty_seed_7() -> None:
    draw, held = random.Random(7), 0
    for _ in range(1000):
        points = [(n, draw.gauss(100 if n < 20 else 130, 10 if n < 20 else 20)) for n in range(40)]
        _, during, _ = effect(points, entered=20, left=40, window=20)
        assert during.low is not None
        assert during.high is not None
        held += during.low <= 1.3 <= during.high
    assert 920 <= held <= 975


def test_a_mode_that_ends_before_it_began_is_a_slip_of_the_caller() -> None:
    with pytest.raises(ValueError, match="ends after it began"):
        effect([], entered=2, left=2, window=1)
