"""Tests that hold whenever one looks: seldom wrong at any look, and right soon enough."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wherefrom.query.canary.sequential import (
    Block,
    at_least,
    at_most,
    median_at_least,
    median_at_most,
)

ALPHA = 0.1
RUNS = 400


def drawn(random: Random, shares: list[tuple[float, float]], n: int, m: int) -> list[Block]:
    """A block for each pair of shares: ``n`` answers of the first side, ``m`` of the other."""
    return [
        Block(sum(random.random() < p for _ in range(n)), n,
              sum(random.random() < q for _ in range(m)), m)
        for p, q in shares
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("seed", "p", "q", "n", "m", "claim"),
    [(1, 0.02, 0.02, 60, 60, 0.0), (2, 0.3, 0.3, 30, 30, 0.0), (3, 0.05, 0.05, 20, 200, 0.0),
     (4, 0.06, 0.01, 60, 60, 0.05), (5, 0.5, 0.5, 10, 3, 0.0)],
)  # fmt: skip
def test_who_looks_after_every_block_is_told_of_harm_that_is_none_in_at_most_alpha_of_runs(
    seed: int, p: float, q: float, n: int, m: int, claim: float
) -> None:
    random = Random(seed)
    # ``decided`` is the first look of all at which it would have been told.
    false = sum(
        at_least(drawn(random, [(p, q)] * 40, n, m), claim=claim, alpha=ALPHA).decided is not None
        for _ in range(RUNS)
    )
    assert false <= ALPHA * RUNS


def test_shares_that_change_together_all_day_are_no_difference() -> None:
    random = Random(6)
    false = 0
    for _ in range(RUNS):
        shares = [(s, s) for s in (random.choice((0.001, 0.02, 0.4)) for _ in range(40))]
        found = drawn(random, shares, 40, 160)
        false += at_least(found, claim=0.0, alpha=ALPHA).decided is not None
        # Nor is it a reason to say that the canary is better.
        false += at_most(found, claim=0.0, alpha=ALPHA).decided is not None
    assert false <= 2 * ALPHA * RUNS


@pytest.mark.parametrize("effect", [0.0, 0.03, 0.2])
def test_the_bounds_hold_at_every_look_in_all_but_alpha_of_runs(effect: float) -> None:
    random = Random(7)
    wrong = 0
    for _ in range(RUNS // 4):
        blocks = drawn(random, [(0.02 + effect, 0.02)] * 30, 50, 50)
        looks = [blocks[:size] for size in range(1, 31, 3)]
        lows = (at_least(seen, claim=0.0, alpha=ALPHA).end for seen in looks)
        wrong += any(low > effect for low in lows)
    assert wrong <= ALPHA * RUNS / 4


def test_a_canary_that_fails_much_is_found_out_at_once_and_a_little_within_the_hour() -> None:
    random = Random(8)
    for p, q, within in ((0.4, 0.002, 3), (0.05, 0.01, 20), (0.02, 0.005, 60)):
        found = [
            at_least(drawn(random, [(p, q)] * 60, 200, 200), claim=0.0, alpha=0.05)
            for _ in range(20)
        ]
        soon = [one for one in found if one.decided is not None and one.decided <= within]
        assert len(soon) >= 18, (p, q, found)


def test_a_canary_as_good_as_the_rest_passes_within_the_hour() -> None:
    random = Random(9)
    found = [
        at_most(drawn(random, [(0.005, 0.005)] * 60, 400, 400), claim=0.01, alpha=0.05)
        for _ in range(20)
    ]
    assert sum(one.decided is not None for one in found) >= 18
    assert all(-0.01 < one.end < 0.02 for one in found)


blocks = st.lists(
    st.tuples(st.integers(0, 60), st.integers(0, 60), st.floats(0, 1), st.floats(0, 1)).map(
        lambda t: Block(int(t[0] * t[2]), t[0], int(t[1] * t[3]), t[1])
    ),
    max_size=12,
)


@given(blocks, st.floats(-0.99, 0.99))
def test_what_is_refuted_is_on_the_refuted_side_of_the_bound(
    found: list[Block], claim: float
) -> None:
    low, high = (f(found, claim=claim, alpha=0.05) for f in (at_least, at_most))
    assert -1 <= low.end <= 1
    assert -1 <= high.end <= 1
    if abs(low.end - claim) > 1e-5:
        assert (low.decided is not None) == (low.end > claim)
    if abs(high.end - claim) > 1e-5:
        assert (high.decided is not None) == (high.end < claim)


@given(blocks)
def test_more_to_look_at_never_takes_a_bound_back(found: list[Block]) -> None:
    before = at_least(found[:-1], claim=0.0, alpha=0.05).end
    assert at_least(found, claim=0.0, alpha=0.05).end >= before - 1e-6


@given(blocks)
def test_the_sides_are_judged_alike(found: list[Block]) -> None:
    turned = [block.turned() for block in found]
    low = at_least(found, claim=0.0, alpha=0.05)
    high = at_most(turned, claim=0.0, alpha=0.05)
    assert (low.end, low.decided) == (-high.end, high.decided)


def test_a_side_that_was_not_there_tells_nothing() -> None:
    alone = [Block(50, 100, 0, 0)] * 50
    assert at_least(alone, claim=0.0, alpha=0.05) == (-1.0, None)
    assert at_least([], claim=0.0, alpha=0.05) == (-1.0, None)


@pytest.mark.parametrize("block", [Block(2, 1, 0, 1), Block(0, 1, -1, 1), Block(-1, 0, 0, 0)])
def test_counts_that_cannot_be_are_no_counts(block: Block) -> None:
    with pytest.raises(ValueError, match="cannot be"):
        at_least([block], claim=0.0, alpha=0.05)
    with pytest.raises(ValueError, match="between 0 and 1"):
        at_least([], claim=0.0, alpha=1.0)


# -- medians


def test_a_median_above_the_claim_is_found_and_one_at_it_is_told_in_at_most_alpha_of_runs() -> None:
    random = Random(10)
    false = sum(
        median_at_least([random.gauss(0, 1) for _ in range(60)], claim=0.0, alpha=ALPHA).decided
        is not None
        for _ in range(RUNS)
    )
    assert false <= ALPHA * RUNS
    found = median_at_least([random.gauss(2, 1) for _ in range(60)], claim=0.0, alpha=0.05)
    assert found.decided is not None
    assert found.decided <= 20
    assert 0 < found.end < 2.5


@given(st.lists(st.floats(-100, 100), max_size=40), st.floats(-100, 100))
def test_a_median_is_refuted_just_below_its_bound(values: list[float], claim: float) -> None:
    low = median_at_least(values, claim=claim, alpha=0.05)
    assert (low.decided is not None) == (claim < low.end)
    high = median_at_most(values, claim=claim, alpha=0.05)
    assert (high.decided is not None) == (claim > high.end)
