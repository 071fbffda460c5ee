"""Checking evidence offline: in process, and as the command that an auditor types."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from bench.inputs import Layered
from bench.place import PRODUCER, Place
from bench.report import Row
from bench.server import COMMAND
from bench.timing import each
from wherefrom.app import fold_views, open_desk, open_log, open_recorder
from wherefrom.collect.principals import local
from wherefrom.verify.evidence_file import check

_RECORDS = 400


def measure(place: Place) -> Iterator[Row]:
    """A lone proof, one record with its content, and a whole trace."""
    folder, made = place.fresh("evidence"), Layered(_RECORDS)
    with open_recorder(folder) as recorder:
        recorder.change_key(PRODUCER, action="trust", reason="the benchmark's producer")
        contents = [made.content(number) for number in range(_RECORDS)]
        recorder.record(contents, principal=local(os.getuid()))
    log = open_log(folder)
    fold_views(folder, log)
    desk, key, top = open_desk(folder, log), folder.log_vkey(), made.tops(1)[0]
    lone = desk.prove(top)
    one = desk.prove(top, content=True)
    whole = desk.prove(top, whole_trace=True)
    rounds = place.sizes.questions
    for what, proof, goal in (
        ("a tlog-proof of one entry", lone, 2.0),
        ("an evidence file: one record, its content, entry 0", one, 2.0),
        (f"an evidence file: a whole trace, {len(whole.entries)} entries", whole, None),
    ):
        assert check(proof.written, log_keys=[key]).result == "proven"

        def verify(_: int, written: bytes = proof.written) -> None:
            check(written, log_keys=[key])

        times = each(rounds if proof is not whole else max(1, rounds // 10), verify)
        yield Row(
            area="verify evidence",
            what=f"in process: {what}, p50",
            value=times.p50,
            unit="ms",
            goal=goal,
            beside={"p99 ms": times.p99, "file KB": len(proof.written) / 1000},
        )
    path = place.folder / "evidence.zip"
    path.write_bytes(one.written)
    times = each(place.sizes.commands, lambda _: _run(path, key.to_text()))
    empty = each(place.sizes.commands, lambda _: subprocess.run([sys.executable, "-c", ""]))
    yield Row(
        area="verify evidence",
        what="as a command: wherefrom verify FILE --offline --log-key VKEY, p50",
        value=times.p50,
        unit="ms",
        goal=250.0,
        beside={"worst ms": times.worst, "python alone p50 ms": empty.p50},
    )


def _run(path: Path, key: str) -> None:
    script = Path(sys.executable).with_name("wherefrom")
    command = [str(script)] if script.exists() else [*COMMAND]
    wanted = [*command, "verify", str(path), "--offline", "--log-key", key]
    subprocess.run(wanted, check=True, stdout=subprocess.DEVNULL)
