"""Which sizes of a log can be asked about, and which it had at a moment.

Entries are received in the order of the log, but for those that were judged side by side, which
lie within a moment of each other, and where the clock was set back: there the log says so, and a
time that came twice is the second.

    received   10:00  10:05 │ 09:30  09:40        at 09:35: the second of these two, so size 3
    index          0      1 │    2      3
"""

from __future__ import annotations

import time
from bisect import bisect_right
from collections.abc import Collection
from typing import Final

from wherefrom.errors import NotFound, Unavailable
from wherefrom.formats import entry as entries
from wherefrom.log.reader import LogReader
from wherefrom.views.graph import GraphReader

VIEW_WAIT_SECONDS: Final = 5.0


def need_size(as_of: int | None, *, reached: int, log: LogReader) -> None:
    """Raises NotFound for a size the log never had.

    One that it has and its views, at ``reached``, have not is worth waiting for: they say so.
    """
    if as_of is not None:
        need_had(as_of, newest=max(reached, log.refresh().size))


def need_had(as_of: int | None, *, newest: int) -> None:
    """Raises NotFound for a size that a log which is now of size ``newest`` never had."""
    if as_of is not None and as_of > newest:
        raise NotFound(
            "the log was never of this size",
            expected=f"a size up to {newest}",
            got=as_of,
            do="Ask as of a smaller size: wherefrom log status tells the newest",
        )


def size_at(log: LogReader, at: str, *, size: int, steps: Collection[int] = ()) -> int:
    """Entries below ``size`` that were received by ``at``, as entries write times.

    steps  entries that say that the clock was set back
    """

    def received(index: int) -> str:
        written = next(log.entries(index, index + 1))
        return entries.read_stored(written, where=f"entry {index}").received

    ends = size
    for begins in sorted((step for step in {0, *steps} if step < size), reverse=True):
        found = bisect_right(range(ends), at, begins, key=received)
        if found > begins:
            return found
        ends = begins
    return 0


def wait_for_graph(graph: GraphReader, log: LogReader) -> None:
    """Let the view reach what was in the log when the question came. Raises Unavailable."""
    size = log.refresh().size
    until = time.monotonic() + VIEW_WAIT_SECONDS
    while True:
        with graph.snapshot() as snapshot:
            if snapshot.size >= size:
                return
            reached = snapshot.size
        if time.monotonic() > until:
            raise Unavailable(
                "the graph is still reading the log",
                expected=f"size {size}",
                got=reached,
                do="Ask again in a moment",
            )
        time.sleep(0.005)
