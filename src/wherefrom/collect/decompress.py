"""Take the compression off what comes in, without ever holding what it could become.

A name ending in ``.gz`` proves nothing, so the first bytes decide. A bomb is a small input that
becomes a large output; here output comes in pieces, is counted, and stops at the limit.

    stream ──► gzip · bzip2 · zstd, by magic bytes ──► again, twice at most ──► plain chunks
                              │
                              └ more than bytes_max out of one layer: LimitPassed

Several gzip members, bzip2 streams or zstd frames in a row are one text, as the usual tools read
them. What is not compressed passes through unchanged and uncounted: its limits are the next
step's (``split``).

Sizes:  chunks of some 256 KiB · 1 GiB out of a layer unless told · zstd windows to 128 MiB
Source: RFC 1952 (gzip) · RFC 8878 §3.1 (zstd: a block is at most 128 KiB) · bzip2's own format
"""

from __future__ import annotations

import bz2
import zlib
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import BinaryIO, Final, Protocol, TypeAlias

import zstandard

from wherefrom.errors import LimitPassed, Malformed

CHUNK_BYTES: Final = 256 * 1024
LAYERS_MAX: Final = 2
DECOMPRESSED_BYTES_MAX: Final = 1024 * 1024 * 1024
# What the reference decoder allows without flags; memory is touched only as output fills it.
ZSTD_WINDOW_BYTES_MAX: Final = 128 * 1024 * 1024

_PEEK_BYTES = 10
_GZIP = b"\x1f\x8b\x08"
# The version digit is followed by a block's or the end's magic, so no text is mistaken for one.
_BZIP2 = (b"BZh", (b"1AY&SY", b"\x17rE8P\x90"))
_ZSTD = b"\x28\xb5\x2f\xfd"


# All the bytes, a stream to read them from, or their chunks in order.
Source: TypeAlias = bytes | BinaryIO | Iterable[bytes]


def open_plain(source: Source, *, bytes_max: int = DECOMPRESSED_BYTES_MAX) -> Iterator[bytes]:
    """Give the plain bytes of ``source`` in chunks, none of them empty.

    bytes_max  the most that any one layer of compression may become

    Raises Malformed for compressed data that is cut off, damaged or followed by something else;
    LimitPassed past ``bytes_max`` or for a third layer. What was yielded before stays good only
    as far as its reader could check it itself.
    """
    chunks = chunks_of(source)
    for _ in range(LAYERS_MAX):
        head, chunks = _peek(chunks)
        layer = layer_of(head)
        if layer is None:
            return chunks
        chunks = _read_layer(layer, chunks, bytes_max=bytes_max)
    return _no_more_layers(chunks)


def plain(content: bytes, *, bytes_max: int = DECOMPRESSED_BYTES_MAX) -> bytes:
    """``open_plain`` for bytes that are all here, and whose plain form may be held."""
    if layer_of(content[:_PEEK_BYTES]) is None:
        return content
    return b"".join(open_plain(content, bytes_max=bytes_max))


def layer_of(head: bytes) -> str | None:
    """``gzip``, ``bzip2``, ``zstd``, or None; ``head`` is the first 10 bytes, or all of fewer."""
    if head.startswith(_GZIP):
        return "gzip"
    if head.startswith(_BZIP2[0]) and head[3:4] in b"123456789" and head[4:10] in _BZIP2[1]:
        return "bzip2"
    if head.startswith(_ZSTD) or _is_skippable(head):
        return "zstd"
    return None


def _is_skippable(head: bytes) -> bool:
    """Whether a zstd skippable frame starts here, as files of parallel compressors do."""
    return len(head) >= 4 and 0x50 <= head[0] <= 0x5F and head[1:4] == b"\x2a\x4d\x18"


def chunks_of(source: Source) -> Iterator[bytes]:
    """Give ``source`` in chunks of at most ``CHUNK_BYTES``, none of them empty."""
    if isinstance(source, bytes):
        source = (source,)
    if isinstance(source, Iterable) and not hasattr(source, "read"):
        for given in source:
            for start in range(0, len(given), CHUNK_BYTES):
                yield given[start : start + CHUNK_BYTES]
    else:
        while chunk := source.read(CHUNK_BYTES):
            yield chunk


def _peek(chunks: Iterator[bytes]) -> tuple[bytes, Iterator[bytes]]:
    """The first bytes, enough to know a layer by, and the same chunks again from the start."""
    head = b""
    for chunk in chunks:
        head += chunk
        if len(head) >= _PEEK_BYTES:
            break
    return head[:_PEEK_BYTES], _again(head, chunks)


def _again(head: bytes, chunks: Iterator[bytes]) -> Iterator[bytes]:
    if head:
        yield head
    yield from chunks


def _no_more_layers(chunks: Iterator[bytes]) -> Iterator[bytes]:
    head, chunks = _peek(chunks)
    if (layer := layer_of(head)) is not None:
        raise LimitPassed(
            f"{layer} inside {LAYERS_MAX} other layers of compression",
            expected=f"compression_layers_max {LAYERS_MAX}",
            do="Unpack it before sending",
        )
    yield from chunks


class _Decoder(Protocol):
    """One gzip member, bzip2 stream or zstd frame being read."""

    @property
    def ended(self) -> bool:
        """Whether its last byte has been read."""

    @property
    def rest(self) -> bytes:
        """Once ended: what was fed beyond its end."""

    def feed(self, compressed: bytes) -> Iterator[bytes]:
        """Yield what ``compressed`` becomes, in bounded pieces. Raises the library's error."""


def _members(
    chunks: Iterator[bytes], *, layer: str, new: Callable[[], _Decoder]
) -> Iterator[bytes]:
    """Read member after member until the chunks end, which must be where a member ends."""
    decoder: _Decoder | None = None
    held = b""  # the first bytes of a member whose magic is not all here yet
    for chunk in chunks:
        fed, held = held + chunk, b""
        while fed:
            if decoder is None:
                if not fed.strip(b"\0"):  # zeros after the end are padding, as from tapes
                    break
                if len(fed) < _PEEK_BYTES and layer_of(fed) != layer:
                    held = fed
                    break
                _need_magic(fed, layer=layer)
                decoder = new()
            try:
                yield from decoder.feed(fed)
            except (zlib.error, OSError, ValueError, zstandard.ZstdError) as error:
                raise Malformed(
                    f"{layer} data is damaged", got=str(error), do="Fetch or compress it again"
                ) from error
            fed = b""
            if decoder.ended:
                fed, decoder = decoder.rest, None
    if held:
        _need_magic(held, layer=layer)
    if decoder is not None:
        raise Malformed(
            f"{layer} data is cut off",
            expected="the end of the compressed stream",
            got="the end of the input",
            do="Fetch or compress it again",
        )


def _need_magic(fed: bytes, *, layer: str) -> None:
    if layer_of(fed[:_PEEK_BYTES]) != layer:
        raise Malformed(
            f"something else follows the {layer} data", expected="the end of the input", got=fed[:8]
        )


class _Gzip:
    def __init__(self) -> None:
        self._member = zlib.decompressobj(zlib.MAX_WBITS | 16)

    @property
    def ended(self) -> bool:
        return self._member.eof

    @property
    def rest(self) -> bytes:
        return self._member.unused_data

    def feed(self, compressed: bytes) -> Iterator[bytes]:
        while piece := self._member.decompress(compressed, CHUNK_BYTES):
            yield piece
            if self._member.eof:
                return
            compressed = self._member.unconsumed_tail


class _Bzip2:
    def __init__(self) -> None:
        self._stream = bz2.BZ2Decompressor()

    @property
    def ended(self) -> bool:
        return self._stream.eof

    @property
    def rest(self) -> bytes:
        return self._stream.unused_data

    def feed(self, compressed: bytes) -> Iterator[bytes]:
        yield self._stream.decompress(compressed, CHUNK_BYTES)
        while not (self._stream.eof or self._stream.needs_input):
            yield self._stream.decompress(b"", CHUNK_BYTES)


class _Zstd:
    """The library sets no limit on output, so the input is fed in steps small enough for one:
    the smallest block is 4 bytes and becomes 128 KiB at most, 32 KiB a byte.
    """

    def __init__(self, *, bytes_max: int) -> None:
        self._frame = _zstd_decompressor().decompressobj()
        self._step = max(16, min(1024, bytes_max // (32 * 1024)))
        self._unfed = b""

    @property
    def ended(self) -> bool:
        return self._frame.eof

    @property
    def rest(self) -> bytes:
        return self._frame.unused_data + self._unfed

    def feed(self, compressed: bytes) -> Iterator[bytes]:
        pieces: list[bytes] = []
        size = 0
        for start in range(0, len(compressed), self._step):
            piece = self._frame.decompress(compressed[start : start + self._step])
            pieces.append(piece)
            size += len(piece)
            if size >= CHUNK_BYTES:
                yield b"".join(pieces)
                pieces, size = [], 0
            if self._frame.eof:
                self._unfed = compressed[start + self._step :]
                break
        yield b"".join(pieces)


def _zstd_decompressor() -> zstandard.ZstdDecompressor:
    return zstandard.ZstdDecompressor(max_window_size=ZSTD_WINDOW_BYTES_MAX)


def _read_layer(layer: str, chunks: Iterator[bytes], *, bytes_max: int) -> Iterator[bytes]:
    new: Callable[[], _Decoder]
    if layer == "gzip":
        new = _Gzip
    elif layer == "bzip2":
        new = _Bzip2
    else:
        new = partial(_Zstd, bytes_max=bytes_max)
    size = 0
    for chunk in _members(chunks, layer=layer, new=new):
        size += len(chunk)
        if size > bytes_max:
            raise LimitPassed(
                f"{layer} data becomes too large",
                expected=f"decompressed_bytes_max {bytes_max}",
                do="Send it in parts, or raise the setting",
            )
        if chunk:
            yield chunk
