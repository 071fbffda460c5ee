"""Make a thing again, twice, and say what came of it.

    steps, the last one makes it ──► a fresh tree ──► each step in its sandbox ──► digests  ┐ twice
                                                                                            ▼
                                              Verdict(reproduced | differs | cannot, reason, causes)

A step before the last is there because its output is an input of a later one that no commit holds.

Source: docs/run.md
"""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

from wherefrom.capture.rebuild import causes, sandbox
from wherefrom.capture.rebuild.recipe import Cannot, Recipe
from wherefrom.capture.rebuild.sandbox import Built
from wherefrom.capture.recorder import marks
from wherefrom.errors import Error
from wherefrom.formats.rebuild import CAUSES_MAX

BUILDS: Final = 2
AS_RECORDED: Final = (
    "environment: reproduced as recorded, not with SOURCE_DATE_EPOCH and others pinned"
)
_REPORT_CHARS: Final = 300


class Verdict(NamedTuple):
    """What became of it.

    builds  of each, the outputs of the last step by name
    diff    what diffoscope said, if it is installed
    """

    result: str
    reason: str | None
    builds: list[Built]
    causes: list[str]
    diff: list[str]


class Wanted(NamedTuple):
    """What is to be made again.

    steps     in their order
    name      of the file in the tree, and its ``sha256`` in hex
    original  its bytes, where they are at hand
    source    of each step's commit: a folder or an address
    loose     a folder where inputs may lie that no commit holds
    """

    steps: Sequence[Recipe]
    name: str
    sha256: str
    original: Path | None
    source: str
    loose: Path


def trial(wanted: Wanted, *, environ: Mapping[str, str], seconds: float) -> Verdict:
    """Build it twice and compare. Raises nothing that a build may do: that is ``cannot``.

    Some tools do another thing where SOURCE_DATE_EPOCH is set, so what differs under the pins is
    built again as it was recorded. If that differs too, it is told what differed under the pins.
    """
    pinned = _trial(wanted, environ, seconds, are_pinned=True)
    if pinned.result != "differs":
        return pinned
    as_recorded = _trial(wanted, environ, seconds, are_pinned=False)
    if as_recorded.result != "reproduced":
        return pinned
    return as_recorded._replace(causes=[AS_RECORDED])


def _trial(
    wanted: Wanted, environ: Mapping[str, str], seconds: float, *, are_pinned: bool
) -> Verdict:
    builds: list[Built] = []
    kept: list[Path] = []
    with tempfile.TemporaryDirectory(prefix="wherefrom-rebuild-") as folder:
        started = int(time.time())
        try:
            program = sandbox.need_sandbox()
            for number in range(BUILDS):
                tree = Path(folder) / f"tree-{number}" / "src"
                tree.parent.mkdir()
                builds.append(_built(program, wanted, tree, environ, seconds, are_pinned))
                kept.append(tree / wanted.name)
        except Error as error:
            return Verdict("cannot", str(error)[:_REPORT_CHARS], builds, [], [])
        made = [build.outputs.get(wanted.name) for build in builds]
        if all(digest == wanted.sha256 for digest in made):
            return Verdict("reproduced", None, builds, [], [])
        found, diff = _causes(wanted, kept, made, started)
        return Verdict("differs", _reason(made, wanted), builds, found, diff)


def _built(
    program: str,
    wanted: Wanted,
    tree: Path,
    environ: Mapping[str, str],
    seconds: float,
    are_pinned: bool,
) -> Built:
    sandbox.checkout(wanted.steps[0], wanted.source, tree)
    epoch = sandbox.commit_time(tree) if are_pinned else None
    built: Built | None = None
    for step in wanted.steps:
        _lay_in(step, tree, wanted.loose)
        environment = sandbox.environment_of(step, environ, epoch=epoch)
        built = sandbox.build(program, step, tree, environment=environment, seconds=seconds)
        if built.status != 0:
            raise Cannot(
                f"the command ended with {built.status} here", got=built.said.strip()[-200:] or None
            )
    assert built is not None, "a thing is made by a step"
    return built


def _lay_in(step: Recipe, tree: Path, loose: Path) -> None:
    """Bring what the commit does not hold, if it lies at hand with the recorded bytes."""
    for one in sandbox.missing(step.inputs, tree):
        source = loose / one.name
        if sandbox.digest_of(source) == one.sha256:
            target = tree / one.name
            if not target.parent.resolve().is_relative_to(tree.resolve()):
                raise Cannot("a link leads out of the tree", got=one.name)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, target)
    gone = sandbox.missing(step.inputs, tree)
    if gone:
        names = ", ".join(one.name for one in gone[:3]) + (" …" if len(gone) > 3 else "")
        raise Cannot(
            f"{len(gone)} inputs are not to be had with the recorded bytes", got=names,
            do="Put them where they were, below --source",
        )  # fmt: skip


def _reason(made: Sequence[str | None], wanted: Wanted) -> str:
    if None in made:
        return f"the command makes no {wanted.name} here"
    if len(set(made)) > 1:
        return "two builds in the same place differ from each other"
    return "both builds are alike, and differ from what was recorded"


def _causes(
    wanted: Wanted, kept: Sequence[Path], made: Sequence[str | None], started: int
) -> tuple[list[str], list[str]]:
    """Compare with the original where it is at hand, else one build with the other."""
    found: dict[str, None] = {}
    last = wanted.steps[-1]
    a, b = (wanted.original or kept[0]), kept[-1]
    diff: list[str] = []
    if None not in made:
        window = marks.Window(started, int(time.time()) + 1)
        with open(a, "rb") as first, open(b, "rb") as second:
            contents = first.read(causes.READ_BYTES), second.read(causes.READ_BYTES)
        found.update(dict.fromkeys(
            causes.of_bytes(*contents, window=window, folder=sandbox.TREE)
        ))  # fmt: skip
        if contents[0] != contents[1]:
            diff = causes.diffoscope(a, b)
    for step in wanted.steps:
        found.update(dict.fromkeys(causes.of_packages(step.packages)))
    if last.outside:
        found[f"inputs: {last.outside} lay outside the tree, and may be others here"] = None
    found.update({f"recorded debt: {kind}": None for kind in last.debts})
    return list(found)[:CAUSES_MAX], diff


def predicate(verdict: Verdict, *, provenance: str, finished: str) -> dict[str, Any]:
    """What is recorded of it.

    provenance  SHA-256, in hex, of the record that it was made again from
    """
    builds = [
        {"status": build.status,
         "outputs": [{"name": name, "digest": {"sha256": digest}}
                     for name, digest in sorted(build.outputs.items()) if digest]}
        for build in verdict.builds
    ]  # fmt: skip
    told = {
        "result": verdict.result,
        "reason": verdict.reason,
        "provenance": {"digest": {"sha256": provenance}},
        "builds": builds,
        "causes": verdict.causes,
        "finished": finished,
    }
    return {key: value for key, value in told.items() if value is not None}
