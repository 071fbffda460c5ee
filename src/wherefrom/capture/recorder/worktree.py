"""The state of the clone that a command runs in, and what its commit holds.

    git rev-parse, status, ls-files ──before the command──► Worktree

Outside a clone, and where there is no git, the folder is the whole working tree and no file of it
is known to a commit.

Sizes:  CHANGED_MAX changed files are named
Source: git-status(1), --porcelain=v1 -z
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Final, NamedTuple

from wherefrom.capture import git
from wherefrom.errors import Malformed, NotFound
from wherefrom.formats.digests import git_place

CHANGED_MAX: Final = 100


class Worktree(NamedTuple):
    """What is built from.

    root        absolute, without links
    commit      None outside a clone, and before its first commit
    repository  where it came from, as in-toto names it: git+https://…; None if only here
    ref         such as refs/heads/main
    tracked     the names, from the root, that the commit holds
    changed     those of them that are not as in the commit
    """

    root: str
    commit: str | None = None
    repository: str | None = None
    ref: str | None = None
    tracked: frozenset[str] = frozenset()
    changed: frozenset[str] = frozenset()

    def name_of(self, path: str) -> str | None:
        """A path from the root; None if it is not below it, or is git's own."""
        if not path.startswith(self.root.rstrip("/") + "/"):
            return None
        name = path[len(self.root.rstrip("/")) + 1 :]
        return None if is_gits(f"/{name}") else name

    def holds(self, name: str) -> bool:
        """Whether the commit says what is in a file."""
        return name in self.tracked and name not in self.changed

    def digest_in_commit(self, name: str) -> str | None:
        """SHA-256, in hex, of a file as a checkout writes it; None if git cannot tell."""
        try:
            content = git.ask(Path(self.root), "cat-file", "--filters", f"{self.commit}:{name}")
        except NotFound:
            return None
        return hashlib.sha256(content).hexdigest()


def is_gits(path: str) -> bool:
    """Whether a file is git's own: in its folder, or the file that a linked tree has instead."""
    return "/.git/" in path or path.endswith("/.git")


def worktree(folder: Path) -> Worktree:
    """What is in a folder's clone now. Raises nothing: what git cannot tell is left out."""
    here = os.path.realpath(folder)
    try:
        root = os.path.realpath(_said(folder, "rev-parse", "--show-toplevel"))
    except NotFound:
        return Worktree(here)
    try:
        commit = git.commit_of(Path(root))
        changed = _changed(
            git.ask(Path(root), "--no-optional-locks", "status", "--porcelain=v1", "-z", "-uno")
        )
        tracked = git.ask(Path(root), "ls-files", "-z").decode("utf-8", "surrogateescape")
    except (NotFound, Malformed):
        return Worktree(root)
    return Worktree(
        root, commit, _repository(root), _ref(root), frozenset(tracked.split("\0")) - {""}, changed
    )


def _said(folder: Path, *arguments: str) -> str:
    return git.ask(folder, *arguments).decode("utf-8", "surrogateescape").rstrip("\n")


def _changed(porcelain: bytes) -> frozenset[str]:
    """Every path in ``XY name``, and the old name that follows where X is R or C."""
    parts = porcelain.decode("utf-8", "surrogateescape").split("\0")
    found: set[str] = set()
    at = 0
    while at < len(parts) and len(parts[at]) > 3:
        found.add(parts[at][3:])
        if parts[at][0] in "RC":
            at += 1
            found.add(parts[at])
        at += 1
    return frozenset(found)


def _repository(root: str) -> str | None:
    try:
        url = _said(Path(root), "remote", "get-url", "origin")
    except NotFound:
        return None
    if url.startswith(("/", ".", "file:")):
        return None  # a path of this machine says nothing anywhere else
    place = git_place(url) or git_place(f"git+{url}")
    return place.repository if place else None


def _ref(root: str) -> str | None:
    try:
        return _said(Path(root), "symbolic-ref", "HEAD")
    except NotFound:
        pass
    try:
        return "refs/tags/" + _said(Path(root), "describe", "--tags", "--exact-match", "HEAD")
    except NotFound:
        return None
