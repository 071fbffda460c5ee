"""The fold: from the log to intervals of state, a bounded number of records at a time.

    LogSource ──read──► Logged ──facts──► states, wholes ──retell──► intervals ──┐ one transaction
        │                  └ tombstone ──► taken back, and told again ───────────┤
        └─root_at(size)──────────────────────────────────────────────────────────┘ with size, root

The view belongs to one origin, one facts version, one schema and one root; whatever else it
finds it discards, and folds from entry 0. There is no migration and no repair. What a record
says in a way that cannot be read is a gap of the graph view; here it says nothing.

Sizes:  a transaction holds at most RECORDS_MAX records
Source: docs/decisions/0026-estate.md
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Final, NamedTuple, Self

import apsw

from wherefrom.errors import Corrupt, Error
from wherefrom.formats import dsse, own, strict_json, timestamps
from wherefrom.formats.facts import Facts
from wherefrom.formats.heard import heard_of
from wherefrom.log.logged import Logged, LogSource, Position
from wherefrom.merkle.hashing import EMPTY_ROOT
from wherefrom.views.estate import schema
from wherefrom.views.estate.heard import HeardTables
from wherefrom.views.estate.tables import Tables

RECORDS_MAX: Final = 4096
FactsOf = Callable[[bytes], Facts]


class _Meta(NamedTuple):
    version: int
    facts_version: int
    origin: str | None
    size: int
    root: bytes | None


class EstateView:
    """The one writer of an estate file. Readers open ``EstateReader`` on the same path."""

    def __init__(self, db: apsw.Connection, *, path: Path, facts_of: FactsOf) -> None:
        self.path = path
        self._db = db
        self._facts_of = facts_of
        self._agreed: LogSource | None = None
        self._unswept = True
        self._meta: _Meta
        self._version: int
        self._tables: Tables
        self._heard: HeardTables
        self._reload()

    @classmethod
    def open(cls, path: Path, *, facts_of: FactsOf, facts_version: int) -> Self:
        """Open or create the estate at ``path``; what this program did not write is discarded."""
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            return cls._of(path, facts_of, facts_version)
        except (apsw.NotADBError, apsw.CorruptError):
            for suffix in ("", "-wal", "-shm"):
                path.with_name(path.name + suffix).unlink(missing_ok=True)
            return cls._of(path, facts_of, facts_version)

    @classmethod
    def _of(cls, path: Path, facts_of: FactsOf, facts_version: int) -> Self:
        db = schema.open_writer(path)
        try:
            with _transaction(db):
                if _version_of(db) != (schema.SCHEMA_VERSION, facts_version):
                    schema.drop(db)
                    schema.create(db, facts_version=facts_version)
            return cls(db, path=path, facts_of=facts_of)
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
            if self._unswept:
                self._sweep()
        except (apsw.CorruptError, apsw.NotADBError) as error:
            raise Corrupt(
                "the estate file is damaged",
                where=str(self.path),
                got=str(error),
                do="Run `wherefrom views rebuild`; nothing but time is lost",
            ) from error
        return Position(self.size, self.root)

    def discard(self) -> None:
        """Forget everything; the next fold begins at entry 0."""
        with _transaction(self._db):
            schema.drop(self._db)
            schema.create(self._db, facts_version=self._meta.facts_version)
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
                if bool(self._db.execute("PRAGMA data_version").get != self._version):
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
                self._heard.flush()
                self._db.execute(
                    "UPDATE meta SET origin = ?, size = ?, root = ?", (source.origin, until, root)
                )
        except BaseException:
            self._tables.forget()
            self._heard.forget()
            raise
        self._meta = self._meta._replace(origin=source.origin, size=until, root=root)

    def _take(self, logged: Logged) -> None:
        entry = logged.entry
        if logged.content is None:
            return
        if entry.trust.level == "self":
            if entry.kind == "tombstone":
                self._erase(logged.content)
            return
        try:
            facts = logged.facts or self._facts_of(logged.content)
        except Exception:  # noqa: BLE001 - the graph says that it could not be read
            return
        at = timestamps.micros(entry.occurred or entry.received)
        said = facts.producers[0] if facts.producers else ""
        heard = heard_of(facts) if logged.heard is None else logged.heard
        self._heard.add(logged.index, heard, source=said, producer=entry.producer, at=at)
        if facts.states or facts.wholes:
            self._tables.add(logged.index, facts, source=said or entry.producer, at=at)

    def _erase(self, content: bytes) -> None:
        try:
            envelope = dsse.parse(strict_json.as_object(strict_json.decode(content), where=""))
            decision = own.parse_payload(envelope.payload_type, envelope.payload)
        except Error:
            return
        if isinstance(decision, own.Tombstone):
            self._tables.erase(decision.entry)
            self._heard.erase(decision.entry)
            self._unswept = True

    def _sweep(self) -> None:
        """Empty the write-ahead log, which still holds what a tombstone deleted."""
        self._db.set_busy_timeout(0)
        try:
            self._db.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)
            self._unswept = False
        except apsw.BusyError:
            pass  # a reader is in the way: the next fold tries again
        finally:
            self._db.set_busy_timeout(schema.BUSY_MS_MAX)

    def _reload(self) -> None:
        row = self._db.execute("SELECT version, facts_version, origin, size, root FROM meta").get
        self._meta = _Meta(*row)
        self._version = self._db.execute("PRAGMA data_version").get
        self._tables = Tables(self._db)
        self._heard = HeardTables(self._db)
        self._agreed = None


def _version_of(db: apsw.Connection) -> tuple[int, int] | None:
    if not db.table_exists(None, "meta"):
        return None
    columns = {row[1] for row in db.execute("PRAGMA table_info(meta)")}
    if not {"version", "facts_version"} <= columns:
        return None
    found: tuple[int, int] | None = db.execute("SELECT version, facts_version FROM meta").get
    return found


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
