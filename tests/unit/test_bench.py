"""The benchmark: that its figures come out and are told truly. Which figures is never tested."""

import json

import msgspec
import pytest
from bench import report
from bench.__main__ import AREAS, run
from bench.footprint import needed
from bench.inputs import KEY, Layered, artifact, event, signed
from bench.load import Job, prepare
from bench.machine import look
from bench.place import Place
from bench.report import Results, Row
from bench.sizes import FULL, QUICK, TINY
from bench.timing import each, spread, usage_of

from wherefrom.formats.recognise import facts_of

MACHINE = msgspec.structs.replace(look(fsync_ms=0.25), load=0.1)
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
    assert usage_of(2**22 + 1) == (0.0, 0.0, 0.0, 0.0)


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


def test_a_steady_load_is_due_at_its_rate():
    due = [request.due for request in prepare(job(rate=100))]
    assert due == pytest.approx([n / 10 for n in range(10)])


# -- every area, small


@pytest.fixture(scope="module")
def whole_run(tmp_path_factory):
    said = []
    taken = run(tmp_path_factory.mktemp("bench"), TINY, list(AREAS), said.append)
    return taken, said


def test_every_area_is_measured(whole_run):
    taken, said = whole_run
    assert taken.failed == {}, "\n".join(said)
    assert all(row.value > 0 for row in taken.rows)
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
    assert set(row.beside) == {"writer MB", "reader MB", "fold MB"}
    assert row.value == pytest.approx(sum(row.beside.values()))


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
