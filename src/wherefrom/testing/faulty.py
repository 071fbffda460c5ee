"""The three storage contracts with faults, from a seed: what a log must survive.

    refused      nothing was written, and the caller hears so
    unanswered   it was written, and the answer was lost
    torn         a part of an append was written (whole frames), and the answer was lost
    died         the process ends before or after the call: ``Died``, which nothing catches
    power cut    ``power_cut``: unsynced blobs are lost, torn or kept; a head that was not moved
                 durably falls back to any state since the last one that was

One ``Faults`` drives all three, so a seed is a whole history.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from enum import Enum

from wherefrom.errors import AlreadyExists, Fenced, JournalFailed, NotFound, StorageError
from wherefrom.storage.contracts import (
    Blobs,
    Damage,
    Head,
    Journal,
    Piece,
    Record,
    Surveyed,
    Tail,
)


class Died(BaseException):
    """The process is gone: throw away every object above the storage, then open again."""


class Fault(Enum):
    """What happens to one call."""

    REFUSED = "refused"
    UNANSWERED = "unanswered"
    TORN = "torn"
    DIED_BEFORE = "died before"
    DIED_AFTER = "died after"


class Faults:
    """Decides from a seed what happens to each call; ``rate`` 0 makes everything work.

    happened  every fault so far, as "what: fault", for a message when a test fails
    """

    def __init__(self, seed: int, *, rate: float = 0.1) -> None:
        self.random = random.Random(seed)
        self.rate = rate
        self.happened: list[str] = []

    def of(self, call: str, *, torn: bool = False) -> Fault | None:
        """The fault of this call, or None; ``torn`` if a part of it can be written."""
        if self.random.random() >= self.rate:
            return None
        kinds = [f for f in Fault if torn or f is not Fault.TORN]
        fault = self.random.choice(kinds)
        self.happened.append(f"{call}: {fault.value}")
        if fault is Fault.DIED_BEFORE:
            raise Died(call)
        return fault


def _after(fault: Fault | None, call: str) -> None:
    if fault is Fault.DIED_AFTER:
        raise Died(call)
    if fault is Fault.UNANSWERED:
        raise StorageError(f"{call}: the answer was lost")


class FaultyJournal:
    """A journal whose appends may be refused, torn or unanswered."""

    def __init__(self, journal: Journal, faults: Faults) -> None:
        self._journal = journal
        self._faults = faults
        self._failed = False

    def begin(self, *, epoch: int, tail: Tail) -> None:
        self._failed = False
        self._journal.begin(epoch=epoch, tail=tail)

    def append(self, records: Sequence[Record]) -> Tail:
        if self._failed:
            raise JournalFailed("the journal failed before and takes no more")
        fault = self._faults.of("append", torn=True)
        if fault is Fault.REFUSED:
            raise StorageError("append: refused")
        if fault is Fault.TORN:
            records = records[: self._faults.random.randrange(len(records) + 1)]
        tail = self._journal.append(records) if records else None
        if fault is Fault.DIED_AFTER:
            raise Died("append")
        if fault is not None or tail is None:
            self._failed = True
            raise JournalFailed("append: the answer was lost")
        return tail

    def beyond(self, *, tail: Tail, epoch: int) -> Iterator[tuple[Tail, list[Record]]]:
        return self._journal.beyond(tail=tail, epoch=epoch)

    def entries(self, *, tail: Tail, first: int, limit: int) -> Iterator[bytes]:
        return self._journal.entries(tail=tail, first=first, limit=limit)

    def records(self, *, tail: Tail, first: int, limit: int) -> Iterator[Record]:
        return self._journal.records(tail=tail, first=first, limit=limit)

    def erase(self, index: int, *, tail: Tail) -> None:
        fault = self._faults.of("erase")
        if fault is Fault.REFUSED:
            raise StorageError("erase: refused")
        self._journal.erase(index, tail=tail)
        _after(fault, "erase")

    def survey(self, *, tail: Tail) -> tuple[Sequence[Piece], list[Damage]]:
        if not isinstance(self._journal, Surveyed):
            raise TypeError(f"a {type(self._journal).__name__} cannot be surveyed")
        return self._journal.survey(tail=tail)


class FaultyBlobs:
    """Blobs that reach the store below only when they are synced, or by luck in a power cut."""

    def __init__(self, blobs: Blobs, faults: Faults) -> None:
        self._blobs = blobs
        self._faults = faults
        self._unsynced: dict[str, bytes] = {}

    def put(self, name: str, written: bytes) -> None:
        fault = self._faults.of(f"put {name}")
        if fault is Fault.REFUSED:
            raise StorageError("put: refused")
        try:
            if self.get(name) != written:
                raise AlreadyExists("a blob's name is taken by other bytes", where=name)
        except NotFound:
            self._unsynced[name] = written
        _after(fault, "put")

    def get(self, name: str) -> bytes:
        held = self._unsynced.get(name)
        return self._blobs.get(name) if held is None else held

    def names(self, prefix: str) -> Iterator[str]:
        below = prefix.rstrip("/") + "/"
        mine = {name for name in self._unsynced if name.startswith(below)}
        return iter(mine | set(self._blobs.names(prefix)))

    def sync(self) -> None:
        fault = self._faults.of("sync")
        if fault is Fault.REFUSED:
            raise StorageError("sync: refused")
        for name, written in self._unsynced.items():
            self._blobs.replace(name, written)
        self._unsynced.clear()
        self._blobs.sync()
        _after(fault, "sync")

    def replace(self, name: str, written: bytes) -> None:
        self._unsynced[name] = written

    def power_cut(self) -> None:
        """What was not synced is lost, torn, or there by luck."""
        for name, written in self._unsynced.items():
            luck = self._faults.random.random()
            if luck < 0.3:
                self._blobs.replace(name, written)
            elif luck < 0.5:
                self._blobs.replace(name, written[: len(written) // 2])
        self._unsynced.clear()


class FaultyHead:
    """A head whose swaps reach the store below when they are durable, or by luck."""

    def __init__(self, head: Head, faults: Faults) -> None:
        self._head = head
        self._faults = faults
        self._since: list[bytes] = []  # values swapped in, not durably, the oldest first

    def read(self) -> tuple[int, bytes] | None:
        found = self._head.read()
        if not self._since:
            return found
        return (found[0] if found else 0) + len(self._since), self._since[-1]

    def swap(self, *, expected: int, value: bytes, durable: bool) -> int:
        fault = self._faults.of("swap")
        if fault is Fault.REFUSED:
            raise StorageError("swap: refused")
        found = self.read()
        if (found[0] if found else 0) != expected:
            raise Fenced("another writer moved the head", got=found)
        self._since.append(value)
        if durable:
            self._settle(len(self._since))
        _after(fault, "swap")
        moved = self.read()
        assert moved is not None
        return moved[0]

    def _settle(self, count: int) -> None:
        for value in self._since[:count]:
            found = self._head.read()
            self._head.swap(expected=found[0] if found else 0, value=value, durable=True)
        self._since.clear()

    def power_cut(self) -> None:
        """Fall back to the last durable state, or to any later one."""
        self._settle(self._faults.random.randint(0, len(self._since)))
