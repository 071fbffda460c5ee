"""Sign a payload into a DSSE envelope, and say who signed one, in-toto's older wrapper, or a
hashedrekord.

Source: secure-systems-lab/dsse protocol v1.0.2
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple, Protocol

from wherefrom.errors import BadSignature, Refused, SignatureError
from wherefrom.formats import base64_strict
from wherefrom.formats.batch import BATCHES_REMEMBERED
from wherefrom.formats.dsse import Envelope, Signature, pae
from wherefrom.formats.hashedrekord import HashedRekord
from wherefrom.keys.hashedrekord import signer_of
from wherefrom.keys.held import Signer
from wherefrom.keys.keyring import Keyring, Signing
from wherefrom.keys.public import PublicKey

# Of signatures that name no key we know: each is tried under every trusted key.
SIGNATURES_TRIED_MAX = 8


def sign_envelope(
    payload_type: str, payload: bytes, key: Signer, others: Sequence[Signature] = ()
) -> bytes:
    """A DSSE envelope signed by ``key``, ``keyid`` the key's id.

    others  signatures over the same that were made before
    """
    signed = [(key.id, key.sign(pae(payload_type, payload))), *others]
    return json.dumps(
        {
            "payload": base64_strict.encode(payload),
            "payloadType": payload_type,
            "signatures": [
                {"keyid": hint, "sig": base64_strict.encode(signature)}
                for hint, signature in signed
            ],
        },
        separators=(",", ":"),
    ).encode()


class Signers(NamedTuple):
    """Ids of the known keys that signed, sorted; and how many signatures nobody we know made.

    denied  why known keys that signed do not count: not then, or not for this
    """

    known: tuple[str, ...]
    unknown: int
    denied: tuple[Refused, ...] = ()


class Signed(Protocol):
    """What ``signers_of`` judges: a DSSE envelope, or in-toto's own wrapper."""

    @property
    def signatures(self) -> tuple[Signature, ...]:
        """Each signature with what its signer calls the key."""

    def message(self) -> bytes:
        """The bytes that every one of them is over."""


def signers_of(envelope: Signed, keyring: Keyring, signing: Signing) -> Signers:
    """Which known keys signed ``envelope`` and count for it: each key once.

    A ``keyid`` that names a key we know must verify under that key, or the envelope lies: raises
    BadSignature. Of the signatures that name no key we know, the first SIGNATURES_TRIED_MAX are
    tried under each. A hashedrekord carries its key, under which it must verify in any case.
    """
    if isinstance(envelope, HashedRekord):
        return _signer_of_rekord(envelope, keyring, signing)
    return _counted(_signed_by(envelope, keyring), keyring, signing)


def signers_of_batch(envelope: Envelope, keyring: Keyring, signing: Signing) -> Signers:
    """``signers_of`` an envelope that many records share, which is checked for the first of them;
    whether its keys count is asked for each."""
    return _counted(_signed_by_batch(envelope, keyring, keyring.digest), keyring, signing)


def _counted(signed_by: Sequence[str | None], keyring: Keyring, signing: Signing) -> Signers:
    known: set[str] = set()
    denied: list[Refused] = []
    for id in signed_by:
        if id is None:
            continue
        why = keyring.why_not(id, signing)
        if why is None:
            known.add(id)
        else:
            denied.append(why)
    return Signers(tuple(sorted(known)), signed_by.count(None), tuple(denied))


@lru_cache(maxsize=BATCHES_REMEMBERED)
def _signed_by_batch(envelope: Envelope, keyring: Keyring, digest: str) -> tuple[str | None, ...]:
    # By the ring's digest too: another key in the same ring can make another answer.
    return _signed_by(envelope, keyring)


def _signed_by(envelope: Signed, keyring: Keyring) -> tuple[str | None, ...]:
    """The key behind each signature, whether it counts or not; None for nobody we know."""
    message = envelope.message()
    tried = 0
    found: list[str | None] = []
    for number, (hint, signature) in enumerate(envelope.signatures):
        if named := keyring.named(hint):
            id = _first_that_checks(named, message, signature)
            if id is None:
                raise _a_lie(named, hint, where=f"signatures[{number}]")
        else:
            tried += 1
            may_try = tried <= SIGNATURES_TRIED_MAX
            id = _first_that_checks(keyring.candidates(), message, signature) if may_try else None
        found.append(id)
    return tuple(found)


def _signer_of_rekord(rekord: HashedRekord, keyring: Keyring, signing: Signing) -> Signers:
    id = signer_of(rekord).id
    if not keyring.named(id):
        return Signers((), 1)
    why = keyring.why_not(id, signing)
    return Signers((id,), 0) if why is None else Signers((), 0, (why,))


def signers_over(envelope: Envelope, keyring: Keyring) -> frozenset[str]:
    """Ids of all keys of the ring that signed ``envelope``, whether they count or not."""
    message = envelope.message()
    found = (
        _first_that_checks(keyring.named(hint), message, signature)
        for hint, signature in envelope.signatures
    )
    return frozenset(id for id in found if id is not None)


def _a_lie(named: Sequence[PublicKey], hint: str | None, *, where: str) -> BadSignature:
    return BadSignature(
        f"the signature fails under the key it names, {' or '.join(k.id for k in named)}",
        where=where,
        got=f"keyid {hint}",
        do="The payload was changed, or the envelope was signed by another key",
    )


def _first_that_checks(keys: Sequence[PublicKey], message: bytes, signature: bytes) -> str | None:
    for key in keys:
        # A length that cannot be: Ed25519 signatures are 64 bytes, so skip the arithmetic.
        if key.algorithm == "ed25519" and len(signature) != 64:
            continue
        try:
            key.check(message, signature)
        except SignatureError:
            continue
        return key.id
    return None
