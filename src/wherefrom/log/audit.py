"""Read a whole log and say everything in it that is not as it was written.

    head ──► pieces of the journal ──► entries, contents, tiles ──► tree above ──► signed root
                 (a process each)                        └► erasures, genesis, who changed what

One pass, flat memory, and it goes on after a problem. What it cannot see: a head, with all that
came after it, put back to an older state (keep a checkpoint elsewhere: ``compare``), a nonce or
content that a tombstone allows to be zeros, and bytes that do not count, such as those past the
cut of a fenced segment.

Sizes:  a million entries of 300 bytes take a few seconds on two cores
Source: docs/formats/journal.md
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import suppress
from multiprocessing import get_context
from pathlib import Path
from typing import Final

import msgspec

from wherefrom.errors import Error, NotFound
from wherefrom.formats import checkpoint as checkpoints
from wherefrom.formats import note as notes
from wherefrom.formats.checkpoint import Checkpoint
from wherefrom.formats.own import Genesis, Tombstone
from wherefrom.keys.ed25519 import check_note
from wherefrom.log import state as states
from wherefrom.log.audit_piece import (
    REBUILDABLE,
    Checked,
    Problem,
    check_piece,
    problem_of,
    read_own,
)
from wherefrom.log.audit_tree import TreeCheck
from wherefrom.log.reader import LogReader, Stored
from wherefrom.log.replay import Replay, service_key_of
from wherefrom.log.run_name import parse_name
from wherefrom.log.state import HeadState
from wherefrom.storage.contracts import Blobs, Piece, Slotted, Surveyed, Tail

Progress = Callable[[int, int], None]

# Below this, starting processes costs more than they save.
_ALONE_ENTRIES_MAX: Final = 50_000
_AHEAD: Final = 3


class Report(msgspec.Struct, frozen=True):
    """How many entries the log holds, and every problem found; none is a clean log."""

    entries: int
    problems: list[Problem]


def audit(
    reader: LogReader,
    *,
    dedup_folder: Path | None = None,
    processes: int | None = None,
    progress: Progress | None = None,
) -> Report:
    """Audit the log below ``reader``, also while a writer appends to it.

    dedup_folder  where the de-duplication index lies, to check it too
    processes     how many work at once; by default one a core, or one for a small log
    progress      called with entries done and entries in all

    Raises nothing for what is stored; NotFound if there is no log, TypeError if its journal
    cannot be surveyed.
    """
    return _Audit(reader, progress or (lambda done, of: None)).run(dedup_folder, processes)


class _Audit:
    def __init__(self, reader: LogReader, progress: Progress) -> None:
        self._reader = reader
        self._stored: Stored = reader.stored
        self._progress = progress
        self._problems: list[Problem] = []
        self._size = 0
        self._erased: set[int] = set()
        self._unlike: dict[int, str] = {}
        self._tombstones: dict[int, int] = {}
        self._genesis: bytes | None = None
        self._changes: list[tuple[int, bytes, str]] = []

    def run(self, dedup_folder: Path | None, processes: int | None) -> Report:
        # 1. Where the log ends, and what was signed there.
        state = self._read_head()
        if state is not None:
            self._size = state.size
            signed = self._read_checkpoint(state)
            # 2. Every entry, content and tile.
            root = self._read_journal(state, processes)
            if signed is not None and root != signed.root:
                reached = root.hex() if root else "no root, for there are holes"
                what = f"what is stored leads to {reached}, signed is {signed.root.hex()}"
                self._problem(None, "head", what)
            # 3. What the records say of the log itself.
            if self._size:
                self._check_genesis()
                self._check_changes()
            self._check_erasures()
        # 4. Indexes, which can be made again.
        if dedup_folder is not None:
            self._problems += _check_runs(dedup_folder)
        return Report(self._size, self._problems)

    def _problem(self, entry: int | None, file: str, what: str) -> None:
        self._problems.append(Problem(entry, file, what))

    def _read_head(self) -> HeadState | None:
        head = self._stored.head
        try:
            if isinstance(head, Slotted):
                for slot in head.damaged_slots():
                    what = f"slot {slot} was changed or torn; rebuildable: the next start writes it"
                    self._problem(None, "head", what)
                head.need_newest()
            found = head.read()
            if found is not None:
                return states.parse(found[1])
        except Error as error:
            what = f"{error}; nothing else was checked, for the head says where the log ends"
            self._problem(None, "head", what)
            return None
        raise NotFound("no log here yet", do="Start one with: wherefrom up")

    def _read_checkpoint(self, state: HeadState) -> Checkpoint | None:
        try:
            note = notes.parse(state.checkpoint.encode())
            signed = checkpoints.parse(check_note(note, self._stored.log_keys))
        except Error as error:
            self._problem(None, "head", f"its checkpoint is not the log's: {error}")
            return None
        if signed.origin != self._reader.origin:
            what = f"signed for {signed.origin}, expected {self._reader.origin}"
            self._problem(None, "head", what)
        if signed.size == state.size:
            return signed
        self._problem(None, "head", f"signed at size {signed.size}, but ends at {state.size}")
        return None

    def _read_journal(self, state: HeadState, processes: int | None) -> bytes | None:
        journal, blobs = self._stored.journal, self._stored.blobs
        if not isinstance(journal, Surveyed):
            raise TypeError(f"a {type(journal).__name__} cannot be surveyed")
        pieces, damage = journal.survey(tail=Tail(state.size, state.segment, state.length))
        self._problems += map(problem_of, damage)
        if processes is None:
            large = state.size >= _ALONE_ENTRIES_MAX
            processes = min(len(pieces), os.cpu_count() or 1) if large else 1
        tree = TreeCheck(blobs)
        self._progress(0, self._size)
        checking = _check_pieces(pieces, blobs, self._service_key(), processes=processes)
        for checked in checking:
            tree.take(checked)
            self._problems += checked.problems
            tree.missing.update(checked.missing)
            self._erased.update(checked.erased)
            self._unlike.update(checked.unlike)
            self._tombstones = checked.tombstones | self._tombstones
            self._genesis = self._genesis or checked.genesis
            self._changes += checked.changes
            self._progress(checked.limit, self._size)
        root = tree.root()
        self._problems += tree.problems
        self._problems += _still_missing(tree.missing, blobs)
        return root

    def _check_genesis(self) -> None:
        try:
            genesis = read_own(self._genesis) if self._genesis else None
        except Error as error:
            self._problem(0, "journal", f"entry 0: the genesis record cannot be read: {error}")
            return
        if not isinstance(genesis, Genesis):
            self._problem(0, "journal", "entry 0: no genesis record, so nothing says whose log")
            return
        expected = (self._reader.origin, self._stored.log_keys[0].to_text())
        for field, value in zip(("origin", "log_key"), expected, strict=True):
            named = getattr(genesis, field)
            if named != value:
                what = f"entry 0: the genesis record names {field} {named}, expected {value}"
                self._problem(0, "journal", what)

    def _service_key(self) -> bytes | None:
        """The key that entry 0 names; None if nothing tells, which is said elsewhere."""
        with suppress(Error, StopIteration):
            self._reader.refresh()
            genesis = read_own(self._reader.record(0).content or b"")
            if isinstance(genesis, Genesis):
                return service_key_of(genesis)
        return None

    def _check_changes(self) -> None:
        """Was each change made by who might make it then?"""
        try:
            genesis = read_own(self._genesis) if self._genesis else None
            if not isinstance(genesis, Genesis):
                return  # said already
            replay = Replay(genesis)
        except Error as error:
            self._problem(0, "journal", f"entry 0: {error}")
            return
        for index, content, received in sorted(self._changes):
            for what in replay.take(index, content, received=received):
                self._problem(index, "journal", f"entry {index}: {what}")

    def _check_erasures(self) -> None:
        unexplained = self._erased - self._tombstones.keys()
        if unexplained:  # a tombstone and its erasure may have come while we read
            unexplained -= set(self._newer_tombstones())
        for index in sorted(unexplained):
            what = f"entry {index}: content and nonce are zeros, and no tombstone names it"
            self._problem(index, "journal", what)
        for index, file in self._unlike.items():
            if index not in self._tombstones:
                what = "its content or nonce is not what the entry commits to"
                self._problem(index, file, f"entry {index}: {what}")
        for index, tombstone in sorted(self._tombstones.items()):
            if index not in self._erased and self._is_held(index):
                left = "a part of its content" if index in self._unlike else "its content"
                what = f"erased by entry {tombstone}, but {left} is still held; erase it again"
                file = self._unlike.get(index, "journal")
                self._problem(index, file, f"entry {index}: {what}")

    def _newer_tombstones(self) -> Iterator[int]:
        with suppress(Error):
            limit = self._reader.refresh().size
            for index, written in enumerate(self._reader.entries(self._size, limit), self._size):
                if b'"kind":"tombstone"' in written:
                    content = self._reader.record(index).content
                    decision = read_own(content) if content else None
                    if isinstance(decision, Tombstone):
                        yield decision.entry

    def _is_held(self, index: int) -> bool:
        try:
            self._reader.refresh()
            return self._reader.record(index).content is not None
        except Error:
            return False  # reported already, as damage


def _check_pieces(
    pieces: Sequence[Piece], blobs: Blobs, service_key: bytes | None, *, processes: int
) -> Iterator[Checked]:
    """Check every piece; results come in order, and only a few are worked on ahead."""
    if processes <= 1:
        for piece in pieces:
            yield check_piece(piece, blobs, service_key)
        return
    # Spawned, not forked: whoever asks may have threads.
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        under_way: deque[Future[Checked]] = deque()
        try:
            for piece in pieces:
                under_way.append(pool.submit(check_piece, piece, blobs, service_key))
                if len(under_way) >= _AHEAD * processes:
                    yield under_way.popleft().result()
            while under_way:
                yield under_way.popleft().result()
        finally:
            pool.shutdown(cancel_futures=True)


def _still_missing(missing: dict[str, bytes | None], blobs: Blobs) -> Iterable[Problem]:
    """A writer moves the head a moment before its tiles appear: look once more."""
    for name, expected in missing.items():
        try:
            stored = blobs.get(name)
        except Error:
            yield Problem(None, name, f"missing; {REBUILDABLE}")
            continue
        if expected is not None and stored != expected:
            yield Problem(None, name, f"not the hashes of what is below it; {REBUILDABLE}")


def _check_runs(folder: Path) -> Iterator[Problem]:
    for path in sorted(folder.glob("*.run")):
        # numpy only here: most logs have no run, and a process that audits a piece does without.
        from wherefrom.log.runs import check_run

        for attempt in (1, 2):  # an erasure may be changing it while we read
            try:
                if parse_name(path.name) is not None:
                    check_run(path)
                break
            except FileNotFoundError:
                break  # merged into another one meanwhile
            except (Error, OSError) as error:
                if attempt == 2:
                    what = f"{error}; rebuildable: remove the file, the next start makes it again"
                    yield Problem(None, f"{folder.name}/{path.name}", what)
