"""The counts of health: the same however they are folded, exact at every size, and without what
was erased."""

import random
from collections import Counter

import pytest

from tests.unit.views.fakes import FakeLog
from wherefrom.formats import counted, own
from wherefrom.formats.counted import Counted, Told, counted_of
from wherefrom.formats.facts import Edge, Facts, Node
from wherefrom.formats.heard import heard_of
from wherefrom.formats.states import OBSERVED, Scope, State
from wherefrom.log.read_once import ReadOnce
from wherefrom.views.health import HealthReader, HealthView, dump, schema
from wherefrom.views.health.tally import FUTURE, LATE_EDGES_S, UNTIMED, of_record

START = "2026-01-01T00:00:00.000000Z"


class Log(FakeLog):
    """Records that say what a seed makes of them."""

    def __init__(self, seed=0):
        super().__init__()
        self.said = {}
        self.random = random.Random(seed)

    def say(self, **entry):
        content = f"record {self.size}".encode()
        document = f"sha256:{self.size:064x}"
        service = self.random.choice(["cart", "till", ""])
        where = self.random.choice(["prod", "test"])
        image = f"sha256:{self.random.randrange(9):064x}"
        nodes = [Node(document, "attestation"), Node(image, "image"), Node("build:1", "build")]
        edges = [Edge(document, "describes", image)]
        if self.random.random() < 0.5:
            edges.append(Edge(image, "generated_by", "build:1"))
        if self.random.random() < 0.3:
            nodes.append(Node(f"pkg:npm/x@{self.size}", "package"))
            edges.append(Edge(image, "alternate", f"pkg:npm/x@{self.size}"))
        states = ()
        if service:
            state = State(OBSERVED, Scope(where, service), "artifact", "server", image)
            states = (state,)
        self.said[content] = Facts(
            kind="attestation", type="test", document=document, nodes=tuple(nodes),
            edges=tuple(edges), states=states,
        )  # fmt: skip
        hour, second = divmod(self.size, 40)
        received = f"2026-01-01T{hour:02}:00:{second:02}.000000Z"
        occurred = self.random.choice([None, START, received, "2026-02-01T00:00:00.000000Z"])
        level = self.random.choice(["signed", "channel"])
        return self.add_content(content, level=level, received=received, occurred=occurred, **entry)

    def facts_of(self, content):
        return self.said[content]


@pytest.fixture
def small_blocks(monkeypatch):
    """Blocks of a few entries, so that a log of a hundred has many."""
    for module in ("schema", "snapshot"):
        monkeypatch.setattr(f"wherefrom.views.health.{module}.BLOCK", 7)


def folded(path, log, *, step=1000, through=lambda log: log):
    with HealthView.open(path, facts_of=log.facts_of, facts_version=1) as view:
        while view.size < log.size:
            view.fold(through(log), records_max=step)
    return HealthReader(path)


def lines(reader):
    with reader.snapshot() as snapshot:
        return list(dump(snapshot))


def summed(counts):
    return {(one.part, one.late): one[2:] for one in counts}


def model(log, size, *, erased=()):
    """The same sums, record by record."""
    sums = {}
    for logged in log.records[:size]:
        if logged.index in erased:
            logged = type(logged)(logged.index, logged.entry, None)
        row = of_record(logged, facts_of=log.facts_of)
        before = sums.get((row.part, row.late), (0, 0, 0, 0))
        more = (1, row.bytes, row.things, row.aliases)
        sums[row.part, row.late] = tuple(a + b for a, b in zip(before, more, strict=True))
    return sums


@pytest.mark.parametrize("step", [1, 5, 7, 100])
def test_however_many_records_a_step_folds_the_view_is_the_same(tmp_path, small_blocks, step):
    log = Log(seed=1)
    for _ in range(60):
        log.say()
    whole = lines(folded(tmp_path / "whole.db", log))
    assert lines(folded(tmp_path / "steps.db", log, step=step)) == whole
    assert len(whole) > 20


def test_a_record_that_another_view_has_read_is_counted_alike(tmp_path, small_blocks):
    log = Log(seed=2)
    for _ in range(40):
        log.say()
    log.decide(own.Refusals(producer="p:1", since=START, counts={"malformed": 3}))

    def second(log):
        once = ReadOnce(log, facts_of=log.facts_of)
        list(once.read(0, log.size))
        return once

    at_once = lines(folded(tmp_path / "a.db", log))
    assert lines(folded(tmp_path / "b.db", log, through=second)) == at_once
    assert ("event", "refused", *at_once_of(at_once)) in at_once


def at_once_of(some):
    return next(line[2:] for line in some if line[:2] == ("event", "refused"))


@pytest.mark.parametrize("seed", [3, 4])
def test_at_every_size_the_sums_are_those_of_the_records_below_it_seeded(
    tmp_path, small_blocks, seed
):
    log = Log(seed=seed)
    for _ in range(45):
        log.say()
    with folded(tmp_path / "h.db", log).snapshot() as snapshot:
        for size in range(log.size + 1):
            counts = snapshot.counts(since=0, size=size, source=log, facts_of=log.facts_of)
            assert summed(counts) == model(log, size), size


def test_a_window_leaves_out_the_hours_before_it(tmp_path):
    log = Log(seed=5)
    for _ in range(85):
        log.say()
    with folded(tmp_path / "h.db", log).snapshot() as snapshot:
        since = 1_767_225_600_000_000 + 2 * 3_600_000_000  # two hours after the first record
        counts = snapshot.counts(since=since, size=85, source=log, facts_of=log.facts_of)
        assert snapshot.first_hour(since=since, size=85) == since
        assert snapshot.first_hour(since=since + 3_600_000_000, size=85) is None
    assert sum(one.records for one in counts) == 5


@pytest.mark.parametrize("step", [1, 1000])
def test_what_is_erased_is_counted_by_its_entry_alone_at_every_size(tmp_path, small_blocks, step):
    log = Log(seed=6)
    for _ in range(30):
        log.say()
    log.tombstone(9)
    for _ in range(5):
        log.say()
    log.erase(30 + 3)
    reader = folded(tmp_path / "h.db", log, step=step)
    with reader.snapshot() as snapshot:
        for size in (9, 10, 20, 30, 31, 36, log.size):
            counts = snapshot.counts(since=0, size=size, source=log, facts_of=log.facts_of)
            # A tombstone takes back at every size.
            assert summed(counts) == model(log, size, erased={9, 33}), size
        assert 9 not in {row[2] for row in snapshot.db.execute("SELECT 0, 0, entry FROM made")}
    log.drop(9)
    assert lines(folded(tmp_path / "anew.db", log)) == lines(reader)


def test_a_service_that_only_an_erased_record_named_is_nowhere_in_the_file(tmp_path):
    log = Log()
    log.say()
    content = b"secret"
    log.said[content] = Facts(
        kind="attestation", type="test", document="sha256:" + "f" * 64,
        states=(State(OBSERVED, Scope("prod", "codename"), "artifact", "s", "x"),),
    )  # fmt: skip
    log.add_content(content)
    path = tmp_path / "h.db"
    assert "codename" in str(lines(folded(path, log)))
    log.tombstone(1)
    assert "codename" not in str(lines(folded(path, log)))
    assert b"codename" not in path.read_bytes()


def test_the_view_is_discarded_for_another_log(tmp_path):
    one, other = Log(seed=7), Log(seed=8)
    other.origin = "other.example/log"
    for log in (one, other):
        for _ in range(12):
            log.say()
    folded(tmp_path / "h.db", one)
    with HealthView.open(tmp_path / "h.db", facts_of=other.facts_of, facts_version=1) as view:
        view.fold(other)
    assert lines(HealthReader(tmp_path / "h.db")) == lines(folded(tmp_path / "new.db", other))


def test_how_late_a_record_came_is_told_by_the_upper_edge():
    log = Log()
    late = {}
    for occurred in (None, START, "2025-12-31T23:59:58.500000Z", "2026-01-01T00:00:05.000000Z",
                     "2020-01-01T00:00:00.000000Z"):  # fmt: skip
        index = log.add_content(None, received=START, occurred=occurred)
        late[occurred] = of_record(log.records[index], facts_of=log.facts_of).late
    assert list(late.values()) == [UNTIMED, 0, LATE_EDGES_S.index(2), FUTURE, len(LATE_EDGES_S)]


def test_what_a_record_is_about_is_of_one_service_or_of_none():
    def of(*scopes):
        states = tuple(State(OBSERVED, scope, "artifact", "s", "x") for scope in scopes)
        facts = Facts(kind="observation", type="t", document="sha256:1", states=states)
        return counted_of(facts, heard_of(facts))

    assert of(Scope("prod", "cart"))[:2] == ("prod", "cart")
    assert of(Scope("prod", "cart"), Scope("prod", "till"))[:2] == ("prod", "")
    assert of(Scope("prod", "cart"), Scope("test", "cart"))[:2] == ("", "cart")


def test_the_logs_own_records_tell_what_was_refused_erased_and_missed(tmp_path):
    log = Log()
    log.decide(own.Refusals(producer="p:1", since=START, counts={"bad_signature": 2, "limit": 1}))
    log.decide(own.Gap(what="clock", why="set back", count=4))
    log.decide(own.Refusals(producer="p:2", since=START, counts={"limit": 9}), level="channel")
    log.say()
    log.tombstone(3)
    with folded(tmp_path / "h.db", log).snapshot() as snapshot:
        told = [
            (event.what, event.id, event.says.get("count"))
            for event in snapshot.events("refused", "missed", "erased", since=0, size=5)
        ]
        assert snapshot.events("erased", since=0, size=4) == []
    # What a stranger writes in the log's way is no word of the log's.
    assert told == [
        ("refused", "bad_signature", 2), ("refused", "limit", 1), ("missed", "clock", 4),
        ("erased", "3", None),
    ]  # fmt: skip


def test_what_could_not_be_read_is_counted_by_its_entry(tmp_path):
    log = Log()
    log.add_content(b"unreadable", level="channel", kind="event")
    with folded(tmp_path / "h.db", log).snapshot() as snapshot:
        (one,) = snapshot.counts(since=0, size=1, source=log, facts_of=log.facts_of)
    assert (one.part.kind, one.part.trust, one.records) == ("event", "channel", 1)


def test_counted_keeps_what_builds_made_and_no_datasets():
    nodes = (
        Node("sha256:d", "attestation"), Node("sha256:i", "image"), Node("ds", "dataset"),
        Node("build:1", "build"), Node("run:1", "run"), Node("sha256:m", "model"),
    )  # fmt: skip
    edges = (
        Edge("sha256:i", "generated_by", "build:1"), Edge("ds", "generated_by", "build:1"),
        Edge("sha256:m", "generated_by", "run:1"),
    )  # fmt: skip
    facts = Facts(kind="attestation", type="t", document="sha256:d", nodes=nodes, edges=edges)
    found = counted_of(facts, heard_of(facts))
    assert found == Counted(kind="event", things=5, aliases=0, made=(("sha256:i", "image"),))


def test_only_so_much_is_kept_of_a_record_that_tells_much():
    nodes = (Node("sha256:d", "event"), *(Node(f"incident:{n}", "incident") for n in range(99)))
    facts = Facts(kind="incident", type="alertmanager.webhook/4", document="sha256:d", nodes=nodes)
    told = counted_of(facts, heard_of(facts)).told
    assert len(told) == counted.TOLD_MAX
    assert Counter(one.what for one in told) == {counted.INCIDENT: counted.TOLD_MAX}
    assert told[0] == Told(counted.INCIDENT, "incident:0", {"type": "alertmanager.webhook/4"})


def test_a_size_that_is_not_reached_is_an_error_that_says_so(tmp_path):
    from wherefrom.errors import Unavailable

    log = Log()
    log.say()
    says = "view of health has not reached that log size"
    with (
        folded(tmp_path / "h.db", log).snapshot() as snapshot,
        pytest.raises(Unavailable, match=says),
    ):
        snapshot.counts(since=0, size=2, source=log, facts_of=log.facts_of)
    assert schema.BLOCK == 1024
