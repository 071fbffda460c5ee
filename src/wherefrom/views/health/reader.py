"""Reading the counts while they are folded: any number of threads, one snapshot each."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from wherefrom.views.health import schema
from wherefrom.views.health.snapshot import HealthSnapshot
from wherefrom.views.lending import Lending

_NOT_MADE: Final = "the view of health is not made yet, or by another version"


class HealthReader:
    """Connections to one file of health, lent to one thread at a time."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lending = Lending(path, "health", schema.open_reader, missing=_NOT_MADE)

    @contextlib.contextmanager
    def snapshot(self) -> Iterator[HealthSnapshot]:
        """The counts as they are now, and stay until the block ends.

        Raises Unavailable before the view is made, Corrupt if the file is damaged.
        """
        with self._lending.lend() as db:
            at = self._lending.begin(db, schema.SHAPE, not_made=_NOT_MADE)
            yield HealthSnapshot(db, origin=at.origin, size=at.size, root=at.root)

    def close(self) -> None:
        """Close every connection."""
        self._lending.close()
