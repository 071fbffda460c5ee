"""What a link may say, and that saying it again gives the same link."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.datastructures import QueryParams

from wherefrom.errors import LimitPassed, Malformed
from wherefrom.formats.facts import KINDS, RELATIONS
from wherefrom.web.lineage.filters import (
    CHOICES_MAX,
    DEPTH_MAX,
    DIRECTIONS,
    OPENED_MAX,
    TRUST,
    Filters,
    read_filters,
    token_of,
)
from wherefrom.web.words import lineage_path


def read(query):
    return read_filters(QueryParams(query))


TOKENS = st.text("0123456789abcdef", min_size=10, max_size=10)
FILTERS = st.builds(
    Filters,
    direction=st.sampled_from(DIRECTIONS),
    depth=st.integers(1, DEPTH_MAX),
    kinds=st.lists(st.sampled_from(sorted(KINDS)), unique=True, max_size=5).map(tuple),
    relations=st.lists(st.sampled_from(sorted(RELATIONS)), unique=True, max_size=5).map(tuple),
    trust=st.sampled_from(TRUST),
    opened=st.lists(TOKENS, unique=True, max_size=OPENED_MAX).map(tuple),
    as_of=st.none() | st.integers(0, 2**53),
)


@given(FILTERS, st.text(min_size=1), st.text(min_size=1))
def test_a_link_reads_back_as_the_filters_that_wrote_it(filters, origin, to):
    link = filters.link("sha256:ab", origin=origin, to=to)
    path, _, query = link.partition("?")
    assert path == "/lineage/sha256:ab"
    assert read(query).link("sha256:ab") == link
    assert len(filters.link("sha256:ab")) < 1500


def test_no_filters_are_a_link_without_a_query():
    assert Filters().link("pkg:pypi/flask@3") == "/lineage/pkg:pypi%2Fflask@3"
    assert read("") == Filters()
    assert lineage_path("https://a/b?c") == "/lineage/https:%2F%2Fa%2Fb%3Fc"


def test_an_empty_field_of_the_form_says_nothing():
    assert read("direction=&depth=&trust=&from=&to=&kind=&open=&at=&as_of=") == Filters()


@pytest.mark.parametrize(("query", "where", "says"), [
    ("direction=left", r"\?direction=", "expected both up down"),
    ("depth=0", r"\?depth=", "1 to 20"), ("depth=21", r"\?depth=", "1 to 20"),
    ("depth=+1", r"\?depth=", "got"), ("depth=1_0", r"\?depth=", "got 1_0"),
    ("kind=ship", r"\?kind=", "got ship"), ("relation=likes", r"\?relation=", "got likes"),
    ("trust=much", r"\?trust=", "channel batch keyless signed self"),
    ("from=a", r"\?from=&to=", "both, or neither"),
    ("open=xyz", r"\?open=", "10 hex digits"), ("open=0123456789,%C3%A9", r"\?open=", "got é"),
    ("as_of=-1", r"\?as_of=", "a whole number"),
])  # fmt: skip
def test_what_a_link_cannot_say_is_refused_with_what_it_can(query, where, says):
    with pytest.raises(Malformed, match=f"{where}.*{says}"):
        read(query)


def test_too_much_in_a_link_is_refused():
    tokens = ",".join(token_of(str(n)) for n in range(OPENED_MAX + 1))
    with pytest.raises(LimitPassed, match=f"{OPENED_MAX} at most"):
        read(f"open={tokens}")
    kinds = "&".join(f"kind={kind}" for kind in list(KINDS)[: CHOICES_MAX + 1])
    with pytest.raises(LimitPassed, match=f"{CHOICES_MAX} at most"):
        read(kinds)
