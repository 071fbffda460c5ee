"""A long load, and far too much of it: what holds over time, and what gives.

    capacity  as fast as the answers come, until the graph has caught up
    soak      four fifths of that for ten minutes, with probes, finds and traces beside; how far
              the graph was behind, and how much memory there was, is looked at all the while
    flood     five times that for half a minute, on a thousand connections

After each, every record that was acknowledged is counted in the log, and the log is audited.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import linear_regression, median
from typing import NamedTuple

import msgspec

from bench.bursts import warm
from bench.load import Job, Sent, loading
from bench.place import Place
from bench.report import Row
from bench.server import Server, serving
from bench.sustained import Beside
from bench.timing import family_of, spread
from wherefrom.app import DataFolder, log_at_rest
from wherefrom.log.audit import audit

_FLOOD = 5
_SHARE = 0.8
_SAMPLE_SECONDS = 2.0


def measure(place: Place) -> Iterator[Row]:
    """On the log whose graph is large already, one after the other."""
    folder, made = place.layered()
    sizes, trace = place.sizes, f"/v1/trace/{made.tops(1)[0]}?depth=10"
    with serving(folder) as server:
        server.trust_producer()
        warm(server, "loads")
        capacity = _capacity(server, sizes.capacity_records)
    yield Row(
        area="load",
        what="capacity: mixed records, 10 to 50 a request, until the graph shows them",
        value=capacity,
        unit="/s",
        beside={"records": f"{sizes.capacity_records:,}"},
    )
    place.say(f"a soak of {sizes.soak_seconds:g} s")
    yield from _soak(folder, int(capacity * _SHARE), sizes.soak_seconds, trace)
    place.say("a flood")
    yield from _flood(folder, int(capacity * _FLOOD), sizes.flood_seconds, trace)


def _capacity(server: Server, records: int) -> float:
    server.wait_for_graph()
    with loading(_job(server, "capacity", records, connections=16)) as load:
        began = time.perf_counter()
        load.begin()
        load.result()
        server.wait_for_graph()
    return records / (time.perf_counter() - began)


def _job(server: Server, run: str, records: int, *, connections: int, rate: int = 0) -> Job:
    return Job(
        port=server.port,
        token=server.token,
        run=run,
        kind="mixed",
        records=records,
        batch=0,
        connections=connections,
        rate=rate,
    )


def _soak(folder: DataFolder, rate: int, seconds: float, trace: str) -> Iterator[Row]:
    sent, beside, *rows = _under("soak", folder, rate, seconds, trace, connections=16)
    yield from _told(rows, {
        "recorded": f"{sent.recorded:,}",
        "refused": f"{sum(sent.statuses.values()) - sent.recorded}",
        "from due to answer p50 ms": sent.p50_ms,
        "p99 ms": sent.p99_ms,
        "one signed record p99 ms": spread(beside.waits).p99,
        "visible p99 ms": spread(beside.fresh).p99,
    }, beside)  # fmt: skip


def _flood(folder: DataFolder, rate: int, seconds: float, trace: str) -> Iterator[Row]:
    sent, beside, *rows = _under("flood", folder, rate, seconds, trace, connections=1_000)
    shed = sent.statuses.get("503", 0)
    yield from _told(rows, {
        "recorded": f"{sent.recorded:,}",
        "recorded /s": sent.rate,
        "shed with 503": f"{shed:,} records",
        "503 that say when to try again": f"{sent.put_off:,}",
        "other answers": f"{sum(sent.statuses.values()) - sent.recorded - shed}",
        "from due to answer p99 ms": sent.p99_ms,
        "probes taken": f"{len(beside.waits)} of {len(beside.waits) + beside.put_off}",
    }, beside)  # fmt: skip


def _told(rows: list[Row], said: dict[str, float | str], beside: Beside) -> Iterator[Row]:
    """The rows of ``_under``, with what else is to be known beside the first."""
    reads = spread(beside.reads)
    first, *others = rows
    said |= {"a trace p50 ms": reads.p50, "a trace p99 ms": reads.p99}
    yield msgspec.structs.replace(first, beside=said)
    yield from others


def _under(
    what: str, folder: DataFolder, rate: int, seconds: float, trace: str, *, connections: int
) -> tuple[Sent, Beside, Row, Row]:
    """Put the log under load: what was sent, what was asked beside it, and two rows.

    The first says how much of what was acknowledged the closed log holds, the second how much
    memory the server took meanwhile. Raises if the log is damaged.
    """
    with serving(folder) as server:
        beside, watch = Beside(server, seconds, trace, f"probe of {what}"), _Watch(server)
        job = _job(server, what, int(rate * seconds), connections=connections, rate=rate)
        with loading(job) as load:
            server.wait_for_graph()
            with server.line() as line:
                before = msgspec.json.decode(line.get("/v1/log")[1])["size"]
            load.begin()
            beside.begin()
            watch.begin()
            sent = load.result()
            beside.end()
            watch.end()
    report = audit(log_at_rest(folder), dedup_folder=folder.path / "dedup")
    assert not report.problems, report.problems[:3]
    acknowledged = sent.recorded + sent.statuses.get("200", 0) + len(beside.waits)
    held = Row(
        area="load",
        what=f"{what}, {rate:,}/s for {seconds:g} s: of what was acknowledged, in the log",
        value=min(100.0, (report.entries - before) / acknowledged * 100),
        unit="%",
        goal=100.0,
        at_least=True,
    )
    return (
        sent,
        beside,
        held,
        watch.row(f"{what}: memory of all its processes, their own, at most"),
    )


class _Sample(NamedTuple):
    """``seconds`` from the beginning; ``behind`` is how many records the graph lacks."""

    seconds: float
    mib: float
    behind: int


class _Watch:
    """Memory of a server's processes, and how far its graph is behind, again and again."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._ended = threading.Event()
        self._samples: list[_Sample] = []
        self._thread = threading.Thread(target=self._run, daemon=True)

    def begin(self) -> None:
        self._thread.start()

    def end(self) -> None:
        self._ended.set()
        self._thread.join()

    def _run(self) -> None:
        began = time.monotonic()
        with self._server.line() as line:
            while True:
                said = msgspec.json.decode(line.get("/v1/log")[1])
                behind = said["size"] - said["views"]["graph"]
                self._samples.append(
                    _Sample(time.monotonic() - began, pss_mib(self._server.pid), behind)
                )
                if self._ended.wait(_SAMPLE_SECONDS):
                    return

    def row(self, what: str) -> Row:
        settled = self._samples[len(self._samples) // 5 :]
        slope = 0.0
        if len(settled) > 1:
            slope = linear_regression([s.seconds for s in settled], [s.mib for s in settled]).slope
        return Row(
            area="load",
            what=what,
            value=max(s.mib for s in self._samples),
            unit="MiB",
            beside={
                "at first MiB": self._samples[0].mib,
                "after a fifth MiB": settled[0].mib,
                "at the end MiB": settled[-1].mib,
                "growth after the first fifth MiB/min": slope * 60,
                "graph behind at most": f"{max(s.behind for s in self._samples):,} records",
                "median": f"{int(median(s.behind for s in self._samples)):,} records",
            },
        )


def pss_mib(pid: int) -> float:
    """Memory of a process and all below it, what they share counted once. 0 without /proc."""
    total = 0.0
    for process in (pid, *family_of(pid)):
        try:
            rollup = Path(f"/proc/{process}/smaps_rollup").read_text()
        except OSError:
            continue
        # Mapped files can be dropped at any time; what is a process's own cannot.
        total += sum(
            int(line.split()[1]) for line in rollup.splitlines() if line.startswith("Pss_Anon:")
        )
    return total / 1024
