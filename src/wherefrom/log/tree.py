"""The tree of a growing log: right edge in memory, full tiles on disk.

    leaf hashes ──► level-0 tile (≤ 255 in memory) ──full──► blob tile/0/…, its root ──► level 1 …

Full tiles are written once; a partial tile exists only here, and is served by truncation. Any
hash that is not in memory is in a full tile, or can be folded from one.

Sizes:  a hash is 32 bytes · a tile 256 hashes · memory: 255 hashes for each level
Source: C2SP tlog-tiles
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from wherefrom.errors import Corrupt, NotFound
from wherefrom.formats.tiles import tile_path
from wherefrom.merkle.hashing import HASH_BYTES
from wherefrom.merkle.tree import (
    Frontier,
    TileHashes,
    consistency_path,
    hash_tile,
    inclusion_path,
    root_of,
)
from wherefrom.storage.contracts import Blobs

TILE_WIDTH = 256
TILE_BYTES = TILE_WIDTH * HASH_BYTES


class FullTile(NamedTuple):
    """A tile that will never change again."""

    level: int
    n: int
    hashes: bytes


class LogTree:
    """The writer's tree; grows by ``extend``, answers proofs about any size it has had."""

    def __init__(self, read_full_tile: Callable[[int, int], bytes]) -> None:
        self._read_full_tile = read_full_tile
        self._edges: list[list[bytes]] = [[]]
        self._size = 0
        self._frontier = Frontier()
        self._unpublished: dict[tuple[int, int], bytes] = {}
        self.hashes = TileHashes(self.tile)

    @classmethod
    def at(cls, size: int, read_full_tile: Callable[[int, int], bytes]) -> LogTree:
        """The tree of ``size`` leaves, a multiple of 256, from its stored tiles."""
        assert size % TILE_WIDTH == 0
        tree = cls(read_full_tile)
        tree._size = size
        level, tiles = 0, size // TILE_WIDTH
        while tiles:
            width = tiles % TILE_WIDTH
            roots = [hash_tile(read_full_tile(level, tiles - width + i)) for i in range(width)]
            tree._edges.append(roots)
            level, tiles = level + 1, tiles // TILE_WIDTH
        tree._frontier = Frontier.of(size, tree.hashes)
        return tree

    @property
    def size(self) -> int:
        """Leaves so far."""
        return self._size

    def root(self) -> bytes:
        """The root of everything so far."""
        return self._frontier.root()

    def extend(self, leaf_hashes: Sequence[bytes]) -> list[FullTile]:
        """Add leaves; returns the tiles this filled, which the caller publishes.

        Until ``published`` is called for them they are answered from memory.
        """
        full: list[FullTile] = []
        at = 0
        while at < len(leaf_hashes):
            room = TILE_WIDTH - len(self._edges[0])
            part = leaf_hashes[at : at + room]
            self._edges[0].extend(part)
            self._frontier.extend(part)
            self._size += len(part)
            at += len(part)
            if len(self._edges[0]) == TILE_WIDTH:
                self._carry(full)
        self._unpublished.update({(t.level, t.n): t.hashes for t in full})
        return full

    def _carry(self, full: list[FullTile]) -> None:
        level = 0
        while len(self._edges[level]) == TILE_WIDTH:
            hashes = b"".join(self._edges[level])
            n = (self._size >> 8 * (level + 1)) - 1
            full.append(FullTile(level, n, hashes))
            self._edges[level] = []
            if level + 1 == len(self._edges):
                self._edges.append([])
            self._edges[level + 1].append(hash_tile(hashes))
            level += 1

    def published(self, tiles: Sequence[FullTile]) -> None:
        """These tiles can be read from the blobs now."""
        for tile in tiles:
            self._unpublished.pop((tile.level, tile.n), None)

    def tile(self, level: int, n: int, width: int = TILE_WIDTH) -> bytes:
        """At least the first ``width`` hashes of a tile. Raises NotFound past the edge."""
        waiting = self._unpublished.get((level, n))
        if waiting is not None:
            return waiting
        have = self._size >> 8 * level
        if (n + 1) * TILE_WIDTH <= have:
            return self._checked(level, n, self._read_full_tile(level, n))
        if n * TILE_WIDTH + width > have:
            raise NotFound("no such tile yet", where=tile_path(level, n, width))
        return b"".join(self._edges[level])

    def _checked(self, level: int, n: int, hashes: bytes) -> bytes:
        """A tile from the disk, if it leads to what is in memory: a proof must not lie."""
        place = n % TILE_WIDTH
        above = self.tile(level + 1, n // TILE_WIDTH, place + 1)
        if hash_tile(hashes) != above[place * HASH_BYTES : (place + 1) * HASH_BYTES]:
            raise Corrupt(
                "a stored tile was changed",
                where=tile_path(level, n),
                do="Run wherefrom log recover: it makes tiles again from the entries",
            )
        return hashes

    def inclusion(self, index: int, size: int) -> list[bytes]:
        """The path of a leaf to the root at ``size``."""
        return inclusion_path(index, size, self.hashes)

    def consistency(self, size1: int, size2: int) -> list[bytes]:
        """The path that shows that ``size2`` begins with ``size1``."""
        return consistency_path(size1, size2, self.hashes)

    def root_at(self, size: int) -> bytes:
        """The root at an earlier size."""
        return self.root() if size == self.size else root_of(size, self.hashes)


def read_blob_tile(blobs: Blobs, level: int, n: int) -> bytes:
    """A full tile from the blobs. Raises NotFound, or Corrupt if it is not 8,192 bytes."""
    hashes = blobs.get(tile_path(level, n))
    if len(hashes) != TILE_BYTES:
        raise Corrupt(
            "a tile has the wrong length",
            where=tile_path(level, n),
            expected=f"{TILE_BYTES} bytes",
            got=f"{len(hashes)} bytes",
        )
    return hashes
