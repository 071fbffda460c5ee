"""A real terminal for tests: a program on a pty, and the screen that its output draws.

    with Terminal(["wherefrom", "top", …], columns=80, lines=24) as terminal:
        terminal.wait_for("Alerts"); terminal.press("q"); terminal.rows() ──► the lines seen

The screen is pyte's, a terminal emulator; the alternate screen, which it does not know, is followed
here by the sequences that switch it.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import select
import signal
import struct
import termios
import time

import pyte

SECONDS = 30
ALTERNATE_ON, ALTERNATE_OFF = b"\x1b[?1049h", b"\x1b[?1049l"


class Terminal:
    """``program`` on a terminal of its own; it is killed at the end if it still runs."""

    def __init__(self, program, *, columns=80, lines=24, env=None):
        self._program = [str(part) for part in program]
        self.columns, self.lines = columns, lines
        self._environment = {
            **{k: v for k, v in os.environ.items() if k not in ("COLUMNS", "LINES", "NO_COLOR")},
            "TERM": "xterm-256color",
            **(env or {}),
        }
        self.written = b""
        self.code = None

    def __enter__(self):
        self.screen = pyte.Screen(self.columns, self.lines)
        self._stream = pyte.ByteStream(self.screen)
        self.pid, self._fd = pty.fork()
        if self.pid == 0:
            os.execve(self._program[0], self._program, self._environment)
        self.resize(self.columns, self.lines)
        self.modes_before = termios.tcgetattr(self._fd)
        return self

    def __exit__(self, *_):
        if self.code is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
        with contextlib.suppress(OSError):
            os.close(self._fd)

    def resize(self, columns, lines):
        fcntl.ioctl(self._fd, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
        self.screen.resize(lines, columns)

    def press(self, text):
        os.write(self._fd, text.encode())

    def read(self, seconds=0.05):
        """Take what was written by now."""
        ready, _, _ = select.select([self._fd], [], [], seconds)
        if ready:
            try:
                came = os.read(self._fd, 65536)
            except OSError:  # the other end is gone
                came = b""
            self.written += came
            self._stream.feed(came)
            return bool(came)
        return True

    def rows(self):
        """What is seen, without the blanks at the ends of lines."""
        return [row.rstrip() for row in self.screen.display]

    def text(self):
        return "\n".join(self.rows())

    def wait_for(self, text, *, gone=False):
        """Wait until ``text`` is seen, or no longer."""
        until = time.monotonic() + SECONDS
        while (text in self.text()) is gone:
            assert time.monotonic() < until, f"{text!r} (gone={gone}) never came:\n{self.text()}"
            self.read()

    def wait_end(self):
        """Wait until the program has ended; its exit, or minus the signal that ended it."""
        until = time.monotonic() + SECONDS
        while True:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                break
            assert time.monotonic() < until, f"it does not end:\n{self.text()}"
            self.read()
        while self.read(0.1) and select.select([self._fd], [], [], 0)[0]:
            pass
        self.code = os.waitstatus_to_exitcode(status)
        return self.code

    @property
    def is_alternate(self):
        """Whether the other screen is shown."""
        return self.written.rfind(ALTERNATE_ON) > self.written.rfind(ALTERNATE_OFF)

    @property
    def modes(self):
        return termios.tcgetattr(self._fd)

    def assert_given_back(self):
        """The terminal is as it was: its own screen, its cursor, its modes."""
        assert not self.is_alternate
        assert self.written.rfind(b"\x1b[?25h") > self.written.rfind(b"\x1b[?25l")
        assert self.modes == self.modes_before
