"""Two ways to walk the graph, in turn on the same file: why a trace asks a level at a time.

Numbers only, without evidence; docs/decisions/0004-graph-in-sqlite.md tells what else decides.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence

from bench.report import Row
from bench.timing import spread
from wherefrom.query.walk import Bounds, Walk
from wherefrom.views.graph import GraphReader, Snapshot
from wherefrom.views.graph.schema import DESCRIBES

_RECURSIVE = """WITH RECURSIVE up(node, depth) AS (
    VALUES (?1, 0) UNION
    SELECT c.cause, depth + 1 FROM up JOIN causes AS c ON c.effect = up.node
    WHERE depth < ?2 AND c.first < ?3 AND c.relation <> ?4 LIMIT 20000)
SELECT DISTINCT node FROM up"""


def measure(reader: GraphReader, starts: Sequence[str], *, depth: int) -> Iterator[Row]:
    """Processor time, for both do nothing but compute."""
    levels: list[float] = []
    recursive: list[float] = []
    with reader.snapshot() as snapshot:
        for start in snapshot.numbers(starts).values():
            before = time.thread_time()
            Walk(snapshot, snapshot.lens(), [start], up=True, bounds=Bounds(depth_max=depth)).run()
            between = time.thread_time()
            _by_recursion(snapshot, start, depth)
            levels.append(between - before)
            recursive.append(time.thread_time() - between)
    for what, took in (("a statement a level", levels), ("one recursive statement", recursive)):
        times = spread(took)
        yield Row(
            area="graph",
            what=f"the walk alone, depth {depth}, {what}: CPU, p50",
            value=times.p50,
            unit="ms",
            beside={"p99 ms": times.p99},
        )


def _by_recursion(snapshot: Snapshot, start: int, depth: int) -> int:
    arguments = (start, depth, snapshot.size, DESCRIBES)
    return len(snapshot.db.execute(_RECURSIVE, arguments).fetchall())
