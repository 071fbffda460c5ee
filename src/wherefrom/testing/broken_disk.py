"""A disk that fails when it is told to, under a real process of wherefrom.

    break_by(SIGN)   before anything is opened; then, once the file SIGN is there, by its text:

    fdatasync, pwrite, ftruncate   the next such call fails once with EIO, and SIGN is removed: a
                                   disk that says "fine" again is the one that loses records
    full                           nothing more fits, until SIGN is removed: ENOSPC

What goes past ``os``, as SQLite's own calls do, is not met: it is the log's disk that fails.
"""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

FAILING_ONCE: Final = ("fdatasync", "pwrite", "ftruncate")
FULL: Final = "full"
_GROWING: Final = "pwrite"


def break_by(sign: Path) -> None:
    """From now on, in this process, the file ``sign`` decides what fails."""
    for name in FAILING_ONCE:
        setattr(os, name, _failing(name, getattr(os, name), sign))


def _failing(name: str, real: Callable[..., Any], sign: Path) -> Callable[..., Any]:
    def call(*given: Any) -> Any:
        with contextlib.suppress(FileNotFoundError):
            said = sign.read_text()
            if said == name:
                sign.unlink()
                raise OSError(errno.EIO, os.strerror(errno.EIO))
            if said == FULL and name == _GROWING:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return real(*given)

    return call
