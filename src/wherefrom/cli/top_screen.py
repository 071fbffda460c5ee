"""The terminal while ``wherefrom top`` has it: entered once, given back whatever happens.

    enter: another screen, no cursor, keys one by one, nothing echoed
    leave: all of it back, by whichever way it ends ─► q, an error, SIGTERM, SIGHUP, SIGQUIT, ^Z

A signal only sets what it is and wakes whoever waits for a key; the loop then leaves as it always
does. ^C and ^\\ are signals as well. ^Z gives the terminal back, stops, and comes again with fg.

Source: termios(3), signal(7); XTerm Control Sequences, "Alternate Screen Buffer"
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import termios
import tty
from collections.abc import Iterator, Sequence
from types import FrameType, TracebackType
from typing import Any, Final, Self

from wherefrom.cli.top_keys import Keys

_ENTER: Final = "\x1b[?1049h\x1b[?25l\x1b[2J"
_LEAVE: Final = "\x1b[0m\x1b[?25h\x1b[?1049l"
_HOME: Final = "\x1b[H"
_REST_OF_LINE: Final = "\x1b[K"
_REST_OF_SCREEN: Final = "\x1b[J"
_ENDS: Final = (signal.SIGTERM, signal.SIGHUP, signal.SIGINT, signal.SIGQUIT)
_SOON_SECONDS: Final = 0.05


class Ended(Exception):
    """A signal that ends a program came. ``number`` is its."""

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        self.number = number


class Screen:
    """A terminal on two file descriptors, as a context."""

    def __init__(self, read: int, write: int) -> None:
        self._read, self._write = read, write
        self._keys = Keys()
        self._came: list[int] = []
        self._ends = contextlib.ExitStack()

    def __enter__(self) -> Self:
        before = termios.tcgetattr(self._read)
        wake_read, wake_write = os.pipe()
        for end in (wake_read, wake_write):
            os.set_blocking(end, False)
            self._ends.callback(os.close, end)
        self._wake = wake_read
        self._ends.callback(signal.set_wakeup_fd, signal.set_wakeup_fd(wake_write))
        for number in (*_ENDS, signal.SIGTSTP, signal.SIGWINCH):
            self._ends.callback(signal.signal, number, signal.signal(number, self._note))
        self._ends.callback(self._give_back, before)
        try:
            self._take()
        except BaseException:
            self._ends.close()
            raise
        self._before = before
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:  # fmt: skip
        self._ends.close()

    def _take(self) -> None:
        tty.setcbreak(self._read)
        self._put(_ENTER)

    def _give_back(self, before: list[Any]) -> None:
        # Each by itself: a terminal that is gone (SIGHUP) must not keep the other from its turn.
        with contextlib.suppress(OSError):
            self._put(_LEAVE)
        with contextlib.suppress(OSError, termios.error):
            termios.tcsetattr(self._read, termios.TCSADRAIN, before)

    def _note(self, number: int, _: FrameType | None) -> None:
        self._came.append(number)

    @property
    def size(self) -> tuple[int, int]:
        """Columns and lines."""
        try:
            found = os.get_terminal_size(self._write)
        except OSError:
            return 80, 24
        return (found.columns or 80), (found.lines or 24)

    def show(self, lines: Sequence[str]) -> None:
        """Put these lines in the place of all that was shown; each must fit."""
        rows = f"{_REST_OF_LINE}\r\n".join(lines)
        self._put(f"{_HOME}{rows}{_REST_OF_LINE}{_REST_OF_SCREEN}")

    def keys(self, wait_s: float) -> Iterator[str]:
        """The keys that come within a time, or ``resize``. Raises Ended; EOFError if the terminal
        is gone."""
        soon = min(wait_s, _SOON_SECONDS) if self._keys.waits else wait_s
        ready, _, _ = select.select([self._read, self._wake], [], [], soon)
        if self._wake in ready:
            with contextlib.suppress(BlockingIOError):
                os.read(self._wake, 4096)
        yield from self._signalled()
        if self._read in ready:
            came = os.read(self._read, 4096)
            if not came:
                raise EOFError
            yield from self._keys.read(came)
        elif self._keys.waits:
            yield from self._keys.flush()

    def _signalled(self) -> Iterator[str]:
        came, self._came = self._came, []
        for number in came:
            if number in _ENDS:
                raise Ended(number)
            if number == signal.SIGTSTP:
                self._rest()
            yield "resize"

    def _rest(self) -> None:
        """Stop, as ^Z asks, with the terminal as it was; go on where fg wakes us."""
        self._give_back(self._before)
        os.kill(os.getpid(), signal.SIGSTOP)
        self._take()

    def _put(self, text: str) -> None:
        written = text.encode()
        while written:
            written = written[os.write(self._write, written) :]
