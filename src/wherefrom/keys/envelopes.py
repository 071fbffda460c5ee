"""Sign a payload into a DSSE envelope, and say who signed one.

Source: secure-systems-lab/dsse protocol v1.0.2
"""

from __future__ import annotations

import json
from typing import NamedTuple

from wherefrom.errors import BadSignature, SignatureError
from wherefrom.formats import base64_strict
from wherefrom.formats.dsse import Envelope, pae
from wherefrom.keys.ed25519 import SigningKey
from wherefrom.keys.keyring import Keyring

SIGNATURES_CHECKED_MAX = 8


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


def signers_of(envelope: Envelope, keyring: Keyring) -> Signers:
    """Which trusted keys signed ``envelope``: each signature under some key, each key once.

    A ``keyid`` that names a key we know must verify under that key, or the envelope lies.
    Raises BadSignature then, and for a signature by a revoked or retired key that is named.
    """
    message = pae(envelope.payload_type, envelope.payload)
    known: set[str] = set()
    unknown = 0
    for number, (hint, signature) in enumerate(envelope.signatures[:SIGNATURES_CHECKED_MAX]):
        named = keyring.named(hint)
        if named is not None:
            try:
                named.check(message, signature)
            except SignatureError as error:
                raise BadSignature(
                    f"the signature fails under the key it names, {named.id}",
                    where=f"signatures[{number}]",
                    got=f"keyid {hint}",
                    do="The payload was changed, or the envelope was signed by another key",
                ) from error
            state = keyring.state(named.id)
            if state != "trusted":
                raise BadSignature(
                    f"the key {named.id} is {state}",
                    where=f"signatures[{number}]",
                    expected="a trusted key",
                    do="Sign with a key that is trusted now: wherefrom keys list",
                )
            known.add(named.id)
            continue
        found = _first_that_checks(keyring, message, signature)
        unknown += found is None
        known |= {found} if found else set()
    return Signers(tuple(sorted(known)), unknown)


def _first_that_checks(keyring: Keyring, message: bytes, signature: bytes) -> str | None:
    for key in keyring.candidates():
        # A length that cannot be: Ed25519 signatures are 64 bytes, so skip the arithmetic.
        if key.algorithm == "ed25519" and len(signature) != 64:
            continue
        try:
            key.check(message, signature)
        except SignatureError:
            continue
        return key.id
    return None
