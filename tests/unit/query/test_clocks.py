"""Clocks that are wrong: what they say is bounded, put in its place and marked, never dropped."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from tests.unit.cli.running import run
from tests.unit.query.told import reality
from wherefrom.app import DataFolder, fold_views, open_desk, open_log, open_recorder
from wherefrom.capture import changes
from wherefrom.collect.principals import local
from wherefrom.formats.states import Scope
from wherefrom.query.desk import TraceOptions
from wherefrom.query.reality import RealityOptions

A, B, C = ("sha256:" + c * 64 for c in "abc")
CART = Scope("prod", "cart")


def in_seconds(seconds):
    return (datetime.now(UTC) + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def wrapped(sequence, content, source="/ci"):
    event = json.loads(content)
    return json.dumps(
        {
            "specversion": "1.0", "id": f"{source}{sequence}", "source": source,
            "type": event["context"]["type"], "time": event["context"]["timestamp"],
            "sequence": sequence, "data": event,
        }
    ).encode()  # fmt: skip


@pytest.fixture
def folder(tmp_path):
    folder = DataFolder(tmp_path / "data")
    folder.create(origin="log.example/clocks")
    return folder


def record(folder, *contents):
    with open_recorder(folder) as recorder:
        outcomes = recorder.record(list(contents), principal=local(0))
        assert [o.status for o in outcomes] == ["recorded"] * len(contents), outcomes
    return [o.index for o in outcomes]


def test_a_deployment_that_is_dated_tomorrow_runs_now_and_is_marked(folder):
    record(folder, changes.deploy(CART, A, at=in_seconds(86_400), source="/ci"))
    answer = reality(folder).running("prod", RealityOptions())
    (place,) = answer.places
    assert (place.declared.value, place.declared.marks) == (A, ("future",))
    (change,) = reality(folder).changes("prod", RealityOptions()).changes
    assert (change.after, change.marks) == (A, ("future",))
    out = run("running", "prod", data=folder.path).out
    assert "future" in out


def test_a_clock_is_ahead_by_what_its_fastest_record_proves(folder):
    (index,) = record(folder, changes.deploy(CART, A, at=in_seconds(300), source="/ci"))
    record(folder, changes.deploy(CART, B, at=in_seconds(-7_200), source="/ci"))
    told = reality(folder).clocks(since=None, until=None)
    (clock,) = [one for one in told.clocks if one.producer == local(0).name]
    assert 299 < clock.ahead < 301
    assert 7_199 < clock.slowest < 7_202
    assert (clock.records, clock.timed, clock.future, clock.newest_future) == (2, 2, 1, index)
    out = run("clocks", data=folder.path).out
    assert "ahead at least 5.0 min" in out
    assert f"1 future, newest #{index}" in out


def test_a_clock_is_behind_by_no_more_than_its_fastest_record_took(folder):
    record(folder, changes.deploy(CART, A, at=in_seconds(-60), source="/ci"))
    told = reality(folder).clocks(since=None, until=None)
    (clock,) = [one for one in told.clocks if one.producer == local(0).name]
    assert -62 < clock.ahead < -59
    assert clock.future == 0


def test_users_of_a_machine_are_told_apart_by_their_whole_number(folder):
    for uid in (100_001, 100_002):
        with open_recorder(folder) as recorder:
            content = changes.deploy(CART, A, at=in_seconds(-60), source=f"/{uid}")
            recorder.record([content], principal=local(uid))
    out = run("clocks", data=folder.path).out
    assert "local:100001 " in out
    assert "local:100002 " in out


def test_an_hour_in_which_nobody_sent_anything_has_no_clocks(folder):
    record(folder, changes.deploy(CART, A, at=in_seconds(-60), source="/ci"))
    told = reality(folder).clocks(since="2026-01-01T00:00:00Z", until="2026-01-01T05:00:00Z")
    assert told.clocks == []


def test_a_sequence_orders_what_its_source_says_whatever_its_clock_says(folder):
    first, second = (
        wrapped(9, changes.deploy(CART, A, at=in_seconds(-60), source="/ci")),
        wrapped(10, changes.deploy(CART, B, at=in_seconds(-90), source="/ci")),
    )
    entries = record(folder, second, first)
    (place,) = reality(folder).running("prod", RealityOptions()).places
    assert place.declared.value == B
    told = reality(folder).changes("prod", RealityOptions())
    assert {c.entry: c.marks for c in told.changes} == {entries[0]: ("reordered",)}
    (numbering,) = reality(folder).clocks(since=None, until=None).numbered
    assert (numbering.source, numbering.records, numbering.newest) == ("/ci", 2, "10")
    assert (numbering.reordered, numbering.missing) == (2, 0)
    assert "2 out of order" in run("clocks", data=folder.path).out


def test_numbers_that_never_came_are_missed(folder):
    for n in (1, 2, 5):
        record(folder, wrapped(n, changes.deploy(CART, A, at=in_seconds(-60 + n), source="/ci")))
    (numbering,) = reality(folder).clocks(since=None, until=None).numbered
    assert (numbering.reordered, numbering.missing) == (0, 2)


@pytest.mark.parametrize("others", [("9" * 64,), ("٣٤",), ("a", "b")])
def test_what_counts_no_records_misses_none(others, folder):
    made = [changes.deploy(CART, A, at=in_seconds(-60 + n), source="/ci") for n in range(3)]
    record(folder, wrapped("1", made[0]))
    for said, content in zip(others, made[1:], strict=False):
        record(folder, wrapped(said, content))
    (numbering,) = reality(folder).clocks(since=None, until=None).numbered
    assert numbering.missing == (None if others[0] == "9" * 64 else 0)
    assert "never came" not in run("clocks", data=folder.path).out


def test_an_effect_stands_after_its_cause_though_it_is_dated_before(folder):
    cause = json.loads(changes.deploy(CART, A, at=in_seconds(-60), source="/cd"))
    effect = json.loads(
        changes.deploy(Scope("prod", "pay"), B, at=in_seconds(-3_600), source="/other")
    )
    effect["context"]["links"] = [
        {
            "linkType": "RELATION", "linkKind": "TRIGGER",
            "from": {"contextId": cause["context"]["id"]},
        }
    ]  # fmt: skip
    entries = record(folder, *(json.dumps(e).encode() for e in (effect, cause)))
    told = reality(folder).changes("prod", RealityOptions()).changes
    assert [(c.entry, c.marks, c.follows) for c in told] == [
        (entries[0], ("before_cause",), entries[1]),
        (entries[1], (), None),
    ]
    folded = open_log(folder)
    fold_views(folder, folded)
    shown = open_desk(folder, folded).show(
        f"cdevent:{effect['context']['id']}", TraceOptions(own=True)
    )
    (mark,) = shown.matches[0].marks
    assert (mark.mark, mark.entries) == ("before_cause", [entries[0], entries[1]])


def test_a_time_to_come_is_refused_where_a_person_says_it(folder):
    ran = run(
        "change", "deploy", "cart", A, "-e", "prod", "--at", in_seconds(3_600), data=folder.path
    )
    assert ran.code == 2
    assert "still to come" in ran.err
