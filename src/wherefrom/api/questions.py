"""A question whose matter has no room in a path: it comes in a body, and is read whole.

Sizes:  QUESTION_BYTES_MAX, an inventory of 100,000 things
"""

from __future__ import annotations

from typing import Final

from starlette.requests import Request

from wherefrom.errors import LimitPassed

QUESTION_BYTES_MAX: Final = 32 * 1024 * 1024


async def read_whole(request: Request, *, bytes_max: int) -> bytes:
    """All of a body as it came. Raises LimitPassed."""
    read, size = [], 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > bytes_max:
            raise LimitPassed("the body is too large", expected=f"{bytes_max} bytes at most")
        read.append(chunk)
    return b"".join(read)
