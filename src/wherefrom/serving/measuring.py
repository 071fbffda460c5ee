"""The writer measures its server, and has the log sign what it measured.

    every EVERY_SECONDS in which anything was counted ──► a record of measures
    acknowledged ──► asked every POLL_SECONDS: does it stand in every view? ──► how long it took

It is the writer's because every question passes it, and because it holds the service key.

Sizes:  one record each EVERY_SECONDS at most · one look at the views each LOOK_EVERY_SECONDS
Source: docs/formats/measures.md; decision 0050
"""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
import time
from pathlib import Path
from typing import Final, NoReturn

from wherefrom.api.own_measures import OwnMeasures
from wherefrom.api.proxy import ReaderProxy
from wherefrom.app import now
from wherefrom.collect.principals import Principal
from wherefrom.errors import Error
from wherefrom.formats import measures
from wherefrom.log.recorder import Recorder
from wherefrom.serving.storage import bytes_below

EVERY_SECONDS: Final = 600.0
LOOK_EVERY_SECONDS: Final = 5.0
POLL_SECONDS: Final = 0.02
SEEN_SECONDS_MAX: Final = 600.0
SERVER: Final = Principal(name="server", roles=("record",))


async def keep_measuring(
    recorder: Recorder,
    counted: OwnMeasures,
    proxy: ReaderProxy,
    folder: Path,
    *,
    every_s: float = EVERY_SECONDS,
    look_every_s: float = LOOK_EVERY_SECONDS,
) -> None:
    """Measure for as long as this server runs; what cannot be recorded is said once."""
    looking = asyncio.create_task(_keep_looking(recorder, counted, proxy, look_every_s))
    said = ""
    try:
        since = now()
        while True:
            await asyncio.sleep(every_s)
            storage, free = await asyncio.to_thread(_stored, folder)
            until = now()
            found = counted.take(since=since, until=until, storage=storage, free=free)
            since = until
            if found is None:
                continue
            try:
                statement = measures.to_statement(found, recorder.writer.origin)
                await asyncio.to_thread(recorder.vouch_all, [statement], principal=SERVER)
                said = ""
            except Error as error:
                if str(error) != said:
                    said = str(error)
                    line = f"wherefrom: what was measured is not recorded: {error}"
                    print(line, file=sys.stderr, flush=True)  # noqa: T201
    finally:
        looking.cancel()


async def _keep_looking(
    recorder: Recorder, counted: OwnMeasures, proxy: ReaderProxy, every_s: float
) -> NoReturn:
    """See now and then how long a record takes from its acknowledgement to every view."""
    acknowledged = asyncio.Event()
    counted.on_recorded = acknowledged.set
    while True:
        await acknowledged.wait()
        began, size = time.monotonic(), recorder.writer.size
        while time.monotonic() < began + SEEN_SECONDS_MAX:
            if await _reached(proxy) >= size:
                counted.seen(time.monotonic() - began)
                break
            await asyncio.sleep(POLL_SECONDS)
        await asyncio.sleep(every_s)
        acknowledged.clear()


async def _reached(proxy: ReaderProxy) -> int:
    """Up to which size every view has read the log; 0 if nobody answers."""
    try:
        _, *views = (await proxy.get("/readyz")).content.decode().splitlines()
        return min(int(line.partition(" ")[2]) for line in views)
    except (Error, ValueError):
        return 0


def _stored(folder: Path) -> tuple[dict[str, int], int | None]:
    """Bytes by folder of a data directory, files of its own under ``.``; and those free."""
    sizes: dict[str, int] = {".": 0}
    try:
        for one in os.scandir(folder):
            if one.is_dir(follow_symlinks=False):
                sizes[one.name] = bytes_below(one)
            elif one.is_file(follow_symlinks=False):
                sizes["."] += one.stat(follow_symlinks=False).st_size
        free = shutil.disk_usage(folder).free
    except OSError:
        return {}, None
    largest = sorted(sizes.items(), key=lambda pair: -pair[1])[: measures.FOLDERS_MAX]
    return dict(sorted(largest)), free
