"""A why-case: what is written is read again, and what is not one is refused where it is wrong."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wherefrom.errors import LimitPassed, Malformed, Refused
from wherefrom.formats import why_case, why_series
from wherefrom.formats.why_case import Case, Change, Step, parse, to_files
from wherefrom.formats.why_series import METRICS, Samples

CHANGE = {"id": "d1", "kind": "deploy", "started": "2026-01-01T12:00:00Z"}
HEADER = "time,service,caller,instance,identity,metric,value\n"
ROW = "2026-01-01T12:00:00Z,cart,,a,v1,success_rate,0.5\n"

names = st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), min_size=1, max_size=12)
# Microseconds are what entries write; a day in January.
moments = st.integers(0, 86_400_000_000).map(lambda n: 1_767_225_600 + n / 1_000_000)
steps = st.builds(
    Step,
    at=moments,
    fraction=st.none() | st.floats(0, 1),
    added=st.lists(names, max_size=3).map(tuple),
    removed=st.lists(names, max_size=3).map(tuple),
)
changes = st.builds(
    Change,
    id=names,
    kind=st.sampled_from(why_case.KINDS),
    service=st.none() | names,
    started=moments,
    finished=st.none() | moments,
    before=st.none() | names,
    after=st.none() | names,
    steps=st.lists(steps, max_size=3).map(lambda s: tuple(sorted(s, key=lambda step: step.at))),
    scope=st.dictionaries(names, names, max_size=2),
)
keys = st.tuples(names, st.just("") | names, st.just("") | names, st.just("") | names)
series = st.builds(
    lambda key, metric, samples: Samples(
        *key, metric, [m for m, _ in samples], [v for _, v in samples]
    ),
    keys,
    st.sampled_from(METRICS),
    st.lists(
        st.tuples(moments, st.floats(0, 1)), min_size=1, max_size=4, unique_by=lambda s: s[0]
    ).map(sorted),
)
cases = st.builds(
    Case,
    detected=moments,
    symptom=st.none() | names,
    changes=st.lists(changes, max_size=3, unique_by=lambda c: c.id).map(tuple),
    series=st.lists(series, max_size=4, unique_by=lambda s: s[:5]).map(tuple),
    calls=st.lists(st.tuples(names, names), max_size=3).map(tuple),
)


def plain(case: Case) -> Any:
    """The case with lists for arrays, so that two can be compared."""
    measured = [s._replace(times=list(s.times), values=list(s.values)) for s in case.series]
    return case._replace(series=measured)


def folder(
    *, head: str = '{"detected": "2026-01-01T12:04:00Z", "symptom": null}',
    change: str = "", rows: str = "", calls: str = '{"calls": []}',
) -> dict[str, bytes]:  # fmt: skip
    return {
        "case.json": head.encode(),
        "changes.jsonl": change.encode(),
        "series.csv": (HEADER + rows).encode(),
        "topology.json": calls.encode(),
    }


@settings(max_examples=150)
@given(cases)
def test_what_is_written_is_read_again(case: Case) -> None:
    assert plain(parse(to_files(case))) == plain(case)


@settings(max_examples=150)
@given(
    st.sampled_from(why_case.FILES),
    st.integers(0, 10_000),
    st.binary(max_size=4),
    st.integers(0, 3),
)
def test_bytes_changed_anywhere_are_read_or_refused_in_our_words(
    name: str, place: int, put: bytes, cut: int
) -> None:
    files = folder(
        head='{"detected": "2026-01-01T12:04:00Z", "symptom": {"service": "shop"}}',
        change=json.dumps({**CHANGE, "steps": [{"at": "2026-01-01T12:00:00Z", "fraction": 0.5}]}),
        rows=ROW + "2026-01-01T12:01:00Z,cart,shop,a,v1,requests,7\n",
        calls='{"calls": [["shop", "cart"]]}',
    )
    content = files[name]
    at = place % (len(content) + 1)
    files[name] = content[:at] + put + content[at + cut :]
    with suppress(Refused):
        case = parse(files)
        assert plain(parse(to_files(case))) == plain(case)


def test_the_example_of_the_interface_is_read() -> None:
    case = parse(
        folder(
            head='{"detected": "2023-09-22T16:30:00Z", "symptom": {"service": "frontend"}}',
            change=json.dumps(
                {**CHANGE, "service": "cart", "scope": {}, "before": "a", "after": "b",
                 "finished": None, "steps": [{"at": "2026-01-01T14:00:00+02:00", "fraction": 0.25,
                                              "instances_added": ["x"], "instances_removed": []}]}
            ),
            rows=ROW,
            calls='{"calls": [["frontend", "cart"]]}',
        )
    )  # fmt: skip
    assert case.detected == 1_695_400_200
    assert case.symptom == "frontend"
    (change,) = case.changes
    assert change.steps == (Step(1_767_268_800, 0.25, ("x",), ()),)
    assert change.started == change.steps[0].at
    (samples,) = case.series
    assert (samples.times[0], samples.values[0]) == (1_767_268_800, 0.5)
    assert case.calls == (("frontend", "cart"),)


def test_the_last_moment_of_all_is_a_time() -> None:
    last = "9999-12-31T23:59:59.999999Z"
    files = folder(rows=ROW.replace("2026-01-01T12:00:00Z", last))
    case = parse({**files, "case.json": json.dumps({"detected": last}).encode()})
    written = to_files(case)
    assert b"9999-12-31T23:59:59.999" in written["case.json"]
    assert b"9999-12-31T23:59:59.999" in written["series.csv"]


@pytest.mark.parametrize("value", ["", "NaN", "nan", "inf", "+Inf", "1e19", "1e308"])
def test_what_was_not_measured_is_left_out(value: str) -> None:
    row = f"2026-01-01T12:00:00Z,cart,,a,v1,latency_ms_p95,{value}\n"
    assert parse(folder(rows=row)).series == ()


def test_a_rate_just_over_one_is_one_and_rows_are_put_in_order() -> None:
    late = "2026-01-01T12:05:00Z,cart,,a,v1,success_rate,1.04\n"
    (samples,) = parse(folder(rows=late + ROW)).series
    assert list(samples.values) == [0.5, 1.0]
    assert list(samples.times) == sorted(samples.times)


def test_columns_may_stand_in_another_order() -> None:
    files = folder()
    files["series.csv"] = (
        b"metric,value,time,service,caller,instance,identity\n"
        b"cpu,0.5,2026-01-01T12:00:00Z,cart,,,\n"
    )
    (samples,) = parse(files).series
    assert samples[:5] == ("cart", "", "", "", "cpu")


@pytest.mark.parametrize(
    ("files", "where", "what"),
    [
        (folder(head="{}"), "case.json", "does not say when it was detected"),
        (folder(head="[]"), "case.json", "object"),
        (folder(head='{"detected": "soon"}'), "case.json: detected", "time"),
        (folder(change="{}"), "changes.jsonl, line 1", "no id"),
        (folder(change='\n{"id": "d"'), "changes.jsonl, line 2", "JSON"),
        (folder(change=json.dumps({**CHANGE, "kind": "party"})), "line 1: kind", "kind of change"),
        (folder(change=json.dumps({**CHANGE, "started": None})), "started", "when it started"),
        (
            folder(change=json.dumps({**CHANGE, "steps": [{"fraction": 1}]})),
            "steps[0].at", "when it was taken",
        ),
        (
            folder(change=json.dumps(
                {**CHANGE, "steps": [{"at": "2026-01-01T12:00:00Z", "fraction": 50}]})),
            "steps[0].fraction", "not a fraction",
        ),
        (
            folder(change="\n".join([json.dumps(CHANGE)] * 2)),
            "changes.jsonl, line 2", "two changes have one id",
        ),
        (folder(rows="x\n"), "series.csv, line 2", "not the columns of the first line"),
        (folder(rows=ROW + ROW.replace("success_rate", "joy")), "series.csv", "not a metric"),
        (folder(rows=ROW.replace("cart", "")), "series.csv", "no service"),
        (folder(rows=ROW + ROW.replace("0.5", "1.2")), "line 3: value", "not a value"),
        (folder(rows=ROW.replace("0.5", "-1")), "line 2: value", "not a value"),
        (folder(rows=ROW.replace("0.5", "1_0")), "line 2: value", "not a value"),
        (folder(rows=ROW.replace("0.5", "half")), "line 2: value", "not a value"),
        (folder(rows=ROW.replace("2026-01-01T", "")), "line 2: time", "time"),
        (folder(calls='{"calls": [["shop"]]}'), "topology.json: calls[0]", "not a pair"),
    ],
)  # fmt: skip
def test_what_is_not_a_case_is_refused_where_it_is_wrong(
    files: dict[str, bytes], where: str, what: str
) -> None:
    with pytest.raises(Malformed) as caught:
        parse(files, where="C")
    assert where in str(caught.value)
    assert what in str(caught.value)


def test_other_columns_are_refused() -> None:
    files = {**folder(), "series.csv": b"time,value\n"}
    with pytest.raises(Malformed, match="not the columns"):
        parse(files)


def test_limits_name_what_they_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(LimitPassed, match="file of a why-case is too large"):
        parse({**folder(), "case.json": b" " * (why_case.CASE_BYTES_MAX + 1)})
    with pytest.raises(LimitPassed, match="name is too long"):
        parse(folder(change=json.dumps({**CHANGE, "id": "é" * 1_025})))
    monkeypatch.setattr(why_series, "ROWS_MAX", 3)
    with pytest.raises(LimitPassed, match="too many rows"):
        parse(folder(rows=ROW * 4))
    monkeypatch.setattr(why_series, "SERIES_MAX", 1)
    with pytest.raises(LimitPassed, match="too many series"):
        parse(folder(rows=ROW + ROW.replace("cart", "shop")))
    monkeypatch.setattr(why_case, "CHANGES_MAX", 0)
    with pytest.raises(LimitPassed, match="too many changes"):
        parse(folder(change=json.dumps(CHANGE)))
