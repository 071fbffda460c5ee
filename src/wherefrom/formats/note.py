"""Signed notes: a text, and lines that say who signed it. Nothing is checked against a key here.

    example.com/log              ┐
    7                            │ text: what is signed, with its final newline
    qqq…=                        ┘
                                   an empty line, the last one, ends the text
    — example.com/log M9e0lu…=     name, then base64(4 bytes of key id ‖ signature)

A name and a key id only say which key to try; ``keys.ed25519.check_note`` tries it. A *verifier
key* is how people hand out a public key: ``<name>+<8 hex of key id>+<base64(type ‖ key)>``.

Sizes:  a note is at most 1,000,000 bytes · 100 signatures · a key id is 4 bytes
Source: C2SP signed-note v1.0.0
"""

from __future__ import annotations

import re
from hashlib import sha256
from typing import Final, NamedTuple

from wherefrom.errors import LimitPassed, Malformed
from wherefrom.formats import base64_strict

NOTE_BYTES_MAX: Final = 1_000_000
SIGNATURES_MAX: Final = 100
KEY_ID_BYTES: Final = 4

# The signature types of C2SP signed-note and tlog-cosignature that we name.
ED25519: Final = 0x01
ECDSA: Final = 0x02
ED25519_COSIGNATURE: Final = 0x04
MLDSA44_COSIGNATURE: Final = 0x06

_PUBLIC_KEY_BYTES: Final = {ED25519: 32, ED25519_COSIGNATURE: 32, MLDSA44_COSIGNATURE: 1312}
_DASH: Final = "— "
_CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f]")
_KEY_ID_HEX = re.compile(r"[0-9a-f]{8}")


class Signature(NamedTuple):
    """One signature line: the name and the 4 bytes that choose a key, and the signature itself."""

    name: str
    key_id: bytes
    signature: bytes


class Note(NamedTuple):
    """A text that ends with a newline, and at least one signature, in the order written."""

    text: str
    signatures: tuple[Signature, ...]


class VerifierKey(NamedTuple):
    """A public key with the name it signs under; ``public_key`` is without the type byte."""

    name: str
    key_id: bytes
    algorithm: int
    public_key: bytes

    def to_text(self) -> str:
        """``<name>+<8 hex>+<base64>``, the form that people hand out."""
        encoded = base64_strict.encode(bytes([self.algorithm]) + self.public_key)
        return f"{self.name}+{self.key_id.hex()}+{encoded}"


def key_id(name: str, algorithm_byte: int, public_key: bytes) -> bytes:
    """The 4 bytes that name a key in a signature line.

    public_key  32 bytes for Ed25519; for ECDSA the DER of its SubjectPublicKeyInfo, whose id
                holds neither the name nor the type
    """
    if algorithm_byte == ECDSA:
        return sha256(public_key).digest()[:KEY_ID_BYTES]
    return sha256(
        name.encode() + b"\n" + bytes([algorithm_byte]) + public_key
    ).digest()[:KEY_ID_BYTES]  # fmt: skip


def parse(written: bytes, *, where: str = "note") -> Note:
    """Read a note. Raises Malformed for another spelling, LimitPassed over a limit."""
    if len(written) > NOTE_BYTES_MAX:
        raise LimitPassed("a note is too long", where=where, expected=f"{NOTE_BYTES_MAX} bytes")
    try:
        whole = written.decode("utf-8")
    except UnicodeDecodeError as error:
        raise Malformed("a note is not UTF-8", where=where, got=str(error)) from error
    # The text may have empty lines of its own, so only the last one ends it.
    text, blank, lines = whole.rpartition("\n\n")
    if not blank:
        raise Malformed("a note has no empty line before its signatures", where=where)
    if not lines.endswith("\n"):
        raise Malformed("a note does not end with a signature line and a newline", where=where)
    written_signatures = lines[:-1].split("\n")
    if len(written_signatures) > SIGNATURES_MAX:
        raise LimitPassed(
            "a note has too many signatures",
            where=where,
            expected=f"{SIGNATURES_MAX} at most",
            got=len(written_signatures),
        )
    return Note(
        check_text(text + "\n", where=where),
        tuple(
            _parse_signature(line, where=f"{where}, signature {place}")
            for place, line in enumerate(written_signatures)
        ),
    )


def to_bytes(note: Note, *, where: str = "note") -> bytes:
    """The bytes of a note. Raises Malformed or LimitPassed for one that ``parse`` would refuse."""
    check_text(note.text, where=where)
    if not 0 < len(note.signatures) <= SIGNATURES_MAX:
        raise LimitPassed(
            "a note has too few or too many signatures",
            where=where,
            expected=f"1 to {SIGNATURES_MAX}",
            got=len(note.signatures),
        )
    lines = []
    for name, chosen_key_id, signature in note.signatures:
        check_name(name, where=where)
        if len(chosen_key_id) != KEY_ID_BYTES or not signature:
            raise Malformed("a signature has no key id of 4 bytes, or is empty", where=where)
        lines.append(f"{_DASH}{name} {base64_strict.encode(chosen_key_id + signature)}\n")
    written = f"{note.text}\n{''.join(lines)}".encode()
    if len(written) > NOTE_BYTES_MAX:
        raise LimitPassed("a note is too long", where=where, expected=f"{NOTE_BYTES_MAX} bytes")
    return written


def _parse_signature(line: str, *, where: str) -> Signature:
    dash, name, encoded = line[:2], *line[2:].rpartition(" ")[::2]
    if dash != _DASH:
        raise Malformed("not a signature line", where=where, expected="— name base64", got=line)
    check_name(name, where=where)
    decoded = base64_strict.decode(encoded, where=where)
    if len(decoded) <= KEY_ID_BYTES:
        raise Malformed(
            "a signature is too short",
            where=where,
            expected="4 bytes of key id and a signature",
            got=f"{len(decoded)} bytes",
        )
    return Signature(name, decoded[:KEY_ID_BYTES], decoded[KEY_ID_BYTES:])


def parse_verifier_key(text: str, *, where: str = "verifier key") -> VerifierKey:
    """Read ``<name>+<8 hex>+<base64(type ‖ key)>``. Raises Malformed, also if the id is wrong."""
    # Base64 has its own plus signs, so only the first two part the fields.
    fields = text.split("+", 2)
    if len(fields) != 3 or not _KEY_ID_HEX.fullmatch(fields[1]):
        raise Malformed(
            "not a verifier key", where=where, expected="name+8 hex digits+base64", got=text
        )
    name = check_name(fields[0], where=where)
    decoded = base64_strict.decode(fields[2], where=where)
    if len(decoded) < 2:
        raise Malformed("a verifier key is empty", where=where, expected="a type and a key")
    algorithm, public_key = decoded[0], decoded[1:]
    if len(public_key) != _PUBLIC_KEY_BYTES.get(algorithm, len(public_key)):
        raise Malformed(
            f"a public key of type {algorithm:#04x} has another length",
            where=where,
            expected=f"{_PUBLIC_KEY_BYTES[algorithm]} bytes",
            got=f"{len(public_key)} bytes",
        )
    computed = key_id(name, algorithm, public_key)
    if computed.hex() != fields[1]:
        raise Malformed(
            "the key id is not that of the name and key",
            where=where,
            expected=computed.hex(),
            got=fields[1],
            do="Copy the whole line again; one character was changed",
        )
    return VerifierKey(name, computed, algorithm, public_key)


def check_name(name: str, *, where: str) -> str:
    """Return a key name: not empty, no space, no plus sign, no control. Raises Malformed."""
    if not name or "+" in name or any(c.isspace() for c in name) or _CONTROL.search(name):
        raise Malformed(
            "not a key name", where=where, expected="no spaces, plus signs or controls", got=name
        )
    _need_utf8(name, where)
    return name


def check_text(text: str, *, where: str) -> str:
    """Return text that can be signed: ends with a newline, no other controls. Raises Malformed."""
    if not text.endswith("\n"):
        raise Malformed("signed text does not end with a newline", where=where)
    if control := _CONTROL.search(text):
        raise Malformed(
            "signed text has a control character",
            where=f"{where}, character {control.start()}",
            expected="none but newlines",
            got=repr(control.group()),
        )
    _need_utf8(text, where)
    return text


def _need_utf8(text: str, where: str) -> None:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise Malformed("text that UTF-8 cannot hold", where=where, got=str(error)) from error
