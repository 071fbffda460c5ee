"""Real processes of a game day: ``wherefrom up`` and ``wherefrom witness``, as a person starts them.

    start() ──► a session of its own ──► the line that it serves ──► end(): SIGTERM, then SIGKILL

Each is started in a session of its own, so that a ^C of the terminal reaches the game day alone,
which then ends them; and each holds the other end of a pipe of ours, so that it ends too if we are
killed. Its disk can be made to fail by a file (``testing.broken_disk``).

Sizes:  STARTED_SECONDS to serve · ENDED_SECONDS to end by itself · COMMAND_SECONDS a command
"""  # noqa: E501 - the first line

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final, NamedTuple

from wherefrom.errors import Unavailable
from wherefrom.gameday.ending import Ending

STARTED_SECONDS: Final = 60.0
ENDED_SECONDS: Final = 20.0
COMMAND_SECONDS: Final = 120.0
_KILLED_SECONDS: Final = 5.0
_LOOK_SECONDS: Final = 0.02
_FRAME: Final = (
    "import os, signal, sys; from pathlib import Path; "
    "from wherefrom.serving.lifeline import at_the_end_of; "
    "from wherefrom.testing.broken_disk import break_by; "
    "from wherefrom.cli.main import main; "
    "at_the_end_of(0, lambda: os.kill(os.getpid(), signal.SIGTERM)); "
    "break_by(Path(sys.argv[1])); "
    "sys.exit(main(sys.argv[2:]))"
)


def environment() -> dict[str, str]:
    """Ours without what would lead a command of ours to the operator's places."""
    return {name: said for name, said in os.environ.items() if not name.startswith("WHEREFROM_")}


class Ran(NamedTuple):
    """How a command ended, and what it wrote."""

    code: int
    out: str
    err: str


class Commands:
    """Commands of ours that end by themselves, run on any thread, until ``stop``."""

    def __init__(self) -> None:
        self._running: set[subprocess.Popen[str]] = set()
        self._changing = threading.Lock()
        self._stopped = False

    def run(self, *words: object) -> Ran:
        """Run one to its end. Raises Unavailable once they are stopped, or for one that hangs."""
        frame = "import sys; from wherefrom.cli.main import main; sys.exit(main(sys.argv[1:]))"
        with self._changing:
            if self._stopped:
                raise Unavailable("the game day is over")
            process = subprocess.Popen(
                [sys.executable, "-P", "-c", frame, *map(str, words)],
                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                text=True, start_new_session=True, env=environment(),
            )  # fmt: skip
            self._running.add(process)
        try:
            out, err = process.communicate(timeout=COMMAND_SECONDS)
        except subprocess.TimeoutExpired as error:
            process.kill()
            process.communicate()
            raise Unavailable("the command does not end", got=str(words[0])) from error
        finally:
            with self._changing:
                self._running.discard(process)
        return Ran(process.returncode, out, err)

    def stop(self) -> None:
        """End those that run, and let none begin."""
        with self._changing:
            self._stopped = True
            for process in self._running:
                process.kill()


class Program:
    """One command that serves; ``words`` are its verb and options, but for its port.

    sign    the file that says how its disk fails
    errors  the file of its standard error, all of its lives
    """

    def __init__(self, words: Sequence[object], *, aside: Path, name: str, ending: Ending) -> None:
        self.sign = aside / f"{name}.sign"
        self.errors = aside / f"{name}.stderr"
        self._words = [str(word) for word in words]
        self._name = name
        self._ending = ending
        self._port = 0
        self._process: subprocess.Popen[bytes] | None = None
        self.url = ""

    @property
    def pid(self) -> int:
        """Of the process that serves now."""
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        """Start it, on the port that it had before. Raises Unavailable if it does not serve."""
        command = [sys.executable, "-P", "-c", _FRAME, str(self.sign), *self._words]
        with self._ending.whole(), open(self.errors, "ab") as errors:
            self._process = subprocess.Popen(
                [*command, "--port", str(self._port)],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors,
                start_new_session=True, env=environment(),
            )  # fmt: skip
        assert self._process.stdout is not None
        patience = threading.Timer(STARTED_SECONDS, self._process.kill)
        patience.start()
        try:
            line = self._process.stdout.readline().decode()
        finally:
            patience.cancel()
        if " http://" not in line:
            said = self.errors.read_text(errors="replace").strip().splitlines()
            raise Unavailable(
                f"the {self._name} of the game day does not start",
                got="; ".join(said[-6:]) or "nothing said",
            )
        self.url = line.split()[2]
        self._port = int(self.url.rpartition(":")[2])

    def signal(self, number: signal.Signals) -> None:
        """Send its first process a signal."""
        os.kill(self.pid, number)

    def kill(self) -> None:
        """Take it away as a crash does, and all that it started."""
        if self._process is not None:
            with self._ending.whole():
                self._put_away(self._process, gently=False)
                self._process = None

    def end(self) -> None:
        """End it, by force if need be; nothing it started is left."""
        if self._process is not None:
            with self._ending.whole():
                self._put_away(self._process, gently=True)
                self._process = None

    def _put_away(self, process: subprocess.Popen[bytes], *, gently: bool) -> None:
        group = process.pid
        if gently and process.poll() is None:
            process.send_signal(signal.SIGCONT)  # one that was stopped hears nothing else
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(ENDED_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
        elif process.poll() is None:
            process.kill()
        process.wait()
        until = time.monotonic() + _KILLED_SECONDS
        while living(group) and time.monotonic() < until:
            try:
                os.killpg(group, signal.SIGKILL)
            except (ProcessLookupError, PermissionError):
                break
            time.sleep(_LOOK_SECONDS)
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                pipe.close()


def living(group: int) -> list[int]:
    """The processes of a group that live; those that ended and nobody waited for do not."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, _, of_group = path.read_text().rpartition(")")[2].split()[:3]
        except (OSError, ValueError):
            continue  # it ended as we looked
        if of_group == str(group) and state != "Z":
            found.append(int(path.parent.name))
    return found
