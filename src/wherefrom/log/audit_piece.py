"""Check one piece of the journal: each entry, its content, and the level-0 tiles it fills.

    Stretch ──► entry in its one spelling ──► content against its commitment
            └─► leaf hashes ──► 256 of them against tile/0/… ──► the tile's root, for audit_tree

This is where an audit spends its time, and small hashes hold Python's lock, so a piece is what
one process takes. Nothing is believed but hashes: an entry that its frame's checksum passes may
still have been changed by somebody who knows the format.

Sizes:  about 3 µs an entry · a content is hashed at the speed of the machine
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from hashlib import sha256
from itertools import pairwise
from typing import Final

import msgspec

from wherefrom.errors import Error, NotFound
from wherefrom.formats import dsse, own, strict_json
from wherefrom.formats import entry as entries
from wherefrom.formats.entry import ENTRY_KINDS, LEVELS, NONCE_BYTES
from wherefrom.formats.own import Decision, Tombstone
from wherefrom.formats.tiles import tile_path
from wherefrom.log.replay import CHANGING_KINDS, need_service_signature
from wherefrom.log.tree import TILE_BYTES, TILE_WIDTH
from wherefrom.merkle.hashing import HASH_BYTES, hash_leaves
from wherefrom.merkle.tree import hash_tile
from wherefrom.storage.contracts import Blobs, Damage, Piece, Stretch

REBUILDABLE: Final = "rebuildable from the entries: wherefrom log recover"
_ERASED: Final = bytes(NONCE_BYTES)
_TIME: Final = (
    rb"[0-9]{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12][0-9]|3[01])"
    rb"T(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]\.[0-9]{6}Z"
)
# Nearly every entry: one signer at most, and a type with nothing to escape. What this passes,
# entry.parse passes too (a test compares them); what it does not pass, entry.parse decides.
_PLAIN: Final = re.compile(
    rb'\{"content":"sha256:([0-9a-f]{64})","kind":"([a-z]+)","occurred":(?:null|"'
    + _TIME
    + rb'"),"producer":"(?:p:[0-9a-f]{32}|local:(?:0|[1-9][0-9]{0,9})|self)","received":"'
    + _TIME
    + rb'","size":(?:0|[1-9][0-9]{0,14}),"trust":\{"level":"([a-z]+)",'
    rb'"signers":\[(?:"k:[0-9a-f]{32}")?\]\},"type":"[ !#-\[\]-~]{1,256}","v":1\}'
)
_KINDS: Final = frozenset(kind.encode() for kind in ENTRY_KINDS)
_LEVELS: Final = frozenset(level.encode() for level in LEVELS)


class Problem(msgspec.Struct, frozen=True):
    """Something that is not as it was written: which entry or file, and what about it.

    entry  index of the entry, or of the first of several; None when no entry is meant
    """

    entry: int | None
    file: str
    what: str


class Checked(msgspec.Struct):
    """What one piece showed.

    loose       (index, leaf hash or None) of tiles that are not wholly in this piece
    roots       of the full level-0 tiles from number ``tile`` on; None where nothing tells
    missing     tiles that could not be found, and what they must hold
    unlike      entry → file, where content or nonce is not what the entry commits to
    erased      entries whose content and nonce are zeros
    tombstones  entry → the tombstone that names it
    genesis     the content of entry 0, if this piece has it
    changes     index, content and time of each record of our own that changes who may do what
    """

    first: int
    limit: int
    tile: int = 0
    loose: list[tuple[int, bytes | None]] = []
    roots: list[bytes | None] = []
    problems: list[Problem] = []
    missing: dict[str, bytes | None] = {}
    unlike: dict[int, str] = {}
    erased: list[int] = []
    tombstones: dict[int, int] = {}
    genesis: bytes | None = None
    changes: list[tuple[int, bytes, str]] = []


def check_piece(piece: Piece, blobs: Blobs, service_key: bytes | None = None) -> Checked:
    """Read a piece from end to end. Never raises for what is stored.

    service_key  32 bytes, by which records of our own must be signed; None where nothing tells
    """
    return _PieceCheck(piece, blobs, service_key).run()


class _PieceCheck:
    def __init__(self, piece: Piece, blobs: Blobs, service_key: bytes | None) -> None:
        self._piece = piece
        self._service_key = service_key
        self._blobs = blobs
        self._checked = Checked(piece.first, piece.limit)
        self._checked.tile = -(-piece.first // TILE_WIDTH)
        self._first = piece.first  # of the leaf hashes gathered so far
        self._row: list[bytes | None] = []

    def run(self) -> Checked:
        for part in self._piece.walk():
            if isinstance(part, Damage):
                self._checked.problems.append(problem_of(part))
                self._gather([None] * (part.limit - part.first))
            else:
                self._check_entries(part)
                self._gather(hash_leaves(part.entries))
        self._checked.loose += enumerate(self._row, start=self._first)
        return self._checked

    # -- the tiles

    def _gather(self, hashes: Sequence[bytes | None]) -> None:
        at = 0
        while at < len(hashes):
            room = TILE_WIDTH - (self._first + len(self._row)) % TILE_WIDTH
            self._row += hashes[at : at + room]
            at += room
            if (self._first + len(self._row)) % TILE_WIDTH:
                return
            if len(self._row) < TILE_WIDTH:
                self._checked.loose += enumerate(self._row, start=self._first)
            else:
                checked = self._checked
                tile = check_tile(self._first // TILE_WIDTH, self._row, self._blobs)
                checked.roots.append(tile.root)
                checked.problems += tile.problems
                checked.missing.update(tile.missing)
            self._first += len(self._row)
            self._row = []

    # -- entries and contents

    def _check_entries(self, part: Stretch) -> None:
        if part.beside is None:
            for index, written in enumerate(part.entries, start=part.first):
                self._read_entry(index, written, part.file)
            return
        checked = self._checked
        for index, written, beside in zip(
            range(part.first, part.first + len(part.entries)), part.entries, part.beside,
            strict=True,
        ):  # fmt: skip
            commitment, own_kind = self._read_entry(index, written, part.file)
            if beside.startswith(_ERASED):
                checked.erased.append(index)
                if beside.count(0) != len(beside):
                    self._problem(index, part.file, "its nonce is erased and its content is not")
            elif commitment and sha256(beside).hexdigest().encode() != commitment:
                checked.unlike[index] = part.file
            elif own_kind:
                self._take_own(index, own_kind, written, beside[NONCE_BYTES:], part.file)

    def _read_entry(self, index: int, written: bytes, file: str) -> tuple[bytes, bytes]:
        """(commitment in hex, its kind if it is Wherefrom's own); both empty if it is broken."""
        plain = _PLAIN.fullmatch(written)
        if plain is not None:
            commitment, kind, level = plain.groups()
            if kind in _KINDS and level in _LEVELS:
                return commitment, kind if level == b"self" else b""
        try:
            parsed = entries.parse(written)
        except Error as error:
            self._problem(index, file, f"not an entry in its one spelling: {error}")
            return b"", b""
        own_kind = parsed.kind if parsed.trust.level == "self" else ""
        return parsed.content.removeprefix("sha256:").encode(), own_kind.encode()

    def _take_own(self, index: int, kind: bytes, written: bytes, content: bytes, file: str) -> None:
        if kind == b"tombstone":
            self._take_tombstone(index, content, file)
        elif kind == b"genesis" and index == 0:
            self._checked.genesis = content
        if kind in CHANGING_KINDS:
            received = entries.read_stored(written, where=f"entry {index}").received
            self._checked.changes.append((index, content, received))
        elif self._service_key is not None:
            try:
                need_service_signature(content, self._service_key)
            except Error as error:
                self._problem(index, file, f"a record that is not the log's own: {error}")

    def _take_tombstone(self, index: int, content: bytes, file: str) -> None:
        try:
            decision = read_own(content)
        except Error as error:
            self._problem(index, file, f"a tombstone that cannot be read: {error}")
            return
        if isinstance(decision, Tombstone):
            self._checked.tombstones.setdefault(decision.entry, index)

    def _problem(self, index: int, file: str, what: str) -> None:
        self._checked.problems.append(Problem(index, file, f"entry {index}: {what}"))


def read_own(content: bytes) -> Decision:
    """What a record of Wherefrom's own decided. Raises Refused."""
    envelope = dsse.parse(strict_json.as_object(strict_json.decode(content), where="content"))
    return own.parse_payload(envelope.payload_type, envelope.payload)


def problem_of(damage: Damage) -> Problem:
    """A Damage in the words of a report."""
    if damage.first == damage.limit:
        return Problem(None, damage.file, damage.what)
    return Problem(damage.first, damage.file, f"{_span(damage.first, damage.limit)}: {damage.what}")


def _span(first: int, limit: int) -> str:
    return f"entry {first}" if limit == first + 1 else f"entries {first} to {limit - 1}"


class CheckedTile(msgspec.Struct):
    """A full tile: its root as far as it is known, and what is wrong with what is stored."""

    root: bytes | None
    problems: list[Problem] = []
    missing: dict[str, bytes | None] = {}


def check_tile(n: int, hashes: Sequence[bytes | None], blobs: Blobs) -> CheckedTile:
    """Compare 256 leaf hashes (None for an entry that cannot be read) with the stored tile."""
    name = tile_path(0, n)
    known = [value for value in hashes if value is not None]
    computed = b"".join(known) if len(known) == TILE_WIDTH else None
    problems: list[Problem] = []
    stored = read_stored(blobs, name, problems)
    if stored is None:
        missing = {} if problems else {name: computed}
        return CheckedTile(hash_tile(computed) if computed else None, problems, missing)
    if stored == computed:
        return CheckedTile(hash_tile(computed))
    other = [
        n * TILE_WIDTH + place
        for place, value in enumerate(hashes)
        if value is not None and stored[place * HASH_BYTES :][:HASH_BYTES] != value
    ]
    if not other:  # some entries cannot be read, and the tile holds their hashes
        return CheckedTile(hash_tile(stored), problems)
    # Two witnesses disagree: the tile above says which of them was changed.
    above = _hash_above(n, blobs)
    stored_root = hash_tile(stored)
    if above == stored_root or (above is None and computed is None):
        for first, limit in _ranges(other):
            what = f"{_span(first, limit)}: not what the hashes in its tile were made of"
            problems.append(Problem(first, name, what))
        return CheckedTile(stored_root, problems)
    what = f"does not hold the hashes of its entries, from entry {other[0]} on"
    problems.append(Problem(other[0], name, f"{what}; {REBUILDABLE}"))
    return CheckedTile(hash_tile(computed) if computed else None, problems)


def _ranges(numbers: list[int]) -> Iterator[tuple[int, int]]:
    """(first, limit) of each run of neighbours in an ascending list."""
    first = numbers[0]
    for here, following in pairwise([*numbers, -1]):
        if following != here + 1:
            yield first, here + 1
            first = following


def read_stored(blobs: Blobs, name: str, problems: list[Problem]) -> bytes | None:
    """A full tile, or None: it is missing, or broken, which is then among ``problems``."""
    try:
        stored = blobs.get(name)
    except NotFound:
        return None
    except Error as error:
        problems.append(Problem(None, name, str(error)))
        return None
    if len(stored) == TILE_BYTES:
        return stored
    what = f"{len(stored)} bytes long, not {TILE_BYTES}; {REBUILDABLE}"
    problems.append(Problem(None, name, what))
    return None


def _hash_above(n: int, blobs: Blobs) -> bytes | None:
    upper = read_stored(blobs, tile_path(1, n // TILE_WIDTH), [])
    if upper is None:
        return None
    return upper[n % TILE_WIDTH * HASH_BYTES :][:HASH_BYTES]
