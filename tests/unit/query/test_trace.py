"""Traces: what is walked, how it is evidenced, and what is said of what is missing."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.unit.query.model import Model
from tests.unit.views.fakes import KEY, OTHER_KEY, FakeLog, folded, random_log
from wherefrom.errors import Malformed, NotFound, Unavailable
from wherefrom.query import Trace, trace

Ask = Callable[..., Trace]


@pytest.fixture
def ask(tmp_path: Path) -> Callable[..., Trace]:
    def asked(log: FakeLog, ids: Any, **how: Any) -> Trace:
        reader = folded(log, tmp_path, f"{len(list(tmp_path.iterdir()))}.sqlite")
        try:
            with reader.snapshot() as snapshot:
                return trace(snapshot, ids, **how)
        finally:
            reader.close()

    return asked


def depths(answer: Trace) -> dict[str, int]:
    return {n.id: n.depth for n in answer.nodes}


def triples(answer: Trace) -> set[tuple[str, str, str]]:
    return {(e.source, e.relation, e.target) for e in answer.edges}


@pytest.mark.parametrize("seed", range(20))
def test_a_trace_equals_one_made_by_hand_at_every_size_time_and_depth(
    seed: int, tmp_path: Path
) -> None:
    chance = random.Random(seed)
    log, _ = random_log(seed, 45)
    reader = folded(log, tmp_path)
    compared = 0
    with reader.snapshot() as snapshot:
        for _ in range(40):
            as_of = chance.choice((None, chance.randrange(1, log.size)))
            minute = chance.randrange(60)
            at = chance.choice((None, f"2026-01-01T00:{minute:02}:00.000000Z"))
            up, depth = chance.random() < 0.5, chance.randrange(4)
            model = Model(log, as_of=as_of, at=at)
            if not model.mentioned:
                continue
            start = chance.choice(sorted(model.mentioned))
            answer = trace(
                snapshot, start, direction="up" if up else "down", depth=depth, as_of=as_of, at=at
            )
            expected, edges, frontier = model.walk(start, up=up, depth=depth)
            walked = [e for e in answer.edges if not e.annotation]
            beside = {e.source for e in answer.edges if e.annotation}
            found = depths(answer)
            assert {k: v for k, v in found.items() if k in expected} == expected
            assert found.keys() - expected.keys() <= beside
            assert {(e.source, e.relation, e.target) for e in walked} == edges
            assert answer.frontier == sorted(frontier)
            assert answer.truncated == bool(frontier)
            assert answer.reason == ("depth" if frontier else None)
            for e in answer.edges:
                entry, level, entries = model.best(e.source, e.relation, e.target)
                assert (e.entry, e.trust) == (entry, level)
                assert e.entries == entries[:8]
            documents = {
                s.source
                for s in model.statements
                if s.relation == "describes" and s.target in expected
            }
            assert documents <= found.keys()
            compared += len(answer.edges)
    reader.close()
    assert compared > 50


def build_log() -> FakeLog:
    """An artifact, its build, and an attestation that describes it and 112 others."""
    log = FakeLog()
    others = [["doc:a", "describes", f"sha256:other{n}"] for n in range(112)]
    log.add(
        [["sha256:kubectl", "artifact", "bin/kubectl", {"size": 5}]],
        [
            ["sha256:kubectl", "generated_by", "build:1"],
            ["build:1", "used", "gitCommit:5f"],
            ["build:1", "associated_with", "builder:gha"],
            ["gitCommit:5f", "specializes", "https://github.com/k/k"],
            ["doc:a", "describes", "sha256:kubectl"],
            *others,
        ],
    )
    return log


def test_up_from_a_binary_reaches_its_commit_builder_and_attestation_but_not_the_others(
    ask: Ask,
) -> None:
    answer = ask(build_log(), "sha256:kubectl")
    assert depths(answer) == {
        "sha256:kubectl": 0,
        "build:1": 1,
        "doc:a": 1,
        "builder:gha": 2,
        "gitCommit:5f": 2,
        "https://github.com/k/k": 3,
    }
    assert [e.annotation for e in answer.edges if e.relation == "describes"] == [True]
    assert not answer.truncated
    assert answer.gaps == []


def test_up_from_an_attestation_reaches_its_subjects(ask: Ask) -> None:
    answer = ask(build_log(), "doc:a")
    assert len([n for n in answer.nodes if n.depth == 1]) == 113
    assert depths(answer)["gitCommit:5f"] == 3


def test_an_attestation_that_a_build_used_does_not_lead_to_its_other_subjects(ask: Ask) -> None:
    log = build_log()
    log.add(edges=[["sha256:x", "generated_by", "build:2"], ["build:2", "used", "doc:a"]])
    assert set(depths(ask(log, "sha256:x"))) == {"sha256:x", "build:2", "doc:a"}


def test_down_from_a_commit_reaches_what_was_built_and_deployed_of_it(ask: Ask) -> None:
    log = build_log()
    log.add([["run:1", "deployment"]], [["run:1", "deploys", "sha256:kubectl"]])
    found = depths(ask(log, "gitCommit:5f", direction="down"))
    assert found["sha256:kubectl"] == 2
    assert found["run:1"] == 3
    assert "builder:gha" not in found
    assert "https://github.com/k/k" not in found


def test_down_from_a_package_reaches_every_whole_that_contains_it(ask: Ask) -> None:
    log = FakeLog()
    log.add(
        edges=[
            ["image:a", "contains", "pkg:npm/x@1"],
            ["pkg:npm/y@1", "depends_on", "pkg:npm/x@1"],
            ["image:b", "contains", "pkg:npm/y@1"],
            ["pkg:npm/x@1", "specializes", "pkg:npm/x"],
        ]
    )
    found = depths(ask(log, "pkg:npm/x", direction="down"))
    assert found == {"pkg:npm/x": 0, "pkg:npm/x@1": 1, "image:a": 2, "pkg:npm/y@1": 2, "image:b": 3}


def test_up_from_a_platform_image_goes_through_its_index_but_not_to_other_platforms(
    ask: Ask,
) -> None:
    log = FakeLog()
    log.add(
        edges=[
            ["image:index", "contains", "image:amd64"],
            ["image:index", "contains", "image:arm64"],
            ["image:index", "generated_by", "build:1"],
            ["build:1", "used", "gitCommit:1"],
            ["build:1", "associated_with", "builder:1"],
            ["image:amd64", "contains", "pkg:npm/x@1"],
        ]
    )
    answer = ask(log, "image:amd64")
    assert set(depths(answer)) == {
        "image:amd64", "image:index", "build:1", "gitCommit:1", "builder:1", "pkg:npm/x@1",
    }  # fmt: skip
    assert answer.gaps == []
    # A package does not lead to the images that contain it.
    assert set(depths(ask(log, "pkg:npm/x@1"))) == {"pkg:npm/x@1"}
    # And the index leads to all of its platforms.
    assert "image:arm64" in depths(ask(log, "image:index"))


def test_asking_for_one_name_reaches_the_facts_of_its_alternates_at_no_cost(ask: Ask) -> None:
    log = FakeLog()
    log.add(edges=[["sha256:a", "generated_by", "build:1"]])
    log.add(edges=[["sha512:a", "alternate", "sha256:a"]])
    log.add(edges=[["sha512:a", "alternate", "pkg:oci/a"]])
    for start in ("sha256:a", "sha512:a", "pkg:oci/a"):
        answer = ask(log, start, depth=1)
        assert depths(answer) == {"sha256:a": 0, "sha512:a": 0, "pkg:oci/a": 0, "build:1": 1}
        assert ("sha512:a", "alternate", "sha256:a") in triples(answer)
        assert not answer.truncated


def test_an_edge_shows_its_most_trusted_statement_as_judged_at_that_size(ask: Ask) -> None:
    log = FakeLog()
    log.add(edges=[["sha256:a", "used", "sha256:b"]], level="channel", signers=())
    log.add(edges=[["sha256:a", "used", "sha256:b", {"n": 2}]], level="signed")
    log.judge(0, "self", OTHER_KEY)
    log.judge(1, "channel")

    def edge(as_of: int | None) -> tuple[int, str, tuple[str, ...], int | None, dict[str, Any]]:
        (e,) = ask(log, "sha256:a", as_of=as_of).edges
        return e.entry, e.trust, e.signers, e.verdict, e.properties

    assert edge(1) == (0, "channel", (), None, {})
    assert edge(2) == (1, "signed", (KEY,), None, {"n": 2})
    assert edge(3) == (0, "self", (OTHER_KEY,), 2, {})
    assert edge(4) == (0, "self", (OTHER_KEY,), 2, {})
    last = ask(log, "sha256:a").edges[0]
    assert last.door == "channel"
    assert last.entries == [0, 1]


def test_at_a_time_filters_by_occurred_else_by_received_and_says_which(ask: Ask) -> None:
    log = FakeLog()
    noon, one = "2026-01-01T12:00:00.000000Z", "2026-01-01T13:00:00.000000Z"
    log.add(edges=[["sha256:a", "used", "sha256:b"]], occurred=noon, received=one)
    log.add(edges=[["sha256:a", "used", "sha256:c"]], received=one)
    log.add(edges=[["sha256:a", "used", "sha256:d"]], occurred="2026-01-01T14:00:00.000000Z")

    def seen(at: str | None) -> dict[str, str]:
        return {e.target: e.dated_by for e in ask(log, "sha256:a", at=at).edges}

    assert seen("2026-01-01T12:30:00Z") == {"sha256:b": "occurred"}
    assert seen("2026-01-01T14:00:00+01:00") == {"sha256:b": "occurred", "sha256:c": "received"}
    assert len(seen(None)) == 3
    with pytest.raises(NotFound, match="no record speaks of this"):
        seen("2026-01-01T11:00:00Z")
    with pytest.raises(Malformed, match="not an RFC 3339 time"):
        seen("yesterday")


def test_what_is_erased_is_in_no_answer_and_listed_in_every_one(ask: Ask) -> None:
    log = build_log()
    log.add(edges=[["build:1", "used", "sha256:secret"]])
    log.add(edges=[["build:1", "used", "sha256:known"]])
    log.tombstone(1)
    for as_of in (2, 3, None):
        answer = ask(log, "build:1", as_of=as_of)
        assert "sha256:secret" not in depths(answer)
        assert answer.erased == [1]
    assert ask(log, "build:1", as_of=1).erased == []


def test_every_bound_is_named_and_leaves_a_frontier(ask: Ask) -> None:
    log = FakeLog()
    for n in range(30):
        log.add(edges=[[f"sha256:{n}", "derived_from", f"sha256:{n + 1}"]])
        log.add(edges=[[f"sha256:{n}", "used", f"gitCommit:{n}"]])
    by_depth = ask(log, "sha256:0", depth=3)
    assert (by_depth.truncated, by_depth.reason, by_depth.frontier) == (True, "depth", ["sha256:3"])
    by_nodes = ask(log, "sha256:0", nodes_max=7)
    assert (by_nodes.truncated, by_nodes.reason) == (True, "nodes")
    assert len(by_nodes.nodes) == 7
    assert by_nodes.frontier
    by_time = ask(log, "sha256:0", seconds_max=1e-9)
    assert (by_time.truncated, by_time.reason) == (True, "time")
    assert by_time.frontier == ["sha256:0"]
    whole = ask(log, "sha256:0", depth=40)
    assert (whole.truncated, whole.reason, whole.frontier) == (False, None, [])
    assert len(whole.nodes) == 61


def test_a_cycle_ends(ask: Ask) -> None:
    log = FakeLog()
    log.add(edges=[["job:a", "used", "job:b"], ["job:b", "used", "job:a"]])
    answer = ask(log, "job:a")
    assert len(answer.edges) == 2
    assert not answer.truncated


def test_a_filter_by_kind_shows_less_and_walks_as_far(ask: Ask) -> None:
    answer = ask(build_log(), "sha256:kubectl", kind="commit")
    assert depths(answer) == {"sha256:kubectl": 0, "gitCommit:5f": 2}
    assert answer.edges == []
    both = ask(build_log(), "sha256:kubectl", kind=("build", "commit"))
    assert triples(both) == {
        ("sha256:kubectl", "generated_by", "build:1"),
        ("build:1", "used", "gitCommit:5f"),
    }
    assert len(ask(build_log(), "sha256:kubectl", kind=()).nodes) == 6


def test_gaps_name_what_no_record_says_and_nothing_else(ask: Ask) -> None:
    log = FakeLog()
    log.add(
        edges=[
            ["sha256:app", "generated_by", "build:1"],
            ["build:1", "used", "image:base"],
            ["build:1", "used", "sha256:input"],
        ]
    )
    answer = ask(log, "sha256:app")
    assert {(g.node, g.missing) for g in answer.gaps} == {
        ("build:1", "associated_with"),
        ("image:base", "generated_by"),
    }
    assert [g.missing for g in ask(log, "sha256:input").gaps] == ["generated_by"]
    assert [g.missing for g in ask(log, "sha256:app", direction="down").gaps] == ["effects"]
    assert ask(log, "sha256:input", direction="down").gaps == []
    # What a bound kept from being seen is no gap.
    assert ask(log, "sha256:app", depth=1).gaps == []


def test_a_gap_that_an_alternate_fills_is_none(ask: Ask) -> None:
    log = FakeLog()
    log.add(edges=[["sha256:a", "generated_by", "build:1"], ["build:1", "used", "gitCommit:1"]])
    log.add(edges=[["build:1", "associated_with", "builder:1"]])
    log.add(edges=[["sha512:a", "alternate", "sha256:a"]])
    assert ask(log, "sha512:a").gaps == []


def test_a_node_is_taken_for_what_the_most_trusted_and_then_the_latest_record_says(
    ask: Ask,
) -> None:
    log = FakeLog()
    log.add([["run:1", "run", "first", {"state": "START", "x": 1}]], level="channel", signers=())
    log.add([["run:1", "run", "second", {"state": "COMPLETE"}]], level="channel", signers=())
    (node,) = ask(log, "run:1").nodes
    assert (node.name, node.properties) == ("second", {"state": "COMPLETE", "x": 1})
    log.add([["run:1", "resource", "third", {"state": "SIGNED"}]], level="signed")
    log.add([["run:1", "artifact", "fourth", {"state": "LIE"}]], level="channel", signers=())
    (node,) = ask(log, "run:1").nodes
    assert (node.kind, node.name) == ("run", "third")
    assert node.properties == {"state": "SIGNED", "x": 1}


def test_an_edge_that_many_records_state_is_one_edge(ask: Ask) -> None:
    log = FakeLog()
    for _ in range(12):
        log.add(edges=[["pkg:npm/x@1", "specializes", "pkg:npm/x"]])
    (edge,) = ask(log, "pkg:npm/x@1").edges
    assert edge.entries == list(range(8))
    assert edge.more


def test_documents_beyond_the_limit_are_said_to_be_left_out(ask: Ask) -> None:
    log = FakeLog()
    for n in range(12):
        log.add(edges=[[f"doc:{n}", "describes", "sha256:a"]])
    answer = ask(log, "sha256:a")
    assert len(answer.edges) == 8
    assert "more documents describe" in answer.notes[0]


def test_the_answer_has_the_shape_that_outsiders_rely_on(ask: Ask) -> None:
    shape = msgspec.to_builtins(ask(build_log(), "sha256:kubectl"))
    assert shape["of"] == "sha256:kubectl"
    assert {"log", "nodes", "edges", "gaps", "erased", "truncated", "reason", "frontier"} <= set(
        shape
    )
    assert set(shape["log"]) == {"origin", "size", "root"}
    assert len(shape["log"]["root"]) == 64
    assert shape["nodes"][0] == {
        "id": "sha256:kubectl",
        "kind": "artifact",
        "name": "bin/kubectl",
        "properties": {"size": 5},
        "depth": 0,
    }
    assert {"from", "to", "relation", "entry", "trust", "signers", "occurred"} <= set(
        shape["edges"][0]
    )


def test_a_slip_in_the_question_is_told(ask: Ask) -> None:
    log = build_log()
    with pytest.raises(ValueError, match="up or down"):
        ask(log, "build:1", direction="sideways")
    with pytest.raises(ValueError, match="bounds that no walk can keep"):
        ask(log, "build:1", depth=-1)
    with pytest.raises(Unavailable, match="has not reached that log size"):
        ask(log, "build:1", as_of=2)
    with pytest.raises(NotFound, match="no record speaks of this"):
        ask(log, "build:2")
    with pytest.raises(NotFound, match="no record speaks of this"):
        ask(log, "build:\ud800")
