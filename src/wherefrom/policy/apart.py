"""An engine in a process of its own: it has no environment, bounded memory and bounded time.

    ask ──JSON line──► python -I (nothing of ours in its environment) ──JSON line──► answer

Whoever may ask what a policy says brings conditions of their own. One that counts for a minute, or
doubles a text thirty times, must not stop the others from being asked, nor see our secrets. So an
engine is kept apart, and started again after it was stopped.

Sizes:  SECONDS_MAX a question · MEMORY_BYTES_MAX · an answer ANSWER_BYTES_MAX
"""

from __future__ import annotations

import contextlib
import json
import os
import resource
import select
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from wherefrom.errors import LimitPassed, Malformed, SettingError

SECONDS_MAX: Final = 5.0
MEMORY_BYTES_MAX: Final = 1024 * 1024 * 1024
ANSWER_BYTES_MAX: Final = 1024 * 1024
# What an engine may keep between two questions: the next asker is not to pay for the last one.
_KEPT_BYTES_MAX: Final = MEMORY_BYTES_MAX // 4
_READ_BYTES: Final = 65_536
_PAGE_BYTES: Final = resource.getpagesize()
_LOOK_EVERY_SECONDS: Final = 0.02
# What is run has `asked`, a question, and sets `said`. The alarm is for when nobody is left to stop
# it; the engine prints what it does not like, which is no answer.
_WORKER: Final = """
import json, os, resource, signal, sys
resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
answers = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)
def shown(value):
    return repr(bytes(value) if isinstance(value, bytearray) else value)
{start}
for line in sys.stdin.buffer:
    signal.alarm(30)
    try:
        asked = json.loads(line)
{answer}
        line = json.dumps(said, default=shown)
    except Exception as error:
        line = json.dumps({{"error": str(error) or type(error).__name__}})
    if len(line) > {longest}:
        line = json.dumps({{"error": "it has too much to say"}})
    signal.alarm(0)
    answers.write(line + "\\n")
    answers.flush()
"""


class Patience:
    """How long several questions may take together."""

    def __init__(self, seconds_max: float) -> None:
        self._left = self._seconds_max = seconds_max

    @contextlib.contextmanager
    def spent(self) -> Iterator[float]:
        """How many seconds are left; what is done inside counts. Raises LimitPassed for none."""
        if self._left <= 0:
            raise LimitPassed(
                "the conditions before it took too long", expected=f"{self._seconds_max:g} s in all"
            )
        start = time.monotonic()
        try:
            yield self._left
        finally:
            self._left -= time.monotonic() - start


class Apart:
    """One engine, for several threads; it is started when it is first asked.

    module  what it is made with; ``install`` how to get that
    start   Python that runs once; ``answer`` for each question: ``asked`` in, ``said`` out
    """

    def __init__(self, module: str, *, install: str, start: str, answer: str) -> None:
        self._module, self._install = module, install
        indented = "".join(f"        {line}\n" for line in answer.strip().splitlines())
        self._program = _WORKER.format(start=start, answer=indented, longest=ANSWER_BYTES_MAX)
        self._asking = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None

    def ask(self, question: bytes, patience: Patience) -> dict[str, Any]:
        """The answer to a question, one line of JSON.

        Raises Malformed in the engine's words, LimitPassed, and SettingError if it is not
        installed.
        """
        assert b"\n" not in question
        # Who waits for others to be answered has not been answered slowly.
        with self._asking, patience.spent() as seconds:
            said = self._ask(question + b"\n", min(seconds, SECONDS_MAX))
        if "error" in said:
            raise Malformed(str(said["error"]).splitlines()[0][:200])
        return said

    def _ask(self, line: bytes, seconds: float) -> dict[str, Any]:
        for last in (False, True):
            try:
                return self._ask_once(line, seconds)
            except (OSError, EOFError) as error:
                self.close()
                # It may have been stopped from outside: it is asked a second time, not a third.
                if last:
                    raise LimitPassed("the engine broke down over it") from error
        raise AssertionError

    def _ask_once(self, line: bytes, seconds: float) -> dict[str, Any]:
        if self._process is not None and self._process.poll() is not None:
            self.close()  # it was stopped while nobody asked
        process = self._process if self._process is not None else self._start()
        assert process.stdin is not None
        try:
            process.stdin.write(line)
            process.stdin.flush()
            said: dict[str, Any] = json.loads(self._answer(process, seconds))
        except LimitPassed:
            self.close()
            raise
        if _memory_of(process.pid) > _KEPT_BYTES_MAX:
            self.close()
        return said

    def _answer(self, process: subprocess.Popen[bytes], seconds: float) -> bytes:
        """One line. Raises LimitPassed, EOFError."""
        assert process.stdout is not None
        until = time.monotonic() + seconds
        read = b""
        while not read.endswith(b"\n"):
            if time.monotonic() > until or _memory_of(process.pid) > MEMORY_BYTES_MAX:
                raise LimitPassed(
                    "a condition takes too much time or memory",
                    expected=f"{seconds:.2g} s, {MEMORY_BYTES_MAX // 1024**2} MiB",
                )
            if select.select([process.stdout], [], [], _LOOK_EVERY_SECONDS)[0]:
                piece = os.read(process.stdout.fileno(), _READ_BYTES)
                if not piece:
                    raise EOFError
                read += piece
        return read

    def _start(self) -> subprocess.Popen[bytes]:
        from importlib.util import find_spec

        if find_spec(self._module) is None:
            raise SettingError(
                f"conditions of this kind need {self._module}", do=f"Run: {self._install}"
            )
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-c", self._program],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env={},
        )  # fmt: skip
        return self._process

    def close(self) -> None:
        """Stop it; it is started again when it is asked again."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            for stream in (process.stdin, process.stdout):
                if stream is not None:
                    with contextlib.suppress(OSError):  # what was not written yet goes nowhere
                        stream.close()
            process.wait()


def _memory_of(pid: int) -> int:
    """What a process holds, in bytes; 0 where nobody tells. The engines reserve far more, so a
    limit of the system's would keep them from starting."""
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * _PAGE_BYTES
    except (OSError, ValueError, IndexError):
        return 0
