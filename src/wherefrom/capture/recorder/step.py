"""One step of a build, from the command to what is told of it.

    begin(command) ──► the tree before, a tracer
    .run()         ──► the command, watched; nothing else happens meanwhile
    .told()        ──► Step: what it read, wrote and leant on, with digests

The order matters. 1. Ask git, before the command changes what it would say. 2. Run. 3. Take
digests, ask for packages. A crash after 2 loses the record and no more: the command was the
person's own child all the time.

Source: docs/run.md
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

from wherefrom.capture.recorder import packages, tracing
from wherefrom.capture.recorder.ambient import Debt, Seen, debts
from wherefrom.capture.recorder.found import Asked, Finding, Found
from wherefrom.capture.recorder.secrets import ALLOWED, Redaction
from wherefrom.capture.recorder.tracing import Ran, Tracer
from wherefrom.capture.recorder.worktree import Worktree, worktree

# Who runs a job, and which run it is, as CI systems say it in variables.
_BUILDERS: Final[tuple[tuple[str, str], ...]] = (
    ("GITHUB_RUN_ID", "https://github.com/actions/runner/{RUNNER_ENVIRONMENT}"),
    ("CI_RUNNER_ID", "{CI_SERVER_URL}/-/runners/{CI_RUNNER_ID}"),
    ("JENKINS_URL", "{JENKINS_URL}"),
)
_RUNS: Final[tuple[tuple[str, str], ...]] = (
    ("GITHUB_RUN_ID",
     "{GITHUB_SERVER_URL}/{GITHUB_REPOSITORY}/actions/runs/{GITHUB_RUN_ID}"
     "/attempts/{GITHUB_RUN_ATTEMPT}"),
    ("CI_JOB_URL", "{CI_JOB_URL}"),
    ("BUILD_URL", "{BUILD_URL}"),
)  # fmt: skip
LOCAL_BUILDER: Final = "urn:wherefrom:builder:local"

_NOTHING: Final = Asked()


class Step(NamedTuple):
    """What is told of one command; secrets are taken out already.

    command      as it was given
    directory    where it ran, from the root of the tree
    environment  name → value, None where only the name may be told
    not_traced   why nobody watched it; None if somebody did
    builder, invocation  who ran it, and which run of it this is
    """

    command: list[str]
    directory: str
    environment: dict[str, str | None]
    asked: Asked
    tree: Worktree
    ran: Ran
    found: Found
    debts: list[Debt]
    platform: dict[str, str]
    not_traced: str | None
    builder: str
    invocation: str


class Recording:
    """A command that is about to run."""

    def __init__(
        self,
        command: Sequence[str],
        *,
        environ: Mapping[str, str] = os.environ,
        asked: Asked = _NOTHING,
        allowed: Sequence[str] = (),
        key: bytes | None = None,
        builder: str | None = None,
        traced: bool = True,
    ) -> None:
        self._command, self._environ, self._asked = command, environ, asked
        self._allowed = (*ALLOWED, *allowed)
        self._redaction = Redaction(environ, key)
        self._builder = builder
        self._folder = os.getcwd()
        self._before = worktree(Path(self._folder))
        found = tracing.tracer() if traced else "it was not asked for"
        self._tracer = found if isinstance(found, Tracer) else None
        self._not_traced = found if isinstance(found, str) else None
        self.ran: Ran | None = None

    @property
    def not_traced(self) -> str | None:
        """Why nobody will watch; None if somebody will."""
        return self._not_traced

    def run(self) -> Ran:
        """Run the command; how it ended."""
        self.ran = tracing.run(self._command, environ=self._environ, by=self._tracer)
        return self.ran

    def told(self) -> Step:
        """What there is to tell of it, once it has run."""
        assert self.ran is not None, "told before it ran"
        ran, plain = self.ran, self._redaction.text
        finding = Finding(
            folder=self._folder, before=self._before, asked=self._asked, plain=plain,
            started_ns=ran.started_ns, finished_ns=ran.finished_ns,
            clamped=_seconds(self._environ.get("SOURCE_DATE_EPOCH", "")),
        )  # fmt: skip
        found = finding.found(ran.touched)
        return Step(
            command=self._redaction.arguments(self._command),
            directory=os.path.relpath(os.path.realpath(self._folder), self._before.root),
            environment=self._redaction.variables(self._allowed),
            asked=Asked([plain(p) for p in self._asked.inputs],
                        [plain(p) for p in self._asked.outputs]),
            tree=self._before,
            ran=ran,
            found=found,
            debts=self._debts(found) if ran.touched is not None else [],
            platform=packages.platform(),
            not_traced=self._not_traced,
            builder=self._builder or _filled(_BUILDERS, self._environ) or LOCAL_BUILDER,
            invocation=_invocation(self._environ),
        )  # fmt: skip

    def _debts(self, found: Found) -> list[Debt]:
        assert self.ran is not None
        touched = self.ran.touched
        assert touched is not None
        written = set(touched.written)
        seen = Seen(
            reads=[path for path in found.reads if path not in written],
            owned=found.owned,
            unlisted=found.unlisted,
            connected=list(touched.connected),
            sockets=list(touched.sockets),
            devices=list(touched.devices),
            programs=[os.path.realpath(path) for path in touched.programs],
            marks=found.marks,
            environ=self._environ,
            tree=self._before.root,
            home=os.path.realpath(self._environ.get("HOME") or "/"),
        )
        return debts(seen)


def _seconds(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() else None


def _filled(forms: Sequence[tuple[str, str]], environ: Mapping[str, str]) -> str | None:
    """The first form whose variable is set, filled in; one with a gap is none."""
    for name, form in forms:
        if environ.get(name):
            try:
                return form.format_map(environ)
            except KeyError:
                continue
    return None


def _invocation(environ: Mapping[str, str]) -> str:
    """One for each step, so that two steps of one job do not become one."""
    own = uuid.uuid4().hex[:16]
    run = _filled(_RUNS, environ)
    return f"{run}#{own}" if run else own


def summary(step: Step) -> dict[str, Any]:
    """What a person, or a script, is told of a step."""
    found = step.found
    return {
        "exit": step.ran.status,
        "seconds": round((step.ran.finished_ns - step.ran.started_ns) / 1e9, 3),
        "traced": step.not_traced is None,
        "inputs": len(found.inputs),
        "packages": len(found.packages),
        "outputs": [{"name": f.name, "digest": f"sha256:{f.sha256}"} for f in found.outputs],
        "intermediates": len(found.intermediates),
        "debts": [debt._asdict() for debt in step.debts],
        "left_out": found.left_out,
    }
