"""A request's body: read within its limit, unpacked, cut into records.

    stream ──► bytes, or a spooled file ──► pieces ──► the part that may be held at once

Sizes:  a small body is at most 1 MiB · a body 1 GiB or 1,000,000 records · a part 1,000 records
        or 8 MiB
Source: RFC 9110 §8.4 (Content-Encoding)
"""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Callable, Iterator
from itertools import islice
from typing import IO, Final

from starlette.requests import Request

from wherefrom.collect.decompress import open_plain, plain
from wherefrom.collect.split import CONTENT_BYTES_MAX, Piece, split
from wherefrom.errors import LimitPassed, Refused, Unsupported

SMALL_BODY_BYTES: Final = 1024 * 1024
BODY_BYTES_MAX: Final = 1024 * 1024 * 1024
RECORDS_MAX: Final = 1_000_000
PART_RECORDS: Final = 1000
PART_BYTES: Final = 8 * 1024 * 1024


async def read_body(request: Request) -> bytes | IO[bytes]:
    """All of it: a small one as bytes, a larger one as a file that the caller closes.

    Raises Unsupported for another encoding, LimitPassed, and ClientDisconnect.
    """
    encoding = request.headers.get("content-encoding", "identity").lower()
    if encoding not in ("identity", "gzip", "zstd", "bzip2", ""):
        raise Unsupported(
            "a content encoding we do not read",
            where="Content-Encoding",
            expected="gzip, zstd or none",
            got=encoding,
        )
    # A length that will not do is refused before the client has sent it.
    _need_fits(int(request.headers.get("content-length", 0)))
    chunks: list[bytes] = []
    size = 0
    with contextlib.ExitStack() as closing:
        spool: IO[bytes] | None = None
        async for chunk in request.stream():
            size += len(chunk)
            _need_fits(size)
            if spool is None and size > SMALL_BODY_BYTES:
                spool = closing.enter_context(tempfile.TemporaryFile())
                spool.writelines(chunks)
            if spool is None:
                chunks.append(chunk)
            else:
                spool.write(chunk)
        closing.pop_all()  # from here on the caller closes it
    if spool is None:
        return b"".join(chunks)
    spool.seek(0)
    return spool


def _need_fits(size: int) -> None:
    if size > BODY_BYTES_MAX:
        raise LimitPassed(
            "the body is too large",
            expected=f"body_bytes_max {BODY_BYTES_MAX}",
            do="Send it in parts: what was sent before is known by then",
        )


def made_whole(request: Request, body: bytes | IO[bytes], whole: Callable[[bytes], bytes]) -> bytes:
    """One record of the whole body. Only what the request says was compressed is unpacked: the data
    of an event may be compressed itself. Raises Refused."""
    with contextlib.nullcontext() if isinstance(body, bytes) else body:
        held = body if isinstance(body, bytes) else body.read(CONTENT_BYTES_MAX + 1)
    if request.headers.get("content-encoding", "identity").lower() not in ("identity", ""):
        held = plain(held, bytes_max=CONTENT_BYTES_MAX)
    if len(held) > CONTENT_BYTES_MAX:
        raise LimitPassed("the data of the event is too large", expected=f"{CONTENT_BYTES_MAX} B")
    return whole(held)


def pieces_of(body: bytes | IO[bytes], *, lines: bool) -> Iterator[Piece]:
    """Its records, without what compressed them; ``lines`` if it was sent as NDJSON."""
    try:
        for number, piece in enumerate(split(open_plain(body), lines=lines)):
            # A megabyte of gzip may hold hundreds of millions, each with an answer of its own.
            if number == RECORDS_MAX:
                raise LimitPassed(
                    "a body holds too many records",
                    where=None if piece.line is None else f"line {piece.line}",
                    expected=f"records_max {RECORDS_MAX}",
                    do="Send the rest in another body; what came before was read",
                )
            yield piece
    except Refused as error:
        yield Piece(None, None, error)


def next_part(pieces: Iterator[Piece]) -> list[Piece]:
    """The next pieces, as many as may be held at once; empty at the end."""
    part: list[Piece] = []
    size = 0
    for piece in islice(pieces, PART_RECORDS):
        part.append(piece)
        size += len(piece.content or b"")
        if size >= PART_BYTES:
            break
    return part


def the_only(pieces: Iterator[Piece]) -> Iterator[Piece]:
    """A body with one record. Raises Refused for more, before any is taken."""
    first = list(islice(pieces, 2))
    if len(first) > 1:
        raise Refused(
            "one event is expected here",
            got="several",
            do="Send arrays to /api/v1/lineage/batch; nothing of this one was recorded",
        )
    yield from first


def perhaps_none(pieces: Iterator[Piece]) -> Iterator[Piece]:
    """An empty array is no refusal where arrays are what is sent."""
    first = list(islice(pieces, 2))
    if len(first) == 1 and isinstance(why := first[0].refusal, Unsupported) and why.got == "[]":
        return
    yield from first
    yield from pieces
