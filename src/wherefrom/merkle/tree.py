"""Build what ``proofs`` checks: roots, paths and tiles, from hashes that somebody stored.

A tree of any size is a row of *perfect subtrees*, the largest first. Here is size 7:

    level 2      ●                      read(2, 0)
    level 1     ● ●      ●              read(1, 2)
    level 0    ● ● ● ●  ● ●  ●          read(0, 6)

So everything is built from one question, a ``HashReader``: ``read(level, index)`` is the root
of the perfect subtree of 2^level leaves that begins at leaf index · 2^level. It is asked only
for subtrees that are complete at the size in question. ``TileHashes`` answers it from tiles.

Sizes:  a hash is 32 bytes · a full tile is 256 hashes, 8 levels high · an index counts from 0
Source: RFC 9162 §2.1; the tiles of C2SP tlog-tiles
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from typing import Final

from wherefrom.errors import Corrupt
from wherefrom.merkle.hashing import EMPTY_ROOT, HASH_BYTES, hash_node, hash_row

TILE_HEIGHT: Final = 8
TILE_WIDTH: Final = 1 << TILE_HEIGHT
TILE_BYTES: Final = TILE_WIDTH * HASH_BYTES

HashReader = Callable[[int, int], bytes]
TileReader = Callable[[int, int, int], bytes]
_Folds = dict[tuple[int, int], bytes]


class Frontier:
    """The perfect subtrees of a growing tree: all that is needed to append and to know the root.

    hashes  their roots, the largest first: one for every bit that is set in ``size``
    """

    __slots__ = ("_hashes", "_size")

    def __init__(self, size: int = 0, hashes: Sequence[bytes] = ()) -> None:
        if size < 0 or len(hashes) != size.bit_count():
            raise ValueError(f"a frontier of size {size} cannot have {len(hashes)} hashes")
        if any(len(value) != HASH_BYTES for value in hashes):
            raise ValueError("a hash of a frontier is not 32 bytes")
        self._size = size
        self._hashes = list(hashes)

    @classmethod
    def of(cls, size: int, read: HashReader) -> Frontier:
        """The frontier of the first ``size`` leaves, from stored hashes."""
        return cls(size, [read(level, index) for level, index in _subtrees(0, size)])

    @property
    def size(self) -> int:
        return self._size

    @property
    def hashes(self) -> tuple[bytes, ...]:
        return tuple(self._hashes)

    def copy(self) -> Frontier:
        return Frontier(self._size, self._hashes)

    def append(self, leaf_hash: bytes) -> None:
        """Add one leaf, 32 bytes from ``hash_leaf``."""
        self.extend((leaf_hash,))

    def extend(self, leaf_hashes: Sequence[bytes]) -> None:
        """Add leaves, in order; less than one hashing each. Nothing is added if one is no hash."""
        if any(len(value) != HASH_BYTES for value in leaf_hashes):
            raise ValueError("a leaf hash is not 32 bytes")
        row, level_size, kept = b"".join(leaf_hashes), self._size, list[bytes]()
        # One level a turn: what the frontier holds there comes first, the odd one out stays.
        while row:
            if level_size & 1:
                row = self._hashes.pop() + row
            if len(row) // HASH_BYTES & 1:
                kept.append(row[-HASH_BYTES:])
                row = row[:-HASH_BYTES]
            row = hash_row(row)
            level_size >>= 1
        self._hashes.extend(reversed(kept))
        self._size += len(leaf_hashes)

    def root(self) -> bytes:
        """The root of the tree, 32 bytes; ``EMPTY_ROOT`` at size 0."""
        return _fold(self._hashes)


def root_of(size: int, read: HashReader) -> bytes:
    """The root of the first ``size`` leaves."""
    return Frontier.of(size, read).root()


def inclusion_path(index: int, size: int, read: HashReader) -> list[bytes]:
    """The siblings from the leaf at ``index`` up to the root of the first ``size`` leaves.

    Raises IndexError unless 0 ≤ index < size.
    """
    if not 0 <= index < size:
        raise IndexError(f"leaf {index} is not in a tree of {size}")
    path = []
    for level in range((size - 1).bit_length()):
        number = index >> level
        if number & 1:
            path.append(read(level, number - 1))
        elif (number + 1) << level < size:
            path.append(_root_between((number + 1) << level, (number + 2) << level, size, read))
    return path


def consistency_path(size1: int, size2: int, read: HashReader) -> list[bytes]:
    """The hashes that lead from the tree of ``size1`` to the tree of ``size2``.

    Empty when size1 is 0 or size2. Raises ValueError unless 0 ≤ size1 ≤ size2.
    """
    if not 0 <= size1 <= size2:
        raise ValueError(f"a tree of {size1} cannot be in a tree of {size2}")
    if size1 in (0, size2):
        return []
    path = []
    # SUBPROOF of RFC 9162 §2.1.4.1, from the root down to where the old tree ends.
    start, end = 0, size2
    while end != size1:
        half = 1 << (end - start - 1).bit_length() - 1
        middle = start + half
        if size1 <= middle:
            path.append(_root_between(middle, end, end, read))
            end = middle
        else:
            path.append(_root_between(start, middle, middle, read))
            start = middle
    if start:
        path.append(_root_between(start, end, end, read))
    path.reverse()
    return path


def shared_path(indexes: Sequence[int], size: int, read: HashReader) -> list[bytes]:
    """One proof for many leaves: the roots of the subtrees without any of them, left to right.

    indexes  in ascending order, each once. Raises IndexError unless they are in 0 to ``size``.
    """
    if any(not 0 <= index < size for index in indexes):
        raise IndexError(f"a leaf is not in a tree of {size}")
    path: list[bytes] = []

    def walk(start: int, end: int, among: Sequence[int]) -> None:
        if not among:
            path.append(_root_between(start, end, end, read))
        elif end - start > 1:
            middle = start + (1 << (end - start - 1).bit_length() - 1)
            cut = bisect_left(among, middle)
            walk(start, middle, among[:cut])
            walk(middle, end, among[cut:])

    if size:
        walk(0, size, indexes)
    return path


def _root_between(start: int, end: int, size: int, read: HashReader) -> bytes:
    """The root over the leaves from ``start`` to ``end``, or to ``size`` if that comes first."""
    return _fold([read(level, index) for level, index in _subtrees(start, min(end, size))])


def _subtrees(start: int, end: int) -> Iterator[tuple[int, int]]:
    """(level, index) of the perfect subtrees of a range, the largest first.

    ``start`` must be a multiple of a power of two that is no less than the range.
    """
    for level in range((end - start).bit_length() - 1, -1, -1):
        if (end - start) >> level & 1:
            yield level, start >> level
            start += 1 << level


def _fold(hashes: Sequence[bytes]) -> bytes:
    if not hashes:
        return EMPTY_ROOT
    root = hashes[-1]
    for left in reversed(hashes[:-1]):
        root = hash_node(left, root)
    return root


def hash_tile(hashes: bytes) -> bytes:
    """The root of a full tile, 8,192 bytes: the hash that enters the tile above."""
    if len(hashes) != TILE_BYTES:
        raise ValueError(f"a full tile is {TILE_BYTES} bytes, got {len(hashes)}")
    return _fold_perfect(hashes)


def _fold_perfect(row: bytes) -> bytes:
    while len(row) > HASH_BYTES:
        row = hash_row(row)
    return row


class TileHashes:
    """A ``HashReader`` over tiles: a subtree inside a tile is folded from the tile's hashes.

    read_tile  (level, n, width) gives the first ``width`` hashes of a tile or, better, all that
               there are: then it is not asked again when an answer needs more of that tile
    tiles_max  tiles kept, the least recently used dropped first; 8 KiB and their folds each

    Tiles are taken as they come: give it only tiles that were checked. A tile only ever grows,
    so what is kept stays true. One thread at a time.
    """

    def __init__(self, read_tile: TileReader, *, tiles_max: int = 256) -> None:
        if tiles_max < 1:
            raise ValueError(f"tiles_max must be at least 1, got {tiles_max}")
        self._read_tile = read_tile
        self._tiles_max = tiles_max
        # (tile level, n) → its hashes so far, and (height, offset) → folds made of them
        self._kept: dict[tuple[int, int], tuple[bytes, _Folds]] = {}

    def __call__(self, level: int, index: int) -> bytes:
        """The root of perfect subtree number ``index`` of 2^level leaves."""
        tile_level, height = divmod(level, TILE_HEIGHT)
        n, offset = divmod(index << height, TILE_WIDTH)
        hashes, folds = self._tile(tile_level, n, width=offset + (1 << height))
        fold = folds.get((height, offset))
        if fold is None:
            end = offset + (1 << height)
            fold = _fold_perfect(hashes[offset * HASH_BYTES : end * HASH_BYTES])
            folds[height, offset] = fold
        return fold

    def _tile(self, level: int, n: int, *, width: int) -> tuple[bytes, _Folds]:
        kept = self._kept.pop((level, n), None)
        if kept is None or len(kept[0]) < width * HASH_BYTES:
            hashes = self._read_tile(level, n, width)
            if not width * HASH_BYTES <= len(hashes) <= TILE_BYTES or len(hashes) % HASH_BYTES:
                raise Corrupt(
                    "a tile has another size",
                    where=f"tile {n} of level {level}",
                    expected=f"{width * HASH_BYTES} bytes or more, in whole hashes",
                    got=f"{len(hashes)} bytes",
                )
            kept = (hashes, kept[1] if kept else {})
            if len(self._kept) >= self._tiles_max:
                del self._kept[next(iter(self._kept))]
        self._kept[level, n] = kept
        return kept
