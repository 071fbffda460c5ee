"""Why two things differ that should not: what can be told of their bytes and of the machine.

    two files ──► timestamps, order, path, content        packages then and now ──► versions

A cause is a likely one, in words. With diffoscope, where it is installed, comes its own summary.

Sizes:  READ_BYTES of a file are looked at · DIFF_LINES of diffoscope are kept, _CHANGED_MAX each
        way of each part, and it may take DIFF_SECONDS
Source: diffoscope(1); reproducible-builds.org/docs
"""

from __future__ import annotations

import io
import shutil
import subprocess
import tarfile
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from wherefrom.capture.rebuild.sandbox import Sandbox
from wherefrom.capture.recorder import marks
from wherefrom.capture.recorder.packages import installed_versions

READ_BYTES: Final = 64 * 1024 * 1024
DIFF_LINES: Final = 40
DIFF_BYTES: Final = 200_000
_CHANGED_MAX: Final = 4
DIFF_SECONDS: Final = 60
_ROOM: Final = "/run"
_MEMBERS_MAX: Final = 100_000


def of_bytes(
    a: bytes, b: bytes, *, windows: tuple[marks.Window, marks.Window], folder: str
) -> list[str]:
    """What tells two contents apart.

    windows  when each was made, as its program saw it
    folder   where ``b`` was
    """
    found: list[str] = []
    before, now = windows
    seen = set(marks.marks(b, window=now, folder=folder))
    if "clock" in marks.marks(a, window=before, folder=folder):
        seen.add("clock")
    if "clock" in seen:
        found.append("timestamps: the time of the build stands in it")
    if "path" in seen and folder.encode() not in a:
        found.append("paths: the folder of the build stands in it")
    first, second = _members(a), _members(b)
    if first is not None and second is not None:
        names, others = [m[0] for m in first], [m[0] for m in second]
        if names != others and sorted(names) == sorted(others):
            found.append("order: its members come in another order")
        elif sorted(names) != sorted(others):
            found.append("members: it holds other files")
        if "clock" not in seen and _dates(first) != _dates(second):
            found.append("timestamps: its members have other dates")
    return found


def of_packages(recorded: Sequence[str]) -> list[str]:
    """Packages of Debian that have another version here than when it was recorded."""
    here = installed_versions()
    found: list[str] = []
    for purl in recorded:
        rest, _, version = purl.partition("?")[0].rpartition("@")
        now = here.get(rest)
        if rest in here and now is not None and now != version:
            found.append(f"versions: {rest.rpartition('/')[2]} was {version}, is {now}")
        elif rest.startswith("pkg:deb/") and rest not in here:
            found.append(f"versions: {rest.rpartition('/')[2]} was {version}, is not installed")
    return found


def diffoscope(a: Path, b: Path, *, sandbox: Sandbox) -> list[str]:
    """The first lines that diffoscope has to say; none without it.

    It runs many programs over bytes that are somebody's, so it may neither write nor ask anybody.
    """
    program = shutil.which("diffoscope")
    if program is None:
        return []
    first, second = f"recorded/{a.name}", f"made-again/{b.name}"
    command = [
        sandbox.bwrap, "--unshare-all", "--die-with-parent", "--new-session", "--ro-bind", "/", "/",
        "--dev", "/dev", "--proc", "/proc", "--tmpfs", _ROOM, "--ro-bind", str(a.resolve()),
        f"{_ROOM}/{first}", "--ro-bind", str(b), f"{_ROOM}/{second}", "--chdir", _ROOM,
        "--setenv", "TMPDIR", _ROOM, "--setenv", "HOME", _ROOM, "--setenv", "LC_ALL", "C.UTF-8",
        "--", program, "--text", "-", "--no-progress", "--text-color", "never",
        "--max-text-report-size", str(DIFF_BYTES), "--exclude-directory-metadata", "yes",
        first, second,
    ]  # fmt: skip
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, check=False,
            timeout=DIFF_SECONDS,
        )  # fmt: skip
    except OSError:
        return []
    except subprocess.TimeoutExpired:
        return [f"diffoscope did not end within {DIFF_SECONDS} seconds"]
    lines = _shortened(done.stdout.decode("utf-8", "replace").splitlines())
    return lines if len(lines) <= DIFF_LINES else [*lines[:DIFF_LINES], "…"]


def _shortened(lines: Sequence[str]) -> list[str]:
    """A report without what is alike, and with a few lines of each part only."""
    short: list[str] = []
    changed = {"+": 0, "-": 0}
    for line in lines:
        kind = line.lstrip(" │")[:1]
        is_head = line.lstrip(" │").startswith(("+++ ", "--- "))
        if kind in ("+", "-") and not is_head:
            changed[kind] += 1
            if changed[kind] > _CHANGED_MAX:
                if changed[kind] == _CHANGED_MAX + 1:
                    short.append(f"{line[: line.index(kind)]}{kind}…")
                continue
        elif kind in ("├", "╵", "┄", "+", "-"):
            changed = dict.fromkeys(changed, 0)
        else:
            continue
        short.append(line)
    return short


def _members(content: bytes) -> list[tuple[str, object]] | None:
    """Names and dates in an archive, in its order; None if it is none that is read here."""
    try:
        if content.startswith(b"PK"):
            with zipfile.ZipFile(io.BytesIO(content)) as file:
                return [(m.filename, m.date_time) for m in file.infolist()[:_MEMBERS_MAX]]
        with tarfile.open(fileobj=io.BytesIO(content), mode="r:*") as archive:
            found: list[tuple[str, object]] = []
            for member in archive:
                found.append((member.name, member.mtime))
                if len(found) == _MEMBERS_MAX:
                    break
            return found
    except (
        tarfile.TarError,
        zipfile.BadZipFile,
        OSError,
        EOFError,
        ValueError,
        NotImplementedError,
    ):
        return None


def _dates(members: list[tuple[str, object]]) -> list[tuple[str, object]]:
    return sorted(members, key=lambda member: member[0])
