"""W3C's headers: the examples of its specifications, and that what is written is read back."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wherefrom.errors import Malformed
from wherefrom.formats import trace_context as codec
from wherefrom.formats.trace_context import Baggage, TraceParent

HEX = "0123456789abcdef"
TEXT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
IDS = st.binary(min_size=16, max_size=16).filter(any).map(bytes.hex)
SPANS = st.binary(min_size=8, max_size=8).filter(any).map(bytes.hex)
PARENTS = st.builds(TraceParent, IDS, SPANS, st.integers(0, 255))
TOKENS = st.text("abcXYZ019!#$%&'*+-.^_`|~", min_size=1, max_size=20)
VALUES = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
PROPERTIES = st.lists(st.text("abc019", min_size=1, max_size=5), max_size=2).map(tuple)
MEMBERS = st.lists(st.builds(Baggage, TOKENS, VALUES, PROPERTIES), max_size=8).map(tuple)


@given(PARENTS)
def test_a_traceparent_is_read_back(parent):
    assert codec.parse_traceparent(parent.to_text()) == parent


def test_the_example_of_the_specification():
    parent = codec.parse_traceparent(TEXT)
    assert parent.trace_id == "4bf92f3577b34da6a3ce929d0e0e4736"
    assert parent.span_id == "00f067aa0ba902b7"
    assert parent.sampled
    assert not codec.parse_traceparent(TEXT[:-1] + "2").sampled


@pytest.mark.parametrize("text", ["cc" + TEXT[2:], "cc" + TEXT[2:] + "-what-comes-then"])
def test_a_newer_version_is_read_as_far_as_this_one_goes(text):
    assert codec.parse_traceparent(text) == codec.parse_traceparent(TEXT)


@pytest.mark.parametrize(
    "text",
    [
        "", TEXT[:-1], TEXT + "0", TEXT + "-x", "ff" + TEXT[2:], "cc" + TEXT[2:] + ".x",
        TEXT.upper(), TEXT.replace("-", "_"), " " + TEXT, "0" + TEXT,
        f"00-{'0' * 32}-00f067aa0ba902b7-01", f"00-4bf92f3577b34da6a3ce929d0e0e4736-{'0' * 16}-01",
        TEXT.replace("4bf", "4bg"), "٠٠" + TEXT[2:],
    ],
)  # fmt: skip
def test_what_is_no_traceparent_is_refused_whole(text):
    with pytest.raises(Malformed, match=r"not a traceparent|zeros"):
        codec.parse_traceparent(text)


def test_a_tracestate_is_read_back_in_its_order():
    text = "rojo=00f067aa0ba902b7,congo@x=t61rcWkgMzE, ,,a/b=1 2"
    members = codec.parse_tracestate(text)
    assert members == (("rojo", "00f067aa0ba902b7"), ("congo@x", "t61rcWkgMzE"), ("a/b", "1 2"))
    assert codec.parse_tracestate(codec.tracestate_text(members)) == members


@pytest.mark.parametrize("text", ["a", "a=", "A=1", "a=1,a=2", "a=1=2", "=1", "a=é", "a b=1"])
def test_what_is_no_tracestate_is_refused_whole(text):
    with pytest.raises(Malformed, match="not a tracestate"):
        codec.parse_tracestate(text)


def test_a_tracestate_has_32_members_at_most():
    assert len(codec.parse_tracestate(",".join(f"k{n}=1" for n in range(32)))) == 32
    with pytest.raises(Malformed, match="32 at most"):
        codec.parse_tracestate(",".join(f"k{n}=1" for n in range(33)))


@given(MEMBERS)
def test_baggage_is_read_back(members):
    text = codec.baggage_text(members)
    assert codec.parse_baggage(text) == members
    assert text.isascii()
    assert not set(text) & set(' "\\\r\n')


def test_the_example_of_baggage():
    text = "userId=alice , serverNode = DF%2028 ;hop; ttl=5,isProduction=false,key=1,key=2"
    assert codec.parse_baggage(text) == (
        Baggage("userId", "alice"),
        Baggage("serverNode", "DF 28", ("hop", "ttl=5")),
        Baggage("isProduction", "false"),
        Baggage("key", "1"),
        Baggage("key", "2"),
    )


@given(st.text(max_size=200))
def test_a_member_that_cannot_be_read_loses_no_other(junk):
    junk = junk.replace(",", "")
    read = codec.parse_baggage(f"a=1,{junk},b=2")
    assert Baggage("a", "1") in read
    assert Baggage("b", "2") in read


def test_bytes_that_are_no_text_are_marked():
    assert codec.parse_baggage("a=%ff") == (Baggage("a", "\ufffd"),)


def test_of_too_much_baggage_the_first_is_kept_whole():
    many = [Baggage(f"k{n}", "v") for n in range(100)]
    assert codec.parse_baggage(codec.baggage_text(many)) == tuple(many[:64])
    long = [Baggage("a", "x" * 5000), Baggage("b", "y" * 5000), Baggage("c", "z")]
    assert codec.parse_baggage(codec.baggage_text(long)) == (long[0],)
    text = "a=1,b=" + "x" * 9000
    assert codec.parse_baggage(text) == (Baggage("a", "1"),)


def test_a_key_that_is_no_token_is_refused():
    with pytest.raises(Malformed, match="not a key of baggage"):
        codec.baggage_text([Baggage("a b", "1")])
