"""Is there room for what comes, and is the disk quick enough to acknowledge it?

    entries of the last week ──► entries a day × bytes an entry ──► free space lasts … days

Sizes:  a forecast needs FORECAST_S_MIN of log
"""

from __future__ import annotations

import os
import shutil
import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from wherefrom.doctor.found import Found, Ground, amount
from wherefrom.errors import Error
from wherefrom.formats import timestamps
from wherefrom.formats.entry import read_stored
from wherefrom.log.reader import LogReader

FREE_BYTES_MIN: Final = 256 * 1024 * 1024
DAYS_BROKEN: Final = 3
DAYS_WARNED: Final = 30
FILES_FREE_MIN: Final = 1000
SYNC_S_WARNED: Final = 0.05
FORECAST_S_MIN: Final = 3600.0
_WINDOW_S: Final = 7 * 86_400.0
_SYNCS: Final = 5
_ROOM: Final = "Free space there, or move the directory to a larger disk: cp -a, then up --data"


def disk(ground: Ground) -> Iterator[Found]:
    """Free space against the forecast of growth, free names, and how long a sync takes."""
    path = ground.path if ground.path.exists() else ground.path.absolute().parent
    free = shutil.disk_usage(path).free
    a_day = _growth(ground)
    days = free / a_day if a_day else None
    lasts = f"{amount(free)} free"
    if a_day and days is not None:
        enough = f"{days:,.0f} days" if days < 3650 else "years"
        lasts += f", for {enough} at {amount(a_day)} a day"
    if free < FREE_BYTES_MIN or (days is not None and days < DAYS_BROKEN):
        yield Found(False, f"the disk is nearly full: {lasts}", _ROOM)
    elif days is not None and days < DAYS_WARNED:
        yield Found(None, f"the disk fills up: {lasts}", _ROOM)
    else:
        yield Found(True, lasts)
    names = os.statvfs(path)
    if names.f_files and names.f_favail < FILES_FREE_MIN:
        says = f"the file system has {names.f_favail:,} names left for files"
        yield Found(False, says, "Remove files there: df -i shows the file system")
    yield from _synced(path)


def _synced(path: Path) -> Iterator[Found]:
    try:
        took = sync_time_s(path)
    except OSError as error:
        why = (error.strerror or str(error)).lower()
        yield Found(False, f"nothing can be written in {path}: {why}", _ROOM)
        return
    said = f"a sync takes {took * 1000:.1f} ms"
    if took > SYNC_S_WARNED:
        fix = "Use a local disk, not one over the network; every record waits for one sync"
        yield Found(None, f"the disk is slow: {said}", fix)
    else:
        yield Found(True, said)


def sync_time_s(folder: Path) -> float:
    """The median of some writes with fdatasync, to a file without a name. Raises OSError."""
    took = []
    with tempfile.TemporaryFile(dir=folder, buffering=0) as file:
        for _ in range(_SYNCS):
            file.write(b"\0" * 4096)
            began = time.perf_counter()
            os.fdatasync(file.fileno())
            took.append(time.perf_counter() - began)
    return statistics.median(took)


def _growth(ground: Ground) -> float | None:
    """Bytes a day, by the last week; None where the log is too young to tell, or is not whole."""
    try:
        log = ground.log
        since = timestamps.micros(ground.at) - int(_WINDOW_S * 1_000_000)
        first = _first_after(log, since)
        if first >= log.size:
            return None
        over_s = min(_WINDOW_S, ground.age_s(_received(log, first)))
        if over_s < FORECAST_S_MIN:
            return None
        an_entry = bytes_of(ground.path) / log.size
        return (log.size - first) * an_entry / over_s * 86_400
    except (Error, OSError):
        return None  # the check of the log says why


def _first_after(log: LogReader, since: int) -> int:
    """The first entry that was received after a time in microseconds, by halves."""
    low, high = 0, log.size
    while low < high:
        middle = (low + high) // 2
        if timestamps.micros(_received(log, middle)) < since:
            low = middle + 1
        else:
            high = middle
    return low


def _received(log: LogReader, index: int) -> str:
    return read_stored(log.record(index).entry).received


def bytes_of(folder: Path) -> int:
    """What a folder takes on the disk; a file that goes meanwhile is passed over."""
    total = 0
    for where, _, names in os.walk(folder):
        for name in names:
            try:
                total += os.stat(os.path.join(where, name)).st_blocks * 512
            except OSError:
                continue
    return total
