"""Cosign checkpoints as a witness does, and check who signed and cosigned one.

    seed ──► Cosigner ──► cosign(text, time) ──► signature line
    note + log keys  ──► check_log_signature ──► Checkpoint
    note + cosigners ──► check_cosignatures  ──► name → time, for those that cosigned

A signature by a key that nobody here knows is passed over; a wrong one by a known key refuses the
whole note: somebody changed it on the way.

Source: C2SP signed-note, tlog-cosignature, tlog-checkpoint
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from typing import Final

from wherefrom.errors import Malformed, SettingError, SignatureError
from wherefrom.formats import checkpoint as checkpoints
from wherefrom.formats import cosignature as cosignatures
from wherefrom.formats import note
from wherefrom.formats.checkpoint import Checkpoint
from wherefrom.formats.cosignature import Timed
from wherefrom.formats.note import Note, Signature, VerifierKey
from wherefrom.keys import ed25519, mldsa44, skeys
from wherefrom.keys.skeys import Skey

# What signs the text of a note as it is, and so any text.
_PLAIN: Final = frozenset({note.ED25519, note.ECDSA})


class Cosigner:
    """A witness's private key, of type 0x04 (Ed25519) or 0x06 (ML-DSA-44), and its name."""

    __slots__ = ("_seed", "_sign", "verifier_key")

    def __init__(self, name: str, algorithm: int, seed: bytes) -> None:
        """From a seed of 32 random bytes. Raises ValueError for another type."""
        self._sign: Callable[[bytes], bytes]
        if algorithm == note.ED25519_COSIGNATURE:
            key = ed25519.SigningKey(seed)
            self._sign, public_key = key.sign, key.public_key
        elif algorithm == note.MLDSA44_COSIGNATURE:
            private_key = mldsa44.private_key(seed)
            self._sign = private_key.sign
            public_key = private_key.public_key().public_bytes_raw()
        else:
            raise ValueError(f"not a type of cosignatures: {algorithm:#04x}")
        self._seed = seed
        self.verifier_key = VerifierKey(
            name, note.key_id(name, algorithm, public_key), algorithm, public_key
        )

    @classmethod
    def generate(cls, name: str, algorithm: int) -> Cosigner:
        """A new key from the randomness of the operating system."""
        return cls(name, algorithm, os.urandom(skeys.SEED_BYTES))

    def cosign(self, text: str, *, time_s: int) -> Signature:
        """A signature line that says that ``text``, a checkpoint's, was the newest then.

        Raises Malformed for what is no checkpoint, LimitPassed for an origin over 255 bytes.
        """
        key, tree = self.verifier_key, checkpoints.parse(text)
        signed = self._sign(_message(key, text, tree, time_s))
        return Signature(key.name, key.key_id, cosignatures.to_bytes(Timed(time_s, signed)))

    def to_skey_text(self) -> str:
        """The secret, as ``skeys`` keeps it."""
        key = self.verifier_key
        return skeys.to_text(Skey(key.name, key.key_id, key.algorithm, self._seed))

    @classmethod
    def from_skey_text(cls, text: str, *, where: str = "witness key") -> Cosigner:
        """The key that ``to_skey_text`` wrote. Raises SettingError, never showing it."""
        skey = skeys.parse(text, algorithms=cosignatures.ALGORITHMS, where=where)
        key = cls(skey.name, skey.algorithm, skey.seed)
        skeys.need_key_id(skey, text, key.verifier_key.key_id, where=where)
        return key

    def __repr__(self) -> str:
        return f"<Cosigner {self.verifier_key.name}+{self.verifier_key.key_id.hex()}>"


def check_log_signature(signed: Note, log_keys: Sequence[VerifierKey]) -> Checkpoint:
    """The checkpoint of a note, once at least one of these keys has signed it.

    log_keys  of type 0x01, 0x02 or 0x06; their names are the origin they sign for

    Raises SignatureError if none has, if one that is known signed something else, or for a
    checkpoint of another origin than its signer; Malformed for what is no checkpoint.
    """
    tree = checkpoints.parse(signed.text)
    known = {(key.name, key.key_id): key for key in log_keys if key.name == tree.origin}
    good = 0
    for signature in signed.signatures:
        key = known.pop((signature.name, signature.key_id), None)
        if key is not None:
            _check(key, signed.text, tree, signature)
            good += 1
    if not good:
        raise SignatureError(
            "no known key of the log signed its checkpoint",
            expected=" or ".join(f"{k.name}+{k.key_id.hex()}" for k in log_keys) or "a key",
            got=", ".join(f"{s.name}+{s.key_id.hex()}" for s in signed.signatures),
        )
    return tree


def check_signers(signed: Note, keys: Iterable[VerifierKey]) -> list[VerifierKey]:
    """Which of these keys signed the text itself, whatever it says: keys of type 0x01 or 0x02.

    Signatures by others are passed over. Raises SignatureError for a wrong one by one of these.
    """
    known = {(key.name, key.key_id): key for key in keys if key.algorithm in _PLAIN}
    found = []
    for signature in signed.signatures:
        key = known.pop((signature.name, signature.key_id), None)
        if key is not None:
            _check_plain(key, signed.text, signature)
            found.append(key)
    return found


def check_cosignature(signed: Note, cosigner: VerifierKey) -> int:
    """The POSIX time, in seconds, at which a witness cosigned this checkpoint.

    Raises SignatureError if it did not, or if its first cosignature is wrong.
    """
    if cosigner.algorithm not in cosignatures.ALGORITHMS:
        raise ValueError(f"no cosigner's key: {cosigner.name}, type {cosigner.algorithm:#04x}")
    found = check_cosignatures(signed, [cosigner])
    if cosigner not in found:
        raise SignatureError("a witness did not cosign the note", expected=cosigner.name)
    return found[cosigner]


def check_cosignatures(signed: Note, cosigners: Iterable[VerifierKey]) -> dict[VerifierKey, int]:
    """Which of these witnesses cosigned the checkpoint, and when (POSIX seconds).

    Signatures by others are passed over, and so are repeated ones. Raises SignatureError for a
    wrong one by one of these.
    """
    known = {(key.name, key.key_id): key for key in cosigners}
    tree = checkpoints.parse(signed.text)
    found: dict[VerifierKey, int] = {}
    for signature in signed.signatures:
        key = known.pop((signature.name, signature.key_id), None)
        if key is not None:
            found[key] = _check(key, signed.text, tree, signature)
    return found


def _check(key: VerifierKey, text: str, tree: Checkpoint, signature: Signature) -> int:
    """Check one signature as a key of this type makes them; returns the time it was made, or 0."""
    if key.algorithm in _PLAIN:
        _check_plain(key, text, signature)
        return 0
    try:
        timed = cosignatures.parse(signature.signature, algorithm=key.algorithm)
        message = _message(key, text, tree, timed.time_s)
        check = ed25519 if key.algorithm == note.ED25519_COSIGNATURE else mldsa44
        check.check(key.public_key, message, timed.signature)
        return timed.time_s
    except (SignatureError, Malformed) as error:
        raise ed25519.not_signed(key, error) from error


def _check_plain(key: VerifierKey, text: str, signature: Signature) -> None:
    try:
        if key.algorithm == note.ED25519:
            ed25519.check(key.public_key, text.encode(), signature.signature)
        else:
            from wherefrom.keys.public import PublicKey  # late: its library takes a while

            PublicKey(key.public_key).check_strictly(text.encode(), signature.signature)
    except (SignatureError, SettingError) as error:
        raise ed25519.not_signed(key, error) from error


def _message(key: VerifierKey, text: str, tree: Checkpoint, time_s: int) -> bytes:
    if key.algorithm == note.ED25519_COSIGNATURE:
        return cosignatures.ed25519_message(text, time_s=time_s)
    return cosignatures.mldsa44_message(tree, cosigner=key.name, time_s=time_s)
