"""Two readers of the same bytes: where they differ, ours is the stricter, in ways named here."""

import json
import random

import msgspec
import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from tests.fuzz import mutate, seeds
from wherefrom.errors import LimitPassed, Refused, SignatureError
from wherefrom.formats import strict_json
from wherefrom.keys import ed25519
from wherefrom.keys.ed25519 import SigningKey, spki_der
from wherefrom.keys.public import PublicKey

# -- JSON: msgspec, and a look for keys named twice


class NamedTwice(Exception):
    """An object of these bytes names a key twice."""


def theirs(written):
    """The value as msgspec reads it. Raises ValueError, RecursionError, or NamedTwice."""

    def pairs(found):
        if len(dict(found)) != len(found):
            raise NamedTwice
        return None

    value = msgspec.json.decode(written)
    json.loads(written, object_pairs_hook=pairs)
    return value


def equal(a, b):
    """Also ``1e400`` and large integers, which msgspec may read as doubles."""
    if isinstance(a, dict):
        return isinstance(b, dict) and a.keys() == b.keys() and all(equal(a[k], b[k]) for k in a)
    if isinstance(a, list):
        return isinstance(b, list) and len(a) == len(b) and all(map(equal, a, b))
    if isinstance(a, int | float) and not isinstance(a, bool) and not isinstance(b, bool):
        return (type(a) is type(b) and a == b) or (abs(a) >= 2**63 and float(a) == float(b))
    return type(a) is type(b) and a == b


def compared(written):
    """Who reads ``written``: ``both``, ``neither``, ``ours``, ``theirs``."""
    try:
        value, says = strict_json.decode(written), None
    except Refused as error:
        value, says = None, error
    try:
        other = theirs(written)
    except NamedTwice:
        assert says is not None, written
        return "neither"
    except (ValueError, RecursionError) as error:
        # What only we read: numbers that msgspec has no type for.
        if says is None and "out of range" not in str(error):
            raise AssertionError(written) from error
        return "neither" if says is not None else "ours"
    if says is None:
        assert equal(value, other), written
        return "both"
    limits = isinstance(says, LimitPassed) or "too large for a double" in str(says)
    assert limits or "half a surrogate" in str(says), (written, says)
    return "theirs"


def test_strict_json_reads_what_msgspec_reads_but_for_keys_named_twice_and_limits():
    drawn = random.Random("differential")
    real = seeds.seeds_of("json")
    seen = {compared(content) for content in real}
    assert seen == {"both"}
    tallied = dict.fromkeys(("both", "neither", "ours", "theirs"), 0)
    for _ in range(4000):
        tallied[compared(mutate.mutated(drawn.choice(real), "json", drawn))] += 1
    assert tallied["both"] > 500, tallied
    assert tallied["neither"] > 500, tallied


@pytest.mark.parametrize(
    ("written", "who"),
    [
        (b'{"a":1,"a":1}', "neither"),
        (b'{"a":1,"\\u0061":1}', "neither"),
        (b"[" * 129 + b"]" * 129, "theirs"),
        (b"1" * 401, "theirs"),
        (b"NaN", "neither"),
        (b"\xef\xbb\xbf{}", "neither"),
        (b'"\\ud800"', "neither"),
        (b'"\xed\xa0\x80"', "neither"),
        (b"-0", "both"),
        (b"1e308", "both"),
        (b"1e999", "neither"),
        (b"[1,]", "neither"),
    ],
)
def test_known_traps_are_read_by_whom_they_should_be(written, who):
    assert compared(written) == who


# -- Ed25519: libsodium is the one verifier of the door, OpenSSL only looks on


ORDER = 2**252 + 27742317777372353535851937790883648493
MESSAGE = b"wherefrom"
# The eight points of small order, and their spellings that are not canonical (RFC 8032 §5.1.3).
SMALL = [
    bytes.fromhex(h)
    for h in (
        "0100000000000000000000000000000000000000000000000000000000000000",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "0000000000000000000000000000000000000000000000000000000000000000",
        "0000000000000000000000000000000000000000000000000000000000000080",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
        "0100000000000000000000000000000000000000000000000000000000000080",
        "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    )
]


def door(key, message, signature):
    try:
        ed25519.check(key, message, signature)
    except SignatureError:
        return False
    return True


def openssl(key, message, signature):
    try:
        Ed25519PublicKey.from_public_bytes(key).verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True


def test_what_the_door_accepts_openssl_accepts_whatever_is_done_to_keys_and_signatures():
    drawn = random.Random("ed25519")
    accepted = refused = 0
    for number in range(1500):
        key = SigningKey(drawn.randbytes(32))
        message = drawn.randbytes(drawn.randrange(40))
        public, signature = bytearray(key.public_key), bytearray(key.sign(message))
        how = number % 6
        if how == 1:
            signature[drawn.randrange(64)] ^= 1 << drawn.randrange(8)
        elif how == 2:  # S + n·L: the same point, another spelling
            s = int.from_bytes(signature[32:], "little") + ORDER * drawn.choice((1, 2, 15))
            signature[32:] = (s % 2**256).to_bytes(32, "little")
        elif how == 3:
            public[:] = drawn.choice(SMALL)
        elif how == 4:
            signature[:32] = drawn.choice(SMALL)
        elif how == 5:
            public[31] ^= 0x80
        ours = door(bytes(public), message, bytes(signature))
        assert not ours or openssl(bytes(public), message, bytes(signature))
        assert ours == (how == 0)
        accepted += ours
        refused += not ours
    assert (accepted, refused) == (250, 1250)


def test_a_key_of_small_order_signs_anything_for_openssl_and_nothing_at_the_door():
    forged = [
        (key, r + bytes(32)) for key in SMALL for r in SMALL if openssl(key, MESSAGE, r + bytes(32))
    ]
    assert forged, "OpenSSL takes none of them any more: then the two agree"
    assert not [f for f in forged if door(f[0], MESSAGE, f[1])]
    for key, signature in forged:
        with pytest.raises(SignatureError, match="is not by"):
            PublicKey(spki_der(key)).check(MESSAGE, signature)


@pytest.mark.parametrize("length", [0, 1, 63, 65, 128])
def test_a_signature_of_another_length_is_refused_by_both(length):
    key = SigningKey(bytes(32))
    signature = (key.sign(MESSAGE) * 2)[:length]
    assert not door(key.public_key, MESSAGE, signature)
    assert not openssl(key.public_key, MESSAGE, signature)


def test_the_order_of_the_group_is_what_the_forgeries_assume():
    key = SigningKey(bytes(32))
    signature = key.sign(MESSAGE)
    assert int.from_bytes(signature[32:], "little") < ORDER
