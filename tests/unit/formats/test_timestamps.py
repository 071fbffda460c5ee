"""RFC 3339 in, one spelling out: equal instants are equal text, and text order is time order."""

import contextlib
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wherefrom.errors import Malformed
from wherefrom.formats import timestamps

moments = st.datetimes(timezones=st.just(UTC))
offsets = st.integers(-23 * 60 - 59, 23 * 60 + 59)


@given(moments)
def test_writing_and_reading_again_gives_the_moment(moment):
    written = timestamps.to_text(moment)
    assert len(written) == 27
    assert timestamps.parse(written, where="x") == moment
    assert timestamps.canonical(written, where="x") == written


@pytest.mark.parametrize(
    ("moment", "seconds", "expected"),
    [
        ("2026-01-01T00:00:00Z", -86_400, "2025-12-31T00:00:00.000000Z"),
        ("2026-01-01T00:00:00Z", 0.5, "2026-01-01T00:00:00.500000Z"),
        ("0001-01-05T00:00:00Z", -30 * 86_400, "0001-01-01T00:00:00.000000Z"),
        ("9999-12-31T00:00:00Z", 86_400, "9999-12-31T23:59:59.999999Z"),
    ],
)
def test_a_moment_moves_as_far_as_there_are_times(moment, seconds, expected):
    assert timestamps.moved(moment, seconds) == expected


@given(moments, moments)
def test_text_order_is_time_order(one, other):
    assert (one < other) == (timestamps.to_text(one) < timestamps.to_text(other))


@given(moments.filter(lambda m: 2 < m.year < 9998), offsets)
def test_any_offset_is_the_same_instant(moment, minutes):
    local = moment.astimezone(timezone(timedelta(minutes=minutes)))
    sign, minutes = "-" if minutes < 0 else "+", abs(minutes)
    clock = local.strftime("%Y").rjust(4, "0") + local.strftime("-%m-%dT%H:%M:%S.%f")
    written = f"{clock}{sign}{minutes // 60:02}:{minutes % 60:02}"
    assert timestamps.parse(written, where="x") == moment


@pytest.mark.parametrize(
    ("text", "spelling"),
    [
        ("2026-01-01T00:00:00Z", "2026-01-01T00:00:00.000000Z"),
        ("2026-01-01t00:00:00z", "2026-01-01T00:00:00.000000Z"),
        ("2026-01-01 00:00:00Z", "2026-01-01T00:00:00.000000Z"),
        ("2026-01-01T00:00:00.5Z", "2026-01-01T00:00:00.500000Z"),
        ("2026-01-01T00:00:00.123456789Z", "2026-01-01T00:00:00.123456Z"),
        ("2026-01-01T00:00:00.999999999Z", "2026-01-01T00:00:00.999999Z"),
        ("2026-01-01t01:00:00.123456789+01:00", "2026-01-01T00:00:00.123456Z"),
        ("2026-01-01T00:00:00-00:00", "2026-01-01T00:00:00.000000Z"),
        ("2016-12-31T23:59:60Z", "2016-12-31T23:59:59.999999Z"),
        ("0001-01-01T00:00:00Z", "0001-01-01T00:00:00.000000Z"),
        ("9999-12-31T23:59:59.999999Z", "9999-12-31T23:59:59.999999Z"),
    ],
)
def test_the_spellings_of_producers_become_one(text, spelling):
    assert timestamps.canonical(text, where="x") == spelling


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2026-01-01",
        "2026-01-01T00:00:00",
        "2026-1-1T00:00:00Z",
        "2026-01-01T00:00Z",
        "2026-01-01T00:00:00.Z",
        "2026-01-01T00:00:00+0100",
        "2026-01-01T00:00:00Z ",
        "2026-01-01T00:00:00Z\n",
        "+2026-01-01T00:00:00Z",
        "٢٠٢٦-01-01T00:00:00Z",
        "2026-01-01T00:00:00.1234567890123456789Z",
    ],
)
def test_another_spelling_is_malformed_and_the_field_is_named(text):
    with pytest.raises(Malformed, match=r"not an RFC 3339 time, at subject\.time"):
        timestamps.parse(text, where="subject.time")


@pytest.mark.parametrize(
    "text",
    [
        "2026-02-29T00:00:00Z",
        "2026-13-01T00:00:00Z",
        "2026-01-01T24:00:00Z",
        "2026-01-01T00:60:00Z",
        "2026-01-01T00:00:61Z",
        "2026-01-01T00:00:00+24:00",
        "2026-01-01T00:00:00+00:60",
        "0000-01-01T00:00:00Z",
        "0001-01-01T00:00:00+01:00",
        "9999-12-31T23:59:59-01:00",
    ],
)
def test_a_time_that_does_not_exist_is_malformed(text):
    with pytest.raises(Malformed, match=r"not a time that exists, at x"):
        timestamps.parse(text, where="x")


@given(st.text(max_size=40))
def test_arbitrary_text_gives_a_time_or_our_error(text):
    with contextlib.suppress(Malformed):
        timestamps.canonical(text, where="x")


def test_a_moment_without_a_zone_is_a_slip_of_the_caller():
    with pytest.raises(ValueError, match="without a time zone"):
        timestamps.to_text(datetime(2026, 1, 1))
