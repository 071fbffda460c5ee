"""Run a recipe where it finds no network, no home and no clock of its own: bubblewrap.

    commit ──git──► a fresh tree ──► bwrap: the system read-only, the tree at /tmp/build
                                           SOURCE_DATE_EPOCH, TZ, LC_ALL, PYTHONHASHSEED pinned

What was recorded of the environment is set; what is not recorded is pinned. The time itself is the
machine's, for bubblewrap cannot change it: a tool that ignores SOURCE_DATE_EPOCH is found by that.
The command is somebody's word, and the system is read-only to it, but readable: run what you trust.

Sizes:  a build ends after its seconds · OUTPUT_CHARS of what it said are kept
Source: bwrap(1); reproducible-builds.org/specs/source-date-epoch
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from wherefrom.capture import git
from wherefrom.capture.rebuild.recipe import Cannot, Named, Recipe
from wherefrom.errors import NotFound, Unavailable

OUTPUT_CHARS: Final = 2_000
TREE: Final = "/tmp/build"
_HOME: Final = "/tmp/home"
# Taken over from whoever rebuilds: what says where programs are.
_TAKEN: Final = ("PATH",)


class Built(NamedTuple):
    """One build: how the command ended, what it made (None where it made nothing of that name)."""

    status: int
    outputs: dict[str, str | None]
    said: str


def need_sandbox() -> str:
    """Where bubblewrap is. Raises Unavailable if it is not there or may not work here."""
    program = shutil.which("bwrap")
    if program is None:
        raise Unavailable(
            "bubblewrap is not installed", do="Install it: apt-get install bubblewrap"
        )
    tried = subprocess.run(
        [program, "--ro-bind", "/", "/", "--unshare-net", "--", "true"],
        capture_output=True, check=False, timeout=10,
    )  # fmt: skip
    if tried.returncode != 0:
        raise Unavailable(
            "bubblewrap does not work here", got=tried.stderr.decode("utf-8", "replace")[:200]
        )
    return program


def checkout(recipe: Recipe, source: str, tree: Path) -> None:
    """The recorded commit in a new folder. Raises Cannot if the source has it not."""
    try:
        git.need_revision(recipe.commit, source)
        git.ask(tree.parent, "clone", "-q", "--no-checkout", "--", source, str(tree))
        git.ask(tree, "-c", "advice.detachedHead=false", "checkout", "-q", recipe.commit)
    except NotFound as error:
        raise Cannot(
            "the source does not have the commit", got=f"{recipe.commit[:12]}: {error.got}",
            do="Give a clone that has it: --source FOLDER",
        ) from error  # fmt: skip


def commit_time(tree: Path) -> str:
    """When the commit was made, in seconds since 1970."""
    return git.ask(tree, "log", "-1", "--format=%ct").decode().strip()


def missing(inputs: Sequence[Named], tree: Path) -> list[Named]:
    """The inputs that are not in the tree with the recorded bytes."""
    return [one for one in inputs if digest_of(tree / one.name) != one.sha256]


def digest_of(path: Path) -> str | None:
    """SHA-256 in hex of a regular file; None if there is none."""
    try:
        if path.is_symlink() or not path.is_file():
            return None
        with open(path, "rb") as opened:
            return hashlib.file_digest(opened, "sha256").hexdigest()
    except OSError:
        return None


def environment_of(
    recipe: Recipe, environ: Mapping[str, str], *, epoch: str | None
) -> dict[str, str]:
    """The environment of a build: as recorded; with an ``epoch``, what it lacks is pinned."""
    taken = {name: environ[name] for name in _TAKEN if name in environ}
    pins = {"TZ": "UTC0", "LC_ALL": "C.UTF-8", "PYTHONHASHSEED": "0"}
    if epoch is None:
        return {**taken, **recipe.environment, "HOME": _HOME}
    return {**taken, **pins, "SOURCE_DATE_EPOCH": epoch, **recipe.environment, "HOME": _HOME}


def build(
    program: str, recipe: Recipe, tree: Path, *, environment: Mapping[str, str], seconds: float
) -> Built:
    """Run a recipe in its tree.

    program  from ``need_sandbox``

    Raises Cannot if it does not end in time.
    """
    variables = [part for name, value in environment.items() for part in ("--setenv", name, value)]
    command = [
        program, "--unshare-all", "--die-with-parent", "--new-session", "--hostname", "build",
        "--ro-bind", "/", "/", "--dev", "/dev", "--proc", "/proc", "--tmpfs", "/tmp",
        "--tmpfs", "/run", "--bind", str(tree), TREE, "--dir", _HOME,
        "--chdir", os.path.normpath(f"{TREE}/{recipe.directory}"),
        "--clearenv", *variables, "--", *recipe.command,
    ]  # fmt: skip
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            check=False, timeout=seconds,
        )  # fmt: skip
    except subprocess.TimeoutExpired as error:
        raise Cannot("it did not end in time", expected=f"{seconds:g} seconds") from error
    made = {one.name: digest_of(tree / one.name) for one in recipe.outputs}
    return Built(done.returncode, made, done.stdout.decode("utf-8", "replace")[-OUTPUT_CHARS:])
