"""One spelling of JSON, beside a library that has it too."""

import json

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from wherefrom.errors import LimitPassed, Malformed
from wherefrom.formats.canonical_json import INTEGER_MAX, to_bytes

TEXTS = st.text(st.characters(exclude_categories=["Cs"]))
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-INTEGER_MAX, INTEGER_MAX)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXTS
)
VALUES = st.recursive(SCALARS, lambda v: st.lists(v) | st.dictionaries(TEXTS, v), max_leaves=20)


@given(VALUES)
def test_it_is_what_another_program_writes(value):
    assert to_bytes(value) == rfc8785.dumps(value)


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_number_is_read_back_as_it_was(value):
    assert float(json.loads(to_bytes(value))) == value


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (1e21, b"1e+21"),
        (1e20, b"100000000000000000000"),
        (1e-6, b"0.000001"),
        (1e-7, b"1e-7"),
        (-0.0, b"0"),
        (333333333.33333329, b"333333333.3333333"),
        (5e-324, b"5e-324"),
    ],
)
def test_numbers_are_written_as_ecmascript_does(value, written):
    assert to_bytes(value) == written


def test_keys_are_sorted_by_their_utf_16_units():
    # U+1F600 begins with a surrogate, D83D, which comes before U+FB33.
    assert to_bytes({"\ufb33": 1, "\U0001f600": 2}) == '{"\U0001f600":2,"\ufb33":1}'.encode()


@pytest.mark.parametrize(
    ("value", "says"),
    [
        (float("nan"), "no such number"),
        (float("inf"), "no such number"),
        (INTEGER_MAX + 2, "doubles do not hold"),
        (10**400, "doubles do not hold"),
        ("\ud800", "half a surrogate"),
        ({"\ud800": 1}, "half a surrogate"),
        ({1: 1}, "a key of JSON is a text"),
        ({1, 2}, "no such value"),
    ],
)
def test_what_two_readers_could_take_for_two_values_is_refused(value, says):
    with pytest.raises(Malformed, match=says):
        to_bytes(value)


def test_nesting_has_a_limit():
    value = []
    for _ in range(200):
        value = [value]
    with pytest.raises(LimitPassed, match="depth_max 128"):
        to_bytes(value)
