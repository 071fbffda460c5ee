"""Evidence to change: of a small log whose trace rests on a verdict, and of another log."""

import io
import json
import tempfile
import zipfile
from functools import cache
from pathlib import Path
from typing import NamedTuple

import msgspec

from tests.folders import (
    BUILDER,
    ME,
    REVIEWER,
    STRANGER,
    asked,
    envelope,
    made,
    public,
    sha256_of,
    statement,
)  # fmt: skip
from wherefrom.app import open_recorder
from wherefrom.formats import evidence_file
from wherefrom.formats.note import VerifierKey
from wherefrom.verify.evidence_file import check

APP, ERASED, TOMBSTONE, VERDICT = 1, 3, 4, 6


class Made(NamedTuple):
    """One log and what it proves: evidence as files, and the parsed zips to change."""

    key: VerifierKey
    proof: bytes
    content: bytes
    trace: bytes
    erased: bytes


@cache
def of(origin="log.example/tests"):
    """0 genesis · 1 app, signed · 2 lib · 3 erased · 4 tombstone · 5 key · 6 verdict on 1 · 7, 8"""
    with tempfile.TemporaryDirectory() as path:
        folder = made(Path(path) / "data", origin=origin)
        with open_recorder(folder) as recorder:
            built = envelope(statement("app"), BUILDER, REVIEWER)
            recorder.record([built, statement("lib"), statement("gone")], principal=ME)
            recorder.erase(ERASED, reason="asked to", principal=ME)
            recorder.change_key(public(BUILDER), action="trust")
            recorder.record([envelope(statement("lib"), STRANGER), statement("z")], principal=ME)
        with asked(folder) as desk:
            return Made(
                key=folder.log_vkey(),
                proof=desk.prove(str(APP)).written,
                content=desk.prove(sha256_of("lib"), content=True).written,
                trace=desk.prove(sha256_of("app"), whole_trace=True).written,
                erased=desk.prove(str(ERASED), content=True).written,
            )


def parsed(written):
    return evidence_file.parse(written)


def parts(written):
    """The zip as names and bytes."""
    with zipfile.ZipFile(io.BytesIO(written)) as archive:
        return {i.filename: archive.read(i) for i in archive.infolist()}


def zipped(named, *, method=zipfile.ZIP_STORED):
    """Names and bytes, or pairs of them, as a zip."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        for name, written in named.items() if isinstance(named, dict) else named:
            archive.writestr(zipfile.ZipInfo(name), written, compress_type=method)
    return out.getvalue()


def changed(written, **fields):
    """The evidence with fields of its manifest replaced."""
    named = parts(written)
    manifest = json.loads(named["manifest.json"]) | fields
    return zipped(named | {"manifest.json": json.dumps(manifest).encode()})


def edge_changed(number=0, **fields):
    """The trace of ``of()`` with one edge of its answer changed."""
    trace = trace_of(of().trace)
    trace["edges"][number] |= fields
    return changed(of().trace, trace=trace)


def trace_of(written):
    """The answer in the manifest, to change."""
    return json.loads(parts(written)["manifest.json"])["trace"]


def result(written, key=None):
    """(result, failing step, its words) of a check that must never raise."""
    report = check(written, log_keys=[key or of().key])
    last = report.steps[-1]
    assert all(step.ok for step in report.steps[:-1])
    assert last.ok == (report.result == "proven")
    assert msgspec.json.encode(report)
    return report.result, last.name, last.says
