"""CBOR: one spelling out, every well-formed spelling in; cbor2 is asked what it thinks."""

import cbor2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wherefrom.errors import LimitPassed, Malformed
from wherefrom.formats.cbor import DEPTH_MAX, Tag, decode, decode_strict, encode

INTEGERS = st.integers(-(2**64), 2**64 - 1)
SCALARS = st.one_of(
    INTEGERS, st.binary(max_size=300), st.text(max_size=50), st.booleans(), st.none()
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=30) | st.dictionaries(
        INTEGERS | st.text(max_size=9), inner, max_size=30
    ),
    max_leaves=40,
)  # fmt: skip


@given(VALUES)
def test_what_is_written_is_read_back_and_is_the_canonical_form_of_cbor2(value):
    written = encode(value)
    assert decode_strict(written) == value
    assert cbor2.loads(written) == value


@given(SCALARS | st.lists(SCALARS))
def test_cbor2_writes_the_same_bytes(value):
    assert encode(value) == cbor2.dumps(value, canonical=True)


def test_keys_are_in_the_order_of_their_bytes_as_rfc_8949_has_them():
    # The example of RFC 8949 §4.2.1, as far as keys are numbers and texts.
    assert encode({"aa": 1, "z": 2, -1: 3, 100: 4, 10: 5}).hex() == (
        "a5" "0a05" "186404" "2003" "617a02" "62616101"
    )  # fmt: skip


@given(st.binary(max_size=60))
def test_whatever_is_read_is_what_cbor2_reads(written):
    try:
        value = decode(written)
    except (Malformed, LimitPassed):
        return
    if b"\xc0" <= written[:1] < b"\xe0" or "Tag" in repr(value):
        return  # cbor2 makes dates and numbers of tags
    assert repr(cbor2.loads(written)) == repr(value)


@pytest.mark.parametrize(
    ("written", "says"),
    [
        ("", "cut off"),
        ("1b00", "cut off"),
        ("5820aa", "cut off"),
        ("9affffffff00", "a count of items that are not there"),
        ("bb00000000ffffffff00", "a count of items that are not there"),
        ("0000", "bytes after the end"),
        ("ff", "bytes after the end"),
        ("81ff", "a break where a value must be"),
        ("a201000100", "the key 1 stands twice"),
        ("bf01000100ff", "the key 1 stands twice"),
        ("a1f500", "neither a number nor a text"),
        ("a1f5", "a count of items"),
        ("a1810000", "neither a number nor a text"),
        ("a14100f6", "neither a number nor a text"),
        ("61ff", "not UTF-8"),
        ("7f61ff", "not UTF-8"),
        ("1c", "a length that no CBOR has"),
        ("1f", "without a length"),
        ("5f01ff", "of another kind"),
        ("5f5f4100ffff", "of another kind"),
        ("f820", "no meaning"),
        ("e0", "no meaning"),
        ("f7", "no meaning"),
    ],
)
def test_what_is_not_well_formed_is_refused_and_told_where(written, says):
    with pytest.raises(Malformed, match=f"{says}.*, at CBOR, byte"):
        decode(bytes.fromhex(written))


@pytest.mark.parametrize("deep", [b"\x81" * 40 + b"\x00", b"\xc1" * 40 + b"\x00", b"\x9f" * 40])
def test_depth_has_a_limit(deep):
    with pytest.raises(LimitPassed, match=f"nested too deep.*expected {DEPTH_MAX}"):
        decode(deep)


@pytest.mark.parametrize("written", ["1800", "5800", "9fff", "a202000100", "fb7ff8000000000000"])
def test_another_spelling_is_read_but_not_where_one_is_expected(written):
    written = bytes.fromhex(written)
    decode(written)
    with pytest.raises(Malformed, match=r"one spelling|not expected here"):
        decode_strict(written)


def test_a_tag_is_kept_and_makes_nothing_of_what_it_holds():
    assert decode(bytes.fromhex("c249010000000000000000")) == Tag(2, b"\x01" + bytes(8))
    assert encode(Tag(18, [])) == b"\xd2\x80"


def test_what_has_no_cbor_here_is_a_slip_of_the_caller():
    with pytest.raises(TypeError, match="no CBOR is written for float"):
        encode(1.5)
    with pytest.raises(ValueError, match="64 bits at most"):
        encode(1 << 64)
