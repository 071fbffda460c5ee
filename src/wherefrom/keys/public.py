"""Public keys of the kinds that sign provenance: read, name, check.

    PEM or DER SubjectPublicKeyInfo ──► PublicKey(id "k:…") ──► check(message, signature)

One verifier for each algorithm, named here because two libraries can disagree on odd input:
libsodium (PyNaCl) for Ed25519, OpenSSL (cryptography) for ECDSA and RSA. An ECDSA signature comes
as DER, or as r ‖ s of fixed length, the way JOSE and Google's build service write it; where a
format allows DER only, ``check_strictly`` and ``check_digest`` do.

Sizes:  an id is ``k:`` and 32 hex digits · RSA 2,048 to 8,192 bits
Source: RFC 5280 §4.1 (SubjectPublicKeyInfo); RFC 8032; FIPS 186-5; RFC 7518 §3.4 (r ‖ s)
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Final

from cryptography import x509
from cryptography.exceptions import InternalError, InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed, encode_dss_signature

from wherefrom.errors import SettingError, SignatureError
from wherefrom.keys import ed25519 as ours
from wherefrom.keys.ed25519 import check as check_ed25519
from wherefrom.keys.ed25519 import key_id

# The hash that goes with a curve when the format names none (Sigstore, in-toto, cosign).
_CURVE_HASHES: Final[dict[str, Callable[[], hashes.HashAlgorithm]]] = {
    "secp256r1": hashes.SHA256,
    "secp384r1": hashes.SHA384,
    "secp521r1": hashes.SHA512,
}
_SHA256: Final = hashes.SHA256()
_RSA_BITS = (2048, 8192)
_HASHES: Final[dict[str, Callable[[], hashes.HashAlgorithm]]] = {
    "sha256": hashes.SHA256,
    "sha384": hashes.SHA384,
    "sha512": hashes.SHA512,
}


class PublicKey:
    """A key that may be asked whether it signed something.

    spki       SubjectPublicKeyInfo, DER
    id         ``k:`` + 32 hex of SHA-256(spki)
    algorithm  ``ed25519``, ``ecdsa-p256``, ``ecdsa-p384``, ``ecdsa-p521`` or ``rsa``
    hash       the hash that goes with it, ``sha256`` …; None for Ed25519, which hashes itself
    """

    __slots__ = ("_check", "_key", "algorithm", "hash", "id", "spki")

    def __init__(self, spki: bytes, *, where: str = "public key") -> None:
        """Raises SettingError for bytes that are no key of a kind we check."""
        try:
            key = serialization.load_der_public_key(spki)
        except (ValueError, UnsupportedAlgorithm, InternalError) as error:
            raise _not_a_key(where, str(error)) from error
        self.spki = _spki_of(key)
        self.id = key_id(self.spki)
        self._key = key
        self.hash: str | None = None
        self._check: Callable[[bytes, bytes], None]
        if isinstance(key, ed25519.Ed25519PublicKey):
            raw = key.public_bytes_raw()
            self.algorithm = "ed25519"
            self._check = lambda message, signature: check_ed25519(raw, message, signature)
        elif isinstance(key, ec.EllipticCurvePublicKey) and key.curve.name in _CURVE_HASHES:
            self.algorithm = "ecdsa-p" + key.curve.name[4:7]
            hash = _CURVE_HASHES[key.curve.name]()
            scheme, self.hash = ec.ECDSA(hash), hash.name
            self._check = lambda message, signature: _check_ecdsa(key, scheme, message, signature)
        elif isinstance(key, rsa.RSAPublicKey):
            if not _RSA_BITS[0] <= key.key_size <= _RSA_BITS[1]:
                raise _not_a_key(where, f"RSA of {key.key_size} bits")
            self.algorithm, self.hash = "rsa", "sha256"
            self._check = lambda message, signature: _check_rsa(key, message, signature)
        else:
            curve = f" on {key.curve.name}" if isinstance(key, ec.EllipticCurvePublicKey) else ""
            raise _not_a_key(where, type(key).__name__ + curve)

    @classmethod
    def from_pem(cls, written: bytes, *, where: str = "public key") -> PublicKey:
        """From a PEM public key or certificate, or DER bytes. Raises SettingError."""
        try:
            if b"-----BEGIN CERTIFICATE" in written:
                certificate = x509.load_pem_x509_certificate(written)
                return cls(_spki_of(certificate.public_key()), where=where)
            if b"PRIVATE KEY-----" in written:
                raise _not_a_key(where, "a private key", do="Keep it secret; give its public key")
            if b"-----BEGIN" in written:
                return cls(_spki_of(serialization.load_pem_public_key(written)), where=where)
            return cls(written, where=where)
        except (ValueError, UnsupportedAlgorithm, InternalError, x509.InvalidVersion) as error:
            raise _not_a_key(where, str(error)) from error

    def to_pem(self) -> str:
        """The key as PEM text."""
        return (
            serialization.load_der_public_key(self.spki)
            .public_bytes(
                serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
            )
            .decode("ascii")
        )

    def check(self, message: bytes, signature: bytes) -> None:
        """Return if this key signed ``message``. Raises SignatureError otherwise."""
        try:
            self._check(message, signature)
        except (InvalidSignature, SignatureError, ValueError, InternalError) as error:
            raise SignatureError(f"the signature is not by {self.id}") from error

    def check_strictly(self, message: bytes, signature: bytes, *, hash: str | None = None) -> None:
        """The same, of an ECDSA signature in DER only. Raises SignatureError.

        hash  where the format names another than goes with the key
        """
        named = hash or self.hash
        if named is None:
            self.check(message, signature)
        else:
            digest = hashlib.new(named, message).digest()
            self.check_digest(digest, signature, hash=named)

    def check_prehashed(self, message: bytes, signature: bytes) -> None:
        """Return if this Ed25519 key signed ``message`` as Ed25519ph. Raises SignatureError."""
        if not isinstance(self._key, ed25519.Ed25519PublicKey):
            raise SignatureError(f"a key of {self.algorithm} makes no Ed25519ph signature")
        try:
            ours.check_prehashed(self._key.public_bytes_raw(), message, signature)
        except SignatureError as error:
            raise SignatureError(f"the signature is not by {self.id}") from error

    def check_digest(self, digest: bytes, signature: bytes, *, hash: str) -> None:
        """Return if this key signed what has this ``digest``. Raises SignatureError otherwise.

        hash  which hash the digest is by: ``sha256``, ``sha384`` or ``sha512``

        Ed25519 signs messages, so nothing can be said of a digest.
        """
        prehashed = Prehashed(_HASHES[hash]())
        try:
            if isinstance(self._key, ec.EllipticCurvePublicKey):
                # OpenSSL takes DER only, and of a number only its shortest spelling.
                self._key.verify(signature, digest, ec.ECDSA(prehashed))
            elif isinstance(self._key, rsa.RSAPublicKey):
                _check_rsa(self._key, digest, signature, hash=prehashed, inner=_HASHES[hash]())
            else:
                raise SignatureError(f"a key of {self.algorithm} signs no digests")
        except (InvalidSignature, ValueError, InternalError) as error:
            raise SignatureError(f"the signature is not by {self.id}") from error


def _spki_of(key: PublicKeyTypes) -> bytes:
    return key.public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )


def _check_ecdsa(
    key: ec.EllipticCurvePublicKey, scheme: ec.ECDSA, message: bytes, signature: bytes
) -> None:
    half = (key.key_size + 7) // 8
    try:
        key.verify(signature, message, scheme)
    except InvalidSignature:
        if len(signature) != 2 * half:
            raise
        r, s = (int.from_bytes(n, "big") for n in (signature[:half], signature[half:]))
        key.verify(encode_dss_signature(r, s), message, scheme)


def _check_rsa(
    key: rsa.RSAPublicKey,
    message: bytes,
    signature: bytes,
    *,
    hash: hashes.HashAlgorithm | Prehashed = _SHA256,
    inner: hashes.HashAlgorithm = _SHA256,
) -> None:
    # in-toto and cosign keys sign either way and envelopes do not say which.
    try:
        key.verify(signature, message, padding.PKCS1v15(), hash)
    except InvalidSignature:
        key.verify(signature, message, padding.PSS(padding.MGF1(inner), padding.PSS.AUTO), hash)


def _not_a_key(where: str, got: str, *, do: str | None = None) -> SettingError:
    return SettingError(
        "not a public key we can check with",
        where=where,
        expected="Ed25519, ECDSA on P-256, P-384 or P-521, or RSA of 2,048 bits or more, as PEM",
        got=got,
        do=do,
    )
