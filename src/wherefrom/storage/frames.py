"""How a batch of records lies in the journal: one frame, one write.

    varint(count · 2 + has_contents) │ crc32 │ (u16 length, entry)… │ (nonce16, content)…

The entries block is a run of a tlog-tiles entry bundle. A content's length stands in its entry,
so a lone record pays 5 bytes for its frame and 2 for its length. The checksum covers the head
and the entries; each content is covered by the commitment in its entry, so erasing a content
(zeros in place, nonce included) leaves every frame readable.

Sizes:  at most 256 entries a frame · an entry 1 to 65,535 bytes
Source: C2SP tlog-tiles for the entries block
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence
from typing import Final, NamedTuple

from wherefrom.errors import Corrupt
from wherefrom.formats.entry import NONCE_BYTES, content_size
from wherefrom.storage.contracts import Record

FRAME_ENTRIES_MAX: Final = 256
_CRC: Final = struct.Struct(">I")
_LENGTH: Final = struct.Struct(">H")


class FrameHead(NamedTuple):
    """A frame without its contents: where each part lies, counted from the frame's first byte.

    contents  (offset, size) of each content; the nonce stands in the 16 bytes before it.
              Empty in a frame that holds entries alone
    length    bytes of the whole frame
    """

    entries: list[bytes]
    contents: list[tuple[int, int]]
    length: int


def encode(records: Sequence[Record]) -> list[bytes]:
    """The pieces of one frame, to be written in order; contents are not copied.

    Every record has a content, or none has. Raises ValueError otherwise, or for 0 or more than
    256 records.
    """
    has_contents = records[0].content is not None if records else False
    if not 0 < len(records) <= FRAME_ENTRIES_MAX:
        raise ValueError(f"a frame holds 1 to {FRAME_ENTRIES_MAX} records, not {len(records)}")
    if any((r.content is not None) != has_contents for r in records):
        raise ValueError("a frame holds contents for all of its records or for none")
    mark = len(records) * 2 + has_contents
    head = bytes([mark]) if mark < 128 else bytes([mark & 0x7F | 0x80, mark >> 7])
    block = b"".join([_LENGTH.pack(len(r.entry)) + r.entry for r in records])
    pieces = [head, _CRC.pack(zlib.crc32(block, zlib.crc32(head))), block]
    if has_contents:
        for record in records:
            assert record.nonce is not None
            assert record.content is not None
            pieces += (record.nonce, record.content)
    return pieces


def decode_head(window: bytes, *, at: int = 0, where: str) -> FrameHead | None:
    """Read the frame that starts ``at`` in ``window``; its contents may lie past the window.

    Returns None if the window ends inside the head or the entries: a torn frame, or a window too
    small. Raises Corrupt if what is there is no frame.
    """
    start = at
    if at >= len(window):
        return None
    mark = window[at]
    at += 1
    if mark & 0x80:
        if at >= len(window):
            return None
        mark = mark & 0x7F | window[at] << 7
        at += 1
    count, has_contents = mark >> 1, mark & 1
    canonical = at - start == (1 if mark < 128 else 2)
    if not 0 < count <= FRAME_ENTRIES_MAX or not canonical:
        raise Corrupt("not a frame", where=where, expected="1 to 256 entries", got=count)
    head, crc_at = window[start:at], at
    at += _CRC.size
    block_at, entries = at, []
    for _ in range(count):
        if at + 2 > len(window):
            return None
        end = at + 2 + _LENGTH.unpack_from(window, at)[0]
        if end > len(window):
            return None
        entries.append(window[at + 2 : end])
        at = end
    crc = _CRC.unpack_from(window, crc_at)[0]
    if crc != zlib.crc32(window[block_at:at], zlib.crc32(head)):
        raise Corrupt(
            "a frame of entries was changed",
            where=where,
            do="Run wherefrom log audit, then wherefrom log recover",
        )
    contents, at = [], at - start
    if has_contents:
        for entry in entries:
            size = content_size(entry)
            contents.append((at + NONCE_BYTES, size))
            at += NONCE_BYTES + size
    return FrameHead(entries, contents, at)
