"""Follow another log of ours into a copy of it, believing nothing that was not checked.

    checkpoint ──monitor──► grown from the last one? ──► bundles, by their tiles ──► contents, by
                   └ fork, rollback, a wrong signature: told, kept, nothing appended    │ their
                                                            the copy ◄── records ◄──────┘ entries

The copy is a directory like any log's: a journal, tiles, a head. Its head is signed by a key of its
own, for recovery alone; what it shows is the other log's checkpoint, under the other log's keys. So
all that reads a log reads it: views, questions, proofs. What the other log erased is erased here.

A fork is for ever: somebody must look at it and remove the copy. Everything else is tried again.

Source: docs/decisions/0023-federation.md
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from typing import Final, Protocol

import msgspec

from wherefrom.errors import Corrupt, Error
from wherefrom.formats import note as notes
from wherefrom.formats.checkpoint import Checkpoint
from wherefrom.formats.note import Note, VerifierKey
from wherefrom.keys.cosignatures import check_log_signature
from wherefrom.log.contents import decoded
from wherefrom.log.decisions import Decisions
from wherefrom.log.followed import Follow
from wherefrom.log.monitor import Monitor, TileSource, checked_bundle
from wherefrom.log.published import PublishedFile
from wherefrom.log.writer import LogWriter
from wherefrom.merkle.checked_tiles import CheckedTiles
from wherefrom.merkle.tree import TILE_WIDTH
from wherefrom.storage.contracts import Record

_PART_BYTES_MAX: Final = 16 * 1024 * 1024


class Source(TileSource, Protocol):
    """Where the other log is read from; all of it unchecked."""

    def contents(self, n: int, width: int) -> bytes: ...


def look(
    follow: Follow,
    source: Source,
    writer: LogWriter,
    published: Callable[[Follow], PublishedFile],
    *,
    at: str,
) -> Follow:
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
        follow = msgspec.structs.replace(follow, seen=monitor.seen)
        tree = follow.tree
        assert tree is not None
        _append(tree, source, writer)
        _erase(writer)
        if tree.size > writer.size or writer.root_at(tree.size) != tree.root:
            raise Corrupt("the copy is not the log that its checkpoint speaks of")
        assert follow.seen is not None
        published(follow).write(_of_the_log(follow.seen.note, follow.keys()))
    except Error as error:
        if writer.stopped is not None:
            raise
        return msgspec.structs.replace(follow, trouble=str(error))
    return follow


def _append(tree: Checkpoint, source: Source, writer: LogWriter) -> None:
    if writer.size >= tree.size:
        return
    tiles = CheckedTiles(size=tree.size, root=tree.root, fetch=source.tile)
    for n in range(writer.size // TILE_WIDTH, -(-tree.size // TILE_WIDTH)):
        first, limit = n * TILE_WIDTH, min((n + 1) * TILE_WIDTH, tree.size)
        written = checked_bundle(source, tiles, n, limit - first)
        held = io.BytesIO(source.contents(n, limit - first))
        records = decoded(held, written, first=first, where=f"contents of bundle {n}")
        new = [record for index, record in enumerate(records, first) if index >= writer.size]
        for part in _parts(new):
            writer.append_records(part)


def _parts(records: list[Record]) -> Iterator[list[Record]]:
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


def _erase(writer: LogWriter) -> None:
    """What the other log erased is not kept here either."""
    decisions = Decisions()
    decisions.catch_up(writer)
    for index in decisions.erased:
        if writer.record(index).content is not None:
            writer.erase(index)


def _of_the_log(note: str, keys: list[VerifierKey]) -> Note:
    """The checkpoint with the lines of the log's own keys and of whoever cosigned, as it came."""
    signed = notes.parse(note.encode())
    check_log_signature(signed, keys)
    return signed
