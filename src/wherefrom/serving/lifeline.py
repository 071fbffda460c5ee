"""A pipe that tells a process that another is gone, however it went: its other end is closed."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable


def at_the_end_of(pipe: int, act: Callable[[], None]) -> None:
    """Do ``act``, on a thread, once nobody holds the other end of ``pipe`` (a file descriptor)."""

    def wait() -> None:
        while os.read(pipe, 4096):
            pass
        act()

    threading.Thread(target=wait, daemon=True).start()
