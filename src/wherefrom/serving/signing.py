"""The writer's end of ``signing_link``: sign and record what the watch found.

It signs whatever comes over the socket, which only the directory's owner opens; that the service
key may sign summaries, policies, turns and measures, and nothing else, says its own record in the
log.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Final

import msgspec

from wherefrom.collect.principals import Principal
from wherefrom.errors import Error
from wherefrom.log.recorder import Recorder
from wherefrom.serving.signing_link import LINE_BYTES_MAX, Answer

AGAIN_SECONDS: Final = 1.0
WATCH: Final = Principal(name="watch", roles=("record",))


async def keep_signing(recorder: Recorder, path: Path) -> None:
    """Sign for whoever watches, for as long as this server runs."""
    while True:
        try:
            reader, writer = await asyncio.open_unix_connection(path, limit=LINE_BYTES_MAX)
        except OSError:
            await asyncio.sleep(AGAIN_SECONDS)
            continue
        try:
            while line := await reader.readline():
                answer = await asyncio.to_thread(_signed, line, recorder)
                writer.write(msgspec.json.encode(answer) + b"\n")
                await writer.drain()
        except (OSError, ValueError):  # it went; or a line too long, and it will come again
            await asyncio.sleep(AGAIN_SECONDS)
        finally:
            writer.close()


def _signed(line: bytes, recorder: Recorder) -> Answer:
    try:
        statements = msgspec.json.decode(line, type=list[str])
        done = recorder.vouch_all([one.encode() for one in statements], principal=WATCH)
    except (Error, ValueError) as error:
        return Answer(error=str(error))
    return Answer(entries=[one.entry for one in done])
