"""A question whose matter has no room in a path: it comes in a body, and is read whole.

Sizes:  QUESTION_BYTES_MAX, an inventory of 100,000 things; WANTED_BYTES_MAX, what is asked for in
        a few fields
"""

from __future__ import annotations

from typing import Any, Final

import msgspec
from starlette.requests import Request

from wherefrom.errors import LimitPassed, Malformed

QUESTION_BYTES_MAX: Final = 32 * 1024 * 1024
WANTED_BYTES_MAX: Final = 64 * 1024


async def read_whole(request: Request, *, bytes_max: int) -> bytes:
    """All of a body as it came. Raises LimitPassed."""
    read, size = [], 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > bytes_max:
            raise LimitPassed("the body is too large", expected=f"{bytes_max} bytes at most")
        read.append(chunk)
    return b"".join(read)


async def read_wanted(request: Request, shape: Any, *, bytes_max: int = WANTED_BYTES_MAX) -> Any:
    """What a body asks for. Raises LimitPassed, Malformed."""
    body = await read_whole(request, bytes_max=bytes_max)
    try:
        return msgspec.json.decode(body, type=shape)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Malformed("the request is not as described", got=str(error)) from error
