"""What every view in a file does: open, fold a bounded number of records, forget, sweep, close.

    LogSource ──read──► Logged ──take──► rows ──┐ one transaction
        └─root_at(size)─────────────────────────┘ with size and root

A view belongs to one origin, one facts version, one shape of its tables and one root; whatever else
it finds it discards, and folds from entry 0. There is no migration and no repair. What a record
says to a view, and which tables hold it, is the view's own (``graph.view``, ``estate.view``).

Sizes:  a transaction holds at most RECORDS_MAX records
"""

from __future__ import annotations

import contextlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import ClassVar, Final, NamedTuple, Self

import apsw

from wherefrom.errors import Corrupt
from wherefrom.formats.facts import Facts
from wherefrom.log.logged import Logged, LogSource, Position
from wherefrom.merkle.hashing import EMPTY_ROOT
from wherefrom.views.view_file import BUSY_MS_MAX, Shape, drop

RECORDS_MAX: Final = 4096
FactsOf = Callable[[bytes], Facts]


class _Meta(NamedTuple):
    origin: str | None
    size: int
    root: bytes | None


class FoldedView(ABC):
    """The one writer of a view's file. Readers open theirs on the same path.

    called  what the view is called: ``graph``, ``estate``
    broken  what opening raises of a file that is replaced: an index can go, the log has all
    """

    called: ClassVar[str]
    shape: ClassVar[Shape]
    broken: ClassVar[tuple[type[Exception], ...]] = (apsw.NotADBError, apsw.CorruptError)

    def __init__(
        self, db: apsw.Connection, *, path: Path, facts_of: FactsOf, facts_version: int
    ) -> None:
        self.path = path
        self._db = db
        self._facts_of = facts_of
        self._facts_version = facts_version
        self._agreed: LogSource | None = None
        # True at first: an earlier process may have stopped before it swept.
        self._unswept = True
        self._meta: _Meta
        self._version: int

    @classmethod
    def open(cls, path: Path, *, facts_of: FactsOf, facts_version: int) -> Self:
        """Open or create the view at ``path``; what this program did not write is discarded.

        facts_of       what a record's content says; may raise, and then says nothing
        facts_version  changes whenever ``facts_of`` says something else of the same bytes
        """
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            return cls._of(path, facts_of, facts_version)
        except cls.broken:
            cls._remove(path)
            return cls._of(path, facts_of, facts_version)

    @classmethod
    def _of(cls, path: Path, facts_of: FactsOf, facts_version: int) -> Self:
        db = cls.shape.open(path)
        try:
            with transaction(db):
                if _made_by(db, cls.shape.column) != (cls.shape.value, facts_version):
                    drop(db)
                    cls.shape.create(db, facts_version=facts_version)
            return cls(db, path=path, facts_of=facts_of, facts_version=facts_version)
        except BaseException:
            db.close(True)
            raise

    @classmethod
    def _remove(cls, path: Path) -> None:
        for suffix in ("", "-wal", "-shm"):
            path.with_name(path.name + suffix).unlink(missing_ok=True)

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
                self._stepped()
            if self._unswept:
                self._sweep()
        except (apsw.CorruptError, apsw.NotADBError) as error:
            raise Corrupt(
                f"the {self.called} file is damaged",
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
            with transaction(self._db):
                drop(self._db)
                self.shape.create(self._db, facts_version=self._facts_version)
        finally:
            self._db.execute("PRAGMA secure_delete = ON")
        self._reload()

    def close(self) -> None:
        """Close the connection; the file can be opened again."""
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

    # -- what a view does by itself

    @abstractmethod
    def _take(self, logged: Logged) -> None:
        """Write what a record says, within the open transaction."""

    @abstractmethod
    def _forget(self) -> None:
        """Drop what is known of the tables: another wrote them, or a transaction failed."""

    def _flush(self) -> None:  # noqa: B027 - a view may have nothing to do
        """Write what was taken and is not written yet; the transaction ends next."""

    def _stepped(self) -> None:  # noqa: B027 - as above
        """A transaction is done, and no other is open."""

    # -- steps

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
            with transaction(self._db):
                if self._changed_elsewhere():
                    # Another connection folded or discarded meanwhile: take its word.
                    self._reload()
                    return
                expected = self.size
                for logged in source.read(self.size, until):
                    if logged.index != expected:
                        break
                    expected += 1
                    self._take(logged)
                if expected != until:
                    raise Corrupt(
                        "the log did not give its entries in order",
                        expected=f"entries {self.size} to {until - 1}",
                        got=f"an end or another index at {expected}",
                    )
                self._flush()
                self._db.execute(
                    "UPDATE meta SET origin = ?, size = ?, root = ?", (source.origin, until, root)
                )
        except BaseException:
            self._forget()
            raise
        self._meta = _Meta(source.origin, until, root)

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
            self._db.set_busy_timeout(BUSY_MS_MAX)

    def _changed_elsewhere(self) -> bool:
        return bool(self._db.execute("PRAGMA data_version").get != self._version)

    def _reload(self) -> None:
        self._forget()
        self._meta = _Meta(*self._db.execute("SELECT origin, size, root FROM meta").get)
        self._version = self._db.execute("PRAGMA data_version").get
        self._agreed = None


def _made_by(db: apsw.Connection, column: str) -> tuple[str | int, int] | None:
    """The shape and the facts version of the tables in a file; None if they are none of ours."""
    if not db.table_exists(None, "meta"):
        return None
    columns = {row[1] for row in db.execute("PRAGMA table_info(meta)")}
    if not {column, "facts_version"} <= columns:
        return None
    found: tuple[str | int, int] | None = db.execute(
        f"SELECT {column}, facts_version FROM meta"
    ).get
    return found


@contextlib.contextmanager
def transaction(db: apsw.Connection) -> Iterator[None]:
    """All that is written inside, or nothing."""
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
