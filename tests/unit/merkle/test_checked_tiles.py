import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wherefrom.errors import NotFound, ProofError
from wherefrom.merkle.checked_tiles import CheckedTiles
from wherefrom.merkle.hashing import EMPTY_ROOT, hash_leaf
from wherefrom.merkle.tree import TILE_BYTES, Frontier, consistency_path, hash_tile, root_of

SIZE_MAX = 66_000
LEAVES = [hash_leaf(b"%d" % n) for n in range(SIZE_MAX)]
EDGES = st.sampled_from([0, 1, 2, 255, 256, 257, 511, 512, 65_535, 65_536, 65_537, SIZE_MAX])
sizes = EDGES | st.integers(0, SIZE_MAX)


def rows():
    made = [b"".join(LEAVES)]
    while len(made[-1]) >= TILE_BYTES:
        row = made[-1]
        starts = range(0, len(row) - TILE_BYTES + 1, TILE_BYTES)
        made.append(b"".join(hash_tile(row[at : at + TILE_BYTES]) for at in starts))
    return made


ROWS = rows()


def fetch(level, n, width):
    return ROWS[level][n * TILE_BYTES : n * TILE_BYTES + width * 32]


def root_at(size):
    frontier = Frontier()
    frontier.extend(LEAVES[:size])
    return frontier.root() if size else EMPTY_ROOT


def tiles_of(size, fetch=fetch):
    return CheckedTiles(size=size, root=root_at(size), fetch=fetch)


@settings(max_examples=40, deadline=None)
@given(sizes, st.data())
def test_what_is_checked_gives_the_roots_and_paths_of_the_tree(size, data):
    tiles = tiles_of(size)
    if not size:
        return
    older = data.draw(st.integers(1, size))
    assert root_of(older, tiles.hashes) == root_at(older)
    honest = consistency_path(older, size, lambda level, index: _subtree(level, index))
    assert consistency_path(older, size, tiles.hashes) == honest


def _subtree(level, index):
    frontier = Frontier()
    frontier.extend(LEAVES[index << level : (index + 1) << level])
    return frontier.root()


@settings(max_examples=40, deadline=None)
@given(sizes.filter(bool), st.data())
def test_a_changed_hash_is_found_before_anything_is_built_on_it(size, data):
    """Flip one bit of one tile: whoever reads that tile is told, whoever does not is not misled."""
    level = data.draw(st.integers(0, (size.bit_length() - 1) // 8))
    hashes = size >> 8 * level
    place = data.draw(st.integers(0, hashes - 1))
    changed = place // 256
    bit = data.draw(st.integers(0, 255))

    def lying(asked_level, n, width):
        written = bytearray(fetch(asked_level, n, width))
        at = place % 256 * 32 + bit // 8
        if (asked_level, n) == (level, changed) and at < len(written):
            written[at] ^= 1 << bit % 8
        return bytes(written)

    with pytest.raises(ProofError, match="lead"):
        CheckedTiles(size=size, root=root_at(size), fetch=lying).tile(
            level, changed, place % 256 + 1
        )


def test_tiles_past_the_edge_are_not_there_and_too_short_ones_are_refused():
    tiles = tiles_of(300)
    for level, n, width in ((0, 1, 45), (0, 2, 1), (1, 0, 2), (1, 1, 1), (2, 0, 1)):
        with pytest.raises(NotFound, match=f"no tile {n} of level {level}"):
            tiles.tile(level, n, width)
    for written in (b"", bytes(31), bytes(32 * 43), bytes(32 * 45), bytes(8192)):
        with pytest.raises(ProofError, match="has another width: expected 44 hashes"):
            tiles_of(300, lambda level, n, width, w=written: w if n else fetch(level, n, width))


def test_a_root_of_another_tree_is_refused_at_once():
    for size in (0, 1, 256, 300):
        with pytest.raises(ProofError, match="lead to another root"):
            CheckedTiles(size=size, root=bytes(32), fetch=fetch)


def test_a_tile_is_fetched_once_while_it_is_needed():
    asked = []

    def counting(level, n, width):
        asked.append((level, n))
        return fetch(level, n, width)

    tiles = tiles_of(SIZE_MAX, counting)
    chosen = random.Random(1)
    for _ in range(200):
        tiles.tile(0, chosen.randrange(200))
    assert len(asked) == len(set(asked))
