"""Each feature on a case made for it, with the number it must be."""

from __future__ import annotations

from math import exp, log, log1p

import numpy as np
import pytest

from tests.unit.query.why.cases import at, beside, case, deploy, look, samples
from wherefrom.formats.why_case import CALLS_MAX, Step
from wherefrom.query.why.explain import says_none
from wherefrom.query.why.features import NAMES
from wherefrom.query.why.model import shipped
from wherefrom.query.why.presence import presence
from wherefrom.query.why.reach import Reach
from wherefrom.query.why.shifts import MATTERS, find_shift, strength

BAD = {"usual": 0.999, "since": -5, "then": 0.6}


# -- new against old


def test_a_new_version_that_fails_beside_the_old_is_lifted_by_the_difference() -> None:
    found, _ = look(case([deploy("d", "cart")], beside(new=0.599), symptom="cart"))
    lift = found["d"].lifts["fails"]
    assert lift.new == pytest.approx(0.401)
    assert lift.old == pytest.approx(0.001)
    assert lift.size == pytest.approx(0.4)
    # log(1 + 0.4 / 0.02) is 3.04, as good as sure; a full feature is half its square.
    assert found["d"].values["new_fails"] == pytest.approx(0.5 * log1p(20) ** 2, rel=0.03)
    assert found["d"].values["new_is_fine"] < 0.01


def test_a_new_version_that_does_as_the_old_is_exonerated() -> None:
    hurt = [samples("shop", **BAD)]
    found, _ = look(case([deploy("d", "cart")], [*beside(new=0.999), *hurt], symptom="shop"))
    assert found["d"].values["new_is_fine"] > 0.95
    assert found["d"].values["new_fails"] == 0


def test_failing_alike_in_old_and_new_is_no_lift() -> None:
    both = [
        samples("cart", instance=f"cart-{n}", identity=v, **BAD)
        for n, v in (("a", "v1"), ("b", "v1"), ("new", "v2"))
    ]
    found, _ = look(case([deploy("d", "cart")], both, symptom="cart"))
    assert found["d"].values["new_fails"] == pytest.approx(0, abs=1e-6)
    assert found["d"].values["hurt"] == pytest.approx(1)


def test_what_callers_see_and_the_service_does_not_takes_its_exoneration_away() -> None:
    seen = samples("cart", caller="shop", **BAD)
    found, _ = look(case([deploy("d", "cart")], [*beside(new=0.999), seen], symptom="cart"))
    assert found["d"].values["new_is_fine"] < 0.05


def test_latency_alone_exonerates_by_half_where_answers_fail() -> None:
    quick = beside(new=20.0, old=20.0, metric="latency_ms_p95")
    hurt = samples("shop", **BAD)
    found, _ = look(case([deploy("d", "cart")], [*quick, hurt], symptom="shop"))
    assert 0.4 < found["d"].values["new_is_fine"] <= 0.5


def test_without_instances_or_identities_nothing_is_compared() -> None:
    found, _ = look(case([deploy("d", "cart")], [samples("cart", **BAD)], symptom="cart"))
    assert found["d"].lifts == {}
    assert [found["d"].values[n] for n in NAMES if n.startswith("new_")] == [0] * 7


def test_instances_that_a_step_added_are_the_new_where_no_identity_is_told() -> None:
    rows = [s._replace(identity="") for s in beside(new=0.599)]
    found, _ = look(case([deploy("d", "cart", added=["cart-new"])], rows, symptom="cart"))
    assert found["d"].lifts["fails"].size == pytest.approx(0.4)


def test_what_parted_when_the_trouble_began_has_turned_and_what_always_differed_has_not() -> None:
    turned, _ = look(case([deploy("d", "cart", -15)], beside(new=0.599), symptom="cart"))
    hurt = samples("shop", **BAD)
    always = [*beside(new=0.599, since=-15), hurt]
    differed, _ = look(case([deploy("d", "cart", -15)], always, symptom="shop"))
    assert turned["d"].lifts["fails"].turned == pytest.approx(log1p(20), rel=0.08)
    assert differed["d"].lifts["fails"].turned == pytest.approx(0, abs=1e-6)
    assert differed["d"].values["new_fails"] > 0


def test_the_lift_that_stands_out_is_measured_against_the_largest_other() -> None:
    rows = [*beside(new=0.599), *beside(new=0.999, service="mail")]
    changes = [deploy("c", "cart"), deploy("m", "mail")]
    found, _ = look(case(changes, rows, symptom="cart"))
    assert found["c"].values["new_stands_out"] == 2
    assert found["m"].values["new_stands_out"] == -2


# -- who is silent


def test_a_declared_instance_that_never_reports_is_counted_and_weighs_as_it_was_measured() -> None:
    rows = [samples("cart", usual=0.999, instance="cart-a", identity="v1")]
    change = deploy("d", "cart", added=["cart-x", "cart-a"])
    found, _ = look(case([change], rows))
    assert found["d"].values["never_reports"] == 0.5
    assert found["d"].presence.silent == ("cart-x",)
    assert shipped().weights[NAMES.index("never_reports")] == pytest.approx(log(5.9), abs=1e-4)


def test_silence_says_nothing_where_nobody_is_measured_or_it_is_too_early() -> None:
    change = deploy("d", "cart", added=["cart-x"])
    unmeasured = case([change], [samples("cart", usual=0.999)])
    assert presence(unmeasured, [change])["d"].due == 0
    just_now = deploy("d", "cart", -1, added=["cart-x"])
    rows = [samples("cart", usual=0.999, instance="cart-a")]
    assert presence(case([just_now], rows), [just_now])["d"].due == 0


def test_an_instance_that_stops_is_gone_unless_it_was_taken_away() -> None:
    rows = [
        samples("cart", usual=0.999, instance="cart-a"),
        samples("cart", usual=0.999, instance="cart-x", minutes=range(-10, -5)),
    ]
    change = deploy("d", "cart", -10, added=["cart-x"])
    assert presence(case([change], rows), [change])["d"].gone == ("cart-x",)
    taken = change._replace(steps=(*change.steps, Step(at(-5), 0.0, (), ("cart-x",))))
    assert presence(case([taken], rows), [taken])["d"].gone == ()


# -- where


def test_nearness_is_sixty_percent_a_hop_down_the_calls_and_nothing_up() -> None:
    names = ["a", "b", "c", "d"]
    near = Reach(names, [("a", "b"), ("b", "c"), ("a", "c"), ("c", "d"), ("x", "a")])
    assert near.below(0).tolist() == pytest.approx([1, 0.6, 0.6, 0.36])
    assert near.below(3).tolist() == [0, 0, 0, 1]
    assert near.above(3).tolist() == pytest.approx([0.36, 0.36, 0.6, 1])


def test_calls_in_a_ring_end() -> None:
    near = Reach(["a", "b"], [("a", "b"), ("b", "a")])
    assert [near.below(i).tolist() for i in range(2)] == [[1, 0.6], [0.6, 1]]


def test_as_many_services_may_call_each_other_as_a_case_may_name() -> None:
    calls = [(f"s{i}", f"s{i + 1}") for i in range(CALLS_MAX)]
    found, _ = look(
        case([deploy("c", "s3")], [samples("s0", **BAD)], calls=calls, symptom="s0")
    )  # fmt: skip
    assert found["c"].hops == 3


def test_below_the_symptom_is_near_and_above_it_is_not() -> None:
    calls = [("shop", "cart"), ("cart", "store")]
    changes = [deploy(name, name) for name in ("shop", "cart", "store", "mail")]
    found, _ = look(case(changes, [samples("cart", **BAD)], calls=calls, symptom="cart"))
    assert [found[n].values["near"] for n in ("shop", "cart", "store", "mail")] == [0, 1, 0.6, 0]
    assert [found[n].values["above"] for n in ("shop", "cart", "store", "mail")] == [0.6, 0, 0, 0]
    assert found["store"].hops == 1


def test_a_change_of_no_service_has_no_place() -> None:
    found, _ = look(case([deploy("d", None)], [samples("cart", **BAD)], symptom="cart"))
    assert found["d"].values["near"] == found["d"].values["hurt"] == 0


def test_a_service_that_fails_no_more_than_what_it_calls_is_a_victim() -> None:
    rows = [samples("shop", **BAD), samples("cart", **BAD)]
    changes = [deploy("s", "shop"), deploy("c", "cart")]
    found, measured = look(case(changes, rows, calls=[("shop", "cart")], symptom="shop"))
    assert found["s"].values["beneath"] == pytest.approx(1, abs=0.01)
    assert found["c"].values["beneath"] == 0
    assert measured.estate.beneath.tolist() == pytest.approx([0, 1], abs=0.01)


def test_waiting_is_compared_in_milliseconds_not_in_ratios() -> None:
    slow = {"metric": "latency_ms_mean", "since": -5}
    rows = [
        samples("shop", usual=100.0, then=160.0, **slow),
        samples("cart", usual=2.0, then=62.0, **slow),
    ]
    _, measured = look(case([], rows, calls=[("shop", "cart")]))
    assert dict(zip(measured.estate.services, measured.estate.beneath, strict=True)) == {
        "cart": 0.0, "shop": pytest.approx(1, abs=0.01),
    }  # fmt: skip
    rows[1] = samples("cart", usual=2.0, then=5.0, **slow)  # twice and a half, but three of sixty
    _, measured = look(case([], rows, calls=[("shop", "cart")]))
    assert measured.estate.beneath.tolist() == pytest.approx([0, 0.05], abs=0.005)


def test_who_alone_finds_its_callees_worse_has_it_at_home() -> None:
    rows = [samples(callee, usual=0.999) for callee in ("cart", "mail")]
    rows += [samples(callee, caller="shop", **BAD) for callee in ("cart", "mail")]
    found, _ = look(case([deploy("s", "shop"), deploy("c", "cart")], rows, symptom="shop"))
    # Each is seen worse by log(1 + 0.399 / 0.02), cut at 2.
    assert found["s"].values["outward"] == 2
    assert found["c"].values["outward"] == 0
    rows += [samples(callee, caller="ad", **BAD) for callee in ("cart", "mail")]
    found, _ = look(case([deploy("s", "shop")], rows, symptom="shop"))
    assert found["s"].values["outward"] == 0


def test_who_calls_far_more_often_pushes_what_suffers_for_it() -> None:
    more = samples("cart", "requests", caller="shop", usual=99.0, since=-5, then=999.0)
    rows = [more, samples("cart", **BAD)]
    changes = [deploy("s", "shop"), deploy("c", "cart")]
    found, _ = look(case(changes, rows, calls=[("shop", "cart")], symptom="cart"))
    assert found["s"].values["pushes"] == pytest.approx(log(10) - 0.5)
    assert found["c"].values["pushes"] == 0


def test_a_callee_asked_more_than_its_caller_says_half_where_callers_count_nothing() -> None:
    rows = [
        samples("shop", "requests", usual=99.0),
        samples("cart", "requests", usual=99.0, since=-5, then=999.0),
        samples("cart", **BAD),
    ]
    changes = [deploy("s", "shop"), deploy("c", "cart"), deploy("m", "mail")]
    calls = [("shop", "cart"), ("mail", "shop")]
    found, _ = look(case(changes, rows, calls=calls, symptom="cart"))
    assert found["s"].values["pushes"] == pytest.approx(log(10) / 2 - 0.5)
    assert found["c"].values["pushes"] == found["m"].values["pushes"] == 0
    # Who passes on what it is asked itself does not push.
    rows[0] = samples("shop", "requests", usual=99.0, since=-5, then=999.0)
    found, _ = look(case(changes, rows, calls=calls, symptom="cart"))
    assert found["s"].values["pushes"] == 0
    # Its own count is better than that guess.
    rows[0] = samples("shop", "requests", usual=99.0)
    rows.append(samples("cart", "requests", caller="shop", usual=9.0))
    found, _ = look(case(changes, rows, calls=calls, symptom="cart"))
    assert found["s"].values["pushes"] == 0


def test_that_all_are_asked_more_speaks_for_none_and_that_one_is_does_not() -> None:
    names = ("shop", "cart", "mail")
    bad = samples("cart", **BAD)
    flood = [samples(n, "requests", usual=99.0, since=-5, then=399.0) for n in names]
    calm = [samples(n, "requests", usual=99.0) for n in names[1:]]
    changes = [deploy("c", "cart")]
    _, measured = look(case(changes, [bad, *flood], symptom="cart"))
    assert measured.none["more_asked"] == pytest.approx(log(4) - 0.2)
    assert says_none("more_asked", measured).startswith("services in general are asked 4.0 times")
    _, measured = look(case(changes, [bad, flood[0], *calm], symptom="cart"))
    assert measured.none["more_asked"] == 0
    _, measured = look(case(changes, [bad, *flood[:2]], symptom="cart"))
    assert measured.none["more_asked"] == 0  # two are no services in general


# -- when


def test_a_change_after_the_trouble_is_vetoed_and_one_before_is_not() -> None:
    rows = [samples("cart", **BAD)]
    changes = [deploy("early", "cart", -5.5), deploy("late", "cart", -2.5)]
    found, _ = look(case(changes, rows, symptom="cart"))
    assert found["late"].values["too_late"] > 0.7
    assert found["early"].values["too_late"] < 0.1
    assert shipped().weights[NAMES.index("too_late")] <= -6


def test_the_gap_to_the_last_step_fades_and_is_told_in_minutes() -> None:
    rows = [samples("cart", **BAD)]
    changes = [deploy("now", "cart", -5.5), deploy("hour", "cart", -66)]
    found, measured = look(case(changes, rows, symptom="cart"))
    onset = measured.estate.onset
    assert onset is not None
    assert onset.best == at(-5.5)
    assert found["now"].values["long_before"] == 0
    away = onset.earliest - at(-66)
    assert found["hour"].values["long_before"] == pytest.approx(log1p(away / 60))
    assert found["hour"].values["on_time"] == pytest.approx(exp(-away / 90) * onset.surely)


def test_the_step_that_came_before_the_onset_is_the_one_that_counts() -> None:
    staged = deploy("d", "cart", -19)._replace(steps=(Step(at(-19)), Step(at(-6)), Step(at(-1))))
    found, _ = look(case([staged], [samples("cart", **BAD)], symptom="cart"))
    assert found["d"].step == 1
    assert found["d"].step_gap_s == pytest.approx(30)


def test_the_trouble_of_its_own_service_lifts_the_veto_of_a_noisy_symptom() -> None:
    early = samples("shop", usual=0.999, since=-12, then=0.97)
    rows = [early, samples("cart", **BAD)]
    found, _ = look(case([deploy("c", "cart", -6)], rows, symptom="shop"))
    assert found["c"].values["too_late"] < 0.1


def test_what_befell_everybody_is_taken_off_what_came_with_a_change() -> None:
    names = ("cart", "mail", "ad", "pay", "ship")
    alike = [samples(n, **BAD) for n in names]
    found, _ = look(case([deploy("d", "cart", -5.5)], alike))
    assert found["d"].values["since_the_change"] == pytest.approx(0, abs=1e-6)
    alone = [samples("cart", **BAD), *(samples(n, usual=0.999) for n in names[1:])]
    found, _ = look(case([deploy("d", "cart", -5.5)], alone))
    assert found["d"].values["since_the_change"] == pytest.approx(log1p(0.399 / 0.02), rel=0.02)


# -- none of these


def test_a_service_that_broke_by_itself_speaks_for_none_of_the_changes() -> None:
    rows = [samples("store", **BAD), samples("cart", usual=0.999)]
    calls = [("cart", "store")]
    _, measured = look(case([deploy("d", "cart")], rows, calls=calls, symptom="cart"))
    assert measured.suspect == "store"
    assert measured.none["elsewhere"] == 1
    _, changed = look(case([deploy("d", "store")], rows, calls=calls, symptom="cart"))
    assert changed.suspect is None
    assert changed.none["elsewhere"] <= 0


def test_what_lifts_nothing_speaks_for_none_of_them() -> None:
    _, lifted = look(case([deploy("d", "cart")], beside(new=0.599), symptom="cart"))
    _, flat = look(case([deploy("d", "cart")], beside(new=0.999), symptom="cart"))
    assert lifted.none["nothing_lifts"] < 0.11
    assert flat.none["nothing_lifts"] == pytest.approx(1)


# -- shifts


def test_a_shift_is_found_where_it_is_and_matters_by_its_logarithm() -> None:
    row = samples("cart", **BAD)
    worse = 1 - np.array(row.values)
    shift = find_shift(worse, "fails", times=np.array(row.times), detected=at(-2), noise=0.0)
    assert shift.onset == 15
    assert shift.size == pytest.approx(0.399)
    assert shift.strength == pytest.approx(log1p(0.399 / MATTERS["fails"]), rel=0.01)


def test_what_got_better_has_no_strength_and_none_is_above_four() -> None:
    assert strength(-1.0, 10.0, "fails") == 0
    assert strength(1e9, 1e9, "waits") == 4
