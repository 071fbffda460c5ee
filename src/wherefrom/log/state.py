"""What the head holds: which epoch writes, where the journal ends, and the signed checkpoint.

Sizes:  a few hundred bytes of JSON
"""

from __future__ import annotations

from typing import Final

import msgspec

from wherefrom.errors import Corrupt

FORMAT: Final = 1


class HeadState(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The value under the head.

    epoch          the writer that counts; every writer claims a new one
    size           entries in the log, as ``checkpoint`` says
    segment        the journal file that ends there, and its ``length`` in bytes
    tiles          every full tile below this size survives a power cut
    home           identity of the directory; a copy has another, and is read-only at first
    checkpoint     the signed note
    """

    epoch: int
    size: int
    segment: str
    length: int
    tiles: int
    home: str
    checkpoint: str
    format: int = FORMAT


def to_bytes(state: HeadState) -> bytes:
    """The value for the head."""
    return msgspec.json.encode(state)


def parse(value: bytes) -> HeadState:
    """Read the head's value. Raises Corrupt for any other shape or a later format."""
    try:
        state = msgspec.json.decode(value, type=HeadState)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Corrupt("the head's value is not readable", got=str(error)) from error
    if state.format != FORMAT:
        raise Corrupt(
            "the log was written in a format this version does not know",
            expected=f"format {FORMAT}",
            got=state.format,
            do="Use the version of Wherefrom that wrote it, or a newer one",
        )
    return state
