"""The judgement at the door: how far a record's word is taken.

    Collected ──► signatures, under the keyring and the root ──► intake rules ──► Verified
                                    └ refused ◄──────────────────────┘

``signed``   every signature that names a key we know verifies, and at least one known key signed
             that counts for this record, at the time we heard it
``keyless``  a Sigstore bundle or PEP 740 attestation, proven under the trusted root in force
``batch``    the same for the signature over a batch that the record is in, by its path
``channel``  nobody we know signed; an authenticated principal brought it
``self``     Wherefrom's own decision, under the service key

A log that has no trusted root, or one too old to judge by, leaves each bundle ``channel``.
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
from wherefrom.formats.recognise import Recognised, Signed
from wherefrom.keys.batches import check_path
from wherefrom.keys.ed25519 import SigningKey
from wherefrom.keys.envelopes import Signers, sign_envelope, signers_of, signers_of_batch
from wherefrom.keys.keyring import Keyring, Signing
from wherefrom.verify.dated_root import DatedRoot
from wherefrom.verify.intake import Asked, need_let_in
from wherefrom.verify.verified import Verified

CHANNEL = Trust("channel")


def judge(
    collected: Collected,
    *,
    keyring: Keyring,
    producer_key: bytes,
    root: DatedRoot | None = None,
    intake: Sequence[IntakeRule] = (),
) -> Verified:
    """Judge one record. Raises BadSignature, also for a key that no longer counts; NotAllowed for
    a stranger's own record, for a key that may not sign this, and for what an intake rule keeps
    out."""
    trust = believed(
        collected, collected.content, keyring=keyring, root=root, at=collected.received
    )
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


def believed(
    record: Collected | Recognised,
    content: bytes,
    *,
    keyring: Keyring,
    root: DatedRoot | None,
    at: str,
) -> Trust:
    """How far a record is believed that is known to exist since ``at``: under the trusted root if
    it is one of Sigstore's, else as ``trust_of``."""
    trust = None
    if root is not None and root.judges(at) and is_sigstore(record):
        trust = _keyless(record, content, keyring, root, at)
    return trust or trust_of(record, keyring, at=at)


def is_sigstore(record: Collected | Recognised) -> bool:
    """Is this a record that a trusted root has to judge?"""
    # One in a batch is not: its bytes are inside, and the batch's signature is what is judged.
    return record.format in ("sigstore_bundle", "pep740") and record.batched is None


def trust_of(record: Collected | Recognised, keyring: Keyring, *, at: str) -> Trust:
    """How far a record is believed that is known to exist since ``at``, and who signed it.

    The record's own signatures come first: a batch that carries it to us vouches for less. Raises
    BadSignature, NotAllowed, as ``judge``.
    """
    if record.batched is not None:
        check_path(record.batched)
    signing = Signing(at, record.facts)
    trust = _signed(record.envelope, keyring, signing) if record.envelope else CHANNEL
    if record.batched is None or trust.level == "signed":
        return trust
    return _vouched("batch", signers_of_batch(record.batched.batch.envelope, keyring, signing))


def _signed(envelope: Signed, keyring: Keyring, signing: Signing) -> Trust:
    if envelope.payload_type.startswith(own.PREFIX):
        raise NotAllowed(
            "only Wherefrom itself writes records of this type",
            where="payloadType",
            got=envelope.payload_type,
            do="Use the command for it; keys trust, erase and the like write such records",
        )
    return _vouched("signed", signers_of(envelope, keyring, signing))


def _vouched(level: str, signers: Signers) -> Trust:
    if signers.denied and not signers.known:
        raise signers.denied[0]
    return Trust(level, signers.known[:SIGNERS_MAX]) if signers.known else CHANNEL


def _keyless(
    record: Collected | Recognised, content: bytes, keyring: Keyring, root: DatedRoot, at: str
) -> Trust | None:
    from wherefrom.verify import keyless  # late: most logs have no root

    trust = keyless.trust_of(content, root=root.trusted, received=at)
    signing = Signing(at, record.facts)
    # A certificate's key that the log knows too is believed no more than its keyring says.
    if trust and any(keyring.named(k) and keyring.why_not(k, signing) for k in trust.signers):
        return None
    return trust


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
