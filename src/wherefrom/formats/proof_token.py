"""A proof token: the log's signed word for one entry, short enough for a header or a label.

    wfproof1.AAAA…       "wfproof1." and base64url, without padding, of

    index u64 │ size u64 │ issued u64 │ expires u64 │ leaf 32 │ root 32 │ origin │ of │ key id │ sig
    └──────────── signed, behind a prefix that no checkpoint can begin with ────────┘

``origin`` and ``of`` are a length u8 and UTF-8. Numbers are big-endian; times are seconds since
1970, and ``expires`` is 0 for never. One token has one spelling. It is no inclusion proof: twenty
hashes and a checkpoint would not fit. It is what the log says, signed by the key of its
checkpoints; ``verify.proof_token`` checks it, and asks for the proof where the log can be reached.

It is not a bearer token: who holds one may do nothing by it.

Sizes:  512 characters at most, so 211 bytes for ``origin`` and ``of`` together
Source: docs/formats/proof-token.md
"""

from __future__ import annotations

import binascii
import re
import struct
from typing import Final

import msgspec

from wherefrom.errors import LimitPassed, Malformed
from wherefrom.formats import note

PREFIX: Final = "wfproof1."
TOKEN_CHARS_MAX: Final = 512
SIGNATURE_BYTES: Final = 64
NEVER: Final = 0
# Checkpoints and cosignatures are text without controls, and envelopes begin with DSSEv1: neither
# can begin so, and the log key signs nothing else.
SIGNED_PREFIX: Final = b"\x00wherefrom proof token v1\x00"
_FIXED: Final = struct.Struct(">QQQQ32s32s")
_NUMBER_MAX: Final = 2**63 - 1
_LENGTH_MAX: Final = 255
_TEXT: Final = re.compile(re.escape(PREFIX) + "([A-Za-z0-9_-]+)")
_CONTROL: Final = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_URL_SAFE: Final = bytes.maketrans(b"+/", b"-_")
_STANDARD: Final = bytes.maketrans(b"-_", b"+/")


class ProofToken(msgspec.Struct, frozen=True, kw_only=True):
    """What a token says: in the log ``origin``, of ``size`` and ``root``, entry ``index`` is this.

    leaf     the entry's leaf hash, 32 bytes; the entry commits to its content
    of       the id that was asked for, which that entry speaks of; empty for the entry alone
    issued   when it was signed; ``expires`` the first second in which it no longer counts, or NEVER
    """

    origin: str
    index: int
    size: int
    leaf: bytes
    root: bytes
    of: str
    issued: int
    expires: int


class SignedToken(msgspec.Struct, frozen=True, kw_only=True):
    """A token, the 4 bytes that name the key it claims to be signed by, and the signature."""

    token: ProofToken
    key_id: bytes
    signature: bytes


def message(token: ProofToken) -> bytes:
    """What the signature is over. Raises Malformed or LimitPassed for what ``parse`` refuses."""
    return SIGNED_PREFIX + _body(_checked(token))


def to_text(signed: SignedToken) -> str:
    """The token as it is passed on. Raises as ``message``."""
    if len(signed.key_id) != note.KEY_ID_BYTES or len(signed.signature) != SIGNATURE_BYTES:
        raise ValueError("a token has a key id of 4 bytes and a signature of 64")
    whole = _body(_checked(signed.token)) + signed.key_id + signed.signature
    text = PREFIX + _encoded(whole)
    if len(text) > TOKEN_CHARS_MAX:
        raise LimitPassed(
            "a proof token is too long",
            expected=f"{TOKEN_CHARS_MAX} characters at most",
            got=len(text),
            do="Make it of the record instead: entry:N",
        )
    return text


def parse(text: str, *, where: str = "proof token") -> SignedToken:
    """Read a token; its signature is not checked. Raises Malformed, LimitPassed."""
    if len(text) > TOKEN_CHARS_MAX:
        raise LimitPassed(
            "a proof token is too long",
            where=where,
            expected=f"{TOKEN_CHARS_MAX} characters at most",
            got=len(text),
        )
    read = _TEXT.fullmatch(text)
    if read is None:
        raise Malformed(
            "not a proof token", where=where, expected=f"{PREFIX} and base64url", got=text[:40]
        )
    whole = _decoded(read[1], where)
    tail = note.KEY_ID_BYTES + SIGNATURE_BYTES
    if len(whole) < _FIXED.size + 2 + tail:
        raise Malformed("a proof token is cut off", where=where, got=f"{len(whole)} bytes")
    index, size, issued, expires, leaf, root = _FIXED.unpack_from(whole)
    end = len(whole) - tail
    origin, at = _text_at(whole, _FIXED.size, end, where)
    of, at = _text_at(whole, at, end, where)
    if at != end:
        raise Malformed("more in a proof token than its parts", where=where, got=f"{end - at}")
    token = ProofToken(
        origin=origin, index=index, size=size, leaf=leaf, root=root, of=of, issued=issued,
        expires=expires,
    )  # fmt: skip
    key_id, signature = whole[end:-SIGNATURE_BYTES], whole[-SIGNATURE_BYTES:]
    return SignedToken(token=_checked(token, where), key_id=key_id, signature=signature)


def _body(token: ProofToken) -> bytes:
    head = _FIXED.pack(token.index, token.size, token.issued, token.expires, token.leaf, token.root)
    return head + _with_length(token.origin) + _with_length(token.of)


def _with_length(text: str) -> bytes:
    written = text.encode()
    return bytes([len(written)]) + written


def _text_at(whole: bytes, at: int, end: int, where: str) -> tuple[str, int]:
    after = at + 1 + (whole[at] if at < end else _LENGTH_MAX)
    if after > end:
        raise Malformed("a proof token is cut off", where=where)
    try:
        return whole[at + 1 : after].decode(), after
    except UnicodeDecodeError as error:
        raise Malformed("a proof token is not UTF-8", where=where, got=str(error)) from error


def _checked(token: ProofToken, where: str = "proof token") -> ProofToken:
    note.check_name(token.origin, where=f"{where}, origin")
    if _CONTROL.search(token.of):
        raise Malformed("a control character", where=f"{where}, of", got=ascii(token.of))
    for name in ("origin", "of"):
        size = len(getattr(token, name).encode("utf-8", "surrogatepass"))
        if size > _LENGTH_MAX:
            raise LimitPassed(
                "too long for a proof token",
                where=f"{where}, {name}",
                expected=f"{_LENGTH_MAX} bytes at most",
                got=f"{size} bytes",
                do="Make it of the record instead: entry:N",
            )
    numbers = (token.index, token.size, token.issued, token.expires)
    if not all(0 <= number <= _NUMBER_MAX for number in numbers) or token.index >= token.size:
        raise Malformed("not an entry of a log of this size", where=where, got=numbers)
    if token.expires != NEVER and token.expires <= token.issued:
        raise Malformed(
            "a proof token that never counts",
            where=f"{where}, expires",
            expected=f"after {token.issued}",
            got=token.expires,
        )
    if len(token.leaf) != len(token.root) or len(token.root) != 32:
        raise Malformed("not a hash", where=where, expected="32 bytes")
    return token


def _encoded(value: bytes) -> str:
    encoded = binascii.b2a_base64(value, newline=False).rstrip(b"=")
    return encoded.translate(_URL_SAFE).decode("ascii")


def _decoded(text: str, where: str) -> bytes:
    padded = text.encode().translate(_STANDARD) + b"=" * (-len(text) % 4)
    try:
        value = binascii.a2b_base64(padded, strict_mode=True)
    except binascii.Error as error:
        raise Malformed("not base64url", where=where, got=str(error)) from error
    if _encoded(value) != text:
        raise Malformed("base64url not in its one spelling", where=where, got=text[-8:])
    return value
