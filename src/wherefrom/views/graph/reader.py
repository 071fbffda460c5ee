"""Reading a graph while it is folded: any number of threads and processes, one snapshot each.

    GraphReader ──snapshot()──► Snapshot: one read transaction, one size, one root

An answer takes one snapshot, so that all of it is as of one log size. Snapshots are short: a
long one holds back the write-ahead log.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

import apsw

from wherefrom.views.graph import schema
from wherefrom.views.graph.sealed import names_in
from wherefrom.views.graph.snapshot import Snapshot
from wherefrom.views.lending import Lending

if TYPE_CHECKING:
    from wherefrom.views.graph.open_segments import OpenSegments
    from wherefrom.views.graph.segment import Segment


_NOT_MADE: Final = "the graph view is not made yet, or by another version"


class GraphReader:
    """Connections to one graph file, lent to one thread at a time."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lending = Lending(
            path, "graph", schema.open_reader, missing="there is no graph view here"
        )
        self._cache: OpenSegments | None = None

    @contextlib.contextmanager
    def snapshot(self) -> Iterator[Snapshot]:
        """The graph as it is now, and stays until the block ends.

        Raises Unavailable before the view is made, Corrupt if the file is damaged.
        """
        with self._lending.lend() as db:
            yield self._begin(db)

    def close(self) -> None:
        """Close every connection."""
        self._lending.close()

    def _begin(self, db: apsw.Connection) -> Snapshot:
        while True:
            at = self._lending.begin(db, schema.SHAPE, not_made=_NOT_MADE)
            names = names_in(db)
            try:
                segments = self._segments(names) if names else ()
            except FileNotFoundError as error:
                db.execute("ROLLBACK")
                if names_in(db) == names:
                    raise self._lending.damaged(error) from error
                continue  # merged and gone between the look at the table and at the folder
            return Snapshot(db, origin=at.origin, size=at.size, root=at.root, segments=segments)

    def _segments(self, names: Sequence[str]) -> tuple[Segment, ...]:
        if self._cache is None:
            # numpy only where there is a segment: a small log needs none.
            from wherefrom.views.graph.open_segments import OpenSegments

            self._cache = OpenSegments(self.path.parent)
        return self._cache.get(names)
