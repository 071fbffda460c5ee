"""Reading an estate while it is folded: any number of threads and processes, one snapshot each."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import apsw

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
            yield self._begin(db)

    def close(self) -> None:
        """Close every connection."""
        self._lending.close()

    def _begin(self, db: apsw.Connection) -> EstateSnapshot:
        db.execute("BEGIN")  # reads nothing; the first SELECT fixes what is seen
        try:
            row = db.execute("SELECT version, origin, size, root FROM meta").get
        except apsw.SQLError:
            row = None
        if row is None or row[0] != schema.SCHEMA_VERSION:
            raise self._lending.missing(_NOT_MADE)
        _, origin, size, root = row
        return EstateSnapshot(db, origin=origin or "", size=size, root=root)
