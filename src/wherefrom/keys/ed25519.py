"""Ed25519: sign bytes and notes, and check what others signed.

    seed (32 bytes) ──► SigningKey ──► sign_note(text) ──► note ──► check_note(keys) ──► text

Two ids name one key, and they are not alike: ``id`` (``k:`` and 32 hex of the SHA-256 of its
SubjectPublicKeyInfo) in entries and keyrings, and the 4-byte key id of a signed note, which also
depends on the name. Reading and writing notes is ``formats/note.py``.

Sizes:  a seed and a public key are 32 bytes · a signature is 64 bytes
Source: RFC 8032, RFC 8410 §4; C2SP signed-note and tlog-cosignature
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from hashlib import sha256
from typing import Final, Protocol

from nacl import bindings
from nacl.exceptions import BadSignatureError

from wherefrom.errors import Error, SignatureError
from wherefrom.formats import note
from wherefrom.formats.note import Note, Signature, VerifierKey
from wherefrom.keys import skeys
from wherefrom.keys.skeys import Skey

SEED_BYTES: Final = skeys.SEED_BYTES
PUBLIC_KEY_BYTES: Final = 32
SIGNATURE_BYTES: Final = 64

# SEQUENCE { SEQUENCE { 1.3.101.112 } BIT STRING }, then the key (RFC 8410 §4).
_SPKI_PREFIX: Final = bytes.fromhex("302a300506032b6570032100")


class Ed25519Signer(Protocol):
    """Whatever signs by an Ed25519 key: ours, or whoever holds one."""

    @property
    def public_key(self) -> bytes:
        """32 bytes."""

    def sign(self, message: bytes) -> bytes:
        """64 bytes."""


class SigningKey:
    """A private key. It never shows its seed unless asked by ``to_skey_text``."""

    __slots__ = ("_secret", "public_key")

    def __init__(self, seed: bytes) -> None:
        """From a seed of 32 random bytes. Raises ValueError for another length."""
        if len(seed) != SEED_BYTES:
            raise ValueError(f"an Ed25519 seed is {SEED_BYTES} bytes, got {len(seed)}")
        self.public_key, self._secret = bindings.crypto_sign_seed_keypair(seed)

    @classmethod
    def generate(cls) -> SigningKey:
        """A new key from the randomness of the operating system."""
        return cls(os.urandom(SEED_BYTES))

    @property
    def id(self) -> str:
        """``k:`` and 32 hex digits: how entries and keyrings name this key."""
        return key_id(spki_der(self.public_key))

    def sign(self, message: bytes) -> bytes:
        """The signature, 64 bytes; the same every time for the same message."""
        return bindings.crypto_sign(message, self._secret)[:SIGNATURE_BYTES]

    def verifier_key(self, name: str) -> VerifierKey:
        """The public key as the signer ``name`` of notes hands it out."""
        return VerifierKey(
            name, note.key_id(name, note.ED25519, self.public_key), note.ED25519, self.public_key
        )

    def to_skey_text(self, name: str) -> str:
        """The secret, in the form Go's note package keeps: ``PRIVATE+KEY+<name>+<8 hex>+…``."""
        chosen = self.verifier_key(name).key_id
        return skeys.to_text(Skey(name, chosen, note.ED25519, self._secret[:SEED_BYTES]))

    @classmethod
    def from_skey_text(cls, text: str, *, where: str = "signer key") -> tuple[str, SigningKey]:
        """The name and key that ``to_skey_text`` wrote. Raises SettingError, never showing it."""
        skey = skeys.parse(text, algorithms=(note.ED25519,), where=where)
        key = cls(skey.seed)
        skeys.need_key_id(skey, text, key.verifier_key(skey.name).key_id, where=where)
        return skey.name, key

    def __repr__(self) -> str:
        return f"<SigningKey {self.id}>"


def check(public_key: bytes, message: bytes, signature: bytes) -> None:
    """Check that the holder of ``public_key`` signed ``message``. Raises SignatureError if not.

    public_key  32 bytes
    signature   64 bytes
    """
    _need_lengths(public_key, signature)
    try:
        bindings.crypto_sign_open(signature + message, public_key)
    except BadSignatureError as error:
        raise _no_match(public_key) from error


def check_prehashed(public_key: bytes, message: bytes, signature: bytes) -> None:
    """The same of Ed25519ph, which signs the SHA-512 of ``message`` (RFC 8032 §5.1, no context).

    One key may sign either way; a signature made in one never holds in the other.
    """
    _need_lengths(public_key, signature)
    state = bindings.crypto_sign_ed25519ph_state()
    bindings.crypto_sign_ed25519ph_update(state, message)
    try:
        bindings.crypto_sign_ed25519ph_final_verify(state, signature, public_key)
    except BadSignatureError as error:
        raise _no_match(public_key) from error


def _need_lengths(public_key: bytes, signature: bytes) -> None:
    for name, value, length in (
        ("an Ed25519 public key", public_key, PUBLIC_KEY_BYTES),
        ("an Ed25519 signature", signature, SIGNATURE_BYTES),
    ):
        if len(value) != length:
            raise SignatureError(
                f"{name} has another length", expected=f"{length} bytes", got=f"{len(value)} bytes"
            )


def _no_match(public_key: bytes) -> SignatureError:
    return SignatureError(
        "an Ed25519 signature does not match the message",
        expected=f"a signature by {key_id(spki_der(public_key))}",
        do="The message or the signature was changed, or another key signed it",
    )


def spki_der(public_key: bytes) -> bytes:
    """The DER of the SubjectPublicKeyInfo of a public key of 32 bytes; 44 bytes."""
    if len(public_key) != PUBLIC_KEY_BYTES:
        raise ValueError(f"an Ed25519 public key is 32 bytes, got {len(public_key)}")
    return _SPKI_PREFIX + public_key


def key_id(spki_der: bytes) -> str:
    """``k:`` and the first 32 hex digits of the SHA-256 of a key's SubjectPublicKeyInfo DER."""
    return "k:" + sha256(spki_der).hexdigest()[:32]


def sign_note(text: str, *, name: str, key: SigningKey) -> bytes:
    """A note with one signature, by ``key`` under ``name``. ``text`` ends with a newline."""
    return note.to_bytes(Note(text, (_signature(text, name=name, key=key),)))


def add_signature(signed: Note, *, name: str, key: SigningKey) -> Note:
    """The note with one more signature; one that the same key already made is replaced."""
    added = _signature(signed.text, name=name, key=key)
    others = (s for s in signed.signatures if (s.name, s.key_id) != (added.name, added.key_id))
    return Note(signed.text, (*others, added))


def _signature(text: str, *, name: str, key: SigningKey) -> Signature:
    chosen = key.verifier_key(name).key_id
    return Signature(name, chosen, key.sign(note.check_text(text, where="note").encode()))


def check_note(signed: Note, verifier_keys: Sequence[VerifierKey]) -> str:
    """Return the text, once at least one of these keys has signed it.

    A signature by no key of ours is passed over: that is how keys rotate and witnesses cosign.
    A wrong one by a key of ours refuses the whole note. Only keys of type 0x01 count here; a
    cosignature says something else (*this was the newest tree I saw*): ``cosignatures``.

    Raises SignatureError. Raises ValueError if two keys share a name and key id.
    """
    known = {(key.name, key.key_id): key for key in verifier_keys if key.algorithm == note.ED25519}
    if len(known) != sum(key.algorithm == note.ED25519 for key in verifier_keys):
        raise ValueError("two verifier keys share a name and key id")
    good = 0
    for signature in signed.signatures:
        # Popped, so that a key's repeated signatures are dropped rather than checked again.
        key = known.pop((signature.name, signature.key_id), None)
        if key is not None:
            _check_as(key, signed.text.encode(), signature.signature)
            good += 1
    if not good:
        signers = ", ".join(f"{s.name}+{s.key_id.hex()}" for s in signed.signatures)
        raise SignatureError(
            "no known key signed the note",
            expected=", ".join(f"{name}+{chosen.hex()}" for name, chosen in known) or "a key",
            got=signers,
        )
    return signed.text


def _check_as(key: VerifierKey, message: bytes, signature: bytes) -> None:
    try:
        check(key.public_key, message, signature)
    except SignatureError as error:
        raise not_signed(key, error) from error


def not_signed(key: VerifierKey, error: Error) -> SignatureError:
    """That this key did not sign a note; ``error`` says why."""
    return SignatureError(
        f"{key.name} did not sign this note",
        where=f"signature of {key.name}+{key.key_id.hex()}",
        got=error.what,
        do="The text or the signature was changed",
    )
