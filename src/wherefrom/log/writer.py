"""The sequencer: gives every record its index, once, and proves it.

    Verified… ──► known already? ──► journal (durable) ──► sign ──► head ──► tiles ──► Receipt…

One writer at a time: a new one claims an epoch in the head, and what an older one appends later
is never read. Recovery is the same code as writing: it takes whole frames from the journal
instead of from a caller.

Source: docs/formats/journal.md; promises 1 to 6 of ARCHITECTURE.md
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final

import msgspec

from wherefrom.errors import (
    AlreadyExists,
    Corrupt,
    Fenced,
    JournalFailed,
    NotFound,
    ReadOnly,
    StorageError,
)
from wherefrom.formats import checkpoint as checkpoints
from wherefrom.formats import entry as entries
from wherefrom.formats import note as notes
from wherefrom.formats.checkpoint import Checkpoint
from wherefrom.formats.entry import NONCE_BYTES, Entry
from wherefrom.formats.tiles import tile_path
from wherefrom.keys.ed25519 import check_note
from wherefrom.log import state as states
from wherefrom.log.dedup import DedupIndex
from wherefrom.log.handed import HandingOver
from wherefrom.log.logged import Position
from wherefrom.log.own_keys import HeadSigners
from wherefrom.log.state import HeadState
from wherefrom.log.tree import TILE_WIDTH, FullTile, LogTree, read_blob_tile
from wherefrom.merkle.hashing import EMPTY_ROOT, hash_leaves
from wherefrom.storage.contracts import EMPTY, Blobs, Head, Journal, Record, Slotted, Tail
from wherefrom.verify.verified import Verified

TILES_SYNC_EVERY: Final = 65_536


class Receipt(msgspec.Struct, frozen=True):
    """A record is in the log, durably, below the checkpoint of ``size`` entries.

    ``known`` says that the log held the same content before, at this index.
    """

    index: int
    known: bool
    entry: bytes
    content: str
    size: int


class Pending(msgspec.Struct):
    """A batch between ``prepare`` and ``finish``.

    indexes, known  of each record of the batch, in its order
    records         those that are new, from index ``first`` on; ``digests`` of their contents
    facts           what those say, packed, or None
    """

    indexes: list[int]
    known: list[bool]
    records: list[Record]
    digests: list[bytes | None]
    facts: list[bytes | None]
    first: int


class LogWriter:
    """The one writer of a log. ``commit`` may be called from several threads."""

    def __init__(
        self,
        *,
        origin: str,
        signers: HeadSigners,
        journal: Journal,
        blobs: Blobs,
        head: Head,
        home: str,
        dedup_folder: Path | None = None,
        handing_over: HandingOver | None = None,
        on_stop: Callable[[str], None] = lambda why: None,
    ) -> None:
        """``on_stop`` is told once, and why, when this writer stops for good."""
        self.origin = origin
        self.signers = signers
        self._journal = journal
        self._blobs = blobs
        self._head = head
        self._home = home
        self._handing_over = handing_over
        self._lock = threading.Lock()
        self._stopped: str | None = None
        self._refused: str | None = None
        self._on_stop = on_stop
        # A server whose witnesses follow the head puts its question here; told on any thread.
        self.on_signed: Callable[[], None] = lambda: None
        # Is told why the disk takes nothing, once, and None when it takes a batch again.
        self.on_refused: Callable[[str | None], None] = lambda why: None
        self._dedup = DedupIndex(dedup_folder, is_held=self._holds)
        self._generation = 0
        # How often the head was moved before this writer, and the note in it; None if never.
        self.found_head: tuple[int, bytes] | None = None
        self._state = HeadState(
            epoch=0, size=0, segment="", length=0, tiles=0, home=home, checkpoint=""
        )
        self._tail = EMPTY
        self._tree = LogTree(self._read_tile)
        self._unpublished: list[FullTile] = []
        self._checkpoint = b""
        self._signed = Position(0, EMPTY_ROOT)

    # -- opening

    def open(
        self,
        *,
        extends: Checkpoint | None = None,
        afresh: bool = False,
        before_signing: Callable[[], None] = lambda: None,
    ) -> None:
        """Recover, check what is stored against what was signed, and claim the next epoch.

        extends  a checkpoint from elsewhere that this log must begin with; lifts read-only
        afresh   believe no stored tile: make every one again from the entries
        before_signing  called once all is recovered; what it raises leaves the log unsigned
        Raises Corrupt if stored bytes do not lead to the signed root; ReadOnly for a copy of a
        log without ``extends``; Fenced if another writer claims at the same time.
        """
        if isinstance(self._head, Slotted):
            self._head.need_newest()
        found = self._head.read()
        if found is not None:
            self._generation, self._state = found[0], states.parse(found[1])
            self.found_head = found[0], self._state.checkpoint.encode()
            self._check_home(extends)
            self._load_signed(afresh=afresh)
            self._take_unsigned()
        if extends is not None:
            self._need_extends(extends)
        before_signing()
        self._claim()
        self._fill_dedup()

    def _check_home(self, extends: Checkpoint | None) -> None:
        if self._state.home != self._home and extends is None:
            raise ReadOnly(
                "this is a copy of a log, and an old copy must not fork it",
                do="Give the newest checkpoint you know of: wherefrom up --extends FILE",
            )

    def _load_signed(self, *, afresh: bool) -> None:
        """Rebuild the tree at the signed size, and check that it has the signed root."""
        signed = self._read_checkpoint(self._state.checkpoint.encode())
        if signed.size != self._state.size:
            raise Corrupt(
                "the head and its checkpoint disagree",
                expected=f"size {signed.size}",
                got=self._state.size,
            )
        self._tail = Tail(self._state.size, self._state.segment, self._state.length)
        start = 0 if afresh else self._state.tiles // TILE_WIDTH * TILE_WIDTH
        self._tree = LogTree.at(start, self._read_tile)
        stored = self._journal.entries(tail=self._tail, first=start, limit=self._tail.size)
        full = self._tree.extend(hash_leaves(stored))
        if self._tree.root() != signed.root:
            raise Corrupt(
                f"the stored entries do not lead to the root signed at size {signed.size}",
                expected=signed.root.hex(),
                got=self._tree.root().hex(),
                do="Run wherefrom log audit: it names the entry or tile that was changed",
            )
        # A power cut may have taken unsynced tiles; the root just vouched for these hashes.
        self._publish(full, replace=True)

    def _take_unsigned(self) -> None:
        """Whole frames past the head: durable, perhaps never acknowledged; they stay."""
        for tail, records in self._journal.beyond(tail=self._tail, epoch=self._state.epoch):
            if not all(_is_whole(record) for record in records):
                break
            self._publish(self._tree.extend(hash_leaves(r.entry for r in records)), replace=True)
            self._tail = tail

    def _need_extends(self, extends: Checkpoint) -> None:
        if extends.origin != self.origin:
            raise ReadOnly(
                "that checkpoint is of another log",
                expected=self.origin,
                got=extends.origin,
                do="Give --extends a checkpoint of this one",
            )
        if extends.size > self._tree.size or self._tree.root_at(extends.size) != extends.root:
            raise ReadOnly(
                f"this log does not begin with the checkpoint of size {extends.size}",
                got=f"a log of {self._tree.size} entries",
                do="This copy is older than the log, or another log: restore a newer one",
            )

    def _claim(self) -> None:
        self._state = msgspec.structs.replace(
            self._state,
            epoch=self._state.epoch + 1,
            home=self._home,
            tiles=self._synced_tiles(),
        )
        self._sign_and_move(durable=True)
        self._journal.begin(epoch=self._state.epoch, tail=self._tail)

    def _fill_dedup(self) -> None:
        first = self._dedup.size
        if first > self._tail.size:
            raise Corrupt(
                "the de-duplication index is longer than the log",
                do="Remove the folder dedup: it is rebuilt from the journal",
            )
        batch: list[bytes | None] = []
        for record in self._journal.records(tail=self._tail, first=first, limit=self._tail.size):
            held = record.content
            batch.append(None if held is None else hashlib.sha256(held).digest())
            if len(batch) == 4096:
                self._dedup.add(batch, first=self._dedup.size)
                batch = []
        self._dedup.add(batch, first=self._dedup.size)

    # -- writing

    def commit(self, batch: Sequence[Verified]) -> list[Receipt]:
        """Give each record its index; on return all are durable and below a signed checkpoint.

        A content the log holds already keeps its index, and so does a second one in ``batch``.
        Raises StorageError if nothing was kept; JournalFailed or Fenced if this writer must stop:
        then every later call raises too.
        """
        pending = self.prepare(batch)
        self.write(pending)
        return self.finish(pending)

    # The same in three steps, for a caller that waits for the disk elsewhere. From ``prepare`` to
    # ``finish``, or to an error of ``write``, no other batch is under way.

    def prepare(self, batch: Sequence[Verified]) -> Pending:
        """Find what is known already, and make an entry for the rest. Raises JournalFailed."""
        self._lock.acquire()
        try:
            self._need_running()
            # 1. Known already? Also within the batch: the first one wins.
            indexes, known, fresh = self._place(batch)
            # 2. Commit to each content under a fresh nonce.
            records = self._commitments(fresh)
            return Pending(
                indexes,
                known,
                records,
                digests=[v.digest for v in fresh],
                facts=[v.facts for v in fresh],
                first=self._tree.size,
            )
        except BaseException:
            self._lock.release()
            raise

    def write(self, pending: Pending) -> None:
        """Make it durable; the only step that waits for the disk, on whichever thread."""
        try:
            if pending.records:
                # 3. Durable. A crash from here on leaves whole frames that recovery keeps.
                self._tail = self._journal.append(pending.records)
                self.believe_disk()
                self._hand_over(pending)
        except BaseException as error:
            if not isinstance(error, StorageError | ValueError) or isinstance(error, JournalFailed):
                self._stop(f"the append was interrupted: {error}")
            elif isinstance(error, StorageError):
                self._refuse(str(error))
            self._lock.release()
            raise

    def finish(self, pending: Pending) -> list[Receipt]:
        """Sign it, make it the log, publish it; returns the receipts in the batch's order."""
        try:
            if pending.records:
                self._conclude(pending)
            size = self._tree.size
            receipts = []
            for index, known in zip(pending.indexes, pending.known, strict=True):
                is_fresh = index >= pending.first
                entry = pending.records[index - pending.first].entry if is_fresh else None
                entry = entry or self.entry(index)
                receipts.append(Receipt(index, known, entry, _commitment_of(entry), size))
            return receipts
        finally:
            self._lock.release()

    def append_entries(self, written: Sequence[bytes]) -> int:
        """Append canonical entries whose contents are kept elsewhere; returns the first index."""
        return self.append_records([Record(e, None, None) for e in written])

    def append_records(self, records: Sequence[Record]) -> int:
        """Append records as another log has them, checked already; returns the first index."""
        pending = self.prepare(())
        pending.records += records
        pending.digests += [None] * len(records)
        pending.facts += [None] * len(records)
        self.write(pending)
        self.finish(pending)
        return pending.first

    @property
    def stopped(self) -> str | None:
        """Why this writer acknowledges nothing more; None while it does."""
        return self._stopped

    @property
    def refused(self) -> str | None:
        """Why the disk did not take the last batch, of which nothing was kept; None if it did."""
        return self._refused

    def believe_disk(self) -> None:
        """A write was taken, here or by who tried it: the disk takes records."""
        if self._refused is not None:
            self._refused = None
            self.on_refused(None)

    def _refuse(self, why: str) -> None:
        if self._refused is None:
            self._refused = why
            self.on_refused(why)

    def stop(self, why: str) -> None:
        """Acknowledge nothing more, for a reason found elsewhere, such as damage in what is stored.

        A batch under way is finished. May be called from any thread.
        """
        self._stop(why)

    def _stop(self, why: str) -> None:
        if self._stopped is None:
            self._stopped = why
            self._on_stop(why)

    def _need_running(self) -> None:
        if self._stopped:
            raise JournalFailed(
                "this writer stopped and acknowledges nothing more",
                got=self._stopped,
                do="Restart it: recovery keeps everything that was acknowledged",
            )

    def _place(self, batch: Sequence[Verified]) -> tuple[list[int], list[bool], list[Verified]]:
        indexes: list[int] = []
        known: list[bool] = []
        fresh: list[Verified] = []
        here: dict[bytes, int] = {}
        for verified, held in zip(batch, self._dedup.find([v.digest for v in batch]), strict=True):
            index = here.get(verified.digest) if held is None else held
            known.append(index is not None)
            if index is None:
                index = here[verified.digest] = self._tree.size + len(fresh)
                fresh.append(verified)
            indexes.append(index)
        return indexes, known, fresh

    def _commitments(self, fresh: Sequence[Verified]) -> list[Record]:
        nonces = os.urandom(NONCE_BYTES * len(fresh))
        records = []
        for number, verified in enumerate(fresh):
            nonce = nonces[number * NONCE_BYTES : (number + 1) * NONCE_BYTES]
            entry = entries.to_bytes(
                Entry(
                    content=entries.commit(nonce=nonce, content=verified.content),
                    kind=verified.kind,
                    occurred=verified.occurred,
                    producer=verified.producer,
                    received=verified.received,
                    size=len(verified.content),
                    trust=verified.trust,
                    type=verified.type,
                )
            )
            records.append(Record(entry, nonce, verified.content))
        return records

    def _hand_over(self, pending: Pending) -> None:
        """Before the head moves: whoever sees the records finds their facts."""
        if self._handing_over is not None:
            made = zip(pending.records, pending.facts, strict=True)
            items = [(_commitment_of(record.entry), facts) for record, facts in made]
            # The records are durable by now: nothing that goes wrong here may say otherwise.
            with contextlib.suppress(Exception):
                self._handing_over.put(pending.first, items)

    def _conclude(self, pending: Pending) -> None:
        # 4. Sign, and move the head: the step that makes it the log. Only one writer can.
        full = self._tree.extend(hash_leaves([r.entry for r in pending.records]))
        try:
            if self._tree.size - self._state.tiles >= TILES_SYNC_EVERY + TILE_WIDTH:
                self._state = msgspec.structs.replace(self._state, tiles=self._synced_tiles())
            self._sign_and_move(durable=False)
        except BaseException as error:
            # The records are durable but not the log's yet: only recovery may say what they are.
            self._stop(str(error) or repr(error))
            raise
        # 5. Publish. A crash before this leaves tiles that recovery writes again.
        self._dedup.add(pending.digests, first=pending.first)
        self._unpublished += full
        self._publish_waiting()

    def _sign_and_move(self, *, durable: bool) -> None:
        root = self._tree.root() if self._tree.size else EMPTY_ROOT
        text = Checkpoint(self.origin, self._tree.size, root).to_text()
        signed = self.signers.sign(text)
        self._state = msgspec.structs.replace(
            self._state,
            size=self._tree.size,
            segment=self._tail.segment,
            length=self._tail.length,
            checkpoint=signed.decode(),
        )
        value = states.to_bytes(self._state)
        self._generation = self._head.swap(expected=self._generation, value=value, durable=durable)
        # Shown only now: a writer that lost the head has signed what is not the log.
        self._checkpoint, self._signed = signed, Position(self._tree.size, root)
        self.on_signed()

    def _publish(self, tiles: Sequence[FullTile], *, replace: bool) -> None:
        put = self._blobs.replace if replace else self._blobs.put
        for tile in tiles:
            put(tile_path(tile.level, tile.n), tile.hashes)
            self._tree.published([tile])

    def _publish_waiting(self) -> None:
        """Write full tiles; what a full disk refuses waits in memory for the next batch."""
        try:
            while self._unpublished:
                self._publish(self._unpublished[:1], replace=False)
                del self._unpublished[0]
        except AlreadyExists as error:
            self._stop(str(error))
            raise
        except StorageError:
            pass

    def _synced_tiles(self) -> int:
        """Flush what is published, so that the head may promise it. Call before moving the head."""
        self._blobs.sync()
        # Tiles filled by the batch under way are not published yet, nor are those that wait.
        size = self._state.size
        if self._unpublished:
            level, n, _ = self._unpublished[0]
            size = min(size, ((n + 1) << 8 * (level + 1)) - 1)
        return size // TILE_WIDTH * TILE_WIDTH

    def erase(self, index: int) -> None:
        """Remove content and nonce of an entry; its entry and every proof stay.

        The caller has logged the tombstone before. Erasing again changes nothing.
        """
        with self._lock:
            self._need_running()
            # The head must not fall back, in a power cut, to before the record it erases.
            try:
                self._sign_and_move(durable=True)
            except BaseException as error:
                self._stop(str(error) or repr(error))
                raise
            self._journal.erase(index, tail=self._tail)
            self._dedup.forget(index)
            if self._handing_over is not None:
                self._handing_over.drop()

    def close(self) -> None:
        """Leave a state that opens without work. After a failure nothing is signed any more."""
        with self._lock:
            try:
                if not self._stopped and self._state.epoch:
                    self._publish_waiting()
                    tiles = self._synced_tiles()
                    self._state = msgspec.structs.replace(self._state, tiles=tiles)
                    with contextlib.suppress(Fenced):  # then the log is another's to close
                        self._sign_and_move(durable=True)
            finally:
                self._stopped = self._stopped or "closed"
                self._dedup.close()
                if self._handing_over is not None:
                    # Nobody folds beside a writer that is gone; the next one tries again.
                    with contextlib.suppress(StorageError):
                        self._handing_over.drop()

    # -- reading its own writes

    @property
    def heads(self) -> int:
        """How often a head was signed since the log began."""
        return self._generation

    @property
    def size(self) -> int:
        """Entries in the log."""
        return self._signed.size

    @property
    def checkpoint(self) -> bytes:
        """The newest signed checkpoint."""
        return self._checkpoint

    def position(self) -> Position:
        """The newest signed size and root."""
        return self._signed

    def root_at(self, size: int) -> bytes:
        """The root of the first ``size`` entries."""
        with self._lock:
            return self._tree.root_at(size) if size else EMPTY_ROOT

    def entry(self, index: int) -> bytes:
        """The canonical bytes of one entry."""
        return next(self._journal.entries(tail=self._tail, first=index, limit=index + 1))

    def entries(self, first: int, limit: int) -> Iterator[bytes]:
        """The canonical bytes of entries in order."""
        return self._journal.entries(tail=self._tail, first=first, limit=limit)

    def records(self, first: int, limit: int) -> Iterator[Record]:
        """Entries, nonces and contents as stored, in order."""
        return self._journal.records(tail=self._tail, first=first, limit=limit)

    def record(self, index: int) -> Record:
        """Entry, nonce and content as stored."""
        return next(self._journal.records(tail=self._tail, first=index, limit=index + 1))

    def prove(self, indexes: Sequence[int]) -> tuple[bytes, list[list[bytes]]]:
        """The newest checkpoint, and each entry's path to its root."""
        with self._lock:
            size = self._signed.size
            return self._checkpoint, [self._tree.inclusion(i, size) for i in indexes]

    # On the thread that commits, between two batches: a lock would wait for the disk there.

    def path_between(self, size1: int, size2: int) -> list[bytes]:
        """The path that shows that the tree of ``size2`` begins with that of ``size1``."""
        return self._tree.consistency(size1, size2)

    def paths_at(self, indexes: Sequence[int], size: int) -> list[list[bytes]]:
        """Each entry's path to the root at an earlier size."""
        return [self._tree.inclusion(i, size) for i in indexes]

    def _holds(self, index: int, digest: bytes) -> bool:
        if index >= self._tail.size:
            return False
        record = next(self._journal.records(tail=self._tail, first=index, limit=index + 1))
        return record.content is not None and hashlib.sha256(record.content).digest() == digest

    def _read_tile(self, level: int, n: int) -> bytes:
        try:
            return read_blob_tile(self._blobs, level, n)
        except NotFound as error:
            raise Corrupt(
                "a tile is missing",
                where=error.where,
                do="Run wherefrom log recover: it makes tiles again from the entries",
            ) from error

    def _read_checkpoint(self, written: bytes) -> Checkpoint:
        text = check_note(notes.parse(written), self.signers.known())
        return checkpoints.parse(text)


def _is_whole(record: Record) -> bool:
    """Is this record's content the one its entry commits to? A torn write's is not."""
    if record.nonce is None or record.content is None:
        return True  # an entry that was appended without its content
    commitment = entries.commit(nonce=record.nonce, content=record.content)
    return commitment == _commitment_of(record.entry)


def _commitment_of(entry: bytes) -> str:
    """The ``content`` of an entry that ``to_bytes`` wrote: always its first value."""
    return entry[12 : 12 + 71].decode("ascii")
