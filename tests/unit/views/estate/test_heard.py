"""Who was heard last, against a model that keeps every record."""

import random
import sqlite3

import pytest

from tests.unit.views.estate.test_estate import StatingLog, micros, snapshot_of
from tests.unit.views.estate.test_estate import log as log
from tests.unit.views.estate.test_estate import open_view as open_view
from wherefrom.formats.heard import heard_of
from wherefrom.formats.states import Scope, State
from wherefrom.views.estate import dump, heard_in, last_heard, services_heard


def runs(service, environment="prod"):
    return State("declared", Scope(environment, service), "artifact", "", "sha256:a")


def test_the_last_by_a_time_and_at_a_size_is_told_with_who_sent_it(log, open_view):
    log.state(runs("cart"), at=10, source="ci")
    log.state(runs("cart"), at=30, source="ci")
    log.state(runs("cart"), at=20, source="cd")
    log.state(runs("pay"), at=5)
    view = open_view()
    view.fold(log)
    with snapshot_of(view) as found:

        def last(at, **asked):
            some = last_heard(found, ["service:cart"], at=micros(at), **asked)
            return {(one.source, one.at, one.entry) for one in some}

        assert last(9) == set()
        assert last(25) == {("ci", micros(10), 0), ("cd", micros(20), 2)}
        assert last(99) == {("ci", micros(30), 1), ("cd", micros(20), 2)}
        assert last(99, as_of=1) == {("ci", micros(10), 0)}
        assert [one.about for one in heard_in(found, [3])] == ["service:pay"]
        assert heard_in(found, [3], as_of=3) == []
        assert services_heard(found, at=micros(9)) == ["pay"]
        assert services_heard(found, at=micros(10)) == ["cart", "pay"]


@pytest.mark.parametrize("seed", range(6))
def test_it_is_as_a_model_says_however_it_was_folded_and_whatever_is_erased(seed, open_view, log):
    chance = random.Random(seed)
    view, said, erased = open_view(), {}, set()
    for number in range(60):
        if said and chance.random() < 0.15:
            gone = chance.choice(sorted(said))
            log.erase(gone)
            erased.add(gone)
            del said[gone]
        else:
            at, source = chance.randrange(100), chance.choice(("ci", "cd"))
            states = [runs(chance.choice("abc"), chance.choice("pq")) for _ in range(2)]
            index = log.state(*states, at=at, source=source)
            said[index] = (at, source, heard_of(log.facts_of(log.records[index].content)))
        if chance.random() < 0.4 or number == 59:
            view.fold(log)
    with snapshot_of(view) as found:
        for at in range(0, 100, 7):
            expected = {}
            for index, (when, source, ones) in said.items():
                for one in ones if when <= at else ():
                    if one.about:
                        key = (one.environment, one.about, source)
                        expected[key] = max(expected.get(key, (-1, -1)), (micros(when), index))
            told = last_heard(found, [f"service:{s}" for s in "abc"], at=micros(at))
            assert {(o.environment, o.about, o.source): (o.at, o.entry) for o in told} == expected
        assert heard_in(found, erased) == []
    fresh = open_view("fresh.db")
    fresh.fold(log)
    with snapshot_of(view) as one, snapshot_of(fresh) as other:
        assert list(dump(one)) == list(dump(other))
        assert any(line[0] == "heard" for line in dump(one))


def test_what_only_an_erased_record_named_is_in_the_file_no_more(log, open_view):
    secret = "nobody-may-know-this-name"
    index = log.state(runs(secret), at=1)
    log.state(runs("cart"), at=2)
    view = open_view()
    view.fold(log)
    log.erase(index)
    view.fold(log)
    with snapshot_of(view) as found:
        assert services_heard(found, at=micros(9)) == ["cart"]
    path = view.path
    view.close()
    with sqlite3.connect(path) as db:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    assert secret.encode() not in path.read_bytes()


assert StatingLog
