"""Canonical JSON against the library of RFC 8785."""

from __future__ import annotations

import json
from typing import Any

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from wherefrom.errors import Malformed
from wherefrom.formats.canonical_json import INTEGER_MAX, to_bytes

values = st.recursive(
    st.none() | st.booleans() | st.integers(-INTEGER_MAX, INTEGER_MAX)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)  # fmt: skip


@given(values)
def test_it_is_what_the_library_writes_and_reads_back_equal(value: Any) -> None:
    written = to_bytes(value)
    assert written == rfc8785.dumps(value)
    assert to_bytes(json.loads(written)) == written


@pytest.mark.parametrize(
    ("value", "written"),
    [(1e21, b"1e+21"), (1e20, b"100000000000000000000"), (1e-6, b"0.000001"), (1e-7, b"1e-7"),
     (-0.0, b"0"), (123.5, b"123.5"), (-1.5e300, b"-1.5e+300"), (True, b"true")],
)  # fmt: skip
def test_numbers_are_written_as_ecmascript_does(value: Any, written: bytes) -> None:
    assert to_bytes(value) == written


@pytest.mark.parametrize(
    ("value", "message"),
    [(INTEGER_MAX + 2, "not every reader"), (10**400, "not every"),
     (float("nan"), "does not have: expected a finite"),
     (float("inf"), "a finite one"), ("\ud800", "half a surrogate"), ({"a": {1}}, "got set")],
)  # fmt: skip
def test_what_has_no_one_spelling_is_refused(value: Any, message: str) -> None:
    with pytest.raises(Malformed, match=message):
        to_bytes(value)
