"""The fold process: what the log gains goes into the views, for ever."""

from __future__ import annotations

import contextlib
import fcntl
import gc
import os
import sys
import time
from collections.abc import Iterator
from typing import Final

from wherefrom.app import DataFolder, open_graph, open_handed, open_log
from wherefrom.errors import Error

_NICE: Final = 10
_COLLECT_EVERY: Final = 250_000
_WAIT_SECONDS_MIN: Final = 0.02
_ROUND_SECONDS: Final = 0.3


def follow(folder: DataFolder) -> None:
    """Fold until something fails; then say what, and return."""
    # The door and the answers come first in a burst, and the view catches up after.
    os.nice(_NICE)
    # A transaction's rows are a hundred thousand objects, none of them in a cycle.
    gc.set_threshold(_COLLECT_EVERY, 10, 10)
    try:
        with _views_held(folder), open_graph(folder) as graph:
            log = open_log(folder)
            handed = open_handed(folder, log)
            while True:
                began = time.monotonic()
                if log.refresh().size > graph.size:
                    graph.fold(handed)
                # A transaction writes the pages it touched once, for one record or thousands, so
                # let some gather; but once a round takes long by itself, they gather anyway.
                took = time.monotonic() - began
                time.sleep(max(_WAIT_SECONDS_MIN, min(2 * took, _ROUND_SECONDS - took)))
    except Error as error:
        print(f"wherefrom: the fold stops: {error}", file=sys.stderr)  # noqa: T201


@contextlib.contextmanager
def _views_held(folder: DataFolder) -> Iterator[None]:
    """Be the only one that folds; what an earlier server left ends in a moment."""
    with open(folder.path / "views.lock", "a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
