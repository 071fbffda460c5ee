"""Pages over HTTP: how long a page and a part of one take, how large they are, when one is painted.

A million records behind the pages of the log, real signed provenance behind those of things. Bytes
are those on the wire, compressed. What a browser paints first is told by Chromium itself.
"""

from __future__ import annotations

import gzip
import shutil
from collections.abc import Iterator
from typing import Final
from urllib.parse import quote

from bench.place import Place
from bench.report import Row
from bench.server import Line, Server, serving
from bench.timing import each, spread

_PART_MS: Final = 100.0
_PAINT_MS: Final = 300.0
_BYTES: Final = 150_000
_PAINTS: Final = 9


def measure(place: Place) -> Iterator[Row]:
    """Pages of a large log, then of a large graph."""
    folder = place.filled()
    with serving(folder) as server:
        server.wait_for_graph()
        last = place.sizes.filled
        yield from _pages(
            place, server, f"{last:,} records",
            {"/": 0, "/health": 0, "/on-call": 0, "/log": 0, "/log?part=records": 1,
             f"/records/{last // 2}": 0, f"/records/{last // 2}?part=evidence": 1},
        )  # fmt: skip
        yield from _painted(server, ("/", "/log"))
    layered, made = place.layered()
    with serving(layered) as server:
        server.wait_for_graph()
        top = quote(made.tops(1)[0], safe="")
        yield from _pages(
            place, server, "the graph of the traces",
            {f"/things/{top}": 0, f"/lineage/{top}": 0, f"/lineage/{top}?view=list": 0},
        )  # fmt: skip


def _pages(place: Place, server: Server, over: str, paths: dict[str, int]) -> Iterator[Row]:
    rounds = max(20, place.sizes.questions // 20)
    for path, is_part in paths.items():
        with server.line() as line:
            content = _got(line, path)
            times = each(rounds, lambda _, line=line, path=path: _got(line, path))  # type: ignore[misc]
        shown = path if len(path) < 60 else path[:24] + "…" + path.partition("?")[2]
        yield Row(
            area="pages",
            what=f"{'part' if is_part else 'page'} {shown}, {over}: p99",
            value=times.p99,
            unit="ms",
            goal=_PART_MS if is_part else None,
            beside={"p50 ms": times.p50, "KB": len(content) / 1e3},
        )
        yield Row(
            area="pages",
            what=f"size of {shown}, {over}",
            value=len(gzip.compress(content, 5)),
            unit="B",
            goal=_BYTES,
        )


def _got(line: Line, path: str) -> bytes:
    status, answer = line.get(path)
    assert status == 200, (path, answer[:300])
    return answer


def _painted(server: Server, paths: tuple[str, ...]) -> Iterator[Row]:
    """First contentful paint, of a browser that has been here before."""
    from playwright.sync_api import sync_playwright

    program = shutil.which("chromium")
    if program is None:
        raise RuntimeError("no chromium here: make tools")
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=program, args=["--no-sandbox"])
        context = browser.new_context(viewport={"width": 1440, "height": 900})
        url = f"http://127.0.0.1:{server.port}"
        context.add_cookies([{"name": "wherefrom", "value": server.token, "url": url}])
        page = context.new_page()
        for path in paths:
            took = []
            for _ in range(_PAINTS):
                page.goto(url + path)
                took.append(
                    page.evaluate(
                        """() => new Promise((done) => new PerformanceObserver((list) => {
                             const found = list.getEntriesByName("first-contentful-paint");
                             if (found.length) done(found[0].startTime / 1000);
                           }).observe({ type: "paint", buffered: true }))"""
                    )
                )
            times = spread(took)
            yield Row(
                area="pages", what=f"first paint of {path} in Chromium: p50", value=times.p50,
                unit="ms", goal=_PAINT_MS, beside={"p99 ms": times.p99},
            )  # fmt: skip
        browser.close()
