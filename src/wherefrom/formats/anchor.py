"""An anchor: what others, outside this log, hold of one of its checkpoints.

    checkpoint text ──signed by the anchor key──► signature ──► a Rekor v2 log      tlogEntries
                                                           └──► RFC 3161 authorities  timestamps
                     all of it in one Sigstore bundle, which any of Sigstore's clients can check

The signature is only what is logged and stamped; that the checkpoint is the log's own is shown by
the log's keys. So the anchor key proves nothing, and needs no protection but for its name.

Sizes:  an anchor is at most 1 MiB, with at most 8 logs and 8 authorities
Source: docs/formats/anchor.md; sigstore/protobuf-specs, sigstore_bundle.proto
"""

from __future__ import annotations

import hashlib
from typing import Any, Final

import msgspec

from wherefrom.errors import LimitPassed, Malformed
from wherefrom.formats import base64_strict, checkpoint, hashedrekord, note, strict_json
from wherefrom.formats.checkpoint import Checkpoint

BYTES_MAX: Final = 1024 * 1024
ASKED_MAX: Final = 8
BUNDLE_TYPE: Final = "application/vnd.dev.sigstore.bundle.v0.3+json"


class AnchorSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Whom to ask, and how often.

    root     a Sigstore trusted root, JSON text: the keys and chains of those who are asked
    logs     addresses of Rekor v2 logs, above ``/api/v2``
    stamps   addresses of RFC 3161 authorities
    every_s  how long from one anchor to the next, if there is anything new
    """

    root: str
    logs: tuple[str, ...] = ()
    stamps: tuple[str, ...] = ()
    every_s: int = 3600


class Anchor(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """All of it unchecked (``verify.anchors`` does).

    note    the checkpoint, as it was published
    key     PEM of the key that signed its text
    bundle  the Sigstore bundle of that signature
    """

    note: str
    key: str
    bundle: dict[str, Any]

    @property
    def text(self) -> str:
        """What was signed: the text of the checkpoint. Raises Malformed, LimitPassed."""
        return note.parse(self.note.encode(), where="anchor").text

    @property
    def tree(self) -> Checkpoint:
        """What it is a checkpoint of. Raises Malformed, LimitPassed."""
        return checkpoint.parse(self.text, where="anchor")


def to_bytes(anchor: Anchor) -> bytes:
    """The anchor as JSON."""
    return msgspec.json.encode(anchor, order="sorted")


def parse(written: bytes, *, where: str) -> Anchor:
    """Read an anchor. Raises Malformed, LimitPassed."""
    if len(written) > BYTES_MAX:
        raise LimitPassed("an anchor is too large", where=where, expected=f"{BYTES_MAX} bytes")
    try:
        anchor = msgspec.convert(strict_json.decode(written), Anchor)
    except msgspec.ValidationError as error:
        raise Malformed("not an anchor", where=where, got=str(error)) from error
    assert anchor.tree is not None
    return anchor


def rekor_request(text: str, *, signature: bytes, spki: bytes) -> dict[str, Any]:
    """What a Rekor v2 log is asked to log: the digest, and a P-256 key's signature, in DER."""
    encode = base64_strict.encode
    return {
        hashedrekord.REQUEST: {
            "digest": encode(_digest(text)),
            "signature": {
                "content": encode(signature),
                "verifier": {
                    "keyDetails": "PKIX_ECDSA_P256_SHA_256",
                    "publicKey": {"rawBytes": encode(spki)},
                },
            },
        }
    }


def bundle_of(
    text: str,
    *,
    signature: bytes,
    hint: str,
    entries: list[dict[str, Any]],
    stamps: list[bytes],
) -> dict[str, Any]:
    """The Sigstore bundle. ``entries`` as logs answered, ``stamps`` are responses in DER."""
    encode = base64_strict.encode
    return {
        "mediaType": BUNDLE_TYPE,
        "verificationMaterial": {
            "publicKey": {"hint": hint},
            "tlogEntries": entries,
            "timestampVerificationData": {
                "rfc3161Timestamps": [{"signedTimestamp": encode(stamp)} for stamp in stamps]
            },
        },
        "messageSignature": {
            "messageDigest": {"algorithm": "SHA2_256", "digest": encode(_digest(text))},
            "signature": encode(signature),
        },
    }


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()
