"""How what is kept beside the log comes in, and goes again: spans and series alike.

    body, packed or not ──unpacked──► bytes      expire, every minute ──► what is over is summed up

Sizes:  a body is at most BODY_BYTES_MAX unpacked
Source: OTLP 1.9, "OTLP/HTTP"
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import Callable, Collection
from typing import IO, Final

from starlette.requests import Request

from wherefrom.api.bodies import read_body
from wherefrom.collect.decompress import plain
from wherefrom.errors import Error, LimitPassed, Unsupported

BODY_BYTES_MAX: Final = 64 * 1024 * 1024
EXPIRE_EVERY_SECONDS: Final = 60.0
JSON: Final = "application/json"
PROTOBUF: Final = "application/x-protobuf"
OTLP: Final = (JSON, PROTOBUF)


def kind_of(request: Request, kinds: Collection[str], *, otherwise: str, what: str) -> str:
    """Which of ``kinds`` a body is; ``otherwise`` if it does not say. Raises Unsupported."""
    kind = request.headers.get("content-type", otherwise).partition(";")[0].strip().lower()
    if kind not in kinds:
        raise Unsupported(
            f"not a kind of {what}", where="Content-Type", expected=" or ".join(kinds), got=kind
        )
    return kind


async def read(request: Request, *, too_much: str) -> Callable[[], bytes]:
    """The body; what is returned unpacks it, in a thread, once.

    too_much  what is said of one that is too large

    Raises as ``read_body``; what is returned LimitPassed, Malformed, Unsupported.
    """
    is_packed = request.headers.get("content-encoding", "identity").lower() not in ("identity", "")
    body = await read_body(request)
    return lambda: _unpacked(body, is_packed=is_packed, too_much=too_much)


def _unpacked(body: bytes | IO[bytes], *, is_packed: bool, too_much: str) -> bytes:
    with contextlib.nullcontext() if isinstance(body, bytes) else body:
        held = body if isinstance(body, bytes) else body.read(BODY_BYTES_MAX + 1)
    if is_packed:
        held = plain(held, bytes_max=BODY_BYTES_MAX)
    if len(held) > BODY_BYTES_MAX:
        raise LimitPassed(too_much, expected=f"body_bytes_max {BODY_BYTES_MAX}")
    return held


async def keep_expiring(step: Callable[[], int], *, at_once: int) -> None:
    """Sum up what is over, for ever.

    step  does so for ``at_once`` of them at most, and says how many there were
    """
    while True:
        await asyncio.sleep(EXPIRE_EVERY_SECONDS)
        try:
            while await asyncio.to_thread(step) == at_once:
                pass
        except Error as error:
            print(f"wherefrom: {error}", file=sys.stderr, flush=True)  # noqa: T201
