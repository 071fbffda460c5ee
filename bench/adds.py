"""One record at a time: durable, below a signed checkpoint, with its inclusion proof."""

from __future__ import annotations

import os
from collections.abc import Iterator

import msgspec

from bench.inputs import signed
from bench.load import Job, Sent, loading
from bench.place import CONTENT_BYTES, PRODUCER, Place, records
from bench.report import Row
from bench.server import serving
from bench.timing import each
from wherefrom.app import DataFolder, open_recorder
from wherefrom.collect.principals import local
from wherefrom.verify.evidence_file import check


def measure(place: Place) -> Iterator[Row]:
    """In process, then over HTTP on one connection."""
    yield from _in_process(place)
    yield _over_http(place)


def _in_process(place: Place) -> Iterator[Row]:
    count = place.sizes.adds
    with open_recorder(place.fresh("adds")) as recorder:
        recorder.change_key(PRODUCER, action="trust", reason="the benchmark's producer")
        batch = records("adds", 0, count)
        writer, principal = recorder.writer, local(os.getuid())

        def add(number: int) -> None:
            (receipt,) = writer.commit([batch[number]])
            writer.prove([receipt.index])

        fsync_ms, times = place.fsync_ms(), each(count, add)
        yield Row(
            area="one add",
            what=f"in process: {CONTENT_BYTES} B, judged before, to its proof; p50",
            value=times.p50,
            unit="ms",
            goal=2.0,
            beside={"p99 ms": times.p99, "fdatasync ms": fsync_ms},
        )
        contents = [signed(number, "adds") for number in range(count)]

        def judge_and_add(number: int) -> None:
            (receipt,) = writer.commit([recorder.judge(contents[number], principal=principal)])
            writer.prove([receipt.index])

        fsync_ms, times = place.fsync_ms(), each(count, judge_and_add)
        yield Row(
            area="one add",
            what="in process: signed provenance, judged too, to its proof; p50",
            value=times.p50,
            unit="ms",
            goal=2.0,
            beside={"p99 ms": times.p99, "fdatasync ms": fsync_ms},
        )


def _over_http(place: Place) -> Row:
    folder = place.fresh("adds-http")
    with serving(folder) as server:
        server.trust_producer()
        job = Job(
            port=server.port,
            token=server.token,
            run="adds",
            kind="signed",
            records=place.sizes.adds,
            batch=1,
            connections=1,
            prove=True,
        )
        with loading(job) as load:
            fsync_ms, before = place.fsync_ms(), server.usage()
            load.begin()
            sent = load.result()
            used = server.usage().since(before)
    check_last_proof(sent, folder)
    return Row(
        area="one add",
        what="HTTP, one keep-alive connection: signed provenance, ?wait=proof; p50",
        value=sent.p50_ms,
        unit="ms",
        goal=5.0,
        beside={
            "p99 ms": sent.p99_ms,
            "fdatasync ms": fsync_ms,
            **used.beside(sent.recorded),
            "client CPU %": sent.client_share,
        },
    )


def check_last_proof(sent: Sent, folder: DataFolder) -> None:
    """What was timed was proved: check the last answer. Raises AssertionError."""
    answer = msgspec.json.decode(sent.last.partition("\r\n\r\n")[2])
    receipt = answer["items"][0]["receipt"]
    assert check(receipt.encode(), log_keys=[folder.log_vkey()]).result == "proven"
