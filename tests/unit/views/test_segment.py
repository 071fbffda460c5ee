"""A segment says what its rows said, under every lens, also after some were amended or taken."""

import random

import numpy as np
import pytest

from wherefrom.errors import Corrupt
from wherefrom.views.graph import adjacency
from wherefrom.views.graph import merge as writing
from wherefrom.views.graph.adjacency import NEVER, RELATION
from wherefrom.views.graph.lens import Lens, Step
from wherefrom.views.graph.merge import Stopped, merge, read_edges, read_times, seal
from wherefrom.views.graph.schema import ALTERNATE, DESCRIBES, REPEATED
from wherefrom.views.graph.segment import Seen, Segment, microseconds

ENTRIES = 200


def time_of(entry):
    return f"2026-01-{1 + entry * 7 % 28:02}T00:00:00.{entry:06}Z"


def random_edges(chance, count, *, nodes, entries=(0, ENTRIES)):
    made = {}
    for _ in range(count):
        key = (chance.randrange(1, nodes), chance.randrange(12), chance.randrange(1, nodes))
        made[key] = (*key, chance.randrange(*entries), chance.randrange(4))
    return list(made.values())


def sealed(path, edges, *, start=0, end=ENTRIES):
    times = read_times(time_of(entry) for entry in range(start, end))
    seal(path, read_edges(edges), entry_start=start, times=times)
    return Segment(path, writable=True)


def everything(pieces):
    every = list(pieces)
    return Seen([s for seen in every for s in seen.steps], [s for seen in every for s in seen.late])


def expected(edges, nodes, lens, *, up, both=False, only=None, never=None):
    steps, late = set(), set()
    for edge in edges:
        effect, relation, cause, first, flags = edge
        own, other = (effect, cause) if up else (cause, effect)
        turned = both and relation == ALTERNATE and other in nodes
        if first >= lens.as_of or not (own in nodes or turned):
            continue
        if relation == never or (only is not None and relation != only):
            continue
        if lens.at is None or time_of(first) <= lens.at:
            steps.add(Step(*edge))
        elif flags & REPEATED:
            late.add(Step(*edge))
    return steps, late


@pytest.mark.parametrize("seed", range(20))
def test_a_segment_answers_as_its_rows_do(tmp_path, seed):
    chance = random.Random(seed)
    nodes = chance.choice((3, 50, 700, 5_000))
    edges = random_edges(chance, chance.choice((0, 1, 40, 900)), nodes=nodes)
    segment = sealed(tmp_path / "a.edges", edges)
    assert segment.edges == len(edges)
    assert {*segment.every(up=True)} == {*segment.every(up=False)} == {*map(Step._make, edges)}
    for _ in range(40):
        asked = {chance.randrange(nodes + 200) for _ in range(chance.choice((1, 5, 200)))}
        at = chance.choice((None, time_of(chance.randrange(ENTRIES))))
        lens = Lens(chance.randrange(ENTRIES + 1), at)
        options = {
            "up": chance.random() < 0.5,
            "both": chance.random() < 0.5,
            "only": chance.choice((None, None, ALTERNATE, 3)),
            "never": chance.choice((None, DESCRIBES)),
        }
        seen = everything(segment.steps(sorted(asked), lens, **options))
        steps, late = expected(edges, asked, lens, **options)
        assert {*seen.steps} == steps
        assert {*seen.late} == late
        if not options["both"]:
            assert len(seen.steps) == len(steps)


@pytest.mark.parametrize("seed", range(20))
def test_what_was_amended_or_taken_back_is_so_here_and_after_a_merge(tmp_path, seed, monkeypatch):
    chance = random.Random(seed)
    monkeypatch.setattr(writing, "PART_ROWS", chance.choice((1, 64, 10**6)))
    nodes = chance.choice((4, 300, 3_000))
    edges = random_edges(chance, 600, nodes=nodes)
    half = len(edges) // 2
    parts = [edges[:half], edges[half:]]
    segments = [
        sealed(tmp_path / f"{n}.edges", part, start=n * 100, end=n * 100 + 100)
        for n, part in enumerate(parts)
    ]
    stated = {edge[:3]: edge[3:] for edge in edges}
    home = {edge[:3]: segments[n] for n, part in enumerate(parts) for edge in part}
    for key in chance.sample(sorted(stated), k=len(stated) // 2):
        if chance.random() < 0.5:
            home[key].remove(*key)
            del stated[key]
        else:
            stated[key] = (chance.randrange(ENTRIES), chance.randrange(4))
            home[key].set(*key, first=stated[key][0], flags=stated[key][1])
    for key in home:
        assert home[key].find(*key) == stated.get(key)
    assert segments[0].find(nodes + 5, 1, 1) is None
    now = {Step(*key, *said) for key, said in stated.items()}
    merge(tmp_path / "merged.edges", segments, go_on=lambda: True)
    merged = Segment(tmp_path / "merged.edges")
    for up in (True, False):
        assert {s for segment in segments for s in segment.every(up=up)} == now
        assert {*merged.every(up=up)} == now
    assert merged.edges == len(now)
    assert (merged.entry_start, merged.entry_end) == (0, ENTRIES)
    assert merged.times.tolist() == [microseconds(time_of(e)) for e in range(ENTRIES)]
    if half:
        assert NEVER not in merged.up.firsts


def test_nothing_in_the_file_tells_of_an_edge_that_was_taken_back(tmp_path):
    secret = 123_456
    others = [(7, 1, 50, 3, 0), (7, 1, 60, 4, 0), (9, 2, 50, 5, 0)]
    segment = sealed(tmp_path / "a.edges", [*others, (7, 1, secret, 6, 2), (8, ALTERNATE, 9, 6, 0)])
    segment.remove(7, 1, secret)
    segment.remove(8, ALTERNATE, 9)
    for side in (segment.up, segment.down):
        assert secret not in side.others
        assert 6 not in side.firsts
    assert {*segment.every(up=False)} == {*map(Step._make, others)}


@pytest.mark.parametrize("seed", range(20))
def test_nothing_tells_of_what_was_taken_back_in_whatever_order_neighbours_go(tmp_path, seed):
    chance = random.Random(seed)
    edges = [
        (effect, relation, cause, 1_000 + cause, 0)
        for effect in (7, 8)
        for relation in chance.sample(range(12), 3)
        for cause in chance.sample(range(100, 200), 6)
    ]
    segment = sealed(tmp_path / "a.edges", edges)
    left = {Step(*edge) for edge in edges}
    for edge in chance.sample(edges, len(edges)):
        left.discard(Step(*edge))
        segment.remove(*edge[:3])
        assert {*segment.every(up=True)} == {*segment.every(up=False)} == left
        assert all(segment.find(*s[:3]) == (s.first, 0) for s in left)
        for side, there in ((segment.up, 2), (segment.down, 0)):
            told = {*zip((side.marks & RELATION).tolist(), side.others.tolist(), strict=True)}
            assert told <= {(0, 0)} | {(s.relation, s[there]) for s in left}
            assert {*side.firsts.tolist()} <= {NEVER} | {s.first for s in left}


class Killed(BaseException):
    """The process ends between two writes."""


class Dying:
    """An array whose writer is killed when all of several may write no more."""

    def __init__(self, array, writes):
        self.array, self.writes = array, writes

    def __getattr__(self, name):
        return getattr(self.array, name)

    def __getitem__(self, place):
        return self.array[place]

    def __len__(self):
        return len(self.array)

    def __setitem__(self, place, value):
        if not self.writes:
            raise Killed
        self.writes.pop()
        self.array[place] = value


@pytest.mark.parametrize("relation", [3, ALTERNATE])
@pytest.mark.parametrize("writes", range(14))
@pytest.mark.parametrize("change", ["set", "remove"])
def test_a_change_that_is_killed_between_any_two_writes_is_whole_once_done_again(
    tmp_path, change, writes, relation
):
    key = (7, relation, 9)
    others = [(7, r, n, 3, 0) for r in (2, 3, ALTERNATE) for n in (8, 10)]
    others += [(n, r, 9, 3, 0) for r in (2, 3, ALTERNATE) for n in (6, 8)]
    said = {"first": 5, "flags": REPEATED}
    path = tmp_path / "a.edges"
    killed = sealed(path, [*others, (*key, 4, 0)])
    left = [None] * writes
    for side in (killed.up, killed.down):
        for name in ("firsts", "others", "marks"):
            setattr(side, name, Dying(getattr(side, name), left))
    try:
        killed.set(*key, **said) if change == "set" else killed.remove(*key)
    except Killed:
        assert not left
    segment = Segment(path, writable=True)
    # As the fold does: by what ``find`` says then.
    found = segment.find(*key)
    if change == "set" and found != (5, REPEATED):
        segment.set(*key, **said)
    elif change == "remove":
        segment.mend(*key) if found is None else segment.remove(*key)
    kept = [(*key, 5, REPEATED)] if change == "set" else []
    wanted = {Step(*edge) for edge in [*others, *kept]}
    assert {*segment.every(up=True)} == {*segment.every(up=False)} == wanted
    assert all(segment.find(*edge[:3]) == edge[3:] for edge in [*others, *kept])
    if change == "remove":
        for side in (segment.up, segment.down):
            for node in side.nodes().tolist():
                rows = [side._order(row) for row in range(*side.rows_of(node))]
                assert rows == sorted(rows)
            assert not {4, 5} & {*side.firsts.tolist()}


def test_a_reader_sees_no_edge_that_nobody_stated_while_one_is_taken_back(tmp_path):
    edges = [(7, 1, 50, 3, 0), (7, 2, 60, 4, 0)]
    segment = sealed(tmp_path / "a.edges", edges)
    shown = Segment(tmp_path / "a.edges")

    class Meanwhile:
        """The column of other ends; it is erased between two looks of the reader."""

        def __getitem__(self, rows):
            segment.remove(7, 2, 60)
            return segment.up.others[rows]

    shown.up.others = Meanwhile()
    seen = everything(shown.steps([7], Lens(ENTRIES), up=True))
    assert seen.steps == [Step(*edges[0])]


def test_of_a_hub_the_latest_are_found_without_reading_all_of_it(tmp_path):
    edges = [(n, DESCRIBES, 1, n % ENTRIES, 0) for n in range(2, 5_000)]
    edges += [(n, DESCRIBES, 9_000 + n, 1, 0) for n in range(2, 40)]
    edges += [(n, relation, 1, 0, 0) for n in range(2, 3_000) for relation in (0, DESCRIBES + 1)]
    segment = sealed(tmp_path / "a.edges", edges)
    lens = Lens(100)
    seen = segment.latest([1, 9_010], lens, only=DESCRIBES, each_max=9)
    hub = sorted((s.effect for s in seen.steps if s.cause == 1), reverse=True)
    visible = sorted((e[0] for e in edges[:4_998] if e[3] < 100), reverse=True)
    assert hub[:9] == visible[:9]
    assert len(hub) < 2_000
    assert {s for s in seen.steps if s.cause != 1} == {Step(10, DESCRIBES, 9_010, 1, 0)}


@pytest.mark.parametrize("cut", [0, 5, 12, 40, -1, -9])
def test_a_file_that_is_cut_is_told(tmp_path, cut):
    path = tmp_path / "a.edges"
    sealed(path, random_edges(random.Random(1), 50, nodes=90))
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(Corrupt, match="a segment of the graph is damaged"):
        Segment(path)


@pytest.mark.parametrize("seed", range(8))
def test_every_flipped_bit_is_told_but_those_of_flags_and_of_what_was_amended(tmp_path, seed):
    chance = random.Random(seed)
    path = tmp_path / "a.edges"
    segment = sealed(path, random_edges(chance, 60, nodes=90))
    sections = segment.footer.sections
    whole = path.read_bytes()
    told = bytearray(len(whole))
    for name, section in sections.items():
        size = section.count * np.dtype(section.type).itemsize
        mask = 0x9F if name.endswith("marks") else 0xFF
        told[section.offset : section.offset + size] = bytes([mask]) * size
    footer_at = whole.rindex(b'{"name":')
    told[footer_at:] = b"\xff" * (len(whole) - footer_at)
    segment.check()
    for _ in range(300):
        bit = chance.randrange(8 * len(whole))
        changed = bytearray(whole)
        changed[bit // 8] ^= 1 << bit % 8
        path.write_bytes(changed)
        if told[bit // 8] >> bit % 8 & 1:
            with pytest.raises(
                Corrupt, match=f"a segment of the graph is damaged, at .*{path.name}"
            ):
                Segment(path).check()
        else:
            Segment(path).check()


def test_a_file_under_the_name_of_another_is_told(tmp_path):
    sealed(tmp_path / "a.edges", random_edges(random.Random(1), 50, nodes=90))
    (tmp_path / "a.edges").rename(tmp_path / "b.edges")
    with pytest.raises(Corrupt, match=r"it is a\.edges"):
        Segment(tmp_path / "b.edges")


@pytest.mark.parametrize("seed", range(8))
def test_what_was_amended_is_no_damage_and_its_neighbours_are_still_looked_at(
    tmp_path, seed, monkeypatch
):
    monkeypatch.setattr(adjacency, "SUM_ROWS", 4)
    chance = random.Random(seed)
    edges = random_edges(chance, 200, nodes=90)
    segment = sealed(tmp_path / "a.edges", edges)
    for edge in chance.sample(edges, 30):
        if chance.random() < 0.5:
            segment.remove(*edge[:3])
        else:
            segment.set(*edge[:3], first=chance.choice((edge[3], 7)), flags=3)
        segment.check()
    summed = 4 * int(chance.choice(np.flatnonzero(segment.down.sums)))
    for column in (segment.down.others, segment.down.firsts, segment.down.marks):
        column[summed] ^= 1
        with pytest.raises(Corrupt, match="a row of down"):
            segment.check()
        column[summed] ^= 1
    segment.check()


def test_a_merge_that_is_told_to_stop_stops(tmp_path):
    segment = sealed(tmp_path / "a.edges", random_edges(random.Random(1), 50, nodes=90))
    with pytest.raises(Stopped):
        merge(tmp_path / "b.edges", [segment, segment], go_on=lambda: False)


def test_arrays_are_at_places_that_their_type_can_be_read_from(tmp_path):
    segment = sealed(tmp_path / "a.edges", random_edges(random.Random(2), 333, nodes=90))
    for section in segment.footer.sections.values():
        assert section.offset % np.dtype(section.type).itemsize == 0
