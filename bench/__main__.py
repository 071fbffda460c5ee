"""``python -m bench [SUITE]``: measure, print the table, write bench/results.json.

goals    every number of the design (the default)
growth   how they grow with the size of the log and of the graph: about half an hour
peers    logs and graphs of others beside ours, on the same data: about five minutes
why      how often the right change stands first, and how fast: about five minutes
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from bench import (
    adds,
    admission,
    audits,
    batches,
    bursts,
    continuous,
    drawing,
    edges,
    estate,
    evidence,
    floor,
    footprint,
    graph,
    growth,
    ingest,
    loads,
    overhead,
    pages,
    peers_audit,
    peers_graph,
    peers_log,
    report,
    sigstore,
    sustained,
    witnesses,
)
from bench.machine import look
from bench.place import Place
from bench.report import Results, Row
from bench.sizes import FULL, QUICK, Sizes
from bench.why import measure as why

# In this order: ingest fills the log that the audit reads; the graph comes before what grows it.
GOALS: Final[dict[str, Callable[[Place], Iterator[Row]]]] = {
    "floor": floor.measure,
    "adds": adds.measure,
    "ingest": ingest.measure,
    "bursts": bursts.measure,
    "batches": batches.measure,
    "overhead": overhead.measure,
    "audit": audits.measure,
    "graph": graph.measure,
    "estate": estate.measure,
    "continuous": continuous.measure,
    "sustained": sustained.measure,
    "evidence": evidence.measure,
    "sigstore": sigstore.measure,
    "witness": witnesses.measure,
    "admission": admission.measure,
    "drawing": drawing.measure,
    "pages": pages.measure,
    "footprint": footprint.measure,
}
GROWTH: Final = {"edges": edges.measure, "records": growth.measure}
LOAD: Final = {"load": loads.measure}
PEERS: Final = {
    "peer-logs": peers_log.measure,
    "peer-audits": peers_audit.measure,
    "peer-graphs": peers_graph.measure,
}
WHY: Final = {"why": why.measure}
SUITES: Final = {"goals": GOALS, "growth": GROWTH, "load": LOAD, "peers": PEERS, "why": WHY}
AREAS: Final = {area: measure for suite in SUITES.values() for area, measure in suite.items()}
_REPOSITORY: Final = Path(__file__).parent.parent
_RESULTS: Final = {
    "goals": "results.json",
    "growth": "results-growth.json",
    "load": "results-load.json",
    "peers": "results-peers.json",
    "why": "results-why.json",
}
_PAGE: Final = _REPOSITORY / "docs" / "performance.md"
_PAGES: Final = {"why": _REPOSITORY / "docs" / "why.md"}  # the other suites share one


def run(folder: Path, sizes: Sizes, areas: Sequence[str], say: Callable[[str], None]) -> Results:
    """Measure ``areas`` in ``folder``. One that breaks is told and costs the others nothing."""
    place = Place(folder, sizes, say)
    machine = look(fsync_ms=statistics.median(place.appends(sizes.appends)) * 1e3)
    for warning in machine.warnings():
        say(warning)
    taken, start = datetime.now(UTC), time.perf_counter()
    rows: list[Row] = []
    failed: dict[str, str] = {}
    for area in areas:
        say(f"measuring: {area}")
        try:
            rows += AREAS[area](place)
        except Exception as error:  # noqa: BLE001 - half an hour of figures is not thrown away
            say(traceback.format_exc())
            failed[area] = f"{type(error).__name__}: {error}"
    return Results(
        taken=taken.isoformat(timespec="seconds"),
        size=sizes.name,
        seconds=time.perf_counter() - start,
        machine=machine,
        rows=rows,
        failed=failed,
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """The command. Exits 1 if an area could not be measured, never for a goal missed."""
    options = argparse.ArgumentParser(prog="python -m bench")
    options.add_argument("suite", nargs="?", default="goals", choices=SUITES, help="what of")
    options.add_argument("--quick", action="store_true", help="smaller logs, under two minutes")
    options.add_argument("--only", action="append", choices=AREAS, help="this area; repeatable")
    options.add_argument("--dir", type=Path, help="on the disk to measure (default: build/)")
    options.add_argument("--out", type=Path, help="where the figures go (default: bench/)")
    options.add_argument(
        "--write-docs", action="store_true",
        help="measure nothing: put the figures into docs/performance.md (of why: docs/why.md)",
    )  # fmt: skip
    chosen = options.parse_args(arguments)
    suite: str = chosen.suite
    out: Path = chosen.out or _REPOSITORY / "bench" / _RESULTS[suite]
    if chosen.write_docs:
        report.write_docs(report.parse(out.read_bytes()), _PAGES.get(suite, _PAGE), suite=suite)
        return 0
    parent = chosen.dir or _REPOSITORY / "build"
    parent.mkdir(parents=True, exist_ok=True)
    sizes = QUICK if chosen.quick else FULL
    with tempfile.TemporaryDirectory(prefix="bench-", dir=parent) as folder:
        results = run(Path(folder), sizes, chosen.only or list(SUITES[suite]), _say)
    out.write_bytes(report.to_json(results))
    print(report.to_text(results))
    return 1 if results.failed else 0


def _say(line: str) -> None:
    print(f"bench: {line}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
