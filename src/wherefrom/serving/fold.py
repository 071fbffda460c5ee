"""The fold process: what the log gains goes into the views, for ever."""

from __future__ import annotations

import contextlib
import fcntl
import gc
import os
import sys
import threading
import time
from collections.abc import Iterator
from typing import Final, NoReturn

from wherefrom.app import DataFolder, open_graph, open_handed, open_log
from wherefrom.followed import all_followed, look_again

_NICE: Final = 10
_COLLECT_EVERY: Final = 250_000
_TRY_AGAIN_SECONDS: Final = 1.0
_WAIT_SECONDS_MIN: Final = 0.02
_ROUND_SECONDS: Final = 0.3
FOLLOW_EVERY_SECONDS: Final = 30.0


def follow(folder: DataFolder) -> NoReturn:
    """Fold for ever. What goes wrong is said, and tried again: answers go on as of where it was."""
    # The door and the answers come first in a burst, and the view catches up after.
    os.nice(_NICE)
    # A transaction's rows are a hundred thousand objects, none of them in a cycle.
    gc.set_threshold(_COLLECT_EVERY, 10, 10)
    threading.Thread(target=_follow_others, args=(folder,), daemon=True).start()
    with _views_held(folder):
        said = ""
        while True:
            try:
                _fold_on(folder)
            except Exception as error:  # noqa: BLE001 - a full disk, a damaged file, our own slip
                if str(error) != said:
                    said = str(error)
                    print(f"wherefrom: the fold waits: {error or error!r}", file=sys.stderr)  # noqa: T201
                time.sleep(_TRY_AGAIN_SECONDS)


def _follow_others(folder: DataFolder) -> None:
    """Look at the logs that are followed, again and again; what is wrong is said once."""
    said: dict[str, str] = {}
    while True:
        for followed in all_followed(folder):
            try:
                trouble = look_again(followed).trouble
            except Exception as error:  # noqa: BLE001 - one log's trouble is not the others'
                trouble = str(error) or repr(error)
            if trouble and trouble != said.get(followed.origin):
                line = f"wherefrom: {followed.origin} is not followed: {trouble}"
                print(line, file=sys.stderr, flush=True)  # noqa: T201
            said[followed.origin] = trouble
        time.sleep(FOLLOW_EVERY_SECONDS)


def _fold_on(folder: DataFolder) -> NoReturn:
    log = open_log(folder)
    with open_graph(folder) as graph, contextlib.closing(open_handed(folder, log)) as handed:
        while True:
            began = time.monotonic()
            if log.refresh().size > graph.size:
                graph.fold(handed)
            # A transaction writes the pages it touched once, for one record or thousands, so
            # let some gather; but once a round takes long by itself, they gather anyway.
            took = time.monotonic() - began
            time.sleep(max(_WAIT_SECONDS_MIN, min(2 * took, _ROUND_SECONDS - took)))


@contextlib.contextmanager
def _views_held(folder: DataFolder) -> Iterator[None]:
    """Be the only one that folds; what an earlier server left ends in a moment."""
    with open(folder.path / "views.lock", "a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
