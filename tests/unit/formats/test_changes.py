"""Values of settings in one spelling: equal values are equal, and recorded digests stay."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wherefrom.formats.changes import SHOWN_CHARS_MAX, digest_of, text_of
from wherefrom.formats.digests import sha256_id

# What there was before RFC 8785, and still is for all but fractions written as whole numbers.
plain = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1)
    | st.text(st.characters(max_codepoint=0xD7FF)),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(st.text(st.characters(max_codepoint=0xD7FF)), inner, max_size=3),
    max_leaves=9,
)  # fmt: skip


def before(value: Any) -> str:
    written = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return sha256_id(written.encode("utf-8", "surrogatepass"))


@given(plain)
def test_digests_of_what_has_no_fractions_are_those_that_were_always_made(value: Any) -> None:
    assert digest_of(value) == before(value)


@pytest.mark.parametrize(
    ("a", "b"),
    [({"at": 1.0}, {"at": 1}), ([50.0, 1e2], [50, 100]), ({"b": 1, "a": 2}, {"a": 2, "b": 1})],
)
def test_equal_values_are_one(a: Any, b: Any) -> None:
    assert (digest_of(a), text_of(a)) == (digest_of(b), text_of(b))


@pytest.mark.parametrize(("a", "b"), [(True, 1), ("1", [1]), (None, False), ({}, [])])
def test_values_that_only_look_alike_are_two(a: Any, b: Any) -> None:
    assert digest_of(a) != digest_of(b)


@pytest.mark.parametrize("value", [{"a": "\ud800"}, [2**63 + 1], {"n": [10**30]}])
def test_what_has_no_canonical_spelling_keeps_the_one_it_had(value: Any) -> None:
    assert digest_of(value) == before(value)


def test_a_short_value_is_shown_and_a_long_one_by_its_digest() -> None:
    assert [text_of(v) for v in ("on", 1.0, 0.5, True, None, {"a": [1]})] == [
        "on", "1", "0.5", "true", "null", '{"a":[1]}',
    ]  # fmt: skip
    assert text_of("x" * SHOWN_CHARS_MAX) == "x" * SHOWN_CHARS_MAX
    long = "x" * (SHOWN_CHARS_MAX + 1)
    assert text_of(long) == digest_of(long)
