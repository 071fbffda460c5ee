"""Timestamp tokens: what they say is read, and whatever else is in their place is refused."""

import contextlib
import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.sigstore_world import (
    HASH_OIDS,
    Clock,
    T,
    a_key,
    algorithm,
    der_of,
    integer,
    tlv,
    world,
)  # fmt: skip
from wherefrom.errors import LimitPassed, Malformed, Refused
from wherefrom.formats import rfc3161

MESSAGE = b"a signature"


def test_a_token_says_what_was_stamped_when_and_by_whom():
    clock = world().clock
    stamp = rfc3161.parse(clock.token(MESSAGE, hash="sha384", embed=True), where="x")
    assert (stamp.imprint_algorithm, stamp.imprint) == (
        "sha384", hashlib.sha384(MESSAGE).digest(),
    )  # fmt: skip
    assert stamp.time == T
    assert stamp.serial == clock.certificate.serial_number
    assert stamp.issuer == clock.certificate.issuer.public_bytes()
    assert stamp.certificates == (der_of(clock.certificate),)
    assert stamp.info_digest == hashlib.sha256(stamp.info).digest()
    (named,) = stamp.signing_certificates
    assert named == ("sha256", hashlib.sha256(der_of(clock.certificate)).digest())


@pytest.mark.parametrize(("kind", "read"), [
    ("p256", ("ecdsa", "sha256")), ("rsa", ("rsa", "sha256")), ("ed25519", ("ed25519", "sha256")),
])  # fmt: skip
def test_the_kind_of_signature_is_read(kind, read):
    clock = world().clock
    stamp = rfc3161.parse(clock.token(MESSAGE, signer=a_key(kind, "x")), where="x")
    assert (stamp.signature_kind, stamp.signature_hash) == read


@pytest.mark.parametrize("status", [2, 3, 4, 5])
def test_what_was_not_granted_is_refused(status):
    with pytest.raises(Malformed, match="did not grant"):
        rfc3161.parse(world().clock.token(MESSAGE, status=status), where="x")


def test_a_token_without_the_response_around_it_is_refused():
    response = rfc3161.parse(world().clock.token(MESSAGE), where="x")
    assert response.time == T
    with pytest.raises(Malformed, match="DER value"):
        rfc3161.parse(tlv(0x30, tlv(0x06, b"\x2a")), where="x")


HASHES = [tlv(0x31, algorithm(HASH_OIDS[name])) for name in ("sha256", "sha512")]


@pytest.mark.parametrize(
    ("was", "is_now", "says"),
    [
        (integer(3) + HASHES[0], integer(2) + HASHES[0], "another version of the format"),
        (HASHES[0], HASHES[1], "not among those that the token names"),
        (integer(1) + b"\x30", integer(3) + b"\x30", "another version of the format"),
    ],
    ids=["data", "hashes", "signer"],
)
def test_a_token_whose_frame_says_something_else_is_refused(was, is_now, says):
    token = world().clock.token(MESSAGE)
    at = token.rindex(was)
    with pytest.raises(Refused, match=says):
        rfc3161.parse(token[:at] + is_now + token[at + len(was) :], where="x")


def test_a_token_over_64_kib_is_refused():
    with pytest.raises(LimitPassed, match="too large"):
        rfc3161.parse(bytes(65 * 1024), where="x")


@given(st.data())
def test_a_token_that_was_changed_is_read_or_refused_and_nothing_else(data):
    whole = bytearray(WHOLE)
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(whole) - 1))
        whole[at] = data.draw(st.integers(0, 255))
    with contextlib.suppress(Refused):
        rfc3161.parse(bytes(whole), where="x")


WHOLE = Clock("tsa").token(MESSAGE, embed=True)


@given(st.integers(0, len(WHOLE) - 1))
def test_a_token_that_is_cut_off_is_refused(size):
    with pytest.raises(Malformed):
        rfc3161.parse(WHOLE[:size], where="x")
