import base64

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.formats.test_note import texts
from wherefrom.errors import Malformed, SettingError, SignatureError
from wherefrom.formats import note
from wherefrom.formats.note import Note
from wherefrom.keys import ed25519
from wherefrom.keys.ed25519 import SigningKey, check, check_note, sign_note

VKEY = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
SKEY = "PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz"
TEXT = (
    "If you think cryptography is the answer to your problem,\n"
    "then you don't know what your problem is.\n"
)
SIGNED = (
    f"{TEXT}\n— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqf"
    "qdngotpRZb6KE6RyyBwJnAM=\n"
).encode()

seeds = st.binary(min_size=32, max_size=32)
KEY, OTHER = SigningKey(bytes(32)), SigningKey(bytes([1]) * 32)


# RFC 8032 §7.1, tests 1 and 2.
@pytest.mark.parametrize(
    ("seed", "public_key", "message", "signature"),
    [
        (
            "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
            "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
            "",
            "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e06522490155"
            "5fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
        ),
        (
            "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
            "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
            "72",
            "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
            "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
        ),
    ],
)
def test_the_rfc_examples_are_signed_byte_for_byte(seed, public_key, message, signature):
    key = SigningKey(bytes.fromhex(seed))
    assert key.public_key.hex() == public_key
    assert key.sign(bytes.fromhex(message)).hex() == signature
    check(key.public_key, bytes.fromhex(message), bytes.fromhex(signature))


def test_the_rfc_example_of_a_prehashed_signature_holds_and_only_as_such():
    # RFC 8032 §7.3
    key = bytes.fromhex("ec172b93ad5e563bf4932c70e1245034c35467ef2efd4d64ebf819683467e2bf")
    signature = bytes.fromhex(
        "98a70222f0b8121aa9d30f813d683f809e462b469c7ff87639499bb94e6dae41"
        "31f85042463c2a355a2003d062adf5aaa10b8c61e636062aaad11c2a26083406"
    )
    ed25519.check_prehashed(key, b"abc", signature)
    for message, wrong in ((b"abd", signature), (b"abc", signature[:-1] + b"\0")):
        with pytest.raises(SignatureError, match="does not match"):
            ed25519.check_prehashed(key, message, wrong)
    with pytest.raises(SignatureError, match="does not match"):
        check(key, b"abc", signature)
    with pytest.raises(SignatureError, match="another length"):
        ed25519.check_prehashed(key, b"abc", signature[:-1])


@given(seeds, st.binary(max_size=100))
def test_two_libraries_agree_on_keys_and_signatures(seed, message):
    key, theirs = SigningKey(seed), Ed25519PrivateKey.from_private_bytes(seed)
    assert key.sign(message) == theirs.sign(message)
    Ed25519PublicKey.from_public_bytes(key.public_key).verify(key.sign(message), message)
    spki = theirs.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    assert ed25519.spki_der(key.public_key) == spki
    assert key.id == ed25519.key_id(spki)


@given(st.binary(max_size=50), st.data())
def test_one_flipped_bit_anywhere_makes_a_signature_wrong(message, data):
    parts = [KEY.public_key, message + b".", KEY.sign(message + b".")]
    which = data.draw(st.integers(0, 2))
    place = data.draw(st.integers(0, len(parts[which]) * 8 - 1))
    changed = bytearray(parts[which])
    changed[place // 8] ^= 1 << place % 8
    parts[which] = bytes(changed)
    with pytest.raises(SignatureError, match="an Ed25519 signature does not match the message"):
        check(*parts)


def test_a_key_or_signature_of_another_length_is_a_signature_error():
    signature = KEY.sign(b"m")
    for wrong in (b"", signature[:-1], signature + b"\x00"):
        with pytest.raises(SignatureError, match="signature has another length: expected 64 bytes"):
            check(KEY.public_key, b"m", wrong)
    with pytest.raises(SignatureError, match="public key has another length: expected 32 bytes"):
        check(KEY.public_key[:-1], b"m", signature)


def test_a_generated_key_is_new_and_a_seed_has_32_bytes():
    assert SigningKey.generate().public_key != SigningKey.generate().public_key
    for wrong in (b"", bytes(31), bytes(64)):
        with pytest.raises(ValueError, match="an Ed25519 seed is 32 bytes"):
            SigningKey(wrong)
    with pytest.raises(ValueError, match="an Ed25519 public key is 32 bytes, got 31"):
        ed25519.spki_der(bytes(31))


def test_an_id_is_k_and_the_first_32_hex_digits_of_the_hash_of_the_spki():
    # openssl pkey -pubout -outform DER | sha256sum, for a seed of 32 zero bytes
    assert KEY.id == "k:339e2ff917630507b6a423b5ce084e28"
    assert repr(KEY) == f"<SigningKey {KEY.id}>"


def test_the_specs_note_is_signed_byte_for_byte_and_checked():
    name, key = SigningKey.from_skey_text(SKEY)
    assert (name, key.to_skey_text(name)) == ("PeterNeumann", SKEY)
    assert key.verifier_key(name).to_text() == VKEY
    assert sign_note(TEXT, name=name, key=key) == SIGNED
    assert check_note(note.parse(SIGNED), [note.parse_verifier_key(VKEY)]) == TEXT


@given(seeds)
def test_a_signer_key_is_read_back(seed):
    name, key = SigningKey.from_skey_text(SigningKey(seed).to_skey_text("example.com/log"))
    assert (name, key.public_key) == ("example.com/log", SigningKey(seed).public_key)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "not a signer key, at signer key: expected PRIVATE"),
        (VKEY, "not a signer key"),
        (SKEY.removeprefix("PRIVATE+"), "not a signer key"),
        ("PRIVATE+KEY+name", "not a signer key"),
        (SKEY + "\n", "not an Ed25519 signer key"),
        (SKEY[:-1], "not an Ed25519 signer key"),
        (SKEY.replace("+AYEK", "+AoEK"), "not an Ed25519 signer key"),
        (SKEY.replace("Peter", "Pe ter"), "not an Ed25519 signer key"),
        (SKEY.replace("Peter", "Petra"), "the key id is not that of the name and key"),
        (SKEY.replace("c74f20a3", "C74F20A3"), "key id is not.*expected c74f20a3. Copy the whole"),
        (SKEY.replace("AYEK", "AYEL"), "the key id is not that of the name and key"),
    ],
)
def test_a_wrong_signer_key_is_refused_and_never_shown(text, message):
    with pytest.raises(SettingError, match=message) as caught:
        SigningKey.from_skey_text(text)
    secret = SKEY.rpartition("+")[2][4:]
    chain = caught.value
    while chain is not None:
        assert secret not in str(chain)
        chain = chain.__cause__ or chain.__context__


@given(texts, st.lists(seeds, min_size=1, max_size=4, unique=True))
def test_a_note_is_proven_by_any_of_its_signers(text, all_seeds):
    keys = [SigningKey(seed) for seed in all_seeds]
    signed = note.parse(sign_note(text, name="log", key=keys[0]))
    for key in keys[1:]:
        signed = ed25519.add_signature(signed, name="log", key=key)
    signed = note.parse(note.to_bytes(signed))
    for key in keys:
        assert check_note(signed, [key.verifier_key("log")]) == text
    assert check_note(signed, [key.verifier_key("log") for key in keys]) == text


def note_by(*keys, text="text\n"):
    signed = note.parse(sign_note(text, name="log", key=keys[0]))
    for key in keys[1:]:
        signed = ed25519.add_signature(signed, name="log", key=key)
    return signed


def test_an_unknown_signer_is_passed_over():
    assert check_note(note_by(OTHER, KEY), [KEY.verifier_key("log")]) == "text\n"


def test_a_wrong_signature_by_a_known_key_refuses_the_note_although_another_is_good():
    signed = note_by(KEY, OTHER)
    bad = signed.signatures[0]._replace(signature=OTHER.sign(b"something else"))
    keys = [KEY.verifier_key("log"), OTHER.verifier_key("log")]
    for order in ((bad, signed.signatures[1]), (signed.signatures[1], bad)):
        with pytest.raises(SignatureError, match="log did not sign this note, at signature of log"):
            check_note(Note(signed.text, order), keys)
    # The same note is good for a reader who does not know that key.
    assert check_note(Note(signed.text, (bad, signed.signatures[1])), keys[1:]) == "text\n"


@pytest.mark.parametrize("length", [1, 63, 65])
def test_a_signature_of_another_length_by_a_known_key_refuses_the_note(length):
    signed = note_by(KEY)
    wrong = signed.signatures[0]._replace(signature=bytes(length))
    with pytest.raises(SignatureError, match=r"log did not sign this note.*another length"):
        check_note(Note(signed.text, (wrong,)), [KEY.verifier_key("log")])


def test_a_changed_text_is_not_signed():
    with pytest.raises(SignatureError, match=r"did not sign this note.*text or the signature was"):
        check_note(note_by(KEY)._replace(text="other\n"), [KEY.verifier_key("log")])


@pytest.mark.parametrize(
    "keys", [[], [OTHER.verifier_key("log")], [KEY.verifier_key("other-name")]]
)
def test_a_note_that_no_known_key_signed_is_refused(keys):
    with pytest.raises(SignatureError, match=r"no known key signed the note.*got log\+") as caught:
        check_note(note_by(KEY), keys)
    assert caught.value.code == "signature"


def test_a_key_id_claimed_under_another_name_is_unknown():
    signed = note_by(KEY)
    renamed = Note(signed.text, (signed.signatures[0]._replace(name="other"),))
    with pytest.raises(SignatureError, match="no known key signed the note"):
        check_note(renamed, [KEY.verifier_key("log")])


def test_a_repeated_signature_of_one_key_counts_once_and_the_first_one_counts():
    signed = note_by(KEY)
    good, bad = signed.signatures[0], signed.signatures[0]._replace(signature=bytes(64))
    assert check_note(Note(signed.text, (good, bad)), [KEY.verifier_key("log")]) == signed.text
    with pytest.raises(SignatureError, match="did not sign this note"):
        check_note(Note(signed.text, (bad, good)), [KEY.verifier_key("log")])


def test_signing_again_with_the_same_key_replaces_its_signature():
    signed = note_by(KEY, OTHER, KEY)
    assert [s.key_id for s in signed.signatures] == [
        k.verifier_key("log").key_id for k in (OTHER, KEY)
    ]


def test_two_keys_that_share_a_name_and_id_are_a_slip():
    key = KEY.verifier_key("log")
    with pytest.raises(ValueError, match="two verifier keys share a name and key id"):
        check_note(note_by(KEY), [key, key._replace(public_key=OTHER.public_key)])


def test_text_that_cannot_be_a_note_is_not_signed():
    for text in ("", "no newline", "a\tb\n"):
        with pytest.raises(Malformed, match="signed text"):
            sign_note(text, name="log", key=KEY)
    with pytest.raises(Malformed, match="not a key name"):
        sign_note("text\n", name="two words", key=KEY)


def test_the_seed_in_a_signer_key_is_the_seed_given():
    assert base64.b64decode(KEY.to_skey_text("n").split("+", 4)[4]) == b"\x01" + bytes(32)
