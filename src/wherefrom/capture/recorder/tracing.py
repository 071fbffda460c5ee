"""Run a command and watch it: the only file that knows how strace is started.

    command ──► strace -DD -f ──► the command, our own child: its exit, its signals, its terminal
                     │
                     └─ a named pipe ──one thread──► Lines ──► Touched

With -DD the tracer is a grandchild, so the command is waited for as if nobody watched. A process
that the command left behind keeps its tracer: without one, its calls would fail under the filter.
Then somebody must read what the tracer writes, or both would stand still: ``cat`` stays for that.

A tracer that goes on must hold nothing that others wait for the end of, or a CI job that reads what
we write would wait for a daemon. strace lets go of its standard input and output but not of its
standard error, so the command's error stream travels as input, and a shell puts it back in place:
the first program in the trace, which is left out of it.

Whether a process may be traced here at all (containers often forbid it) is tried once before.

Sizes:  a trial waits TRIAL_SECONDS · what was left behind is waited for LEFT_SECONDS,
        and a tracer that falls silent STUCK_SECONDS
Source: strace(1), --seccomp-bpf; fifo(7)
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import select
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import FrameType
from typing import Final, NamedTuple

from wherefrom.capture.recorder.strace_lines import Lines, lines_of
from wherefrom.capture.recorder.touched import TRACED, Touched

TRIAL_SECONDS: Final = 5.0
LEFT_SECONDS: Final = 0.5
STUCK_SECONDS: Final = 120.0
_LOOK_SECONDS: Final = 0.05
CHUNK_BYTES: Final = 1 << 16
_PIPE_BYTES: Final = 1 << 20
NOT_FOUND: Final = 127
NOT_A_PROGRAM: Final = 126
_SHELL_FD_MAX: Final = 9
_PASSED_ON: Final = (signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGINT)


class Ran(NamedTuple):
    """How a command ended, and what it touched.

    status      of the exit, 0 to 255; 128 and the signal's number if one killed it
    touched     None if nobody watched
    left        how many of its processes went on when it ended
    started_ns  since 1970
    """

    status: int
    touched: Touched | None
    left: int
    started_ns: int
    finished_ns: int
    trouble: str | None = None


class Tracer(NamedTuple):
    """The strace here and the options that it can take."""

    program: str
    options: tuple[str, ...]


def tracer() -> Tracer | str:
    """A strace that works here, the fast way if it can; else why there is none."""
    program = shutil.which("strace")
    if program is None:
        return "strace is not installed"
    said = ""
    for fast in (("--seccomp-bpf",), ()):
        options = ("-DD", "-f", *fast)
        try:
            tried = subprocess.run(
                [program, *options, "-o", os.devnull, "-e", "trace=openat", "true"],
                capture_output=True, timeout=TRIAL_SECONDS, check=False,
            )  # fmt: skip
        except (OSError, subprocess.TimeoutExpired) as error:
            return f"strace does not work here: {error}"
        if tried.returncode == 0 and not tried.stderr:
            return Tracer(program, options)
        said = tried.stderr.decode("utf-8", "replace").strip().partition("\n")[0][:200]
    return f"strace may not trace here: {said}"


def run(command: Sequence[str], *, environ: Mapping[str, str], by: Tracer | None) -> Ran:
    """Run a command to its end, watched by ``by``; a command that is not there is a status too."""
    started = time.time_ns()
    # A command that is not there would be strace's complaint: it is found here, as a shell does.
    if missing := _missing(command[0], environ):
        return Ran(missing[0], None, 0, started, started, missing[1])
    if by is None:
        status, trouble = _wait(list(command), environ)
        return Ran(status, None, 0, started, time.time_ns(), trouble)
    given = _input_aside()
    launcher = _launcher(given)
    touched = Touched(os.getcwd(), launched=bool(launcher))
    with tempfile.TemporaryDirectory(prefix="wherefrom-run-") as folder:
        pipe = str(Path(folder) / "trace")
        os.mkfifo(pipe, 0o600)
        reading = _Reading(pipe, touched)
        started = time.time_ns()
        traced = [
            by.program, *by.options, "-q", "-y", "-s", "4096", "-e", "signal=none",
            "-e", "trace=" + ",".join(f"?{name}" for name in TRACED), "-o", pipe, "--",
        ]  # fmt: skip
        try:
            if launcher:
                status, trouble = _wait(
                    [*traced, *launcher, *command], environ,
                    stdin=2, stderr=subprocess.DEVNULL, pass_fds=(given,),
                )  # fmt: skip
            else:
                status, trouble = _wait([*traced, *command], environ)
        finally:
            os.close(given)
        finished = time.time_ns()
        left = reading.finish()
    if touched.root is None and trouble is None:
        return Ran(status, None, 0, started, finished, "strace ended before it saw anything")
    return Ran(status, touched, left, started, finished, trouble)


class _Reading:
    """Reads the pipe in a thread of its own, until the last of the traced has ended."""

    def __init__(self, pipe: str, touched: Touched) -> None:
        self._touched = touched
        # Not blocking: a strace that never starts must not leave us waiting for it.
        self._pipe = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
        with contextlib.suppress(OSError):  # a system may allow less
            fcntl.fcntl(self._pipe, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
        self._stop_r, self._stop_w = os.pipe()
        self._thread = threading.Thread(target=self._read, name="wherefrom-trace", daemon=True)
        self._thread.start()

    def finish(self) -> int:
        """Wait for the end of what is written; how many processes go on."""
        goes_on = self._wait_for_end()
        self.stop()
        self._touched.close()
        return max(1, self._touched.alive) if goes_on else 0

    def _wait_for_end(self) -> bool:
        """Read until the command's own end stands in the trace, which may come late if there was
        much before it, and what it left behind for a moment more; whether somebody goes on."""
        stuck = time.monotonic() + STUCK_SECONDS
        left: float | None = None
        while True:
            self._thread.join(_LOOK_SECONDS)
            if not self._thread.is_alive():
                return False
            now = time.monotonic()
            if left is None and self._touched.ended:
                left = now + LEFT_SECONDS
            if now > (stuck if left is None else left):
                return True

    def stop(self) -> None:
        """Read no further; whoever still writes is read by somebody else."""
        goes_on = self._thread.is_alive()
        os.write(self._stop_w, b".")
        self._thread.join()
        if goes_on and self._touched.root is not None:
            os.set_blocking(self._pipe, True)
            subprocess.Popen(
                ["cat"], stdin=self._pipe, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                start_new_session=True, cwd="/",
            ).returncode = 0  # nobody waits for it, and nobody is told so  # fmt: skip
        for descriptor in (self._pipe, self._stop_r, self._stop_w):
            os.close(descriptor)

    def _read(self) -> None:
        lines = Lines()
        for line in lines_of(self._chunks()):
            self._touched.add(lines.event(line))

    def _chunks(self) -> Iterator[bytes]:
        poll = select.poll()
        poll.register(self._pipe, select.POLLIN)
        poll.register(self._stop_r, select.POLLIN)
        while True:
            ready = dict(poll.poll())
            if ready.get(self._pipe, 0) & select.POLLIN:
                try:
                    chunk = os.read(self._pipe, CHUNK_BYTES)
                except BlockingIOError:
                    continue
                if chunk:
                    yield chunk
                    continue
            elif self._stop_r in ready:
                return
            if ready.get(self._pipe, 0) & select.POLLHUP:
                return


def _input_aside() -> int:
    """Our standard input under another number."""
    try:
        return fcntl.fcntl(0, fcntl.F_DUPFD, 3)
    except OSError:  # it is closed
        return os.open(os.devnull, os.O_RDONLY)


def _launcher(given: int) -> list[str]:
    """What puts the streams of a command in place, where its input is ``given`` and its standard
    error lies at 0. A shell can name the first ten only; with more there is none, and a process
    that goes on keeps our standard error open."""
    if given > _SHELL_FD_MAX:
        return []
    return ["/bin/sh", "-c", f'exec "$@" 2>&0 0<&{given} {given}<&-', "wherefrom"]


def _wait(
    command: list[str],
    environ: Mapping[str, str],
    *,
    stdin: int | None = None,
    stderr: int | None = None,
    pass_fds: Sequence[int] = (),
) -> tuple[int, str | None]:
    """Run a command as our child, and pass on to it what we are told to end."""
    try:
        child = subprocess.Popen(
            command, env=dict(environ), stdin=stdin, stderr=stderr, pass_fds=pass_fds
        )
    except OSError as error:
        return NOT_A_PROGRAM, f"{command[0]}: {error.strerror}"
    with _signals_to(child):
        code = child.wait()
    return (code if code >= 0 else 128 - code), None


@contextlib.contextmanager
def _signals_to(child: subprocess.Popen[bytes]) -> Iterator[None]:
    """What is meant for us is the command's: its own way to end is how we end.

    ^C reaches both by the terminal, so it is not sent again.
    """

    def pass_on(number: int, _: FrameType | None) -> None:
        if number not in (signal.SIGINT, signal.SIGQUIT):
            child.send_signal(number)

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, pass_on) for number in _PASSED_ON}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _missing(program: str, environ: Mapping[str, str]) -> tuple[int, str] | None:
    """The status and the word of a shell for a program that cannot be run."""
    if shutil.which(program, path=environ.get("PATH", os.defpath)) is not None:
        return None
    if "/" in program and os.path.exists(program):
        return NOT_A_PROGRAM, f"{program}: not a program, or not ours to run"
    return NOT_FOUND, f"{program}: not found"
