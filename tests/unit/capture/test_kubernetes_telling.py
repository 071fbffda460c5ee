"""What is told leads to the picture: whatever came before, was lost, merged or sent twice."""

from __future__ import annotations

import json
import random

import pytest

from tests.told_states import Told
from wherefrom.capture.kubernetes import telling
from wherefrom.capture.kubernetes.picture import NEEDS, Picture, Place, Stated
from wherefrom.capture.kubernetes.telling import Teller, merged
from wherefrom.formats.states import DECLARED, OBSERVED, Scope

ALL = tuple(NEEDS)
SOURCE = "/kubernetes/test"


def at(minute, second=0):
    return f"2026-01-01T{minute // 60:02}:{minute % 60:02}:{second:02}.000000Z"


def web(value, *, pod="pod-1", service="cart", **more):
    place = Place(OBSERVED, Scope("prod", service, "eu", "spot", pod), "artifact", "web")
    return {place: Stated(value, None, {}, **more)}


def picture(*states, unknown=(), gaps=()):
    found = {}
    for some in states:
        found |= some
    return Picture(found, frozenset(unknown), tuple(gaps))


def snapshot(teller, pictured, now, environments=("prod",)):
    return teller.snapshot(pictured, now=now, environments=environments, whole=ALL)


def place_of(state):
    (place,) = state
    return (place.mode, place.scope, place.slot, place.name)


def test_a_change_is_told_once_and_nothing_when_nothing_changed():
    teller, told = Teller(source=SOURCE), Told()
    told.add(teller.changes(picture(web("a")), now=at(1)))
    assert teller.changes(picture(web("a")), now=at(2)) == []
    told.add(teller.changes(picture(web("b")), now=at(3)))
    told.add(teller.changes(picture(), now=at(4)))
    place = place_of(web("a"))
    assert [told.values(at(m)).get(place) for m in (1, 2, 3, 4)] == ["a", "a", "b", None]


def test_what_began_before_it_was_seen_is_told_since_then():
    teller, told = Teller(source=SOURCE), Told()
    told.add(teller.changes(picture(web("a", since=at(1))), now=at(9)))
    assert told.values(at(2)) == {place_of(web("a")): "a"}


def test_what_ended_between_two_looks_is_told_with_its_beginning_and_end():
    teller, told = Teller(source=SOURCE), Told()
    told.add(teller.changes(picture(web("a", since=at(1), until=at(3))), now=at(9)))
    assert told.values(at(2)) == {place_of(web("a")): "a"}
    assert told.values(at(4)) == {}


def test_a_snapshot_ends_what_an_agent_before_this_one_told_of_and_is_there_no_more():
    told = Told()
    told.add(snapshot(Teller(source=SOURCE), picture(web("a"), web("a", pod="pod-2")), at(1)))
    told.add(snapshot(Teller(source=SOURCE), picture(web("a")), at(5)))
    assert set(told.values(at(6))) == {place_of(web("a"))}
    assert len(told.values(at(4))) == 2


def test_an_agent_that_starts_again_changes_nothing_of_what_is_still_so():
    told = Told()
    for minute in (1, 5, 9):
        told.add(snapshot(Teller(source=SOURCE), picture(web("a", since=at(0))), at(minute)))
    (held,) = told.held(at(10)).values()
    assert held.since == 0 + telling.timestamps.micros(at(0))


def test_a_snapshot_of_nothing_says_that_there_is_nothing():
    told = Told()
    told.add(snapshot(Teller(source=SOURCE), picture(web("a")), at(1)))
    told.add(snapshot(Teller(source=SOURCE), picture(), at(2)))
    assert told.values(at(3)) == {}


def test_what_is_unknown_is_neither_ended_nor_vouched_for():
    (place,) = bundle = {Place(OBSERVED, Scope("prod", "cart", "", "", "p"), "config", ""): Stated(
        "sha256:1", None, {})}  # fmt: skip
    told = Told()
    told.add(snapshot(Teller(source=SOURCE), picture(bundle), at(1)))
    told.add(snapshot(Teller(source=SOURCE), picture(unknown=[place]), at(2)))
    assert told.values(at(3)) == {place_of(bundle): "sha256:1"}
    same = Teller(source=SOURCE)
    told.add(same.changes(picture(bundle), now=at(4)))
    assert same.changes(picture(unknown=[place]), now=at(5)) == []


def test_gaps_stand_in_what_is_sent_a_hundred_of_them_at_most():
    gaps = [f"pods shop/{n}: broken" for n in range(150)]
    (document, *_) = snapshot(Teller(source=SOURCE), picture(web("a"), gaps=gaps), at(1))
    said = json.loads(document)["customData"]["gaps"]
    assert said == [*gaps[:100], "and 50 more"]


def test_a_state_that_no_record_may_hold_costs_no_other():
    teller, told = Teller(source=SOURCE), Told()
    told.add(snapshot(teller, picture(web("a"), web("v" * 3000, pod="pod-2")), at(1)))
    assert set(told.values(at(2))) == {place_of(web("a"))}


@pytest.mark.parametrize("services", [1, 3])
def test_a_snapshot_that_is_too_much_for_one_record_is_cut_and_still_one(services, monkeypatch):
    monkeypatch.setattr(telling, "STATES_MAX", 10)
    states = [web("a", pod=f"p{n}", service=f"s{n % services}") for n in range(27)]
    told = Told()
    told.add(snapshot(Teller(source=SOURCE), picture(*states), at(1)))
    assert told.size > 2
    assert len(told.values(at(2))) == 27
    fewer = states[:20]
    told.add(snapshot(Teller(source=SOURCE), picture(*fewer), at(5)))
    if services == 3:  # each service fits in one record, which vouches for it
        assert len(told.values(at(6))) == 20


def random_world(rng, minute):
    """Some places, each with one of a few values."""
    states = {}
    for number in range(6):
        if rng.random() < 0.6:
            since = at(rng.randint(0, minute)) if rng.random() < 0.5 else None
            states |= web(rng.choice("abc"), pod=f"p{number}", since=since)
        if rng.random() < 0.4:
            scope = Scope(rng.choice(["prod", "test"]), f"s{number}")
            states[Place(DECLARED, scope, "scale", "")] = Stated(rng.choice("123"), None, {})
    return picture(states)


@pytest.mark.parametrize("seed", range(60))
def test_whatever_happens_what_was_told_last_is_the_picture(seed):
    rng = random.Random(seed)
    told, teller, pictured = Told(), Teller(source=SOURCE), picture()
    waiting = []
    for minute in range(1, 40):
        pictured = random_world(rng, minute)
        dice = rng.random()
        if dice < 0.15:
            teller = Teller(source=SOURCE)  # the agent was killed
            waiting += snapshot(teller, pictured, at(minute), ("prod", "test"))
        elif dice < 0.3:
            waiting += snapshot(teller, pictured, at(minute), ("prod", "test"))
        else:
            waiting += teller.changes(pictured, now=at(minute))
        if rng.random() < 0.3:
            waiting = merged(waiting)
        if rng.random() < 0.6:
            told.add(waiting)
            waiting = waiting[-1:] if rng.random() < 0.2 else []  # an answer was lost
            expected = {tuple(p): s.value for p, s in pictured.states.items()}
            assert told.values(at(minute, 30)) == expected


def test_merged_changes_are_fewer_and_lead_to_the_same():
    teller = Teller(source=SOURCE)
    documents = [
        document
        for minute in range(1, 30)
        for document in teller.changes(picture(web(str(minute))), now=at(minute))
    ]
    (one,) = merged(documents)
    told = Told()
    told.add([one])
    assert told.values(at(40)) == {place_of(web("x")): "29"}
    assert json.loads(one)["context"]["id"] not in {
        json.loads(each)["context"]["id"] for each in documents
    }


def test_gaps_survive_a_merge():
    teller = Teller(source=SOURCE)
    made = teller.changes(picture(web("a"), gaps=["pods x/y: broken"]), now=at(1))
    made += teller.changes(picture(web("b")), now=at(2))
    (one,) = merged(made)
    assert json.loads(one)["customData"]["gaps"] == ["pods x/y: broken"]
