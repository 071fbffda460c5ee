"""The judgement at the door: how far a record's word is taken.

    Collected ──► signatures under the keyring ──► signed · channel · refused ──► Verified

``signed``   every signature that names a key we know verifies, and at least one known key signed
             that counts for this record, at the time we heard it
``keyless``  a Sigstore bundle or PEP 740 attestation, proven under the log's trusted root
``channel``  nobody we know signed; an authenticated principal brought it
``self``     Wherefrom's own decision, under the service key

A log without a trusted root (``DIR/trusted-root.json``) judges no bundle: it stays ``channel``.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import TYPE_CHECKING

from wherefrom.collect.collected import Collected
from wherefrom.collect.principals import producer_of
from wherefrom.errors import NotAllowed
from wherefrom.formats import own
from wherefrom.formats.dsse import Signature
from wherefrom.formats.entry import SIGNERS_MAX, Trust
from wherefrom.formats.facts import packed
from wherefrom.formats.own import Decision
from wherefrom.keys.ed25519 import SigningKey
from wherefrom.keys.envelopes import sign_envelope, signers_of
from wherefrom.keys.keyring import Keyring, Signing
from wherefrom.verify.verified import Verified

if TYPE_CHECKING:
    from wherefrom.verify.sigstore.trusted_root import TrustedRoot

CHANNEL = Trust("channel")


def judge(
    collected: Collected,
    *,
    keyring: Keyring,
    producer_key: bytes,
    root: TrustedRoot | None = None,
) -> Verified:
    """Judge one record. Raises BadSignature, also for a key that no longer counts; NotAllowed for
    a stranger's own record, and for a key that may not sign this."""
    return Verified(
        content=collected.content,
        digest=collected.digest,
        kind=collected.facts.kind,
        type=collected.facts.type,
        trust=_trust(collected, keyring, root),
        producer=producer_of(collected.principal, key=producer_key),
        received=collected.received,
        occurred=collected.facts.occurred,
        facts=packed(collected.facts),
    )


def _trust(collected: Collected, keyring: Keyring, root: TrustedRoot | None) -> Trust:
    envelope = collected.envelope
    if envelope is None:
        return _keyless(collected, root) or CHANNEL
    if envelope.payload_type.startswith(own.PREFIX):
        raise NotAllowed(
            "only Wherefrom itself writes records of this type",
            where="payloadType",
            got=envelope.payload_type,
        )
    signers = signers_of(envelope, keyring, Signing(collected.received, collected.facts))
    if signers.denied and not signers.known:
        raise signers.denied[0]
    return Trust("signed", signers.known[:SIGNERS_MAX]) if signers.known else CHANNEL


def _keyless(collected: Collected, root: TrustedRoot | None) -> Trust | None:
    if root is None or collected.format not in ("sigstore_bundle", "pep740"):
        return None
    from wherefrom.verify import keyless  # late: most logs have no root

    return keyless.trust_of(collected.content, root=root, received=collected.received)


def decide(
    decision: Decision,
    *,
    service_key: SigningKey,
    received: str,
    others: Sequence[Signature] = (),
) -> Verified:
    """Wherefrom's own decision as a record, signed by the service key, and by ``others`` before."""
    content = sign_envelope(own.media_type(decision), own.to_payload(decision), service_key, others)
    return Verified(
        content=content,
        digest=hashlib.sha256(content).digest(),
        kind=own.entry_kind(decision),
        type=own.media_type(decision),
        trust=Trust("self", (service_key.id,)),
        producer="self",
        received=received,
        occurred=received,
    )
