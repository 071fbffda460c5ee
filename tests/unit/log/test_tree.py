"""The writer's tree against the frontier of ``merkle``: any growth, any size, any width."""

import random

import pytest

from wherefrom.errors import Corrupt, NotFound
from wherefrom.log.tree import LogTree, read_blob_tile
from wherefrom.merkle.hashing import hash_leaf
from wherefrom.merkle.tree import Frontier, hash_tile
from wherefrom.storage.memory import MemoryBlobs


def leaves(first, limit):
    return [hash_leaf(b"%d" % n) for n in range(first, limit)]


def full_tiles(size):
    return {(level, n) for level in range(3) for n in range(size >> 8 * (level + 1))}


class Tiles(dict):
    def read(self, level, n):
        return self[level, n]


def grown(sizes):
    tiles = Tiles()
    tree = LogTree(tiles.read)
    for size in sizes:
        full = tree.extend(leaves(tree.size, size))
        tiles.update({(t.level, t.n): t.hashes for t in full})
        tree.published(full)
    return tree, tiles


@pytest.mark.parametrize("seed", range(6))
def test_growing_in_any_steps_gives_the_same_tree_and_the_same_tiles(seed):
    chance = random.Random(seed)
    sizes = sorted(chance.sample(range(1, 70_000), 12))
    tree, tiles = grown(sizes)
    frontier = Frontier()
    frontier.extend(leaves(0, tree.size))
    assert tree.root() == frontier.root()
    assert set(tiles) == full_tiles(tree.size)
    for (level, n), hashes in tiles.items():
        if level:
            below = [hash_tile(tiles[level - 1, n * 256 + i]) for i in range(256)]
            assert hashes == b"".join(below)


@pytest.mark.parametrize("size", [0, 256, 512, 65_536, 65_792, 131_072])
def test_a_tree_taken_up_at_its_tiles_goes_on_as_if_it_had_never_stopped(size):
    tree, tiles = grown([size + 300])
    again = LogTree.at(size, tiles.read)
    assert again.size == size
    again.extend(leaves(size, size + 300))
    assert again.root() == tree.root()
    assert again.inclusion(size + 5, size + 300) == tree.inclusion(size + 5, size + 300)
    assert again.consistency(size, size + 300) == tree.consistency(size, size + 300)


def test_the_root_at_every_earlier_size_is_known():
    tree, _ = grown([600])
    frontier = Frontier()
    for size, leaf_hash in enumerate(leaves(0, 600), start=1):
        frontier.append(leaf_hash)
        assert tree.root_at(size) == frontier.root()


def test_a_full_tile_is_answered_from_memory_until_it_is_published():
    asked = []

    def read(level, n):
        asked.append((level, n))
        raise AssertionError

    tree = LogTree(read)
    full = tree.extend(leaves(0, 300))
    assert tree.tile(0, 0) == b"".join(leaves(0, 256))
    assert asked == []
    tree.published(full)
    with pytest.raises(AssertionError):
        tree.tile(0, 0)


@pytest.mark.parametrize(("level", "n", "width"), [(0, 2, 89), (0, 3, 1), (1, 0, 3)])
def test_a_tile_past_the_edge_is_not_found(level, n, width):
    tree, _ = grown([600])
    with pytest.raises(NotFound, match="no such tile yet"):
        tree.tile(level, n, width)


def test_a_stored_tile_of_another_length_is_corrupt():
    blobs = MemoryBlobs()
    blobs.put("tile/0/000", bytes(100))
    with pytest.raises(Corrupt, match="wrong length, at tile/0/000: expected 8192 bytes, got 100"):
        read_blob_tile(blobs, 0, 0)
