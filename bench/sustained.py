"""Everything on for a while: a load that does not wait, reads beside, and how fresh answers are.

    load client (own process)   5,100 records/s, events and signed, 10 to 50 a request
    prober                      a signed record each 50 ms ──► acknowledged
    looker                      asks for the oldest probe not yet seen, by find and trace in turn
    reader                      a trace each 50 ms

Freshness is from the acknowledgement of a probe to the end of the first answer that shows it.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from queue import SimpleQueue
from typing import Final, NamedTuple

import msgspec

from bench.bursts import warm
from bench.inputs import artifact, signed
from bench.load import Job, loading
from bench.place import Place
from bench.report import Row
from bench.server import Line, Server, serving
from bench.timing import spread

_PROBE_EVERY_SECONDS: Final = 0.05
_LOOK_EVERY_SECONDS: Final = 0.02
_SEEN_WITHIN_SECONDS: Final = 300.0


class _Probe(NamedTuple):
    number: int
    acknowledged: float


class Beside:
    """What runs beside the load, each on a thread and a connection of its own.

    waits, fresh, reads  seconds: a probe's answer, until it is seen, a trace
    put_off              probes that were answered 503
    """

    def __init__(self, server: Server, seconds: float, trace: str, run: str = "probe") -> None:
        self._server = server
        self._run_name = run
        self._probes = [signed(n, run) for n in range(int(seconds / _PROBE_EVERY_SECONDS))]
        self._trace = trace
        self._acknowledged: SimpleQueue[_Probe | None] = SimpleQueue()
        self._loaded = threading.Event()
        self.waits: list[float] = []
        self.fresh: list[float] = []
        self.reads: list[float] = []
        self.put_off = 0
        self._broken: list[BaseException] = []
        self._threads = [
            threading.Thread(target=self._run, args=(work,), daemon=True)
            for work in (self._probe, self._look, self._read)
        ]

    def begin(self) -> None:
        for thread in self._threads:
            thread.start()

    def end(self) -> None:
        """Wait until every probe was seen. Raises what went wrong."""
        self._loaded.set()
        for thread in self._threads:
            thread.join(_SEEN_WITHIN_SECONDS)
        if self._broken:
            raise self._broken[0]
        if any(thread.is_alive() for thread in self._threads):
            raise TimeoutError("probes were never seen")

    def _run(self, work: Callable[[Line], None]) -> None:
        try:
            with self._server.line() as line:
                work(line)
        except BaseException as error:  # noqa: BLE001 - told on the thread that waits
            self._broken.append(error)
            self._acknowledged.put(None)

    def _probe(self, line: Line) -> None:
        start = time.perf_counter()
        for number, written in enumerate(self._probes):
            due = start + number * _PROBE_EVERY_SECONDS
            if self._loaded.wait(max(0.0, due - time.perf_counter())):
                break  # answers took longer than the pause between probes
            asked = time.perf_counter()
            status, answer = line.post("/v1/records", written)
            acknowledged = time.perf_counter()
            if status == 201:
                self.waits.append(acknowledged - asked)
                self._acknowledged.put(_Probe(number, acknowledged))
            elif status == 503:
                self.put_off += 1
            else:
                raise AssertionError(answer)
        self._acknowledged.put(None)

    def _look(self, line: Line) -> None:
        while (probe := self._acknowledged.get()) is not None:
            id = artifact(probe.number, self._run_name)
            path = f"/v1/trace/sha256:{id}?depth=1" if probe.number % 2 else f"/v1/find?q={id}"
            while not _is_seen(*line.get(path)):
                time.sleep(_LOOK_EVERY_SECONDS)
            self.fresh.append(time.perf_counter() - probe.acknowledged)

    def _read(self, line: Line) -> None:
        while not self._loaded.wait(_PROBE_EVERY_SECONDS):
            start = time.perf_counter()
            status, answer = line.get(self._trace)
            self.reads.append(time.perf_counter() - start)
            assert status == 200, answer


def _is_seen(status: int, answer: bytes) -> bool:
    if status == 404:
        return False
    assert status == 200, answer
    said = msgspec.json.decode(answer)
    return bool(said.get("matches") or said.get("edges"))


def measure(place: Place) -> Iterator[Row]:
    """On the log whose graph is large already."""
    folder, made = place.layered()
    sizes = place.sizes
    # A little more than the goal: the last answer comes after the last request is due.
    offered = sizes.sustained_rate * 51 // 50
    with serving(folder) as server:
        server.trust_producer()
        warm(server, "sustained")
        job = Job(
            port=server.port,
            token=server.token,
            run="sustained",
            kind="mixed",
            records=int(offered * sizes.sustained_seconds),
            batch=0,
            connections=16,
            rate=offered,
        )
        beside = Beside(server, sizes.sustained_seconds, f"/v1/trace/{made.tops(1)[0]}?depth=10")
        with loading(job) as load:
            server.wait_for_graph()
            fsync_ms, before = place.fsync_ms(), server.usage()
            load.begin()
            beside.begin()
            sent = load.result()
            beside.end()
            used = server.usage().since(before)
    fresh, waits, reads = spread(beside.fresh), spread(beside.waits), spread(beside.reads)
    refused = sum(sent.statuses.values()) - sent.recorded
    yield Row(
        area="sustained, everything on",
        what=f"recorded of {offered:,}/s offered for {sizes.sustained_seconds:g} s",
        value=sent.rate,
        unit="/s",
        goal=float(sizes.sustained_rate),
        at_least=True,
        beside={
            "refused records": refused,
            "from due to answer p50 ms": sent.p50_ms,
            "p99 ms": sent.p99_ms,
            "fdatasync ms": fsync_ms,
            **used.beside(sent.recorded + len(beside.waits)),
            "client CPU %": sent.client_share,
        },
    )
    yield Row(
        area="sustained, everything on",
        what="from acknowledgement to visible in an answer, p99",
        value=fresh.p99,
        unit="ms",
        goal=1000.0,
        beside={
            "p50 ms": fresh.p50,
            "worst ms": fresh.worst,
            "probes": str(len(beside.fresh)),
            "a probe's acknowledgement p99 ms": waits.p99,
            "traces beside p50 ms": reads.p50,
            "traces beside p99 ms": reads.p99,
        },
    )
