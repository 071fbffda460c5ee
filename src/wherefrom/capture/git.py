"""A clone of a git repository, asked through the program ``git``.

    folder ──► git -C folder … ──► its answer, as bytes

Source: git(1), git-log(1)
"""

from __future__ import annotations

import subprocess
from pathlib import Path

from wherefrom.errors import Malformed, NotFound


def ask(folder: Path, *arguments: str, given: bytes | None = None) -> bytes:
    """What git answers; ``given`` goes to its input.

    Raises NotFound if git is not installed, or cannot tell.
    """
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), *arguments], input=given, capture_output=True, check=False
        )
    except FileNotFoundError as error:
        raise NotFound("git is not installed", do="Install git, or send webhooks") from error
    if done.returncode:
        raise NotFound(
            "git cannot tell this",
            where=str(folder),
            got=_line(done.stderr)[:300],
            do="Is it a repository, and does this user own it?",
        )
    return done.stdout


def repository_of(folder: Path) -> str:
    """The address that a clone came from, or its folder. Raises NotFound if it is no repository."""
    try:
        return _line(ask(folder, "remote", "get-url", "origin"))
    except NotFound:
        return _line(ask(folder, "rev-parse", "--show-toplevel"))


def _line(said: bytes) -> str:
    return said.decode("utf-8", "replace").strip()


def cut_at(folder: Path) -> frozenset[str]:
    """The commits of a shallow clone whose parents it has not; none of a whole one."""
    path = folder / _line(ask(folder, "rev-parse", "--git-path", "shallow"))
    return frozenset(path.read_text("ascii").split()) if path.is_file() else frozenset()


def need_revision(*texts: str | None) -> None:
    """Raises Malformed for a text that git would take for an option."""
    for text in texts:
        if text is not None and text.startswith("-"):
            raise Malformed("not a revision", got=text)


def commit_of(folder: Path, revision: str = "HEAD") -> str:
    """The id of the commit that a revision names. Raises NotFound, Malformed."""
    need_revision(revision)
    return ask(folder, "rev-parse", "--verify", f"{revision}^{{commit}}").decode().strip()
