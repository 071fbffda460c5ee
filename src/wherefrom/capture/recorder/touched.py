"""What the calls of a command add up to: which files it read and wrote, and whom it asked.

    Call, Call, … ──► Touched: read, written, reread, programs, connected

A path is read if it was there before: what the command wrote itself and read then is no input but
an intermediate. A path that was read and written afterwards is both, and its first bytes may be
gone. Whether a path still is there, and what is in it, is asked elsewhere, at the end: a temporary
file that was deleted simply is not.

Each process has a directory that relative paths start at. It is its parent's when it begins, so
lines of a process whose parent's answer has not come yet are held until it has.

Sizes:  PATHS_MAX paths, and then only counted · HELD_MAX calls held
"""

from __future__ import annotations

import os.path
import re
from collections.abc import Callable
from typing import Final

from wherefrom.capture.recorder import strace_lines
from wherefrom.capture.recorder.strace_lines import (
    Began,
    Call,
    Ended,
    Event,
    is_fork,
    number_of,
    path_behind,
    text_of,
)

PATHS_MAX: Final = 200_000
HELD_MAX: Final = 100_000
CONNECTED_MAX: Final = 1_000
_NO_FILES: Final = ("/proc/", "/sys/", "/dev/")
_INET: Final = re.compile(r"sin6?_port=htons\((\d+)\).*?(?:inet_addr\(\"|AF_INET6, \")([^\"]+)\"")
_UNIX: Final = re.compile(r'sun_path=("(?:[^"\\]|\\.)*")')
# What is asked of every name service first, and where there is no network.
_LOCAL: Final = ("127.", "::1", "0.0.0.0")


class _Process:
    """The directory that its threads share, and the program that runs in it."""

    def __init__(self, cwd: list[str], program: str) -> None:
        self.cwd = cwd
        self.program = program


class Touched:
    """The fold. Paths are absolute and normal; a dict is a set that keeps its order.

    launched  the first program only puts the streams in place for the second: it is left out
    """

    def __init__(self, cwd: str, *, launched: bool = False) -> None:
        self._first_cwd = cwd
        self._launching = 2 if launched else 1
        self._processes: dict[int, _Process] = {}
        self._making: dict[int, None] = {}
        self._held: dict[int, list[Call]] = {}
        self._held_count = 0
        self.root: int | None = None
        self.status: int | None = None
        self.ended = False
        self.read: dict[str, None] = {}
        self.written: dict[str, None] = {}
        self.reread: dict[str, None] = {}  # written last, and read by a program after that
        self.programs: dict[str, None] = {}
        self.connected: dict[tuple[str, str], None] = {}
        self.sockets: dict[str, None] = {}
        self.devices: dict[str, None] = {}
        self.paths_beyond = 0

    @property
    def alive(self) -> int:
        """How many processes have not ended."""
        return len(self._processes)

    def add(self, event: Event | None) -> None:
        """Take in what a line said."""
        if isinstance(event, Call):
            self._called(event)
        elif isinstance(event, Began):
            self._making[event.pid] = None
        elif isinstance(event, Ended):
            self._let_go(event.pid)
            self._making.pop(event.pid, None)
            self._processes.pop(event.pid, None)
            if event.pid == self.root:
                self.ended, self.status = True, event.status

    def close(self) -> None:
        """Take in what is still held: nobody said whose children these are."""
        for pid in list(self._held):
            self._let_go(pid)

    def _called(self, call: Call) -> None:
        if call.pid not in self._processes:
            if self.root is None:
                self.root = call.pid
            elif self._making and self._held_count < HELD_MAX:
                self._held.setdefault(call.pid, []).append(call)
                self._held_count += 1
                return
            self._processes[call.pid] = _Process([self._first_cwd], "")
        if is_fork(call):
            self._forked(call)
            return
        if call.name == "execve" and self._launching:
            self._launching -= 1
        if self._launching:
            return
        known = _CALLS.get(call.name)
        if known is not None:
            known(self, call, self._processes[call.pid])

    def _forked(self, call: Call) -> None:
        self._making.pop(call.pid, None)
        child = number_of(call.result)
        if child is None:
            return
        parent = self._processes[call.pid]
        shares = any("CLONE_FS" in arg for arg in call.args)
        cwd = parent.cwd if shares else list(parent.cwd)
        self._processes[child] = _Process(cwd, parent.program)
        self._let_go(child)

    def _let_go(self, pid: int) -> None:
        held = self._held.pop(pid, [])
        self._held_count -= len(held)
        if held and pid not in self._processes:
            self._processes[pid] = _Process([self._first_cwd], "")
        for call in held:
            self._called(call)

    # What each call does to the picture.

    def _opened(self, call: Call, process: _Process) -> None:
        path = path_behind(call.result)
        at = 1 if call.name.startswith("openat") else 0
        if path is None:
            path = self._named(call, process, at)
        flags = "O_WRONLY|O_TRUNC" if call.name == "creat" else _arg(call, at + 1)
        if "O_PATH" in flags or "O_DIRECTORY" in flags:
            return
        if "O_WRONLY" not in flags and "O_RDWR" not in flags:
            self._reads(path)
            return
        if "O_RDWR" in flags and not any(f in flags for f in ("O_CREAT", "O_TRUNC")):
            self._reads(path)
        self._writes(path)

    def _executed(self, call: Call, process: _Process) -> None:
        at = 1 if call.name == "execveat" else 0
        path = self._named(call, process, at)
        if path is None:
            return
        process.program = path
        self.programs[path] = None
        if path not in self.written:
            self._reads(path)

    def _renamed(self, call: Call, process: _Process) -> None:
        is_at = call.name != "rename"
        old = self._named(call, process, 1 if is_at else 0)
        new = self._named(call, process, 3 if is_at else 1)
        if old is None or new is None:
            return
        # A file is one path; only a folder must be looked for in all of them.
        below = old + "/"
        moved = [old] if old in self.written else [p for p in self.written if p.startswith(below)]
        for path in moved:
            del self.written[path]
            self._writes(new + path[len(old) :])
        if not moved:
            self._reads(old)
            self._writes(new)
        if "RENAME_EXCHANGE" in _arg(call, 4):
            self._writes(old)

    def _linked(self, call: Call, process: _Process) -> None:
        is_at = call.name == "linkat"
        old = self._named(call, process, 1 if is_at else 0)
        new = self._named(call, process, 3 if is_at else 1)
        if old is not None and old not in self.written:
            self._reads(old)
        self._writes(new)

    def _truncated(self, call: Call, process: _Process) -> None:
        path = self._named(call, process, 0)
        self._reads(path)
        self._writes(path)

    def _moved_to(self, call: Call, process: _Process) -> None:
        if call.name == "fchdir":
            path = path_behind(_arg(call, 0))
        else:
            path = self._named(call, process, 0)
        if path is not None:
            process.cwd[0] = path

    def _asked(self, call: Call, process: _Process) -> None:
        where = ", ".join(call.args[1:])
        inet = _INET.search(where)
        if inet is not None:
            port, address = inet[1], inet[2]
            local = address.startswith(_LOCAL) or port == "0"
            if not local and len(self.connected) < CONNECTED_MAX:
                shown = f"[{address}]" if ":" in address else address
                self.connected[(process.program, f"{shown}:{port}")] = None
            return
        unix = _UNIX.search(where)
        path = text_of(unix[1]) if unix else None
        if path and path.startswith("/") and len(self.sockets) < CONNECTED_MAX:
            self.sockets[os.path.normpath(path)] = None

    def _named(self, call: Call, process: _Process, at: int) -> str | None:
        """The path that argument ``at`` names, from the directory in the one before, or its own."""
        text = text_of(_arg(call, at))
        if text is None:
            return None
        if text.startswith("/"):
            return os.path.normpath(text)
        above = path_behind(_arg(call, at - 1)) if at > 0 and _is_at(call.name) else None
        if not text:
            return above
        return os.path.normpath(os.path.join(above or process.cwd[0], text))

    def _reads(self, path: str | None) -> None:
        if path is None:
            return
        if path in self.written:
            self.reread[path] = None
        elif self._takes(path, self.read):
            self.read[path] = None

    def _writes(self, path: str | None) -> None:
        if path is None:
            return
        self.reread.pop(path, None)
        if self._takes(path, self.written):
            self.written[path] = None

    def _takes(self, path: str, into: dict[str, None]) -> bool:
        if path in into:
            return False
        if path.startswith(_NO_FILES):
            if len(self.devices) < CONNECTED_MAX:
                self.devices[path] = None
            return False
        if len(self.read) + len(self.written) >= PATHS_MAX:
            self.paths_beyond += 1
            return False
        return True


def _arg(call: Call, at: int) -> str:
    return call.args[at] if at < len(call.args) else ""


def _is_at(name: str) -> bool:
    return name.endswith(("at", "at2")) and name != "creat"


_Handler = Callable[[Touched, Call, _Process], None]
_CALLS: Final[dict[str, _Handler]] = {
    **dict.fromkeys(("open", "openat", "openat2", "creat"), Touched._opened),
    **dict.fromkeys(("execve", "execveat"), Touched._executed),
    **dict.fromkeys(("rename", "renameat", "renameat2"), Touched._renamed),
    **dict.fromkeys(("link", "linkat"), Touched._linked),
    "truncate": Touched._truncated,
    **dict.fromkeys(("chdir", "fchdir"), Touched._moved_to),
    "connect": Touched._asked,
}
# What strace is asked for: these, and what makes processes. A system without one is no trouble.
TRACED: Final = (*_CALLS, *sorted(strace_lines.FORKS))
