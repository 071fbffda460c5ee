"""Cosignatures: what a witness signs when it says *this is the largest tree of that log I saw*.

    signature line of a note:  — name base64(key id ‖ time, 8 bytes ‖ signature)

    type 0x04, Ed25519     cosignature/v1⏎ time 1794900000⏎ and the whole text of the checkpoint
    type 0x06, ML-DSA-44   subtree/v1⏎ \\0, cosigner, time, origin, start, end, root: the tree alone

Only 0x06 names the cosigner in what is signed, so a key of type 0x04 is used for nothing else.
Lines after the third of a checkpoint are covered by 0x04 and not by 0x06. Bytes only: ``keys``
signs and checks them.

Sizes:  a time is POSIX seconds, 8 bytes · names and origins of 0x06 are at most 255 bytes
Source: C2SP tlog-cosignature v1.1.0-rc.1
"""

from __future__ import annotations

from typing import Final, NamedTuple

from wherefrom.errors import LimitPassed, Malformed
from wherefrom.formats import note
from wherefrom.formats.checkpoint import Checkpoint

TIME_BYTES: Final = 8
NAME_BYTES_MAX: Final = 255
ALGORITHMS: Final = (note.ED25519_COSIGNATURE, note.MLDSA44_COSIGNATURE)
SIGNATURE_BYTES: Final = {note.ED25519_COSIGNATURE: 64, note.MLDSA44_COSIGNATURE: 2420}

_SUBTREE_HEADER: Final = b"subtree/v1\n\0"


class Timed(NamedTuple):
    """What stands after the key id: when the cosigner signed (POSIX seconds), and its signature."""

    time_s: int
    signature: bytes


def to_bytes(timed: Timed) -> bytes:
    """Time and signature as a note carries them."""
    return timed.time_s.to_bytes(TIME_BYTES, "big") + timed.signature


def parse(written: bytes, *, algorithm: int, where: str = "cosignature") -> Timed:
    """Read time and signature. Raises Malformed for another length."""
    expected = TIME_BYTES + SIGNATURE_BYTES[algorithm]
    if len(written) != expected:
        raise Malformed(
            "a cosignature has another length",
            where=where,
            expected=f"{expected} bytes after the key id",
            got=f"{len(written)} bytes",
        )
    return Timed(int.from_bytes(written[:TIME_BYTES], "big"), written[TIME_BYTES:])


def ed25519_message(text: str, *, time_s: int) -> bytes:
    """What a key of type 0x04 signs. ``text`` is that of the checkpoint, with its last newline."""
    return f"cosignature/v1\ntime {time_s}\n{text}".encode()


def mldsa44_message(tree: Checkpoint, *, cosigner: str, time_s: int) -> bytes:
    """What a key of type 0x06 signs. Raises LimitPassed for a name or origin over 255 bytes."""
    return b"".join(
        (
            _SUBTREE_HEADER,
            _len8(cosigner, "the cosigner's name"),
            time_s.to_bytes(TIME_BYTES, "big"),
            _len8(tree.origin, "the log's origin"),
            (0).to_bytes(8, "big"),
            tree.size.to_bytes(8, "big"),
            tree.root,
        )
    )


def _len8(text: str, what: str) -> bytes:
    written = text.encode()
    if len(written) > NAME_BYTES_MAX:
        raise LimitPassed(
            f"{what} is too long for an ML-DSA-44 cosignature",
            expected=f"{NAME_BYTES_MAX} bytes at most",
            got=f"{len(written)} bytes",
        )
    return bytes([len(written)]) + written
