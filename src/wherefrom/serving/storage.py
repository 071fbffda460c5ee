"""How much each folder of a data directory holds, measured now and then, beside everything else.

Sizes:  EVERY_SECONDS apart, and no more than a twentieth of the time is spent on it
"""

from __future__ import annotations

import os
import shutil
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

EVERY_SECONDS: Final = 60.0
_SHARE: Final = 20
# What a data directory holds; whatever else lies there is counted together.
FOLDERS: Final = ("journal", "tile", "dedup", "views", "handed", "notify", "keys", "responses")
OTHER: Final = "other"


def folder_bytes(path: Path) -> dict[str, int]:
    """Bytes of the files below each of FOLDERS that is there, and of all others together."""
    found = dict.fromkeys((OTHER,), 0)
    for one in _entries(path):
        name = one.name if one.name in FOLDERS else OTHER
        found[name] = found.get(name, 0) + bytes_below(one)
    return found


def bytes_below(one: os.DirEntry[str]) -> int:
    """Bytes of a file, or of all files below a folder; what went as we looked counts nothing."""
    try:
        if not one.is_dir(follow_symlinks=False):
            return one.stat(follow_symlinks=False).st_size
    except OSError:  # it went
        return 0
    return sum(map(bytes_below, _entries(one.path)))


def _entries(path: str | Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(path) as found:
            return list(found)
    except OSError:
        return []


def keep_measuring(path: Path, told: Callable[[Mapping[str, int], int], None]) -> None:
    """Tell the bytes of each folder, and those that are free, for ever, on a thread of its own."""

    def run() -> None:
        while True:
            began = time.monotonic()
            found = folder_bytes(path)
            try:
                told(found, shutil.disk_usage(path).free)
            except OSError:
                told(found, 0)
            time.sleep(max(EVERY_SECONDS, _SHARE * (time.monotonic() - began)))

    threading.Thread(target=run, name="storage", daemon=True).start()
