"""SPIFFE ids, and the header in which a proxy passes them on."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wherefrom.errors import Malformed, Refused
from wherefrom.formats import spiffe


@pytest.mark.parametrize("text", ["spiffe://a", "spiffe://a.b_c-1/ns/prod/sa/Cart", "spiffe://a/x"])
def test_a_spiffe_id_is_one(text):
    assert spiffe.check(text) == text


@pytest.mark.parametrize(
    "text",
    [
        "", "spiffe://", "spiffe:///x", "spiffe://A/x", "spiffe://a/", "spiffe://a//x",
        "spiffe://a/../x", "spiffe://a/.", "spiffe://a/x?y", "spiffe://a:1/x", "spiffe://u@a/x",
        "https://a/x", "SPIFFE://a/x", "spiffe://a/é", "spiffe://a/x y", "spiffe://" + "a" * 256,
        "spiffe://a/" + "x" * 2048, "spiffe://a/x\n",
    ],
)  # fmt: skip
def test_what_is_no_spiffe_id_is_refused(text):
    with pytest.raises(Refused, match="SPIFFE id"):
        spiffe.check(text)


def test_the_example_of_envoy():
    text = (
        'By=http://frontend.lyft.com;Hash=468ed33be74eee6556d90c0149c1309e9ba61d6425303443c0748a02'
        'dd8de688;Subject="/C=US/CN=a, \\"b\\"; c";URI=http://testclient.lyft.com,'
        "By=http://backend.lyft.com;URI=spiffe://lyft.com/frontend;DNS=a;DNS=b"
    )  # fmt: skip
    first, last = spiffe.parse_xfcc(text)
    assert first["subject"] == ['/C=US/CN=a, "b"; c']
    assert first["uri"] == ["http://testclient.lyft.com"]
    assert last == {
        "by": ["http://backend.lyft.com"],
        "uri": ["spiffe://lyft.com/frontend"],
        "dns": ["a", "b"],
    }


@pytest.mark.parametrize("text", ["x", 'URI="a', "=a", "URI=a;;By=b", ",URI=a"])
def test_a_broken_header_is_refused_whole(text):
    with pytest.raises(Malformed, match="not an x-forwarded-client-cert"):
        spiffe.parse_xfcc(text)


QUOTED = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=30)


@given(st.lists(st.lists(QUOTED, min_size=1, max_size=3), min_size=1, max_size=3))
def test_no_quoted_value_can_pass_for_another_key(elements):
    def quoted(text):
        return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'

    written = ",".join(";".join(f"Subject={quoted(s)}" for s in e) for e in elements)
    assert spiffe.parse_xfcc(written) == [{"subject": e} for e in elements]
