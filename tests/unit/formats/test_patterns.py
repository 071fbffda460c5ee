"""Patterns of names: what a star stands for, and what it does not pass."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wherefrom.formats import patterns


@pytest.mark.parametrize(
    ("pattern", "text", "is_it"),
    [
        ("*@acme.example", "a@acme.example", True),
        ("*@acme.example", "a@evil.example@acme.example", False),
        ("*@acme.example", "acme.example", False),
        ("https://g/acme/*", "https://g/acme/x.yml@refs/heads/y@z", True),
        ("https://g/acme/*", "https://g/acme-evil/x", False),
        ("https://g/acme/*@refs/tags/*", "https://g/acme/x.yml@refs/tags/v1", True),
        ("https://g/acme/*@refs/tags/*", "https://g/acme/x.yml@refs/tags/v1@2", True),
        ("https://g/acme/*@refs/tags/*", "https://g/acme/x.yml@refs/heads/b@refs/tags/v1", False),
        ("https://g/acme/*@refs/tags/v*.0", "https://g/acme/x@refs/tags/v1.0", True),
        ("https://g/acme/*@refs/tags/v*.0", "https://g/acme/x@refs/tags/v1@2.0", False),
        ("https://g/*/x.yml@refs/heads/main", "https://g/a/x.yml@refs/heads/main", True),
        ("https://g/*/x.yml@refs/heads/main", "https://g/a/b@c/x.yml@refs/heads/main", False),
        ("*", "a@b@c", True), ("*", "", True), ("a@b", "a@b", True), ("a@b", "a@c", False),
        ("a*@*", "ab", False), ("a*b", "a@b", False), ("a@b@*", "a@b", False),
    ],
)  # fmt: skip
def test_no_star_but_the_last_passes_an_at(pattern, text, is_it):
    assert patterns.names_matches(pattern, text) is is_it


@given(st.text("ab@*/", max_size=12), st.text("ab@/", max_size=12))
def test_what_matches_so_matches_otherwise_too(pattern, text):
    if patterns.names_matches(pattern, text):
        assert patterns.matches(pattern, text)
