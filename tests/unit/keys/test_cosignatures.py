import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.paths import DATA
from wherefrom.errors import LimitPassed, Malformed, SettingError, SignatureError
from wherefrom.formats import cosignature, note
from wherefrom.formats.checkpoint import Checkpoint
from wherefrom.formats.cosignature import Timed
from wherefrom.formats.note import Note
from wherefrom.keys.cosignatures import (
    Cosigner,
    check_cosignature,
    check_cosignatures,
    check_log_signature,
)
from wherefrom.keys.ed25519 import SigningKey, check_note, sign_note

ED25519, MLDSA44 = note.ED25519_COSIGNATURE, note.MLDSA44_COSIGNATURE
BOTH = pytest.mark.parametrize("algorithm", [ED25519, MLDSA44])
KEY = SigningKey(bytes(32))
LOG_KEY = KEY.verifier_key("log")
TREE = Checkpoint("log", 7, bytes(range(32)))
TEXT = TREE.to_text()
TIME_S = 1_700_000_000


def cosigner(algorithm, *, name="w", seed=1):
    return Cosigner(name, algorithm, bytes([seed]) * 32)


def cosigned(*cosigners, text=TEXT, time_s=TIME_S):
    signed = note.parse(sign_note(text, name="log", key=KEY))
    made = tuple(one.cosign(text, time_s=time_s) for one in cosigners)
    return Note(signed.text, (*signed.signatures, *made))


def changed(signed, place, **changes):
    signatures = list(signed.signatures)
    signatures[place] = signatures[place]._replace(**changes)
    return Note(signed.text, tuple(signatures))


@BOTH
def test_a_cosignature_says_when_a_witness_saw_the_tree(algorithm):
    one = cosigner(algorithm)
    assert check_cosignature(cosigned(one), one.verifier_key) == TIME_S


@BOTH
@settings(max_examples=30)
@given(data=st.data())
def test_one_flipped_bit_of_a_cosignature_or_its_time_makes_it_wrong(algorithm, data):
    one = cosigner(algorithm)
    signed = cosigned(one)
    written = bytearray(signed.signatures[1].signature)
    written[data.draw(st.integers(0, len(written) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    with pytest.raises(SignatureError, match="w did not sign this note"):
        check_cosignature(changed(signed, 1, signature=bytes(written)), one.verifier_key)


@BOTH
@pytest.mark.parametrize(
    "other",
    [TREE._replace(size=8), TREE._replace(root=bytes(32)), TREE._replace(origin="log2")],
    ids=["size", "root", "origin"],
)
def test_a_cosignature_over_another_tree_is_refused(algorithm, other):
    one = cosigner(algorithm)
    signed = cosigned(one)._replace(text=other.to_text())
    with pytest.raises(SignatureError, match="w did not sign this note"):
        check_cosignature(signed, one.verifier_key)


def test_only_ml_dsa_leaves_lines_after_the_third_uncovered():
    longer = TREE._replace(extensions=("more",)).to_text()
    for algorithm, covers in ((ED25519, True), (MLDSA44, False)):
        one = cosigner(algorithm)
        signed = cosigned(one)._replace(text=longer)
        if covers:
            with pytest.raises(SignatureError, match="w did not sign this note"):
                check_cosignature(signed, one.verifier_key)
        else:
            assert check_cosignature(signed, one.verifier_key) == TIME_S


@BOTH
@pytest.mark.parametrize("length", [1, 8, 71, 73, 2427, 2429])
def test_a_cosignature_of_another_length_is_refused(algorithm, length):
    one = cosigner(algorithm)
    with pytest.raises(SignatureError, match=r"w did not sign this note.*another length"):
        check_cosignature(changed(cosigned(one), 1, signature=bytes(length)), one.verifier_key)


def test_a_witness_that_did_not_cosign_is_named_and_a_log_key_is_a_slip():
    with pytest.raises(SignatureError, match="a witness did not cosign the note: expected w"):
        check_cosignature(cosigned(), cosigner(ED25519).verifier_key)
    with pytest.raises(ValueError, match="no cosigner's key: log, type 0x01"):
        check_cosignature(cosigned(), LOG_KEY)


def test_unknown_cosigners_are_passed_over_and_a_known_wrong_one_refuses_the_note():
    known, unknown = cosigner(ED25519), cosigner(MLDSA44, name="x", seed=2)
    signed = cosigned(unknown, known)
    assert check_cosignatures(signed, [known.verifier_key]) == {known.verifier_key: TIME_S}
    bad = changed(signed, 1, signature=bytes(2428))
    assert check_cosignatures(bad, [known.verifier_key]) == {known.verifier_key: TIME_S}
    with pytest.raises(SignatureError, match="x did not sign this note"):
        check_cosignatures(bad, [known.verifier_key, unknown.verifier_key])


def test_a_repeated_cosignature_counts_once_and_the_first_one_counts():
    one = cosigner(ED25519)
    signed = cosigned(one, one)
    assert check_cosignature(changed(signed, 2, signature=bytes(72)), one.verifier_key) == TIME_S
    with pytest.raises(SignatureError, match="w did not sign"):
        check_cosignature(changed(signed, 1, signature=bytes(72)), one.verifier_key)


def test_a_cosignature_is_no_signature_of_the_log():
    one = cosigner(ED25519)
    signed = cosigned(one)
    assert check_note(signed, [LOG_KEY, one.verifier_key]) == TEXT
    with pytest.raises(SignatureError, match="no known key signed the note"):
        check_note(signed, [one.verifier_key])


def test_a_log_may_sign_with_either_kind_of_key_and_one_good_signature_will_do():
    post_quantum = cosigner(MLDSA44, name="log")
    signed = cosigned(post_quantum)
    for keys in ([LOG_KEY], [post_quantum.verifier_key], [LOG_KEY, post_quantum.verifier_key]):
        assert check_log_signature(signed, keys) == TREE
    alone = Note(signed.text, signed.signatures[1:])
    assert check_log_signature(alone, [LOG_KEY, post_quantum.verifier_key]) == TREE
    with pytest.raises(SignatureError, match="no known key of the log signed its checkpoint"):
        check_log_signature(alone, [LOG_KEY])
    bad = changed(signed, 1, signature=bytes(2428))
    with pytest.raises(SignatureError, match="log did not sign this note"):
        check_log_signature(bad, [LOG_KEY, post_quantum.verifier_key])


def test_the_key_of_one_log_signs_for_no_other():
    text = TREE._replace(origin="other").to_text()
    with pytest.raises(SignatureError, match="no known key of the log"):
        check_log_signature(cosigned(text=text), [LOG_KEY])


@BOTH
def test_a_key_is_read_back_and_a_changed_one_is_refused_and_never_shown(algorithm):
    one = cosigner(algorithm, name="witness.example/w1")
    text = one.to_skey_text()
    again = Cosigner.from_skey_text(text)
    assert again.verifier_key == one.verifier_key
    assert note.parse_verifier_key(one.verifier_key.to_text()) == one.verifier_key
    assert again.cosign(TEXT, time_s=1).key_id == one.verifier_key.key_id
    assert "PRIVATE" not in repr(one)
    secret = text.split("+", 4)[4]
    for wrong in (
        text.replace("witness.example", "witness.other"),
        text[:-2],
        KEY.to_skey_text("w"),
        text.replace("PRIVATE+KEY+", ""),
    ):
        with pytest.raises(SettingError) as caught:
            Cosigner.from_skey_text(wrong)
        assert secret not in str(caught.value)


def test_an_ml_dsa_cosignature_needs_names_of_255_bytes_at_most():
    long = cosigner(MLDSA44, name="w" * 256)
    with pytest.raises(LimitPassed, match="the cosigner's name is too long"):
        long.cosign(TEXT, time_s=0)
    with pytest.raises(LimitPassed, match="the log's origin is too long"):
        cosigner(MLDSA44).cosign(TREE._replace(origin="é" * 128).to_text(), time_s=0)


@given(st.integers(0, 2**64 - 1), st.sampled_from(cosignature.ALGORITHMS), st.data())
def test_time_and_signature_are_read_back(time_s, algorithm, data):
    length = cosignature.SIGNATURE_BYTES[algorithm]
    timed = Timed(time_s, data.draw(st.binary(min_size=length, max_size=length)))
    written = cosignature.to_bytes(timed)
    assert cosignature.parse(written, algorithm=algorithm) == timed
    with pytest.raises(Malformed, match="another length"):
        cosignature.parse(written[1:], algorithm=algorithm)


def test_every_cosignature_that_the_reference_witness_made_holds():
    given = json.loads((DATA / "tlog/generated/witness_add_checkpoint.json").read_text())
    witnesses = [
        note.parse_verifier_key(given[f"witness_{kind}_vkey"]) for kind in ("ed25519", "mldsa44")
    ]
    answered = 0
    for exchange in given["exchanges"]:
        if exchange["Status"] == 200:
            checkpoint = exchange["Request"].partition("\n\n")[2]
            signed = note.parse((checkpoint + exchange["Response"]).encode())
            found = check_cosignatures(signed, witnesses)
            assert list(found) == witnesses
            assert len(set(found.values())) == 1
            answered += 1
    assert answered == 3
