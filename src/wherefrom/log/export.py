"""Write a log as static files that any tlog-tiles client reads from a web server or a disk.

    folder/tile/0/…  tile/1/…  tile/entries/…   written first, flushed
    folder/contents/…                           the same, if asked for (``contents.py``)
    folder/checkpoint                           written last: only then do the others count

Nothing is copied unseen: the tiles are made again from the entries, and a root other than the
signed one stops the export before the checkpoint. A crash leaves the checkpoint that was there,
and every file it needs. Exporting again writes only what is new.

Sizes:  8 KiB and 256 entries for every 256 entries
Source: C2SP tlog-tiles
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

from wherefrom.errors import AlreadyExists, Corrupt, NotFound, Refused, StorageError
from wherefrom.formats import checkpoint as checkpoints
from wherefrom.formats import note as notes
from wherefrom.formats.checkpoint import Checkpoint
from wherefrom.formats.own import Tombstone
from wherefrom.formats.tiles import encode_bundle, entries_path, tile_path
from wherefrom.keys.ed25519 import check_note
from wherefrom.log.audit_piece import read_own
from wherefrom.log.contents import FOLDER, contents_path, write_contents
from wherefrom.log.logged import Position
from wherefrom.log.reader import LogReader
from wherefrom.log.tree import TILE_WIDTH, LogTree, read_blob_tile
from wherefrom.merkle.hashing import HASH_BYTES, hash_leaves
from wherefrom.storage.file_blobs import FileBlobs
from wherefrom.storage.whole_file import replace_whole

Progress = Callable[[int, int], None]

_PROGRESS_EVERY = 64 * TILE_WIDTH


def export(
    reader: LogReader, folder: Path, *, contents: bool = False, progress: Progress | None = None
) -> Position:
    """Export the log at the checkpoint it shows; returns the position exported.

    folder    new, empty, or an earlier export of the same log, which is extended
    contents  also what the entries commit to, so that the log can be made again from the export;
              what was erased since an earlier export leaves it
    progress  called with entries done and entries in all

    Raises AlreadyExists if ``folder`` holds another log or a longer one, Corrupt if what is
    stored does not lead to the signed root, StorageError.
    """
    reader.refresh()
    signed, position = reader.shown()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        # 1. What is there already, and is it the beginning of this log?
        before = _exported_size(reader, folder, position.size)
        # 2. Tiles and bundles. Until the checkpoint is moved nobody looks for them.
        blobs = FileBlobs(folder)
        tree = _write_tiles(reader, blobs, before, position.size, progress or (lambda a, b: None))
        if tree.size and tree.root() != position.root:
            raise Corrupt(
                f"the entries do not lead to the root signed at size {position.size}",
                expected=position.root.hex(),
                got=tree.root().hex(),
                do="Run wherefrom log audit: it names the entry or tile that was changed",
            )
        if contents:
            _write_contents(reader, folder, before, position.size)
        blobs.sync()
        # 3. Commit: the only step that changes what readers of the folder see.
        replace_whole(folder / "checkpoint", signed)
        # 4. Partial tiles whose full tile is there now; clients fall back to that one.
        _remove_partials(folder, before, position.size)
    except OSError as error:
        raise StorageError("cannot export", where=str(folder), got=error) from error
    return position


def _read(reader: LogReader, signed: bytes) -> Checkpoint:
    return checkpoints.parse(check_note(notes.parse(signed), reader.stored.log_keys))


def _exported_size(reader: LogReader, folder: Path, size: int) -> int:
    try:
        before = _read(reader, (folder / "checkpoint").read_bytes())
    except FileNotFoundError:
        return 0
    longer = before.size > size
    if before.origin == reader.origin and not longer and reader.root_at(before.size) == before.root:
        return before.size
    raise AlreadyExists(
        "the folder holds a longer log" if longer else "the folder holds another log",
        where=str(folder / "checkpoint"),
        expected=f"the beginning of {reader.origin} at size {size}",
        got=f"{before.origin} at size {before.size}",
        do="Choose another folder, or compare the two with: wherefrom log compare",
    )


def _write_tiles(
    reader: LogReader, blobs: FileBlobs, before: int, size: int, progress: Progress
) -> LogTree:
    start = before // TILE_WIDTH * TILE_WIDTH
    tree = LogTree.at(start, lambda level, n: _own_tile(blobs, level, n))
    bundle: list[bytes] = []
    for written in reader.entries(start, size):
        bundle.append(written)
        if len(bundle) == TILE_WIDTH:
            _write_bundle(blobs, tree, bundle)
            bundle = []
            if tree.size % _PROGRESS_EVERY == 0:
                progress(tree.size, size)
    if bundle:
        _write_bundle(blobs, tree, bundle)
    for level, n, width in _partials(size):
        hashes = tree.tile(level, n, width)[: width * HASH_BYTES]
        blobs.replace(tile_path(level, n, width), hashes)
    progress(size, size)
    return tree


def _write_contents(reader: LogReader, folder: Path, before: int, size: int) -> None:
    if not (folder / FOLDER).exists():
        before = 0  # the earlier export was made without
    started = before // TILE_WIDTH
    erased = {index // TILE_WIDTH for index in _erased(reader, before, size)}
    for n in (*sorted(n for n in erased if n < started), *range(started, -(-size // TILE_WIDTH))):
        first, limit = n * TILE_WIDTH, min((n + 1) * TILE_WIDTH, size)
        path = folder / contents_path(n, limit - first)
        write_contents(path, reader.records(first, limit), first=first)


def _erased(reader: LogReader, first: int, limit: int) -> Iterator[int]:
    """What the log says is erased in this stretch of it."""
    for index, written in enumerate(reader.entries(first, limit), start=first):
        if b'"kind":"tombstone"' in written:
            content = reader.record(index).content
            with suppress(Refused):
                decision = read_own(content or b"")
                if isinstance(decision, Tombstone):
                    yield decision.entry


def _write_bundle(blobs: FileBlobs, tree: LogTree, bundle: list[bytes]) -> None:
    blobs.replace(entries_path(tree.size // TILE_WIDTH, len(bundle)), encode_bundle(bundle))
    full = tree.extend(hash_leaves(bundle))
    for tile in full:
        blobs.replace(tile_path(tile.level, tile.n), tile.hashes)
    tree.published(full)


def _own_tile(blobs: FileBlobs, level: int, n: int) -> bytes:
    try:
        return read_blob_tile(blobs, level, n)
    except NotFound as error:
        raise Corrupt(
            "an exported tile is missing", where=error.where, do="Export into a new folder"
        ) from error


def _partials(size: int) -> Iterator[tuple[int, int, int]]:
    """(level, n, width) of the hash tiles at ``size`` that are not full."""
    level = 0
    while hashes := size >> 8 * level:
        if hashes % TILE_WIDTH:
            yield level, hashes // TILE_WIDTH, hashes % TILE_WIDTH
        level += 1


def _remove_partials(folder: Path, before: int, size: int) -> None:
    for level, n, _ in _partials(before):
        if (n + 1) * TILE_WIDTH > size >> 8 * level:
            continue  # still not full: somebody may hold the older checkpoint
        names = [tile_path(level, n)]
        names += [entries_path(n), contents_path(n, TILE_WIDTH)] if level == 0 else []
        for name in names:
            with suppress(FileNotFoundError):
                shutil.rmtree(folder / f"{name}.p")
