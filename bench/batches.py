"""Records signed together beside the same signed one by one, in turn, in one run.

    made     by the producer: a signature each, or one tree and one signature
    judged   at the door, on one core: read, signature or path checked
    burst    the same over HTTP, batches of a hundred, judging processes warm

All of it is the same provenance; only who signs what differs.
"""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Final

from bench.bursts import warm
from bench.inputs import batched, event, provenance, signed
from bench.load import Job, loading
from bench.place import PRODUCER, Place
from bench.report import Row
from bench.server import Server, serving
from bench.timing import rate
from wherefrom.app import open_recorder
from wherefrom.collect.principals import local
from wherefrom.log.recorder import Recorder

_AREA: Final = "signed together, beside signed one by one"
_ALONE, _TOGETHER, _UNSIGNED, _EVENT = (
    "each Ed25519-signed",
    "all under one signature",
    "the same, not signed",
    "OpenLineage events, not signed",
)
_KINDS: Final = {"signed": _ALONE, "batched": _TOGETHER, "event": _EVENT}


def measure(place: Place) -> Iterator[Row]:
    """Each kind in turn with the others, round after round; medians."""
    count, rounds = place.sizes.burst_signed, place.sizes.rounds
    made: dict[str, list[float]] = {}
    judged: dict[str, list[float]] = {}
    took: dict[str, list[float]] = {}
    held: dict[str, float] = {}
    with open_recorder(place.fresh("batches")) as recorder:
        recorder.change_key(PRODUCER, action="trust", reason="the benchmark's producer")
        for number in range(rounds):
            for what, contents, seconds in _made(count, f"round {number}"):
                made.setdefault(what, []).append(seconds)
                began = time.process_time()
                judged.setdefault(what, []).append(rate(count, partial(_judge, recorder, contents)))
                took.setdefault(what, []).append((time.process_time() - began) / count * 1e6)
                held[what] = sum(map(len, contents)) / count
    for what in (_ALONE, _TOGETHER):
        yield _row(f"made: {count:,} records, {what}", made[what])
    for what, rates in judged.items():
        beside = {"CPU µs": statistics.median(took[what]), "bytes": held[what]}
        yield _row(f"judged on one core: {what}", rates, beside)
    with serving(place.fresh("batches-http")) as server:
        server.trust_producer()
        found: dict[str, list[float]] = {}
        for number in range(rounds):
            for kind, what in _KINDS.items():
                run = f"batches {number} {kind}"
                found.setdefault(what, []).append(_burst(server, kind, count, run))
    for what, rates in found.items():
        yield _row(f"HTTP burst, batches of 100: {what}", rates)


def _made(count: int, run: str) -> Iterator[tuple[str, Sequence[bytes], float]]:
    """Each kind of records, and how many a second were made."""
    numbers = range(count)
    makers: dict[str, Callable[[], list[bytes]]] = {
        _ALONE: lambda: [signed(n, run) for n in numbers],
        _TOGETHER: lambda: batched(numbers, run),
        _UNSIGNED: lambda: [provenance(n, run) for n in numbers],
        _EVENT: lambda: [event(n, run) for n in numbers],
    }
    for what, make in makers.items():
        contents: list[bytes] = []
        yield what, contents, rate(count, lambda make=make, to=contents: to.extend(make()))


def _judge(recorder: Recorder, contents: Sequence[bytes]) -> None:
    principal = local(os.getuid())
    for content in contents:
        recorder.judge(content, principal=principal)


def _burst(server: Server, kind: str, count: int, run: str) -> float:
    warm(server, run)
    job = Job(
        port=server.port, token=server.token, run=run, kind=kind, records=count, batch=100,
        connections=4,
    )  # fmt: skip
    with loading(job) as load:
        server.wait_for_graph()
        load.begin()
        sent = load.result()
    assert sent.recorded == count, sent.statuses
    return sent.rate


def _row(what: str, rates: list[float], beside: Mapping[str, float | str] | None = None) -> Row:
    said: dict[str, float | str] = {"lowest /s": min(rates), **(beside or {})}
    return Row(area=_AREA, what=what, value=statistics.median(rates), unit="/s", beside=said)
