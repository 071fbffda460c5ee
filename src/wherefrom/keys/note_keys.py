"""Keys that sign a log's notes, wherever their secrets are: one object for each.

    a file beside the log, or a URI ──open_note_key──► NoteKey ──► signature lines

0x01 Ed25519     a local seed, or held elsewhere    signs any text
0x02 ECDSA       on P-256, a local PEM file or held elsewhere; DER    signs any text
0x06 ML-DSA-44   a local seed                       signs checkpoints only

Source: C2SP signed-note, tlog-cosignature
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

from wherefrom.errors import SettingError
from wherefrom.formats import note
from wherefrom.formats.note import Signature, VerifierKey
from wherefrom.keys import ed25519, skeys
from wherefrom.keys.cosignatures import Cosigner
from wherefrom.keys.ed25519 import SigningKey
from wherefrom.keys.held import HeldKey, open_held
from wherefrom.keys.key_uris import is_held_elsewhere

_SECRET_BYTES_MAX: Final = 64 * 1024
_SEEDED: Final = (note.ED25519, note.MLDSA44_COSIGNATURE)


class NoteKey:
    """One key under its name. ``sign`` gives the bare signature of any message.

    is_local  whether signing takes microseconds: an Ed25519 key in memory
    """

    def __init__(
        self,
        verifier_key: VerifierKey,
        sign: Callable[[bytes], bytes],
        *,
        is_local: bool = False,
        cosigner: Cosigner | None = None,
    ) -> None:
        self.verifier_key = verifier_key
        self.sign = sign
        self.is_local = is_local
        self._cosigner = cosigner

    @classmethod
    def of(cls, name: str, key: SigningKey) -> NoteKey:
        """A key in memory."""
        return cls(key.verifier_key(name), key.sign, is_local=True)

    def counted(self, count: Callable[[], None]) -> NoteKey:
        """The same key, which calls ``count`` before each signature."""

        def sign(message: bytes) -> bytes:
            count()
            return self.sign(message)

        return _Counted(self, sign, count)

    def under(self, name: str) -> NoteKey:
        """The same Ed25519 key under another name."""
        key = _verifier(name, note.ED25519, self.public_key)
        return NoteKey(key, self.sign, is_local=self.is_local)

    @property
    def public_key(self) -> bytes:
        """As in ``VerifierKey``."""
        return self.verifier_key.public_key

    @property
    def signs_texts(self) -> bool:
        """Does it sign anything but checkpoints?"""
        return self._cosigner is None

    def sign_checkpoint(self, text: str, *, time_s: int) -> Signature:
        """The signature line of a checkpoint. Raises Unavailable, Malformed."""
        if self._cosigner is not None:
            return self._cosigner.cosign(text, time_s=time_s)
        return self.sign_text(text)

    def sign_text(self, text: str) -> Signature:
        """The signature line of a note. Raises Unavailable, Malformed; ValueError for a key that
        signs only checkpoints."""
        if self._cosigner is not None:
            raise ValueError("an ML-DSA-44 key signs checkpoints and nothing else")
        key = self.verifier_key
        signed = self.sign(note.check_text(text, where="note").encode())
        return Signature(key.name, key.key_id, signed)


class _Counted(NoteKey):
    def __init__(
        self, key: NoteKey, sign: Callable[[bytes], bytes], count: Callable[[], None]
    ) -> None:
        super().__init__(key.verifier_key, sign, is_local=key.is_local, cosigner=key._cosigner)
        self._count = count

    def sign_checkpoint(self, text: str, *, time_s: int) -> Signature:
        if self._cosigner is not None:  # else ``sign`` counts
            self._count()
        return super().sign_checkpoint(text, time_s=time_s)


def open_note_key(held: str, *, name: str, folder: Path) -> NoteKey:
    """The key ``name`` whose secret is in a file of ``folder`` or at a URI.

    Raises SettingError, Unavailable.
    """
    if is_held_elsewhere(held):
        return _held(open_held(held), name)
    path, where = folder / held, f"{folder.name}/{held}"
    try:
        written = path.read_bytes()[:_SECRET_BYTES_MAX]
    except OSError as error:
        raise SettingError(
            "a key file cannot be read",
            where=where,
            got=error,
            do="Restore it from a copy, or see to its mode and owner",
        ) from error
    if written.startswith(b"-----BEGIN"):
        return _local_ecdsa(written, name, where=where)
    text = written.decode("utf-8", "replace").strip()
    if skeys.parse(text, algorithms=_SEEDED, where=where).algorithm == note.ED25519:
        said, key = SigningKey.from_skey_text(text, where=where)
        _need_name(said, name, where=where)
        return NoteKey.of(name, key)
    cosigner = Cosigner.from_skey_text(text, where=where)
    _need_name(cosigner.verifier_key.name, name, where=where)
    return _of_cosigner(cosigner)


def new_note_key(algorithm: int, *, name: str) -> tuple[NoteKey, str]:
    """A new key from the randomness of the operating system, and the text to keep it in.

    Raises SettingError where a library cannot make one.
    """
    if algorithm == note.ED25519:
        key = SigningKey.generate()
        return NoteKey.of(name, key), key.to_skey_text(name) + "\n"
    if algorithm == note.MLDSA44_COSIGNATURE:
        cosigner = Cosigner.generate(name, algorithm)
        return _of_cosigner(cosigner), cosigner.to_skey_text() + "\n"
    if algorithm != note.ECDSA:
        raise ValueError(f"not a type of a log's keys: {algorithm:#04x}")
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    pem = ec.generate_private_key(ec.SECP256R1()).private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    return _local_ecdsa(pem, name, where="new key"), pem.decode()


def _of_cosigner(cosigner: Cosigner) -> NoteKey:
    def never(message: bytes) -> bytes:
        raise ValueError("an ML-DSA-44 key signs checkpoints and nothing else")

    return NoteKey(cosigner.verifier_key, never, cosigner=cosigner)


def _held(key: HeldKey, name: str) -> NoteKey:
    if key.public.algorithm == "ed25519":
        public_key = key.public.spki[-ed25519.PUBLIC_KEY_BYTES :]
        return NoteKey(_verifier(name, note.ED25519, public_key), key.sign)
    if key.public.algorithm == "ecdsa-p256":
        return NoteKey(_verifier(name, note.ECDSA, key.public.spki), lambda m: _der(key.sign(m)))
    raise SettingError(
        "a key of a kind that signs no log", where=key.where,
        expected="Ed25519, or ECDSA on P-256", got=key.public.algorithm,
        do="Name one of these kinds",
    )  # fmt: skip


def _local_ecdsa(pem: bytes, name: str, *, where: str) -> NoteKey:
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    try:
        key = serialization.load_pem_private_key(pem, password=None)
    except (ValueError, TypeError):
        # Not chained: what the library says may quote what it read.
        raise SettingError(
            "not a private key",
            where=where,
            expected="PEM (PKCS #8)",
            do="Write it as PEM: openssl pkcs8 -topk8 -nocrypt",
        ) from None
    if not isinstance(key, ec.EllipticCurvePrivateKey) or key.curve.name != "secp256r1":
        raise SettingError(
            "a key of another kind",
            where=where,
            expected="ECDSA on P-256",
            do="Name one of this kind",
        )
    spki = key.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    scheme = ec.ECDSA(hashes.SHA256())
    return NoteKey(_verifier(name, note.ECDSA, spki), lambda message: key.sign(message, scheme))


def _der(signature: bytes) -> bytes:
    """An ECDSA signature as notes carry it; tokens give r ‖ s."""
    from cryptography.hazmat.primitives.asymmetric.utils import (
        decode_dss_signature,
        encode_dss_signature,
    )

    try:
        decode_dss_signature(signature)
        return signature
    except ValueError:
        half = len(signature) // 2
        r, s = (int.from_bytes(n, "big") for n in (signature[:half], signature[half:]))
        return encode_dss_signature(r, s)


def _verifier(name: str, algorithm: int, public_key: bytes) -> VerifierKey:
    return VerifierKey(name, note.key_id(name, algorithm, public_key), algorithm, public_key)


def _need_name(said: str, name: str, *, where: str) -> None:
    if said != name:
        raise SettingError(
            "the key of another log",
            where=where,
            expected=name,
            got=said,
            do="Restore the right file from a copy of this log's keys",
        )
