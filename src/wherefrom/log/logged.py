"""What the log gives to everyone downstream, and the little they need to read it.

    Verified ──► log ──► Logged(index, entry, content or erased) ──► views

Sizes:  an index counts from 0, a size from 1
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple, Protocol

import msgspec

from wherefrom.formats.counted import Counted
from wherefrom.formats.entry import Entry
from wherefrom.formats.facts import Facts
from wherefrom.formats.heard import Heard


class Logged(msgspec.Struct, frozen=True):
    """One record in the log; ``content`` is None once it is erased (or was never kept here).

    facts  what ``content`` says, if somebody has read it already
    heard  what it is heard as, and what is counted of it (``counted``), likewise
    """

    index: int
    entry: Entry
    content: bytes | None
    facts: Facts | None = None
    heard: tuple[Heard, ...] | None = None
    counted: Counted | None = None


class Position(NamedTuple):
    """A point the log has reached, as its signed checkpoint says: entries below ``size``."""

    size: int
    root: bytes


class LogSource(Protocol):
    """What a view follows. Every promise holds while a writer appends.

    ``position`` is the newest signed checkpoint's. ``read(first, limit)`` gives the records from
    ``first``, in order, each once, to ``limit`` (exclusive, at most ``position().size``);
    a content erased by then is None. ``root_at`` is the root of the first ``size`` entries.
    """

    @property
    def origin(self) -> str: ...

    def position(self) -> Position: ...

    def read(self, first: int, limit: int) -> Iterator[Logged]: ...

    def root_at(self, size: int) -> bytes: ...


class Around:
    """A ``LogSource`` that is another in all but how it reads."""

    def __init__(self, log: LogSource) -> None:
        self._log = log

    @property
    def origin(self) -> str:
        """The log's origin."""
        return self._log.origin

    def position(self) -> Position:
        """The log's position."""
        return self._log.position()

    def root_at(self, size: int) -> bytes:
        """The log's root at ``size``."""
        return self._log.root_at(size)
