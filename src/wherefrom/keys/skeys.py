"""The text in which a private key of signed notes is kept: the form of Go's note package.

    PRIVATE+KEY+example.com/log+33d7b496+base64(type ‖ seed)
                └ name          └ key id of the *public* key

No error here ever shows what it read.

Sizes:  a seed is 32 bytes, for Ed25519 and ML-DSA-44 alike
Source: golang.org/x/mod/sumdb/note; C2SP signed-note
"""

from __future__ import annotations

import contextlib
from collections.abc import Collection
from typing import Final, NamedTuple

from wherefrom.errors import Malformed, SettingError
from wherefrom.formats import base64_strict, note

SEED_BYTES: Final = 32
_PREFIX: Final = "PRIVATE+KEY+"
_NAMES: Final = {
    note.ED25519: "Ed25519",
    note.ED25519_COSIGNATURE: "Ed25519 cosignature",
    note.MLDSA44_COSIGNATURE: "ML-DSA-44 cosignature",
}


class Skey(NamedTuple):
    """The parts of a private key's text; ``key_id`` is what the text claims."""

    name: str
    key_id: bytes
    algorithm: int
    seed: bytes

    def __repr__(self) -> str:
        return f"<Skey {self.name}+{self.key_id.hex()}>"


def to_text(skey: Skey) -> str:
    """The secret as text."""
    encoded = base64_strict.encode(bytes([skey.algorithm]) + skey.seed)
    return f"{_PREFIX}{skey.name}+{skey.key_id.hex()}+{encoded}"


def parse(text: str, *, algorithms: Collection[int], where: str) -> Skey:
    """Read what ``to_text`` wrote, of one of these types. Raises SettingError, never showing it."""
    names = " or ".join(_NAMES[algorithm] for algorithm in algorithms)
    types = " or ".join(f"{algorithm:02x}" for algorithm in algorithms)
    expected = f"{_PREFIX}name+8 hex digits+base64 of a type byte {types} and 32 bytes"
    fields = text.removeprefix(_PREFIX).split("+", 2)
    if not text.startswith(_PREFIX) or len(fields) != 3:
        raise SettingError(
            "not a signer key",
            where=where,
            expected=expected,
            do="Restore the file from a copy",
        )
    name, key_id, encoded = fields
    decoded = claimed = b""
    with contextlib.suppress(Malformed, ValueError):  # what they say would quote the secret
        note.check_name(name, where=where)
        claimed = bytes.fromhex(key_id)
        decoded = base64_strict.decode(encoded, where=where)
    if len(decoded) != 1 + SEED_BYTES or decoded[0] not in algorithms:
        raise SettingError(
            f"not an {names} signer key",
            where=where,
            expected=expected,
            do="Name one of this kind",
        )
    return Skey(name, claimed, decoded[0], decoded[1:])


def need_key_id(skey: Skey, text: str, key_id: bytes, *, where: str) -> None:
    """Raises SettingError unless the text is that of the key whose public half has ``key_id``."""
    if to_text(skey._replace(key_id=key_id)) != text:
        raise SettingError(
            "the key id is not that of the name and key",
            where=where,
            expected=key_id.hex(),
            do="Copy the whole line again; one character was changed",
        )
