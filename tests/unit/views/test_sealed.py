"""Segments come and go beside the graph's file, and no answer can tell."""

from __future__ import annotations

import contextlib
import errno
import os
import random
import threading
from pathlib import Path
from typing import Any

import pytest

from tests.unit.views.fakes import FakeLog, folded, lines, open_view, random_log
from wherefrom.errors import Corrupt
from wherefrom.views.graph import GraphReader, GraphView, adjacency, view
from wherefrom.views.graph.sealed import SUFFIX
from wherefrom.views.graph.segment import Segment


@pytest.fixture(autouse=True)
def sealing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Always sealed here, three edges at a time."""
    monkeypatch.setattr(view, "SEAL_FIRST", 5)
    monkeypatch.setattr(view, "SEAL_EDGES", 3)


def segments(folder: Path) -> set[str]:
    return {path.name for path in folder.glob(f"*{SUFFIX}")}


def named(reader: GraphReader) -> set[str]:
    with reader.snapshot() as snapshot:
        return {segment.path.name for segment in snapshot.segments}


def grown(folder: Path, log: FakeLog, *, step: int) -> None:
    with open_view(folder / "graph.db") as graph:
        fold_all(graph, log, step=step)


def fold_all(graph: GraphView, log: FakeLog, *, step: int) -> None:
    while graph.size < len(log.records):
        graph.fold(log, records_max=step)


class Killed(Exception):
    pass


@pytest.mark.parametrize("killed", [False, True])
def test_an_erasure_that_is_rolled_back_and_done_again_ends_in_the_same_state(
    tmp_path: Path, killed: bool
) -> None:
    log = FakeLog()
    for n in range(4):
        shared = [["sha256:a", "used", "sha256:b"], ["sha256:a", "alternate", "sha256:c"]]
        log.add(edges=[*shared, ["sha256:a", "used", f"sha256:{n}"], ["build:1", "used", "x:1"]])
    grown(tmp_path, log, step=1)
    log.tombstone(0)
    log.tombstone(1)
    with open_view(tmp_path / "graph.db") as graph:

        def kill(_cursor: object, sql: str, _bindings: object) -> bool:
            if sql.startswith("UPDATE meta"):
                raise Killed
            return True

        if killed:
            graph._db.exec_trace = kill
            with pytest.raises(Killed):
                graph.fold(log)
            graph._db.exec_trace = None
            assert graph.size == 4
        graph.fold(log)
    (tmp_path / "fresh").mkdir()
    grown(tmp_path / "fresh", log, step=100)
    assert segments(tmp_path)
    assert lines(tmp_path / "graph.db") == lines(tmp_path / "fresh" / "graph.db")


def test_of_many_documents_those_that_came_last_are_shown_wherever_they_lie(
    tmp_path: Path,
) -> None:
    log = FakeLog()
    for n in range(20):
        log.add(edges=[[f"doc:{n}", "describes", "sha256:a"]])
    grown(tmp_path, log, step=1)
    with GraphReader(tmp_path / "graph.db").snapshot() as snapshot:
        assert len(snapshot.segments) > 1
        (node,) = snapshot.numbers(["sha256:a"]).values()
        for as_of, last in ((20, 19), (11, 10), (0, -1)):
            lens = snapshot.lens(as_of=as_of)
            steps = snapshot.documents([node], lens, each_max=5)
            ids = snapshot.ids([s.effect for s in steps])
            wanted = {f"doc:{n}" for n in range(max(0, last - 4), last + 1)}
            assert {ids[s.effect] for s in steps} == wanted
            assert len(steps) == len(wanted)


@pytest.mark.parametrize("piece", [1, 7, 1 << 16])
def test_of_a_hub_those_in_time_are_found_behind_any_number_that_came_too_late(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, piece: int
) -> None:
    monkeypatch.setattr(adjacency, "_PIECE", piece)
    monkeypatch.setattr(view, "SEAL_FIRST", 60)
    log = FakeLog()
    hub = "sha256:hub"
    for n in range(60):
        when = {"occurred": f"20{10 if n >= 40 else 20}-01-01T00:00:00.000000Z"}
        for _ in range(2):
            log.add(edges=[[f"run:{n}", "used", hub], [hub, "used", f"x:{n}"]], **when)
    grown(tmp_path, log, step=1_000)
    with GraphReader(tmp_path / "graph.db").snapshot() as snapshot:
        assert snapshot.segments
        (node,) = snapshot.numbers([hub]).values()
        lens = snapshot.lens(at="2015-01-01T00:00:00.000000Z")
        for up in (True, False):
            for wanted in (1, 5, 20, 100):
                steps = snapshot.steps([node], lens, up=up, rows_max=wanted)
                walked = snapshot.walk_steps([node], lens, up=up, never=None, rows_max=wanted)
                assert len(steps) == len(walked) == min(wanted, 20)
                counts = snapshot.edge_counts(node, lens, up=up, count_max=wanted)
                assert counts == {"used": min(wanted, 20)}


def test_a_reader_in_the_middle_of_an_answer_lists_no_statement_twice_when_one_is_erased(
    tmp_path: Path,
) -> None:
    log = FakeLog()
    for _ in range(3):
        log.add(edges=[["sha256:a", "used", f"sha256:{n}"] for n in range(9)])
    grown(tmp_path, log, step=3)
    with GraphReader(tmp_path / "graph.db").snapshot() as snapshot:
        assert snapshot.segments
        (node,) = snapshot.numbers(["sha256:a"]).values()
        log.tombstone(0)
        grown(tmp_path, log, step=1)
        lens = snapshot.lens()
        steps = snapshot.steps([node], lens, up=True, rows_max=100)
        assert len(steps) == 9
        for step in steps:
            assert [step.first, *snapshot.statements(step, lens, 9)] == [1, 2]


def test_few_segments_are_left_and_no_file_that_none_names(tmp_path: Path) -> None:
    log, _ = random_log(4, 300, erasing=0)
    grown(tmp_path, log, step=2)
    with open_view(tmp_path / "graph.db") as graph:
        edges = graph._sealed.edges
    assert edges > 300
    reader = GraphReader(tmp_path / "graph.db")
    assert named(reader) == segments(tmp_path)
    # Each is twice as large as all after it, but for what came while the last merge ran.
    assert len(named(reader)) < 20
    (tmp_path / f"graph-0123{SUFFIX}").write_bytes(b"left over")
    open_view(tmp_path / "graph.db").close()
    assert named(reader) == segments(tmp_path)


def test_a_discarded_view_leaves_no_segment(tmp_path: Path) -> None:
    log, _ = random_log(4, 60)
    grown(tmp_path, log, step=5)
    assert segments(tmp_path)
    with open_view(tmp_path / "graph.db") as graph:
        graph.discard()
        assert not segments(tmp_path)


def test_a_segment_that_is_lost_or_damaged_is_told_with_the_way_out(tmp_path: Path) -> None:
    log, _ = random_log(4, 60)
    grown(tmp_path, log, step=5)
    path = next(tmp_path.glob(f"*{SUFFIX}"))
    whole = path.read_bytes()
    path.write_bytes(b"nothing")
    reader = GraphReader(tmp_path / "graph.db")
    with pytest.raises(Corrupt, match="views rebuild"), reader.snapshot():
        pass
    path.unlink()
    with pytest.raises(Corrupt, match="views rebuild"), reader.snapshot():
        pass
    path.write_bytes(whole)
    with reader.snapshot() as snapshot:
        assert snapshot.segments


def test_a_view_whose_segment_is_lost_is_made_again(tmp_path: Path) -> None:
    log, _ = random_log(4, 60)
    grown(tmp_path, log, step=5)
    before = lines(tmp_path / "graph.db")
    next(tmp_path.glob(f"*{SUFFIX}")).unlink()
    grown(tmp_path, log, step=100)
    assert lines(tmp_path / "graph.db") == before


@pytest.mark.parametrize("seed", range(6))
def test_a_view_with_any_damaged_segment_is_made_again_and_no_other_error_is_given(
    tmp_path: Path, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(view, "SEAL_FIRST", 40)
    chance = random.Random(seed)
    log, _ = random_log(seed, 60, erasing=0)  # amended rows have no sum
    grown(tmp_path, log, step=5)
    before = lines(tmp_path / "graph.db")
    for _ in range(12):
        paths = sorted(tmp_path.glob(f"*{SUFFIX}"))
        path = chance.choice(paths)
        section = chance.choice(sorted(Segment(path).footer.sections.items()))[1]
        damaged = bytearray(path.read_bytes())
        damaged[section.offset] ^= 1 << chance.randrange(5)
        kinds = {"flipped": bytes(damaged), "cut": bytes(damaged[: chance.randrange(len(damaged))])}
        kinds["swapped"] = next((p.read_bytes() for p in paths if p != path), b"nothing")
        path.unlink()  # who has it open keeps what it had
        path.write_bytes(kinds[chance.choice(sorted(kinds))])
        with contextlib.suppress(Corrupt):
            lines(tmp_path / "graph.db")
        grown(tmp_path, log, step=5)
        assert lines(tmp_path / "graph.db") == before
        assert path not in tmp_path.iterdir()


def test_damage_that_comes_while_a_segment_is_held_is_not_merged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log, _ = random_log(3, 200, erasing=0)
    with open_view(tmp_path / "graph.db") as graph:
        graph.fold(log, records_max=20)
        path = next(tmp_path.glob(f"*{SUFFIX}"))
        section = Segment(path).footer.sections["up.others"]
        with path.open("r+b") as file:
            file.seek(section.offset)
            file.write(b"\xff")
        with pytest.raises(Corrupt, match=path.name):
            fold_all(graph, log, step=20)
    grown(tmp_path, log, step=20)
    (tmp_path / "fresh").mkdir()
    grown(tmp_path / "fresh", log, step=100)
    assert lines(tmp_path / "graph.db") == lines(tmp_path / "fresh" / "graph.db")


def test_a_full_disk_keeps_no_half_segment_and_the_next_fold_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log, _ = random_log(4, 60)
    with open_view(tmp_path / "graph.db") as graph:
        for _ in range(2):
            log.add(edges=[["sha256:a", "used", "sha256:b"]])
            with monkeypatch.context() as full:
                full.setattr(os, "fsync", lambda _: refuse(errno.ENOSPC))
                with pytest.raises(OSError, match="No space"):
                    graph.fold(log)
            assert not segments(tmp_path)
        log.add(edges=[["sha256:a", "used", "sha256:b"]])
        graph.fold(log)
        assert graph.size == log.size
    assert segments(tmp_path)
    (tmp_path / "fresh").mkdir()
    grown(tmp_path / "fresh", log, step=100)
    assert lines(tmp_path / "graph.db") == lines(tmp_path / "fresh" / "graph.db")


def refuse(number: int) -> None:
    raise OSError(number, os.strerror(number))


def test_numbers_that_no_segment_has_place_for_stay_in_the_tail(tmp_path: Path) -> None:
    log = FakeLog()
    with open_view(tmp_path / "graph.db") as graph:
        graph._db.execute("INSERT INTO nodes VALUES (?, 'last')", (2**32 - 2,))
        for n in range(9):
            log.add(edges=[[f"sha256:{n}", "used", "sha256:b"]])
        graph.fold(log)
        assert graph.size == 9
    assert not segments(tmp_path)
    with GraphReader(tmp_path / "graph.db").snapshot() as snapshot:
        (node,) = snapshot.numbers(["sha256:b"]).values()
        assert node > 2**32 - 2
        assert len(snapshot.steps([node], snapshot.lens(), up=False, rows_max=20)) == 9


def test_the_tail_is_not_counted_again_for_each_tombstone(tmp_path: Path) -> None:
    log = FakeLog()
    for n in range(4):
        log.add(edges=[[f"sha256:{n}", "used", "sha256:b"]])
    with open_view(tmp_path / "graph.db") as graph:
        graph.fold(log)
        for n in range(4):
            log.tombstone(n)
        counted = []

        def note(_cursor: object, sql: str, _bindings: object) -> bool:
            counted.append("count(*)" in sql)
            return True

        graph._db.exec_trace = note
        graph.fold(log)
        graph._db.exec_trace = None
    assert counted
    assert not any(counted)


def test_readers_see_one_state_while_segments_are_sealed_and_merged(tmp_path: Path) -> None:
    log, _ = random_log(8, 400, erasing=0)
    counts: dict[int, set[int]] = {}
    first = folded(FakeLog(), tmp_path, "graph.db")
    first.close()
    ended = threading.Event()
    wrong: list[Any] = []

    def read() -> None:
        reader = GraphReader(tmp_path / "graph.db")
        while not ended.is_set():
            with reader.snapshot() as snapshot:
                tail = snapshot.db.execute("SELECT count(*) FROM causes").get
                sealed = sum(segment.edges for segment in snapshot.segments)
                counts.setdefault(snapshot.size, set()).add(tail + sealed)
        reader.close()

    def watched() -> None:
        try:
            read()
        except Exception as error:  # noqa: BLE001
            wrong.append(error)

    threads = [threading.Thread(target=watched) for _ in range(2)]
    for thread in threads:
        thread.start()
    try:
        grown(tmp_path, log, step=3)
    finally:
        ended.set()
        for thread in threads:
            thread.join()
    assert not wrong
    assert len(counts) > 5
    assert all(len(seen) == 1 for seen in counts.values())
