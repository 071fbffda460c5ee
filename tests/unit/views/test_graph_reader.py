"""Readers: one snapshot each, in any thread, and plain words when there is nothing to read."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import apsw
import pytest

from tests.unit.views.fakes import FakeLog, folded, open_view, random_log
from wherefrom.errors import Corrupt, Unavailable
from wherefrom.query import trace
from wherefrom.views.graph import GraphReader


def test_no_file_and_no_tables_are_unavailable_not_empty(tmp_path: Path) -> None:
    with (
        pytest.raises(Unavailable, match="there is no graph view here"),
        GraphReader(tmp_path / "none").snapshot(),
    ):
        pass
    apsw.Connection(str(tmp_path / "other")).execute("CREATE TABLE meta(x)")
    with (
        pytest.raises(Unavailable, match="not made yet, or by another version"),
        GraphReader(tmp_path / "other").snapshot(),
    ):
        pass


def test_garbage_is_named_with_the_way_out(tmp_path: Path) -> None:
    (tmp_path / "garbage").write_bytes(b"garbage " * 1000)
    with (
        pytest.raises(Corrupt, match="views rebuild"),
        GraphReader(tmp_path / "garbage").snapshot(),
    ):
        pass


def test_an_empty_view_answers_with_size_0(tmp_path: Path) -> None:
    open_view(tmp_path / "graph").close()
    with GraphReader(tmp_path / "graph").snapshot() as snapshot:
        assert (snapshot.size, snapshot.origin, snapshot.root) == (0, "", None)
        assert snapshot.numbers(["sha256:a"]) == {}


def test_an_error_of_the_asker_leaves_the_connection_usable(tmp_path: Path) -> None:
    log, _ = random_log(1, 5)
    reader = folded(log, tmp_path)
    for _ in range(3):
        with pytest.raises(KeyError, match="mine"), reader.snapshot():
            raise KeyError("mine")
    with reader.snapshot() as snapshot:
        assert snapshot.size == 5
    reader.close()


def test_a_reader_cannot_write(tmp_path: Path) -> None:
    log, _ = random_log(1, 5)
    reader = folded(log, tmp_path)
    with pytest.raises(apsw.ReadOnlyError), reader.snapshot() as snapshot:
        snapshot.db.execute("DELETE FROM entries")
    reader.close()


def test_a_file_replaced_under_its_name_is_opened_again(tmp_path: Path) -> None:
    one, other = FakeLog(), FakeLog("other.example/log")
    one.add([["sha256:a", "artifact"]])
    other.add([["sha256:b", "artifact"]])
    reader = folded(one, tmp_path, "graph")
    with reader.snapshot() as snapshot:
        assert snapshot.origin == "test.example/log"
    folded(other, tmp_path, "new").close()
    os.replace(tmp_path / "new", tmp_path / "graph")
    with reader.snapshot() as snapshot:
        assert snapshot.origin == "other.example/log"
    reader.close()


def test_threads_read_while_the_view_is_folded_and_rebuilt(tmp_path: Path) -> None:
    log = FakeLog()
    for n in range(120):
        log.add(edges=[[f"sha256:{n + 1}", "derived_from", f"sha256:{n}"]])
    wrong: list[object] = []
    stop = threading.Event()
    with open_view(tmp_path / "graph") as view:
        view.fold(log, records_max=10)
        reader = GraphReader(tmp_path / "graph")

        def ask() -> None:
            while not stop.is_set():
                with reader.snapshot() as snapshot:
                    if not snapshot.size:
                        continue
                    answer = trace(snapshot, f"sha256:{snapshot.size}", depth=200)
                    if len(answer.nodes) < snapshot.size + 1 or answer.truncated:
                        wrong.append((snapshot.size, len(answer.nodes)))

        threads = [threading.Thread(target=ask) for _ in range(3)]
        for thread in threads:
            thread.start()
        for _ in range(3):
            while view.size < log.size:
                view.fold(log, records_max=7)
            view.discard()
        view.fold(log)
        stop.set()
        for thread in threads:
            thread.join()
        reader.close()
    assert wrong == []
