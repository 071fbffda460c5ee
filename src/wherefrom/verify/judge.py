"""The judgement at the door: how far a record's word is taken.

    Collected ──► signatures under the keyring ──► signed · channel · refused ──► intake rules
                                                                        Verified ◄──┘

``signed``   every signature that names a key we know verifies, and at least one known key signed
             that counts for this record, at the time we heard it
``channel``  nobody we know signed; an authenticated principal brought it
``self``     Wherefrom's own decision, under the service key

A Sigstore bundle and a PEP 740 attestation are read for their facts and judged ``channel``: their
certificates are not checked here.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from wherefrom.collect.collected import Collected
from wherefrom.collect.principals import producer_of
from wherefrom.errors import NotAllowed
from wherefrom.formats import own
from wherefrom.formats.dsse import Signature
from wherefrom.formats.entry import SIGNERS_MAX, Trust
from wherefrom.formats.facts import packed
from wherefrom.formats.intake import IntakeRule
from wherefrom.formats.own import Decision
from wherefrom.keys.ed25519 import SigningKey
from wherefrom.keys.envelopes import sign_envelope, signers_of
from wherefrom.keys.keyring import Keyring, Signing
from wherefrom.verify.intake import Asked, need_let_in
from wherefrom.verify.verified import Verified

CHANNEL = Trust("channel")


def judge(
    collected: Collected,
    *,
    keyring: Keyring,
    producer_key: bytes,
    intake: Sequence[IntakeRule] = (),
) -> Verified:
    """Judge one record. Raises BadSignature, also for a key that no longer counts; NotAllowed for
    a stranger's own record, for a key that may not sign this, and for what an intake rule keeps
    out."""
    trust = _trust(collected, keyring)
    producer = producer_of(collected.principal, key=producer_key)
    if intake:
        need_let_in(intake, Asked(facts=collected.facts, trust=trust, producer=producer))
    return Verified(
        content=collected.content,
        digest=collected.digest,
        kind=collected.facts.kind,
        type=collected.facts.type,
        trust=trust,
        producer=producer,
        received=collected.received,
        occurred=collected.facts.occurred,
        facts=packed(collected.facts),
    )


def _trust(collected: Collected, keyring: Keyring) -> Trust:
    envelope = collected.envelope
    if envelope is None:
        return CHANNEL
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
