"""What a command touched, as things with names and digests.

    Touched ──► packages (many files each) · inputs · outputs · intermediates
                 └ named neutrally: src/a.c below the tree, /usr/… of the system,
                   outside:<12 hex> anywhere else, and what holds secrets without a digest

An input that the command wrote over afterwards is told by the digest that the commit has of it;
where no commit has it, it is counted as ``changed``, for its first bytes are gone. Digests are
taken after the command ended, so it never waits for one.

Sizes:  FILES_MAX inputs and as many outputs · HASHED_BYTES_MAX are read;
        marks are looked for in MARKED_MAX outputs; the rest is counted
"""

from __future__ import annotations

import glob
import hashlib
import os
import stat
from collections.abc import Callable, Iterable, Sequence
from typing import Final, NamedTuple

from wherefrom.capture.recorder import marks
from wherefrom.capture.recorder.packages import Package, packages_of
from wherefrom.capture.recorder.secrets import holds_secrets
from wherefrom.capture.recorder.touched import Touched
from wherefrom.capture.recorder.worktree import Worktree, is_gits

FILES_MAX: Final = 20_000
MARKED_MAX: Final = 1_000
HASHED_BYTES_MAX: Final = 16 * 1024 * 1024 * 1024
# The same on every machine of one distribution, and nobody's.
_SYSTEM: Final = ("/usr/", "/bin/", "/sbin/", "/lib", "/opt/", "/etc/")
# Made on each machine of what is installed there: no file of anybody's.
_GENERATED: Final = (
    "/etc/ld.so.cache", "/usr/lib/locale/locale-archive", "/usr/share/mime/mime.cache",
)  # fmt: skip
_INDEXES: Final = ("/gconv-modules.cache", "/pyvenv.cfg")


class File(NamedTuple):
    """A file by its neutral name.

    sha256   hex; None where it holds secrets, or its bytes are gone
    said_by  ``commit`` where the digest is the commit's
    """

    name: str
    sha256: str | None
    size: int
    said_by: str | None = None


class Used(NamedTuple):
    """A package, and a digest over the names and digests of its files that were read."""

    package: Package
    files: int
    sha256: str


class Found(NamedTuple):
    """All of it; ``left_out`` says why something is not here, and how often."""

    inputs: list[File]
    packages: list[Used]
    outputs: list[File]
    intermediates: list[File]
    elsewhere: list[File]
    unlisted: list[str]
    reads: list[str]
    owned: list[str]
    marks: list[tuple[str, str]]
    left_out: dict[str, int]


class Asked(NamedTuple):
    """What was declared: globs, from the folder that the command runs in."""

    inputs: Sequence[str] = ()
    outputs: Sequence[str] = ()


class Finding:
    """Gathers it, once a command has ended.

    folder  where the command ran
    before  what the tree was before it
    plain   takes secrets out of a name
    clamped the date that files may have without a debt: SOURCE_DATE_EPOCH
    """

    def __init__(
        self,
        *,
        folder: str,
        before: Worktree,
        asked: Asked,
        plain: Callable[[str], str],
        started_ns: int,
        finished_ns: int,
        clamped: int | None = None,
    ) -> None:
        self._folder, self._tree, self._asked, self._plain = folder, before, asked, plain
        self._started_ns, self._clamped = started_ns, clamped
        self._window = marks.Window(started_ns // 10**9, -(-finished_ns // 10**9))
        self._left_out: dict[str, int] = {}
        self._hashed = 0
        self._dates: set[int] = set()  # of the files that it read, in the tree

    def found(self, touched: Touched | None) -> Found:
        """What there is to tell; without ``touched``, what was declared."""
        inputs = _globbed(self._asked.inputs, self._folder)
        outputs = _globbed(self._asked.outputs, self._folder)
        reads, owners = list(inputs), {}
        written = dict.fromkeys(outputs)
        reread: dict[str, None] = {}
        if touched is not None:
            reads = _real([*touched.read, *inputs])
            owners = packages_of(reads)
            written = dict.fromkeys([*touched.written, *outputs])
            reread = touched.reread
            self._leave_out("beyond_paths_max", touched.paths_beyond)
        told, unlisted = self._inputs([p for p in reads if p not in owners], written, inputs)
        made, kept, elsewhere, marked = self._outputs(list(written), reread, outputs)
        packages = self._packages(owners)
        return Found(
            told, packages, made, kept, elsewhere, unlisted, [p for p in reads if p not in owners],
            list(owners), marked, {k: n for k, n in self._left_out.items() if n},
        )  # fmt: skip

    def _outputs(
        self, written: Sequence[str], reread: Iterable[str], declared: Sequence[str]
    ) -> tuple[list[File], list[File], list[File], list[tuple[str, str]]]:
        made: list[File] = []
        kept: list[File] = []
        elsewhere: list[File] = []
        marked: list[tuple[str, str]] = []
        read_again = set(reread)
        for path in written:
            name = self._tree.name_of(path)
            if name is None and is_gits(path):
                continue
            file = self._file(path, name)
            if file is None or file.sha256 is None:
                continue
            if len(made) + len(kept) + len(elsewhere) >= FILES_MAX:
                self._leave_out("outputs_beyond_files_max")
                continue
            if path in declared or (name is not None and not declared and path not in read_again):
                made.append(file)
                if len(made) > MARKED_MAX:
                    self._leave_out("outputs_not_searched_for_marks")
                    continue
                marked += [(kind, file.name) for kind in self._marks(path)]
            elif name is not None:
                kept.append(file)
            else:
                elsewhere.append(file)
        return made, kept, elsewhere, marked

    def _inputs(
        self, reads: Sequence[str], written: Iterable[str], declared: Sequence[str]
    ) -> tuple[list[File], list[str]]:
        told: list[File] = []
        unlisted: list[str] = []
        gone = set(written)
        named = set(declared)
        for path in reads:
            name = self._tree.name_of(path)
            if name is None and is_gits(path):
                continue
            if len(told) >= FILES_MAX:
                self._leave_out("inputs_beyond_files_max")
                continue
            file = self._input(path, name, path in gone)
            if file is None:
                continue
            told.append(file)
            is_known = path in named or path.startswith(_GENERATED) or path.endswith(_INDEXES)
            if not (is_known or (name is not None and self._tree.holds(name))):
                unlisted.append(file.name)
        return told, unlisted

    def _input(self, path: str, name: str | None, is_gone: bool) -> File | None:
        if is_gone or not os.path.exists(path):
            digest = None
            if name is not None and self._tree.holds(name):
                digest = self._tree.digest_in_commit(name)
            if digest is None:
                self._leave_out("changed" if is_gone else "deleted")
                return None
            assert name is not None
            return File(self._plain(name), digest, 0, "commit")
        return self._file(path, name, is_input=True)

    def _packages(self, owners: dict[str, Package]) -> list[Used]:
        by_package: dict[Package, list[str]] = {}
        for path, package in owners.items():
            by_package.setdefault(package, []).append(path)
        used: list[Used] = []
        for package, paths in sorted(by_package.items()):
            lines: list[str] = []
            for path in paths:
                file = self._file(path, None)
                if file is not None:
                    lines.append(f"{file.sha256 or '-'}  {os.path.basename(path)}\n")
            if lines:
                whole = "".join(sorted(lines)).encode("utf-8", "surrogateescape")
                used.append(Used(package, len(lines), hashlib.sha256(whole).hexdigest()))
        return used

    def _file(self, path: str, name: str | None, *, is_input: bool = False) -> File | None:
        """A regular file that is there; None for what is none, counted where it should be."""
        try:
            told = os.lstat(path)
            if not stat.S_ISREG(told.st_mode):
                return None
            if is_input and told.st_ctime_ns > self._started_ns:
                self._leave_out("inputs_changed_by_others")
            if holds_secrets(path):
                return File(self._plain(name) if name else "outside:secret", None, told.st_size)
            if self._hashed + told.st_size > HASHED_BYTES_MAX:
                self._leave_out("beyond_hashed_bytes_max")
                return None
            with open(path, "rb") as opened:
                digest = hashlib.file_digest(opened, "sha256").hexdigest()
        except OSError:
            self._leave_out("unreadable" if os.path.lexists(path) else "")
            return None
        self._hashed += told.st_size
        if is_input and name is not None:
            self._dates.add(int(told.st_mtime))
        return File(self._plain(name or _neutral(path, digest)), digest, told.st_size)

    def _marks(self, path: str) -> list[str]:
        try:
            with open(path, "rb") as opened:
                content = opened.read(marks.READ_BYTES)
                size = opened.seek(0, os.SEEK_END)
                if size > len(content):
                    opened.seek(max(len(content), size - marks.READ_BYTES))
                    content += opened.read(marks.READ_BYTES)
        except OSError:
            return []
        dates = frozenset(self._dates - {self._clamped})
        return marks.marks(content, window=self._window, folder=self._tree.root, dates=dates)

    def _leave_out(self, why: str, count: int = 1) -> None:
        if why:
            self._left_out[why] = self._left_out.get(why, 0) + count


def _neutral(path: str, digest: str) -> str:
    return path if path.startswith(_SYSTEM) else f"outside:{digest[:12]}"


def _real(paths: Iterable[str]) -> list[str]:
    """Each path without links: a program is run by a link more often than not."""
    return list(dict.fromkeys(os.path.realpath(path) for path in paths))


def _globbed(patterns: Sequence[str], folder: str) -> list[str]:
    found: dict[str, None] = {}
    for pattern in patterns:
        for name in sorted(glob.iglob(pattern, root_dir=folder, recursive=True)):
            path = os.path.realpath(os.path.join(folder, name))
            if os.path.isfile(path):
                found[path] = None
    return list(found)
