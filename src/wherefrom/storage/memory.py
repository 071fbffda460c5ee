"""All three contracts in memory: for tests, and to show the contracts without a disk.

A journal here can be handed to a second writer, so fencing is tried on it as on files.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from wherefrom.errors import AlreadyExists, Fenced, NotFound
from wherefrom.formats.entry import NONCE_BYTES
from wherefrom.storage.contracts import EMPTY, Damage, Record, Stretch, Tail

_ERASED: Final = bytes(NONCE_BYTES)


class MemoryJournal:
    """Segments are lists; a segment's name is ``<first>-<epoch>``."""

    def __init__(self) -> None:
        self._segments: dict[str, list[Record]] = {}
        self._previous: dict[str, Tail] = {}
        self._epoch = 0
        self._tail = EMPTY

    def shared(self) -> MemoryJournal:
        """A second view of the same stored segments, as another process would have."""
        other = MemoryJournal()
        other._segments, other._previous = self._segments, self._previous
        return other

    def begin(self, *, epoch: int, tail: Tail) -> None:
        self._epoch, self._tail = epoch, tail

    def append(self, records: Sequence[Record]) -> Tail:
        name = f"{self._tail.size}-{self._epoch}"
        if self._tail.segment.endswith(f"-{self._epoch}"):
            name = self._tail.segment
        else:
            self._segments[name], self._previous[name] = [], self._tail
        segment = self._segments[name]
        segment.extend(records)
        self._tail = Tail(self._tail.size + len(records), name, len(segment))
        return self._tail

    def beyond(self, *, tail: Tail, epoch: int) -> Iterator[tuple[Tail, list[Record]]]:
        name, at = tail.segment, tail.length
        if not name.endswith(f"-{epoch}"):
            name, at = f"{tail.size}-{epoch}", 0
        rest = self._segments.get(name, [])[at:]
        for number, record in enumerate(rest, start=1):
            yield Tail(tail.size + number, name, at + number), [_shown(record)]

    def _chain(self, tail: Tail) -> list[Record]:
        parts: list[list[Record]] = []
        while tail.size:
            parts.append(self._segments[tail.segment][: tail.length])
            tail = self._previous[tail.segment]
        return [r for part in reversed(parts) for r in part]

    def entries(self, *, tail: Tail, first: int, limit: int) -> Iterator[bytes]:
        return (r.entry for r in self.records(tail=tail, first=first, limit=limit))

    def records(self, *, tail: Tail, first: int, limit: int) -> Iterator[Record]:
        if not 0 <= first <= limit <= tail.size:
            raise IndexError(f"entries {first} to {limit} of a journal of {tail.size}")
        return map(_shown, self._chain(tail)[first:limit])

    def erase(self, index: int, *, tail: Tail) -> None:
        if not 0 <= index < tail.size:
            raise IndexError(f"entry {index} of a journal of {tail.size}")
        while True:
            previous = self._previous[tail.segment]
            if index >= previous.size:
                break
            tail = previous
        at = index - previous.size
        old = self._segments[tail.segment][at]
        if old.content is not None:
            zeros = Record(old.entry, _ERASED, bytes(len(old.content)))
            self._segments[tail.segment][at] = zeros

    def survey(self, *, tail: Tail) -> tuple[list[MemoryPiece], list[Damage]]:
        return [MemoryPiece(0, tail.size, self._chain(tail))], []


@dataclass(frozen=True)
class MemoryPiece:
    """The whole journal as one piece."""

    first: int
    limit: int
    records: list[Record]

    def walk(self) -> Iterator[Stretch | Damage]:
        for index, record in enumerate(self.records):
            nonce, content = record.nonce, record.content
            held = None if nonce is None or content is None else [nonce + content]
            yield Stretch("journal", index, [record.entry], held)


def _shown(record: Record) -> Record:
    return Record(record.entry, None, None) if record.nonce == _ERASED else record


class MemoryBlobs:
    """A dictionary that refuses to change a value."""

    def __init__(self) -> None:
        self._held: dict[str, bytes] = {}

    def put(self, name: str, written: bytes) -> None:
        if self._held.setdefault(name, written) != written:
            raise AlreadyExists("a blob's name is taken by other bytes", where=name)

    def get(self, name: str) -> bytes:
        try:
            return self._held[name]
        except KeyError:
            raise NotFound("no such blob", where=name) from None

    def names(self, prefix: str) -> Iterator[str]:
        return (n for n in list(self._held) if n.startswith(prefix.rstrip("/") + "/"))

    def sync(self) -> None:
        """Nothing here survives the process."""

    def replace(self, name: str, written: bytes) -> None:
        self._held[name] = written


class MemoryHead:
    """One value and its generation."""

    def __init__(self) -> None:
        self._held: tuple[int, bytes] | None = None

    def read(self) -> tuple[int, bytes] | None:
        return self._held

    def swap(self, *, expected: int, value: bytes, durable: bool) -> int:
        found = self._held[0] if self._held else 0
        if found != expected:
            raise Fenced(
                "another writer moved the head", expected=f"generation {expected}", got=found
            )
        self._held = (expected + 1, value)
        return expected + 1
