"""Compression comes off by its magic bytes, in bounded pieces, or is refused with a reason."""

from __future__ import annotations

import bz2
import contextlib
import gzip
import io
import os
import tracemalloc
from collections.abc import Callable

import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from wherefrom.collect.decompress import CHUNK_BYTES, layer_of, open_plain, plain
from wherefrom.errors import LimitPassed, Malformed, Refused

TEXT = b'{"a": 1}\n' * 2_000 + os.urandom(3_000)
_ZSTD = zstandard.ZstdCompressor()
COMPRESSORS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "bzip2": bz2.compress,
    "zstd": _ZSTD.compress,
}
each_layer = pytest.mark.parametrize("layer", COMPRESSORS)


@each_layer
def test_what_was_compressed_comes_back_whole(layer: str) -> None:
    packed = COMPRESSORS[layer](TEXT)
    assert layer_of(packed[:10]) == layer
    assert plain(packed) == TEXT


@each_layer
def test_nothing_compressed_is_nothing(layer: str) -> None:
    assert plain(COMPRESSORS[layer](b"")) == b""


@each_layer
def test_members_in_a_row_are_one_text(layer: str) -> None:
    packed = COMPRESSORS[layer](TEXT) + COMPRESSORS[layer](b"") + COMPRESSORS[layer](b"end")
    assert plain(packed) == TEXT + b"end"


@each_layer
def test_a_stream_that_gives_one_byte_at_a_time_is_read_the_same(layer: str) -> None:
    packed = COMPRESSORS[layer](TEXT) + COMPRESSORS[layer](b"end")
    assert b"".join(open_plain(bytes([b]) for b in packed)) == TEXT + b"end"


@each_layer
def test_zeros_after_the_end_are_padding(layer: str) -> None:
    assert plain(COMPRESSORS[layer](TEXT) + bytes(600)) == TEXT


def test_a_zstd_skippable_frame_is_skipped_wherever_it_stands() -> None:
    skippable = b"\x52\x2a\x4d\x18\x04\x00\x00\x00abcd"
    assert plain(skippable + _ZSTD.compress(TEXT) + skippable) == TEXT


@each_layer
def test_two_layers_are_taken_off_and_a_third_is_refused(layer: str) -> None:
    compress = COMPRESSORS[layer]
    assert plain(bz2.compress(compress(TEXT))) == TEXT
    with pytest.raises(LimitPassed, match="compression_layers_max 2"):
        plain(gzip.compress(bz2.compress(compress(TEXT))))


@each_layer
@pytest.mark.parametrize("cut", [1, 4, 20, 200])
def test_data_that_is_cut_off_is_malformed(layer: str, cut: int) -> None:
    with pytest.raises(Malformed, match=f"{layer} data is cut off"):
        plain(COMPRESSORS[layer](TEXT)[:-cut])


@each_layer
def test_a_flipped_bit_is_never_a_silent_change(layer: str) -> None:
    compress = COMPRESSORS[layer]
    if layer == "zstd":  # its check is optional, and off unless asked for
        compress = zstandard.ZstdCompressor(write_checksum=True).compress
    packed = bytearray(compress(TEXT))
    packed[len(packed) // 2] ^= 0x10
    with pytest.raises(Malformed, match=f"{layer} data is (damaged|cut off)"):
        plain(bytes(packed))


@each_layer
@pytest.mark.parametrize("junk", [b"junk", b"x" * 50])
def test_something_else_after_the_end_is_malformed(layer: str, junk: bytes) -> None:
    with pytest.raises(Malformed, match=f"something else follows the {layer} data"):
        plain(COMPRESSORS[layer](TEXT) + junk)


@each_layer
def test_one_byte_more_than_the_limit_is_refused_naming_it(layer: str) -> None:
    packed = COMPRESSORS[layer](TEXT)
    assert plain(packed, bytes_max=len(TEXT)) == TEXT
    with pytest.raises(LimitPassed, match=f"decompressed_bytes_max {len(TEXT) - 1}"):
        plain(packed, bytes_max=len(TEXT) - 1)


@each_layer
def test_a_bomb_is_refused_before_it_fills_memory(layer: str) -> None:
    bomb = COMPRESSORS[layer](bytes(64 << 20))
    tracemalloc.start()
    try:
        with pytest.raises(LimitPassed, match="becomes too large"):
            for _ in open_plain(io.BytesIO(bomb), bytes_max=1 << 20):
                pass
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 4 << 20


def test_what_is_not_compressed_passes_whatever_its_size() -> None:
    assert b"".join(open_plain(io.BytesIO(TEXT), bytes_max=10)) == TEXT
    assert plain(b"BZh9 is how this text begins") == b"BZh9 is how this text begins"


def test_chunks_are_never_empty_nor_huge() -> None:
    chunks = list(open_plain(gzip.compress(bytes(3 * CHUNK_BYTES + 1))))
    assert all(0 < len(chunk) <= CHUNK_BYTES for chunk in chunks)


@given(
    start=st.sampled_from([b"", b"\x1f\x8b\x08", b"BZh91AY&SY", b"\x28\xb5\x2f\xfd"]),
    rest=st.binary(max_size=300),
)
@settings(max_examples=200, deadline=None)
def test_arbitrary_bytes_give_bytes_or_a_refusal(start: bytes, rest: bytes) -> None:
    with contextlib.suppress(Refused):
        assert isinstance(plain(start + rest, bytes_max=1 << 20), bytes)


@given(content=st.binary(max_size=2_000), layers=st.lists(st.sampled_from(list(COMPRESSORS))))
@settings(max_examples=60, deadline=None)
def test_two_layers_of_any_kind_are_undone(content: bytes, layers: list[str]) -> None:
    packed = content
    for layer in layers[:2]:
        packed = COMPRESSORS[layer](packed)
    if layer_of(content[:10]) is None:
        assert plain(packed) == content
