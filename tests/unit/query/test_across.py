"""Traces over several logs: joined by ids alone, each link the word of the log that has it."""

import json

import msgspec
import pytest

from tests.folders import ME, sha256_of
from tests.journeys.test_federation import built
from wherefrom.app import DataFolder, fold_views, open_desk, open_log, open_recorder
from wherefrom.errors import NotFound
from wherefrom.query.across import Other
from wherefrom.query.desk import TraceOptions

COMMIT = "c" * 40


def log_of(path, origin, *contents):
    folder = DataFolder(path)
    folder.create(origin=origin)
    with open_recorder(folder) as recorder:
        outcomes = recorder.record([c.encode() for c in contents], principal=ME)
        assert all(o.status == "recorded" for o in outcomes)
    fold_views(folder, open_log(folder))
    return folder


def desk_of(folder, *others):
    return open_desk(folder, open_log(folder), others=lambda: list(others))


@pytest.fixture
def logs(tmp_path):
    """a: app ← library.  b: library ← tool.  c: tool ← commit."""
    return [
        log_of(tmp_path / "a", "log.example/a", built("app", "library")),
        log_of(tmp_path / "b", "log.example/b", built("library", "tool")),
        log_of(tmp_path / "c", "log.example/c", built("tool", commit=COMMIT)),
    ]


def others(*folders, trouble=""):
    return [Other(desk_of(folder), trouble=trouble) for folder in folders]


def whose(answer):
    return {(e.source, e.relation, e.target): e.log for e in answer.edges if not e.annotation}


def test_a_chain_goes_through_as_many_logs_as_it_takes(logs):
    a, b, c = logs
    answer = desk_of(a, *others(b, c)).trace(sha256_of("app"), TraceOptions())
    assert f"gitCommit:{COMMIT}" in {n.id for n in answer.nodes}
    words = {log for (_, _, _), log in whose(answer).items()}
    assert words == {"", "log.example/b", "log.example/c"}
    assert [o.origin for o in answer.logs] == ["log.example/b", "log.example/c"]
    assert [o.edges for o in answer.logs] == [
        sum(e.log == o.origin for e in answer.edges) for o in answer.logs
    ]
    depths = {n.id: n.depth for n in answer.nodes}
    ways = [sha256_of("app"), sha256_of("library"), sha256_of("tool"), f"gitCommit:{COMMIT}"]
    assert sorted(ways, key=depths.get) == ways
    assert len({depths[w] for w in ways}) == 4


def test_the_same_records_in_one_log_give_the_same_walk(logs, tmp_path):
    a, b, c = logs
    whole = log_of(
        tmp_path / "w", "log.example/w",
        built("app", "library"), built("library", "tool"), built("tool", commit=COMMIT),
    )  # fmt: skip
    for direction, start in (("up", sha256_of("app")), ("down", COMMIT)):
        for depth in (None, 1, 2, 3, 4):
            options = TraceOptions(direction=direction, depth=depth)
            one = desk_of(whole).trace(start, options)
            for first, *rest in ((a, b, c), (b, c, a), (c, a, b)):
                many = desk_of(first, *others(*rest)).trace(start, options)
                assert {(n.id, n.depth) for n in many.nodes} == {(n.id, n.depth) for n in one.nodes}
                assert set(whose(many)) == set(whose(one))
                assert many.truncated == one.truncated, (direction, depth)


def test_what_is_missing_here_and_known_there_is_counted(logs):
    a, b, _ = logs
    alone = desk_of(a).trace(sha256_of("library"), TraceOptions())
    assert [g.missing for g in alone.gaps] == ["generated_by"]
    answer = desk_of(a, *others(b)).trace(sha256_of("library"), TraceOptions())
    assert (answer.completeness.missing, answer.completeness.closed) == (1, 1)
    assert "generated_by" not in {g.missing for g in answer.gaps if g.node == sha256_of("library")}


def test_what_only_another_log_knows_is_answered_with_its_word(logs):
    a, b, _ = logs
    answer = desk_of(a, *others(b)).trace(sha256_of("tool"), TraceOptions(direction="down"))
    assert set(whose(answer).values()) <= {"", "log.example/b"}
    assert sha256_of("app") in {n.id for n in answer.nodes}
    assert "our own log says nothing of it" in answer.notes
    assert {n.log for n in answer.nodes if n.id == sha256_of("tool")} == {"log.example/b"}
    with pytest.raises(NotFound):
        desk_of(a, *others(b)).trace(sha256_of("nothing"), TraceOptions())
    with pytest.raises(NotFound):
        desk_of(a, *others(b)).trace(sha256_of("tool"), TraceOptions(own=True))


def test_both_logs_words_for_one_link_stand_beside_each_other(logs, tmp_path):
    a = logs[0]
    again = log_of(tmp_path / "again", "log.example/again", built("app", "library"))
    answer = desk_of(a, *others(again)).trace(sha256_of("app"), TraceOptions())
    edges = [(e.source, e.relation, e.target, e.log) for e in answer.edges if not e.annotation]
    assert len(edges) == len(set(edges))
    own = {e[:3] for e in edges if not e[3]}
    theirs = {e[:3] for e in edges if e[3]}
    assert own == theirs
    assert {n.log for n in answer.nodes if n.kind == "artifact"} == {""}


def test_only_the_kinds_that_were_asked_for_are_shown_and_all_are_walked(logs):
    a, b, c = logs
    options = TraceOptions(kinds=("commit",))
    answer = desk_of(a, *others(b, c)).trace(sha256_of("app"), options)
    assert {n.kind for n in answer.nodes} == {"artifact", "commit"}
    assert [n.id for n in answer.nodes if n.kind == "artifact"] == [sha256_of("app")]


def test_trouble_with_a_log_is_said_and_the_others_answer(logs):
    a, b, _ = logs
    broken = Other(None, origin="log.example/x", trouble="its file is gone")
    answer = desk_of(a, *others(b, trouble="fork: two trees"), broken).trace(
        sha256_of("app"), TraceOptions()
    )
    assert "log.example/b is not followed now: fork: two trees" in answer.notes
    assert "log.example/x is not followed now: its file is gone" in answer.notes
    assert "log.example/b" in whose(answer).values()


def test_a_log_that_cannot_answer_costs_nobody_else_theirs(logs):
    a, b, c = logs
    b.graph_path.unlink()
    answer = desk_of(a, *others(b, c)).trace(sha256_of("app"), TraceOptions())
    assert whose(answer)
    assert any(note.startswith("log.example/b is not followed now:") for note in answer.notes)


def test_a_log_that_follows_nobody_answers_as_ever(logs):
    a = logs[0]
    said = json.loads(msgspec.json.encode(desk_of(a).trace(sha256_of("app"), TraceOptions())))
    assert "logs" not in said
    assert "completeness" not in said
    assert all("log" not in part for part in (*said["nodes"], *said["edges"]))
