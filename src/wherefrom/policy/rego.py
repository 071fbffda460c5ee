"""Rego, in a process of its own: it has no environment, bounded memory and bounded time.

    evaluate ──JSON line──► python -I (nothing of ours in its environment) ──► {"value"} | {"error"}

The engine lets a module read the environment (``opa.runtime``), count to a billion, and ask what
time it is. Whoever may ask what a policy says must not learn our secrets by it, nor stop the others
from asking, so the engine is kept apart, and started again after it was stopped.

Sizes:  SECONDS_MAX a query · MEMORY_BYTES_MAX
Source: openpolicyagent.org/docs/policy-language; github.com/microsoft/rego-cpp
"""

from __future__ import annotations

import json
import os
import resource
import select
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from wherefrom.errors import LimitPassed, Malformed, SettingError

SECONDS_MAX: Final = 5.0
MEMORY_BYTES_MAX: Final = 1024 * 1024 * 1024
_READ_BYTES: Final = 65_536
_PAGE_BYTES: Final = resource.getpagesize()
_LOOK_EVERY_SECONDS: Final = 0.05
# Runs with the standard library and the engine alone: what it prints is all that comes back.
_WORKER: Final = """
import json, os, re, resource, sys
resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
answers = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)  # the engine prints what it does not like
from regopy import Interpreter
for line in sys.stdin.buffer:
    asked = json.loads(line)
    try:
        engine = Interpreter()
        for name, text in asked["modules"]:
            engine.add_module(name, text)
        engine.set_input(asked["input"])
        said = {"says": str(engine.query(asked["query"]))}
    except Exception as error:
        told = re.search(r"errormsg \\d+:([^)]+)", str(error))
        said = {"error": told[1] if told else str(error) or type(error).__name__}
    answers.write(json.dumps(said) + "\\n")
    answers.flush()
"""


class Rego:
    """One engine, for several threads; it is started when it is first asked."""

    def __init__(self) -> None:
        self._asking = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None

    def evaluate(self, query: str, modules: Mapping[str, str], document: Mapping[str, Any]) -> Any:
        """What a query gives; None if that is undefined, or false, which the engine does not tell
        apart.

        Raises Malformed in the engine's words, LimitPassed, and SettingError if it is not
        installed.
        """
        asked = {"query": query, "modules": list(modules.items()), "input": document}
        with self._asking:
            said = self._ask(json.dumps(asked).encode() + b"\n")
        if "error" in said:
            raise Malformed("it is no Rego", got=said["error"].splitlines()[0][:200])
        return _value_of(said["says"])

    def _ask(self, line: bytes) -> dict[str, str]:
        process = self._process if self._process is not None else self._start()
        assert process.stdin is not None
        try:
            process.stdin.write(line)
            process.stdin.flush()
            said: dict[str, str] = json.loads(self._answer(process))
        except (BrokenPipeError, EOFError) as error:
            self.close()
            raise Malformed("the engine broke down over it") from error
        except LimitPassed:
            self.close()
            raise
        return said

    def _answer(self, process: subprocess.Popen[bytes]) -> bytes:
        """One line. Raises LimitPassed, EOFError."""
        assert process.stdout is not None
        until = time.monotonic() + SECONDS_MAX
        read = b""
        while not read.endswith(b"\n"):
            if time.monotonic() > until or _memory_of(process.pid) > MEMORY_BYTES_MAX:
                raise LimitPassed(
                    "a condition takes too much time or memory",
                    expected=f"{SECONDS_MAX:g} s, {MEMORY_BYTES_MAX // 1024**2} MiB",
                )
            if select.select([process.stdout], [], [], _LOOK_EVERY_SECONDS)[0]:
                piece = os.read(process.stdout.fileno(), _READ_BYTES)
                if not piece:
                    raise EOFError
                read += piece
        return read

    def _start(self) -> subprocess.Popen[bytes]:
        from importlib.util import find_spec

        if find_spec("regopy") is None:
            raise SettingError(
                "conditions in Rego need regopy", do="Run: pip install 'wherefrom[rego]'"
            )
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-c", _WORKER],
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
                    stream.close()
            process.wait()


def _memory_of(pid: int) -> int:
    """What a process holds, in bytes; 0 where nobody tells. The engine reserves far more, so a
    limit of the system's would keep it from starting."""
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * _PAGE_BYTES
    except (OSError, ValueError, IndexError):
        return 0


def _value_of(says: str) -> Any:
    """The value in an answer of the engine."""
    try:
        results = json.loads(says)
        return results["expressions"][0] if isinstance(results, dict) else results
    except (ValueError, KeyError, IndexError, TypeError):
        return None
