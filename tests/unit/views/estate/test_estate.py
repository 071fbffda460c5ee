"""The estate against a model that knows nothing of intervals, after every few records.

The model of one place at time T and size N: of all that was said in entries below N and is dated
up to T, what was said last, unless a whole of the same source came after it without it. What is
dated after it was heard of is dated then; a source that numbers its records orders them so.
"""

import random

import pytest

from tests.unit.views.fakes import FakeLog, sha
from wherefrom.errors import Unavailable
from wherefrom.formats.facts import Facts
from wherefrom.formats.states import Scope, State, Whole
from wherefrom.formats.timestamps import of_micros
from wherefrom.views.estate import FOR_EVER, EstateReader, EstateView, dump
from wherefrom.views.estate.clocks import out_of_order

START = 1_767_225_600_000_000  # 2026-01-01T00:00:00Z
PROD = Scope("prod", "cart")


class StatingLog(FakeLog):
    """A log whose records state things; ``facts_of`` gives what was put in."""

    def __init__(self):
        super().__init__()
        self.said = {}

    def state(self, *states, wholes=(), at=0, heard=1_000, source="ci", sequence=None):
        """A record that is dated ``at`` seconds after the start, and was received at ``heard``."""
        content = f"record {self.size}".encode()
        facts = Facts(
            kind="event", type="test", document=sha(content.decode()), producers=(source,),
            states=states, wholes=tuple(wholes), sequence=sequence,
        )  # fmt: skip
        self.said[content] = facts
        return self.add_content(
            content, kind="event", occurred=time_of(at), received=time_of(heard)
        )

    def facts_of(self, content):
        return self.said[content]


def time_of(seconds):
    return of_micros(START + seconds * 1_000_000)


def micros(seconds):
    return START + seconds * 1_000_000


def runs(value, scope=PROD, *, name="server", mode="declared", **more):
    return State(mode, scope, "artifact", name, value, **more)


@pytest.fixture
def log():
    return StatingLog()


@pytest.fixture
def open_view(log, tmp_path):
    made = []

    def opened(name="estate.db"):
        view = EstateView.open(tmp_path / name, facts_of=log.facts_of, facts_version=1)
        made.append(view)
        return view

    yield opened
    for view in made:
        view.close()


def snapshot_of(view):
    return EstateReader(view.path).snapshot()


def values(snapshot, at, scope=Scope(), **asked):  # noqa: B008 - a tuple
    return {
        (h.mode, h.scope, h.slot, h.name): h.value
        for h in snapshot.held(scope, at=micros(at), **asked)
    }


def test_what_was_deployed_last_by_then_is_what_runs_and_is_known_since_then(log, open_view):
    log.state(runs("sha256:a", says="cart:1"), at=10)
    log.state(runs("sha256:b", says="cart:2"), at=20)
    log.state(runs(None), at=30)
    view = open_view()
    view.fold(log)
    with snapshot_of(view) as found:
        assert [values(found, t) != {} for t in (9, 10, 29, 30)] == [False, True, True, False]
        (held,) = found.held(PROD, at=micros(25))
        assert (held.value, held.says, held.since, held.entry) == (
            "sha256:b",
            "cart:2",
            micros(20),
            1,
        )
        assert (held.ended, held.source) == (micros(30), "ci")
        (held,) = found.held(Scope(service="cart"), at=micros(25), as_of=2)
        assert held.ended is None
        told = found.changed(Scope(), since=0, until=FOR_EVER, limit=9)
        assert [(c.at, c.before, c.after, c.entry) for c in told] == [
            (micros(30), "sha256:b", None, 2),
            (micros(20), "sha256:a", "sha256:b", 1),
            (micros(10), None, "sha256:a", 0),
        ]


def test_a_statement_that_comes_late_takes_its_place_and_what_was_known_before_stays_known(
    log, open_view
):
    log.state(runs("sha256:a"), at=10)
    log.state(runs("sha256:c"), at=30)
    view = open_view()
    view.fold(log)
    log.state(runs("sha256:b"), at=20)
    view.fold(log)
    with snapshot_of(view) as found:
        assert list(values(found, 25).values()) == ["sha256:b"]
        assert list(values(found, 25, as_of=2).values()) == ["sha256:a"]
        assert list(values(found, 35).values()) == ["sha256:c"]


def test_what_is_dated_after_it_was_heard_of_holds_from_then_on_when_it_was_heard(log, open_view):
    log.state(runs("sha256:a"), at=500, heard=20)
    log.state(runs("sha256:b", at=time_of(400)), at=25, heard=30)
    view = open_view()
    view.fold(log)
    with snapshot_of(view) as found:
        assert [list(values(found, t).values()) for t in (19, 20, 30)] == [
            [], ["sha256:a"], ["sha256:b"],
        ]  # fmt: skip


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 2, 0)])
def test_the_numbers_of_a_source_order_its_records_where_its_clock_went_back(order, log, open_view):
    said = [("sha256:a", 30, "1"), ("sha256:b", 12, "2"), ("sha256:c", 13, "3")]
    for n in order:
        value, at, sequence = said[n]
        log.state(runs(value), at=at, sequence=sequence)
    log.state(runs("sha256:before"), at=10, source="other")
    view = open_view()
    view.fold(log)
    with snapshot_of(view) as found:
        held = [list(values(found, t).values()) for t in (12, 29, 30)]
        assert held == [["sha256:before"], ["sha256:before"], ["sha256:c"]]


def test_what_is_said_again_of_the_same_time_changes_nothing(log, open_view):
    log.state(runs("sha256:a"), at=10)
    log.state(runs("sha256:b"), at=20)
    view = open_view()
    view.fold(log)
    with snapshot_of(view) as found:
        before = [line for line in dump(found) if line[0] == "interval"]
    log.state(runs("sha256:a"), at=10)
    log.state(runs("sha256:b"), at=20)
    view.fold(log)
    with snapshot_of(view) as found:
        assert [line for line in dump(found) if line[0] == "interval"] == before


def test_a_snapshot_ends_what_its_source_no_longer_lists_and_nothing_else(log, open_view):
    everything = Whole("observed", Scope("prod"), ("artifact",))
    other = runs("sha256:x", Scope("prod", "pay"), mode="observed")
    log.state(runs("sha256:a", mode="observed"), other, wholes=[everything], at=10, source="agent")
    log.state(runs("sha256:y", Scope("prod", "mail"), mode="observed"), at=11, source="itself")
    log.state(runs("sha256:d"), at=12, source="agent")  # declared: not of this whole
    log.state(other, wholes=[everything], at=20, source="agent")
    view = open_view()
    view.fold(log)
    with snapshot_of(view) as found:
        left = {(mode, scope.service) for mode, scope, _, _ in values(found, 21)}
        assert left == {("observed", "pay"), ("observed", "mail"), ("declared", "cart")}
        (gone,) = found.changed(Scope(), since=micros(20), until=micros(21), limit=9)
        assert (gone.before, gone.after, gone.entry) == ("sha256:a", None, 3)
        (held,) = found.held(Scope(service="pay"), at=micros(25))
        assert (held.since, held.seen, held.seen_entry) == (micros(10), micros(20), 3)


def test_an_erased_record_never_was_at_any_size(log, open_view):
    log.state(runs("sha256:a"), at=10)
    log.state(runs("sha256:b"), at=20)
    view = open_view()
    view.fold(log)
    log.tombstone(1)
    view.fold(log)
    with snapshot_of(view) as found:
        for size in (2, 3):
            assert list(values(found, 25, as_of=size).values()) == ["sha256:a"]


def test_what_only_an_erased_record_named_is_nowhere_in_the_file(log, open_view):
    log.state(runs("sha256:a"), at=10)
    there = Scope("prod", "told-by-mistake")
    log.state(runs("sha256:b", there), wholes=(Whole("declared", there, ("config",)),), at=20)
    view, rebuilt = open_view(), open_view("again.db")
    view.fold(log)
    assert b"told-by-mistake" in view.path.read_bytes() + wal_of(view)
    log.tombstone(1)
    view.fold(log)
    rebuilt.fold(log)
    assert b"told-by-mistake" not in view.path.read_bytes() + wal_of(view)
    with snapshot_of(view) as found, snapshot_of(rebuilt) as again:
        assert list(dump(found)) == list(dump(again))


def test_who_only_erased_records_name_as_their_source_is_nowhere_in_the_file(log, open_view):
    log.state(runs("sha256:a"), at=10)
    log.state(runs("sha256:b"), at=20, source="told-by-mistake")
    log.state(at=20, source="numbered-by-mistake", sequence="1")
    log.state(at=21, source="numbered-by-mistake", sequence="2")
    log.state(runs("sha256:c"), at=22, source="named-twice")
    log.state(runs("sha256:d"), at=23, source="named-twice")
    view, rebuilt = open_view(), open_view("again.db")
    view.fold(log)
    for entry in (1, 2, 3, 4):
        log.tombstone(entry)
    view.fold(log)
    rebuilt.fold(log)
    left = view.path.read_bytes() + wal_of(view)
    assert b"by-mistake" not in left
    assert b"named-twice" in left
    with snapshot_of(view) as found, snapshot_of(rebuilt) as again:
        assert list(dump(found)) == list(dump(again))


def wal_of(view):
    return view.path.with_name(view.path.name + "-wal").read_bytes()


def test_a_size_that_is_not_reached_is_no_answer(log, open_view):
    view = open_view()
    view.fold(log)
    with snapshot_of(view) as found, pytest.raises(Unavailable, match="not reached"):
        found.held(Scope(), at=0, as_of=1)


def test_there_is_no_estate_before_it_is_folded(tmp_path):
    with pytest.raises(Unavailable, match="not made yet"):
        EstateReader(tmp_path / "none.db").snapshot().__enter__()


# -- what it costs


def steps_of(db, ask):
    """About how many thousand steps SQLite takes to answer."""
    taken = []

    def step():
        taken.append(1)
        return False

    db.set_progress_handler(step, 1_000)
    ask()
    db.set_progress_handler(None)
    return len(taken)


def test_the_order_of_old_entries_is_looked_up_among_their_neighbours_only(log, open_view):
    for n in range(5_000):
        log.state(at=n, heard=10_000, source="numbered", sequence=f"{n:05}")
    view = open_view()
    view.fold(log)
    with snapshot_of(view) as found:
        asked = lambda: out_of_order(found.db, range(150, 160), size=200)  # noqa: E731
        assert steps_of(found.db, asked) < 50
        assert asked() == set()


def test_what_came_late_is_known_as_late_whatever_came_afterwards(log, open_view):
    for n in (1, 999, 5, *range(6, 200)):
        log.state(at=n, heard=10_000, source="numbered", sequence=f"{n:05}")
    view = open_view()
    view.fold(log)
    with snapshot_of(view) as found:
        for size in (3, log.size):
            assert out_of_order(found.db, [0, 1, 2], size=size) == {2}


def test_a_snapshot_does_not_tell_anew_what_another_source_numbers(log, open_view):
    for n in range(300):
        log.state(runs(f"sha256:{n}"), at=n, source="numbered", sequence=f"{n:05}")
    view = open_view()
    view.fold(log)
    for n in range(300, 310):
        log.state(wholes=[Whole("declared", Scope("prod"), ("artifact",))], at=n, source="other")
    assert steps_of(view._db, lambda: view.fold(log)) < 50
    with snapshot_of(view) as found:
        assert list(values(found, 400).values()) == ["sha256:299"]


# -- against the model


def expected(log, erased, key, at, size):
    mode, scope, slot, _ = key
    events = []
    for index, record in enumerate(log.records[:size]):
        facts = log.said.get(record.content)
        if facts is None or index in erased:
            continue
        dated, heard = record.entry.occurred, record.entry.received
        stated = {}
        for s in facts.states:
            if (s.mode, s.scope, s.slot, s.name) == key:
                stated[min(s.at or dated, heard)] = s.value
        (source,) = facts.producers
        events += [
            ((when, index), value, source, False, facts.sequence) for when, value in stated.items()
        ]
        for whole in facts.wholes:
            covered = whole.mode == mode and slot in whole.slots and whole.scope.covers(scope)
            if covered and not stated:
                when = min(whole.at or dated, heard)
                events.append(((when, index), None, source, True, None))

    def place(event):
        told, _, source, absent, sequence = event
        if sequence is not None:
            before = [e[0] for e in events if e[2] == source and e[4] and e[4] < sequence]
            told = max([told, *before])
        return told, absent, sequence or "", event[0]

    held, by = None, None
    for event in sorted(events, key=place):
        _, value, source, absent, _ = event
        when = place(event)[0][0]
        if when > time_of(at) or (absent and source != by):
            continue
        held, by = value, (None if value is None else source)
    return held


SCOPES = [
    Scope(e, s, "", "", i) for e in ("prod", "test") for s in ("cart", "pay") for i in ("", "1")
]
WHOLES = [Scope(), Scope("prod"), Scope("prod", "pay"), Scope(service="cart")]


def random_record(chance, log):
    states = [
        State(
            chance.choice(("declared", "observed")), chance.choice(SCOPES),
            chance.choice(("artifact", "config")), chance.choice(("", "b")),
            chance.choice(("v1", "v2", "v3", None)),
            at=time_of(chance.randrange(40)) if chance.random() < 0.2 else None,
        )
        for _ in range(chance.randrange(1, 5))
    ]  # fmt: skip
    wholes = [
        Whole(
            chance.choice(("declared", "observed")), chance.choice(WHOLES),
            chance.choice((("artifact",), ("artifact", "config"))),
        )
        for _ in range(chance.randrange(2))
        if chance.random() < 0.6
    ]  # fmt: skip
    at = chance.randrange(40) if chance.random() < 0.4 else log.size
    source = chance.choice(("a", "b", "numbered"))
    numbered = source == "numbered"
    log.state(
        *states, wholes=() if numbered else wholes, at=at, source=source,
        heard=chance.choice((1_000, 1_000, chance.randrange(40))),
        sequence=f"{chance.randrange(60):02}.{log.size:03}" if numbered else None,
    )  # fmt: skip


@pytest.mark.parametrize("seed", range(25))
def test_the_estate_is_what_the_model_says_at_every_time_and_size(seed, log, open_view):
    chance = random.Random(seed)
    view, erased = open_view(), set()
    for _ in range(12):
        for _ in range(chance.randrange(1, 5)):
            if log.size and chance.random() < 0.12:
                erased.add(target := chance.randrange(log.size))
                log.tombstone(target)
            else:
                random_record(chance, log)
        view.fold(log, records_max=chance.choice((1, 2, None)))
        view.fold(log)
        check(log, erased, view, chance)
    rebuilt = open_view("again.db")
    rebuilt.fold(log)
    with snapshot_of(view) as found, snapshot_of(rebuilt) as again:
        assert list(dump(found)) == list(dump(again))


def check(log, erased, view, chance):
    keys = {(s.mode, s.scope, s.slot, s.name) for facts in log.said.values() for s in facts.states}
    with snapshot_of(view) as found:
        for at in (0, chance.randrange(50), chance.randrange(50), 100):
            for size in (chance.randrange(log.size + 1), log.size):
                model = {key: expected(log, erased, key, at, size) for key in keys}
                model = {key: value for key, value in model.items() if value is not None}
                assert values(found, at, as_of=size) == model, (at, size)
        for change in found.changed(Scope(), since=0, until=FOR_EVER, limit=10_000):
            assert change.before != change.after
            key = (change.mode, change.scope, change.slot, change.name)
            at = (change.at - START) // 1_000_000
            assert expected(log, erased, key, at, log.size) == change.after
            assert expected(log, erased, key, at - 1, log.size) == change.before
