"""The fold: from the log to the graph, a bounded number of records at a time.

    LogSource ──read──► Logged ──said──► Said ──batch──► rows ──┐         (sealed, now and then)
        │                                 └ tombstone ► erase ──┤ one transaction
        └─root_at(size)─────────────────────────────────────────┘ with size and root

How a view opens, steps and forgets is ``views.folded``'s; here is what a record says to the graph,
and when its edges are sealed.

Sizes:  a transaction holds at most RECORDS_MAX records
Source: docs/formats/graph.md
"""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar, Final

import apsw

from wherefrom.errors import Corrupt
from wherefrom.log.logged import Logged
from wherefrom.views.folded import FactsOf, FoldedView, transaction
from wherefrom.views.graph import schema
from wherefrom.views.graph.batch import Batch
from wherefrom.views.graph.edge_table import EdgeTable
from wherefrom.views.graph.erase import erase
from wherefrom.views.graph.said import read
from wherefrom.views.graph.sealed import Sealed, remove_files
from wherefrom.views.view_file import Shape

# A graph of up to so many edges is walked as fast without segments. The first seal is a pause of
# some seconds, once; those that follow are small enough to be a short one each.
SEAL_FIRST: Final = 1 << 22
SEAL_EDGES: Final = 1 << 18


class GraphView(FoldedView):
    """The one writer of a graph file. Readers open ``GraphReader`` on the same path."""

    called: ClassVar[str] = "graph"
    shape: ClassVar[Shape] = schema.SHAPE
    # Or a segment is lost.
    broken: ClassVar[tuple[type[Exception], ...]] = (
        *FoldedView.broken, Corrupt, FileNotFoundError,
    )  # fmt: skip

    def __init__(
        self, db: apsw.Connection, *, path: Path, facts_of: FactsOf, facts_version: int
    ) -> None:
        super().__init__(db, path=path, facts_of=facts_of, facts_version=facts_version)
        self._sealed = Sealed(db, path)
        self._edges = EdgeTable(db, self._sealed)
        self._batch = Batch(db, self._edges)
        self._reload()

    @classmethod
    def _remove(cls, path: Path) -> None:
        super()._remove(path)
        remove_files(path)

    def close(self) -> None:
        """Close the connection; the file can be opened again."""
        self._sealed.close()
        super().close()

    def _take(self, logged: Logged) -> None:
        said = read(logged, facts_of=self._facts_of)
        self._batch.add(logged, said)
        if said is not None and said.tombstone is not None:
            self._batch.flush()
            erase(self._db, self._edges, said.tombstone.entry, by=logged.index)
            self._batch.look_again()
            self._unswept = True

    def _flush(self) -> None:
        self._batch.flush()

    def _forget(self) -> None:
        self._batch.forget()

    def _stepped(self) -> None:
        """Take a merge that is done; make a segment of the tail if it has grown enough."""
        if self._sealed.merge_is_done:
            with transaction(self._db):
                if self._changed_elsewhere():
                    return
                self._sealed.adopt()
            self._sealed.reload()
        due = SEAL_EDGES if self._sealed.edges else SEAL_FIRST
        if (self._batch.tail_edges or 0) >= due and self._sealed.fits(size=self.size):
            with transaction(self._db):
                if self._changed_elsewhere():
                    return
                self._sealed.seal(size=self.size)
            self._batch.forget()
            self._sealed.reload()
            self._sealed.begin_merge()

    def _reload(self) -> None:
        super()._reload()
        self._sealed.reload()
