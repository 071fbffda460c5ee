"""The Rekor tree: a second tree over some of the log's records, with a checkpoint of its own.

    log entries ──type ends in ;leaf=…──► leaf hashes ──► tree ──► checkpoint of rekor_origin
       index 7, 12, 40, …                  0, 1, 2, …

The leaves of a Rekor v2 log are bodies, and those of our log are entries, so no one tree is both.
But the entry of a body says its leaf hash, so this tree follows from the entries of the log: it is
a view, made again from entry 0 if it is lost, and whoever has the entries can check each of its
checkpoints. It signs only what follows from a signed checkpoint of the log, so that stays true.

One process has it open: the writer's. A crash leaves rows without tiles, and opening writes those.

    DIR/leaves.db   number → entry, leaf hash; and the log's size and root they follow from
    DIR/tile/       full tiles of the tree

Sizes:  a row for each body · 255 hashes a level in memory
Source: docs/decisions/0018-rekor-door.md; C2SP tlog-tiles, tlog-checkpoint
"""

from __future__ import annotations

import re
import shutil
import threading
from collections.abc import Callable, Iterator, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any, Final, NamedTuple, Protocol

import apsw

from wherefrom.errors import Corrupt, NotFound
from wherefrom.formats import entry as entries
from wherefrom.formats import hashedrekord, note
from wherefrom.formats.checkpoint import Checkpoint
from wherefrom.formats.tiles import encode_bundle, tile_path
from wherefrom.log.logged import Position
from wherefrom.log.own_keys import HeadSigners
from wherefrom.log.tree import TILE_WIDTH, FullTile, LogTree, read_blob_tile
from wherefrom.merkle.hashing import EMPTY_ROOT, HASH_BYTES, hash_leaf
from wherefrom.storage.contracts import Record
from wherefrom.storage.file_blobs import FileBlobs

VERSION: Final = 1
_STEP_ENTRIES: Final = 65_536
# What every entry of a body holds, so that the others need not be read.
_MARK: Final = f'"type":"{hashedrekord.MEDIA_TYPE}{hashedrekord.LEAF}'.encode()
_LABEL: Final = re.compile(r"[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?")
_SCHEMA: Final = """
    CREATE TABLE IF NOT EXISTS meta (
        version INTEGER, origin TEXT, size INTEGER, root BLOB, tree_root BLOB);
    CREATE TABLE IF NOT EXISTS leaves (
        number INTEGER PRIMARY KEY, entry INTEGER UNIQUE, hash BLOB);
"""


class Source(Protocol):
    """What is followed: the log's writer, up to its newest checkpoint."""

    @property
    def origin(self) -> str: ...

    def position(self) -> Position: ...

    def root_at(self, size: int) -> bytes: ...

    def entries(self, first: int, limit: int) -> Iterator[bytes]: ...

    def record(self, index: int) -> Record: ...


class Included(NamedTuple):
    """A body in the tree: its number there, the tree's size and root, the path, the checkpoint."""

    number: int
    size: int
    root: bytes
    path: list[bytes]
    checkpoint: bytes


def rekor_origin(origin: str) -> str:
    """The origin of the Rekor tree of the log ``origin``: a host name, for Rekor's clients take
    the host of its URL for its name. ``example.com/log`` becomes ``log.rekor.example.com``."""
    host, _, rest = origin.partition("/")
    if not rest:
        return f"rekor.{host}"
    label = rest if _LABEL.fullmatch(rest) else sha256(origin.encode()).hexdigest()[:32]
    return f"{label}.rekor.{host}"


def log_id(origin: str, public_key: bytes) -> bytes:
    """The 32 bytes that name a Rekor v2 log; its notes carry the first 4."""
    return sha256(origin.encode() + b"\n" + bytes([note.ED25519]) + public_key).digest()


class RekorView:
    """The one holder of the tree; safe for several threads."""

    def __init__(
        self,
        folder: Path,
        log: Source,
        *,
        signers: HeadSigners,
        count: Callable[[str, str], None] = lambda key_id, purpose: None,
    ) -> None:
        """Open or make it. What does not follow from this log is thrown away and made again.

        signers  the log's local keys, as they are when a checkpoint of the tree is asked for
        count    is told before one of them signs
        """
        self.origin = rekor_origin(log.origin)
        self._folder = folder
        self._log = log
        self._signers = signers
        self._count = count
        self._lock = threading.Lock()
        try:
            self._open()
        except (apsw.NotADBError, apsw.CorruptError, Corrupt):
            self._discard()
            self._open()

    @property
    def log_id(self) -> bytes:
        """Of the oldest key that still signs: clients with an older trusted root know only that."""
        return log_id(self.origin, self._signers.keys[0].public_key)

    def _open(self) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        self._db = apsw.Connection(str(self._folder / "leaves.db"))
        self._blobs = FileBlobs(self._folder)
        self._tree = LogTree(self._read_tile)
        try:
            self._db.execute(_SCHEMA)
            meta: list[Any] = self._db.execute("SELECT * FROM meta").fetchall()
            if not meta:
                meta = [(VERSION, self.origin, 0, EMPTY_ROOT, EMPTY_ROOT)]
                self._db.execute("INSERT INTO meta VALUES (?, ?, ?, ?, ?)", meta[0])
            version, origin, size, root, tree_root = meta[0]
            self._size: int = size
            if (version, origin) != (VERSION, self.origin) or size > self._log.position().size:
                raise Corrupt("the Rekor tree is of another log")
            if root != self._log.root_at(size):
                raise Corrupt("the Rekor tree does not follow from this log")
            self._load()
            # A bit that flipped in a row must not become another history under our signature.
            if self._root() != tree_root:
                raise Corrupt("a leaf of the Rekor tree was changed")
        except BaseException:
            self._db.close(True)
            raise

    def _load(self) -> None:
        """The tree over the stored leaves. Tiles are only a copy of them."""
        count: Any = self._db.execute("SELECT count(*) FROM leaves").get
        for first in range(0, count, TILE_WIDTH):
            self._grow(self._hashes(first, min(first + TILE_WIDTH, count)))

    def _hashes(self, first: int, limit: int) -> list[bytes]:
        asked = "SELECT hash FROM leaves WHERE number >= ? AND number < ? ORDER BY number"
        rows: Any = self._db.execute(asked, (first, limit))
        found: list[bytes] = [h for (h,) in rows]
        if len(found) != limit - first or any(len(h) != HASH_BYTES for h in found):
            raise Corrupt("a leaf of the Rekor tree is missing", where=f"leaf {first} and on")
        return found

    def _discard(self) -> None:
        shutil.rmtree(self._folder, ignore_errors=True)

    def close(self) -> None:
        """Let go of the file."""
        with self._lock:
            self._db.close(True)

    # -- following the log

    def fold(self) -> int:
        """Follow the log to its newest checkpoint; returns the leaves there are then.

        After an error the tree in memory may be ahead of its file: close this one, open another.
        """
        with self._lock:
            position = self._log.position()
            while self._size < position.size:
                until = min(self._size + _STEP_ENTRIES, position.size)
                root = position.root if until == position.size else self._log.root_at(until)
                self._step(until, root)
            return self._tree.size

    def _step(self, until: int, root: bytes) -> None:
        first = self._tree.size
        rows = [
            (first + place, index, leaf)
            for place, (index, leaf) in enumerate(self._leaves(self._size, until))
        ]
        with self._db:
            self._db.executemany("INSERT INTO leaves VALUES (?, ?, ?)", rows)
            self._grow([leaf for _, _, leaf in rows])
            changed = "UPDATE meta SET size = ?, root = ?, tree_root = ?"
            self._db.execute(changed, (until, root, self._root()))
        self._size = until

    def _leaves(self, first: int, limit: int) -> Iterator[tuple[int, bytes]]:
        for index, written in enumerate(self._log.entries(first, limit), start=first):
            if _MARK in written:
                read = entries.read_stored(written, where=f"entry {index}")
                leaf = hashedrekord.leaf_of(read.type)
                if leaf is not None:
                    yield index, leaf

    def _grow(self, hashes: Sequence[bytes]) -> None:
        full: list[FullTile] = self._tree.extend(hashes)
        for tile in full:
            self._blobs.replace(tile_path(tile.level, tile.n), tile.hashes)
            self._tree.published([tile])

    def _read_tile(self, level: int, n: int) -> bytes:
        return read_blob_tile(self._blobs, level, n)

    # -- answers

    def prove(self, entry: int) -> Included:
        """The body that is the log's entry ``entry``, in the tree as it is now. Raises NotFound."""
        with self._lock:
            asked = "SELECT number FROM leaves WHERE entry = ?"
            number: Any = self._db.execute(asked, (entry,)).get
            if number is None:
                raise NotFound(f"entry {entry} is no leaf of the Rekor tree")
            size = self._tree.size
            path = self._tree.inclusion(number, size)
            return Included(number, size, self._tree.root(), path, self._signed())

    def checkpoint(self) -> bytes:
        """The signed checkpoint of the tree as it is now."""
        with self._lock:
            return self._signed()

    def _signed(self) -> bytes:
        text = Checkpoint(self.origin, self._tree.size, self._root()).to_text()
        lines = []
        for key in self._signers.keys:
            self._count(key.verifier_key.key_id.hex(), "rekor")
            lines.append(key.under(self.origin).sign_text(text))
        return note.to_bytes(note.Note(text, tuple(lines)))

    def _root(self) -> bytes:
        return self._tree.root() if self._tree.size else EMPTY_ROOT

    def tile(self, level: int, n: int, width: int = TILE_WIDTH) -> bytes:
        """The first ``width`` hashes of a tile. Raises NotFound."""
        with self._lock:
            have = self._tree.size >> 8 * level
            if n * TILE_WIDTH + width > have or not 1 <= width <= TILE_WIDTH:
                raise NotFound(f"no tile {level}/{n} of width {width}", got=f"{have} hashes there")
            return self._tree.tile(level, n, width)[: width * HASH_BYTES]

    def bundle(self, n: int, width: int = TILE_WIDTH) -> bytes:
        """The first ``width`` bodies of a bundle. Raises NotFound, also if one is erased."""
        with self._lock:
            first = n * TILE_WIDTH
            if first + width > self._tree.size or not 1 <= width <= TILE_WIDTH:
                raise NotFound(f"no entry bundle {n} of width {width}")
            asked = (
                "SELECT entry, hash FROM leaves WHERE number >= ? AND number < ? ORDER BY number"
            )
            rows: list[Any] = self._db.execute(asked, (first, first + width)).fetchall()
        return encode_bundle([self._body(index, leaf) for index, leaf in rows])

    def _body(self, index: int, leaf: bytes) -> bytes:
        content = self._log.record(index).content
        if content is None:
            raise NotFound(f"a body of this bundle is erased, entry {index} of the log")
        if hash_leaf(content) != leaf:
            raise Corrupt(f"entry {index} holds another body than its type says")
        return content
