"""The fold: the same entries give the same graph, whatever happens on the way."""

from __future__ import annotations

import random
import sqlite3
from pathlib import Path
from typing import Any

import apsw
import pytest

from tests.unit.views.fakes import FakeLog, facts_of, lines, open_view, random_log, sha
from wherefrom.errors import Corrupt
from wherefrom.formats import own
from wherefrom.log.logged import Logged
from wherefrom.views import folded
from wherefrom.views.graph import GraphReader, GraphView, view


def fold_all(log: FakeLog, path: Path) -> list[tuple[Any, ...]]:
    with open_view(path) as graph:
        graph.fold(log)
    return lines(path)


@pytest.mark.parametrize("seed", range(25))
def test_random_batches_erasures_and_a_rebuild_give_one_state(seed: int, tmp_path: Path) -> None:
    chance = random.Random(seed)
    log, erased = random_log(seed, 60)
    with open_view(tmp_path / "in-batches") as graph:
        while graph.size < log.size:
            graph.fold(log, records_max=chance.randrange(1, 9))
    with_content = fold_all(log, tmp_path / "at-once")
    for entry in erased:
        log.drop(entry)
    rebuilt = fold_all(log, tmp_path / "rebuilt")
    assert lines(tmp_path / "in-batches") == with_content
    assert rebuilt == with_content


@pytest.mark.parametrize("seed", range(6))
def test_content_that_goes_while_the_view_follows_ends_in_the_same_state(
    seed: int, tmp_path: Path
) -> None:
    chance = random.Random(seed)
    full, erased = random_log(seed, 50)
    log = FakeLog(full.origin)
    with open_view(tmp_path / "following") as graph:
        for record in full.records:
            log.records.append(record)
            if chance.random() < 0.4:
                graph.fold(log)
            if record.entry.kind == "tombstone" and erased:
                log.drop(erased.pop(0))
        graph.fold(log)
    assert lines(tmp_path / "following") == fold_all(log, tmp_path / "rebuilt")


def test_a_rebuild_in_place_gives_the_state_it_had(tmp_path: Path) -> None:
    log, _ = random_log(99, 40)
    with open_view(tmp_path / "graph") as graph:
        graph.fold(log)
        before = lines(tmp_path / "graph")
        graph.discard()
        assert graph.size == 0
        graph.fold(log)
    assert lines(tmp_path / "graph") == before


def test_a_fold_killed_at_any_statement_leaves_the_last_committed_size(
    tmp_path: Path, sealing: str
) -> None:
    log, _ = random_log(5, 30)
    path = tmp_path / "graph"
    with open_view(path) as graph:
        graph.fold(log, records_max=12)
        before = lines(path)
        statements = 0

        class Killed(Exception):
            pass

        for kill_at in range(10_000):
            statements = 0

            def trace(_cursor: object, sql: str, _bindings: object, at: int = kill_at) -> bool:
                nonlocal statements
                statements += 1
                if statements > at and sql != "ROLLBACK":
                    raise Killed
                return True

            graph._db.exec_trace = trace
            try:
                graph.fold(log)
            except Killed:
                graph._db.exec_trace = None
                if sealing == "sealed":
                    # What is being erased leaves a segment at once, and sealing has a
                    # transaction of its own, after the one with the size.
                    assert graph.size in (12, 30)
                    continue
                assert graph.size == 12
                assert lines(path) == before
            else:
                graph._db.exec_trace = None
                break
    assert kill_at > 20
    assert lines(path) == fold_all(log, tmp_path / "fresh")


@pytest.mark.parametrize("records_max", [1, 3])
def test_transactions_are_bounded_and_carry_the_root_of_their_size(
    records_max: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folded, "RECORDS_MAX", records_max)
    log, _ = random_log(3, 10)
    sizes = []
    root_at = log.root_at

    def asked(size: int) -> bytes:
        sizes.append(size)
        return root_at(size)

    monkeypatch.setattr(log, "root_at", asked)
    with open_view(tmp_path / "graph") as graph:
        position = graph.fold(log)
    assert position == (10, root_at(10))
    assert set(range(records_max, 10, records_max)) <= set(sizes)


def test_another_facts_version_discards_the_view(tmp_path: Path) -> None:
    log, _ = random_log(1, 8)
    fold_all(log, tmp_path / "graph")
    with open_view(tmp_path / "graph", facts_version=2) as graph:
        assert graph.size == 0
    with open_view(tmp_path / "graph", facts_version=2) as graph:
        graph.fold(log)
    with open_view(tmp_path / "graph", facts_version=2) as graph:
        assert graph.size == 8


@pytest.mark.parametrize("change", ["origin", "root", "shorter"])
def test_a_view_of_another_log_is_discarded_and_built_again(change: str, tmp_path: Path) -> None:
    log, _ = random_log(1, 8)
    other, _ = random_log(2, 9)
    fold_all(log, tmp_path / "graph")
    if change == "origin":
        other.origin = "elsewhere.example/log"
    if change == "shorter":
        other.records = log.records[:5]
    with open_view(tmp_path / "graph") as graph:
        graph.fold(other)
        assert graph.root == other.position().root
    assert lines(tmp_path / "graph") == fold_all(other, tmp_path / "fresh")


def test_a_file_of_another_schema_or_no_database_is_replaced(tmp_path: Path) -> None:
    log, _ = random_log(1, 8)
    (tmp_path / "garbage").write_bytes(b"not a database" * 1000)
    with sqlite3.connect(tmp_path / "older") as older:
        older.execute("CREATE TABLE meta(size INTEGER)")
        older.execute("CREATE TABLE nodes(n TEXT)")
    older.close()
    expected = fold_all(log, tmp_path / "fresh")
    assert fold_all(log, tmp_path / "garbage") == expected
    assert fold_all(log, tmp_path / "older") == expected


def test_a_record_that_cannot_be_read_is_a_gap_and_its_neighbours_are_folded(
    tmp_path: Path,
) -> None:
    log = FakeLog()
    log.add([["sha256:a", "artifact"]])
    log.add_content(b"\xff not facts")
    log.add([["sha256:b", "no such kind"]])
    log.add(edges=[["sha256:a", "no_such_relation", "sha256:b"]])
    log.add([["sha256:\ud800".encode("utf-8", "replace").decode() + "\0", "artifact"]])
    log.add([["sha256:c", "artifact"]])
    found = fold_all(log, tmp_path / "graph")
    assert {line[1] for line in found if line[0] == "gap"} == {1, 2, 3, 4}
    assert {line[1] for line in found if line[0] == "node"} >= {"sha256:a", "sha256:c"}
    assert "sha256:b" not in {line[1] for line in found if line[0] == "node"}


def test_a_fault_in_the_reader_of_facts_is_a_gap_too(tmp_path: Path) -> None:
    log = FakeLog()
    log.add([["sha256:a", "artifact"]])

    def broken(_content: bytes) -> Any:
        raise ZeroDivisionError("a fault of ours")

    with GraphView.open(tmp_path / "graph", facts_of=broken, facts_version=1) as graph:
        graph.fold(log)
    gaps = [line for line in lines(tmp_path / "graph") if line[0] == "gap"]
    assert gaps == [("gap", 0, "facts", "ZeroDivisionError: a fault of ours", 1)]


def test_a_strangers_tombstone_and_verdict_change_nothing(tmp_path: Path) -> None:
    log = FakeLog()
    log.add([["sha256:a", "artifact"]])
    log.decide(own.Tombstone(entry=0, reason="no", by="me"), level="channel")
    found = fold_all(log, tmp_path / "graph")
    assert not [line for line in found if line[0] in ("tombstone", "missing", "verdict")]
    assert ("node", "sha256:a") in found


@pytest.mark.parametrize("entry", [1, 7])
def test_a_decision_on_an_entry_that_did_not_exist_yet_is_a_gap(entry: int, tmp_path: Path) -> None:
    log = FakeLog()
    log.add([["sha256:a", "artifact"]])
    log.tombstone(entry)
    log.judge(entry + 1, "signed", "k:" + "1" * 32)
    found = fold_all(log, tmp_path / "graph")
    gaps = [line for line in found if line[0] == "gap"]
    assert ["did not exist yet" in line[3] for line in gaps] == [True, True]
    assert not [line for line in found if line[0] in ("tombstone", "verdict")]


def test_a_recorded_gap_is_kept_with_its_count(tmp_path: Path) -> None:
    log = FakeLog()
    log.decide(own.Gap(what="records of an agent", why="its spool was full", count=12))
    found = fold_all(log, tmp_path / "graph")
    assert ("gap", 0, "records of an agent", "its spool was full", 12) in found


def test_an_erased_entry_leaves_what_others_say_and_takes_the_rest(tmp_path: Path) -> None:
    log = FakeLog()
    log.add([["sha256:a", "artifact", "mine"]], [["sha256:a", "used", "sha256:b"]])
    log.add([["sha256:a", "artifact", "yours"]], [["sha256:a", "used", "sha256:b"]])
    log.add(edges=[["sha256:a", "used", "sha256:secret"]])
    log.tombstone(0)
    log.tombstone(2)
    found = fold_all(log, tmp_path / "graph")
    assert ("cause", "sha256:a", "used", "sha256:b", 1, 0) in found
    assert {line[1] for line in found if line[0] == "name"} == {"yours"}
    assert "sha256:secret" not in {line[1] for line in found if line[0] == "node"}
    assert [line[1] for line in found if line[0] == "missing"] == [0, 2]


def test_what_a_tombstone_takes_is_not_left_in_the_file(tmp_path: Path) -> None:
    log = FakeLog()
    secret = "pkg:npm/top-secret-product"
    log.add([[secret, "package", "Top Secret Product", {"codename": "moonfish"}]])
    with open_view(tmp_path / "graph") as graph:
        graph.fold(log)
        reader = GraphReader(tmp_path / "graph")
        with reader.snapshot() as before:
            log.erase(0)
            graph.fold(log)
            assert before.numbers([secret])
        left = b"".join(p.read_bytes() for p in tmp_path.iterdir()).lower()
        assert b"top-secret" in left, "a reader of the old size still sees it"
        graph.fold(log)
        left = b"".join(p.read_bytes() for p in tmp_path.iterdir()).lower()
        assert b"top-secret" not in left
        assert b"top secret" not in left
        assert b"moonfish" not in left
        reader.close()


def test_an_erased_tombstone_brings_nothing_back_and_no_longer_counts(tmp_path: Path) -> None:
    log = FakeLog()
    log.add([["sha256:a", "artifact"]])
    first = log.erase(0)
    with open_view(tmp_path / "following") as graph:
        graph.fold(log)
        log.erase(first)
        graph.fold(log)
    found = lines(tmp_path / "following")
    assert found == fold_all(log, tmp_path / "rebuilt")
    assert [line for line in found if line[0] == "tombstone"] == [("tombstone", first, 2)]
    assert [line[1] for line in found if line[0] == "missing"] == [0, first]


def test_a_log_that_skips_an_index_is_refused(tmp_path: Path) -> None:
    log, _ = random_log(1, 8)
    log.records[4] = Logged(5, log.records[4].entry, b"{}")
    with (
        open_view(tmp_path / "graph") as graph,
        pytest.raises(Corrupt, match="did not give its entries in order"),
    ):
        graph.fold(log)


def test_a_second_writer_takes_up_where_the_first_one_left(tmp_path: Path) -> None:
    log, _ = random_log(7, 40)
    with open_view(tmp_path / "graph") as one, open_view(tmp_path / "graph") as two:
        one.fold(log, records_max=10)
        two.fold(log, records_max=25)
        one.fold(log, records_max=5)
        two.discard()
        one.fold(log)
        assert one.size == log.size
    assert lines(tmp_path / "graph") == fold_all(log, tmp_path / "fresh")


def test_a_large_record_is_written_in_parts_within_one_transaction(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("wherefrom.views.graph.batch.ROWS_MAX", 3)
    monkeypatch.setattr("wherefrom.views.graph.batch.CACHED_MAX", 2)
    log, _ = random_log(11, 50)
    in_parts = fold_all(log, tmp_path / "in-parts")
    monkeypatch.undo()
    assert in_parts == fold_all(log, tmp_path / "whole")


def test_readers_see_one_size_while_the_fold_goes_on(tmp_path: Path) -> None:
    log, _ = random_log(4, 30)
    path = tmp_path / "graph"
    with open_view(path) as graph:
        graph.fold(log, records_max=10)
        reader = GraphReader(path)
        with reader.snapshot() as early:
            seen = early.db.execute("SELECT count(*) FROM entries").get
            graph.fold(log)
            assert early.size == 10
            assert early.db.execute("SELECT count(*) FROM entries").get == seen == 10
        with reader.snapshot() as late:
            assert late.size == 30
            assert late.root == log.position().root
        reader.close()


def test_damage_to_the_file_is_named_with_the_way_out(tmp_path: Path) -> None:
    log, _ = random_log(4, 30)
    path = tmp_path / "graph"
    with open_view(path) as graph:
        graph.fold(log)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(view, "read", _raise_corrupt)
            log.add([["sha256:x", "artifact"]])
            with pytest.raises(Corrupt, match="views rebuild"):
                graph.fold(log)
        assert graph.size == 30


def _raise_corrupt(*_: object, **__: object) -> None:
    raise apsw.CorruptError("database disk image is malformed")


def test_the_stand_in_for_facts_says_what_was_written() -> None:
    log = FakeLog()
    log.add(edges=[["sha256:a", "used", "gitCommit:b", {"x": 1}]], tags=[["app:1", "sha256:a"]])
    content = log.records[0].content
    assert content is not None
    facts = facts_of(content)
    assert [n.kind for n in facts.nodes] == ["artifact", "commit"]
    assert facts.edges[0].properties == {"x": 1}
    assert facts.document == sha(content.decode())
