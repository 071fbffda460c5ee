"""The recorded source in a fresh tree: the commit, and what lies beside it.

    a clone ──git──► tree ──► modes and dates that are nobody's ──► inputs that no commit holds

Nothing of the clone is shared: a build may write in its tree, git's own files in it too.

Source: git-clone(1)
"""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

from wherefrom.capture import git
from wherefrom.capture.rebuild.recipe import Cannot, Named, Recipe
from wherefrom.capture.rebuild.sandbox import digest_of
from wherefrom.errors import NotFound

_NAMES_MAX: Final = 3
_PROGRAM, _FILE, _FOLDER = 0o755, 0o644, 0o755


def checkout(recipe: Recipe, source: str, tree: Path) -> None:
    """The recorded commit in a new folder. Raises Cannot if the source has it not."""
    try:
        git.need_revision(recipe.commit, source)
        git.ask(
            tree.parent, "clone", "-q", "--no-checkout", "--no-hardlinks", "--template=", "--",
            source, str(tree),
        )  # fmt: skip
        git.ask(
            tree, "-c", "advice.detachedHead=false", "-c", f"core.hooksPath={os.devnull}",
            "checkout", "-q", recipe.commit,
        )  # fmt: skip
        # Where it was cloned from here is another folder each time, and some builds ask.
        git.ask(tree, "remote", "set-url", "origin", recipe.repository or ".")
    except NotFound as error:
        raise Cannot(
            "the source does not have the commit", got=f"{recipe.commit[:12]}: {error.got}",
            do="Give a clone that has it: --source FOLDER",
        ) from error  # fmt: skip


def commit_time(tree: Path) -> int:
    """When the commit was made, in seconds since 1970."""
    return int(git.ask(tree, "log", "-1", "--format=%ct"))


def lay_in(step: Recipe, tree: Path, loose: Path, *, moment: int | None) -> None:
    """Bring what the commit does not hold, if it lies at hand with the recorded bytes.

    moment  the date that it gets; None for now

    Raises Cannot for an input that does not.
    """
    for one in _missing(step.inputs, tree):
        source = loose / one.name
        if digest_of(source) == one.sha256:
            target = tree / one.name
            if not target.parent.resolve().is_relative_to(tree.resolve()):
                raise Cannot("a link leads out of the tree", got=one.name)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, target)
            shutil.copymode(source, target)
            if moment is not None:
                os.utime(target, (moment, moment))
    gone = _missing(step.inputs, tree)
    if gone:
        names = ", ".join(one.name for one in gone[:_NAMES_MAX])
        number = "an input is" if len(gone) == 1 else f"{len(gone)} inputs are"
        raise Cannot(
            f"{number} not to be had with the recorded bytes",
            got=names + (" …" if len(gone) > _NAMES_MAX else ""),
            do="Put it where it was, below --source",
        )


def toolchains(tree: Path, loose: Path) -> list[Path]:
    """Folders of packages that lie beside the source and in no commit, as they do for many builds.

    What was read of them is recorded by package, so it is the toolchain and no input.
    """
    with suppress(OSError):
        return [
            folder for folder in sorted(loose.iterdir())
            if (folder.name == "node_modules" or (folder / "pyvenv.cfg").is_file())
            and folder.is_dir() and not os.path.lexists(tree / folder.name)
        ]  # fmt: skip
    return []


def _missing(inputs: Sequence[Named], tree: Path) -> list[Named]:
    return [one for one in inputs if digest_of(tree / one.name) != one.sha256]


def level(tree: Path, moment: int | None) -> None:
    """Give all files of a tree modes that no umask made, and, if told, one date."""
    for folder, _, files in os.walk(tree, topdown=False):
        if f"{folder}/".startswith(f"{tree}/.git/"):
            continue
        for path in (*(os.path.join(folder, name) for name in files), folder):
            told = os.lstat(path)
            if stat.S_ISREG(told.st_mode):
                os.chmod(path, _PROGRAM if told.st_mode & stat.S_IXUSR else _FILE)
            elif stat.S_ISDIR(told.st_mode):
                os.chmod(path, _FOLDER)
            if moment is not None:
                os.utime(path, (moment, moment), follow_symlinks=False)
