"""Rows of measurements: what a why-case writes can be pushed, and both spellings read alike."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wherefrom.errors import LimitPassed, Malformed
from wherefrom.formats import why_series
from wherefrom.formats.series import (
    FLAGS_MAX,
    METRICS,
    RATES,
    TEXTS,
    Labels,
    Series,
    parse_csv,
    parse_ndjson,
)
from wherefrom.formats.why_case import seconds, time_text
from wherefrom.formats.why_series import Samples

T = seconds("2026-01-01T12:00:00Z", where="")
HEAD = "time,service,metric,value"


def csv_of(*lines: str) -> bytes:
    return "\n".join(lines).encode()


def test_the_series_of_a_why_case_can_be_pushed_as_they_are() -> None:
    samples = Samples("cart", "shop", "cart-1", "v1", "success_rate", [T, T + 60], [1.0, 0.5])
    (found,) = parse_csv(why_series.to_csv([samples]))
    assert found.labels == Labels(service="cart", caller="shop", instance="cart-1", identity="v1")
    assert (found.metric, list(found.times), list(found.values)) == (
        "success_rate", [T, T + 60], [1.0, 0.5],
    )  # fmt: skip


def test_a_row_may_say_where_it_is_of_and_which_flags_are_on() -> None:
    (found,) = parse_csv(
        csv_of(
            f"{HEAD},pool,region,environment,bundle,flag:new-cart",
            "2026-01-01T12:00:00Z,cart,requests,7,canary,eu,prod,sha256:ab,on",
        )
    )
    assert found.labels == Labels(
        "prod", "cart", "", "eu", "canary", "", "", "sha256:ab", (("new-cart", "on"),)
    )


texts = st.text(
    st.characters(codec="utf-8", exclude_categories=("Cs",), exclude_characters="\0"), max_size=20
)
labels = st.builds(
    Labels,
    **dict.fromkeys(TEXTS, texts) | {"service": texts.filter(bool)},
    flags=st.dictionaries(texts.filter(bool), texts, max_size=3).map(
        lambda d: tuple(sorted(d.items()))
    ),
)


@given(labels, st.sampled_from(METRICS), st.dictionaries(
    st.integers(0, 10**6), st.floats(0, 1), min_size=1, max_size=5))  # fmt: skip
def test_what_is_written_a_line_each_is_read_back(
    where: Labels, metric: str, samples: dict[int, float]
) -> None:
    lines = [
        json.dumps(
            {"time": time_text(T + at), "metric": metric, "value": value,
             **{name: getattr(where, name) for name in TEXTS}, "flags": dict(where.flags)}
        )
        for at, value in samples.items()
    ]  # fmt: skip
    (found,) = parse_ndjson("\n".join(lines).encode())
    assert found.labels == where
    assert dict(zip(found.times, found.values, strict=True)) == {
        T + at: value for at, value in samples.items()
    }
    assert list(found.times) == sorted(found.times)


def test_the_last_of_two_rows_of_one_moment_counts() -> None:
    (found,) = parse_csv(
        csv_of(HEAD, "2026-01-01T12:00:00Z,cart,cpu,1", "2026-01-01T12:00:00Z,cart,cpu,2")
    )
    assert list(found.values) == [2.0]


@pytest.mark.parametrize("text", ["", "NaN", "inf", "1e19", "1e308"])
def test_what_was_not_measured_is_no_sample(text: str) -> None:
    assert parse_csv(csv_of(HEAD, f"2026-01-01T12:00:00Z,cart,cpu,{text}")) == []
    row = {"time": "2026-01-01T12:00:00Z", "service": "cart", "metric": "cpu", "value": None}
    assert parse_ndjson(json.dumps(row).encode()) == []


@pytest.mark.parametrize("line", ["," * 20_000, f"{HEAD}\n" + "," * 20_000])
def test_a_line_takes_no_more_memory_than_a_row_may_need(line: str) -> None:
    # Each comma would take eight bytes and more, and a kilobyte of gzip holds a million.
    with pytest.raises(LimitPassed, match="a line is too long"):
        parse_csv(line.encode())


def test_a_whole_number_larger_than_any_double_is_no_measurement() -> None:
    row = '{"time": "2026-01-01T12:00:00Z", "service": "cart", "metric": "cpu", "value": %s}'
    assert parse_ndjson((row % ("9" * 350)).encode()) == []
    with pytest.raises(Malformed, match="not a value of this metric"):
        parse_ndjson((row % ("-" + "9" * 350)).encode())


@pytest.mark.parametrize("metric", RATES)
def test_a_rate_a_little_above_one_counts_as_one_and_more_is_refused(metric: str) -> None:
    (found,) = parse_csv(csv_of(HEAD, f"2026-01-01T12:00:00Z,cart,{metric},1.04"))
    assert list(found.values) == [1.0]
    with pytest.raises(Malformed, match="line 2: value"):
        parse_csv(csv_of(HEAD, f"2026-01-01T12:00:00Z,cart,{metric},1.06"))


@pytest.mark.parametrize(
    ("lines", "says"),
    [
        (("time,service,value", "x"), "not the columns of series"),
        ((f"{HEAD},wrong",), "not the columns of series"),
        ((f"{HEAD},value",), "not the columns of series"),
        ((HEAD, "2026-01-01T12:00:00Z,cart,cpu"), "line 2: expected 4 values"),
        ((HEAD, "noon,cart,cpu,1"), "line 2: time"),
        ((HEAD, "2026-01-01T12:00:00Z,,cpu,1"), "names no service"),
        ((HEAD, "2026-01-01T12:00:00Z,cart,heat,1"), "not a metric"),
        ((HEAD, "2026-01-01T12:00:00Z,cart,cpu,-1"), "not a value"),
        ((HEAD, "2026-01-01T12:00:00Z,cart,cpu,1_0"), "not a value"),
        ((HEAD, '2026-01-01T12:00:00Z,"cart,cpu,1'), "not comma-separated"),
    ],
)
def test_what_is_no_row_is_refused_with_its_line(lines: tuple[str, ...], says: str) -> None:
    with pytest.raises(Malformed, match=says):
        parse_csv(csv_of(*lines))


@pytest.mark.parametrize(
    ("row", "says"),
    [
        ("[]", "line 1"),
        ('{"service": "cart", "metric": "cpu", "value": 1}', "time"),
        ('{"time": "2026-01-01T12:00:00Z", "service": "a", "metric": "cpu", "value": true}',
         "not a number"),
        ('{"time": "2026-01-01T12:00:00Z", "service": "a", "metric": "cpu", "value": 1, "x": 1}',
         "not a part of a row"),
    ],
)  # fmt: skip
def test_a_line_that_is_no_row_is_refused(row: str, says: str) -> None:
    with pytest.raises(Malformed, match=says):
        parse_ndjson(row.encode())


def test_limits_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    flags = ",".join(f"flag:f{n}" for n in range(FLAGS_MAX + 1))
    with pytest.raises(LimitPassed, match="flags_max"):
        parse_csv(csv_of(f"{HEAD},{flags}"))
    with pytest.raises(LimitPassed, match="too long"):
        parse_csv(csv_of(HEAD, f"2026-01-01T12:00:00Z,{'x' * 257},cpu,1"))
    monkeypatch.setattr("wherefrom.formats.series.ROWS_MAX", 1)
    rows = [f"2026-01-01T12:00:0{n}Z,cart,cpu,1" for n in range(2)]
    with pytest.raises(LimitPassed, match="rows_max"):
        parse_csv(csv_of(HEAD, *rows))
    monkeypatch.setattr("wherefrom.formats.series.SERIES_MAX", 0)
    with pytest.raises(LimitPassed, match="series_max"):
        parse_csv(csv_of(HEAD, rows[0]))


def test_series_are_values() -> None:
    assert Series(Labels(service="a"), "cpu", [1.0], [2.0]).labels.service == "a"
