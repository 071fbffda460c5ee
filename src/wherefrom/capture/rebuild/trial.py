"""Make a thing again, twice, and say what came of it.

    steps, the last one makes it ──► a fresh tree ──► each step in its sandbox ──► digests  ┐ twice
                                                                                            ▼
                                              Verdict(reproduced | differs | cannot, reason, causes)

A step before the last is there because its output is an input of a later one that no commit holds.
Where the machine's clock goes on, a build begins only when the second of the recorded run is over:
what has its time in it would else be reproduced by luck.

Source: docs/run.md
"""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final, NamedTuple

from wherefrom.capture.rebuild import causes, sandbox, source, surroundings
from wherefrom.capture.rebuild.recipe import Recipe
from wherefrom.capture.rebuild.sandbox import Built, Failed, Sandbox
from wherefrom.capture.rebuild.surroundings import Surroundings
from wherefrom.capture.recorder import marks
from wherefrom.errors import Error
from wherefrom.formats.rebuild import CAUSES_MAX

BUILDS: Final = 2
AS_RECORDED: Final = (
    "environment: reproduced as recorded, not with SOURCE_DATE_EPOCH and others pinned"
)
PINS_MATTER: Final = "environment: alike with all pinned, another each time without"
_REPORT_CHARS: Final = 300
_REMOVALS_MAX: Final = 20
_REMOVAL_SECONDS: Final = 0.1


class Verdict(NamedTuple):
    """What became of it.

    builds      of each, the outputs of the last step by name
    diff        what diffoscope said, if it is installed
    pinned      what was, in words; ``free`` what was not
    varied      what was another in a build of its own; ``depends_on`` what of it changed the bytes
    """

    result: str
    reason: str | None
    builds: list[Built] = []
    causes: list[str] = []
    diff: list[str] = []
    pinned: list[str] = []
    free: list[str] = []
    varied: list[str] = []
    depends_on: list[str] = []


class Wanted(NamedTuple):
    """What is to be made again.

    steps     in their order
    name      of the file in the tree, and its ``sha256`` in hex
    original  its bytes, where they are at hand
    source    of each step's commit: a folder or an address
    loose     a folder where inputs may lie that no commit holds
    vary      build once more for each pin, with that one another
    """

    steps: Sequence[Recipe]
    name: str
    sha256: str
    original: Path | None
    source: str
    loose: Path
    vary: bool = False


def trial(wanted: Wanted, *, environ: Mapping[str, str], seconds: float) -> Verdict:
    """Build it twice and compare. Raises nothing that a build may do: that is ``cannot``.

    1. Under every pin. 2. A command that fails so may not stand a clock that does not go on: with
    the machine's. 3. Some tools do another thing where SOURCE_DATE_EPOCH is set, so what differs
    is built again as it was recorded. If that differs too, it is told what differed before.
    """
    with _room() as folder:
        try:
            programs = sandbox.need_sandbox()
            return _Trying(wanted, folder, programs, environ, seconds).verdict()
        except Error as error:
            return Verdict("cannot", str(error)[:_REPORT_CHARS])


@contextmanager
def _room() -> Iterator[Path]:
    """A folder for trees. One that a program which is ending still writes in is removed again."""
    folder = tempfile.mkdtemp(prefix="wherefrom-rebuild-")
    try:
        yield Path(folder)
    finally:
        for _ in range(_REMOVALS_MAX):
            shutil.rmtree(folder, ignore_errors=True)
            if not os.path.lexists(folder):
                break
            time.sleep(_REMOVAL_SECONDS)


class _Trying:
    """Builds of one thing, each in a tree of its own below ``folder``."""

    def __init__(
        self,
        wanted: Wanted,
        folder: Path,
        programs: Sandbox,
        environ: Mapping[str, str],
        seconds: float,
    ) -> None:
        self._wanted, self._folder, self._programs = wanted, folder, programs
        self._environ, self._seconds = environ, seconds
        self._last = wanted.steps[-1]
        self._source = wanted.source
        self._count = 0

    def verdict(self) -> Verdict:
        """All of it. Raises Cannot, Unavailable."""
        around, verdict = self._pinned()
        if verdict.result == "differs":
            around, verdict = self._as_recorded(around, verdict)
        return self._varied(around, verdict) if self._wanted.vary else verdict

    def _pinned(self) -> tuple[Surroundings, Verdict]:
        around = surroundings.pinned(self._last, self._commit_time())
        if self._programs.faketime is not None:
            try:
                return around, self._twice(around)
            except Failed:
                pass
        around = around._replace(clock=None)
        return around, self._twice(around)

    def _commit_time(self) -> int:
        """Of the commit, which is at hand from then on."""
        tree = self._tree()
        source.checkout(self._wanted.steps[0], self._source, tree)
        self._source = str(tree)
        return source.commit_time(tree)

    def _tree(self) -> Path:
        self._count += 1
        tree = self._folder / str(self._count) / "src"
        tree.parent.mkdir()
        return tree

    def _twice(self, around: Surroundings) -> Verdict:
        began = int(time.time())
        made = [self._built(around) for _ in range(BUILDS)]
        builds, trees = [one[0] for one in made], [one[1] for one in made]
        digests = [build.outputs.get(self._wanted.name) for build in builds]
        told = Verdict("reproduced", None, builds, pinned=around.pinned(), free=around.free())
        if all(digest == self._wanted.sha256 for digest in digests):
            return told
        ran = marks.Window(began, int(time.time()) + 1)
        if around.clock is not None:
            ran = marks.Window(around.clock, around.clock)
        made_there = [tree / self._wanted.name for tree in trees]
        found, diff = _causes(self._wanted, made_there, ran, self._programs)
        return told._replace(
            result="differs", reason=_reason(digests, self._wanted), causes=found, diff=diff
        )

    def _as_recorded(
        self, around: Surroundings, pinned: Verdict
    ) -> tuple[Surroundings, Verdict]:  # fmt: skip
        try:
            again = self._twice(surroundings.AS_RECORDED)
        except Failed:
            return around, pinned
        if again.result == "reproduced":
            return surroundings.AS_RECORDED, again._replace(causes=[AS_RECORDED])
        if self._usual(pinned) and not self._usual(again):
            pinned = pinned._replace(causes=[PINS_MATTER, *pinned.causes][:CAUSES_MAX])
        return around, pinned

    def _usual(self, verdict: Verdict) -> str | None:
        """What every build made, if all made the same."""
        made = {build.outputs.get(self._wanted.name) for build in verdict.builds}
        return made.pop() if len(made) == 1 else None

    def _varied(self, around: Surroundings, verdict: Verdict) -> Verdict:
        """What the bytes depend on: one build for each pin, with that one another."""
        usual = self._usual(verdict)
        if usual is None:
            return verdict  # of what is another each time, no pin is the cause
        varied: list[str] = []
        depends: list[str] = []
        for what, other in surroundings.variations(around, self._wanted.steps):
            made = None
            with suppress(Failed):
                built, tree = self._built(other)
                made = built.outputs.get(self._wanted.name)
                shutil.rmtree(tree.parent, ignore_errors=True)
            varied.append(what)
            if made != usual:
                depends.append(what)
        return verdict._replace(varied=varied, depends_on=depends)

    def _built(self, around: Surroundings) -> tuple[Built, Path]:
        """One build and its tree. Raises Cannot, and Failed if the command does."""
        if around.clock is None:
            _wait_past(self._last.ran[1] + surroundings.TICK_SECONDS)
        tree, wanted = self._tree(), self._wanted
        source.checkout(wanted.steps[0], self._source, tree)
        toolchains = source.toolchains(tree, wanted.loose)
        built: Built | None = None
        for step in wanted.steps:
            source.lay_in(step, tree, wanted.loose, moment=around.dates)
            if built is None:
                source.level(tree, around.dates)
            built = sandbox.build(
                self._programs, step, tree, around=around, environ=self._environ,
                seconds=self._seconds, toolchains=toolchains,
            )  # fmt: skip
        assert built is not None, "a thing is made by a step"
        return built, tree


def _wait_past(moment: float) -> None:
    """Wait until it is over; a moment that lies further ahead is a wrong clock's."""
    left = moment - time.time()
    if 0 < left <= 2 * surroundings.TICK_SECONDS:
        time.sleep(left)


def _reason(made: Sequence[str | None], wanted: Wanted) -> str:
    if None in made:
        return f"the command makes no {wanted.name} here"
    if len(set(made)) > 1:
        return "two builds in the same place differ from each other"
    return "both builds are alike, and differ from what was recorded"


def _causes(
    wanted: Wanted, made: Sequence[Path], ran: marks.Window, programs: Sandbox
) -> tuple[list[str], list[str]]:
    """Compare with the original where it is at hand, else one build with the other.

    ran  when the builds ran, as they saw it
    """
    found: dict[str, None] = {}
    last = wanted.steps[-1]
    first, second = (wanted.original or made[0]), made[-1]
    diff: list[str] = []
    if all(sandbox.digest_of(path) for path in (first, second)):
        with open(first, "rb") as a, open(second, "rb") as b:
            contents = a.read(causes.READ_BYTES), b.read(causes.READ_BYTES)
        before = marks.Window(*last.ran) if wanted.original else ran
        told = causes.of_bytes(*contents, windows=(before, ran), folder=surroundings.TREE)
        found.update(dict.fromkeys(told))
        if contents[0] != contents[1]:
            diff = causes.diffoscope(first, second, sandbox=programs)
    for step in wanted.steps:
        found.update(dict.fromkeys(causes.of_packages(step.packages)))
    if last.outside:
        found[f"inputs: {last.outside} lay outside the tree, and may be others here"] = None
    found.update({f"recorded debt: {kind}": None for kind in last.debts})
    return list(found)[:CAUSES_MAX], diff


def predicate(
    verdict: Verdict, *, provenance: str, finished: str, seconds: float | None = None
) -> dict[str, Any]:
    """What is recorded of it.

    provenance  SHA-256, in hex, of the record that it was made again from
    seconds     how long it took, if somebody looked
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
        "pinned": verdict.pinned,
        "free": verdict.free,
        "varied": verdict.varied or None,
        "dependsOn": verdict.depends_on if verdict.varied else None,
        "finished": finished,
        "seconds": None if seconds is None else round(seconds, 3),
    }
    return {key: value for key, value in told.items() if value is not None}
