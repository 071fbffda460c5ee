"""Sign and check COSE receipts with the log's key.

    Inclusion or Consistency + root ──sign_receipt──► bytes ──check_receipt(root)──► it is the log's

The log's key is Ed25519. We write its algorithm as EdDSA (-8), which every COSE library knows, and
take Ed25519 (-19) as well: docs/decisions/0017-cose.md. A key is named by its COSE key thumbprint.

Source: RFC 9053 §2.2, RFC 9864, RFC 9679 (thumbprint), RFC 9942
"""

from __future__ import annotations

from hashlib import sha256
from typing import Any

from wherefrom.errors import SignatureError
from wherefrom.formats import cbor, cose, cose_receipt
from wherefrom.formats.cose_receipt import Consistency, Inclusion, Receipt
from wherefrom.formats.note import VerifierKey
from wherefrom.keys.ed25519 import Ed25519Signer, check

_KTY, _KID, _ALG, _CRV, _X = 1, 2, 3, -1, -2
_OKP, _ED25519 = 1, 6


def thumbprint(public_key: bytes) -> bytes:
    """The 32 bytes that name an Ed25519 key of 32 bytes in COSE."""
    return sha256(cbor.encode({_KTY: _OKP, _CRV: _ED25519, _X: public_key})).digest()


def cose_key(public_key: bytes) -> dict[int, Any]:
    """An Ed25519 key of 32 bytes as a COSE_Key, named as receipts name it."""
    kid = thumbprint(public_key)
    return {_KTY: _OKP, _KID: kid, _ALG: cose.EDDSA, _CRV: _ED25519, _X: public_key}


def sign_receipt(
    proof: Inclusion | Consistency,
    *,
    root: bytes,
    origin: str,
    key: Ed25519Signer,
    entry: bytes | None = None,
    nonce: bytes | None = None,
) -> bytes:
    """A receipt by the log ``origin``. The caller knows that ``proof`` leads to ``root``, and that
    the log signed that root before: a receipt says nothing that its checkpoint did not say."""
    kid = thumbprint(key.public_key)
    headers = cose_receipt.protected(alg=cose.EDDSA, kid=kid, issuer=origin)
    signature = key.sign(cose.sig_structure(headers, root))
    return cose_receipt.to_bytes(
        proof, protected=headers, signature=signature, entry=entry, nonce=nonce
    )


def check_receipt(receipt: Receipt, *, root: bytes, log_key: VerifierKey) -> None:
    """Return if the log's key signed this root here. Raises SignatureError otherwise."""
    if receipt.alg not in (cose.EDDSA, cose.ED25519):
        raise SignatureError(
            "a receipt signed in another way than the log's key signs",
            expected="EdDSA (-8) or Ed25519 (-19)",
            got=cose.ALGORITHMS.get(receipt.alg, str(receipt.alg)),
        )
    if receipt.issuer is not None and receipt.issuer != log_key.name:
        raise SignatureError(
            "the receipt is of another log", expected=log_key.name, got=receipt.issuer
        )
    check(log_key.public_key, receipt.message.message(root), receipt.message.signature)
