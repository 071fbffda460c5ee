"""Follow a log that somebody else keeps, and say when it does not keep its word.

    checkpoint ──► signed by its key? ──► grown from the last one seen? ──► entries ──► watch list
                      └ bad_signature        └ fork, rollback, tiles           └ match

Everything that a log shows is checked against the checkpoint before it is used, and that against
the one before: what a monitor has seen once, the log can never take back unseen. What it keeps
between two looks is the newest checkpoint and how far the entries were read.

A fork is told with its proof, which anybody can check who knows the log's key
(``compare.check_fork``).

Source: C2SP tlog-checkpoint, tlog-tiles; RFC 9162 §2.1.4
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, Protocol

import msgspec

from wherefrom.errors import Corrupt, Malformed, ProofError, Refused, SignatureError, Unavailable
from wherefrom.formats import note as notes
from wherefrom.formats.checkpoint import Checkpoint
from wherefrom.formats.note import VerifierKey
from wherefrom.formats.watch_list import WatchList
from wherefrom.keys.cosignatures import check_log_signature
from wherefrom.keys.log_keys import followed
from wherefrom.log.compare import Fork
from wherefrom.merkle.checked_tiles import CheckedTiles
from wherefrom.merkle.hashing import EMPTY_ROOT, hash_leaves
from wherefrom.merkle.proofs import verify_consistency
from wherefrom.merkle.tree import TILE_WIDTH, consistency_path, root_of

FORMAT: Final = 1
ALARMS: Final = ("fork", "rollback", "bad_signature", "tiles", "match")


class TileSource(Protocol):
    """Where a log is read from; all of it unchecked. Raises Unavailable."""

    def checkpoint(self) -> bytes: ...

    def tile(self, level: int, n: int, width: int) -> bytes: ...

    def bundle(self, n: int, width: int) -> list[bytes]: ...

    def log_keys(self) -> list[str]: ...


class Seen(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is kept of a log between two looks.

    note     the newest checkpoint that was found good, as it was served
    watched  entries below this index were held against the watch list
    keys     verifier keys that one trusted before has named (``keys.log_keys.followed``)
    """

    note: str
    watched: int = 0
    keys: tuple[str, ...] = ()
    format: int = FORMAT


class Event(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One thing that a look found; those in ``ALARMS`` are alarms.

    event  ``new`` (a checkpoint that is consistent with all before), ``same``, ``keys`` (a key that
           is trusted has named another), or an alarm
    size, root  of the checkpoint it speaks of; a root is hex
    proof  the two signed notes, when they alone prove a fork
    fork   what proves one between two sizes
    index, watched  the entry that matched, and the line of the watch list
    """

    event: str
    says: str
    size: int | None = None
    root: str | None = None
    proof: tuple[str, str] | None = None
    fork: Fork | None = None
    index: int | None = None
    watched: str | None = None

    @property
    def is_alarm(self) -> bool:
        """Must somebody look at it?"""
        return self.event in ALARMS


def parse_seen(written: bytes, *, log_key: VerifierKey, where: str) -> Seen:
    """Read what was kept. Raises Corrupt for what this log's key did not sign, or another shape."""
    try:
        seen = msgspec.json.decode(written, type=Seen)
        keys = [log_key, *map(notes.parse_verifier_key, seen.keys)]
        check_log_signature(notes.parse(seen.note.encode()), keys)
    except (msgspec.DecodeError, UnicodeError, Refused, SignatureError) as error:
        raise Corrupt(
            "what was seen of this log cannot be read",
            where=where,
            got=str(error),
            do="Restore the file; without it the monitor begins again and has seen nothing",
        ) from error
    if seen.format != FORMAT:
        raise Corrupt("what was seen is in another format", where=where, got=seen.format)
    return seen


class Monitor:
    """One log, look after look; ``seen`` is what has to be kept."""

    def __init__(
        self,
        source: TileSource,
        *,
        log_key: VerifierKey,
        seen: Seen | None = None,
        watch: WatchList | None = None,
    ) -> None:
        self._source = source
        self._keys = [log_key, *map(notes.parse_verifier_key, seen.keys if seen else ())]
        self._watch = watch
        self.seen = seen

    def look(self) -> Iterator[Event]:
        """What is new. ``seen`` has moved when an event is given. Raises Unavailable."""
        written = self._source.checkpoint()
        try:
            if (named := self._follow_keys(written)) is not None:
                yield named
            tree = self._parse(written)
        except (SignatureError, Malformed, Refused) as error:
            yield Event(event="bad_signature", says=f"the checkpoint is not the log's: {error}")
            return
        try:
            found, tiles = self._compare(written, tree)
            if found.event in ("new", "same"):
                watched = self.seen.watched if self.seen is not None else 0
                later = tuple(key.to_text() for key in self._keys[1:])
                self.seen = Seen(note=written.decode(), watched=watched, keys=later)
            yield found
            if found.event in ("new", "same"):
                yield from self._look_at_entries(tree, tiles)
        except ProofError as error:
            yield _event("tiles", f"what is served does not lead to the checkpoint: {error}", tree)

    def _parse(self, written: bytes) -> Checkpoint:
        return check_log_signature(notes.parse(written), self._keys)

    def _follow_keys(self, written: bytes) -> Event | None:
        """If another key has signed: is it one that a key we trust has named?"""
        lines = {(s.name, s.key_id) for s in notes.parse(written).signatures}
        if any((key.name, key.key_id) in lines for key in self._keys):
            return None
        found = followed(self._keys, self._source.log_keys())
        new = found[len(self._keys) :]
        self._keys = found
        named = ", ".join(f"{key.name}+{key.key_id.hex()}" for key in new)
        says = f"a key that was trusted has named another, which signs now: {named}"
        return Event(event="keys", says=says) if new else None

    # -- the tree

    def _compare(self, written: bytes, tree: Checkpoint) -> tuple[Event, CheckedTiles | None]:
        if tree.size == 0 and tree.root != EMPTY_ROOT:
            says = "a log of size 0 has one root, and this is another"
            return _event("fork", says, tree, proof=(written.decode(), written.decode())), None
        if self.seen is None:
            says = f"first seen at size {tree.size}: what was before is not known"
            return _event("new", says, tree), self._tiles(tree)
        before = self._parse(self.seen.note.encode())
        if tree.size == before.size:
            if tree.root == before.root:
                return _event("same", f"still size {tree.size}", tree), None
            says = f"two trees of {tree.size} entries: the log showed two histories"
            return _event("fork", says, tree, proof=(self.seen.note, written.decode())), None
        if tree.size < before.size:
            return self._went_back(written, tree, before), None
        tiles = self._tiles(tree)
        path = consistency_path(before.size, tree.size, tiles.hashes)
        if before.size and not _is_growth(before, tree, path):
            says = f"the tree of {tree.size} does not begin with the tree of {before.size}"
            fork = _fork(self.seen.note, before.size, written.decode(), tiles, path)
            return _event("fork", says, tree, fork=fork), None
        says = f"the tree of {tree.size} begins with the tree of {before.size}"
        return _event("new", says, tree), tiles

    def _went_back(self, written: bytes, tree: Checkpoint, before: Checkpoint) -> Event:
        """An older tree of this history, or a smaller one of another?"""
        assert self.seen is not None
        says = f"the log had {before.size} entries, and shows {tree.size}"
        try:
            tiles = self._tiles(before)
            root = root_of(tree.size, tiles.hashes) if tree.size else EMPTY_ROOT
            path = consistency_path(tree.size, before.size, tiles.hashes)
        except (Unavailable, ProofError):
            return _event(
                "rollback", f"{says}; it no longer serves the tiles of {before.size}", tree
            )
        if root == tree.root:
            return _event("rollback", f"{says} of the same history", tree)
        fork = _fork(written.decode(), tree.size, self.seen.note, tiles, path)
        return _event("fork", f"{says} of another history", tree, fork=fork)

    def _tiles(self, tree: Checkpoint) -> CheckedTiles:
        return CheckedTiles(size=tree.size, root=tree.root, fetch=self._source.tile)

    # -- the entries

    def _look_at_entries(self, tree: Checkpoint, tiles: CheckedTiles | None) -> Iterator[Event]:
        """Hold what was not read yet against the watch list."""
        assert self.seen is not None
        if self._watch is None or self.seen.watched >= tree.size:
            return
        tiles = tiles or self._tiles(tree)
        first = self.seen.watched
        for n in range(first // TILE_WIDTH, -(-tree.size // TILE_WIDTH)):
            start, limit = n * TILE_WIDTH, min((n + 1) * TILE_WIDTH, tree.size)
            bundle = checked_bundle(self._source, tiles, n, limit - start)
            for index, entry in enumerate(bundle, start=start):
                if index >= first:
                    yield from self._matches(index, entry, tree)
            self.seen = msgspec.structs.replace(self.seen, watched=limit)

    def _matches(self, index: int, entry: bytes, tree: Checkpoint) -> Iterator[Event]:
        assert self._watch is not None
        for line in self._watch.matches(entry):
            says = f"entry {index} matches line {line.line}: {line.says()}"
            yield Event(event="match", says=says, size=tree.size, index=index, watched=line.says())


def checked_bundle(source: TileSource, tiles: CheckedTiles, n: int, width: int) -> list[bytes]:
    """A bundle's entries, checked against the tile of their hashes. Raises ProofError,
    Unavailable."""
    try:
        entries = source.bundle(n, width)
    except Malformed as error:
        raise ProofError(f"bundle {n} cannot be read", got=error) from error
    hashes = b"".join(hash_leaves(entries))
    if len(entries) != width or not tiles.tile(0, n, width).startswith(hashes):
        raise ProofError(f"bundle {n} does not hold the entries that its tile has hashes of")
    return entries


def _is_growth(before: Checkpoint, tree: Checkpoint, path: list[bytes]) -> bool:
    try:
        verify_consistency(
            size1=before.size, size2=tree.size, path=path, root1=before.root, root2=tree.root
        )
    except ProofError:
        return False
    return True


def _fork(note: str, size: int, newest: str, tiles: CheckedTiles, path: list[bytes]) -> Fork:
    root = root_of(size, tiles.hashes) if size else EMPTY_ROOT
    return Fork(
        note=note, size=size, root=root.hex(), newest=newest, path=[value.hex() for value in path]
    )


def _event(
    event: str,
    says: str,
    tree: Checkpoint,
    *,
    proof: tuple[str, str] | None = None,
    fork: Fork | None = None,
) -> Event:
    return Event(
        event=event, says=says, size=tree.size, root=tree.root.hex(), proof=proof, fork=fork
    )
