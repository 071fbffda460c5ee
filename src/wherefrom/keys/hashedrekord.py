"""Check the signature of a hashedrekord under the key that it carries, and say who that is.

    HashedRekord(digest, signature, key) ──► signer_of ──► PublicKey, which signed that digest

The key comes from the record, so this says that the record is whole and not that anybody known
signed it: whether the key counts is the keyring's to say.

Source: sigstore_common.proto PublicKeyDetails; FIPS 186-5; RFC 8017 §8.2
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from cryptography import x509
from cryptography.exceptions import InternalError, InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed

from wherefrom.errors import BadSignature, Malformed
from wherefrom.formats.hashedrekord import HashedRekord
from wherefrom.keys.public import PublicKey

_HASHES: Final[dict[str, Callable[[], hashes.HashAlgorithm]]] = {
    "sha256": hashes.SHA256, "sha384": hashes.SHA384, "sha512": hashes.SHA512,
}  # fmt: skip


def signer_of(rekord: HashedRekord) -> PublicKey:
    """The key, which signed the digest. Raises BadSignature, or Malformed for a key that is none
    or is not of the kind that the record says."""
    try:
        key = (
            x509.load_der_x509_certificate(rekord.key).public_key()
            if rekord.is_certificate
            else serialization.load_der_public_key(rekord.key)
        )
    except (ValueError, UnsupportedAlgorithm, InternalError, x509.InvalidVersion) as error:
        what = "a certificate" if rekord.is_certificate else "a public key"
        raise Malformed(
            f"not {what} that can be read", where="verifier", expected="DER", got=str(error)
        ) from error
    if _details(key) != rekord.details:
        raise Malformed(
            "the key is of another kind", where="verifier.keyDetails",
            expected=_details(key) or "a kind that is checked here", got=rekord.details,
        )  # fmt: skip
    prehashed = Prehashed(_HASHES[rekord.hash_name]())
    try:
        if isinstance(key, ec.EllipticCurvePublicKey):
            key.verify(rekord.signature, rekord.digest, ec.ECDSA(prehashed))
        elif isinstance(key, rsa.RSAPublicKey):
            key.verify(rekord.signature, rekord.digest, padding.PKCS1v15(), prehashed)
    except (InvalidSignature, ValueError, InternalError) as error:
        raise BadSignature(
            "the signature is not over this digest by the key beside it",
            where="signature.content",
            do="Sign the digest, or the message it is the digest of, with that key",
        ) from error
    spki = key.public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return PublicKey(spki, where="verifier")


def _details(key: object) -> str | None:
    if isinstance(key, ec.EllipticCurvePublicKey):
        curves = {
            "secp256r1": "PKIX_ECDSA_P256_SHA_256",
            "secp384r1": "PKIX_ECDSA_P384_SHA_384",
            "secp521r1": "PKIX_ECDSA_P521_SHA_512",
        }
        return curves.get(key.curve.name)
    if isinstance(key, rsa.RSAPublicKey):
        return f"PKIX_RSA_PKCS1V15_{key.key_size}_SHA256"
    return None
