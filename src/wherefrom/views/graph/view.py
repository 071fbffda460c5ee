"""The fold: from the log to the graph, a bounded number of records at a time.

    LogSource ──read──► Logged ──said──► Said ──batch──► rows ──┐         (sealed, now and then)
        │                                 └ tombstone ► erase ──┤ one transaction
        └─root_at(size)─────────────────────────────────────────┘ with size and root

The view belongs to one origin, one facts version, one schema and one root; whatever else it
finds it discards, and folds from entry 0. There is no migration and no repair.

Sizes:  a transaction holds at most RECORDS_MAX records
Source: docs/formats/graph.md
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Final, NamedTuple, Self

import apsw

from wherefrom.errors import Corrupt
from wherefrom.log.logged import LogSource, Position
from wherefrom.views.graph import schema
from wherefrom.views.graph.batch import Batch
from wherefrom.views.graph.edge_table import EdgeTable
from wherefrom.views.graph.erase import erase
from wherefrom.views.graph.said import FactsOf, read
from wherefrom.views.graph.sealed import Sealed, remove_files

RECORDS_MAX: Final = 4096
# A graph of up to so many edges is walked as fast without segments. The first seal is a pause of
# some seconds, once; those that follow are small enough to be a short one each.
SEAL_FIRST: Final = 1 << 22
SEAL_EDGES: Final = 1 << 18
EMPTY_ROOT: Final = bytes.fromhex(
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
)


class _Meta(NamedTuple):
    fingerprint: str
    facts_version: int
    origin: str | None
    size: int
    root: bytes | None


class GraphView:
    """The one writer of a graph file. Readers open ``GraphReader`` on the same path."""

    def __init__(
        self, db: apsw.Connection, *, path: Path, facts_of: FactsOf, facts_version: int
    ) -> None:
        self.path = path
        self._db = db
        self._facts_of = facts_of
        self._facts_version = facts_version
        self._sealed = Sealed(db, path)
        self._edges = EdgeTable(db, self._sealed)
        self._batch = Batch(db, self._edges)
        self._agreed: LogSource | None = None
        self._meta: _Meta
        self._version: int
        # True at first: an earlier process may have stopped before it swept.
        self._unswept = True
        self._reload()

    @classmethod
    def open(cls, path: Path, *, facts_of: FactsOf, facts_version: int) -> Self:
        """Open or create the graph at ``path``; what this program did not write is discarded.

        facts_of       what a record's content says; may raise, and then leaves a gap
        facts_version  changes whenever ``facts_of`` says something else of the same bytes
        """
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            return cls._of(path, facts_of, facts_version)
        except (apsw.NotADBError, apsw.CorruptError, Corrupt, FileNotFoundError):
            # Not a database, a torn one, or a segment is lost: an index can go, the log has all.
            for suffix in ("", "-wal", "-shm"):
                path.with_name(path.name + suffix).unlink(missing_ok=True)
            remove_files(path)
            return cls._of(path, facts_of, facts_version)

    @classmethod
    def _of(cls, path: Path, facts_of: FactsOf, facts_version: int) -> Self:
        db = _open(path, facts_version=facts_version)
        try:
            return cls(db, path=path, facts_of=facts_of, facts_version=facts_version)
        except BaseException:
            db.close(True)
            raise

    @property
    def size(self) -> int:
        """Entries folded: every one below this index."""
        return self._meta.size

    @property
    def root(self) -> bytes:
        """The log's root at ``size``; that of the empty tree at 0."""
        return self._meta.root if self._meta.root is not None else EMPTY_ROOT

    @property
    def origin(self) -> str | None:
        """The log this is a view of; None before the first fold."""
        return self._meta.origin

    def fold(self, source: LogSource, *, records_max: int | None = None) -> Position:
        """Fold from ``size`` to the source's position, or ``records_max`` further if given.

        Returns where the view is then. An error leaves the last committed size.
        Raises Corrupt if the source skips or repeats an index, or the file is damaged.
        """
        try:
            position = source.position()
            self._agree(source, position)
            end = position.size
            if records_max is not None:
                end = min(end, self.size + records_max)
            while self.size < end:
                until = min(self.size + RECORDS_MAX, end)
                root = position.root if until == position.size else source.root_at(until)
                self._step(source, until, root)
                self._seal_if_due()
            if self._unswept:
                self._sweep()
        except (apsw.CorruptError, apsw.NotADBError) as error:
            raise Corrupt(
                "the graph file is damaged",
                where=str(self.path),
                got=str(error),
                do="Run `wherefrom views rebuild`; nothing but time is lost",
            ) from error
        return Position(self.size, self.root)

    def discard(self) -> None:
        """Forget everything; the next fold begins at entry 0."""
        # Free pages need no zeros here: what was erased was zeroed when its tombstone came.
        self._db.execute("PRAGMA secure_delete = OFF")
        try:
            with _transaction(self._db):
                schema.drop(self._db)
                schema.create(self._db, facts_version=self._facts_version)
        finally:
            self._db.execute("PRAGMA secure_delete = ON")
        self._reload()

    def close(self) -> None:
        """Close the connection; the file can be opened again."""
        self._sealed.close()
        self._db.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _agree(self, source: LogSource, position: Position) -> None:
        """Make sure the view is one of this log, once for each source; discard it if not."""
        if self._agreed is source and self.size <= position.size:
            return
        meta = self._meta
        if meta.size and (
            meta.origin != source.origin
            or meta.size > position.size
            or source.root_at(meta.size) != meta.root
        ):
            self.discard()
        self._agreed = source

    def _step(self, source: LogSource, until: int, root: bytes) -> None:
        """One transaction: the records below ``until``, with size and root, or nothing."""
        try:
            with _transaction(self._db):
                if self._changed_elsewhere():
                    # Another connection folded or discarded meanwhile: take its word.
                    self._reload()
                    return
                expected = self.size
                for logged in source.read(self.size, until):
                    if logged.index != expected:
                        break
                    expected += 1
                    said = read(logged, facts_of=self._facts_of)
                    self._batch.add(logged, said)
                    if said is not None and said.tombstone is not None:
                        self._batch.flush()
                        erase(self._db, self._edges, said.tombstone.entry, by=logged.index)
                        self._batch.look_again()
                        self._unswept = True
                if expected != until:
                    raise Corrupt(
                        "the log did not give its entries in order",
                        expected=f"entries {self.size} to {until - 1}",
                        got=f"an end or another index at {expected}",
                    )
                self._batch.flush()
                self._db.execute(
                    "UPDATE meta SET origin = ?, size = ?, root = ?", (source.origin, until, root)
                )
        except BaseException:
            self._batch.forget()
            raise
        self._meta = self._meta._replace(origin=source.origin, size=until, root=root)

    def _seal_if_due(self) -> None:
        """Take a merge that is done; make a segment of the tail if it has grown enough."""
        if self._sealed.merge_is_done:
            with _transaction(self._db):
                if self._changed_elsewhere():
                    return
                self._sealed.adopt()
            self._sealed.reload()
        due = SEAL_EDGES if self._sealed.edges else SEAL_FIRST
        if (self._batch.tail_edges or 0) >= due and self._sealed.fits(size=self.size):
            with _transaction(self._db):
                if self._changed_elsewhere():
                    return
                self._sealed.seal(size=self.size)
            self._batch.forget()
            self._sealed.reload()
            self._sealed.begin_merge()

    def _sweep(self) -> None:
        """Empty the write-ahead log, which still holds what a tombstone deleted.

        A reader in the way is not waited for: the next fold tries again.
        """
        self._db.set_busy_timeout(0)
        try:
            self._db.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)
            self._unswept = False
        except apsw.BusyError:
            pass
        finally:
            self._db.set_busy_timeout(schema.BUSY_MS_MAX)

    def _changed_elsewhere(self) -> bool:
        return bool(self._db.execute("PRAGMA data_version").get != self._version)

    def _reload(self) -> None:
        self._batch.forget()
        row = self._db.execute(
            "SELECT fingerprint, facts_version, origin, size, root FROM meta"
        ).get
        self._meta = _Meta(*row)
        self._version = self._db.execute("PRAGMA data_version").get
        self._agreed = None
        self._sealed.reload()


def _open(path: Path, *, facts_version: int) -> apsw.Connection:
    db = schema.open_writer(path)
    try:
        _begin_anew_unless(db, facts_version=facts_version)
    except BaseException:
        db.close(True)
        raise
    return db


def _begin_anew_unless(db: apsw.Connection, *, facts_version: int) -> None:
    """Keep tables that this program made from the same facts; make empty ones otherwise."""
    with _transaction(db):
        if db.table_exists(None, "meta"):
            columns = {row[1] for row in db.execute("PRAGMA table_info(meta)")}
            if {"fingerprint", "facts_version"} <= columns:
                found = db.execute("SELECT fingerprint, facts_version FROM meta").get
                if found == (schema.FINGERPRINT, facts_version):
                    return
        schema.drop(db)
        schema.create(db, facts_version=facts_version)


@contextlib.contextmanager
def _transaction(db: apsw.Connection) -> Iterator[None]:
    if db.in_transaction:  # one that could not even be rolled back
        db.execute("ROLLBACK")
    db.execute("BEGIN IMMEDIATE")
    try:
        yield
        db.execute("COMMIT")
    except BaseException:
        if db.in_transaction:
            db.execute("ROLLBACK")
        raise
