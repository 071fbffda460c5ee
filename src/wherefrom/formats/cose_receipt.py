"""COSE receipts: that an entry is in the log, or that the log only grew, for those who speak COSE.

    18([ {1: alg, 395: 1, 4: kid, 15: {1: origin}},                  protected
         {396: {-1: [ [tree_size, leaf_index, [hash, …]] ]}},        inclusion, or
         {396: {-2: [ [size1, size2, [hash, …]] ]}},                 consistency
         nil,                                                        the root: computed, not sent
         signature ])                                                by the log's key

The tree is the one that tlog-tiles clients read, so one log gives both kinds of proof of one entry.
The payload is detached and *is* the 32 bytes of the root: whoever checks computes it from the leaf
and the path, and the signature tells whether it is the log's. A receipt that we write carries its
entry beside it, under a text label nobody has to know and nothing vouches for. That of a signed
statement also has the nonce, which ties the entry to the statement's bytes.

Sizes:  a path is at most 63 hashes of 32 bytes · a receipt a few hundred bytes and the entry
Source: RFC 9942 (COSE Receipts) §4 to §5.2, RFC9162_SHA256
"""

from __future__ import annotations

from dataclasses import astuple, dataclass
from typing import Any, Final, NamedTuple

from wherefrom.errors import Malformed, Refused
from wherefrom.formats import cbor, cose
from wherefrom.formats.cose import Sign1, need

RECEIPTS: Final = 394
VDS: Final = 395
VDP: Final = 396
RFC9162_SHA256: Final = 1
ENTRY: Final = "wherefrom.entry"
NONCE: Final = "wherefrom.nonce"
PATH_LENGTH_MAX: Final = 63
HASH_BYTES: Final = 32
SIZE_LIMIT: Final = 2**63

_INCLUSION: Final = -1
_CONSISTENCY: Final = -2


@dataclass(frozen=True, slots=True)
class Inclusion:
    """The path of the leaf at ``index`` in a tree of ``tree_size``."""

    tree_size: int
    index: int
    path: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Consistency:
    """The path from the tree of ``size1`` to the tree of ``size2``."""

    size1: int
    size2: int
    path: tuple[bytes, ...]


class Receipt(NamedTuple):
    """A receipt that ``parse`` accepted; nothing of it is checked.

    issuer  the log that says it, or None; kid: which key, as it calls it
    entry   bytes of the entry beside an inclusion, or None
    nonce   by which the entry commits to its content, or None
    """

    message: Sign1
    alg: int
    kid: bytes | None
    issuer: str | None
    proof: Inclusion | Consistency
    entry: bytes | None = None
    nonce: bytes | None = None


def is_receipt(written: bytes) -> bool:
    """Whether this is, or means to be, a receipt: a COSE_Sign1 that names a kind of tree."""
    try:
        return cose.looks_like(written) and VDS in cose.parse(written).headers
    except Refused:
        return False


def protected(*, alg: int, kid: bytes, issuer: str) -> bytes:
    """The signed headers of a receipt by the log ``issuer``."""
    return cbor.encode(
        {
            cose.ALG: alg,
            cose.KID: kid,
            cose.CWT_CLAIMS: {cose.ISS: issuer},
            VDS: RFC9162_SHA256,
        }
    )


def to_bytes(
    proof: Inclusion | Consistency,
    *,
    protected: bytes,
    signature: bytes,
    entry: bytes | None,
    nonce: bytes | None = None,
) -> bytes:
    """A receipt whose root was signed with these headers."""
    label = _INCLUSION if isinstance(proof, Inclusion) else _CONSISTENCY
    unprotected: dict[Any, Any] = {VDP: {label: [cbor.encode(astuple(proof))]}}
    if entry is not None:
        unprotected[ENTRY] = entry
    if nonce is not None:
        unprotected[NONCE] = nonce
    return cose.to_bytes(Sign1(protected, {}, unprotected, None, signature))


def parse(written: bytes, *, where: str = "receipt") -> Receipt:
    """Read a receipt with exactly one proof. Raises Malformed for anything else."""
    message = cose.parse(written, where=where)
    headers, unprotected = message.headers, message.unprotected
    need(message.payload is None, f"{where}.payload", "nil: the root is computed", "a payload")
    vds = headers.get(VDS)
    if vds != RFC9162_SHA256 or isinstance(vds, bool):
        raise Malformed(
            "a receipt over another kind of tree",
            where=f"{where}.vds",
            expected="1, RFC9162_SHA256",
            got=vds,
        )
    alg, kid = headers.get(cose.ALG), headers.get(cose.KID)
    if not isinstance(alg, int) or isinstance(alg, bool):
        raise Malformed("not what COSE has here", where=f"{where}.alg", expected="a number")
    need(kid is None or isinstance(kid, bytes), f"{where}.kid", "a byte string", kid)
    claims = headers.get(cose.CWT_CLAIMS, {})
    need(isinstance(claims, dict), f"{where}.claims", "a map", claims)
    issuer = claims.get(cose.ISS)
    need(issuer is None or isinstance(issuer, str), f"{where}.iss", "a text", issuer)
    entry = unprotected.get(ENTRY)
    need(entry is None or isinstance(entry, bytes), f"{where}.entry", "a byte string", entry)
    nonce = unprotected.get(NONCE)
    need(nonce is None or isinstance(nonce, bytes), f"{where}.nonce", "a byte string", nonce)
    proof = _proof_of(unprotected.get(VDP), where=f"{where}.vdp")
    return Receipt(message, alg, kid, issuer, proof, entry, nonce)


def _proof_of(proofs: Any, *, where: str) -> Inclusion | Consistency:
    need(isinstance(proofs, dict) and len(proofs) == 1, where, "a map with one kind", proofs)
    ((label, listed),) = proofs.items()
    need(label in (_INCLUSION, _CONSISTENCY), where, "-1 or -2", label)
    need(isinstance(listed, list) and len(listed) == 1, where, "one proof", listed)
    need(isinstance(listed[0], bytes), where, "a byte string", listed[0])
    numbers = cbor.decode(listed[0], where=where)
    need(isinstance(numbers, list) and len(numbers) == 3, where, "an array of 3", numbers)
    first, second, path = numbers
    for number in (first, second):
        need(type(number) is int and 0 <= number < SIZE_LIMIT, where, "a size or index", number)
    need(isinstance(path, list) and len(path) <= 2 * PATH_LENGTH_MAX, where, "a path", type(path))
    for value in path:
        right = isinstance(value, bytes) and len(value) == HASH_BYTES
        need(right, where, f"hashes of {HASH_BYTES} bytes", value)
    kind = Inclusion if label == _INCLUSION else Consistency
    return kind(first, second, tuple(path))
