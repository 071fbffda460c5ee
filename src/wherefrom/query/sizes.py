"""Which sizes of a log can be asked about: those it had, once its graph has read them."""

from __future__ import annotations

import time
from typing import Final

from wherefrom.errors import NotFound, Unavailable
from wherefrom.log.reader import LogReader
from wherefrom.views.graph import GraphReader

VIEW_WAIT_SECONDS: Final = 5.0


def need_size(as_of: int | None, *, reached: int, log: LogReader) -> None:
    """Raises NotFound for a size the log never had.

    One that it has and its views, at ``reached``, have not is worth waiting for: they say so.
    """
    if as_of is not None and as_of > max(reached, log.refresh().size):
        raise NotFound(
            "the log was never of this size",
            expected=f"a size up to {log.size}",
            got=as_of,
            do="Ask as of a smaller size: wherefrom log status tells the newest",
        )


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
