"""The benchmark: that its figures come out and are told truly. Which figures is never tested."""

import json

import msgspec
import pytest
from bench import peers_graph, peers_log, report, tessera_programs
from bench.__main__ import AREAS, GOALS, PEERS, run
from bench.footprint import needed
from bench.inputs import KEY, Layered, artifact, event, signed
from bench.load import Job, prepare
from bench.machine import look
from bench.place import Place
from bench.report import Results, Row
from bench.sizes import FULL, QUICK, TINY
from bench.timing import each, spread, usage_of
from bench.walkers import OF_OBJECTS, OURS, WALKERS, Walker, by_level

from wherefrom.errors import ProofError
from wherefrom.formats import admission_review
from wherefrom.formats.recognise import facts_of

MACHINE = msgspec.structs.replace(look(fsync_ms=0.25), load=0.1)
# All areas are measured in the first test that asks; beside other tests that takes long.
pytestmark = pytest.mark.timeout(900)

ROW = Row(
    area="one add",
    what="in process",
    value=0.51234,
    unit="ms",
    goal=2.0,
    beside={"p99 ms": 1.234, "pages": "cached"},
)
SLOW = Row(area="ingest", what="in batches " * 9, value=1.0, unit="/s", goal=2e5, at_least=True)


def results(*rows, **changes):
    fields = {
        "taken": "2026-01-02T03:04:05+00:00",
        "size": "quick",
        "seconds": 90.0,
        "machine": MACHINE,
        "rows": list(rows),
    }
    return Results(**{**fields, **changes})


# -- the report


def test_a_goal_is_held_on_its_own_side_only():
    assert ROW.is_met is True
    assert SLOW.is_met is False
    assert Row(area="a", what="w", value=1.0, unit="s").is_met is None


def test_a_row_shows_figure_goal_and_what_stands_beside_it():
    text = report.to_text(results(ROW))
    assert "in process" in text
    assert "0.512 ms" in text
    assert "≤ 2 ms" in text
    assert "p99 1.23 ms · pages cached" in text
    assert "1 of 1 goals held" in text


def test_a_missed_goal_stands_out():
    text = report.to_text(results(ROW, SLOW))
    assert " NO" in text
    assert "1 of 2 goals held" in text


def test_no_line_of_the_table_is_wider_than_a_terminal():
    wide = msgspec.structs.replace(ROW, what="word " * 60, beside={"a long name ms": 123456.7} | {
        f"figure {n} ms": float(n) for n in range(30)
    })  # fmt: skip
    failed = {"graph": "RuntimeError: " + "why " * 60}
    text = report.to_text(results(ROW, wide, SLOW, failed=failed))
    assert max(map(len, text.splitlines())) <= report.COLUMNS


def test_a_figure_that_could_not_be_taken_is_said_and_meets_no_goal():
    row = msgspec.structs.replace(report.not_here("peers", "a graph", "igraph"), goal=1.0)
    assert row.is_met is None
    why = "igraph is not here: make bench-peers installs it"
    assert f"a graph {'not measured':>69}" in report.to_text(results(row))
    assert why in report.to_text(results(row))
    assert f"| a graph | not measured | ≤ 1  |  | {why} |" in report.to_markdown(results(row))
    assert report.parse(report.to_json(results(row))).rows == [row]


def test_an_area_that_broke_is_told_in_the_table_and_in_the_page():
    broken = results(ROW, failed={"graph": "TimeoutError: never"})
    assert "graph could not be measured: TimeoutError: never" in report.to_text(broken)
    assert "`graph` could not be measured" in report.to_markdown(broken)


def test_a_busy_machine_is_warned_of():
    busy = msgspec.structs.replace(MACHINE, load=9.0, cores=2)
    assert "busy" in report.to_text(results(ROW, machine=busy))
    assert "busy" not in report.to_text(results(ROW))


def test_results_are_read_again_as_they_were_written():
    written = report.to_json(results(ROW, SLOW, failed={"graph": "x"}))
    assert report.parse(written) == results(ROW, SLOW, failed={"graph": "x"})
    assert json.loads(written)["rows"][0]["value"] == 0.51234


def test_only_what_is_between_the_markers_of_the_page_is_replaced(tmp_path):
    page = tmp_path / "performance.md"
    begin, end = report.BEGIN.format("growth"), report.END.format("growth")
    page.write_text(f"# Before\n{begin}\nold\n{end}\nafter\n", encoding="utf-8")
    report.write_docs(results(ROW), page, suite="growth")
    report.write_docs(results(ROW), page, suite="growth")
    text = page.read_text(encoding="utf-8")
    assert text.startswith(f"# Before\n{begin}\n")
    assert text.endswith(f"{end}\nafter\n")
    assert "old" not in text
    assert text.count("| in process | 0.512 ms | ≤ 2 ms | yes |") == 1


def test_a_page_without_markers_is_left_alone(tmp_path):
    page = tmp_path / "performance.md"
    page.write_text("# Before\n")
    with pytest.raises(ValueError, match="has no lines"):
        report.write_docs(results(ROW), page, suite="growth")
    assert page.read_text() == "# Before\n"


# -- times


def test_percentiles_are_of_times_that_were_taken():
    times = spread([n / 1000 for n in range(1, 101)])
    assert times == pytest.approx((50.0, 99.0, 100.0))
    assert spread([0.25]) == pytest.approx((250.0, 250.0, 250.0))
    with pytest.raises(ValueError, match="no times"):
        spread([])


def test_each_call_gets_its_number():
    seen = []
    each(3, seen.append)
    assert seen == [0, 1, 2]


def test_a_process_that_is_gone_has_used_nothing():
    assert usage_of(2**22 + 1) == (0.0, 0.0, 0.0, 0.0, 0.0)


# -- what is sent


def test_the_same_number_and_run_give_the_same_record_and_others_another():
    assert event(1, "a") == event(1, "a")
    assert signed(1, "a") == signed(1, "a")
    assert len({event(1, "a"), event(2, "a"), event(1, "b")}) == 3
    assert len({signed(1, "a"), signed(2, "a"), signed(1, "b")}) == 3


def test_records_are_of_the_formats_they_claim():
    assert facts_of(event(1, "a")).kind == "event"
    facts = facts_of(signed(1, "a"))
    assert facts.type == "https://slsa.dev/provenance/v1"
    assert "sha256:" + artifact(1, "a") in {node.id for node in facts.nodes}


def test_layers_lead_down_to_the_first_one():
    made = Layered(200)
    facts = facts_of(made.content(199))
    used = [e.target for e in facts.edges if e.relation == "used" and "sha256:" in e.target]
    below = {made.digest(n) for n in range(180, 190)}
    assert used
    assert set(used) <= below


def test_the_edges_of_a_layered_record_are_as_many_as_is_said():
    made = Layered(2_000)
    edges = sum(len(facts_of(made.content(n)).edges) for n in range(0, 2_000, 7))
    assert edges / len(range(0, 2_000, 7)) == pytest.approx(Layered.EDGES_EACH, rel=0.15)


def job(**changes):
    fields = {
        "port": 1,
        "token": "t",
        "run": "r",
        "kind": "mixed",
        "records": 95,
        "batch": 10,
        "connections": 2,
    }
    return Job(**{**fields, **changes})


@pytest.mark.parametrize("batch", [0, 1, 10])
def test_a_prepared_load_holds_every_record_once(batch):
    prepared = prepare(job(batch=batch))
    assert sum(request.records for request in prepared) == 95
    bodies = b"".join(request.written.partition(b"\r\n\r\n")[2] for request in prepared)
    assert bodies.count(KEY.id.encode()) == 47
    assert bodies.count(b'"runId"') == 48


def test_a_load_of_reviews_asks_for_the_images_of_its_pool_and_for_no_other():
    wanted = msgspec.structs.replace(job(batch=5), kind="review", pool=7, records=100)
    prepared = prepare(wanted)
    assert [request.records for request in prepared] == [5] * 20
    bodies = [request.written.partition(b"\r\n\r\n")[2] for request in prepared]
    reviews = [admission_review.parse(body) for body in bodies]
    assert len({one.uid for one in reviews}) == 20
    images = [use.image.rpartition(":")[2] for one in reviews for use in one.images()]
    assert images == [artifact(n % 7, wanted.run) for n in range(100)]


def test_a_steady_load_is_due_at_its_rate():
    due = [request.due for request in prepare(job(rate=100))]
    assert due == pytest.approx([n / 10 for n in range(10)])


# -- every area, small


@pytest.fixture(scope="module")
def whole_run(tmp_path_factory):
    said = []
    taken = run(tmp_path_factory.mktemp("bench"), TINY, list(AREAS), said.append)
    if taken.failed:  # once more: a client that loads a server gives up where others load it too
        again = run(tmp_path_factory.mktemp("again"), TINY, list(taken.failed), lambda says: None)
        rows = [*taken.rows, *again.rows]
        taken = msgspec.structs.replace(taken, rows=rows, failed=again.failed)
    return taken, said


def test_every_area_is_measured(whole_run):
    taken, said = whole_run
    assert taken.failed == {}, "\n".join(said)
    measured = [row for row in taken.rows if row.value is not None]
    # A rank may be the worst there is, and to watch a few costs next to nothing; whatever else is
    # timed or counted is something.
    free = ("top", "ms CPU/s")
    assert all(row.value > 0 for row in measured if not row.unit.startswith(free))
    assert all("make bench-peers" in row.beside[""] for row in taken.rows if row not in measured)
    assert [line for line in said if line.startswith("measuring")] == [
        f"measuring: {area}" for area in AREAS
    ]


def test_every_number_of_the_design_has_its_goal(whole_run):
    goals = {(row.goal, row.unit) for row in whole_run[0].rows}
    assert goals >= {
        (2.0, "ms"), (5.0, "ms"), (100_000.0, "/s"), (40_000.0, "/s"), (25_000.0, "/s"),
        (12_000.0, "/s"), (3_000.0, "/s"), (40.0, "B"), (300_000.0, "/s"), (400.0, "MB/s"),
        (15.0, "ms"), (1000.0, "ms"), (250.0, "ms"), (60.0, "ms"), (200.0, "ms"), (120.0, "MB"),
    }  # fmt: skip


def test_figures_of_writing_stand_beside_the_disk_and_the_processors(whole_run):
    rows = [row for row in whole_run[0].rows if "HTTP burst" in row.area]
    assert len(rows) == 4
    for row in rows:
        assert row.beside["fdatasync ms"] > 0
        assert "client CPU %" in row.beside


def test_the_memory_of_a_server_is_that_of_each_of_its_processes(whole_run):
    (row,) = [row for row in whole_run[0].rows if "at rest" in row.what]
    assert set(row.beside) == {"writer MB", "reader MB", "fold MB", "watch MB"}
    assert row.value == pytest.approx(sum(row.beside.values()))


# -- those of others


def named(run, name):
    areas = ("logs:", "graphs of")
    rows = [row for row in run[0].rows if row.area.startswith(areas)]
    found = [row for row in rows if row.what.startswith(name)]
    assert found, name
    return found


def test_every_graph_of_others_has_its_figures_or_says_that_it_is_not_here(whole_run):
    for name, walker in (WALKERS | OF_OBJECTS).items():
        rows = named(whole_run, name)
        missing = walker.missing()
        if missing is None:
            assert {row.what.rpartition(":")[2] for row in rows} >= {" open"}
            assert all(row.value is not None for row in rows)
        else:
            assert [(row.value, row.beside[""].split()[0]) for row in rows] == [(None, missing)]


def test_graphs_that_are_installed_for_the_tests_are_measured(whole_run):
    for name in (OURS, "SQLite, one recursive", "prov, its graph"):
        asked = [row for row in named(whole_run, name) if "depth 10" in row.what]
        assert all(row.beside["nodes each"] > 1 for row in asked)
        assert all(row.beside["answers with"] for row in asked)


def test_every_log_of_others_has_its_figures_or_says_that_it_is_not_here(whole_run):
    assert all(row.value is not None for row in named(whole_run, "wherefrom"))
    for name, log in peers_log.OTHERS.items():
        appended, proved, kept = named(whole_run, name)
        figures = [row.value is not None for row in (appended, proved, kept)]
        assert figures == [log.missing() is None] * 3
        assert "durable" in appended.beside or log.missing() in appended.beside[""]


def test_goals_are_measured_without_what_others_made():
    assert not set(GOALS) & set(PEERS)


def test_a_graph_that_is_not_installed_is_a_row_that_says_so(tmp_path, monkeypatch):
    absent = Walker(("no_such_graph.inside",), None, None)
    monkeypatch.setattr(peers_graph, "WALKERS", {"a graph": absent})
    monkeypatch.setattr(peers_graph, "OF_OBJECTS", {})
    (row,) = peers_graph.measure(Place(tmp_path, TINY, lambda line: None))
    assert row.value is None
    assert row.beside[""] == "no_such_graph.inside is not here: make bench-peers installs it"


def test_an_answer_that_differs_from_ours_stops_the_comparison():
    peers_graph.need_same("a graph", [4, 7], [4, 7, 9])
    with pytest.raises(RuntimeError, match="a graph answers question 1 with 8 nodes, ours with 7"):
        peers_graph.need_same("a graph", [4, 8], [4, 7, 9])


def test_levels_end_at_the_depth_that_is_asked_for():
    assert by_level(lambda node: [node + 1, node + 1, node], 0) == 11
    assert by_level({1: [2, 3], 2: [3], 3: []}.__getitem__, 1) == 3


def test_a_root_or_a_proof_that_is_wrong_stops_the_comparison():
    root = peers_log.root_of_entries(3)
    peers_log.need_root("a log", root, root)
    with pytest.raises(RuntimeError, match="a log has root 00"):
        peers_log.need_root("a log", bytes(32), root)
    two = [peers_log.root_of_entries(2)]
    peers_log.need_proof(two, root, size=3)
    with pytest.raises(ProofError, match="leaf 2 of 3"):
        peers_log.need_proof([bytes(32)], root, size=3)


@pytest.mark.parametrize(
    ("said", "ok"),
    [
        ("I1 fsck.go:161] Successfully fsck'd log with size 7 and root AAA= (00ff)", True),
        ("E1 main.go:92] fsck failed: calculated root 00, but checkpoint claims 01", False),
        ("", False),
    ],
)
def test_fsck_is_believed_by_what_it_says_for_it_always_exits_0(tmp_path, monkeypatch, said, ok):
    program = tmp_path / "fsck"
    program.write_text(f"#!/bin/sh\ncat >&2 <<'END'\n{said}\nEND\n")
    program.chmod(0o700)
    monkeypatch.setattr(tessera_programs, "_BIN", tmp_path)
    if ok:
        assert tessera_programs.fsck(tmp_path, tmp_path / "vkey")[:2] == (7, "00ff")
    else:
        with pytest.raises(RuntimeError, match="fsck did not succeed"):
            tessera_programs.fsck(tmp_path, tmp_path / "vkey")


def test_tessera_is_missing_until_both_programs_are_built(tmp_path, monkeypatch):
    monkeypatch.setattr(tessera_programs, "_BIN", tmp_path)
    (tmp_path / "fsck").touch()
    assert "Go toolchain" in tessera_programs.missing()
    (tmp_path / "tessera").touch()
    assert tessera_programs.missing() is None
    assert tessera_programs.version() == "1.0.4"


def test_what_a_package_needs_is_found_to_the_end_and_once():
    requires = {"a": ["b", "c"], "b": ["c", "d"], "c": [], "d": ["b"]}
    assert needed("a", requires.__getitem__) == ["b", "c", "d"]
    assert {"numpy", "anyio", "pycparser"} <= set(needed("wherefrom"))
    assert not {"pytest", "mypy", "prov"} & set(needed("wherefrom"))


def test_an_area_that_breaks_costs_the_others_nothing(tmp_path, monkeypatch):
    def broken(place: Place):
        raise OSError("no such disk")

    monkeypatch.setitem(AREAS, "adds", broken)
    taken = run(tmp_path, TINY, ["adds", "floor"], lambda line: None)
    assert taken.failed == {"adds": "OSError: no such disk"}
    assert [row.area for row in taken.rows] == ["the machine"] * 2


def test_quick_is_the_same_on_less():
    assert QUICK.sustained_rate == FULL.sustained_rate
    assert QUICK.filled < FULL.filled
    assert QUICK.edges < FULL.edges
