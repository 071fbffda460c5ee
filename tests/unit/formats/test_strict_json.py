"""Strict JSON: what two parsers could read differently is refused, with its reason."""

import contextlib
import json
import math

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wherefrom.errors import LimitPassed, Malformed, Refused
from wherefrom.formats import strict_json
from wherefrom.formats.strict_json import decode

text = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | text,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(text, inner, max_size=4),
    max_leaves=20,
)


@given(values, st.booleans())
def test_what_json_writes_is_read_as_it_was(value, ascii_only):
    assert decode(json.dumps(value, ensure_ascii=ascii_only).encode()) == value


# The short way must see nothing that the long way would refuse or read differently.
written_by = st.sampled_from(
    [
        lambda value: msgspec.json.encode(value),
        lambda value: json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode(),
        lambda value: json.dumps(value, separators=(",", ":")).encode(),
    ]
)
spoiled_by = st.sampled_from(
    [b"", b'"a":1,', b'"a":', b"1e5", b"-0", b"-0.0", b"1" * 30, b"\\u0041", b"\\ud800",
     b"\xed\xa0\x80", b" ", b",", b"{", b"[", b"1e999", b"NaN",
     b"0.1000000000000000055511151231257827"]
)  # fmt: skip


@given(values.filter(lambda v: abs(v) < 2**63 if isinstance(v, int) else True),
       written_by, spoiled_by, st.integers(0, 200))  # fmt: skip
def test_what_is_read_the_short_way_is_what_the_long_way_reads(value, write, spoil, at):
    try:
        written = write(value)
    except OverflowError:
        return
    written = written[:at] + spoil + written[at:]
    short = strict_json._as_written(written)
    if short is not None:
        assert repr(short) == repr(strict_json._read(written, depth_max=128))


def test_what_a_plain_writer_wrote_is_read_the_short_way():
    value = {"a": [1, -2, 0.5, 1e300, "é", None, True], "b": {"": {}}}
    assert strict_json._as_written(msgspec.json.encode(value)) == value


@given(st.binary(max_size=60))
def test_arbitrary_bytes_give_a_value_or_our_error(written):
    with contextlib.suppress(Refused):
        decode(written)


@pytest.mark.parametrize(
    ("written", "says"),
    [
        (b'{"a":1,"a":1}', "names one key twice, at key 'a'"),
        (b'{"a":{"b":1,"b":2}}', "names one key twice, at key 'b'"),
        (rb'{"a":1,"\u0061":2}', "names one key twice, at key 'a'"),
        (b"[NaN]", "JSON has no such value.*NaN"),
        (b"[-Infinity]", "JSON has no such value.*-Infinity"),
        (b"1e999", "too large for a double"),
        (b"-1e999", "too large for a double"),
        (rb'"\ud800"', "half a surrogate pair"),
        (rb'{"\udc00":1}', "half a surrogate pair"),
        (b"\xef\xbb\xbf{}", "not JSON"),
        (b'"\xff"', "not UTF-8 text, at byte 1"),
        (b'"\xed\xa0\x80"', "not UTF-8 text"),
        (b"{} {}", "more after the JSON value, at character 2"),
        (b"{}\x00", "more after the JSON value"),
        (b"\x0c{}", "not JSON"),
        (b"", "not JSON.*got the end of the input"),
        (b"[1,]", "not JSON, at line 1 column"),
        (b"{'a':1}", "not JSON"),
        (b'["a\nb"]', "not JSON"),
        (b"[01]", "not JSON"),
        (b"[+1]", "not JSON"),
        (b"[.5]", "not JSON"),
        (b"nul", "not JSON"),
    ],
)
def test_what_could_be_read_in_two_ways_or_none_is_malformed(written, says):
    with pytest.raises(Malformed, match=says):
        decode(written)


@pytest.mark.parametrize("space", [b" ", b"\t", b"\n", b"\r"])
def test_white_space_of_json_around_the_value_is_fine(space):
    assert decode(space + b"[1]" + space) == [1]


@pytest.mark.parametrize("open_close", [b"[]", b'{"":}'])
def test_nesting_past_the_limit_is_refused_whatever_its_depth(open_close):
    half = open_close[:1] if open_close == b"[]" else open_close[:-1]
    for depth in (129, 100_000):
        written = half * depth + b"1" + open_close[-1:] * depth
        with pytest.raises(LimitPassed, match="nested too deeply: expected depth_max 128"):
            decode(written)
    assert decode(half * 128 + b"1" + open_close[-1:] * 128)
    with pytest.raises(LimitPassed, match="depth_max 3"):
        decode(b"[[[[]]]]", depth_max=3)
    for inner in (b"", b'"\\u00e9"'):  # with an escape every string is looked at, too
        assert decode(b'[[{"a":' + b"[" + inner + b"]}]]", depth_max=4)
        with pytest.raises(LimitPassed, match="depth_max 3"):
            decode(b'[[{"a":' + b"[" + inner + b"]}]]", depth_max=3)


@pytest.mark.parametrize(
    "number", [b"1" * 401, b"1." + b"1" * 400, b"-" + b"1" * 400, b"[7," + b"2" * 401 + b"]"]
)
def test_a_number_past_the_limit_is_refused(number):
    with pytest.raises(LimitPassed, match="a number is too long: expected number_digits_max 400"):
        decode(number)


def test_a_string_past_the_limit_is_refused(monkeypatch):
    monkeypatch.setattr(strict_json, "STRING_CHARS_MAX", 1000)
    for written in (b'["' + b"x" * 1001 + b'"]', b'{"' + b"x" * 1001 + b'":1}'):
        with pytest.raises(LimitPassed, match="a string is too long: expected string_chars_max"):
            decode(written)
    assert decode(b'"' + b"x" * 1000 + b'"')


@pytest.mark.parametrize("value", [b"{}", b"[]", b"1"])
def test_more_values_than_memory_should_hold_are_refused_before_they_are_read(value, monkeypatch):
    monkeypatch.setattr(strict_json, "VALUES_MAX", 1000)
    assert len(decode(b"[" + b",".join([value] * 500) + b"]")) == 500
    with pytest.raises(LimitPassed, match="holds too many values: expected values_max 1000"):
        decode(b"[" + b",".join([value] * 1001) + b"]")


def test_a_large_integer_and_a_small_float_keep_their_value():
    assert decode(b"123456789012345678901234567890") == 123456789012345678901234567890
    assert math.isclose(decode(b"1e-320"), 1e-320)


# -- reading fields


DOCUMENT = {"object": {"a": 1}, "array": [1], "string": "x", "null": None, "empty": "", "no": False}
READERS = [
    (strict_json.need_object, strict_json.get_object, "object", {"a": 1}, {}),
    (strict_json.need_array, strict_json.get_array, "array", [1], []),
    (strict_json.need_string, strict_json.get_string, "string", "x", None),
]


@pytest.mark.parametrize(("need", "get", "key", "value", "nothing"), READERS)
def test_a_field_of_the_right_type_is_given_and_another_is_named_with_its_place(
    need, get, key, value, nothing
):
    assert need(DOCUMENT, key) == get(DOCUMENT, key) == value
    assert get(DOCUMENT, "missing") == get(DOCUMENT, "null") == nothing
    for missing in ("missing", "null"):
        with pytest.raises(Malformed, match=rf"a required field is missing, at outer\.{missing}"):
            need(DOCUMENT, missing, where="outer")
    for other in {"object", "array", "string", "no"} - {key}:
        for read in (need, get):
            with pytest.raises(Malformed, match=rf"wrong type, at outer\.{other}: expected a"):
                read(DOCUMENT, other, where="outer")


def test_an_empty_string_is_missing():
    assert strict_json.get_string(DOCUMENT, "empty") is None
    with pytest.raises(Malformed, match="a required field is missing, at empty"):
        strict_json.need_string(DOCUMENT, "empty")


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ({}, "an object"),
        ([], "an array"),
        (None, "null"),
        (True, "a boolean True"),
        (3, "a number 3"),
    ],
)
def test_a_wrong_value_is_told_by_its_json_name(value, shown):
    with pytest.raises(Malformed, match=f"expected a string, got {shown}"):
        strict_json.as_string(value, where="x")
