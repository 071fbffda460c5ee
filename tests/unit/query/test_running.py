"""Declared beside observed: when a place drifts."""

from __future__ import annotations

import pytest

from wherefrom.formats.states import DECLARED, OBSERVED, Scope
from wherefrom.query.running import places
from wherefrom.views.estate import Held

A, B, INDEX = ("sha256:" + c * 64 for c in "abc")
CART = Scope("prod", "cart")


def held(mode, value, *, says=None, instance="", slot="artifact", name="web", scope=CART):
    return Held(
        mode, scope._replace(instance=instance), slot, name, value, says, {}, 0, 1, 0, 1, "/test"
    )


def same(a, b):
    return a == b or {a, b} == {INDEX, A}


def drift_of(*all_held):
    (place,) = places(all_held, {}, at=1, same=same)
    return place.drift


def test_what_runs_by_the_declared_digest_or_a_part_of_it_is_what_was_declared():
    assert drift_of(held(DECLARED, A), held(OBSERVED, A, instance="1")) is None
    assert drift_of(held(DECLARED, INDEX), held(OBSERVED, A, instance="1")) is None
    assert drift_of(held(DECLARED, INDEX), held(OBSERVED, B, instance="1")) == "differs"


def test_what_was_pulled_by_the_declared_tag_is_what_was_declared():
    tag = held(DECLARED, "cart:1", says="cart:1")
    pulled = [held(OBSERVED, A, says="cart:1", instance=str(n)) for n in range(3)]
    assert drift_of(tag, *pulled) is None


@pytest.mark.parametrize("says", ["cart:2", None])
def test_what_was_not_pulled_by_the_declared_tag_differs(says):
    tag = held(DECLARED, "cart:1", says="cart:1")
    other = held(OBSERVED, B, says=says, instance="2")
    assert drift_of(tag, other) == "differs"
    assert drift_of(tag, held(OBSERVED, A, says="cart:1", instance="1"), other) == "differs"


def test_a_tag_that_was_moved_between_two_pulls_differs():
    tag = held(DECLARED, "cart:1", says="cart:1")
    pulled = [held(OBSERVED, v, says="cart:1", instance=v) for v in (A, B)]
    assert drift_of(tag, *pulled) == "differs"


def test_a_digest_that_is_declared_is_never_met_by_what_is_only_called_alike():
    assert drift_of(held(DECLARED, A, says=A), held(OBSERVED, B, says=A)) == "differs"


def test_only_artifacts_have_tags():
    config = held(DECLARED, "v1", says="v1", slot="config")
    assert drift_of(config, held(OBSERVED, "v2", says="v1", slot="config")) == "differs"
