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
from pathlib import Path
from typing import Final, NoReturn

from wherefrom.api.tracing import Tracing, begin
from wherefrom.app import DataFolder, noting, open_handed, open_log, open_views
from wherefrom.errors import Error
from wherefrom.followed import FollowedFolder, Following, all_followed
from wherefrom.serving.metrics import Dated, FoldMetrics, Shown
from wherefrom.serving.page import Pages

_NICE: Final = 10
_COLLECT_EVERY: Final = 250_000
_TRY_AGAIN_SECONDS: Final = 1.0
_WAIT_SECONDS_MIN: Final = 0.02
_ROUND_SECONDS: Final = 0.3
FOLLOW_EVERY_SECONDS: Final = 30.0


def follow(folder: DataFolder, pages: Pages) -> NoReturn:
    """Fold for ever. What goes wrong is said, and tried again: answers go on as of where it was.

    pages  where it shows what it counts
    """
    # The door and the answers come first in a burst, and the view catches up after.
    os.nice(_NICE)
    # A transaction's rows are a hundred thousand objects, none of them in a cycle.
    gc.set_threshold(_COLLECT_EVERY, 10, 10)
    threading.Thread(target=_follow_others, args=(folder,), daemon=True).start()
    metrics, tracing = FoldMetrics(), begin("fold")
    shown = Shown(pages.shown, "fold", metrics.families)
    with _views_held(folder):
        said = ""
        while True:
            try:
                _fold_on(folder, metrics, shown, tracing)
            except Exception as error:  # noqa: BLE001 - a full disk, a damaged file, our own slip
                if str(error) != said:
                    said = str(error)
                    print(f"wherefrom: the fold waits: {error or error!r}", file=sys.stderr)  # noqa: T201
                time.sleep(_TRY_AGAIN_SECONDS)


def _follow_others(folder: DataFolder) -> None:
    """Look at the logs that are followed, again and again.

    Each in a thread of its own: one that answers a byte at a time holds up nobody but itself.
    """
    looking: dict[Path, threading.Thread] = {}
    while True:
        there = {followed.path: followed for followed in _all_followed(folder)}
        looking = {path: thread for path, thread in looking.items() if thread.is_alive()}
        for path in there.keys() - looking.keys():
            thread = threading.Thread(target=_keep_following, args=(there[path],), daemon=True)
            looking[path] = thread
            thread.start()
        time.sleep(_TRY_AGAIN_SECONDS)


def _all_followed(folder: DataFolder) -> list[FollowedFolder]:
    try:
        return all_followed(folder)
    except (Error, OSError):  # added or removed as it was read
        return []


def _keep_following(followed: FollowedFolder) -> None:
    """Look at one log until it is followed no more; what is wrong is said once."""
    origin, said, following = followed.name, "", Following(followed)
    while followed.is_followed:
        try:
            trouble = following.look().trouble
        except Exception as error:  # noqa: BLE001 - one log's trouble is not the others'
            trouble = str(error) or repr(error)
        if trouble and trouble != said and followed.is_followed:
            line = f"wherefrom: {origin} is not followed: {trouble}"
            print(line, file=sys.stderr, flush=True)  # noqa: T201
        said = trouble
        # Room for ``federate remove``, which is seen soon.
        until = time.monotonic() + FOLLOW_EVERY_SECONDS
        while followed.is_followed and time.monotonic() < until:
            time.sleep(_TRY_AGAIN_SECONDS)
    following.close()


def _fold_on(folder: DataFolder, metrics: FoldMetrics, shown: Shown, tracing: Tracing) -> NoReturn:
    log = open_log(folder)
    with (
        contextlib.closing(open_handed(folder, log)) as handed,
        open_views(folder, dated := Dated(handed, metrics.folded), folded=dated.folded) as views,
        noting(folder, log) as noted,
    ):
        noted.keep()
        while True:
            began = time.monotonic()
            if log.refresh().size > views.size:
                with tracing.span("fold", {"wherefrom.first": views.size}) as span:
                    views.fold()
                    noted.keep()
                    span.say({"wherefrom.size": views.size})
                metrics.rounds.observe(time.monotonic() - began)
            shown.keep()
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
