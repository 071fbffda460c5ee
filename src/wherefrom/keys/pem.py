"""Ed25519 keys as PEM, the way openssl, cosign and in-toto's tools read and write them.

    new_key_pair ──► PKCS #8 private, SubjectPublicKeyInfo public ──► read_signing_key

Public keys of every kind are read in ``public``; the log's own have a form of their own
(``ed25519``).

Source: RFC 8410 §7, RFC 5958
"""

from __future__ import annotations

from cryptography.exceptions import InternalError, UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from wherefrom.errors import SettingError
from wherefrom.keys.ed25519 import SigningKey


def new_key_pair() -> tuple[bytes, bytes]:
    """A new private and public key, as PEM. The private one is not encrypted."""
    private = Ed25519PrivateKey.generate()
    return (
        private.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        ),
        private.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        ),
    )


def read_signing_key(pem: bytes, *, where: str = "private key") -> SigningKey:
    """The key in a PEM file. Raises SettingError for anything else, never showing it."""
    expected = "an Ed25519 private key, PEM (PKCS #8), not encrypted"
    try:
        private = serialization.load_pem_private_key(pem, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm, InternalError):
        # Not chained: what the library says may quote what it read.
        raise SettingError(
            "not a private key", where=where, expected=expected, do="See: wherefrom keys new"
        ) from None
    if not isinstance(private, Ed25519PrivateKey):
        raise SettingError(
            "a private key of another kind", where=where, expected=expected,
            got=type(private).__name__.strip("_"),
            do="Make one: wherefrom keys new",
        )  # fmt: skip
    return SigningKey(private.private_bytes_raw())
