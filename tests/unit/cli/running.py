"""Run a command in this process, and records to run it on."""

from __future__ import annotations

import contextlib
import io
import json
import sys
from typing import NamedTuple

from wherefrom.cli.main import main


class Ran(NamedTuple):
    """How a command ended, and all it said."""

    code: int
    written: bytes
    err: str

    @property
    def out(self):
        return self.written.decode()

    @property
    def json(self):
        return json.loads(self.written)

    @property
    def problem(self):
        return json.loads(self.err)


def run(*arguments, stdin=b"", data=None):
    """``wherefrom`` with these arguments; ``data`` adds ``--data``."""
    given = [str(a) for a in arguments] + (["--data", str(data)] if data else [])
    out, err = io.BytesIO(), io.BytesIO()
    streams = io.TextIOWrapper(out, "utf-8"), io.TextIOWrapper(err, "utf-8")
    before = sys.stdin
    sys.stdin = io.TextIOWrapper(io.BytesIO(stdin), "utf-8")
    try:
        with contextlib.redirect_stdout(streams[0]), contextlib.redirect_stderr(streams[1]):
            code = main(given)
    finally:
        sys.stdin = before
    for stream in streams:
        stream.flush()
    return Ran(code, out.getvalue(), err.getvalue().decode())


def event(number):
    """An OpenLineage event, another one for every number."""
    return {
        "eventType": "COMPLETE",
        "eventTime": "2026-01-01T00:00:00Z",
        "producer": "https://example.com/etl",
        "schemaURL": "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent",
        "run": {"runId": f"01941f29-7c00-7000-8000-{number:012x}"},
        "job": {"namespace": "jobs", "name": "load"},
        "inputs": [{"namespace": "s3://bucket", "name": f"raw/{number}"}],
        "outputs": [{"namespace": "s3://bucket", "name": f"clean/{number}"}],
    }


def lines(numbers):
    return b"".join(json.dumps(event(number)).encode() + b"\n" for number in numbers)


def statement(name, sha256, predicate_type="https://example.com/seen/v1"):
    """A bare in-toto statement about one file."""
    return {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": name, "digest": {"sha256": sha256}}],
        "predicateType": predicate_type,
        "predicate": {},
    }
