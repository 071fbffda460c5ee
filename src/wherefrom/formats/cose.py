"""COSE_Sign1: bytes with one signature, and headers that say how it was made.

    18([ protected bstr, {unprotected}, payload bstr or nil, signature bstr ])
         │ alg, kid, …: signed            └ nil: detached, the reader has it
         ▼
    sig_structure ──► what the signature is over: ["Signature1", protected, h'', payload]

Nothing is checked against a key here (``keys.cose``). The protected headers are signed as the bytes
they came in, so they are kept as bytes and read beside.

Sizes:  a message 64 MiB, as any record · a header's map 1,024 labels
Source: RFC 9052 §3, §4.2, §4.4; RFC 9597 (CWT claims); IANA "COSE Header Parameters"
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from wherefrom.errors import LimitPassed, Malformed
from wherefrom.formats import cbor
from wherefrom.formats.cbor import Tag

SIGN1_TAG: Final = 18
LABELS_MAX: Final = 1024

ALG: Final = 1
CRIT: Final = 2
CONTENT_TYPE: Final = 3
KID: Final = 4
CWT_CLAIMS: Final = 15
X5CHAIN: Final = 33
X5T: Final = 34
ISS: Final = 1
SUB: Final = 2
IAT: Final = 6

# IANA "COSE Algorithms". RFC 9864 deprecates EdDSA for Ed25519, which says the curve too; what we
# write and why stands in docs/decisions/0017-cose.md.
EDDSA: Final = -8
ED25519: Final = -19
ES256: Final = -7
ALGORITHMS: Final[Mapping[int, str]] = {
    ES256: "ES256", -9: "ESP256", -35: "ES384", -51: "ESP384", -36: "ES512", -52: "ESP512",
    EDDSA: "EdDSA", ED25519: "Ed25519", -37: "PS256", -257: "RS256", -48: "ML-DSA-44",
}  # fmt: skip


class Sign1(NamedTuple):
    """A message that ``parse`` accepted; its signature is not checked.

    protected    the signed headers, as the bytes they came in
    headers      what those say
    unprotected  headers that nobody vouches for
    payload      what is signed, or None if it is detached
    """

    protected: bytes
    headers: Mapping[Any, Any]
    unprotected: Mapping[Any, Any]
    payload: bytes | None
    signature: bytes

    def message(self, payload: bytes | None = None) -> bytes:
        """What the signature is over; ``payload`` is the detached one."""
        held = self.payload if payload is None else payload
        assert held is not None
        return sig_structure(self.protected, held)


def sig_structure(protected: bytes, payload: bytes) -> bytes:
    """The bytes that the signature of a COSE_Sign1 is over."""
    return cbor.encode(["Signature1", protected, b"", payload])


def looks_like(written: bytes) -> bool:
    """Whether this begins as a tagged COSE_Sign1 does."""
    return written[:2] == b"\xd2\x84"


def to_bytes(message: Sign1) -> bytes:
    """The message, tagged."""
    held = [message.protected, dict(message.unprotected), message.payload, message.signature]
    return cbor.encode(Tag(SIGN1_TAG, held))


def parse(written: bytes, *, where: str = "COSE") -> Sign1:
    """Read a tagged COSE_Sign1.

    Raises Malformed for anything else, for a label in both headers, and for one that its signer
    calls critical: none is understood here that may be left out. LimitPassed for too many labels.
    """
    item = cbor.decode(written, where=where)
    if not isinstance(item, Tag) or item.number != SIGN1_TAG:
        raise Malformed("not a COSE_Sign1", where=where, expected="tag 18", got=written[:8].hex())
    parts = item.value
    if not isinstance(parts, list) or len(parts) != 4:
        raise Malformed("not a COSE_Sign1", where=where, expected="an array of 4")
    protected, unprotected, payload, signature = parts
    need(isinstance(protected, bytes), f"{where}.protected", "a byte string", protected)
    need(isinstance(unprotected, dict), f"{where}.unprotected", "a map", unprotected)
    need(
        payload is None or isinstance(payload, bytes),
        f"{where}.payload", "a byte string or nil", payload,
    )  # fmt: skip
    need(
        isinstance(signature, bytes) and signature,
        f"{where}.signature", "a byte string that is not empty", signature,
    )  # fmt: skip
    headers = cbor.decode(protected, where=f"{where}.protected") if protected else {}
    need(isinstance(headers, dict), f"{where}.protected", "a map", headers)
    if max(len(headers), len(unprotected)) > LABELS_MAX:
        raise LimitPassed("too many headers", where=where, expected=f"{LABELS_MAX} at most")
    if both := headers.keys() & unprotected.keys():
        raise Malformed("a header stands twice", where=where, got=f"label {min(both, key=str)}")
    if CRIT in headers or CRIT in unprotected:
        raise Malformed("a critical header that we do not know", where=where, got=headers.get(CRIT))
    return Sign1(protected, headers, unprotected, payload, signature)


def need(holds: object, where: str, expected: str, got: object) -> None:
    """Raise Malformed unless it holds."""
    if not holds:
        raise Malformed("not what COSE has here", where=where, expected=expected, got=got)
