"""The entry: one spelling, every field in its set, nothing else let through."""

import json
import random

import msgspec
import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from wherefrom.errors import LimitPassed, Malformed, Refused
from wherefrom.formats import entry as entries
from wherefrom.formats.entry import ENTRY_KINDS, LEVELS, Entry, Trust

TIME = "2026-01-01T00:00:00.000000Z"
RIGHT = Entry(
    content="sha256:" + "a" * 64,
    kind="event",
    occurred=None,
    producer="local:0",
    received=TIME,
    size=3,
    trust=Trust("channel"),
    type="text/plain",
)

times = st.datetimes().map(lambda t: t.strftime("%Y-%m-%dT%H:%M:%S.%fZ").rjust(27, "0"))
hexadecimal = st.text("0123456789abcdef", min_size=32, max_size=32)
producers = st.one_of(
    hexadecimal.map("p:{}".format), st.integers(0, 2**32).map("local:{}".format), st.just("self")
)
trusts = st.builds(
    Trust,
    st.sampled_from(LEVELS),
    st.sets(hexadecimal.map("k:{}".format), max_size=8).map(lambda s: tuple(sorted(s))),
)
types = st.text(min_size=1, max_size=60).filter(
    lambda t: (
        len(t.encode("utf-8", "surrogatepass")) <= 256
        and not any(0xD800 <= ord(c) < 0xE000 for c in t)
    )
)
entry_values = st.builds(
    Entry,
    content=st.binary(min_size=32, max_size=32).map(lambda b: "sha256:" + b.hex()),
    kind=st.sampled_from(sorted(ENTRY_KINDS)),
    occurred=st.none() | times,
    producer=producers,
    received=times,
    size=st.integers(0, 2**53 - 1),
    trust=trusts,
    type=types,
)


def changed(**fields):
    return msgspec.structs.replace(RIGHT, **fields)


@given(entry_values)
def test_writing_and_reading_again_gives_the_entry_and_the_spelling_of_rfc_8785(entry):
    written = entries.to_bytes(entries.check(entry))
    assert written == rfc8785.dumps(msgspec.to_builtins(entry))
    assert entries.parse(written) == entry
    assert entries.content_size(written) == entry.size


@given(st.binary(max_size=300))
def test_arbitrary_bytes_give_only_our_errors(written):
    with pytest.raises(Refused):
        entries.parse(written)


@given(entry_values, st.data())
def test_a_changed_byte_is_refused_or_is_another_entry_in_its_one_spelling(entry, data):
    written = bytearray(entries.to_bytes(entry))
    written[data.draw(st.integers(0, len(written) - 1))] = data.draw(st.integers(0, 255))
    try:
        read = entries.parse(bytes(written))
    except Refused:
        return
    assert entries.to_bytes(read) == written


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("v", 2),
        ("content", "sha256:" + "A" * 64),
        ("content", "sha256:" + "a" * 63),
        ("content", "sha512:" + "a" * 64),
        ("content", "sha256:" + "a" * 64 + "\n"),
        ("kind", "unknown"),
        ("occurred", "2026-01-01T00:00:00Z"),
        ("occurred", "2026-13-01T00:00:00.000000Z"),
        ("occurred", "2026-01-01T24:00:00.000000Z"),
        ("received", "2026-01-01t00:00:00.000000z"),
        ("received", ""),
        ("producer", "p:" + "a" * 31),
        ("producer", "local:01"),
        ("producer", "local:-1"),
        ("producer", "someone@example.com"),
        ("size", -1),
        ("size", 2**53),
        ("trust", Trust("believed")),
        ("trust", Trust("signed", ("k:" + "A" * 32,))),
        ("trust", Trust("signed", ("k:" + "b" * 32, "k:" + "a" * 32))),
        ("trust", Trust("signed", ("k:" + "a" * 32,) * 2)),
        ("trust", Trust("signed", tuple(f"k:{n:032x}" for n in range(9)))),
        ("type", ""),
        ("type", "é" * 129),
    ],
)
def test_a_value_outside_its_set_is_refused_and_the_field_named(field, value):
    with pytest.raises(Malformed, match=rf"an entry field is not allowed, at entry\.{field}"):
        entries.check(changed(**{field: value}))


@pytest.mark.parametrize(
    "spell",
    [
        lambda w: w.replace(b'"size":3', b'"size":3.0'),
        lambda w: w.replace(b'"size":3', b'"size": 3'),
        lambda w: w.replace(b'"size":3', b'"size":03'),
        lambda w: w.replace(b"text/plain", rb"text\/plain"),
        lambda w: w.replace(b"text/plain", rb"\u0074ext/plain"),
        lambda w: w + b"\n",
        lambda w: b" " + w,
        lambda w: b"\xef\xbb\xbf" + w,
        lambda w: w.replace(b'"v":1', b'"v":1,"v":1'),
        lambda w: w.replace(b'"v":1', b'"v":1,"w":1'),
        lambda w: w.replace(b',"v":1', b""),
        lambda w: w.replace(b'"occurred":null,', b""),
        lambda w: json.dumps(dict(reversed(json.loads(w).items()))).encode(),
    ],
)
def test_another_spelling_of_the_same_entry_is_refused(spell):
    written = entries.to_bytes(RIGHT)
    assert entries.parse(written) == RIGHT
    assert spell(written) != written
    with pytest.raises(Malformed, match=r"not in its one spelling|not an entry of version 1"):
        entries.parse(spell(written), where="entry 7")


def test_a_message_names_the_entry_it_is_about():
    with pytest.raises(Malformed, match=r"not an entry of version 1, at entry 7"):
        entries.parse(b"{}", where="entry 7")


def test_an_entry_over_two_kibibytes_is_refused():
    long = changed(type="\x01" * 256, trust=Trust("signed", tuple(f"k:{n:032x}" for n in range(8))))
    with pytest.raises(LimitPassed, match="an entry is too long: expected 2048 bytes at most"):
        entries.to_bytes(entries.check(long))


def test_half_a_surrogate_pair_in_a_type_is_malformed():
    with pytest.raises(Malformed, match=r"entry\.type"):
        entries.check(changed(type="\ud800"))


def test_the_size_is_found_without_reading_the_rest():
    chance = random.Random(1)
    for _ in range(200):
        size = chance.randrange(2**53)
        entry = changed(size=size, type='x","size":99,"' + str(chance.random()))
        assert entries.content_size(entries.to_bytes(entry)) == size


@pytest.mark.parametrize(
    "written", [b"", b"{}", b'"size":,', b'"size":x,', b'"size":1', b'"size":-1,']
)
def test_bytes_without_a_size_are_no_entry(written):
    with pytest.raises(Malformed, match="not an entry of version 1: expected a size"):
        entries.content_size(written)


def test_the_nonce_makes_equal_contents_unlike():
    one = entries.commit(nonce=bytes(16), content=b"yes")
    other = entries.commit(nonce=bytes(15) + b"\1", content=b"yes")
    assert one != other
    with pytest.raises(AssertionError):
        entries.commit(nonce=b"short", content=b"yes")
