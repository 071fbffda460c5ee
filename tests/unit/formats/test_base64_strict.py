import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wherefrom.errors import Malformed
from wherefrom.formats import base64_strict


@given(st.binary(max_size=200))
def test_what_is_written_is_read_back_and_is_what_python_writes(value):
    written = base64_strict.encode(value)
    assert base64_strict.decode(written, where="here") == value
    assert written == base64.b64encode(value).decode()


ALPHABET = "ABab01+/=-_ \n\r\tzé"


@given(st.one_of(st.text(max_size=12), st.text(ALPHABET, max_size=9)))
def test_any_other_text_is_malformed_so_a_value_has_one_spelling(text):
    try:
        value = base64_strict.decode(text, where="here")
    except Malformed:
        return
    assert base64_strict.encode(value) == text


@pytest.mark.parametrize(
    "text",
    ["Zg", "Zg=", "Zg===", "Z", "=", "====", "Zg==\n", " Zg==", "Z g=", "Zg==Zg==", "Zm8-", "Zm8_",
     "Zm9v!", "Zm9v\r\n", "Zgé=", "\ud800"],
)  # fmt: skip
def test_a_near_miss_is_not_base64(text):
    with pytest.raises(Malformed, match="not base64, at the root: expected RFC 4648"):
        base64_strict.decode(text, where="the root")


@pytest.mark.parametrize(
    ("text", "right"), [("Zh==", "Zg=="), ("Zm9=", "Zm8="), ("Zm9v=", "Zm9v"), ("//==", "/w==")]
)
def test_spare_bits_and_spare_padding_are_refused(text, right):
    with pytest.raises(
        Malformed, match=f"base64 not in its one spelling, at x: expected {right}, got {text}"
    ):
        base64_strict.decode(text, where="x")
