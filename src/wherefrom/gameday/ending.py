"""^C and SIGTERM end a game day once, wherever it is, and what it started ends with it.

    signal ──► KeyboardInterrupt, at once ──► all is put away ──► more signals are passed over
                 └ in ``whole()``: at its end, so that no process starts unknown to us

Used on the main thread, where signals come.
"""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Final

_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)


class Ending:
    """While the block lasts, a signal ends it; once, and never in the middle of ``whole()``."""

    def __init__(self) -> None:
        self._told = False
        self._raised = False
        self._deep = 0

    def __enter__(self) -> Ending:
        self._before = {number: signal.signal(number, self._take) for number in _SIGNALS}
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _take(self, number: int, frame: FrameType | None) -> None:
        self._told = True
        self._raise()

    def _raise(self) -> None:
        if self._told and not self._raised and not self._deep:
            self._raised = True
            raise KeyboardInterrupt

    @contextmanager
    def whole(self) -> Iterator[None]:
        """What is begun here is finished, before a signal ends anything."""
        self._deep += 1
        try:
            yield
        finally:
            self._deep -= 1
        self._raise()
