"""Where trouble concentrates, on counts small enough to check by hand."""

from __future__ import annotations

from itertools import product
from math import exp, log, sqrt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wherefrom.errors import LimitPassed
from wherefrom.query.impact import Cell, concentrate, falsely_found, lift
from wherefrom.query.impact.concentrate import CELLS_MAX

LABELS = {
    "artifact": ("v1", "v2"), "region": ("eu", "us"), "pool": ("a", "b"), "flag": ("off", "on"),
}  # fmt: skip


def estate(bad_where: dict[str, str], *, share: float = 0.2, usual: float = 0.01) -> list[Cell]:
    """A thousand requests for every combination of labels; ``share`` are bad at one place."""
    cells = []
    for values in product(*LABELS.values()):
        labels = dict(zip(LABELS, values, strict=True))
        hit = bad_where.items() <= labels.items() and bad_where
        cells.append(Cell(labels, 1_000 * (share if hit else usual), 1_000))
    return cells


# -- doubt


def test_a_lift_and_its_interval_by_hand() -> None:
    one = lift(19.5, 99, 9.5, 199)  # with half a count more: 20 of 100 against 10 of 200
    assert one.ratio == pytest.approx(4.0)
    doubt = sqrt(1 / 20 - 1 / 100 + 1 / 10 - 1 / 200)
    assert one.low == pytest.approx(exp(log(4) - 1.959964 * doubt))
    assert one.high == pytest.approx(exp(log(4) + 1.959964 * doubt))
    # 3.7730 standard errors.
    assert one.p == pytest.approx(8.07e-5, rel=0.01)


def test_nothing_bad_anywhere_is_no_lift_and_no_certainty() -> None:
    one = lift(0, 100, 0, 100)
    assert one.ratio == 1
    assert one.low < 1 < one.high
    assert one.p == 0.5


@pytest.mark.parametrize("counts", [(-1, 10, 0, 10), (11, 10, 0, 10), (0, 0, 0, 10), (0, 1, 2, 1)])
def test_counts_that_cannot_be_are_refused(counts: tuple[float, float, float, float]) -> None:
    with pytest.raises(ValueError, match="cannot be"):
        lift(*counts)


def test_benjamini_and_hochberg_by_hand() -> None:
    # p × n / rank, from the largest down, never rising.
    assert falsely_found([0.01, 0.04, 0.03, 0.5]) == pytest.approx([0.04, 0.16 / 3, 0.16 / 3, 0.5])
    assert falsely_found([]) == []


@given(st.lists(st.floats(0, 1), max_size=30))
def test_no_q_is_below_its_p_and_their_order_is_kept(chances: list[float]) -> None:
    found = falsely_found(chances)
    assert all(q >= p - 1e-12 for p, q in zip(chances, found, strict=True))
    pairs = sorted(zip(chances, found, strict=True))
    assert [q for _, q in pairs] == sorted(q for _, q in pairs)


# -- places


@pytest.mark.parametrize(
    "where",
    [{"artifact": "v2"}, {"region": "eu"}, {"artifact": "v2", "region": "eu"}],
    ids=["one label", "another", "two together"],
)
def test_the_shortest_true_description_is_the_first_and_only_one(where: dict[str, str]) -> None:
    found = concentrate(estate(where), together=3)
    assert [dict(one.where) for one in found] == [where]
    assert found[0].lift.ratio == pytest.approx(20, rel=0.01)
    assert found[0].q < 1e-6
    assert found[0].covers > 0.85


def test_what_little_was_seen_elsewhere_does_not_make_the_description_longer() -> None:
    cells = [
        Cell({"artifact": "v1", "region": "eu"}, 10, 1_000),
        Cell({"artifact": "v1", "region": "us"}, 10, 1_000),
        Cell({"artifact": "v2", "region": "eu"}, 200, 1_000),
        Cell({"artifact": "v2", "region": "us"}, 0, 5),  # by chance none of these
    ]
    assert [dict(one.where) for one in concentrate(cells)] == [{"artifact": "v2"}]
    many = [*cells[:3], Cell({"artifact": "v2", "region": "us"}, 5, 500)]
    assert dict(concentrate(many)[0].where) == {"artifact": "v2", "region": "eu"}


def test_who_looks_at_three_places_believes_one_in_forty_by_chance_less() -> None:
    def three(bad: float) -> list[Cell]:
        return [Cell({"pool": p}, b, 1_000) for p, b in (("a", 10), ("b", 10), ("c", bad))]

    # 19 against 20 of 2,000 is 2.03 standard errors: p 0.021, and q, of three, 0.063.
    assert lift(19, 1_000, 20, 2_000).low > 1
    assert concentrate(three(19)) == []
    assert [dict(one.where) for one in concentrate(three(24))] == [{"pool": "c"}]


def test_two_troubles_are_both_found_the_larger_first() -> None:
    cells = [
        cell._replace(bad=400.0) if cell.labels["artifact"] == "v2"
        else cell._replace(bad=100.0) if cell.labels["flag"] == "on" else cell
        for cell in estate({})
    ]  # fmt: skip
    found = concentrate(cells)
    assert [dict(one.where) for one in found] == [{"artifact": "v2"}, {"flag": "on"}]
    # The second is told against what is left: 100 against 10, not against v2's 400.
    assert found[1].lift.ratio == pytest.approx(10, rel=0.02)


def test_the_same_everywhere_concentrates_nowhere() -> None:
    assert concentrate(estate({})) == []
    assert concentrate([]) == []
    assert concentrate([Cell({"artifact": "v1"}, 50, 100)]) == []


def test_a_few_failures_by_chance_are_not_a_place() -> None:
    cells = [cell._replace(bad=10.0 + i % 3) for i, cell in enumerate(estate({}))]
    assert concentrate(cells) == []


def test_the_order_of_the_cells_changes_nothing() -> None:
    cells = estate({"artifact": "v2", "pool": "b"})
    assert concentrate(cells) == concentrate(cells[::-1])


parts = st.floats(0.1, 500)


@given(st.lists(st.tuples(parts, st.booleans(), st.sampled_from("abc")), min_size=2, max_size=8))
def test_counts_that_are_no_whole_numbers_may_all_be_bad(
    said: list[tuple[float, bool, str]],
) -> None:
    # A Prometheus extrapolates; what is left of two sums may be bad by a billionth more than all.
    cells = [
        Cell({"artifact": name, "pool": str(i)}, requests if fails else 0.0, requests)
        for i, (requests, fails, name) in enumerate(said)
    ]
    for one in concentrate(cells):
        assert one.bad <= one.total
        assert 0 <= one.other_bad <= one.other_total


def test_limits_are_told() -> None:
    with pytest.raises(LimitPassed, match="too many cells"):
        concentrate([Cell({}, 0, 1)] * (CELLS_MAX + 1))
    with pytest.raises(LimitPassed, match="too many labels"):
        concentrate([Cell({str(i): "x" for i in range(9)}, 0, 1)])
    with pytest.raises(ValueError, match="cannot be"):
        concentrate([Cell({}, 2, 1)])
    with pytest.raises(ValueError, match="labels together"):
        concentrate([], together=4)
