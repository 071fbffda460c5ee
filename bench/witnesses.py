"""Witnesses: how fast one answers, and what a log waits for that has three."""

from __future__ import annotations

import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Final

import msgspec

from bench.adds import check_last_proof
from bench.load import Job, loading
from bench.place import Place
from bench.report import Row
from bench.server import COMMAND, Line, serving
from bench.timing import each
from wherefrom.formats import add_checkpoint, note
from wherefrom.formats.add_checkpoint import AddCheckpoint
from wherefrom.formats.checkpoint import Checkpoint
from wherefrom.keys.ed25519 import SigningKey, sign_note
from wherefrom.log.witness import Cosigned
from wherefrom.merkle.hashing import hash_leaf
from wherefrom.merkle.tree import Frontier, consistency_path
from wherefrom.serving.witness_folder import WitnessFolder

_ORIGIN: Final = "bench.example/witnessed"
_KEY: Final = SigningKey(bytes(32))
_FIRST: Final = 70_000
_WITNESSES: Final = 3


def measure(place: Place) -> Iterator[Row]:
    """A witness in process and over HTTP; then a log with three of them on this machine."""
    yield _in_process(place, ml_dsa=False)
    yield _in_process(place, ml_dsa=True)
    yield _over_http(place)
    yield _a_log_with_three(place)


def _requests(count: int) -> list[bytes]:
    """A log that grows by one entry each time, from 70,000: paths as long as a real log's."""
    leaves = [hash_leaf(b"%d" % number) for number in range(_FIRST + count)]
    folds: dict[tuple[int, int], bytes] = {}

    def read(level: int, index: int) -> bytes:
        if (level, index) not in folds:
            frontier = Frontier()
            frontier.extend(leaves[index << level : (index + 1) << level])
            folds[level, index] = frontier.root()
        return folds[level, index]

    made, before, tree = [], 0, Frontier()
    tree.extend(leaves[:_FIRST])
    for size in range(_FIRST, _FIRST + count):
        text = Checkpoint(_ORIGIN, size, tree.root()).to_text()
        signed = note.parse(sign_note(text, name=_ORIGIN, key=_KEY))
        path = tuple(consistency_path(before, size, read)) if before else ()
        made.append(add_checkpoint.to_bytes(AddCheckpoint(before, path, signed)))
        before = size
        tree.append(leaves[size])
    return made


def _in_process(place: Place, *, ml_dsa: bool) -> Row:
    folder = WitnessFolder(place.folder / f"witness-{ml_dsa}")
    folder.create("bench.example/w")
    if ml_dsa:
        folder.add_mldsa44()
    requests = _requests(place.sizes.adds)
    with folder.opened({_ORIGIN: [_KEY.verifier_key(_ORIGIN)]}) as witness:
        fsync_ms = place.fsync_ms()
        times = each(len(requests), lambda n: _need(witness.add_checkpoint(requests[n])))
    keys = "Ed25519 and ML-DSA-44" if ml_dsa else "Ed25519"
    return Row(
        area="witness",
        what=f"in process: a checkpoint checked, kept and cosigned ({keys}); p50",
        value=times.p50,
        unit="ms",
        goal=5.0 + fsync_ms,
        beside={"p99 ms": times.p99, "fdatasync ms": fsync_ms},
    )


def _need(done: object) -> None:
    assert isinstance(done, Cosigned), done


def _over_http(place: Place) -> Row:
    requests = _requests(place.sizes.adds)
    with _witness(place, "witness-http", _KEY.verifier_key(_ORIGIN).to_text()) as url:
        line = Line(int(url.rpartition(":")[2]), "")
        with line:

            def post(number: int) -> None:
                status, _ = line.post("/add-checkpoint", requests[number])
                assert status == 200, status

            fsync_ms, times = place.fsync_ms(), each(len(requests), post)
    return Row(
        area="witness",
        what="HTTP, one keep-alive connection: the same, Ed25519; p50",
        value=times.p50,
        unit="ms",
        goal=5.0 + fsync_ms,
        beside={"p99 ms": times.p99, "fdatasync ms": fsync_ms},
    )


def _a_log_with_three(place: Place) -> Row:
    folder = place.fresh("witnessed")
    vkey = folder.log_vkey().to_text()
    with ExitStack() as running:
        lines = []
        for number in range(_WITNESSES):
            name = f"w{number}"
            url = running.enter_context(_witness(place, name, vkey))
            key = (place.folder / name / "vkeys").read_text().strip()
            lines.append(f"witness {name} {key} {url}\n")
        names = " ".join(f"w{number}" for number in range(_WITNESSES))
        policy = "".join(lines) + f"group two 2 {names}\nquorum two\n"
        folder.keep_policy(policy.encode(), where="policy")
        server = running.enter_context(serving(folder))
        server.trust_producer()
        job = Job(
            port=server.port, token=server.token, run="witnessed", kind="signed",
            records=max(50, place.sizes.adds // 10), batch=1, connections=1, prove=True,
        )  # fmt: skip
        with loading(job) as load:
            fsync_ms, before = place.fsync_ms(), server.usage()
            load.begin()
            sent = load.result()
            used = server.usage().since(before)
    check_last_proof(sent, folder)
    return Row(
        area="witness",
        what="a log with three witnesses here, quorum two: one add, ?wait=proof; p50",
        value=sent.p50_ms,
        unit="ms",
        beside={"p99 ms": sent.p99_ms, "fdatasync ms": fsync_ms, **used.beside(sent.recorded)},
    )


@contextmanager
def _witness(place: Place, name: str, vkey: str) -> Iterator[str]:
    """A witness process on a free port; gives its address."""
    data = place.folder / name
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen(
            [*COMMAND, "witness", "--data", str(data), "--name", f"bench.example/{name}",
             "--log", vkey, "--port", "0", "--json"],
            stdout=subprocess.PIPE, stderr=said,
        )  # fmt: skip
        try:
            assert process.stdout is not None
            yield msgspec.json.decode(process.stdout.readline())["url"]
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(20)
            if process.stdout is not None:
                process.stdout.close()
