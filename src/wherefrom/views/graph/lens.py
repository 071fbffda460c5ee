"""How far a reader looks, what it gets back, and the little that every statement needs.

A ``Lens`` keeps entries below ``as_of``, and with ``at`` only what is dated up to then (by
``occurred``, else by ``received``).

Sizes:  a statement takes at most CHUNK numbers
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import Any, Final, NamedTuple

CHUNK: Final = 500
# When an entry's facts hold, in SQL; ``e`` is its row in entries.
TIME: Final = "coalesce(e.occurred, e.received)"


class Lens(NamedTuple):
    """``as_of`` is a log size; ``at`` a time as the entry writes it, or None for any time."""

    as_of: int
    at: str | None = None


class Step(NamedTuple):
    """One edge, by number; ``first`` is the lowest entry that states it."""

    effect: int
    relation: int
    cause: int
    first: int
    flags: int


class Mention(NamedTuple):
    """What one entry says of one node; ``kind`` is a number, ``properties`` JSON text."""

    node: int
    entry: int
    kind: int
    name: str | None
    properties: str | None


class Judgement(NamedTuple):
    """An entry, and how far it is believed at the lens's size."""

    entry: int
    kind: str
    type: str
    occurred: str | None
    received: str
    door: str
    door_signers: tuple[str, ...]
    level: str
    signers: tuple[str, ...]
    verdict: int | None

    @property
    def time(self) -> str:
        """When it happened, else when it was heard."""
        return self.occurred or self.received


def bind(first: object, lens: Lens) -> tuple[Any, ...]:
    """The arguments ?1, ?2 and, only when the statement has it, ?3."""
    return (first, lens.as_of) if lens.at is None else (first, lens.as_of, lens.at)


def chunks(numbers: Collection[int]) -> Iterator[Sequence[int]]:
    """``numbers`` in parts that one statement may ask for."""
    listed = numbers if isinstance(numbers, Sequence) else sorted(numbers)
    for start in range(0, len(listed), CHUNK):
        yield listed[start : start + CHUNK]


def encodes(text: str) -> bool:
    """Whether SQLite can be asked for it: half a surrogate pair is in no id."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
