"""Which records are one word, said once and sent again: what was signed, in whatever it is wrapped.

    content ──► what the signature is over, and what dates it ──► word; the same word, the same time

An envelope may be written in many ways, and lose signatures of others on its way; what was signed
stays. So a report that passed, sent again after one that failed, is no newer word, nor does an old
scan get young by it. A record that says no time of its own and is signed again with the very same
text cannot be told from one sent again: the first time that it was heard counts.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from wherefrom.errors import Refused
from wherefrom.formats import batch, dsse, sigstore_bundle, strict_json

_WRAPPED_MAX: Final = 4


def word_of(content: bytes) -> bytes:
    """32 bytes that are the same for the same word. ``content`` as it is in the log."""
    try:
        dated = b""
        if batch.is_batched(content):
            parsed = batch.parse(content)
            content, dated = parsed.record, parsed.batch.envelope.payload
        return _hash(dated, *_signed_in(content))
    except Refused:  # no JSON, or a newer program took what this one does not
        return _hash(content)


def _signed_in(content: bytes) -> tuple[bytes, ...]:
    document: Any = strict_json.decode(content)
    certificate = b""
    for _ in range(_WRAPPED_MAX):
        if not isinstance(document, dict):
            break
        if dsse.recognises(document):
            return certificate, dsse.parse(document).payload
        if not sigstore_bundle.recognises(document):
            break
        # Each keyless signature has a certificate of its own, of a few minutes.
        certificate = _certificate(document)
        document = document.get("dsseEnvelope")
    return certificate, msgspec.json.encode(document, order="deterministic")


def _certificate(bundle: Mapping[str, Any]) -> bytes:
    material = strict_json.get_object(bundle, "verificationMaterial")
    chain = strict_json.get_object(material, "x509CertificateChain")
    certificates = strict_json.get_array(chain, "certificates")
    leaf: Any = certificates[0] if certificates else material.get("certificate", {})
    leaf = strict_json.as_object(leaf, where="certificate")
    return (strict_json.get_string(leaf, "rawBytes") or "").encode()


def _hash(*pieces: bytes) -> bytes:
    whole = hashlib.sha256()
    for piece in pieces:
        whole.update(len(piece).to_bytes(8, "big") + piece)
    return whole.digest()
