"""The three contracts below the log: a journal, immutable blobs, and a tiny head.

    log ──► Journal   entries, nonces, contents; durable on return; erased in place
        ──► Blobs     full tiles, written once under their name
        ──► Head      a few hundred bytes, moved by compare-and-swap: what counts

Every adapter passes tests/contracts. A fault has two kinds, and an adapter tells them apart:
*refused* (nothing was written: ``StorageError``) and *unanswered* (it may have been written:
``JournalFailed``), after which the writer never acknowledges again.

Sizes:  an index counts from 0, a size from 1 · a head at most 64 KiB
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple, Protocol, runtime_checkable


class Record(NamedTuple):
    """One entry and what lies beside it.

    entry    the canonical entry, at most 65,535 bytes
    nonce    16 bytes, or None: erased, or an entry kept without its content
    content  the bytes that entry commits to, or None together with ``nonce``
    """

    entry: bytes
    nonce: bytes | None
    content: bytes | None


class Tail(NamedTuple):
    """Where a journal ends: the first ``size`` entries, ``length`` bytes into ``segment``.

    ``segment`` is empty in a journal that holds nothing yet.
    """

    size: int
    segment: str
    length: int


EMPTY = Tail(0, "", 0)


class Stretch(NamedTuple):
    """Neighbouring entries as an audit reads them: whole, but not compared with any hash yet.

    file    where they lie
    first   index of the first of them
    beside  nonce16 ‖ content of each, as stored (zeros when erased), or None when the journal
            keeps none; read one by one, so it is walked once
    """

    file: str
    first: int
    entries: list[bytes]
    beside: Iterable[bytes] | None


class Damage(NamedTuple):
    """What is wrong with the stored form: entries ``first`` to ``limit`` cannot be read.

    None of them if both are equal. An audit goes on after it.
    """

    file: str
    first: int
    limit: int
    what: str


class Piece(Protocol):
    """A part of the journal that one process can audit alone; small, and can be pickled."""

    @property
    def first(self) -> int: ...

    @property
    def limit(self) -> int: ...

    def walk(self) -> Iterator[Stretch | Damage]:
        """Every entry from ``first`` to ``limit``, in order, in a Stretch or a Damage."""


class Journal(Protocol):
    """Entries in order, with their contents.

    Promises: what ``append`` returned for survives any crash, at its index. What it raised for is
    either wholly absent or may surface as whole frames in ``beyond``, durable before it is given;
    nothing in between. A segment carries its writer's epoch, so what a fenced writer appends
    later is never read.
    """

    def begin(self, *, epoch: int, tail: Tail) -> None:
        """Become the writer of ``epoch`` after ``tail``; what lies beyond it no longer counts."""

    def append(self, records: Sequence[Record]) -> Tail:
        """Write ``records`` durably. Raises StorageError (refused) or JournalFailed (for good)."""

    def beyond(self, *, tail: Tail, epoch: int) -> Iterator[tuple[Tail, list[Record]]]:
        """Whole frames that ``epoch`` wrote after ``tail``, each with the tail it leads to."""

    def entries(self, *, tail: Tail, first: int, limit: int) -> Iterator[bytes]:
        """Entries ``first`` to ``limit`` (exclusive) below ``tail``. Raises Corrupt, IndexError."""

    def records(self, *, tail: Tail, first: int, limit: int) -> Iterator[Record]:
        """The same with nonces and contents; those erased are None. Raises Corrupt, IndexError."""

    def erase(self, index: int, *, tail: Tail) -> None:
        """Overwrite the content and nonce of an entry, durably. Erasing again changes nothing.

        After a crash in the middle a part of the content may still be read: erase it again.
        """


@runtime_checkable
class Surveyed(Protocol):
    """What an audit asks of a journal, beside its contract: everything, past any damage."""

    def survey(self, *, tail: Tail) -> tuple[Sequence[Piece], list[Damage]]:
        """All pieces below ``tail`` in order, and what is wrong around them. Never raises."""


class Blobs(Protocol):
    """Immutable bytes under a relative name such as ``tile/0/x001/234``.

    Promises: a name, once readable, always gives the same bytes; a reader never sees half.
    """

    def put(self, name: str, written: bytes) -> None:
        """Write once; the same bytes again are fine. Raises AlreadyExists for other bytes."""

    def get(self, name: str) -> bytes:
        """The bytes under ``name``. Raises NotFound."""

    def names(self, prefix: str) -> Iterator[str]:
        """Every name below the folder ``prefix``, in no order."""

    def sync(self) -> None:
        """Make every earlier ``put`` survive a power cut."""

    def replace(self, name: str, written: bytes) -> None:
        """For recovery alone: put right bytes where broken ones lie."""


class Head(Protocol):
    """One small value that only one of two racing writers can move."""

    def read(self) -> tuple[int, bytes] | None:
        """``(generation, value)``, or None before the first swap. Raises Corrupt."""

    def swap(self, *, expected: int, value: bytes, durable: bool) -> int:
        """Replace generation ``expected`` (0: none yet); returns the new generation, a larger one.

        ``durable`` waits until a power cut cannot undo it. Raises Fenced if another writer moved
        it first: nothing is changed then.
        """


@runtime_checkable
class Slotted(Protocol):
    """What an audit asks of a head that keeps more than one copy of its value."""

    def damaged_slots(self) -> list[int]:
        """Copies that are not whole, though the head can be read. Raises StorageError."""

    def need_newest(self) -> None:
        """Raises Corrupt if no crash does this, so that the newest copy may be lost."""
