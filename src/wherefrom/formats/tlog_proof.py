"""A tlog-proof: everything that shows one entry in one log, in a text that fits in a mail.

    c2sp.org/tlog-proof@v1
    extra RW50cnkgMQ==         optional bytes beside the proof; nothing vouches for them
    index 1
    nKOozn2A+Pi+…=             the path, the leaf's sibling first; no line in a tree of one
                               an empty line
    example.com/log            the checkpoint with its signatures, as it was published
    2
    …

It is checked in three steps, none of them here: the signatures of the checkpoint (``keys/``),
the leaf hash of the entry, and the path from that leaf to the root (``merkle.proofs``).

Sizes:  a path is at most 63 hashes of 32 bytes · a proof at most 2,000,000 bytes
Source: C2SP tlog-proof
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from wherefrom.errors import LimitPassed, Malformed
from wherefrom.formats import base64_strict, note
from wherefrom.formats.checkpoint import parse_decimal

HEADER: Final = "c2sp.org/tlog-proof@v1"
PROOF_BYTES_MAX: Final = 2_000_000
PATH_LENGTH_MAX: Final = 63
HASH_BYTES: Final = 32


@dataclass(frozen=True, slots=True)
class TlogProof:
    """A position, the path from there to the root, and the signed checkpoint, all unchecked.

    index       position of the entry, from 0, under 2^63
    path        sibling hashes, the leaf's neighbour first; 32 bytes each, 63 at most
    checkpoint  a signed note, byte for byte
    extra       anything the application put beside it, not empty, or None
    """

    index: int
    path: tuple[bytes, ...]
    checkpoint: bytes
    extra: bytes | None = None


def to_bytes(proof: TlogProof, *, where: str = "tlog-proof") -> bytes:
    """The text of a proof. Raises Malformed or LimitPassed if ``parse`` would refuse it."""
    written = write(proof)
    if parse(written, where=where) != proof:
        raise Malformed("a proof whose text says something else", where=where, got=proof)
    return written


def write(proof: TlogProof) -> bytes:
    """``to_bytes`` for a log that made every part itself: nothing is read back."""
    lines = [HEADER]
    if proof.extra is not None:
        lines.append("extra " + base64_strict.encode(proof.extra))
    lines.append(f"index {proof.index}")
    lines += map(base64_strict.encode, proof.path)
    return "\n".join(lines).encode("ascii") + b"\n\n" + proof.checkpoint


def parse(written: bytes, *, where: str = "tlog-proof") -> TlogProof:
    """Read a proof in its one spelling; the checkpoint must be a note, checked against no key.

    Raises Malformed for another spelling, LimitPassed over a limit.
    """
    if len(written) > PROOF_BYTES_MAX:
        raise LimitPassed("a proof is too long", where=where, expected=f"{PROOF_BYTES_MAX} bytes")
    if not written.startswith(HEADER.encode() + b"\n"):
        raise Malformed(
            "not a tlog-proof", where=f"{where}, line 1", expected=HEADER, got=written[:40]
        )
    head, blank, checkpoint = written.partition(b"\n\n")
    if not blank:
        raise Malformed("a proof has no empty line before its checkpoint", where=where)
    try:
        lines = head.decode("ascii").split("\n")
    except UnicodeDecodeError as error:
        raise Malformed("a proof is not ASCII above its checkpoint", where=where) from error
    del lines[0]  # the header
    extra = _parse_extra(lines, where=f"{where}.extra")
    if not lines or not lines[0].startswith("index "):
        raise Malformed("a proof has no index", where=where, expected="a line 'index <decimal>'")
    index = parse_decimal(lines[0].removeprefix("index "), where=f"{where}.index")
    if len(lines) - 1 > PATH_LENGTH_MAX:
        raise LimitPassed(
            "a path is too long",
            where=where,
            expected=f"{PATH_LENGTH_MAX} hashes at most",
            got=len(lines) - 1,
        )
    path = tuple(
        parse_hash(line, where=f"{where}.path[{place}]") for place, line in enumerate(lines[1:])
    )
    note.parse(checkpoint, where=f"{where}.checkpoint")
    return TlogProof(index, path, checkpoint, extra)


def _parse_extra(lines: list[str], *, where: str) -> bytes | None:
    """Take the extra line away if it is there; an empty one is written by leaving it out."""
    if not lines or not lines[0].startswith("extra "):
        return None
    extra = base64_strict.decode(lines.pop(0).removeprefix("extra "), where=where)
    if not extra:
        raise Malformed("the extra of a proof is empty", where=where, do="Leave the line out")
    return extra


def parse_hash(line: str, *, where: str) -> bytes:
    """A hash on a line of a path, as witnesses send them too. Raises Malformed."""
    value = base64_strict.decode(line, where=where)
    if len(value) != HASH_BYTES:
        raise Malformed(
            "a path holds something that is no hash",
            where=where,
            expected="32 bytes",
            got=f"{len(value)} bytes",
        )
    return value
