"""How the sample's records are written: JSON, and statements in DSSE envelopes."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from wherefrom.formats import dsse
from wherefrom.formats.dsse import STATEMENT_TYPES, Envelope, Signature
from wherefrom.keys.ed25519 import SigningKey


class Signer(NamedTuple):
    """A key and the ``keyid`` it signs under."""

    key: SigningKey
    keyid: str


def to_json(document: Mapping[str, Any]) -> bytes:
    """A document as the bytes to record."""
    return msgspec.json.encode(document)


def digest(of: str) -> str:
    """64 hex digits that stand for a thing of the estate; the same each time."""
    return hashlib.sha256(of.encode()).hexdigest()


def statement(
    subjects: Sequence[Mapping[str, Any]], predicate_type: str, predicate: Mapping[str, Any]
) -> bytes:
    """An in-toto statement, v1."""
    return to_json(
        {
            "_type": STATEMENT_TYPES[0],
            "subject": subjects,
            "predicateType": predicate_type,
            "predicate": predicate,
        }
    )


def sign(payload: bytes, signer: Signer) -> bytes:
    """A DSSE envelope around a statement."""
    signature = signer.key.sign(dsse.pae(dsse.IN_TOTO_TYPE, payload))
    envelope = Envelope(payload, dsse.IN_TOTO_TYPE, (Signature(signer.keyid, signature),))
    return dsse.to_bytes(envelope)
