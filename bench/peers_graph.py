"""Graphs of others beside ours: the same edges, the same questions, the same answers.

    bench/edges.py ──► edges.npy ──► a process for each of ``walkers``: build · open · ask ──► rows

An answer that differs from ours stops the area: then the figures would be of different work. Of the
others, most answer with nodes alone; ours walks numbers here too, without fetching evidence, but
each step comes with its relation, entry and time, and can be asked as of any size of the log.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import numpy as np

from bench import edges
from bench.machine import version_of
from bench.place import Place
from bench.report import Row, not_here
from bench.timing import spread
from bench.walkers import DEPTH, EDGES, OF_OBJECTS, OURS, WALKERS, Told, Walker

_REPOSITORY: Final = Path(__file__).parent.parent


def measure(place: Place) -> Iterator[Row]:
    """The many edges for those that keep numbers, fewer for those that keep objects."""
    sizes = place.sizes
    yield from _at_size(place, sizes.peer_edges, WALKERS)
    yield from _at_size(place, sizes.prov_edges, OF_OBJECTS)


def _at_size(place: Place, about: int, walkers: dict[str, Walker]) -> Iterator[Row]:
    source = place.folder / f"peers-{about}"
    source.mkdir()
    count = edges.entries_of(about)
    segment = edges.merged(source, edges.sealed(source, count))
    columns = [edges.nodes_of(segment.up), segment.up.others]
    np.save(source / EDGES, np.stack(columns, axis=1).astype(np.int64))
    (source / "count").write_text(str(count))
    area = f"graphs of {segment.edges:,} edges, each in a process of its own"
    question = json.dumps(
        {"starts": edges.newest(count, place.sizes.questions), "seconds": place.sizes.peer_seconds}
    )
    ours: list[int] = []
    for name, walker in walkers.items():
        missing = walker.missing()
        if missing is not None:
            yield not_here(area, name, missing)
            continue
        place.say(f"{segment.edges:,} edges: {name}")
        folder = source / name.partition(",")[0]
        folder.mkdir()
        built = _in_process("build", name, source, folder, "{}") if walker.build else None
        kept = sum(path.stat().st_size for path in folder.iterdir())
        told = _in_process("ask", name, source, folder, question)
        ours = told.nodes if name == OURS else ours
        need_same(name, told.nodes, ours)
        yield _asked(area, name, walker, told)
        yield _held(area, name, walker, built, told, kept / segment.edges)


def _in_process(verb: str, name: str, source: Path, folder: Path, given: str) -> Told:
    command = [sys.executable, "-m", "bench.walkers", verb, name, str(source), str(folder)]
    done = subprocess.run(
        command, cwd=_REPOSITORY, input=given, check=False, capture_output=True, text=True
    )
    if done.returncode:
        raise RuntimeError(f"{name}: {verb} ended with {done.returncode}:\n{done.stderr[-2000:]}")
    return Told(**json.loads(done.stdout))


def need_same(name: str, nodes: list[int], ours: list[int]) -> None:
    """Raises RuntimeError at the first answer that differs."""
    for number, (theirs, expected) in enumerate(zip(nodes, ours, strict=False)):
        if theirs != expected:
            raise RuntimeError(
                f"{name} answers question {number} with {theirs} nodes, ours with {expected}"
            )


def _asked(area: str, name: str, walker: Walker, told: Told) -> Row:
    times, used = spread(told.took), spread(told.cpu)
    return Row(
        area=area,
        what=f"{name}: trace up, depth {DEPTH}, p99",
        value=times.p99,
        unit="ms",
        beside={
            "p50 ms": times.p50,
            "worst ms": times.worst,
            "CPU p50 ms": used.p50,
            "CPU p99 ms": used.p99,
            "nodes each": sum(told.nodes) / len(told.nodes),
            "questions asked": float(len(told.nodes)),
            "answers with": walker.says,
        },
    )


def _held(area: str, name: str, walker: Walker, built: Told | None, told: Told, kept: float) -> Row:
    beside: dict[str, float | str] = {}
    version = version_of(walker.needs[0].partition(".")[0])
    if version is not None:
        beside["version"] = version
    if built is None:
        beside["on disk"] = "nothing: opening builds it anew"
    else:
        beside |= {"built in s": built.seconds, "on disk B/edge": kept}
        if built.peak is not None:
            beside["building at most MiB"] = built.peak
    if told.held is not None and told.peak is not None:
        beside |= {"open, it holds MiB": told.held, "process at most MiB": told.peak}
    return Row(area=area, what=f"{name}: open", value=told.seconds * 1e3, unit="ms", beside=beside)
