"""Check the tree above the leaves: every stored tile against the one below, up to the root.

    roots of level-0 tiles ──256──► tile/1/… ──256──► tile/2/… ──► root ──► the signed one

A root that nothing tells (its entries cannot be read and its tile is gone) is taken from the
tile above, so that one hole does not hide what else is wrong.

Sizes:  32 bytes in memory for every 256 entries
Source: C2SP tlog-tiles; docs/formats/journal.md
"""

from __future__ import annotations

from collections.abc import Sequence

from wherefrom.errors import Corrupt
from wherefrom.formats.tiles import tile_path
from wherefrom.log.audit_piece import REBUILDABLE, Checked, Problem, check_tile, read_stored
from wherefrom.log.tree import TILE_WIDTH
from wherefrom.merkle.hashing import EMPTY_ROOT, HASH_BYTES
from wherefrom.merkle.tree import TileHashes, hash_tile, root_of
from wherefrom.storage.contracts import Blobs

_Row = list[bytes | None]


class TreeCheck:
    """Takes the pieces in order, then leads their tiles up to the root."""

    def __init__(self, blobs: Blobs) -> None:
        self.problems: list[Problem] = []
        self.missing: dict[str, bytes | None] = {}
        self._blobs = blobs
        self._leaves: _Row = []  # of the tile that the pieces so far have begun
        self._rows: list[_Row] = [[]]  # [level]: the roots of the full tiles of that level

    @property
    def _size(self) -> int:
        return len(self._rows[0]) * TILE_WIDTH + len(self._leaves)

    def take(self, checked: Checked) -> None:
        """The tiles of the next piece; one that lies across two pieces is put together here."""
        at, roots = checked.tile * TILE_WIDTH, checked.roots
        for index, leaf_hash in checked.loose:
            if index >= at and roots:
                self._fill_to(at)
                self._rows[0] += roots
                roots = []
            self._fill_to(index)
            self._add(leaf_hash)
        if roots:
            self._fill_to(at)
            self._rows[0] += roots
        self._fill_to(checked.limit)

    def _fill_to(self, index: int) -> None:
        while self._size < index:  # a hole between two pieces is reported where it was found
            self._add(None)

    def _add(self, leaf_hash: bytes | None) -> None:
        self._leaves.append(leaf_hash)
        if len(self._leaves) == TILE_WIDTH:
            tile = check_tile(len(self._rows[0]), self._leaves, self._blobs)
            self.problems += tile.problems
            self.missing.update(tile.missing)
            self._rows[0].append(tile.root)
            self._leaves = []

    def root(self) -> bytes | None:
        """The root of everything taken, once every tile above was checked; None if unknown."""
        size = self._size
        level = 0
        while len(self._rows[level]) >= TILE_WIDTH:
            self._rows.append(self._check_level(level + 1, self._rows[level]))
            level += 1
        if size == 0:
            return EMPTY_ROOT
        try:
            return root_of(size, TileHashes(self._tile))
        except Corrupt:
            return None

    def _check_level(self, level: int, row: _Row) -> _Row:
        roots: _Row = []
        for n in range(len(row) // TILE_WIDTH):
            hashes = row[n * TILE_WIDTH : (n + 1) * TILE_WIDTH]
            roots.append(self._check_tile(level, n, hashes))
            row[n * TILE_WIDTH : (n + 1) * TILE_WIDTH] = hashes
        return roots

    def _check_tile(self, level: int, n: int, hashes: _Row) -> bytes | None:
        name = tile_path(level, n)
        problems: list[Problem] = []
        stored = read_stored(self._blobs, name, problems)
        self.problems += problems
        computed = _join(hashes)
        if stored is None:
            if not problems:
                self.missing[name] = computed
            return hash_tile(computed) if computed else None
        wrong = None
        for place, known in enumerate(hashes):
            held = stored[place * HASH_BYTES : (place + 1) * HASH_BYTES]
            if known is None:
                hashes[place] = held
            elif known != held and wrong is None:
                wrong = place
        if wrong is not None:
            what = f"hash {wrong} is not the root of the tile below it; {REBUILDABLE}"
            self.problems.append(Problem(None, name, what))
        return hash_tile(_join(hashes) or stored)

    def _tile(self, level: int, n: int, width: int) -> bytes:
        row: Sequence[bytes | None] = (
            self._rows[level - 1][n * TILE_WIDTH : n * TILE_WIDTH + width]
            if level
            else self._leaf_tile(n)[:width]
        )
        return _join(row) or b""  # too short: TileHashes says Corrupt

    def _leaf_tile(self, n: int) -> _Row:
        return self._leaves if n == len(self._rows[0]) else []


def _join(hashes: Sequence[bytes | None]) -> bytes | None:
    known = [value for value in hashes if value is not None]
    return b"".join(known) if len(known) == len(hashes) else None
