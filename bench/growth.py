"""How the log and the graph grow: 10⁴ to 10⁷ records, one of each, asked at every size.

    log     records of 300 B, in batches; at each size: one add, a proof of any entry, the audit
    graph   small records straight into the fold: one artifact, what built it, what it came from;
            at each size: find by digest, name and package URL, bytes on disk, memory

The graph is fed without the log (its facts are made here), so that 10⁷ records take minutes.
"""

from __future__ import annotations

import random
import resource
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from bench.inputs import sha256
from bench.place import BATCH, CONTENT_BYTES, Place, commit, records
from bench.report import Row
from bench.timing import each
from wherefrom.app import DataFolder, log_at_rest, open_recorder
from wherefrom.formats.entry import Entry, Trust
from wherefrom.formats.facts import FACTS_VERSION, Edge, Facts, Node
from wherefrom.formats.recognise import facts_of
from wherefrom.log.audit import audit
from wherefrom.log.logged import Logged, Position
from wherefrom.query.find import find
from wherefrom.views.graph import GraphReader, GraphView

_ASKED: Final = 500
_RECEIVED: Final = "2026-01-01T00:00:00.000000Z"


def measure(place: Place) -> Iterator[Row]:
    """The log at each size, then the graph."""
    yield from _log(place)
    yield from _graph(place)


def _log(place: Place) -> Iterator[Row]:
    folder = place.fresh("grown")
    for size in place.sizes.grown_entries:
        place.say(f"a log of {size:,} records")
        yield from _log_at(place, folder, size)


def _log_at(place: Place, folder: DataFolder, size: int) -> Iterator[Row]:
    area = f"log of {size:,} entries"
    with open_recorder(folder) as recorder:
        writer = recorder.writer
        held, began = writer.size, time.perf_counter()
        for start in range(held, size, BATCH * 16):
            commit(recorder, records("grown", start, min(start + BATCH * 16, size)))
        rate = (writer.size - held) / (time.perf_counter() - began)
        count = min(_ASKED, size)
        batch = records(f"added at {size}", 0, count)
        chance = random.Random(size)
        some = [chance.randrange(writer.size) for _ in range(count)]
        fsync_ms = place.fsync_ms()
        added = each(count, lambda n: writer.prove([writer.commit([batch[n]])[0].index]))
        proved = each(count, lambda n: writer.prove([some[n]]))
    yield _row(area, "one add, to its proof, p50", added.p50, "ms", {
        "p99 ms": added.p99, "fdatasync ms": fsync_ms, "filled /s": rate,
    })  # fmt: skip
    yield _row(
        area, "an inclusion proof of any entry, p50", proved.p50, "ms", {"p99 ms": proved.p99}
    )
    began = time.perf_counter()
    report = audit(log_at_rest(folder), dedup_folder=folder.path / "dedup")
    took = time.perf_counter() - began
    assert not report.problems, report.problems[:3]
    yield _row(area, f"audit, with contents of {CONTENT_BYTES} B", report.entries / took, "/s", {
        "whole audit s": took,
        "on disk B/record": _bytes(folder.path) / report.entries,
    })  # fmt: skip


def _graph(place: Place) -> Iterator[Row]:
    path = place.folder / "grown-graph" / "graph.db"
    path.parent.mkdir()
    for size in place.sizes.grown_entries:
        place.say(f"a graph of {size:,} records")
        area = f"graph of {size:,} records"
        with GraphView.open(path, facts_of=facts_of, facts_version=FACTS_VERSION) as graph:
            held, began, cpu = graph.size, time.perf_counter(), time.process_time()
            graph.fold(_Records(size))
            wall, cpu = time.perf_counter() - began, time.process_time() - cpu
        reader = GraphReader(path)
        with reader.snapshot() as snapshot:
            tail: int = snapshot.db.execute("SELECT count(*) FROM causes").get
            edges = tail + sum(segment.edges for segment in snapshot.segments)
            segments = len(snapshot.segments)
        yield _row(area, f"fold from {held:,} records on", (size - held) / wall, "records/s", {
            "CPU µs/record": cpu / (size - held) * 1e6,
            "edges held": f"{edges:,}",
            "in segments": f"{segments}",
            "on disk B/record": _bytes(path.parent) / size,
            "process at most MiB": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        })  # fmt: skip
        chance = random.Random(size)
        some = [chance.randrange(size) for _ in range(min(_ASKED, size))]
        for what, texts in {
            "find by digest": [f"sha256:{_digest(n)}" for n in some],
            "find by name that dozens share": [f"app-{n // 50}.tar.gz" for n in some],
            "find by package URL": [_purl(n) for n in some],
        }.items():
            yield _asked(area, what, reader, texts)
        reader.close()


def _asked(area: str, what: str, reader: GraphReader, texts: list[str]) -> Row:
    found = 0

    def ask(number: int) -> None:
        nonlocal found
        with reader.snapshot() as snapshot:
            found += bool(find(snapshot, texts[number]).matches)

    times = each(len(texts), ask)
    assert found == len(texts), (what, found)
    beside: dict[str, float | str] = {"p50 ms": times.p50, "worst ms": times.worst}
    return Row(area=area, what=f"{what}, p99", value=times.p99, unit="ms", goal=5.0, beside=beside)


def _row(area: str, what: str, value: float, unit: str, beside: dict[str, float | str]) -> Row:
    return Row(area=area, what=what, value=value, unit=unit, beside=beside)


def _bytes(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def _digest(number: int) -> str:
    return sha256(f"grown {number}")


def _purl(number: int) -> str:
    return f"pkg:npm/grown-{number % 1_000_003}@1.{number // 1_000_003}.0"


class _Records:
    """A log of ``size`` records for the fold alone."""

    origin = "bench.example/grown"

    def __init__(self, size: int) -> None:
        self._size = size

    def position(self) -> Position:
        return Position(self._size, self.root_at(self._size))

    def root_at(self, size: int) -> bytes:
        return size.to_bytes(32, "big")

    def read(self, first: int, limit: int) -> Iterator[Logged]:
        for number in range(first, limit):
            facts = _facts(number)
            yield Logged(number, _entry(number), b"", facts)


def _facts(number: int) -> Facts:
    """An artifact, the package it is, the build that made it, and what that used."""
    digest = f"sha256:{_digest(number)}"
    document, build = f"sha256:{sha256(f'document {number}')}", f"build:https://ci.example:{number}"
    nodes = [
        Node(document, "attestation"),
        Node(digest, "artifact", f"bin/app-{number // 50}.tar.gz"),
        Node(_purl(number), "package"),
        Node(build, "build"),
    ]
    edges = [
        Edge(document, "describes", digest),
        Edge(digest, "alternate", _purl(number)),
        Edge(digest, "generated_by", build),
    ]
    if number:
        used = f"sha256:{_digest(number * 7 // 8)}"
        nodes.append(Node(used, "artifact"))
        edges.append(Edge(build, "used", used))
    return Facts(
        kind="attestation", type="bench", document=document, nodes=tuple(nodes), edges=tuple(edges)
    )


def _entry(number: int) -> Entry:
    return Entry(
        kind="attestation",
        type="bench",
        content=f"sha256:{_digest(number)}",
        size=1,
        trust=Trust("channel"),
        producer="local:0",
        occurred=None,
        received=_RECEIVED,
    )
