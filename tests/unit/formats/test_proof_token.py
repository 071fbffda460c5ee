"""Proof tokens as text: one spelling, 512 characters, and never mistaken for something else."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.logs import LOG_KEY, ORIGIN, VKEY
from wherefrom.errors import Error, LimitPassed, Malformed, SignatureError
from wherefrom.formats import note, proof_token
from wherefrom.formats.proof_token import (
    NEVER,
    PREFIX,
    SIGNED_PREFIX,
    TOKEN_CHARS_MAX,
    ProofToken,
    SignedToken,
)
from wherefrom.keys.proof_tokens import check_token, sign_token

NUMBERS = st.integers(0, 2**63 - 1)
HASHES = st.binary(min_size=32, max_size=32)
NAMES = st.text(st.characters(codec="utf-8", categories=("L", "N")), min_size=1, max_size=30)


@st.composite
def tokens(draw):
    index, issued = draw(st.integers(0, 2**63 - 2)), draw(st.integers(0, 2**63 - 2))
    return ProofToken(
        origin=draw(NAMES),
        index=index,
        size=draw(st.integers(index + 1, 2**63 - 1)),
        leaf=draw(HASHES),
        root=draw(HASHES),
        of=draw(st.just("") | NAMES),
        issued=issued,
        expires=draw(st.just(NEVER) | st.integers(issued + 1, 2**63 - 1)),
    )


TOKEN = ProofToken(
    origin=ORIGIN, index=7, size=9, leaf=bytes([1] * 32), root=bytes([2] * 32),
    of="sha256:" + "ab" * 32, issued=1_767_225_600, expires=1_767_312_000,
)  # fmt: skip
TEXT = sign_token(TOKEN, LOG_KEY)
GOLDEN = (
    "wfproof1.AAAAAAAAAAcAAAAAAAAACQAAAABpVbkAAAAAAGlXCoABAQEBAQEBAQEBAQEBAQEBAQEBAQE"
    "BAQEBAQEBAQEBAQICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICEWxvZy5leGFtcGxlL3Rlc3R"
    "zR3NoYTI1NjphYmFiYWJhYmFiYWJhYmFiYWJhYmFiYWJhYmFiYWJhYmFiYWJhYmFiYWJhYmFiYWJhYmF"
    "iYWJhYmFiYWJhYmFiKFp_XYcartzbIXhSV4jX9bWm007pFtdpUweZdlOGPwKgHl9NWIqaf3HIYWhKQUk"
    "dmisu0XnCdYaZXw3zoyeG6HOt1Qw"
)


def changed(**fields):
    return msgspec.structs.replace(TOKEN, **fields)


@given(tokens(), st.binary(min_size=4, max_size=4), st.binary(min_size=64, max_size=64))
def test_parse_reads_back_what_to_text_wrote(token, key_id, signature):
    signed = SignedToken(token=token, key_id=key_id, signature=signature)
    text = proof_token.to_text(signed)
    assert proof_token.parse(text) == signed
    assert len(text) <= TOKEN_CHARS_MAX
    assert text.isascii()
    assert text.isprintable()
    assert " " not in text


@given(tokens())
def test_a_token_is_checked_with_nothing_but_the_logs_key(token):
    text = sign_token(token, LOG_KEY)
    assert check_token(proof_token.parse(text), LOG_KEY.verifier_key(token.origin)) == token


def test_the_same_token_has_the_same_text_for_ever():
    assert TEXT == GOLDEN
    assert check_token(proof_token.parse(GOLDEN), VKEY) == TOKEN


def test_any_bit_that_flips_is_found():
    for place in range(len(TEXT)):
        for bit in range(7):
            flipped = TEXT[:place] + chr(ord(TEXT[place]) ^ 1 << bit) + TEXT[place + 1 :]
            with pytest.raises(Error) as caught:
                check_token(proof_token.parse(flipped), VKEY)
            assert isinstance(caught.value, Malformed | SignatureError | LimitPassed)


def test_any_bit_of_what_it_holds_that_flips_is_found():
    whole = proof_token._decoded(TEXT.removeprefix(PREFIX), "here")
    for place in range(len(whole) * 8):
        flipped = bytearray(whole)
        flipped[place // 8] ^= 1 << place % 8
        text = PREFIX + proof_token._encoded(bytes(flipped))
        with pytest.raises((Malformed, SignatureError)):
            check_token(proof_token.parse(text), VKEY)


@pytest.mark.parametrize(
    ("text", "error", "match"),
    [
        ("", Malformed, "not a proof token"),
        (TEXT.upper(), Malformed, "not a proof token"),
        (TEXT.replace("wfproof1", "wfproof2"), Malformed, "not a proof token"),
        (TEXT + "=", Malformed, "not a proof token"),
        (TEXT + " ", Malformed, "not a proof token"),
        (TEXT + "\n", Malformed, "not a proof token"),
        (PREFIX + "A", Malformed, "not base64url"),
        (PREFIX + "AB", Malformed, "not base64url|one spelling"),
        (PREFIX + "AAAA", Malformed, "cut off"),
        (TEXT[:-4], Malformed, "one spelling|cut off"),
        (TEXT + "AAAA", Malformed, "more in a proof token"),
        (PREFIX + "A" * 504, LimitPassed, "512 characters at most"),
        ("wf_admin_token", Malformed, "not a proof token"),
    ],
)
def test_another_spelling_is_refused(text, error, match):
    with pytest.raises(error, match=match):
        proof_token.parse(text)


@pytest.mark.parametrize(
    ("fields", "error", "match"),
    [
        ({"index": 9}, Malformed, "not an entry of a log of this size"),
        ({"size": 2**63}, Malformed, "not an entry of a log of this size"),
        ({"index": -1}, Malformed, "not an entry of a log of this size"),
        ({"expires": 1_767_225_600}, Malformed, "that never counts"),
        ({"origin": ""}, Malformed, "not a key name"),
        ({"origin": "a b"}, Malformed, "not a key name"),
        ({"of": "a\nb"}, Malformed, "a control character"),
        ({"of": "a\u2028b"}, Malformed, "a control character"),
        ({"leaf": b""}, Malformed, "not a hash"),
        ({"root": bytes(31)}, Malformed, "not a hash"),
        ({"of": "x" * 256}, LimitPassed, "too long for a proof token.*entry:N"),
        ({"of": "x" * 200}, LimitPassed, "512 characters at most.*entry:N"),
    ],
)
def test_what_could_not_be_read_is_not_signed(fields, error, match):
    with pytest.raises(error, match=match):
        sign_token(changed(**fields), LOG_KEY)


def test_211_bytes_of_names_fit_and_212_do_not():
    room = 211 - len(ORIGIN)
    assert len(sign_token(changed(of="x" * room), LOG_KEY)) == TOKEN_CHARS_MAX
    with pytest.raises(LimitPassed):
        sign_token(changed(of="x" * (room + 1)), LOG_KEY)


def test_a_token_of_another_log_or_key_is_refused():
    read = proof_token.parse(TEXT)
    other = LOG_KEY.verifier_key("log.example/other")
    with pytest.raises(SignatureError, match="of another log or key"):
        check_token(read, other)
    forged = msgspec.structs.replace(read, token=changed(origin="log.example/other"))
    with pytest.raises(SignatureError, match="of another log or key"):
        check_token(forged, other)
    renamed = msgspec.structs.replace(forged, key_id=other.key_id)
    with pytest.raises(SignatureError, match="did not sign this proof token"):
        check_token(renamed, other)


def test_what_is_signed_can_be_no_checkpoint_cosignature_or_envelope():
    written = proof_token.message(TOKEN)
    assert written.startswith(SIGNED_PREFIX)
    with pytest.raises(Malformed, match="control character"):
        note.check_text(written.decode("latin-1") + "\n", where="note")
    assert not written.startswith((b"cosignature/v1", b"DSSEv1"))


def test_a_number_takes_its_whole_range():
    widest = changed(index=2**63 - 2, size=2**63 - 1, issued=0, expires=2**63 - 1)
    assert proof_token.parse(sign_token(widest, LOG_KEY)).token == widest
