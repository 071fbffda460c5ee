"""ML-DSA-44: sign and check, for cosignatures that outlive the curves.

    seed (32 bytes) ──► private key ──► signature (2,420 bytes) ──► check(public key, 1,312 bytes)

Source: FIPS 204, with an empty context; the library is ``cryptography``
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from wherefrom.errors import SettingError, SignatureError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey

PUBLIC_KEY_BYTES: Final = 1312
SIGNATURE_BYTES: Final = 2420


def private_key(seed: bytes) -> MLDSA44PrivateKey:
    """The key of a seed of 32 random bytes. Raises SettingError where OpenSSL has no ML-DSA."""
    key: MLDSA44PrivateKey = _library().MLDSA44PrivateKey.from_seed_bytes(seed)
    return key


def check(public_key: bytes, message: bytes, signature: bytes) -> None:
    """Check that the holder of ``public_key`` signed ``message``. Raises SignatureError if not."""
    from cryptography.exceptions import InvalidSignature

    try:
        key = _library().MLDSA44PublicKey.from_public_bytes(public_key)
        key.verify(signature, message)
    except (InvalidSignature, ValueError) as error:
        raise SignatureError("an ML-DSA-44 signature does not match the message") from error


def _library() -> Any:
    from cryptography.exceptions import UnsupportedAlgorithm

    try:
        from cryptography.hazmat.primitives.asymmetric import mldsa

        return mldsa
    except (ImportError, UnsupportedAlgorithm) as error:
        raise SettingError(
            "the library cryptography here has no ML-DSA-44",
            expected="cryptography 47 or newer",
            do="Upgrade it: pip install -U cryptography",
        ) from error
