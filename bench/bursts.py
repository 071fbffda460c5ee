"""Bursts over HTTP: batches of a hundred, and one signed record a request.

Every kind takes its turn in each round, against one server whose graph has caught up and whose
judging processes are warm.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterator
from typing import Final, NamedTuple

from bench.load import Job, Sent, loading
from bench.place import Place
from bench.report import Row
from bench.server import Server, serving
from bench.timing import Usage

_BATCH: Final = 100


class _Kind(NamedTuple):
    what: str
    goal: float | None
    kind: str
    batch: int
    connections: int
    prove: bool


_KINDS: Final = (
    _Kind("channel: OpenLineage events, batches of 100", 25_000, "event", _BATCH, 4, False),
    _Kind("each Ed25519-signed: provenance, batches of 100", 12_000, "signed", _BATCH, 4, False),
    _Kind("one signed record a request, after the proof, 16 connections", 3_000, "signed", 1, 16,
          True),
    _Kind("one signed record a request, after the proof, 32 connections", 3_000, "signed", 1, 32,
          True),
)  # fmt: skip


class _Taken(NamedTuple):
    sent: Sent
    used: Usage
    fsync_ms: float


def measure(place: Place) -> Iterator[Row]:
    """Records a second from the first byte sent to the last answer; medians of the rounds."""
    taken: dict[_Kind, list[_Taken]] = {kind: [] for kind in _KINDS}
    with serving(place.fresh("bursts")) as server:
        server.trust_producer()
        for number in range(place.sizes.rounds):
            for turn, kind in enumerate(_KINDS):
                run = f"burst {number} {turn}"
                taken[kind].append(_take(place, server, kind, run))
    for kind, rounds in taken.items():
        yield _row(kind, rounds)


def warm(server: Server, run: str, records: int = 500) -> None:
    """Let the judging processes start, and take a few requests."""
    for kind in ("event", "signed"):
        job = Job(
            port=server.port, token=server.token, run=f"{run} warm", kind=kind, records=records,
            batch=_BATCH, connections=4,
        )  # fmt: skip
        with loading(job) as load:
            load.begin()
            load.result()


def _take(place: Place, server: Server, kind: _Kind, run: str) -> _Taken:
    sizes = place.sizes
    records = sizes.singles if kind.batch == 1 else sizes.burst_signed
    job = Job(
        port=server.port,
        token=server.token,
        run=run,
        kind=kind.kind,
        records=sizes.burst_events if kind.kind == "event" else records,
        batch=kind.batch,
        connections=kind.connections,
        prove=kind.prove,
    )
    warm(server, run)
    with loading(job) as load:
        server.wait_for_graph()
        fsync_ms, before = place.fsync_ms(), server.usage()
        load.begin()
        sent = load.result()
        return _Taken(sent, server.usage().since(before), fsync_ms)


def _row(kind: _Kind, rounds: list[_Taken]) -> Row:
    refused = sum(sum(t.sent.statuses.values()) - t.sent.recorded for t in rounds)
    used = Usage(*(sum(parts) for parts in zip(*(t.used for t in rounds), strict=True)))
    beside: dict[str, float | str] = {
        "lowest /s": min(t.sent.rate for t in rounds),
        "request p50 ms": statistics.median(t.sent.p50_ms for t in rounds),
        "p99 ms": statistics.median(t.sent.p99_ms for t in rounds),
        "fdatasync ms": statistics.median(t.fsync_ms for t in rounds),
        **used.beside(sum(t.sent.recorded for t in rounds)),
        "client CPU %": statistics.median(t.sent.client_share for t in rounds),
    }
    if refused:
        beside["refused records"] = refused
    return Row(
        area="HTTP burst, judges warm",
        what=kind.what,
        value=statistics.median(t.sent.rate for t in rounds),
        unit="/s",
        goal=kind.goal,
        at_least=True,
        beside=beside,
    )
