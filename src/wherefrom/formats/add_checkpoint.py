"""The body of ``POST add-checkpoint``: a checkpoint, and the proof that it grew from another.

    old 256                        the size that the witness cosigned last, as the client believes
    NXpc/tCz…=                     the consistency path from there, no line if nothing is to prove
                                   an empty line
    example.com/log                the checkpoint with its signatures
    …

and its answer: signature lines, or the size that the witness had cosigned.

Sizes:  a path is at most 63 hashes of 32 bytes · a body at most ADD_CHECKPOINT_BYTES_MAX
Source: C2SP tlog-witness v1.0.0
"""

from __future__ import annotations

from typing import Final, NamedTuple

from wherefrom.errors import LimitPassed, Malformed
from wherefrom.formats import base64_strict, note
from wherefrom.formats.checkpoint import parse_decimal
from wherefrom.formats.note import Note, Signature
from wherefrom.formats.tlog_proof import parse_hash

# Twenty signatures of ML-DSA-44, and more of other kinds than anybody has.
ADD_CHECKPOINT_BYTES_MAX: Final = 128 * 1024
PATH_LENGTH_MAX: Final = 63
SIZE_MEDIA_TYPE: Final = "text/x.tlog.size"


class AddCheckpoint(NamedTuple):
    """A request, unchecked: ``path`` is to lead from the tree of ``old_size`` to ``signed``."""

    old_size: int
    path: tuple[bytes, ...]
    signed: Note


def parse(written: bytes, *, where: str = "add-checkpoint") -> AddCheckpoint:
    """Read a body in its one spelling. Raises Malformed, LimitPassed."""
    if len(written) > ADD_CHECKPOINT_BYTES_MAX:
        raise LimitPassed(
            "a request is too long", where=where, expected=f"{ADD_CHECKPOINT_BYTES_MAX} bytes"
        )
    head, blank, checkpoint = written.partition(b"\n\n")
    if not blank:
        raise Malformed("a request has no empty line before its checkpoint", where=where)
    try:
        first, *hashes = head.decode("ascii").split("\n")
    except UnicodeDecodeError as error:
        raise Malformed("a request is not ASCII above its checkpoint", where=where) from error
    if not first.startswith("old "):
        raise Malformed(
            "a request has no old size", where=f"{where}, line 1", expected="old <size>", got=first
        )
    old_size = parse_decimal(first.removeprefix("old "), where=f"{where}, line 1")
    if len(hashes) > PATH_LENGTH_MAX:
        raise LimitPassed(
            "a path is too long",
            where=where,
            expected=f"{PATH_LENGTH_MAX} hashes at most",
            got=len(hashes),
        )
    path = tuple(
        parse_hash(line, where=f"{where}, line {number}") for number, line in enumerate(hashes, 2)
    )
    return AddCheckpoint(old_size, path, note.parse(checkpoint, where=f"{where}, checkpoint"))


def to_bytes(request: AddCheckpoint) -> bytes:
    """The body of a request. Raises Malformed or LimitPassed if ``parse`` would refuse it."""
    lines = [f"old {request.old_size}", *map(base64_strict.encode, request.path)]
    written = "\n".join(lines).encode("ascii") + b"\n\n" + note.to_bytes(request.signed)
    parse(written)
    return written


def signature_lines(signatures: tuple[Signature, ...]) -> bytes:
    """The answer 200: signature lines as they stand in a note."""
    # A note's text ends with the last empty line, so the lines are all that follows it.
    return note.to_bytes(Note("\n", signatures)).removeprefix(b"\n\n")


def parse_signature_lines(written: bytes, *, where: str = "cosignatures") -> tuple[Signature, ...]:
    """Read the answer 200. Raises Malformed, LimitPassed."""
    return note.parse(b"\n\n" + written, where=where).signatures


def size_line(size: int) -> bytes:
    """The answer 409: the size that was cosigned last."""
    return b"%d\n" % size


def parse_size_line(written: bytes, *, where: str = "text/x.tlog.size") -> int:
    """Read the answer 409. Raises Malformed."""
    text = written.decode("ascii", "replace")
    if not text.endswith("\n"):
        raise Malformed("a size does not end with a newline", where=where, got=text[:40])
    return parse_decimal(text[:-1], where=where)
