"""The signature of a hashedrekord: over its digest, by the key beside it, whoever that is."""

import json

import pytest

from tests.authorities import CertificateAuthority
from tests.rekords import KEYS, body_of, key_of, request_of, spki_of
from wherefrom.errors import BadSignature, Malformed
from wherefrom.formats import hashedrekord
from wherefrom.keys.ed25519 import key_id
from wherefrom.keys.hashedrekord import signer_of


def rekord(content=b"content", kind="p256", **changes):
    return hashedrekord.parse_request(request_of(content, kind, **changes))


@pytest.mark.parametrize("kind", KEYS)
def test_the_signer_is_the_key_that_signed_the_digest(kind):
    assert signer_of(rekord(kind=kind)).id == key_id(spki_of(kind))


@pytest.mark.parametrize("kind", KEYS)
def test_a_signature_over_other_bytes_is_refused(kind):
    with pytest.raises(BadSignature, match="not over this digest"):
        signer_of(rekord(kind=kind, signed=b"other"))


@pytest.mark.parametrize("kind", KEYS)
def test_a_changed_digest_and_a_changed_signature_are_refused(kind):
    good = rekord(kind=kind)
    changed = good._replace(digest=bytes([good.digest[0] ^ 1]) + good.digest[1:])
    with pytest.raises(BadSignature):
        signer_of(changed)
    for at in range(0, len(good.signature), 7):
        bad = bytearray(good.signature)
        bad[at] ^= 1
        with pytest.raises(BadSignature):
            signer_of(good._replace(signature=bytes(bad)))


def test_a_certificate_stands_for_its_key():
    import base64

    from cryptography.hazmat.primitives import serialization

    certificate = CertificateAuthority().issue(key_of("p256").public_key())
    der = certificate.public_bytes(serialization.Encoding.DER)
    asked = request_of(b"content")
    verifier = asked["hashedRekordRequestV002"]["signature"]["verifier"]
    del verifier["publicKey"]
    verifier["x509Certificate"] = {"rawBytes": base64.b64encode(der).decode()}
    read = hashedrekord.parse_request(asked)
    assert signer_of(read).id == key_id(spki_of("p256"))
    body = hashedrekord.to_body(read)
    assert hashedrekord.parse_body(body, json.loads(body)).is_certificate


def test_a_key_of_another_kind_than_it_says_is_refused():
    good = rekord()
    with pytest.raises(Malformed, match="another kind"):
        signer_of(good._replace(key=spki_of("p384")))
    with pytest.raises(Malformed, match="another kind"):
        signer_of(good._replace(details="PKIX_RSA_PKCS1V15_2048_SHA256"))


@pytest.mark.parametrize("is_certificate", [True, False])
def test_bytes_that_are_no_key_are_refused(is_certificate):
    with pytest.raises(Malformed, match="that can be read"):
        signer_of(rekord()._replace(key=b"junk", is_certificate=is_certificate))


def test_a_body_is_made_of_what_was_asked():
    assert b'"kind":"hashedrekord"' in body_of(b"content")
