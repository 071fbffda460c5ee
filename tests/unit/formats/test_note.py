import pytest
from hypothesis import given
from hypothesis import strategies as st

from wherefrom.errors import LimitPassed, Malformed, Refused
from wherefrom.formats import note
from wherefrom.formats.note import Note, Signature, VerifierKey

VKEY = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
WRITTEN = (
    "If you think cryptography is the answer to your problem,\n"
    "then you don't know what your problem is.\n"
    "\n"
    "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb"
    "6KE6RyyBwJnAM=\n"
).encode()
LINE = "— name AAAAAAE=\n"

plain = st.characters(exclude_categories=["Cs", "Cc"])
lines = st.lists(st.text(plain, max_size=20), min_size=1, max_size=5)
texts = lines.map(lambda some: "\n".join(some) + "\n")
names = st.text(
    st.characters(exclude_categories=["Cs", "Cc", "Z"], exclude_characters="+"), min_size=1
).filter(lambda name: not any(c.isspace() for c in name))
signatures = st.builds(
    Signature, names, st.binary(min_size=4, max_size=4), st.binary(min_size=1, max_size=80)
)
notes = st.builds(Note, texts, st.lists(signatures, min_size=1, max_size=5).map(tuple))


@given(notes)
def test_what_is_written_is_read_back(one):
    assert note.parse(note.to_bytes(one)) == one


@given(
    st.one_of(
        st.binary(max_size=200), st.text(max_size=100).map(lambda t: t.encode("utf-8", "replace"))
    )
)
def test_any_bytes_are_a_note_in_its_one_spelling_or_refused(written):
    _read_or_refused(written)


@given(notes, st.data())
def test_a_note_with_a_changed_byte_is_another_note_or_refused(one, data):
    written = bytearray(note.to_bytes(one))
    written[data.draw(st.integers(0, len(written) - 1))] = data.draw(st.integers(0, 255))
    _read_or_refused(bytes(written))


def _read_or_refused(written):
    try:
        one = note.parse(written)
    except Refused:
        return
    assert note.to_bytes(one) == written


def test_the_specs_example_is_read_and_written():
    one = note.parse(WRITTEN)
    assert one.text.endswith("then you don't know what your problem is.\n")
    assert [(s.name, s.key_id.hex(), len(s.signature)) for s in one.signatures] == [
        ("PeterNeumann", "c74f20a3", 64)
    ]
    assert note.to_bytes(one) == WRITTEN


def test_the_text_may_have_empty_lines_and_look_like_a_note_itself():
    inner = f"a\n\n{LINE}\n\n"
    one = note.parse(f"{inner}\n{LINE}{LINE}".encode())
    assert (one.text, len(one.signatures)) == (inner, 2)


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ("", "no empty line before its signatures"),
        ("text\n", "no empty line before its signatures"),
        (f"text\n{LINE}", "no empty line before its signatures"),
        ("text\n\n", "does not end with a signature line"),
        (f"text\n\n{LINE[:-1]}", "does not end with a signature line"),
        (f"text\n\n{LINE}\n", "does not end with a signature line"),
        (f"text\n\n{LINE}more\n", "not a signature line, at note, signature 1"),
        ("text\n\n- name AAAAAAE=\n", "not a signature line, at note, signature 0"),
        ("text\n\n—name AAAAAAE=\n", "not a signature line"),
        ("text\n\n—\u00a0name AAAAAAE=\n", "not a signature line"),
        ("text\n\n— AAAAAAE=\n", "not a key name"),
        ("text\n\n—  AAAAAAE=\n", "not a key name"),
        ("text\n\n— two names AAAAAAE=\n", "not a key name"),
        ("text\n\n— na\u2003me AAAAAAE=\n", "not a key name"),
        ("text\n\n— na+me AAAAAAE=\n", "not a key name"),
        ("text\n\n— name  AAAAAAE=\n", "not a key name"),
        ("text\n\n— name\tAAAAAAE=\n", "not a key name"),
        ("text\n\n— name AAAAAAE\n", "not base64, at note, signature 0"),
        ("text\n\n— name AAAAAAF=\n", "base64 not in its one spelling"),
        ("text\n\n— name AAAAAAE= \n", "not a key name"),
        ("text\n\n— name AAAAAA==\n", "a signature is too short.*got 4 bytes"),
        ("text\n\n— name \n", "a signature is too short.*got 0 bytes"),
        (f"te\rxt\n\n{LINE}", "control character, at note, character 2"),
        (f"te\txt\n\n{LINE}", "control character"),
        (f"te\x00xt\n\n{LINE}", "control character"),
        (f"text\r\n\n{LINE}", "control character"),
    ],
)
def test_a_near_miss_is_not_a_note(written, message):
    with pytest.raises(Malformed, match=message):
        note.parse(written.encode())


def test_text_that_is_not_utf8_is_refused():
    with pytest.raises(Malformed, match="a note is not UTF-8, at the checkpoint"):
        note.parse(b"\xff\n\n" + LINE.encode(), where="the checkpoint")
    with pytest.raises(Malformed, match="not UTF-8"):
        note.parse("\ud800".encode("utf-8", "surrogatepass") + b"\n\n" + LINE.encode())


def test_a_note_has_at_most_100_signatures_and_1_000_000_bytes():
    assert len(note.parse(f"text\n\n{LINE * 100}".encode()).signatures) == 100
    with pytest.raises(LimitPassed, match=r"too many signatures.*100 at most, got 101"):
        note.parse(f"text\n\n{LINE * 101}".encode())
    tail = f"\n\n{LINE}".encode()
    longest = b"x" * (1_000_000 - len(tail)) + tail
    assert note.to_bytes(note.parse(longest)) == longest
    with pytest.raises(LimitPassed, match="a note is too long"):
        note.parse(b"x" + longest)
    with pytest.raises(LimitPassed, match="a note is too long"):
        note.to_bytes(Note("x" * 1_000_000 + "\n", note.parse(longest).signatures))


GOOD = Signature("name", bytes(4), b"\x01")


@pytest.mark.parametrize(
    ("one", "message"),
    [
        (Note("text", (GOOD,)), "does not end with a newline"),
        (Note("", (GOOD,)), "does not end with a newline"),
        (Note("a\tb\n", (GOOD,)), "has a control character"),
        (Note("\ud800\n", (GOOD,)), "text that UTF-8 cannot hold"),
        (Note("text\n", ()), "too few or too many signatures.*got 0"),
        (Note("text\n", (GOOD,) * 101), "too few or too many signatures.*got 101"),
        (Note("text\n", (GOOD._replace(name=""),)), "not a key name"),
        (Note("text\n", (GOOD._replace(name="a\nb"),)), "not a key name"),
        (Note("text\n", (GOOD._replace(name="\ud800"),)), "text that UTF-8 cannot hold"),
        (Note("text\n", (GOOD._replace(key_id=bytes(5)),)), "no key id of 4 bytes"),
        (Note("text\n", (GOOD._replace(signature=b""),)), "or is empty"),
    ],
)
def test_nothing_is_written_that_would_not_be_read(one, message):
    with pytest.raises(Refused, match=message):
        note.to_bytes(one)


@given(names, st.integers(0, 255), st.binary(min_size=1, max_size=64))
def test_a_verifier_key_is_read_back(name, algorithm, public_key):
    lengths = {0x01: 32, 0x04: 32, 0x06: 1312}
    public_key = public_key.ljust(lengths.get(algorithm, 0), b"+")[: lengths.get(algorithm)]
    key = VerifierKey(name, note.key_id(name, algorithm, public_key), algorithm, public_key)
    assert note.parse_verifier_key(key.to_text()) == key


@given(st.one_of(st.text(max_size=60), st.text("+0aA=/", max_size=60).map("n+".__add__)))
def test_any_text_is_a_verifier_key_in_its_one_spelling_or_malformed(text):
    try:
        key = note.parse_verifier_key(text)
    except Malformed:
        return
    assert key.to_text() == text


def test_the_specs_verifier_key_is_read_although_its_base64_may_hold_plus_signs():
    key = note.parse_verifier_key(VKEY)
    assert (key.name, key.key_id.hex(), key.algorithm) == ("PeterNeumann", "c74f20a3", note.ED25519)
    public_key = b"\xef\xbe" + b"\xfb\xef\xbe" * 10
    plus = VerifierKey("n", note.key_id("n", 1, public_key), 1, public_key)
    assert plus.to_text().count("+") > 2
    assert note.parse_verifier_key(plus.to_text()) == plus


def test_an_ecdsa_key_id_holds_neither_name_nor_type():
    assert note.key_id("a", note.ECDSA, b"spki") == note.key_id("b", note.ECDSA, b"spki")
    assert note.key_id("a", note.ED25519, b"key") != note.key_id("b", note.ED25519, b"key")
    assert note.key_id("a", note.ED25519, b"key") != note.key_id("a", 0x04, b"key")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "not a verifier key"),
        ("PeterNeumann+c74f20a3", "not a verifier key"),
        (VKEY.replace("c74f", "C74F"), "not a verifier key"),
        (VKEY.replace("+c74f20a3", "+c74f20a"), "not a verifier key"),
        (VKEY.replace("c74f", "c74e"), "key id is not.*expected c74f20a3, got c74e20a3.*Copy the"),
        (VKEY.replace("Peter", "Petra"), "the key id is not that of the name and key"),
        (VKEY.replace("Peter", "Peter "), "not a key name"),
        (VKEY.replace("PeterNeumann", ""), "not a key name"),
        (VKEY + "\n", "not base64"),
        ("n+00000000+", "a verifier key is empty"),
        ("n+00000000+AQ==", "a verifier key is empty"),
        ("n+00000000+AQE=", "type 0x01 has another length.*expected 32 bytes, got 1 bytes"),
        ("n+00000000+BAE=", "type 0x04 has another length"),
        ("n+00000000+BgE=", "type 0x06 has another length.*expected 1312 bytes"),
    ],
)
def test_a_near_miss_is_not_a_verifier_key(text, message):
    with pytest.raises(Malformed, match=message):
        note.parse_verifier_key(text)
