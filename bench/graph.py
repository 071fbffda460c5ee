"""The graph of real, signed provenance: how fast it folds, how large it is, how fast it answers.

    recorded ──► folded (timed) ──► asked in process ──► asked over HTTP, idle and beside ingest

The questions take a snapshot each, as every answer does; those over HTTP pass through the writer.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import msgspec

from bench import walks
from bench.bursts import warm
from bench.inputs import Layered
from bench.load import Job, loading
from bench.place import Place
from bench.report import Row
from bench.server import Line, Server, serving
from bench.timing import Spread, each, spread
from wherefrom.app import open_desk, open_log
from wherefrom.query.desk import Desk, TraceOptions
from wherefrom.views.graph import GraphReader

_DEPTH = 10


def measure(place: Place) -> Iterator[Row]:
    """Folding, then questions."""
    folder, made = place.layered()
    wall, processor = place.fold_seconds
    edges = _count_edges(folder.graph_path)
    log = open_log(folder)
    yield Row(
        area="graph",
        what=f"fold {log.size:,} signed provenance records, {edges:,} edge statements",
        value=log.size / wall,
        unit="records/s",
        beside={
            "edges /s": edges / wall,
            "CPU µs/record": processor / log.size * 1e6,
            "on disk B/edge": folder.graph_path.stat().st_size / edges,
            "B/record": folder.graph_path.stat().st_size / log.size,
        },
    )
    yield from _finds(place, open_desk(folder, log), made)
    tops = made.tops(place.sizes.questions)
    yield from walks.measure(GraphReader(folder.graph_path), tops, depth=_DEPTH)
    with serving(folder) as server:
        yield from _traces(place, server, made)


def _count_edges(path: Path) -> int:
    with GraphReader(path).snapshot() as snapshot:
        tables = ("causes", "repeats")
        counts = [snapshot.db.execute(f"SELECT count(*) FROM {t}").get for t in tables]
        return sum(counts) + sum(segment.edges for segment in snapshot.segments)


def _finds(place: Place, desk: Desk, made: Layered) -> Iterator[Row]:
    step = max(1, made.records // place.sizes.questions)
    numbers = range(0, made.records, step)
    asked = {
        "find by digest": [made.digest(n) for n in numbers],
        "find by name that dozens share": [made.name(n).rpartition("/")[2] for n in numbers],
        "find by package URL": [made.purls(n // 50 * 50)[n % 10] for n in numbers],
    }
    for what, texts in asked.items():
        sizes: list[int] = []

        def ask(number: int, texts: list[str] = texts, sizes: list[int] = sizes) -> None:
            sizes.append(len(desk.find(texts[number]).matches))

        times = each(len(texts), ask)
        yield _question(what, times, 5.0, {"matches each": sum(sizes) / len(sizes)})
    tops = made.tops(place.sizes.questions)
    sizes = []
    options = TraceOptions(depth=_DEPTH)
    times = each(len(tops), lambda n: sizes.append(len(desk.trace(tops[n], options).nodes)))
    mean = {"nodes each": sum(sizes) / len(sizes)}
    yield _question(f"trace up, depth {_DEPTH}, in process", times, 5.0, mean)


def _question(what: str, times: Spread, goal: float, more: dict[str, float]) -> Row:
    return Row(
        area="graph",
        what=f"{what}, p99",
        value=times.p99,
        unit="ms",
        goal=goal,
        beside={"p50 ms": times.p50, "worst ms": times.worst, **more},
    )


def _traces(place: Place, server: Server, made: Layered) -> Iterator[Row]:
    tops = made.tops(place.sizes.questions)
    paths = [f"/v1/trace/{top}?depth={_DEPTH}" for top in tops]
    server.wait_for_graph()
    with server.line() as line:
        _ask(line, paths[: len(paths) // 4])
        before = server.usage()
        times = spread(_ask(line, paths))
        used = server.usage().since(before)
        hop = each(len(paths), lambda _: line.get("/checkpoint"))
        cpu = {
            "writer CPU µs/question": used.writer / len(paths) * 1e6,
            "reader CPU µs/question": used.reader / len(paths) * 1e6,
            "a read of /checkpoint p50 ms": hop.p50,
        }
        yield _question(f"trace up, depth {_DEPTH}, over HTTP, idle", times, 5.0, cpu)
        sizes = place.sizes
        warm(server, "beside")
        job = Job(
            port=server.port,
            token=server.token,
            run="beside",
            kind="mixed",
            records=int(sizes.beside_rate * sizes.beside_seconds),
            batch=0,
            connections=8,
            rate=sizes.beside_rate,
        )
        with loading(job) as load:
            server.wait_for_graph()
            load.begin()
            times = spread(_ask(line, paths, seconds=sizes.beside_seconds))
            sent = load.result()
    rate = {
        "questions /s": len(paths) / sizes.beside_seconds,
        "recorded /s": sent.rate,
        "client CPU %": sent.client_share,
    }
    what = f"trace up, depth {_DEPTH}, over HTTP, {sizes.beside_rate:,} records/s beside"
    yield _question(what, times, 15.0, rate)


def _ask(line: Line, paths: list[str], *, seconds: float | None = None) -> list[float]:
    """Seconds each question took: each once, or over and over for so many seconds."""
    took: list[float] = []
    until = time.perf_counter() + (seconds or 0.0)
    while True:
        for path in paths:
            start = time.perf_counter()
            status, answer = line.get(path)
            took.append(time.perf_counter() - start)
            assert status == 200, answer
            if seconds is not None and time.perf_counter() > until:
                return took
        if seconds is None:
            assert msgspec.json.decode(answer)["edges"]
            return took
