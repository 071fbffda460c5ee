"""Declared beside observed: when a place drifts."""

from __future__ import annotations

import pytest

from wherefrom.formats.states import DECLARED, OBSERVED, Scope
from wherefrom.query.running import places
from wherefrom.views.estate import Held

A, B, INDEX = ("sha256:" + c * 64 for c in "abc")
CART = Scope("prod", "cart")


def held(
    mode, value, *, says=None, instance="", slot="artifact", name="web", scope=CART, seen=0,
    properties=None,
):  # fmt: skip
    return Held(
        mode, scope._replace(instance=instance), slot, name, value, says, properties or {}, 0, 1,
        seen, 1, "/test",
    )  # fmt: skip


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


# -- what is provisioned, by its address and under its cloud's name

ARN = "arn:aws:s3:::logs"
PROD = Scope("prod")


def bucket(mode, value, *, name="aws_s3_bucket.logs", seen=0, **properties):
    return held(
        mode, value, slot="resource", name=name, scope=PROD, seen=seen, properties=properties
    )


DECLARED_BUCKET = bucket(DECLARED, A, called=[ARN])


def test_a_change_beside_terraform_drifts_at_the_address_until_a_newer_state_is_seen():
    changed = bucket(OBSERVED, "change:aws:1", name=ARN, seen=5)
    before, after = (bucket(OBSERVED, A, seen=seen) for seen in (1, 9))
    (place,) = places([DECLARED_BUCKET, before, changed], {}, at=10, same=same)
    assert (place.name, place.drift) == ("aws_s3_bucket.logs", "differs")
    assert [one.value for one in place.observed] == ["change:aws:1"]
    assert drift_of(DECLARED_BUCKET, after, changed) is None


def test_a_name_of_another_environment_or_slot_is_not_the_same_place():
    staging = bucket(OBSERVED, "x", name=ARN)._replace(scope=Scope("staging"))
    found = places([DECLARED_BUCKET, staging], {}, at=1, same=same)
    assert [(p.environment, p.drift) for p in found] == [("prod", None), ("staging", "undeclared")]
    config = held(OBSERVED, "x", slot="config", name=ARN, scope=PROD)
    assert {p.slot for p in places([DECLARED_BUCKET, config], {}, at=1, same=same)} == {
        "resource", "config",
    }  # fmt: skip


def test_what_was_removed_drifts_only_if_it_is_declared():
    gone = bucket(OBSERVED, "change:aws:2", name=ARN, seen=5, gone=True)
    assert places([gone], {}, at=6, same=same) == []
    assert drift_of(DECLARED_BUCKET, gone) == "differs"
    assert drift_of(bucket(OBSERVED, "change:aws:1", name=ARN)) == "undeclared"


@pytest.mark.parametrize("called", ["text", 5, {"a": 1}, [None, 1, {}], []])
def test_names_that_a_stranger_wrote_otherwise_are_none(called):
    declared = bucket(DECLARED, A, called=called)
    assert len(places([declared, bucket(OBSERVED, B, name=ARN)], {}, at=1, same=same)) == 2
