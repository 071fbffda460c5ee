"""The ranking: probabilities, reasons, and that nothing of the future is known."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.query.why.cases import at, beside, case, deploy, samples
from wherefrom.formats.why_case import Case, Step
from wherefrom.query.why import Ranking, rank, rank_changes
from wherefrom.query.why.asof import candidates, known_by
from wherefrom.query.why.features import ELSEWHERE, NAMES
from wherefrom.query.why.model import Model, posterior, shipped

BAD = {"usual": 0.999, "since": -5, "then": 0.6}
CALLS = [("shop", "cart"), ("shop", "mail"), ("cart", "store")]


def incident() -> Case:
    """cart's new version fails, mail's does not; the shop suffers."""
    rows = [*beside(new=0.5), *beside(new=0.999, service="mail"), samples("shop", **BAD)]
    changes = [deploy("c", "cart", -5.5), deploy("m", "mail", -5.5), deploy("late", "shop", 1)]
    return case(changes, rows, calls=CALLS, symptom="shop", detected=-1)


def as_bytes(answer: Ranking) -> bytes:
    return msgspec.json.encode(answer)


def of(answer: Ranking, change: str | None) -> float:
    return next(row.probability for row in answer.ranked if row.change == change)


def test_the_change_that_fails_beside_its_old_stands_first_and_says_so() -> None:
    answer = rank(incident())
    first = answer.ranked[0]
    assert first.change == "c"
    assert first.probability > 0.9
    said = {e.feature: e.says for e in first.evidence}
    assert said["new_fails"] == "new v2 fails 50 % against 0.1 % in the same minutes"
    assert said["near"] == "cart is 1 call below shop"
    strengths = [abs(e.contribution) for e in first.evidence]
    assert strengths == sorted(strengths, reverse=True)


def test_none_of_these_is_ranked_with_the_changes_and_all_sum_to_one() -> None:
    answer = rank(incident())
    assert sorted(str(row.change) for row in answer.ranked) == ["None", "c", "m"]
    assert sum(row.probability for row in answer.ranked) == pytest.approx(1, abs=1e-12)


def test_what_began_after_the_detection_is_a_response_and_never_a_candidate() -> None:
    answer = rank(incident())
    assert answer.responses == ["late"]
    assert all(row.change != "late" for row in answer.ranked)
    could, responses = candidates(incident()._replace(detected=at(1)))
    assert [c.id for c in could] == ["c", "m", "late"]
    assert responses == []


def test_a_service_that_nobody_changed_and_that_broke_is_none_of_these() -> None:
    rows = [*beside(new=0.999, service="mail"), samples("store", **BAD), samples("cart", **BAD)]
    rows += [samples("shop", **BAD)]
    answer = rank(case([deploy("m", "mail")], rows, calls=CALLS, symptom="shop"))
    assert answer.ranked[0].change is None
    assert "store got worse by itself" in " ".join(e.says for e in answer.ranked[0].evidence)


def test_with_no_changes_and_nothing_measured_it_is_none_of_these() -> None:
    (row,) = rank(case([], [])).ranked
    assert (row.change, row.probability) == (None, 1.0)
    two = rank(case([deploy("a", "cart"), deploy("b", "cart")], []))
    assert of(two, "a") == of(two, "b")
    assert two.onset is None


def test_the_order_in_which_things_are_listed_changes_nothing() -> None:
    one = incident()
    other = one._replace(changes=one.changes[::-1], series=one.series[::-1], calls=one.calls[::-1])
    assert as_bytes(rank(one)) == as_bytes(rank(other))


def test_the_order_of_rows_decides_no_distance_of_samples() -> None:
    # Two are the longest: of one a sample a minute, of the other one in six.
    often = samples("cart", usual=0.99, instance="a", minutes=range(-10, 0))
    seldom = samples("cart", usual=0.99, instance="b", minutes=range(-60, 0, 6))
    known = case([deploy("c", "cart", minute=-5, added=["new"])], [often, seldom], detected=-1)
    assert rank(known) == rank(known._replace(series=(seldom, often)))


@settings(max_examples=25, deadline=None)
@given(st.integers(-19, 0), st.integers(0, 2**32 - 1))
def test_what_is_dated_later_changes_no_byte_of_the_answer(minute: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    one, until = incident(), at(minute)
    later = [float(until + 1 + 60 * k) for k in range(5)]
    noisy = tuple(
        s._replace(
            times=[*(t for t in s.times if t <= until), *later],
            values=[*(v for t, v in zip(s.times, s.values, strict=True) if t <= until),
                    *random.uniform(0, 1, 5).tolist()],
        )
        for s in one.series
    )  # fmt: skip
    fresh = samples("ghost", usual=0.1)._replace(times=later, values=[0.0] * 5)
    changes = tuple(
        c._replace(finished=later[1]) if c.started <= until else c._replace(service="ghost")
        for c in one.changes
    )
    ghost = deploy("ghost", "cart")._replace(started=later[0])
    other = one._replace(changes=(*changes, ghost), series=(*noisy, fresh))
    if one.detected > until:
        other = other._replace(symptom="ghost", detected=later[3])
    assert as_bytes(rank(one, until=until)) == as_bytes(rank(other, until=until))


def test_before_the_detection_neither_it_nor_its_symptom_is_known() -> None:
    known = known_by(incident(), at(-3))
    assert (known.detected, known.symptom) == (at(-3), None)
    assert known_by(incident(), at(-1)).symptom == "shop"


def test_steps_and_ends_of_later_are_not_known() -> None:
    change = deploy("c", "cart", -5)._replace(
        steps=(Step(at(-5)), Step(at(-1)), Step(at(0))), finished=at(0)
    )
    given = incident()._replace(changes=(change,))
    (known,) = known_by(given, at(-1)).changes
    assert [step.at for step in known.steps] == [at(-5), at(-1)]
    assert known.finished is None
    (whole,) = known_by(given, at(0)).changes
    assert whole == change


def test_many_changes_of_one_service_and_a_release_that_changes_nothing_are_told_apart() -> None:
    changes = [
        deploy("culprit", "cart", -5.5, before="v1", after="v2"),
        deploy("older", "cart", -18, before="v0", after="v1"),
        deploy("flag", "cart", -5.5, kind="flag", before="off", after="off"),
    ]
    given = case(changes, beside(new=0.5), symptom="cart")
    assert rank(given).ranked[0].change == "culprit"


@pytest.mark.parametrize("lost", ["identity", "instance", "calls", "symptom"])
def test_it_still_stands_first_when_a_part_is_not_known(lost: str) -> None:
    one = incident()
    if lost in ("identity", "instance"):
        one = one._replace(series=tuple(s._replace(**{lost: ""}) for s in one.series))
        steps = {"c": ["cart-new"], "m": ["mail-new"]}
        one = one._replace(
            changes=tuple(
                deploy(c.id, c.service, -5.5, added=steps.get(c.id, ())) for c in one.changes[:2]
            )
        )
    elif lost == "calls":
        one = one._replace(calls=())
    else:
        one = one._replace(symptom=None)
    assert rank(one).ranked[0].change == "c"


def test_the_estates_changes_are_ranked_like_those_of_a_case() -> None:
    one = incident()
    answer = rank_changes(one.changes, one.series, one.calls, detected=one.detected, service="shop")
    assert as_bytes(answer) == as_bytes(rank(one))
    window = rank_changes(
        one.changes, one.series, one.calls, detected=one.detected, service="shop", since=at(-5)
    )
    assert [row.change for row in window.ranked] == [None]


def test_a_posterior_is_the_softmax_of_the_scores_by_hand() -> None:
    weights = np.zeros(len(NAMES))
    weights[NAMES.index("near")] = 2.0
    model = Model(bias=1.0, weights=weights, none=np.eye(len(ELSEWHERE))[0])
    features = np.zeros((2, len(NAMES)))
    features[0, NAMES.index("near")] = 1.0
    none = np.zeros(len(ELSEWHERE))
    none[0] = 1.0
    # Scores 3, 1 and 1: e² to 1 to 1.
    shares, nobody = posterior(model, features, none)
    assert shares.tolist() == pytest.approx([0.7869860, 0.1065070])
    assert nobody == pytest.approx(0.1065070)


def test_no_shipped_weight_turns_against_its_meaning() -> None:
    model = shipped()
    against = {"new_is_fine", "beneath", "too_late", "long_before"}
    for name, weight in zip(NAMES, model.weights, strict=True):
        assert (weight <= 0) if name in against else (weight >= 0), name
    assert (model.none >= 0).all()
