"""A step as SLSA provenance: values in, an in-toto statement out, nothing else.

    Step ──► subject: what it made           buildDefinition: command, environment, source, inputs
             runDetails: who, which run, when, and as byproducts what it left besides

A command that failed vouches for nothing: what it wrote is then a byproduct, and the subject is the
report of the step, which is the digest of the predicate's internalParameters in canonical JSON. It
is the subject of a step that wrote nothing too, for a statement is about something.

Source: slsa.dev/spec/v1.2/build-provenance; in-toto attestation spec v1; docs/run.md
"""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from typing import Any, Final

from wherefrom import __version__
from wherefrom.capture.recorder.found import File, Used
from wherefrom.capture.recorder.step import Step
from wherefrom.formats import canonical_json, statement_shape
from wherefrom.formats.timestamps import to_text

BUILD_TYPE: Final = "urn:wherefrom:run:v1"
PREDICATE_TYPE: Final = "https://slsa.dev/provenance/v1"
REPORT: Final = "wherefrom-step.json"


def statement(step: Step, predicate_type: str = PREDICATE_TYPE, predicate: Any = None) -> bytes:
    """The statement about what a step made; with another predicate, the same things are spoken of.

    Raises Refused for a number or text that JSON cannot hold.
    """
    said = provenance(step) if predicate is None else predicate
    return statement_shape.of_subjects(subjects(step), predicate_type, said)


def subjects(step: Step) -> list[dict[str, Any]]:
    """What the step made, as in-toto names it; its report if that is nothing."""
    if step.ran.status == 0 and step.found.outputs:
        return [_descriptor(file) for file in step.found.outputs]
    report = canonical_json.to_bytes(_internal(step))
    return [{"name": REPORT, "digest": {"sha256": hashlib.sha256(report).hexdigest()}}]


def provenance(step: Step) -> dict[str, Any]:
    """The predicate."""
    return {
        "buildDefinition": {
            "buildType": BUILD_TYPE,
            "externalParameters": _external(step),
            "internalParameters": _internal(step),
            "resolvedDependencies": [
                *_source(step),
                *(_descriptor(file) for file in step.found.inputs),
                *(_package(used) for used in step.found.packages),
            ],
        },
        "runDetails": {
            "builder": {"id": step.builder, "version": {"wherefrom": __version__}},
            "metadata": {
                "invocationId": step.invocation,
                "startedOn": _time(step.ran.started_ns),
                "finishedOn": _time(step.ran.finished_ns),
            },
            "byproducts": _byproducts(step),
        },
    }


def _external(step: Step) -> dict[str, Any]:
    told: dict[str, Any] = {
        "command": step.command,
        "directory": step.directory,
        "environment": step.environment,
    }
    if step.asked.inputs:
        told["inputs"] = list(step.asked.inputs)
    if step.asked.outputs:
        told["outputs"] = list(step.asked.outputs)
    return told


def _internal(step: Step) -> dict[str, Any]:
    """What nobody gave and nobody could; a part of it that is empty is left out."""
    told: dict[str, Any] = {
        "exitStatus": step.ran.status,
        "durationMs": (step.ran.finished_ns - step.ran.started_ns) // 10**6,
        "traced": step.not_traced is None,
        "notTraced": step.not_traced,
        "platform": step.platform,
        "source": {
            "commit": step.tree.commit,
            "ref": step.tree.ref,
            "changedFiles": len(step.tree.changed),
        },
        "determinismDebts": [
            {"kind": d.kind, "says": d.says, "seen": list(d.seen), "count": d.number,
             "remedy": d.remedy}
            for d in step.debts
        ],
        "leftRunning": step.ran.left or None,
        "leftOut": step.found.left_out or None,
    }  # fmt: skip
    return {key: value for key, value in told.items() if value is not None}


def _source(step: Step) -> list[dict[str, Any]]:
    tree = step.tree
    if tree.commit is None:
        return []
    told: dict[str, Any] = {"name": "git.head", "digest": {"gitCommit": tree.commit}}
    if tree.repository is not None:
        told["uri"] = f"{tree.repository}@{tree.ref}" if tree.ref else tree.repository
    if tree.changed:
        told["annotations"] = {"changedFiles": len(tree.changed)}
    return [told]


def _descriptor(file: File) -> dict[str, Any]:
    told: dict[str, Any] = {"name": file.name}
    if file.sha256 is not None:
        told["digest"] = {"sha256": file.sha256}
    else:
        told["annotations"] = {"holdsSecrets": True}
    if file.said_by is not None:
        told["annotations"] = {"digestOf": file.said_by}
    return told


def _package(used: Used) -> dict[str, Any]:
    """A package by its name; the digest beside is of what was read of it, not of the whole."""
    return {
        "name": used.package.name,
        "uri": used.package.purl,
        "annotations": {"filesRead": used.files, "filesDigest": f"sha256:{used.sha256}"},
    }


def _byproducts(step: Step) -> list[dict[str, Any]]:
    found = step.found
    failed = found.outputs if step.ran.status != 0 else []
    return [
        {**_descriptor(file), "annotations": {"kind": kind}}
        for kind, files in (
            ("of a command that failed", failed),
            ("intermediate", found.intermediates),
            ("outside the tree", found.elsewhere),
        )
        for file in files
    ]


def _time(nanoseconds: int) -> str:
    return to_text(datetime.fromtimestamp(nanoseconds / 1e9, UTC))
