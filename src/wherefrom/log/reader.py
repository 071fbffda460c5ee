"""Read a log that a writer, here or in another process, goes on appending to.

    head ──► Position, checkpoint ──► entries and contents from the journal
                                 └──► tiles from the blobs, or folded from the entries

Nothing here writes. Everything is bounded by the newest signed checkpoint, so a reader never sees
what could still be taken back. It is also what an offline tool opens on a directory at rest.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from wherefrom.errors import Corrupt, NotFound, ProofError, Unavailable
from wherefrom.formats import checkpoint as checkpoints
from wherefrom.formats import entry as entries
from wherefrom.formats import note as notes
from wherefrom.formats.checkpoint import Checkpoint
from wherefrom.formats.note import VerifierKey
from wherefrom.formats.tiles import encode_bundle
from wherefrom.keys.ed25519 import check_note
from wherefrom.log import state as states
from wherefrom.log.logged import Logged, Position
from wherefrom.log.published import PublishedFile
from wherefrom.log.state import HeadState
from wherefrom.log.tree import TILE_WIDTH, read_blob_tile
from wherefrom.merkle.hashing import EMPTY_ROOT, HASH_BYTES, hash_leaf, hash_leaves
from wherefrom.merkle.proofs import verify_inclusion
from wherefrom.merkle.tree import (
    TileHashes,
    consistency_path,
    hash_tile,
    inclusion_path,
    root_of,
    shared_path,
)
from wherefrom.storage.contracts import Blobs, Head, Journal, Record, Tail


class Stored(NamedTuple):
    """Where a log lies and whose it is: what an audit needs beside the reader."""

    journal: Journal
    blobs: Blobs
    head: Head
    log_keys: Sequence[VerifierKey]


class LogReader:
    """A ``LogSource`` over stored bytes; safe for several threads.

    log_keys   gives the keys of which one must have signed a checkpoint, named after the origin
    published  of a log with witnesses or slow keys: the checkpoint that the world is shown, and
               with which everything is proven; without it that is the newest one
    """

    def __init__(
        self,
        *,
        origin: str,
        log_keys: Callable[[], Sequence[VerifierKey]],
        journal: Journal,
        blobs: Blobs,
        head: Head,
        published: PublishedFile | None = None,
    ) -> None:
        self.origin = origin
        self.published = published
        self._log_keys = log_keys
        self._journal = journal
        self._blobs = blobs
        self._head = head
        self._lock = threading.Lock()
        self._generation = 0
        self._state: HeadState | None = None
        self._signed = Checkpoint(origin, 0, EMPTY_ROOT)
        self._hashes = TileHashes(self._full_or_partial)
        self._hashes_lock = threading.Lock()
        # The tile being filled at each level: its number, and its hashes so far.
        self._growing: dict[int, tuple[int, bytes]] = {}

    def refresh(self) -> Position:
        """Look at the head again; returns the newest signed position."""
        with self._lock:  # held over the read too: a slower thread must not bring an older head
            found = self._head.read()
            if found is None:
                raise NotFound("no log here yet", do="Start one with: wherefrom up")
            if found[0] != self._generation:
                state = states.parse(found[1])
                text = check_note(notes.parse(state.checkpoint.encode()), self._log_keys())
                signed = checkpoints.parse(text)
                if signed.size != state.size or signed.origin != self.origin:
                    raise Corrupt("the head and its checkpoint disagree", got=signed.size)
                self._generation, self._state, self._signed = found[0], state, signed
            return Position(self._signed.size, self._signed.root)

    def position(self) -> Position:
        """The position as of the last ``refresh``."""
        with self._lock:
            return Position(self._signed.size, self._signed.root)

    @property
    def size(self) -> int:
        """The size of ``position``."""
        return self.position().size

    @property
    def checkpoint(self) -> bytes:
        """The signed note as of the last ``refresh``."""
        with self._lock:
            return self._state.checkpoint.encode() if self._state else b""

    def shown(self) -> tuple[bytes, Position]:
        """The checkpoint that the world is shown, as of the last ``refresh``, and where it stands.

        Raises Unavailable for a log with witnesses that have cosigned none yet.
        """
        if self.published is None:
            with self._lock:
                signed = self._state.checkpoint.encode() if self._state else b""
                return signed, Position(self._signed.size, self._signed.root)
        found = self.published.read()
        if found is None:
            raise Unavailable(
                "no checkpoint of this log is published yet",
                expected="one that its witnesses, and keys held elsewhere, have signed",
                do="Ask again in a moment; a running server asks them",
            )
        # The file may be newer than the head that was seen last.
        if found.tree.size > self.size and found.tree.size > self.refresh().size:
            raise Corrupt("the published checkpoint is longer than the log", got=found.tree.size)
        return found.note, Position(found.tree.size, found.tree.root)

    @property
    def stored(self) -> Stored:
        """The adapters below this reader, and the keys its checkpoints are signed by."""
        return Stored(self._journal, self._blobs, self._head, self._log_keys())

    def _tail(self) -> Tail:
        with self._lock:
            if self._state is None:
                raise NotFound("no log here yet", do="Start one with: wherefrom up")
            return Tail(self._state.size, self._state.segment, self._state.length)

    # -- entries

    def read(self, first: int, limit: int) -> Iterator[Logged]:
        """Records in order; an erased content is None."""
        records = self._journal.records(tail=self._tail(), first=first, limit=limit)
        for index, record in enumerate(records, start=first):
            entry = entries.read_stored(record.entry, where=f"entry {index}")
            yield Logged(index, entry, record.content)

    def record(self, index: int) -> Record:
        """Entry, nonce and content as stored. Raises NotFound past the end."""
        tail = self._tail()
        if not 0 <= index < tail.size:
            raise NotFound(
                f"no entry {index}",
                expected=f"an index below {tail.size}",
                do="wherefrom log status says how many there are",
            )
        return next(self._journal.records(tail=tail, first=index, limit=index + 1))

    def content_of(self, index: int) -> bytes | None:
        """What a record holds, also of one that came just now; None once it is erased.

        Raises NotFound past the end.
        """
        self.refresh()
        return self.record(index).content

    def records(self, first: int, limit: int) -> Iterator[Record]:
        """Entries in order, with nonces and contents; those erased are None."""
        return self._journal.records(tail=self._tail(), first=first, limit=limit)

    def entries(self, first: int, limit: int) -> Iterator[bytes]:
        """The canonical bytes of entries in order."""
        return self._journal.entries(tail=self._tail(), first=first, limit=limit)

    # -- the tree

    def root_at(self, size: int) -> bytes:
        """The root of the first ``size`` entries."""
        position = self.position()
        if size == position.size:
            return position.root
        with self._hashes_lock:
            return root_of(size, self._hashes) if size else EMPTY_ROOT

    def prove(self, indexes: Sequence[int]) -> tuple[bytes, list[list[bytes]]]:
        """The checkpoint shown, and each entry's path to its root.

        Every path is checked first: a tile that was changed must not become somebody's proof.

        Raises NotFound, Corrupt; Unavailable for an entry that no witnessed checkpoint covers yet.
        """
        checkpoint, (size, root) = self.shown()
        for index in indexes:
            if not 0 <= index < max(size, self.size):
                raise NotFound(
                    f"no entry {index}",
                    expected=f"an index below {size}",
                    do="wherefrom log status says how many there are",
                )
            if index >= size:
                raise Unavailable(
                    f"not enough witnesses have cosigned a checkpoint with entry {index} yet",
                    expected=f"an index below {size}",
                    do="Ask again in a moment; a running server asks its witnesses",
                )
        with self._hashes_lock:
            paths = [inclusion_path(i, size, self._hashes) for i in indexes]
        for index, path in zip(indexes, paths, strict=True):
            self._check(index, size, path, root)
        return checkpoint, paths

    def _check(self, index: int, size: int, path: list[bytes], root: bytes) -> None:
        leaf_hash = hash_leaf(next(self.entries(index, index + 1)))
        try:
            verify_inclusion(leaf_hash=leaf_hash, index=index, tree_size=size, path=path, root=root)
        except ProofError as error:
            raise Corrupt(
                f"what is stored does not prove entry {index}",
                got=error,
                do="Run wherefrom log audit: it names the entry or tile that was changed",
            ) from error

    def shared_path(self, indexes: Sequence[int], size: int) -> list[bytes]:
        """One proof for all of ``indexes``, ascending, in the tree of ``size`` entries."""
        with self._hashes_lock:
            return shared_path(indexes, size, self._hashes)

    def consistency(self, size1: int, size2: int) -> list[bytes]:
        """The path that shows that ``size2`` begins with ``size1``."""
        with self._hashes_lock:
            return consistency_path(size1, size2, self._hashes)

    def tile(self, level: int, n: int, width: int = TILE_WIDTH) -> bytes:
        """The first ``width`` hashes of a tile, as tlog-tiles serves them. Raises NotFound."""
        have = self.position().size >> 8 * level
        if n * TILE_WIDTH + width > have or not 1 <= width <= TILE_WIDTH:
            raise NotFound(f"no tile {level}/{n} of width {width}", got=f"{have} hashes there")
        return self._full_or_partial(level, n, width)

    def bundle(self, n: int, width: int = TILE_WIDTH) -> bytes:
        """The first ``width`` entries of a bundle, as tlog-tiles serves them. Raises NotFound."""
        first, size = n * TILE_WIDTH, self.position().size
        if first + width > size or not 1 <= width <= TILE_WIDTH:
            raise NotFound(f"no entry bundle {n} of width {width}", got=f"a log of {size}")
        return encode_bundle(self.entries(first, first + width))

    def _full_or_partial(self, level: int, n: int, width: int = TILE_WIDTH) -> bytes:
        have = self.position().size >> 8 * level
        if (n + 1) * TILE_WIDTH <= have:
            try:
                return read_blob_tile(self._blobs, level, n)[: width * HASH_BYTES]
            except NotFound:
                pass  # the head moves a moment before its tiles appear: fold it from below
        # A tile only grows: of one that is not full yet, keep what is hashed.
        kept_n, kept = self._growing.get(level, (n, b""))
        if kept_n != n:
            kept = b""
        if len(kept) < width * HASH_BYTES:
            missing = range(n * TILE_WIDTH + len(kept) // HASH_BYTES, n * TILE_WIDTH + width)
            kept += self._hash_rows(level, missing)
            self._growing[level] = (n, kept)
        return kept[: width * HASH_BYTES]

    def _hash_rows(self, level: int, numbers: range) -> bytes:
        if level == 0:
            return b"".join(hash_leaves(self.entries(numbers.start, numbers.stop)))
        return b"".join(hash_tile(self._full_or_partial(level - 1, m)) for m in numbers)
