"""Measure the graph view on synthetic provenance: how fast it folds, how large it is, how fast
it answers.

    python bench/graph.py [--edges 1000000] [--questions 2000] [--dir DIR] [--beside]

Layers of services: each record attests one build, which made an artifact from a commit and one
or two artifacts of the layer below; now and then an SBOM states the same ten packages again.
The facts are read from a small JSON by a stand-in, so the fold is measured, not a format.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import random
import resource
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec

from wherefrom.formats.entry import Entry, Trust
from wherefrom.formats.facts import Edge, Facts, Node
from wherefrom.log.logged import Logged, Position
from wherefrom.query import find, path, resolve, trace
from wherefrom.query.walk import Bounds, Walk
from wherefrom.views.graph import GraphReader, GraphView, Snapshot
from wherefrom.views.graph.batch import integers

EDGES_A_RECORD = 5.5
LAYERS = 20
BUILDERS = 20
PACKAGES = 3000


def digest(text: str) -> str:
    return "sha256:" + hashlib.sha256(text.encode()).hexdigest()


class Layered:
    """A log made up as it is read: the same seed gives the same records."""

    origin = "bench.example/graph"

    def __init__(self, size: int) -> None:
        self.size = size
        self._facts: dict[bytes, Facts] = {}

    def position(self) -> Position:
        return Position(self.size, self.root_at(self.size))

    def root_at(self, size: int) -> bytes:
        return hashlib.sha256(b"%d" % size).digest()

    def artifact(self, index: int) -> str:
        return digest(f"artifact {index}")

    def read(self, first: int, limit: int) -> Iterator[Logged]:
        for index in range(first, limit):
            when = f"2026-01-01T00:{index // 60000 % 60:02}:{index // 1000 % 60:02}.{index % 1000:03}000Z"
            entry = Entry(
                content=digest(f"content {index}"),
                kind="attestation",
                occurred=None if index % 3 else when,
                producer="local:0",
                received=when,
                size=1000,
                trust=Trust("signed", (f"k:{index % BUILDERS:032x}",)),
                type="https://slsa.dev/provenance/v1",
            )
            yield Logged(index, entry, self._content(index))

    def _content(self, index: int) -> bytes:
        chance = random.Random(index)
        width = max(1, self.size // LAYERS)
        below = (index // width - 1) * width
        made, build = self.artifact(index), f"build:https://ci.example/runs/{index}"
        builder = f"https://ci.example/builders/{index % BUILDERS}@v1"
        commit = "gitCommit:" + digest(f"commit {index // 3}")[7:47]
        document = digest(f"document {index}")
        nodes = [
            (made, "artifact", f"service-{index % 997}/bin/app-{index % 89}.tar.gz", {"size": index}),
            (build, "build", None, {"invocation": index}),
            (builder, "builder", None, None),
            (commit, "commit", None, None),
            (document, "attestation", None, None),
        ]
        edges = [
            (made, "generated_by", build),
            (build, "used", commit),
            (build, "associated_with", builder),
            (document, "describes", made),
        ]
        for _ in range(chance.choice((1, 2)) if below >= 0 else 0):
            dependency = self.artifact(below + chance.randrange(width))
            nodes.append((dependency, "artifact", None, None))
            edges.append((build, "used", dependency))
        if index % 50 == 0:
            for _ in range(10):
                package = chance.randrange(PACKAGES)
                purl = f"pkg:npm/package-{package}@1.{package % 7}"
                nodes.append((purl, "package", f"package-{package}", None))
                nodes.append((f"pkg:npm/package-{package}", "package", None, None))
                edges.append((made, "contains", purl))
                edges.append((purl, "specializes", f"pkg:npm/package-{package}"))
        unique = {n[0]: n for n in nodes}
        return msgspec.json.encode([document, list(unique.values()), list(dict.fromkeys(edges))])


def facts_of(content: bytes) -> Facts:
    document, nodes, edges = msgspec.json.decode(content)
    return Facts(
        kind="attestation",
        type="https://slsa.dev/provenance/v1",
        document=document,
        nodes=tuple(Node._make(n) for n in nodes),
        edges=tuple(Edge(*e) for e in edges),
    )


def timed(ask: Callable[[int], object], rounds: int) -> str:
    took = []
    for i in range(rounds):
        start = time.perf_counter()
        ask(i)
        took.append((time.perf_counter() - start) * 1000)
    cuts = statistics.quantiles(took, n=100, method="inclusive")
    return f"p50 {cuts[49]:8.3f} ms   p99 {cuts[98]:8.3f} ms   max {max(took):8.3f} ms"


def recursive(snapshot: Snapshot, start: int, depth: int) -> int:
    """The walk as one recursive statement, for comparison: numbers only, no evidence."""
    rows = snapshot.db.execute(
        """WITH RECURSIVE up(node, depth) AS (
            VALUES (?1, 0) UNION
            SELECT c.cause, depth + 1 FROM up JOIN causes AS c ON c.effect = up.node
            WHERE depth < ?2 AND c.first < ?3 AND c.relation <> 13 LIMIT 20000)
        SELECT DISTINCT node FROM up""",
        (start, depth, snapshot.size),
    ).fetchall()
    return len(rows)


def questions(reader: GraphReader, log: Layered, rounds: int) -> None:
    chance = random.Random(7)
    top = [log.size - 1 - chance.randrange(max(1, log.size // LAYERS)) for _ in range(rounds)]
    anywhere = [chance.randrange(log.size) for _ in range(rounds)]
    sizes: list[int] = []

    def traced(i: int, **how: object) -> None:
        with reader.snapshot() as s:
            answer = trace(s, log.artifact(top[i]), **how)  # type: ignore[arg-type]
            sizes.append(len(answer.nodes))

    def said(name: str, ask: Callable[[int], object], n: int = rounds) -> None:
        sizes.clear()
        line = timed(ask, n)
        mean = f"   {statistics.mean(sizes):6.0f} nodes" if sizes else ""
        print(f"{name:44} {line}{mean}", flush=True)

    def with_snapshot(ask: Callable[[Snapshot, int], object]) -> Callable[[int], object]:
        def run(i: int) -> object:
            with reader.snapshot() as s:
                return ask(s, i)

        return run

    ids = [log.artifact(i) for i in anywhere]
    said("find by digest", with_snapshot(lambda s, i: find(s, ids[i], limit=10)))
    said("find by 12 hex", with_snapshot(lambda s, i: find(s, ids[i][7:19], limit=10)))
    said("find by name (hundreds match)",
         with_snapshot(lambda s, i: find(s, f"app-{anywhere[i] % 89}.tar.gz", limit=10)))
    said("find by purl", with_snapshot(lambda s, i: find(
        s, f"pkg:NPM/package-{anywhere[i] % PACKAGES}", limit=10)))
    said("resolve a digest", with_snapshot(lambda s, i: resolve(s, ids[i][7:].upper())))
    said("trace up, depth 10", lambda i: traced(i, depth=10))
    half = log.size // 2 + log.size // 4
    said("trace up, depth 10, --as-of", with_snapshot(
        lambda s, i: trace(s, log.artifact(anywhere[i] % half), depth=10, as_of=half)))
    said("trace up, depth 10, --at", lambda i: traced(i, depth=10, at="2026-01-01T00:59:59Z"))
    said("trace down from a low artifact, depth 10",
         with_snapshot(lambda s, i: sizes.append(len(trace(
             s, log.artifact(anywhere[i] % (log.size // LAYERS)), direction="down", depth=10).nodes))), min(rounds, 200))
    said("trace down from a builder, 1,000 nodes",
         with_snapshot(lambda s, i: sizes.append(len(trace(
             s, f"https://ci.example/builders/{i % BUILDERS}@v1", direction="down",
             nodes_max=1000).nodes))), min(rounds, 50))
    said("path, artifact to an artifact it came from", with_snapshot(lambda s, i: path(
        s, ids[i], log.artifact(anywhere[i] % (log.size // LAYERS)), seconds_max=1)), min(rounds, 200))

    def walked(s: Snapshot, i: int) -> None:
        start = s.numbers([log.artifact(top[i])])
        walk = Walk(s, s.lens(), start.values(), up=True, bounds=Bounds(depth_max=10))
        walk.run()
        sizes.append(len(walk.depths))

    def by_recursion(s: Snapshot, i: int) -> None:
        start = s.numbers([log.artifact(top[i])])
        sizes.append(recursive(s, next(iter(start.values())), 10))

    said("  the walk alone, a statement a level", with_snapshot(walked))
    said("  the walk alone, one recursive statement", with_snapshot(by_recursion))
    assert integers([1]) is not None


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.split("\n\n")[0] if __doc__ else "")
    options.add_argument("--edges", type=int, default=1_000_000)
    options.add_argument("--questions", type=int, default=2_000)
    options.add_argument("--dir", type=Path, default=None)
    options.add_argument("--beside", action="store_true", help="ask again while folding")
    chosen = options.parse_args()
    log = Layered(int(chosen.edges / EDGES_A_RECORD))
    with tempfile.TemporaryDirectory(dir=chosen.dir) as folder:
        file = Path(folder) / "graph.sqlite"
        view = GraphView.open(file, facts_of=facts_of, facts_version=1)
        spent, reading = 0.0, 0.0
        target, log.size = log.size, 0
        full = Layered(target)
        start = time.perf_counter()
        for _ in full.read(0, 2000):
            pass
        reading = (time.perf_counter() - start) / 2000
        part = max(1, target // 10)
        log.size = target
        while view.size < target:
            start = time.perf_counter()
            view.fold(log, records_max=part)
            took = time.perf_counter() - start
            spent += took
            rss = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
            net = part / (took - reading * part)
            print(f"  {view.size:9} records   {net:8.0f} records/s   {rss:5} MiB", flush=True)
        net = spent - reading * target
        reader = GraphReader(file)
        with reader.snapshot() as s:
            counts = {t: s.db.execute(f"SELECT count(*) FROM {t}").get
                      for t in ("nodes", "mentions", "causes", "repeats", "names")}
        edges = counts["causes"] + counts["repeats"]
        size = os.path.getsize(file)
        print(json.dumps(counts))
        print(f"fold: {target / net:.0f} records/s, {edges / net:.0f} edge statements/s"
              f" ({reading * 1e6:.0f} µs a record to make it up, taken off)")
        print(f"file: {size / 1e6:.0f} MB, {size / edges:.0f} bytes an edge,"
              f" {size / target:.0f} a record")
        questions(reader, log, chosen.questions)
        if chosen.beside:
            print("the same beside a fold at about 2,000 records/s:")
            beside(view, reader, log, chosen.questions)
        reader.close()
        view.close()


def beside(view: GraphView, reader: GraphReader, log: Layered, rounds: int) -> None:
    stop = threading.Event()

    def follow() -> None:
        grown = Layered(log.size)
        grown.read = Layered.read.__get__(log)  # type: ignore[method-assign]
        while not stop.is_set():
            grown.size += 200
            view.fold(grown)
            time.sleep(0.1)

    thread = threading.Thread(target=follow)
    thread.start()
    try:
        questions(reader, log, rounds // 4)
    finally:
        stop.set()
        thread.join()


if __name__ == "__main__":
    sys.exit(main())
