"""Requests and bodies of hashedrekord for tests, signed by keys made once a run."""

import base64
import hashlib
from functools import cache

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

from wherefrom.formats import hashedrekord

KEYS = {
    "p256": ("PKIX_ECDSA_P256_SHA_256", hashes.SHA256()),
    "p384": ("PKIX_ECDSA_P384_SHA_384", hashes.SHA384()),
    "p521": ("PKIX_ECDSA_P521_SHA_512", hashes.SHA512()),
    "rsa": ("PKIX_RSA_PKCS1V15_2048_SHA256", hashes.SHA256()),
}


@cache
def key_of(kind):
    """The private key of that kind."""
    if kind == "rsa":
        return rsa.generate_private_key(65537, 2048)
    curves = {"p256": ec.SECP256R1(), "p384": ec.SECP384R1(), "p521": ec.SECP521R1()}
    return ec.generate_private_key(curves[kind])


def spki_of(kind):
    return key_of(kind).public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )  # fmt: skip


def request_of(content, kind="p256", *, signed=None):
    """A request to log ``content``; ``signed`` is what the signature is really over."""
    details, algorithm = KEYS[kind]
    scheme = (padding.PKCS1v15(), algorithm) if kind == "rsa" else (ec.ECDSA(algorithm),)
    signature = key_of(kind).sign(content if signed is None else signed, *scheme)
    digest = hashlib.new(algorithm.name, content).digest()
    return {
        "hashedRekordRequestV002": {
            "digest": base64.b64encode(digest).decode(),
            "signature": {
                "content": base64.b64encode(signature).decode(),
                "verifier": {
                    "keyDetails": details,
                    "publicKey": {"rawBytes": base64.b64encode(spki_of(kind)).decode()},
                },
            },
        }
    }


def body_of(content, kind="p256", **changes):
    """The body that such a request becomes."""
    return hashedrekord.to_body(hashedrekord.parse_request(request_of(content, kind, **changes)))
