"""The reader process, as the writer keeps it: started, watched, started again if it dies.

    fork ──► waits, holding nothing ──told──► answers     the first: it shares what was imported
    a new interpreter ──────────────────────► answers     each one after it

The first is forked before the log is opened or any thread is started, and waits until it is told.
Once there are threads, forking is not safe, so one that died is followed by a program of its own.
"""

from __future__ import annotations

import contextlib
import gc
import os
import signal
import subprocess
import sys
import threading
import time
from typing import Final, NoReturn

from wherefrom.app import READER_SOCKET, DataFolder
from wherefrom.errors import Unavailable
from wherefrom.serving.reader import run

_RESTART_AFTER_SECONDS: Final = 0.5
_READY_WITHIN_SECONDS: Final = 30.0
_COMMAND: Final = "import sys; from wherefrom.serving.reader import run; run(sys.argv[1])"
_FAILED: Final = 3


class ReaderProcess:
    """The reader: started, watched, started again if it dies, ended with us.

    Make it before any thread is started and anything is opened that a fork must not hold.
    """

    def __init__(self, folder: DataFolder) -> None:
        self._folder = folder
        self._socket = folder.path / READER_SOCKET
        self._forked = _Forked(folder)
        self._process: subprocess.Popen[bytes] | _Forked = self._forked
        self._stopping = threading.Event()
        self._starting = threading.Lock()  # held while one is made, so that none is made unseen
        self._watch = threading.Thread(target=self._run, name="reader-watch", daemon=True)

    def __enter__(self) -> ReaderProcess:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Tell it to answer, and wait until it does. Raises Unavailable."""
        self._socket.unlink(missing_ok=True)
        self._watch.start()
        until = time.monotonic() + _READY_WITHIN_SECONDS
        while not self._socket.exists():
            if time.monotonic() > until:
                raise Unavailable(
                    "the reader process did not start",
                    where=str(self._socket),
                    do="Read what it says above; wherefrom doctor looks at what it needs",
                )
            time.sleep(0.01)

    def stop(self) -> None:
        """Close its pipe, which tells it to leave, and wait; nothing happens the second time."""
        if self._stopping.is_set():
            return
        self._stopping.set()
        with self._starting:
            process = self._process
        if process.stdin is not None:
            process.stdin.close()
        if self._watch.ident is None:  # never told to answer: the socket may be another server's
            process.wait()
            return
        self._watch.join(10)
        if self._watch.is_alive():
            process.kill()
            self._watch.join(15)
        self._socket.unlink(missing_ok=True)

    def _run(self) -> None:
        with self._starting:
            if not self._stopping.is_set():
                self._forked.begin()
        while True:
            self._process.wait()
            self._stopping.wait(_RESTART_AFTER_SECONDS)
            with self._starting:
                if self._stopping.is_set():
                    return
                self._process = subprocess.Popen(
                    [sys.executable, "-P", "-c", _COMMAND, str(self._folder.path)],
                    stdin=subprocess.PIPE,
                )


class _Forked:
    """A reader that was forked; what is asked of it is called as ``subprocess.Popen`` has it.

    stdin  the writer's end of its pipe; it leaves when that is closed
    """

    def __init__(self, folder: DataFolder) -> None:
        # What is there now is never looked at again: a collection would copy what is shared.
        gc.collect()
        gc.freeze()
        for stream in (sys.stdout, sys.stderr):  # else both would write what waits in them
            stream.flush()
        lifeline, ours = os.pipe()
        self._pid = os.fork()
        if self._pid == 0:
            os.close(ours)
            _be(folder, lifeline)
        os.close(lifeline)
        self.stdin = open(ours, "wb", buffering=0)  # noqa: SIM115 - as long as it lives

    def begin(self) -> None:
        """Tell it to answer."""
        with contextlib.suppress(BrokenPipeError):  # it died as it waited: the next one is started
            self.stdin.write(b"\n")

    def wait(self) -> None:
        """Return once it has ended."""
        os.waitpid(self._pid, 0)

    def kill(self) -> None:
        """End it at once."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self._pid, signal.SIGKILL)


def _be(folder: DataFolder, lifeline: int) -> NoReturn:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal's ^C goes to all; the writer decides
    code = _FAILED
    try:
        if os.read(lifeline, 1):
            run(str(folder.path), lifeline=lifeline)
        code = 0
    except BaseException:  # noqa: BLE001 - or the writer's own code would go on here
        sys.excepthook(*sys.exc_info())
    finally:
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(OSError, ValueError):
                stream.flush()
        os._exit(code)
