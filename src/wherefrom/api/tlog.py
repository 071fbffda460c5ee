"""The log as tlog-tiles clients, witnesses and auditors read it.

    /checkpoint   /tile/<L>/<N>[.p/<W>]   /tile/entries/<N>[.p/<W>]   /contents/<N>[.p/<W>]

Any width of any tile that has existed is served by truncation. Served by the reader.

Sizes:  contents are given ``PART_BYTES_MAX`` at a time, or one
Source: C2SP tlog-tiles
"""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from wherefrom.api.access import principal_of
from wherefrom.api.reads import number
from wherefrom.errors import Malformed, NotFound
from wherefrom.formats.tiles import TileName, parse_tile_path
from wherefrom.log.contents import ENTRIES_HEADER, first_part
from wherefrom.log.reader import LogReader
from wherefrom.merkle.tree import TILE_WIDTH

_IMMUTABLE = {"Cache-Control": "public, max-age=31536000, immutable"}


async def get_checkpoint(request: Request) -> Response:
    """The newest signed checkpoint; of a log with witnesses the last that they cosigned."""
    log: LogReader = request.app.state.log
    log.refresh()
    return Response(log.shown()[0], media_type="text/plain", headers={"Cache-Control": "no-cache"})


def get_tile(request: Request) -> Response:
    """A tile or an entry bundle, whole or its first entries."""
    log: LogReader = request.app.state.log
    try:
        name = parse_tile_path("tile/" + request.path_params["path"])
    except Malformed as error:
        raise NotFound(error.what, where=error.where) from error
    try:
        written = _read(log, name)
    except NotFound:
        log.refresh()  # the checkpoint that the client holds may be newer than what we saw last
        written = _read(log, name)
    return Response(written, media_type="application/octet-stream", headers=_IMMUTABLE)


def get_contents(request: Request) -> Response:
    """``/contents/<N>[.p/<W>]?from=``: what the entries of a bundle commit to; for who may read.

    One part: the entry ``from`` of the bundle, and whole ones after it. A header says which.
    """
    principal_of(request, "read")
    log: LogReader = request.app.state.log
    try:
        name = parse_tile_path("tile/entries/" + request.path_params["path"])
    except Malformed as error:
        raise NotFound(error.what, where=error.where) from error
    first = name.n * TILE_WIDTH + (number(request, "from") or 0)
    limit = name.n * TILE_WIDTH + name.width
    if first >= limit or (limit > log.size and limit > log.refresh().size):
        raise NotFound(f"no contents of bundle {name.n} and width {name.width} from here")
    written, size = first_part(log.records(first, limit), first=first)
    held = " ".join(map(str, range(first, first + size)))
    return Response(written, media_type="application/octet-stream", headers={ENTRIES_HEADER: held})


def _read(log: LogReader, name: TileName) -> bytes:
    if name.level is None:
        return log.bundle(name.n, name.width)
    return log.tile(name.level, name.n, name.width)
