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
from typing import Any

import msgspec

from wherefrom.formats.entry import Entry, Trust
from wherefrom.formats.facts import Edge, Facts, Node
from wherefrom.log.logged import Logged, Position
from wherefrom.query import find, path, resolve, trace
from wherefrom.query.walk import Bounds, Walk
from wherefrom.views.graph import GraphReader, GraphView, Snapshot

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

    def position(self) -> Position:
        return Position(self.size, self.root_at(self.size))

    def root_at(self, size: int) -> bytes:
        return hashlib.sha256(b"%d" % size).digest()

    def artifact(self, index: int) -> str:
        return digest(f"artifact {index}")

    def read(self, first: int, limit: int) -> Iterator[Logged]:
        for index in range(first, limit):
            minute, second = index // 60000 % 60, index // 1000 % 60
            when = f"2026-01-01T00:{minute:02}:{second:02}.{index % 1000:03}000Z"
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
        name = f"service-{index % 997}/bin/app-{index % 89}.tar.gz"
        nodes = [
            (made, "artifact", name, {"size": index}),
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
    """Wall time, and beside it processor time: on a shared machine only that repeats."""
    took, spent = [], []
    for i in range(rounds):
        start, cpu = time.perf_counter(), time.thread_time()
        ask(i)
        took.append((time.perf_counter() - start) * 1000)
        spent.append((time.thread_time() - cpu) * 1000)
    wall = statistics.quantiles(took, n=100, method="inclusive")
    cpu_ms = statistics.quantiles(spent, n=100, method="inclusive")
    return (
        f"p50 {wall[49]:7.3f}  p99 {wall[98]:7.3f} ms"
        f"   (processor: p50 {cpu_ms[49]:7.3f}  p99 {cpu_ms[98]:7.3f})"
    )


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


class Asker:
    """The questions, each a line of the table."""

    def __init__(self, reader: GraphReader, log: Layered, rounds: int) -> None:
        chance = random.Random(7)
        width = max(1, log.size // LAYERS)
        self.reader, self.log, self.rounds = reader, log, rounds
        self.top = [log.artifact(log.size - 1 - chance.randrange(width)) for _ in range(rounds)]
        self.numbers = [chance.randrange(log.size) for _ in range(rounds)]
        self.anywhere = [log.artifact(n) for n in self.numbers]
        self.bottom = [log.artifact(chance.randrange(width)) for _ in range(rounds)]
        self.sizes: list[int] = []

    def line(self, name: str, ask: Callable[[Snapshot, int], object], rounds: int = 0) -> None:
        """Time ``ask`` in a snapshot of its own each time, as an answer takes one."""
        self.sizes.clear()

        def asked(i: int) -> None:
            with self.reader.snapshot() as snapshot:
                ask(snapshot, i)

        text = timed(asked, min(rounds or self.rounds, self.rounds))
        mean = f"   {statistics.mean(self.sizes):5.0f} nodes" if self.sizes else ""
        print(f"{name:44} {text}{mean}", flush=True)

    def traced(self, snapshot: Snapshot, start: str, **how: Any) -> None:
        self.sizes.append(len(trace(snapshot, start, **how).nodes))

    def walked(self, snapshot: Snapshot, i: int) -> None:
        start = snapshot.numbers([self.top[i]])
        bounds = Bounds(depth_max=10)
        walk = Walk(snapshot, snapshot.lens(), start.values(), up=True, bounds=bounds)
        walk.run()
        self.sizes.append(len(walk.depths))

    def walked_by_recursion(self, snapshot: Snapshot, i: int) -> None:
        (start,) = snapshot.numbers([self.top[i]]).values()
        self.sizes.append(recursive(snapshot, start, 10))

    def all(self) -> None:
        line, size = self.line, self.log.size
        line("find by digest", lambda s, i: find(s, self.anywhere[i], limit=10))
        line("find by 12 hex digits", lambda s, i: find(s, self.anywhere[i][7:19], limit=10))
        line("find by name (hundreds have it)", lambda s, i: find(s, f"app-{i % 89}.tar.gz"))
        line("find by purl", lambda s, i: find(s, f"pkg:NPM/package-{i % PACKAGES}", limit=10))
        line("resolve a digest", lambda s, i: resolve(s, self.anywhere[i][7:].upper()))
        line("trace up, depth 10", lambda s, i: self.traced(s, self.top[i], depth=10))
        half = size // 2
        known = [self.log.artifact(n % half) for n in self.numbers]
        line("trace up, depth 10, --as-of half", lambda s, i: self.traced(
            s, known[i], depth=10, as_of=half))  # fmt: skip
        line("trace up, depth 10, --at", lambda s, i: self.traced(
            s, self.top[i], depth=10, at="2026-01-01T00:59:59Z"))  # fmt: skip
        line("trace down, depth 10", lambda s, i: self.traced(
            s, self.bottom[i], direction="down", depth=10), 200)  # fmt: skip
        line("trace down from a builder, to 1,000 nodes", lambda s, i: self.traced(
            s, f"https://ci.example/builders/{i % BUILDERS}@v1", direction="down",
            nodes_max=1000), 50)  # fmt: skip
        line("path up through the layers", lambda s, i: path(
            s, self.top[i], self.bottom[i], seconds_max=1), 200)  # fmt: skip
        line("  the walk alone, a statement a level", self.walked)
        line("  the walk alone, one recursive statement", self.walked_by_recursion)


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
        spent, processor = 0.0, 0.0
        start = time.perf_counter()
        for logged in log.read(0, 2000):
            facts_of(logged.content or b"")
        making = (time.perf_counter() - start) / 2000
        part = max(1, log.size // 10)
        while view.size < log.size:
            before = view.size
            start, cpu = time.perf_counter(), time.process_time()
            view.fold(log, records_max=part)
            took = time.perf_counter() - start
            spent, processor = spent + took, processor + time.process_time() - cpu
            rss = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
            rate = (view.size - before) / (took - making * (view.size - before))
            print(f"  {view.size:9} records   {rate:8.0f} records/s   {rss:5} MiB", flush=True)
        net, net_cpu = spent - making * log.size, processor - making * log.size
        reader = GraphReader(file)
        with reader.snapshot() as s:
            counts = {
                t: s.db.execute(f"SELECT count(*) FROM {t}").get
                for t in ("nodes", "mentions", "causes", "repeats", "names")
            }
        edges = counts["causes"] + counts["repeats"]
        size = os.path.getsize(file)
        print(json.dumps(counts))
        print(f"fold, by processor time: {log.size / net_cpu:.0f} records/s")
        print(
            f"fold: {log.size / net:.0f} records/s, {edges / net:.0f} edge statements/s"
            f" ({making * 1e6:.0f} µs to make up a record and its facts, taken off)"
        )
        print(
            f"file: {size / 1e6:.0f} MB, {size / edges:.0f} bytes an edge,"
            f" {size / log.size:.0f} a record"
        )
        Asker(reader, log, chosen.questions).all()
        if chosen.beside:
            print("the same beside a fold at about 2,000 records/s:")
            beside(view, reader, log, chosen.questions)
        reader.close()
        view.close()


def beside(view: GraphView, reader: GraphReader, log: Layered, rounds: int) -> None:
    stop = threading.Event()

    def follow() -> None:
        grown = Layered(log.size)
        while not stop.is_set():
            grown.size += 200
            view.fold(grown)
            time.sleep(0.1)

    thread = threading.Thread(target=follow)
    thread.start()
    try:
        Asker(reader, log, rounds // 4).all()
    finally:
        stop.set()
        thread.join()


if __name__ == "__main__":
    sys.exit(main())
