"""The builder against the model, for every size to 300, and against its own checker above that."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.merkle.model import numbered
from wherefrom.errors import Corrupt
from wherefrom.merkle.hashing import EMPTY_ROOT, HASH_BYTES, hash_leaves
from wherefrom.merkle.proofs import verify_consistency, verify_inclusion
from wherefrom.merkle.tree import (
    Frontier,
    TileHashes,
    consistency_path,
    hash_tile,
    inclusion_path,
    root_of,
)

MODEL = numbered(300)
LEAVES = hash_leaves(MODEL.entries)


def tiles_of(leaves):
    """Every tile of a log, level by level, each level one run of bytes."""
    levels = [b"".join(leaves)]
    while len(levels[-1]) >= 8192:
        row = levels[-1]
        full = range(0, len(row) - 8191, 8192)
        levels.append(b"".join(hash_tile(row[at : at + 8192]) for at in full))
    return levels


def reader_of(leaves, asked=None):
    levels = tiles_of(leaves)

    def read_tile(level, n, width):
        if asked is not None:
            asked.append((level, n, width))
        tile = levels[level][n * 8192 : n * 8192 + width * HASH_BYTES]
        assert len(tile) == width * HASH_BYTES, f"({level}, {n}, {width}) is not in the log"
        return tile

    return read_tile


def test_a_frontier_that_grows_a_leaf_at_a_time_has_the_root_of_the_rfc_at_every_size():
    frontier = Frontier()
    assert frontier.root() == EMPTY_ROOT
    for size in range(1, 301):
        frontier.append(LEAVES[size - 1])
        assert (frontier.size, frontier.root()) == (size, MODEL.root(size))
        assert frontier.hashes == Frontier.of(size, MODEL.read).hashes


@given(st.lists(st.integers(0, 300), max_size=6))
def test_growing_in_runs_of_any_length_is_growing_a_leaf_at_a_time(stops):
    frontier = Frontier()
    for stop in sorted(stops):
        frontier.extend(LEAVES[frontier.size : stop])
        assert frontier.root() == root_of(frontier.size, MODEL.read) == MODEL.root(frontier.size)
        assert frontier.size == stop


def test_a_copy_of_a_frontier_grows_alone():
    frontier = Frontier.of(7, MODEL.read)
    grown = frontier.copy()
    grown.extend(LEAVES[7:20])
    assert (frontier.size, frontier.root()) == (7, MODEL.root(7))
    assert (grown.size, grown.root()) == (20, MODEL.root(20))


def test_the_hashes_of_a_frontier_come_largest_first_and_make_it_again():
    frontier = Frontier.of(7, MODEL.read)
    assert frontier.hashes == (MODEL.mth(0, 4), MODEL.mth(4, 6), MODEL.mth(6, 7))
    assert Frontier(7, frontier.hashes).root() == MODEL.root(7)


def test_a_frontier_refuses_what_is_no_hash_and_stays_as_it_was():
    frontier = Frontier.of(7, MODEL.read)
    with pytest.raises(ValueError, match="a leaf hash is not 32 bytes"):
        frontier.extend([LEAVES[7], b"short"])
    assert (frontier.size, frontier.root()) == (7, MODEL.root(7))
    with pytest.raises(ValueError, match="a frontier of size 7 cannot have 2 hashes"):
        Frontier(7, frontier.hashes[:2])
    with pytest.raises(ValueError, match="not 32 bytes"):
        Frontier(1, [b"short"])


def test_inclusion_paths_are_those_of_the_rfc_at_every_size_to_300():
    for size in range(301):
        for index in range(size):
            assert inclusion_path(index, size, MODEL.read) == MODEL.path(index, 0, size)


def test_consistency_paths_are_those_of_the_rfc_at_every_size_to_300():
    for size2 in range(301):
        for size1 in range(1, size2 + 1):
            assert consistency_path(size1, size2, MODEL.read) == MODEL.subproof(size1, 0, size2)
        assert consistency_path(0, size2, MODEL.read) == []


def test_a_builder_refuses_numbers_that_make_no_sense():
    with pytest.raises(IndexError, match="leaf 7 is not in a tree of 7"):
        inclusion_path(7, 7, MODEL.read)
    with pytest.raises(IndexError, match="leaf -1 is not in a tree of 7"):
        inclusion_path(-1, 7, MODEL.read)
    for size1, size2 in ((8, 7), (-1, 7)):
        with pytest.raises(ValueError, match=f"a tree of {size1} cannot be in a tree of {size2}"):
            consistency_path(size1, size2, MODEL.read)


BIG = hash_leaves(b"%d" % i for i in range(70_000))
BIG_TILES = reader_of(BIG)


@settings(deadline=None, max_examples=60)
@given(st.data())
def test_proofs_from_tiles_lead_to_the_root_at_any_size(data):
    size = data.draw(st.integers(1, 70_000))
    index = data.draw(st.integers(0, size - 1))
    hashes = TileHashes(BIG_TILES, tiles_max=data.draw(st.sampled_from([1, 3, 256])))
    root = root_of(size, hashes)
    path = inclusion_path(index, size, hashes)
    verify_inclusion(leaf_hash=BIG[index], index=index, tree_size=size, path=path, root=root)
    older = root_of(index, hashes)
    path = consistency_path(index, size, hashes)
    verify_consistency(size1=index, size2=size, path=path, root1=older, root2=root)


def test_the_root_over_tiles_is_the_root_of_the_frontier():
    frontier = Frontier()
    for size in (1, 255, 256, 257, 65_535, 65_536, 65_537, 70_000):
        frontier.extend(BIG[frontier.size : size])
        assert root_of(size, TileHashes(reader_of(BIG[:size]))) == frontier.root()


def test_a_tile_is_read_once_and_only_as_wide_as_needed():
    asked = []
    hashes = TileHashes(reader_of(LEAVES, asked))
    assert hashes(2, 64 + 1) == MODEL.mth(260, 264)
    assert hashes(0, 257) == MODEL.mth(257, 258)
    assert hashes(8, 0) == MODEL.mth(0, 256)
    assert asked == [(0, 1, 8), (1, 0, 1)]


def test_a_tile_that_grew_is_read_again_and_keeps_its_folds():
    asked = []
    hashes = TileHashes(reader_of(LEAVES, asked))
    assert hashes(3, 0) == MODEL.mth(0, 8)
    assert hashes(3, 1) == MODEL.mth(8, 16)
    assert hashes(3, 0) == MODEL.mth(0, 8)
    assert asked == [(0, 0, 8), (0, 0, 16)]


def test_the_tile_used_longest_ago_is_dropped_first():
    asked = []
    hashes = TileHashes(reader_of(BIG[:1024], asked), tiles_max=2)
    for n in (0, 1, 0, 2, 0, 1):
        hashes(0, n * 256)
    assert [n for _, n, _ in asked] == [0, 1, 2, 1]
    with pytest.raises(ValueError, match="tiles_max must be at least 1, got 0"):
        TileHashes(reader_of([]), tiles_max=0)


@pytest.mark.parametrize("given_bytes", [0, 31, 64, 97, 8192 + 32])
def test_a_tile_of_the_wrong_size_is_corrupt(given_bytes):
    hashes = TileHashes(lambda level, n, width: bytes(given_bytes))
    with pytest.raises(Corrupt, match=f"tile 0 of level 0: expected 96 bytes.*got {given_bytes} b"):
        hashes(0, 2)


def test_a_full_tile_hashes_to_the_subtree_it_holds():
    assert hash_tile(b"".join(LEAVES[:256])) == MODEL.mth(0, 256)
    with pytest.raises(ValueError, match="a full tile is 8192 bytes, got 8160"):
        hash_tile(b"".join(LEAVES[:255]))
