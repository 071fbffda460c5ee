"""How the walk grows: 10⁵ to 10⁸ edges in sealed segments, beside SQLite as far as that goes.

    numbers ──seal, four million at a time──► segments ──merge──► one segment ──► questions

Numbers only: no ids, names or evidence, which cost the same whatever lies around them. The graph is
made of artifacts: each was derived from one or two that came before it, any of the latter half, and
names a commit that three share. So a trace of depth 10 meets about a hundred nodes at any size.
"""

from __future__ import annotations

import random
import resource
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, Final

import apsw
import numpy as np

from bench.place import Place
from bench.report import Row
from bench.timing import spread
from wherefrom.query.path import meet
from wherefrom.query.walk import Bounds, Walk
from wherefrom.views.graph import Snapshot, schema
from wherefrom.views.graph.adjacency import Adjacency
from wherefrom.views.graph.batch import integers
from wherefrom.views.graph.lens import Lens
from wherefrom.views.graph.merge import PART_ROWS, merge, seal
from wherefrom.views.graph.schema import RELATION_NUMBERS
from wherefrom.views.graph.segment import Segment, microseconds

_DEPTH: Final = 10
_CLOSURE: Final = 10_000
_EDGES_EACH: Final = 2.5
_DERIVED: Final = RELATION_NUMBERS["derived_from"]
_USED: Final = RELATION_NUMBERS["used"]
_START: Final = microseconds("2020-01-01T00:00:00.000000Z")
_DAY: Final = 86_400_000_000
_DAYS: Final = 365
_SQLITE_EDGES_MAX: Final = 10_000_000
_RECURSIVE: Final = """WITH RECURSIVE up(node, depth) AS (
    SELECT value, 0 FROM carray(?1) UNION
    SELECT c.cause, depth + 1 FROM up JOIN causes AS c ON c.effect = up.node WHERE depth < ?2)
SELECT DISTINCT node FROM up"""


def measure(place: Place) -> Iterator[Row]:
    """Each size in turn, the smallest first."""
    for edges in place.sizes.grown_edges:
        place.say(f"sealing {edges:,} edges")
        yield from _at_size(place, edges)


def _at_size(place: Place, edges: int) -> Iterator[Row]:
    area = f"graph of {edges:,} edges"
    count = entries_of(edges)
    folder = place.folder / f"edges-{edges}"
    folder.mkdir()
    began, cpu = time.perf_counter(), time.process_time()
    sources = sealed(folder, count)
    made = time.perf_counter() - began
    segment = merged(folder, sources)
    wall, cpu = time.perf_counter() - began, time.process_time() - cpu
    size = segment.path.stat().st_size
    yield Row(
        area=area,
        what="sealed and merged into one segment, both directions",
        value=segment.edges / wall,
        unit="edges/s",
        beside={
            "took s": wall,
            "of it merging s": wall - made,
            "CPU s": cpu,
            "on disk B/edge": size / segment.edges,
            "process at most MiB": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        },
    )
    with closing(empty(folder / "tail.db")) as db:
        snapshot = Snapshot(db, origin="bench", size=count, root=None, segments=[segment])
        yield from _questions(area, snapshot, place.sizes.questions)
    if edges <= _SQLITE_EDGES_MAX:
        yield from _in_sqlite(area, folder / "peer.db", segment, count, place.sizes.questions)
    segment.path.unlink()


def entries_of(edges: int) -> int:
    """How many entries state about so many edges."""
    return int(edges / _EDGES_EACH)


def sealed(folder: Path, count: int) -> list[Segment]:
    """What ``count`` entries state, four million edges a segment."""
    step = int(PART_ROWS / _EDGES_EACH)
    return [
        _sealed(folder / f"{start}.edges", start, min(start + step, count), count)
        for start in range(0, count, step)
    ]


def merged(folder: Path, sources: Sequence[Segment]) -> Segment:
    """``sources`` as one segment; their files go."""
    whole = folder / "whole.edges"
    merge(whole, sources, go_on=lambda: True)
    for source in sources:
        source.path.unlink()
    return Segment(whole)


def _sealed(path: Path, start: int, end: int, count: int) -> Segment:
    """The records from ``start`` to below ``end``: artifact n is node 2n + 1 and entry n."""
    chance = np.random.default_rng(start)
    entry = np.arange(start, end)
    parts = [_rows(2 * entry + 1, _USED, 2 * (entry - entry % 3) + 2, entry)]
    for share in (1.0, 0.5):
        some = entry[(entry > 0) & (chance.random(len(entry)) < share)]
        below = some - 1 - (chance.random(len(some)) * (some // 2 + 1)).astype(np.int64)
        parts.append(_rows(2 * some + 1, _DERIVED, 2 * np.maximum(below, 0) + 1, some))
    edges = _distinct(np.concatenate(parts))
    seal(path, edges, entry_start=start, times=_START + entry * (_DAYS * _DAY) // count)
    return Segment(path)


def _rows(effects: Any, relation: int, causes: Any, firsts: Any) -> Any:
    flat = np.zeros(len(effects), np.int64)
    return np.stack([effects, flat + relation, causes, firsts, flat], axis=1)


def _distinct(edges: Any) -> Any:
    """Twice the same draw is one edge."""
    keys = edges[:, 0] << np.int64(32) | edges[:, 2] << np.int64(1) | (edges[:, 1] == _USED)
    return edges[np.unique(keys, return_index=True)[1]]


def empty(path: Path) -> apsw.Connection:
    """The tables of the graph, with nothing in them."""
    db = schema.open_writer(path)
    schema.create(db, facts_version=0)
    return db


def nodes_met(snapshot: Snapshot, lens: Lens, start: int, *, up: bool = True, **bounds: int) -> int:
    """How many nodes a walk from ``start`` meets, itself among them."""
    walk = Walk(snapshot, lens, [start], up=up, bounds=Bounds(**bounds))
    walk.run()
    return len(walk.depths)


def _questions(area: str, snapshot: Snapshot, rounds: int) -> Iterator[Row]:
    starts = newest(snapshot.size, rounds)
    lens = snapshot.lens()
    week = _time(_DAYS - 7)

    def walked(start: int, lens: Lens, *, up: bool = True, **bounds: int) -> int:
        return nodes_met(snapshot, lens, start, up=up, **bounds)

    yield _asked(
        area, f"trace up, depth {_DEPTH}", starts,
        lambda n: walked(n, lens, depth_max=_DEPTH), goal=5.0,
    )  # fmt: skip
    yield _asked(
        area, f"the same as things stood 7 days before the end, from {week[:10]}",
        [n for n in starts if n < 2 * snapshot.size * (_DAYS - 7) // _DAYS],
        lambda n: walked(n, snapshot.lens(at=week), depth_max=_DEPTH),
    )  # fmt: skip
    roots = [2 * n + 1 for n in range(1, 1 + max(3, rounds // 100))]
    yield _asked(
        area, f"everything that came of an early artifact, up to {_CLOSURE:,} nodes", roots,
        lambda n: walked(n, lens, up=False, depth_max=1_000, nodes_max=_CLOSURE),
    )  # fmt: skip
    pairs = [(a, *_ends(snapshot, a)) for a in starts[: max(3, rounds // 10)]]
    for what, place in (("that there is", 1), ("that there is not", 2)):
        yield _asked(
            area, f"a way from A to B {what}", list(pairs),
            lambda pair, place=place: meet(
                snapshot, lens, [pair[0]], [pair[place]], bounds=Bounds(depth_max=40)
            ),
        )  # fmt: skip


def newest(count: int, rounds: int) -> list[int]:
    """Artifacts of the last fifth of ``count`` entries: where a trace begins."""
    chance = random.Random(5)
    return [2 * (count - 1 - chance.randrange(count // 5)) + 1 for _ in range(rounds)]


def _time(days: int) -> str:
    return f"{np.datetime64(_START + days * _DAY, 'us')}Z"


def _ends(snapshot: Snapshot, start: int) -> tuple[int, int]:
    """A node some steps above ``start``, and one that came after it."""
    walk = Walk(snapshot, snapshot.lens(), [start], up=True, bounds=Bounds(depth_max=7))
    reached = [start]
    while walk.expand() and walk.level < 6:
        reached = walk.frontier
    return reached[0], 2 * snapshot.size - 1


def _asked(
    area: str,
    what: str,
    about: Sequence[Any],
    ask: Callable[[Any], Any],
    *,
    goal: float | None = None,
) -> Row:
    wall, cpu, sizes = [], [], []
    for one in about:
        start, used = time.perf_counter(), time.thread_time()
        answer = ask(one)
        cpu.append(time.thread_time() - used)
        wall.append(time.perf_counter() - start)
        sizes.append(answer if isinstance(answer, int) else answer.explored)
    times, used_ms = spread(wall), spread(cpu)
    beside = {
        "p50 ms": times.p50,
        "worst ms": times.worst,
        "CPU p50 ms": used_ms.p50,
        "CPU p99 ms": used_ms.p99,
        "nodes each": sum(sizes) / len(sizes),
    }
    return Row(area=area, what=f"{what}, p99", value=times.p99, unit="ms", goal=goal, beside=beside)


def _in_sqlite(area: str, path: Path, segment: Segment, count: int, rounds: int) -> Iterator[Row]:
    """The same edges in the tables of the tail, walked by one recursive statement."""
    began = time.perf_counter()
    with closing(empty(path)) as db:
        fill(db, segment)
        took = time.perf_counter() - began
        starts = newest(count, rounds)
        row = _asked(
            area, f"SQLite, one recursive statement, depth {_DEPTH}", starts,
            lambda n: nodes_selected(db, n, _DEPTH),
        )  # fmt: skip
        more: dict[str, float | str] = {
            "on disk B/edge": path.stat().st_size / segment.edges,
            "filled in order in s": took,
        }
        yield Row(
            area=area, what=row.what, value=row.value, unit="ms", beside={**row.beside, **more}
        )
    path.unlink()


def fill(db: apsw.Connection, segment: Segment) -> None:
    """Put the edges of ``segment`` into the empty tables, in order, both directions."""
    db.execute("BEGIN")
    for table, side in (("causes", segment.up), ("effects", segment.down)):
        insert = f"INSERT INTO {table} VALUES (?, ?, ?, ?, 0)"
        columns = (nodes_of(side), side.marks, side.others, side.firsts)
        for part in range(0, len(columns[0]), PART_ROWS // 64):
            rows = (column[part : part + PART_ROWS // 64].tolist() for column in columns)
            db.executemany(insert, zip(*rows, strict=True))
    db.execute("COMMIT")
    db.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)


def nodes_of(side: Adjacency) -> Any:
    """Of each edge of ``side``, the node it is found by."""
    return np.repeat(side.nodes(), np.diff(side.offsets.astype(np.int64)))


def nodes_selected(db: apsw.Connection, start: int, depth: int) -> int:
    """How many nodes one recursive statement finds up to ``depth`` above ``start``."""
    return len(db.execute(_RECURSIVE, (integers([start]), depth)).fetchall())
