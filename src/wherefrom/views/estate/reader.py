"""Reading an estate while it is folded: any number of threads and processes, one snapshot each."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from wherefrom.views.estate import schema
from wherefrom.views.estate.snapshot import EstateSnapshot
from wherefrom.views.lending import Lending

_NOT_MADE: Final = "the estate view is not made yet, or by another version"


class EstateReader:
    """Connections to one estate file, lent to one thread at a time."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lending = Lending(path, "estate", schema.open_reader, missing=_NOT_MADE)

    @contextlib.contextmanager
    def snapshot(self) -> Iterator[EstateSnapshot]:
        """The estate as it is now, and stays until the block ends.

        Raises Unavailable before the view is made, Corrupt if the file is damaged.
        """
        with self._lending.lend() as db:
            at = self._lending.begin(db, schema.SHAPE, not_made=_NOT_MADE)
            yield EstateSnapshot(db, origin=at.origin, size=at.size, root=at.root)

    def close(self) -> None:
        """Close every connection."""
        self._lending.close()
