"""What a witness keeps of one log: the checkpoint that it cosigned last, and nothing else.

Sizes:  a few hundred bytes of JSON, some 8,000 with ML-DSA-44 signatures
Source: docs/formats/tlog-witness.md
"""

from __future__ import annotations

from typing import Final

import msgspec

from wherefrom.errors import Corrupt

FORMAT: Final = 1
# Room for a log's own signatures of both kinds and for cosignatures of both kinds, twice.
SLOT_BYTES: Final = 16 * 1024


class WitnessState(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The value under the head of one log.

    home    identity of the directory; a copy has another, and may be old
    origin  which log
    note    the checkpoint with the log's signature and the cosignatures made of it; empty before
            the first
    """

    home: str
    origin: str
    note: str
    format: int = FORMAT


def to_bytes(state: WitnessState) -> bytes:
    """The value for the head."""
    return msgspec.json.encode(state)


def parse(value: bytes) -> WitnessState:
    """Read the head's value. Raises Corrupt for any other shape or a later format."""
    try:
        state = msgspec.json.decode(value, type=WitnessState)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Corrupt("a witness's state is not readable", got=str(error)) from error
    if state.format != FORMAT:
        raise Corrupt(
            "a witness's state was written in a format this version does not know",
            expected=f"format {FORMAT}",
            got=state.format,
            do="Use the version of Wherefrom that wrote it, or a newer one",
        )
    return state
