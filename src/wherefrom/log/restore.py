"""Make a log again from an export that has its contents.

    export ──► checkpoint, under the log key ──► bundles, contents, each against its hash
                                                     └──► journal, tiles ──► root? ──► head

The nonces come along, so every entry, proof and checkpoint stays what it was. The head is
written last, under nobody's home: like any copy the log takes no writes until it extends a
checkpoint that the operator supplies.

Sizes:  one bundle of entries in memory, and contents of 16 MiB or one
Source: docs/formats/tlog-tiles.md, docs/formats/journal.md
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final

from wherefrom.errors import AlreadyExists, Corrupt, NotFound, StorageError
from wherefrom.formats import checkpoint as checkpoints
from wherefrom.formats import note as notes
from wherefrom.formats.checkpoint import Checkpoint
from wherefrom.formats.note import Note, VerifierKey
from wherefrom.formats.tiles import decode_bundle, entries_path, tile_path
from wherefrom.keys.ed25519 import check_note
from wherefrom.log import state as states
from wherefrom.log.contents import contents_path, read_contents
from wherefrom.log.logged import Position
from wherefrom.log.state import HeadState
from wherefrom.log.tree import TILE_WIDTH, LogTree, read_blob_tile
from wherefrom.merkle.hashing import EMPTY_ROOT, hash_leaves
from wherefrom.storage.contracts import EMPTY, Blobs, Head, Journal, Record

HOME: Final = "restored from an export"
_EPOCH: Final = 1
_PART_BYTES_MAX: Final = 16 * 1024 * 1024

Progress = Callable[[int, int], None]


def restore(
    export: Path,
    *,
    log_keys: Sequence[VerifierKey],
    journal: Journal,
    blobs: Blobs,
    head: Head,
    progress: Progress | None = None,
) -> Position:
    """Write the log in the folder ``export`` into an empty journal; returns its position.

    log_keys  the keys of which one must have signed the checkpoint; never those that the export
              brings

    Raises AlreadyExists for a head that is there, SignatureError, Corrupt for what does not lead to
    the signed root, naming the file, NotFound for a file that is missing, StorageError.
    """
    if head.read() is not None:
        raise AlreadyExists("there is a log here already", do="Import into a new directory")
    # 1. What the export says it is, under a key that we knew before.
    signed, note = _read_checkpoint(export, log_keys)
    # 2. Every entry and content, into the journal. Without a head none of it counts yet.
    journal.begin(epoch=_EPOCH, tail=EMPTY)
    tree = LogTree(lambda level, n: read_blob_tile(blobs, level, n))
    tail = EMPTY
    for first in range(0, signed.size, TILE_WIDTH):
        width = min(TILE_WIDTH, signed.size - first)
        written = _read_bundle(export, first // TILE_WIDTH, width)
        contents = export / contents_path(first // TILE_WIDTH, width)
        for part in _parts(read_contents(contents, written, first=first)):
            tail = journal.append(part)
        full = tree.extend(hash_leaves(written))
        for tile in full:
            blobs.replace(tile_path(tile.level, tile.n), tile.hashes)
        tree.published(full)
        if progress is not None:
            progress(first + width, signed.size)
    root = tree.root() if tree.size else EMPTY_ROOT
    if root != signed.root:
        raise Corrupt(
            f"the entries do not lead to the root signed at size {signed.size}",
            where=str(export),
            expected=signed.root.hex(),
            got=root.hex(),
        )
    blobs.sync()
    # 3. Commit: from here on there is a log.
    state = HeadState(
        epoch=_EPOCH,
        size=signed.size,
        segment=tail.segment,
        length=tail.length,
        tiles=signed.size // TILE_WIDTH * TILE_WIDTH,
        home=HOME,
        checkpoint=note.decode(),
    )
    head.swap(expected=0, value=states.to_bytes(state), durable=True)
    return Position(signed.size, signed.root)


def _read_checkpoint(export: Path, log_keys: Sequence[VerifierKey]) -> tuple[Checkpoint, bytes]:
    read = notes.parse(_read(export / "checkpoint"))
    signed = checkpoints.parse(check_note(read, log_keys))
    if signed.origin != log_keys[0].name:
        raise Corrupt("an export of another log", expected=log_keys[0].name, got=signed.origin)
    # What witnesses added is no part of the head; the log asks them again.
    mine = {(key.name, key.key_id) for key in log_keys if key.algorithm == notes.ED25519}
    own = tuple(s for s in read.signatures if (s.name, s.key_id) in mine)
    return signed, notes.to_bytes(Note(read.text, own))


def _read_bundle(export: Path, n: int, width: int) -> list[bytes]:
    """The entries of a bundle, compared with the tile beside it: so the file is named."""
    path = export / entries_path(n, width)
    written = decode_bundle(_read(path), where=str(path))
    hashes = _read(export / tile_path(0, n, width))
    if len(written) != width or b"".join(hash_leaves(written)) != hashes:
        raise Corrupt(
            "a bundle does not hold the entries that its tile has the hashes of",
            where=str(path),
            expected=f"{width} entries with the hashes of {tile_path(0, n, width)}",
            got=f"{len(written)} entries",
        )
    return written


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError as error:
        raise NotFound(
            "a file of the export is missing",
            where=str(path),
            do="Export it again, with contents: wherefrom log export --contents",
        ) from error
    except OSError as error:
        raise StorageError("cannot read the export", where=str(path), got=error) from error


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
