"""The history of a git repository as records: who changed which tables, commit by commit.

    git log ──name, parents, author, time, files──► Commit ──► prov-commit.made, one each
    git cat-file ──contents of files that hold tables──┤
    git diff-tree ──the lines that changed in them─────┘

Each runs once, however many commits there are.

Only what proves is kept: ids, names, paths and the words of changed lines; no contents, and no
e-mail addresses. A merge changes nothing by itself, as git says.

Sizes:  COMMITS_MAX commits a run · a file is read up to FILE_BYTES_MAX
Source: git-log(1), git-cat-file(1), git-diff-tree(1); docs/formats/cdevents.md
"""

from __future__ import annotations

import re
import subprocess
import tempfile
from collections.abc import Collection, Iterable, Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import Any, Final, NamedTuple

from wherefrom.capture import git, table_files
from wherefrom.capture.table_files import DBT_PROJECT, Project
from wherefrom.errors import NotFound
from wherefrom.formats import cdevents, patch, timestamps
from wherefrom.formats.patch import FilePatch

COMMITS_MAX: Final = 1_000_000
FILE_BYTES_MAX: Final = 4 * 1024 * 1024
_VERSION: Final = "0.1.0"
_TYPE: Final = "prov-commit.made"
# The commits begin with a byte that is in no name; their fields end with one.
_NO_PATCH: Final[tuple[str, list[FilePatch]]] = ("", [])
_FORMAT: Final = "%x01%H%x00%P%x00%an%x00%cI%x00%s%x00"
# A message and a path may hold that byte too, but none is followed by such fields.
_BEGINS: Final = re.compile(r"\x01(?=[0-9a-f]{40,64}\0[0-9a-f ]*\0[^\0]*\0\d{4}-)")


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


class _Told(NamedTuple):
    """A commit as the log tells it, its files that may hold tables, and the projects known then."""

    id: str
    parents: str
    author: str
    committed: str
    subject: str
    files: list[_File]
    projects: tuple[Project, ...]


def commits(folder: Path, *, since: str | None = None, until: str = "HEAD") -> Iterator[Commit]:
    """The commits up to ``until``, oldest first; without those that ``since`` has already.

    Raises NotFound for what is no repository, or no revision of it.
    """
    git.need_revision(since, until)
    asked = f"{since}..{until}" if since else until
    out = git.ask(
        folder, "log", "--reverse", "--topo-order", "-M", "--name-status", "-z",
        f"--format={_FORMAT}", asked, "--",
    )  # fmt: skip
    projects: dict[str, Project] = {}
    with _Files(folder) as files:
        if since:
            projects |= files.projects_at(since)
        said = _BEGINS.split(out.decode("utf-8", "replace"))[1:]
        told = [_told(one, files, projects) for one in said]
        patches = _patches(folder, [one for one in told if one.files])
        id, patched = next(patches, _NO_PATCH)
        for one in told:
            if one.id == id:
                yield _commit(one, files, patched)
                id, patched = next(patches, _NO_PATCH)
            else:
                yield _commit(one, files, [])


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


def _told(text: str, contents: _Files, projects: dict[str, Project]) -> _Told:
    """A commit of the log; ``projects`` are kept as it leaves them."""
    id, parents, author, committed, subject, *rest = text.split("\0")
    files = list(_files(rest))
    for file in files:
        if file.path.rpartition("/")[2] == DBT_PROJECT:
            if file.status == "D":
                projects.pop(file.path, None)
            else:
                projects[file.path] = table_files.project(file.path, contents.text(id, file.path))
    known = tuple(projects.values())
    held = [file for file in files if table_files.may_hold_tables(file.path, known)]
    return _Told(id, parents, author, committed, subject, held, known if held else ())


def _commit(told: _Told, contents: _Files, patched: Sequence[FilePatch]) -> Commit:
    return Commit(
        id=told.id,
        parents=tuple(told.parents.split()),
        author=told.author,
        committed=timestamps.canonical(told.committed, where=f"commit {told.id}"),
        subject=told.subject[:200],
        tables=[t for file in told.files for t in _tables(file, told, contents, patched)],
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
    file: _File, told: _Told, contents: _Files, patched: Sequence[FilePatch]
) -> Iterator[dict[str, Any]]:
    at = told.parents.split()[0] if file.status == "D" and told.parents else told.id
    before = file.before or file.path
    text = contents.text(at, file.path)
    changed = [one for one in patched if {before, file.path} & {one.before, one.after}]
    named = table_files.names_in(
        line.decode("utf-8", "replace") for one in changed for line in one.lines
    )
    found = table_files.tables(file.path, text, told.projects)
    if file.status == "R":  # what is called otherwise from now on was touched under both names
        old = table_files.tables(before, text, told.projects)
        found = [*found, *(one for one in old if one.name not in {f.name for f in found})]
    for table in found:
        said: dict[str, Any] = {
            "name": table.name, "kind": table.kind, "path": file.path, "status": file.status,
            "names": named,
        }  # fmt: skip
        if table.reads and file.status != "D":
            said["reads"] = list(table.reads)
        yield said


def _patches(folder: Path, wanted: Sequence[_Told]) -> Iterator[tuple[str, list[FilePatch]]]:
    """The patches of these commits, in order; one that changes no line has none.

    Raises NotFound if git cannot tell them.
    """
    if not wanted:
        return
    paths = {path for one in wanted for f in one.files for path in (f.path, f.before or f.path)}
    # Of files that end otherwise nothing is asked: a commit may change megabytes of them.
    ends = {re.sub(r"([\\*?\[])", r"\\\1", PurePosixPath(path).suffix) for path in paths}
    with tempfile.TemporaryFile() as ids:
        ids.write("".join(f"{one.id}\n" for one in wanted).encode())
        ids.seek(0)
        command = [
            "git", "-C", str(folder), "-c", "core.quotePath=false", "diff-tree", "--stdin", "-r",
            "--root", "-M", "-p", "-U0", "--no-color", "--no-ext-diff", "--no-textconv", "--",
            *(f":(glob)**/*{end}" for end in sorted(ends)),
        ]  # fmt: skip
        process = subprocess.Popen(command, stdin=ids, stdout=subprocess.PIPE)
    with process:
        assert process.stdout is not None
        yield from _by_commit(process.stdout, {one.id for one in wanted})
    if process.returncode:
        raise NotFound(
            "git cannot tell what commits changed",
            where=str(folder),
            do="Name a clone with --repository, and commits that are in it",
        )


def _by_commit(
    lines: Iterable[bytes], ids: Collection[str]
) -> Iterator[tuple[str, list[FilePatch]]]:
    """A line with nothing but an id begins the patch of that commit."""
    heads = {id.encode(): id for id in ids}
    id, held = "", list[bytes]()
    for line in (line.removesuffix(b"\n") for line in lines):
        if line in heads:
            if held:
                yield id, list(patch.files(held))
            id, held = heads[line], []
        else:
            held.append(line)
    if held:
        yield id, list(patch.files(held))


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

    def projects_at(self, revision: str) -> dict[str, Project]:
        """The dbt projects that are there, by the paths of their ``dbt_project.yml``."""
        out = git.ask(self._folder, "ls-tree", "-r", "-z", "--name-only", revision)
        return {
            path: table_files.project(path, self.text(revision, path))
            for path in out.decode("utf-8", "replace").split("\0")
            if path.rpartition("/")[2] == DBT_PROJECT
        }
