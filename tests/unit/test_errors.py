"""What an error quotes is short and can be shown, whatever came."""

import pytest

from wherefrom.errors import GOT_CHARS_MAX, SAID_CHARS_MAX, Malformed
from wherefrom.formats import base64_strict, entry


@pytest.mark.parametrize("part", ["where", "expected", "got"])
def test_a_part_that_quotes_megabytes_is_cut(part):
    said = str(Malformed("no", **{part: "x" * 5_000_000}))
    assert len(said) < SAID_CHARS_MAX + 30
    assert said.endswith("x…")
    assert len(Malformed("no", got="x" * 500).got) == GOT_CHARS_MAX


@pytest.mark.parametrize("part", ["where", "expected", "got"])
@pytest.mark.parametrize("text", ["a\nb", "a\x1b[31mb", "a\u202eb", "a\ud800b", "a\0b"])
def test_what_cannot_be_shown_is_replaced(part, text):
    said = str(Malformed("no", **{part: text}))
    assert said.isprintable()
    assert "a\N{REPLACEMENT CHARACTER}" in said


def test_base64_in_another_spelling_is_not_written_out_whole():
    text = "A" * 1_000_000 + "AB=="
    with pytest.raises(Malformed, match="base64 not in its one spelling") as raised:
        base64_strict.decode(text, where="payload")
    assert len(str(raised.value)) < 300


@pytest.mark.parametrize("digits", [17, 5000])
def test_a_size_of_too_many_digits_is_no_entry(digits):
    with pytest.raises(Malformed, match="not an entry of version 1: expected a size"):
        entry.content_size(b'{"size":' + b"9" * digits + b',"trust":0}')
