"""DER has one spelling for each value, and only that is read."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.sigstore_world import integer, oid, tlv
from wherefrom.errors import Malformed
from wherefrom.formats import der


@given(st.integers(0, 30), st.binary(max_size=400))
def test_what_is_written_is_read(tag, body):
    element = der.read(tlv(tag, body), where="x")
    assert (element.tag, element.body, element.whole) == (tag, body, tlv(tag, body))


@given(st.lists(st.tuples(st.integers(0, 30), st.binary(max_size=200)), max_size=8))
def test_children_are_read_in_order(parts):
    whole = tlv(0x30, *[tlv(tag, body) for tag, body in parts])
    found = der.read(whole, where="x").children(where="x")
    assert [(c.tag, c.body) for c in found] == parts


@given(st.binary(max_size=60))
def test_any_bytes_are_read_or_refused(written):
    try:
        element = der.read(written, where="x")
    except Malformed:
        return
    assert element.whole == written


@given(st.integers(0, 2**80))
def test_integers_are_read(value):
    assert der.integer(der.read(integer(value), where="x"), where="x") == value


@given(st.integers(0, 2), st.integers(0, 39), st.lists(st.integers(0, 2**40), max_size=6))
def test_object_identifiers_are_read(first, second, rest):
    dotted = ".".join(map(str, [first, second, *rest]))
    assert der.oid(der.read(oid(dotted), where="x"), where="x") == dotted


@pytest.mark.parametrize(
    "written",
    [
        "", "30", "3001", "300100ff",  # cut off, or more after it
        "30800000", "308100", "30817f" + "00" * 127, "30820005" + "00" * 5,  # another length
        "3085" + "00" * 9, "1f0100", "bf1f00",  # a length too long, tags of several bytes
    ],
)  # fmt: skip
def test_another_spelling_is_refused(written):
    with pytest.raises(Malformed, match=r"DER"):
        der.read(bytes.fromhex(written), where="x")


@pytest.mark.parametrize("body", ["", "0001", "ff80", "007f"])
def test_an_integer_in_more_bytes_than_it_needs_is_refused(body):
    element = der.read(tlv(2, bytes.fromhex(body)), where="x")
    with pytest.raises(Malformed, match="integer in another form"):
        der.integer(element, where="x")


def test_a_number_of_another_tag_is_none():
    with pytest.raises(Malformed, match="another DER value"):
        der.integer(der.read(tlv(4, b"\1"), where="x"), where="x")
    with pytest.raises(Malformed, match="another DER value"):
        der.integer(None, where="x")


@pytest.mark.parametrize("body", ["", "80", "8001", "2a80", "2a8001", "2b86"])
def test_an_object_identifier_in_another_form_is_refused(body):
    with pytest.raises(Malformed, match="object identifier"):
        der.oid(der.read(tlv(6, bytes.fromhex(body)), where="x"), where="x")


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("20260102120000Z", "2026-01-02T12:00:00+00:00"),
        ("20260102120000.5Z", "2026-01-02T12:00:00.500000+00:00"),
        ("20260102120000.1234567Z", "2026-01-02T12:00:00.123456+00:00"),
    ],
)
def test_times_are_read(written, read):
    element = der.read(tlv(0x18, written.encode()), where="x")
    assert der.generalized_time(element, where="x").isoformat() == read


@pytest.mark.parametrize("written", [
    "20260102120000", "202601021200Z", "20260102120000+0100", "20260102120000.Z",
    "20260102120000.50Z", "20261302120000Z", "20260102126000Z", " 0260102120000Z", "Z",
])  # fmt: skip
def test_a_time_in_another_form_is_refused(written):
    with pytest.raises(Malformed, match="time"):
        der.generalized_time(der.read(tlv(0x18, written.encode()), where="x"), where="x")


def test_too_many_values_are_refused():
    with pytest.raises(Malformed, match="too many"):
        der.read(tlv(0x30, b"\x05\x00" * 1025), where="x").children(where="x")
