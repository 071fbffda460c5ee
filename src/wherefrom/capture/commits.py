"""The history of a git repository as records: who changed which tables, commit by commit.

    git log ──name, parents, author, time, files──► Commit ──► prov-commit.made, one each
    git cat-file ──contents of files that hold tables──┘

Only what proves is kept: ids, names, paths and the words of changed lines; no contents, and no
e-mail addresses. A merge changes nothing by itself, as git says.

Sizes:  COMMITS_MAX commits a run · a file is read up to FILE_BYTES_MAX
Source: git-log(1), git-cat-file(1); docs/formats/cdevents.md
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

from wherefrom.capture import table_files
from wherefrom.capture.table_files import DBT_PROJECT, Project
from wherefrom.errors import Malformed, NotFound
from wherefrom.formats import cdevents, timestamps

COMMITS_MAX: Final = 1_000_000
FILE_BYTES_MAX: Final = 4 * 1024 * 1024
_VERSION: Final = "0.1.0"
_TYPE: Final = "prov-commit.made"
# The commits begin with a byte that is in no name; their fields end with one.
_FORMAT: Final = "%x01%H%x00%P%x00%an%x00%cI%x00%s%x00"


class Commit(NamedTuple):
    """A commit. ``tables`` are as ``prov-commit`` writes them."""

    id: str
    parents: tuple[str, ...]
    author: str
    committed: str
    subject: str
    tables: list[dict[str, Any]]


class _File(NamedTuple):
    status: str
    path: str
    before: str | None


def repository_of(folder: Path) -> str:
    """The address that a clone came from, or its folder. Raises NotFound if it is no repository."""
    found = subprocess.run(
        ["git", "-C", str(folder), "remote", "get-url", "origin"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if found.returncode == 0:
        return found.stdout.strip()
    return _git(folder, "rev-parse", "--show-toplevel").decode().strip()


def commits(folder: Path, *, since: str | None = None, until: str = "HEAD") -> Iterator[Commit]:
    """The commits up to ``until``, oldest first; without those that ``since`` has already.

    Raises NotFound for what is no repository, or no revision of it.
    """
    if (since is not None and since.startswith("-")) or until.startswith("-"):
        raise Malformed("not a revision", got=f"{since} {until}")
    asked = f"{since}..{until}" if since else until
    out = _git(
        folder, "log", "--reverse", "--topo-order", "-M", "--name-status", "-z",
        f"--format={_FORMAT}", asked, "--",
    )  # fmt: skip
    projects: dict[str, Project] = {}
    with _Files(folder) as files:
        if since:
            projects |= files.projects_at(since)
        for said in out.split(b"\x01")[1:]:
            yield _commit(said.decode("utf-8", "replace"), files, projects)


def to_records(found: Sequence[Commit], *, repository: str) -> list[bytes]:
    """Each commit as a record."""
    return [
        cdevents.to_bytes(
            cdevents.make(
                _TYPE, _VERSION, id=f"commit-{one.id}", source=repository,
                timestamp=one.committed, subject=one.id, custom=True,
                content={
                    "repository": repository,
                    "parents": list(one.parents),
                    "author": one.author,
                    "summary": one.subject,
                    "tables": one.tables,
                },
            )
        )
        for one in found
    ]  # fmt: skip


def _commit(text: str, contents: _Files, projects: dict[str, Project]) -> Commit:
    id, parents, author, committed, subject, *rest = text.split("\0")
    tables: list[dict[str, Any]] = []
    files = list(_files(rest))
    for file in files:
        if file.path.rpartition("/")[2] == DBT_PROJECT:
            if file.status == "D":
                projects.pop(file.path, None)
            else:
                projects[file.path] = table_files.project(file.path, contents.text(id, file.path))
    known = tuple(projects.values())
    for file in files:
        if table_files.may_hold_tables(file.path, known):
            tables += _tables(file, id, parents, contents, known)
    return Commit(
        id=id,
        parents=tuple(parents.split()),
        author=author,
        committed=timestamps.canonical(committed, where=f"commit {id}"),
        subject=subject[:200],
        tables=tables,
    )


def _files(fields: Sequence[str]) -> Iterator[_File]:
    said = iter([field.lstrip("\n") for field in fields if field.strip("\n")])
    for status in said:
        path = next(said)
        if status[0] in "RC":
            yield _File(status[0], next(said), path)
        else:
            yield _File(status[0], path, None)


def _tables(
    file: _File,
    id: str,
    parents: str,
    contents: _Files,
    projects: tuple[Project, ...],
) -> Iterator[dict[str, Any]]:
    at = parents.split()[0] if file.status == "D" and parents else id
    before = file.before or file.path
    text = contents.text(at, file.path)
    lines = contents.changed_lines(id, {before, file.path})
    named = table_files.names_in(lines)
    found = table_files.tables(file.path, text, projects)
    if file.status == "R":  # what is called otherwise from now on was touched under both names
        old = table_files.tables(before, text, projects)
        found = [*found, *(one for one in old if one.name not in {f.name for f in found})]
    for table in found:
        said: dict[str, Any] = {
            "name": table.name, "kind": table.kind, "path": file.path, "status": file.status,
            "names": named,
        }  # fmt: skip
        if table.reads and file.status != "D":
            said["reads"] = list(table.reads)
        yield said


class _Files:
    """Files of a repository at its commits; their contents come from one process."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def __enter__(self) -> _Files:
        self._process = subprocess.Popen(
            ["git", "-C", str(self._folder), "cat-file", "--batch"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        )  # fmt: skip
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate()

    def text(self, commit: str, path: str) -> str:
        """The file; nothing for one that is not there, is no text or too large."""
        wanted, given = self._process.stdin, self._process.stdout
        assert wanted is not None
        assert given is not None
        if "\n" in path:
            return ""
        wanted.write(f"{commit}:{path}\n".encode())
        wanted.flush()
        head = given.readline().split()
        if len(head) < 3 or not head[-1].isdigit():
            return ""
        content = given.read(int(head[-1]))
        given.read(1)
        if len(content) > FILE_BYTES_MAX:
            return ""
        return content.decode("utf-8", "replace")

    def changed_lines(self, commit: str, paths: set[str]) -> list[str]:
        """The lines that a commit added to files, and removed from them."""
        out = _git(
            self._folder, "show", "-M", "-U0", "--format=", "--no-color", "--no-ext-diff",
            "--no-textconv", commit, "--", *sorted(f":(literal){path}" for path in paths),
        )  # fmt: skip
        return [
            line[1:]
            for line in out.decode("utf-8", "replace").splitlines()
            if line[:1] in "+-" and line[:3] not in ("+++", "---")
        ]

    def projects_at(self, revision: str) -> dict[str, Project]:
        """The dbt projects that are there, by the paths of their ``dbt_project.yml``."""
        out = _git(self._folder, "ls-tree", "-r", "-z", "--name-only", revision)
        return {
            path: table_files.project(path, self.text(revision, path))
            for path in out.decode("utf-8", "replace").split("\0")
            if path.rpartition("/")[2] == DBT_PROJECT
        }


def _git(folder: Path, *arguments: str) -> bytes:
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), *arguments], capture_output=True, check=False
        )
    except FileNotFoundError as error:
        raise NotFound("git is not installed", do="Install git, or send webhooks") from error
    if done.returncode:
        raise NotFound(
            "git cannot tell this", where=str(folder), got=done.stderr.decode().strip()[:300]
        )
    return done.stdout
