"""Traces over several logs: joined by ids alone, each link the word of the log that has it."""

import json

import msgspec
import pytest

from tests.folders import ME, sha256_of
from tests.journeys.test_federation import built
from wherefrom.app import DataFolder, fold_views, open_desk, open_log, open_recorder
from wherefrom.errors import Ambiguous, NotFound
from wherefrom.query.desk import TraceOptions
from wherefrom.query.others import Other

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


def test_an_entry_number_is_never_one_of_another_log(logs, tmp_path):
    a, b, _ = logs
    big = log_of(tmp_path / "big", "log.example/big", *(built(f"n{i}") for i in range(9)))
    desk = desk_of(a, *others(b, big))
    for number in ("entry:7", " entry:7 "):
        for ask in (desk.trace, desk.show):
            with pytest.raises(NotFound, match="no such entry"):
                ask(number, TraceOptions())
        assert desk.find(number).matches == []
    assert desk.trace("entry:1", TraceOptions()).starts


def test_what_is_ambiguous_in_another_log_is_no_trouble_with_it(logs, tmp_path):
    a = logs[0]
    same = {}
    for name in (f"n{i}" for i in range(300)):
        same.setdefault(sha256_of(name)[: len("sha256:") + 4], []).append(name)
    prefix = next(prefix for prefix, names in same.items() if len(names) > 1)
    two = log_of(tmp_path / "two", "log.example/two", *(built(n) for n in same[prefix]))
    desk = desk_of(a, *others(two))
    for ask in (desk.trace, desk.show):
        with pytest.raises(Ambiguous, match="several things could be meant"):
            ask(prefix, TraceOptions())
    # Where one log knows one thing by it, that is what is meant.
    one = log_of(tmp_path / "one", "log.example/one", built(same[prefix][0]))
    answer = desk_of(a, *others(two, one)).trace(prefix, TraceOptions())
    assert sha256_of(same[prefix][0]) in answer.starts
    assert not any("not followed now" in note for note in answer.notes)


def test_our_own_word_of_a_thing_comes_before_anothers(logs, tmp_path):
    """b leads to what we describe too, and have no way to."""
    a = log_of(tmp_path / "x", "log.example/x", built("app", "library"), built("tool"))
    b = logs[1]
    answer = desk_of(a, *others(b)).trace(sha256_of("app"), TraceOptions())
    assert {n.id: n.log for n in answer.nodes}[sha256_of("tool")] == ""


# -- show and find


def test_each_log_that_knows_a_thing_shows_it_with_its_own_word(logs):
    a, b, c = logs
    shown = desk_of(a, *others(b, c)).show(sha256_of("library"), TraceOptions())
    whole = [(d.id, d.log) for d in shown.matches]
    assert whole == [
        (sha256_of("library"), msgspec.UNSET), (sha256_of("library"), "log.example/b"),
    ]  # fmt: skip
    alone = desk_of(b).show(sha256_of("library"), TraceOptions())
    (theirs,) = (d for d in shown.matches if d.log)
    assert msgspec.structs.replace(theirs, log=msgspec.UNSET) == alone.matches[0]
    assert [(o.origin, o.size) for o in shown.logs] == [("log.example/b", 2), ("log.example/c", 2)]
    own = desk_of(a, *others(b, c)).show(sha256_of("library"), TraceOptions(own=True))
    assert [d.log for d in own.matches] == [msgspec.UNSET]
    assert own.logs == []


def test_what_only_another_log_knows_is_shown_as_its_word(logs):
    a, b, c = logs
    shown = desk_of(a, *others(b, c)).show(sha256_of("tool"), TraceOptions())
    assert [d.log for d in shown.matches] == ["log.example/b", "log.example/c"]
    assert shown.log.origin == "log.example/a"
    with pytest.raises(NotFound):
        desk_of(a, *others(b, c)).show("nothing-at-all", TraceOptions())


def test_find_lists_our_own_first_and_says_whose_the_others_are(logs):
    a, b, c = logs
    found = desk_of(a, *others(b, c)).find(sha256_of("library"))
    assert [(m.id, m.log) for m in found.matches] == [
        (sha256_of("library"), msgspec.UNSET), (sha256_of("library"), "log.example/b"),
    ]  # fmt: skip
    only = desk_of(a, *others(b, c)).find("tool")
    assert {m.log for m in only.matches} == {"log.example/b", "log.example/c"}
    assert desk_of(a, *others(b, c)).find("tool", own=True).matches == []


def test_what_another_log_erased_is_told_under_its_name(logs):
    a, b, _ = logs
    with open_recorder(b) as recorder:
        recorder.erase(1, reason="x", principal=ME)
    fold_views(b, open_log(b))
    desk = desk_of(a, *others(b))
    for answer in (
        desk.trace(sha256_of("app"), TraceOptions()),
        desk.show(sha256_of("app"), TraceOptions()),
    ):
        assert answer.erased == []
        assert [o.erased for o in answer.logs] == [[1]]


def test_show_and_find_of_a_log_that_follows_nobody_are_as_ever(logs):
    a = logs[0]
    shown = json.loads(msgspec.json.encode(desk_of(a).show(sha256_of("app"), TraceOptions())))
    found = json.loads(msgspec.json.encode(desk_of(a).find("app")))
    for answer in (shown, found):
        assert "logs" not in answer
        assert answer["matches"]
        assert all("log" not in match for match in answer["matches"])
    assert shown["matches"][0]["marks"] == []
    assert found["matches"][0]["because"]
