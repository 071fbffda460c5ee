"""Ask a witness over HTTP: one POST, its status, its kind, its body.

Sizes:  an answer is read to ANSWER_BYTES_MAX
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

from wherefrom.errors import Unavailable

ANSWER_BYTES_MAX: Final = 128 * 1024


class Answer(NamedTuple):
    """What a witness said; ``reason`` is what a witness of ours says of a refusal."""

    status: int
    media_type: str
    body: bytes
    reason: str = ""


class WitnessClient:
    """Connections to witnesses, kept open; used on one event loop."""

    def __init__(self) -> None:
        # A log without witnesses never imports it.
        import httpx

        self._httpx = httpx
        self._client = httpx.AsyncClient(timeout=None, follow_redirects=False)

    async def ask(self, url: str, body: bytes) -> Answer:
        """POST to ``<url>/add-checkpoint``. Raises Unavailable."""
        try:
            return await self._ask(url.rstrip("/") + "/add-checkpoint", body)
        except (self._httpx.HTTPError, self._httpx.InvalidURL, OSError) as error:
            raise Unavailable(
                "a witness does not answer", where=url, got=str(error) or type(error).__name__
            ) from error

    async def _ask(self, url: str, body: bytes) -> Answer:
        async with self._client.stream("POST", url, content=body) as response:
            read = bytearray()
            async for piece in response.aiter_bytes():
                read += piece
                if len(read) > ANSWER_BYTES_MAX:
                    raise Unavailable("a witness answers too much", where=url)
            headers: Any = response.headers
            media_type = headers.get("content-type", "").partition(";")[0].strip().lower()
            reason = headers.get("x-wherefrom-reason", "")
            return Answer(response.status_code, media_type, bytes(read), reason)

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()
