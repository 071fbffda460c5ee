"""Follow another log of ours into a copy of it, believing nothing that was not checked.

    checkpoint ──monitor──► grown from the last one? ──► bundles, by their tiles ──► contents, by
                   └ fork, rollback, a wrong signature: told, kept, nothing appended    │ their
                                                            the copy ◄── records ◄──────┘ entries

The copy is a directory like any log's: a journal, tiles, a head. Its head is signed by a key of its
own, for recovery alone; what it shows is the other log's checkpoint, under the other log's keys. So
all that reads a log reads it: views, questions, proofs. What the other log erased is erased here.

A fork is for ever: somebody must look at it and remove the copy. Everything else is tried again.
A content that the log does not give is one that it erased, and then its tombstone says so; one
without a tombstone is told as withheld.

Whoever keeps the log may mean ill, so a look costs what the log's own checkpoint and entries say at
most, a part at a time, and leaves ROOM_BYTES_MIN of our disk free.

Source: docs/decisions/0023-federation.md
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import Final, Protocol

import msgspec

from wherefrom.errors import Corrupt, Error, Unavailable
from wherefrom.formats import note as notes
from wherefrom.formats.checkpoint import Checkpoint
from wherefrom.formats.note import Note, VerifierKey
from wherefrom.keys.cosignatures import check_log_signature
from wherefrom.log.contents import bytes_of, decoded
from wherefrom.log.decisions import Decisions
from wherefrom.log.followed import WITHHELD_MAX, Follow
from wherefrom.log.monitor import Monitor, TileSource, checked_bundle
from wherefrom.log.published import PublishedFile
from wherefrom.log.tile_client import ContentsPart
from wherefrom.log.writer import LogWriter
from wherefrom.merkle.checked_tiles import CheckedTiles
from wherefrom.merkle.tree import TILE_WIDTH
from wherefrom.storage.contracts import Record

ROOM_BYTES_MIN: Final = 256 * 1024 * 1024
_PART_BYTES_MAX: Final = 16 * 1024 * 1024


class Source(TileSource, Protocol):
    """Where the other log is read from; all of it unchecked."""

    def contents(
        self, n: int, width: int, *, skip: int, bytes_max: int
    ) -> AbstractContextManager[ContentsPart]: ...


class Copy(Protocol):
    """Where a followed log is copied to; it is opened once something has to be written."""

    def writer(self) -> LogWriter: ...

    def decisions(self) -> Decisions: ...

    def published(self, follow: Follow) -> PublishedFile: ...

    def free_bytes(self) -> int: ...


def look(follow: Follow, source: Source, copy: Copy, *, at: str) -> Follow:
    """One look: append what is new to the copy. Returns what is to be kept; never raises for what
    the other log does, but says it in ``trouble``.

    Raises StorageError, JournalFailed for a copy that cannot be written.
    """
    if follow.forked:
        return follow
    follow = msgspec.structs.replace(follow, looked=at, trouble="")
    try:
        monitor = Monitor(source, log_key=follow.key, seen=follow.seen)
        for event in monitor.look():
            if event.is_alarm:
                forked = event.event == "fork"
                says = f"{event.event}: {event.says}"
                return msgspec.structs.replace(follow, trouble=says, forked=forked)
            if event.event == "new":
                follow = msgspec.structs.replace(follow, grown=at)
        follow = msgspec.structs.replace(follow, seen=monitor.seen)
    except Error as error:
        return msgspec.structs.replace(follow, trouble=str(error))
    tree = follow.tree
    assert tree is not None
    if follow.held < tree.size:
        follow = _catch_up(follow, tree, source, copy)
    if follow.withheld and not follow.trouble:
        said = ", ".join(map(str, follow.withheld[:10]))
        says = f"it does not give what it has under entry {said}, and no tombstone says why"
        return msgspec.structs.replace(follow, trouble=says)
    return follow


def _catch_up(follow: Follow, tree: Checkpoint, source: Source, copy: Copy) -> Follow:
    """Bring the copy to this checkpoint, as far as it goes.

    A look that ends half way leaves ``held`` where it was: the next one looks at all of it again,
    but asks only for what is not here.
    """
    writer = copy.writer()
    try:
        _append(tree, source, copy)
        if tree.size > writer.size or writer.root_at(tree.size) != tree.root:
            raise Corrupt("the copy is not the log that its checkpoint speaks of")
        missing = [
            index
            for index, record in enumerate(writer.records(follow.held, tree.size), follow.held)
            if record.content is None
        ]
        erased = _erase(copy)
        assert follow.seen is not None
        copy.published(follow).write(_of_the_log(follow.seen.note, follow.keys()))
    except Error as error:
        if writer.stopped is not None:
            raise
        return msgspec.structs.replace(follow, trouble=str(error))
    withheld = sorted({*follow.withheld, *missing} - erased)[:WITHHELD_MAX]
    return msgspec.structs.replace(follow, held=tree.size, withheld=tuple(withheld))


def _append(tree: Checkpoint, source: Source, copy: Copy) -> None:
    writer = copy.writer()
    if writer.size >= tree.size:
        return
    tiles = CheckedTiles(size=tree.size, root=tree.root, fetch=source.tile)
    for n in range(writer.size // TILE_WIDTH, -(-tree.size // TILE_WIDTH)):
        first, limit = n * TILE_WIDTH, min((n + 1) * TILE_WIDTH, tree.size)
        written = checked_bundle(source, tiles, n, limit - first)
        _need_room(copy, bytes_of(written[max(0, writer.size - first) :]))
        while writer.size < limit:
            before = writer.size
            _append_part(n, written, source, writer)
            if writer.size == before:
                raise Corrupt(f"the contents of bundle {n} end before entry {before}")


def _append_part(n: int, written: list[bytes], source: Source, writer: LogWriter) -> None:
    """What one answer has of a bundle: from the first entry that is not here yet, or earlier."""
    first = n * TILE_WIDTH
    skip = writer.size - first
    bytes_max = bytes_of(written)
    with source.contents(n, len(written), skip=skip, bytes_max=bytes_max) as part:
        begins = first if part.first is None else part.first
        if not first <= begins <= writer.size:
            raise Corrupt(f"contents that begin with entry {begins}", expected=str(writer.size))
        records = decoded(
            part.file, written[begins - first :], first=begins,
            where=f"contents of bundle {n}", is_part=True,
        )  # fmt: skip
        new = (record for index, record in enumerate(records, begins) if index >= first + skip)
        for some in _parts(new):
            writer.append_records(some)


def _parts(records: Iterator[Record]) -> Iterator[list[Record]]:
    part: list[Record] = []
    size = 0
    for record in records:
        part.append(record)
        size += len(record.content or b"")
        if size >= _PART_BYTES_MAX:
            yield part
            part, size = [], 0
    if part:
        yield part


def _need_room(copy: Copy, bytes_more: int) -> None:
    if copy.free_bytes() - bytes_more < ROOM_BYTES_MIN:
        raise Unavailable(
            "the disk has no room for what is new in this log",
            expected=f"{bytes_more + ROOM_BYTES_MIN} bytes free", got=copy.free_bytes(),
            do="Make room, or follow it no more: wherefrom federate remove",
        )  # fmt: skip


def _erase(copy: Copy) -> set[int]:
    """What the other log erased is not kept here either; returns all of it."""
    writer, decisions = copy.writer(), copy.decisions()
    decisions.catch_up(writer)
    for index in decisions.erased:
        if writer.record(index).content is not None:
            writer.erase(index)
    return set(decisions.erased)


def _of_the_log(note: str, keys: list[VerifierKey]) -> Note:
    """The checkpoint with the lines of the log's own keys and of whoever cosigned, as it came."""
    signed = notes.parse(note.encode())
    check_log_signature(signed, keys)
    return signed
