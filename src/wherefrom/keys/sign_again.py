"""Sign again what another key vouches for, so that it stands when that key is gone.

    DSSE envelope      ──► the same payload and signatures, and one more
    record of a batch  ──► the record alone, for a new batch
    anything else      ──► carries one signature, by its format: only its maker can make it again

Source: secure-systems-lab/dsse protocol v1.0.2 (many signatures); docs/formats/batch.md
"""

from __future__ import annotations

from hashlib import sha256
from typing import NamedTuple

from wherefrom.errors import Refused, Unsupported
from wherefrom.formats import batch, recognise
from wherefrom.formats.dsse import Envelope, pae
from wherefrom.keys.envelopes import sign_envelope
from wherefrom.keys.held import Signer


class Signable(NamedTuple):
    """What would be signed: an envelope's message, or a record that was signed in a batch.

    digest  SHA-256 of it: two contents that say the same of it have the same
    """

    envelope: Envelope | None
    record: bytes | None
    digest: bytes


def signable(content: bytes) -> Signable:
    """What in a record another key can sign too. Raises Unsupported where none can."""
    if batch.is_batched(content):
        record = batch.parse(content).record
        return Signable(None, record, sha256(record).digest())
    try:
        read = recognise.read(content)
    except Refused as error:
        raise Unsupported("this version does not read it", got=str(error)) from error
    if not isinstance(read.envelope, Envelope):
        raise Unsupported(
            f"a record of the format {read.format} carries one signature",
            do="Only its maker can make it again",
        )
    envelope = read.envelope
    return Signable(envelope, None, sha256(pae(envelope.payload_type, envelope.payload)).digest())


def signed_again(envelope: Envelope, key: Signer) -> bytes:
    """The envelope with one more signature. Raises Unavailable."""
    return sign_envelope(envelope.payload_type, envelope.payload, key, envelope.signatures)
