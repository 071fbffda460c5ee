"""Changes of an estate become candidates: one a rollout, with its steps."""

from __future__ import annotations

import random
from typing import Any

import pytest

from tests.unit.query.why.cases import at, beside, samples
from wherefrom.formats.states import SLOTS
from wherefrom.formats.why_case import KINDS, time_text
from wherefrom.query.candidates import KIND_OF
from wherefrom.query.reality_answers import Change
from wherefrom.query.why import changes_of, rank_changes


def said(minute: float, entry: int, **parts: Any) -> Change:
    """cart's artifact goes from v1 to v2 in production, as declared; ``parts`` say otherwise."""
    fields: dict[str, Any] = {
        "environment": "prod", "service": "cart", "region": "", "pool": "", "instance": "",
        "mode": "declared", "slot": "artifact", "name": "app", "before": "v1", "after": "v2",
        "before_says": None, "after_says": None, "by": "", "type": "t", "trust": "signed",
        "signers": (),
    }  # fmt: skip
    return Change(at=time_text(at(minute)), entry=entry, **{**fields, **parts})


def instance(minute: float, entry: int, name: str, before: str | None, after: str | None) -> Change:
    return said(minute, entry, mode="observed", instance=name, before=before, after=after)


ROLLOUT = [
    said(-10, 5, region="eu"),
    said(-6, 6, region="us"),
    instance(-9, 7, "cart-new", None, "v2"),
    instance(-4, 8, "cart-a", "v1", None),
]


def test_a_rollout_over_regions_and_instances_is_one_change_with_its_steps() -> None:
    (change,) = changes_of(ROLLOUT)
    assert change.id == "5/cart/artifact/app"
    assert (change.kind, change.service) == ("deploy", "cart")
    assert (change.before, change.after) == ("v1", "v2")
    assert change.started == at(-10)
    assert [(s.at, s.added, s.removed) for s in change.steps] == [
        (at(-10), (), ()), (at(-9), ("cart-new",), ()), (at(-6), (), ()), (at(-4), (), ("cart-a",)),
    ]  # fmt: skip


def test_an_instance_that_reports_just_before_the_record_belongs_to_it() -> None:
    (change,) = changes_of([said(-5, 9), instance(-5.5, 3, "cart-new", "v1", "v2")])
    assert change.started == at(-5.5)


def test_what_nobody_declared_is_a_change_too() -> None:
    (change,) = changes_of([instance(-3, 4, "cart-x", "v1", "v3")])
    assert (change.after, change.steps[0].added) == ("v3", ("cart-x",))


def test_the_same_change_again_after_a_way_back_is_another_one() -> None:
    back = said(-100, 2, before="v2", after="v1")
    found = changes_of([said(-180, 1), back, said(-5, 3)])
    assert [c.id.split("/")[0] for c in found] == ["1", "2", "3"]


def test_other_services_and_slots_stay_apart_and_an_incident_is_no_candidate() -> None:
    found = changes_of(
        [said(-5, 1), said(-5, 2, service="mail"), said(-5, 3, slot="flag", name="fast"),
         said(-5, 4, slot="incident")]
    )  # fmt: skip
    assert [(c.service, c.kind) for c in found] == [
        ("cart", "deploy"), ("mail", "deploy"), ("cart", "flag"),
    ]  # fmt: skip


def test_every_slot_has_a_kind_that_a_case_knows_but_those_that_cause_nothing() -> None:
    assert set(KIND_OF) == set(SLOTS) - {
        "incident",
        "catalog",
        "response",
        "gate",
        "denied",
        "maintenance",
    }
    assert set(KIND_OF.values()) <= set(KINDS)


@pytest.mark.parametrize("seed", range(5))
def test_the_order_in_which_changes_are_listed_changes_nothing(seed: int) -> None:
    listed = [*ROLLOUT, said(-5, 9, service="mail")]
    random.Random(seed).shuffle(listed)
    assert changes_of(listed) == changes_of([*ROLLOUT, said(-5, 9, service="mail")])


def test_the_culprit_of_an_estate_is_found() -> None:
    hurt = samples("shop", usual=0.999, since=-5, then=0.6)
    found = changes_of(
        [said(-5.5, 5), instance(-5.4, 7, "cart-new", None, "v2"), said(-5.5, 9, service="mail")]
    )
    answer = rank_changes(
        found, [*beside(new=0.5), hurt], [("shop", "cart"), ("shop", "mail")],
        detected=at(-1), service="shop",
    )  # fmt: skip
    assert answer.ranked[0].change == "5/cart/artifact/app"
    assert answer.ranked[0].probability > 0.8
