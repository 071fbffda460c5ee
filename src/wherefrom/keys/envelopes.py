"""Sign a payload into a DSSE envelope, and say who signed one, or in-toto's older wrapper.

Source: secure-systems-lab/dsse protocol v1.0.2
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import NamedTuple, Protocol

from wherefrom.errors import BadSignature, SignatureError
from wherefrom.formats import base64_strict
from wherefrom.formats.dsse import Signature, pae
from wherefrom.keys.ed25519 import SigningKey
from wherefrom.keys.keyring import Keyring
from wherefrom.keys.public import PublicKey

# Of signatures that name no key we know: each is tried under every trusted key.
SIGNATURES_TRIED_MAX = 8


def sign_envelope(payload_type: str, payload: bytes, key: SigningKey) -> bytes:
    """A DSSE envelope with one Ed25519 signature, ``keyid`` the key's id."""
    return json.dumps(
        {
            "payload": base64_strict.encode(payload),
            "payloadType": payload_type,
            "signatures": [
                {"keyid": key.id, "sig": base64_strict.encode(key.sign(pae(payload_type, payload)))}
            ],
        },
        separators=(",", ":"),
    ).encode()


class Signers(NamedTuple):
    """Ids of the known keys that signed, sorted; and how many signatures nobody we know made."""

    known: tuple[str, ...]
    unknown: int


class Signed(Protocol):
    """What ``signers_of`` judges: a DSSE envelope, or in-toto's own wrapper."""

    @property
    def signatures(self) -> tuple[Signature, ...]:
        """Each signature with what its signer calls the key."""

    def message(self) -> bytes:
        """The bytes that every one of them is over."""


def signers_of(envelope: Signed, keyring: Keyring) -> Signers:
    """Which trusted keys signed ``envelope``: each signature under some key, each key once.

    A ``keyid`` that names a key we know must verify under that key, or the envelope lies.
    Raises BadSignature then, and for a signature by a revoked or retired key that is named. Of
    the signatures that name no key we know, the first SIGNATURES_TRIED_MAX are tried.
    """
    message = envelope.message()
    known: set[str] = set()
    unknown = tried = 0
    for number, (hint, signature) in enumerate(envelope.signatures):
        named = keyring.named(hint)
        if named:
            id = _first_that_checks(named, message, signature)
            _need_trusted(keyring, id, named=named, hint=hint, where=f"signatures[{number}]")
        else:
            tried += 1
            may_try = tried <= SIGNATURES_TRIED_MAX
            id = _first_that_checks(keyring.candidates(), message, signature) if may_try else None
        unknown += id is None
        known |= {id} if id else set()
    return Signers(tuple(sorted(known)), unknown)


def _need_trusted(
    keyring: Keyring, id: str | None, *, named: Sequence[PublicKey], hint: str | None, where: str
) -> None:
    if id is None:
        raise BadSignature(
            f"the signature fails under the key it names, {' or '.join(k.id for k in named)}",
            where=where,
            got=f"keyid {hint}",
            do="The payload was changed, or the envelope was signed by another key",
        )
    state = keyring.state(id)
    if state != "trusted":
        raise BadSignature(
            f"the key {id} is {state}",
            where=where,
            expected="a trusted key",
            do="Sign with a key that is trusted now: wherefrom keys list",
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
