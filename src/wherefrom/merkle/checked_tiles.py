"""Tiles from somebody whom nobody trusts: each is checked against a root before it is used.

    root ◄─fold─ right edge: the partial tile of each level
                      └─ hash of a full tile ◄─fold─ that tile ◄─ …

The root of a checkpoint vouches for the right edge, for it is folded from all of it; a hash in a
tile vouches for the full tile below it. So any hash of the tree is reached through tiles that were
checked, and a wrong one is named.

Sizes:  a tile is at most 256 hashes of 32 bytes · a path to any hash touches 8 tiles at most
Source: C2SP tlog-tiles; RFC 9162 §2.1
"""

from __future__ import annotations

from typing import Final

from wherefrom.errors import NotFound, ProofError
from wherefrom.merkle.hashing import EMPTY_ROOT, HASH_BYTES
from wherefrom.merkle.tree import TILE_BYTES, TILE_WIDTH, TileHashes, TileReader, hash_tile, root_of

TILES_KEPT_MAX: Final = 256


class CheckedTiles:
    """The tiles of the tree that has ``root`` at ``size``; one thread at a time.

    fetch   (level, n, width) gives exactly the first ``width`` hashes of a tile, unchecked
    hashes  the ``HashReader`` over them, for roots and paths
    """

    def __init__(self, *, size: int, root: bytes, fetch: TileReader) -> None:
        """Fetches the right edge. Raises ProofError if it does not lead to ``root``."""
        self.size = size
        self._fetch = fetch
        self._kept: dict[tuple[int, int], bytes] = {}
        self._edge = {
            (level, size >> 8 * (level + 1)): self._read(
                level, size >> 8 * (level + 1), (size >> 8 * level) % TILE_WIDTH
            )
            for level in range((size.bit_length() + 7) // 8)
            if (size >> 8 * level) % TILE_WIDTH
        }
        edge = TileHashes(lambda level, n, width: self._edge[level, n])
        reached = root_of(size, edge) if size else EMPTY_ROOT
        if reached != root:
            raise ProofError(
                f"the tiles at the right edge of size {size} lead to another root",
                expected=root.hex(),
                got=reached.hex(),
                do="The tiles are of another tree than the checkpoint, or were changed",
            )
        self.hashes = TileHashes(self.tile)

    def tile(self, level: int, n: int, width: int = TILE_WIDTH) -> bytes:
        """At least the first ``width`` hashes of a tile, checked.

        Raises NotFound past the edge, ProofError for a tile that does not lead to the root.
        """
        edge = self._edge.get((level, n))
        if edge is not None and width * HASH_BYTES <= len(edge):
            return edge
        if (n + 1) * TILE_WIDTH > self.size >> 8 * level:
            raise NotFound(f"no tile {n} of level {level} and width {width} at size {self.size}")
        kept = self._kept.pop((level, n), None)
        if kept is None:
            kept = self._checked(level, n)
            if len(self._kept) >= TILES_KEPT_MAX:
                del self._kept[next(iter(self._kept))]
        self._kept[level, n] = kept
        return kept

    def _checked(self, level: int, n: int) -> bytes:
        above = self.tile(level + 1, n // TILE_WIDTH, n % TILE_WIDTH + 1)
        place = n % TILE_WIDTH * HASH_BYTES
        expected = above[place : place + HASH_BYTES]
        hashes = self._read(level, n, TILE_WIDTH)
        if len(hashes) != TILE_BYTES or hash_tile(hashes) != expected:
            raise ProofError(
                f"tile {n} of level {level} does not lead to the tile above it",
                expected=expected.hex(),
                do="The tile is of another tree than the checkpoint, or was changed",
            )
        return hashes

    def _read(self, level: int, n: int, width: int) -> bytes:
        hashes = self._fetch(level, n, width)
        if len(hashes) != width * HASH_BYTES:
            raise ProofError(
                f"tile {n} of level {level} has another width",
                expected=f"{width} hashes",
                got=f"{len(hashes)} bytes",
            )
        return hashes
