"""What a service was, wound back from what it is: as if one had looked at every moment."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from wherefrom.formats import reality_id
from wherefrom.formats.states import Scope
from wherefrom.query.rollback.realities import stands
from wherefrom.views.estate import Changed, Held

A, B = (f"sha256:{letter * 64}" for letter in "ab")
SCOPES = [Scope("prod", "cart", region, pool) for region in ("", "eu") for pool in ("", "canary")]
places = st.tuples(st.sampled_from(SCOPES), st.sampled_from(["artifact", "flag"]),
                   st.sampled_from(["", "x"]))  # fmt: skip
told = st.lists(st.tuples(st.integers(1, 9), places, st.none() | st.sampled_from("pqr")),
                max_size=20)  # fmt: skip


def held_of(state):
    return [
        Held("declared", scope, slot, name, value, None, {}, 0, 0, 0, 0, "/x")
        for (scope, slot, name), value in state.items()
    ]


def of(state):
    found = {}
    for (scope, slot, name), value in state.items():
        found.setdefault((scope.region, scope.pool, slot, name), set()).add(value)
    return {key: frozenset(values) for key, values in found.items()}


@given(told)
def test_every_stand_is_what_the_service_was_then(told):
    state, at_moment, changed = {}, {0: {}}, []
    for entry, (moment, place, value) in enumerate(sorted(told, key=lambda one: one[0])):
        before = state.get(place)
        if before == value or any((c.at, c.scope, c.slot, c.name) == (moment, *place)
                                  for c in changed):  # fmt: skip
            continue
        state = {**state, place: value}
        if value is None:
            del state[place]
        changed.append(Changed(moment, "declared", *place, before, value, entry, 0))
        at_moment[moment] = state
    found = stands(held_of(state), sorted(changed, key=lambda one: -one.at))
    assert found[0].until is None
    assert found[-1].since is None
    for newer, older in pairwise(found):
        assert newer.since == older.until
        assert newer.values != older.values
        assert older.ended_by
    for one in found:
        begun = 0 if one.since is None else one.since
        assert one.values == of(at_moment[begun])


def test_a_reality_of_one_of_each_has_the_id_that_its_instances_report():
    scope = Scope("prod", "cart")
    held = held_of({(scope, "artifact", "server"): A, (scope, "config", ""): B,
                    (scope, "flag", "fast"): "on"})  # fmt: skip
    (stand,) = stands(held, [])
    assert stand.id == reality_id.Reality(A, B, reality_id.flag_set({"fast": "on"}), None).id
    two = stands(held_of({(scope, "artifact", "a"): A, (scope, "artifact", "b"): B}), [])
    assert two[0].id not in (A, B, stand.id)
    assert two[0].of("artifact") == {A, B}
