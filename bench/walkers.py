"""Graphs that install by name, each behind two verbs; ``python -m bench.walkers`` is one at work.

    edges.npy (effect, cause) ──build──► a folder ──open──► ask(node) ──► how many nodes above it

Each works in a process of its own, so that its memory is its own: ``peers_graph`` starts them and
compares what they answer. What a graph needs is imported when its turn comes, before any clock runs
or memory is looked at. Those that keep nothing on a disk are built anew whenever they are opened.

A trace goes 10 deep, from effect to cause, and counts the node it starts at.
"""

from __future__ import annotations

import importlib.util
import json
import re
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np

EDGES: Final = "edges.npy"
DEPTH: Final = 10
_DUCKDB: Final = """WITH RECURSIVE up(node, depth) AS (
    SELECT ?::BIGINT, 0 UNION
    SELECT c.cause, depth + 1 FROM up JOIN causes AS c ON c.effect = up.node WHERE depth < ?)
SELECT count(DISTINCT node) FROM up"""

Ask = Callable[[int], int]


class Walker(NamedTuple):
    """One graph.

    needs   modules that must be there, and are imported before it begins
    build   of a folder that holds ``edges.npy`` and ours, ``whole.edges``; leaves files in a
            second one; None if it keeps nothing
    open    of those two folders again, what answers
    says    what an answer consists of
    """

    needs: tuple[str, ...]
    build: Callable[[Path, Path], None] | None
    open: Callable[[Path, Path], Ask]
    says: str = "nodes only: no evidence, time or trust"

    def missing(self) -> str | None:
        """The first module that is not installed here."""
        for name in self.needs:
            try:
                if importlib.util.find_spec(name) is None:
                    return name
            except ModuleNotFoundError:  # what it stands in is not there
                return name
        return None


# -- ours, and SQLite with our tables


def _build_ours(source: Path, folder: Path) -> None:
    from bench import edges

    edges.merged(folder, edges.sealed(folder, _count(source)))


def _open_ours(source: Path, folder: Path) -> Ask:
    from bench import edges
    from wherefrom.views.graph import Snapshot
    from wherefrom.views.graph.segment import Segment

    segment, tail = Segment(folder / "whole.edges"), edges.empty(folder / "tail.db")
    count = segment.entry_end
    snapshot = Snapshot(tail, origin="bench", size=count, root=None, segments=[segment])
    lens = snapshot.lens()
    return lambda start: edges.nodes_met(snapshot, lens, start, depth_max=DEPTH)


def _build_sqlite(source: Path, folder: Path) -> None:
    from bench import edges
    from wherefrom.views.graph.segment import Segment

    db = edges.empty(folder / "graph.db")
    edges.fill(db, Segment(source / "whole.edges"))
    db.close()


def _open_sqlite(source: Path, folder: Path) -> Ask:
    import apsw

    from bench import edges

    db = apsw.Connection(str(folder / "graph.db"))
    return lambda start: edges.nodes_selected(db, start, DEPTH)


# -- DuckDB, a table sorted by effect


def _build_duckdb(source: Path, folder: Path) -> None:
    import duckdb

    given = _edges(source)
    columns = {"effect": given[:, 0].copy(), "cause": given[:, 1].copy()}
    with duckdb.connect(str(folder / "graph.duckdb")) as db:
        db.register("given", columns)
        db.execute("CREATE TABLE causes AS SELECT effect, cause FROM given ORDER BY effect")
        db.execute("CHECKPOINT")


def _open_duckdb(source: Path, folder: Path) -> Ask:
    import duckdb

    db = duckdb.connect(str(folder / "graph.duckdb"), read_only=True)
    return lambda start: int(db.execute(_DUCKDB, [start, DEPTH]).fetchall()[0][0])


# -- libraries that hold the graph in memory


def _open_rustworkx(source: Path, folder: Path) -> Ask:
    import rustworkx

    given = _edges(source)
    graph = rustworkx.PyDiGraph(multigraph=True)
    graph.add_nodes_from(range(int(given.max()) + 1))
    graph.add_edges_from_no_data([(effect, cause) for effect, cause in given.tolist()])
    return lambda start: by_level(graph.successor_indices, start)


def by_level(above: Callable[[int], Sequence[int]], start: int) -> int:
    """For a library that has no search of limited depth in one call."""
    seen, level = {start}, [start]
    for _ in range(DEPTH):
        level = list({cause for node in level for cause in above(node)} - seen)
        seen.update(level)
    return len(seen)


def _open_igraph(source: Path, folder: Path) -> Ask:
    import igraph

    given = _edges(source)
    graph = igraph.Graph(n=int(given.max()) + 1, edges=given.tolist(), directed=True)
    return lambda start: int(graph.neighborhood_size(start, order=DEPTH, mode="out"))


# -- prov: a PROV document, and the NetworkX graph that it makes of one


def _build_prov(source: Path, folder: Path) -> None:
    from prov.model import ProvDocument

    document = ProvDocument()
    document.set_default_namespace("https://bench.example/")
    given = _edges(source)
    for node in np.unique(given).tolist():
        document.entity(f"n{node}")
    for effect, cause in given.tolist():
        document.wasDerivedFrom(f"n{effect}", f"n{cause}")
    document.serialize(str(folder / "graph.json"), format="json")


def _open_prov(source: Path, folder: Path) -> Ask:
    import networkx
    from prov.graph import prov_to_graph
    from prov.model import ProvDocument

    document = ProvDocument.deserialize(str(folder / "graph.json"), format="json")
    graph = prov_to_graph(document)
    named = {node.identifier.localpart: node for node in graph}

    def ask(start: int) -> int:
        found = networkx.single_source_shortest_path_length(graph, named[f"n{start}"], DEPTH)
        return len(found)

    return ask


WALKERS: Final[dict[str, Walker]] = {
    "wherefrom, Walk on a sealed segment": Walker(
        ("bench.edges",),
        _build_ours,
        _open_ours,
        "nodes and, of each step, relation, entry and time",
    ),
    "SQLite, one recursive statement": Walker(("bench.edges",), _build_sqlite, _open_sqlite),
    "DuckDB, one recursive statement": Walker(("duckdb",), _build_duckdb, _open_duckdb),
    "rustworkx, successors level by level": Walker(("rustworkx",), None, _open_rustworkx),
    "igraph, neighborhood": Walker(("igraph",), None, _open_igraph),
}
OURS: Final = next(iter(WALKERS))
# An object for each record, and one for each relation: they get fewer edges.
OF_OBJECTS: Final[dict[str, Walker]] = {
    OURS: WALKERS[OURS],
    "prov, its graph in NetworkX": Walker(
        ("prov.graph", "networkx"), _build_prov, _open_prov, "PROV records: no evidence or trust"
    ),
}
_ALL: Final = WALKERS | OF_OBJECTS


def _edges(source: Path) -> Any:
    return np.load(source / EDGES)


def _count(source: Path) -> int:
    return int((source / "count").read_text())


# -- the process


class Told(NamedTuple):
    """What the process says of itself. Memory in MiB; None where /proc is not.

    seconds  building, or opening
    held     by the open graph and its answers, beyond what the process had before
    peak     the most the process has had
    took     seconds of each question; cpu, of the whole process meanwhile; nodes, its answer
    """

    seconds: float
    held: float | None
    peak: float | None
    took: list[float]
    cpu: list[float]
    nodes: list[int]


def _build(walker: Walker, source: Path, folder: Path) -> Told:
    assert walker.build is not None
    began = time.perf_counter()
    walker.build(source, folder)
    return Told(time.perf_counter() - began, None, _memory("VmHWM"), [], [], [])


def _ask(walker: Walker, source: Path, folder: Path, starts: list[int], limit: float) -> Told:
    before = _memory("Pss")
    began = time.perf_counter()
    ask = walker.open(source, folder)
    opened = time.perf_counter() - began
    took: list[float] = []
    cpu: list[float] = []
    nodes: list[int] = []
    for start in starts:
        asked, used = time.perf_counter(), time.process_time()
        nodes.append(ask(start))
        cpu.append(time.process_time() - used)
        took.append(time.perf_counter() - asked)
        if sum(took) > limit:
            break
    held = _memory("Pss")
    held = None if held is None or before is None else held - before
    return Told(opened, held, _memory("VmHWM"), took, cpu, nodes)


def _memory(what: str) -> float | None:
    """Not ``getrusage``: its maximum begins with that of the process that started this one."""
    file = Path("/proc/self/smaps_rollup" if what == "Pss" else "/proc/self/status")
    if not file.exists():
        return None
    (kibibytes,) = re.findall(rf"^{what}:\s+(\d+) kB$", file.read_text(), re.M)
    return int(kibibytes) / 1024


def main() -> None:
    """``build|ask NAME SOURCE FOLDER``; what to ask and for how long comes on standard input."""
    verb, name, source, folder = sys.argv[1:]
    walker, given = _ALL[name], json.load(sys.stdin)
    for module in walker.needs:
        importlib.import_module(module)
    if verb == "build":
        told = _build(walker, Path(source), Path(folder))
    else:
        told = _ask(walker, Path(source), Path(folder), given["starts"], given["seconds"])
    json.dump(told._asdict(), sys.stdout)


if __name__ == "__main__":
    main()
