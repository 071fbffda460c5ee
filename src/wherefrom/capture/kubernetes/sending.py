"""Hand documents to a Wherefrom server, and learn what became of each.

    [document, …] ──POST /v1/records──► Fate, Fate, …
                          └ no answer, busy, not allowed: Unavailable; they are sent again

What is sent twice is recorded once, so an answer that was lost costs nothing.

Sizes:  CONNECT_SECONDS and READ_SECONDS for an answer
Source: INTERFACES, "HTTP"
"""

from __future__ import annotations

import ssl
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import httpx
import msgspec

from wherefrom.errors import Unavailable

CONNECT_SECONDS: Final = 5.0
READ_SECONDS: Final = 60.0


class Fate(NamedTuple):
    """What became of a document; ``kept``: it is in the log."""

    kept: bool
    code: str
    reason: str


class Server:
    """A server, and the token that may record there."""

    def __init__(self, url: str, *, token: str | None, tls: ssl.SSLContext | bool) -> None:
        self.url = url
        self._client = httpx.AsyncClient(
            base_url=url,
            verify=tls,
            headers={"Authorization": f"Bearer {token}"} if token else {},
            timeout=httpx.Timeout(READ_SECONDS, connect=CONNECT_SECONDS),
        )

    async def close(self) -> None:
        """End every connection."""
        await self._client.aclose()

    async def send(self, documents: Sequence[bytes]) -> list[Fate]:
        """One fate for each, in order. Raises Unavailable: nothing is known of any."""
        try:
            answer = await self._client.post(
                "/v1/records",
                content=b"[" + b",\n".join(documents) + b"]",
                headers={"Content-Type": "application/json"},
            )
        except (httpx.HTTPError, OSError) as error:  # OSError: an alert of TLS, late
            raise Unavailable(
                "the server does not answer", where=self.url, got=str(error) or type(error).__name__
            ) from error
        try:
            said = msgspec.json.decode(answer.content)
            fates = [_fate(item) for item in said["items"]]
        except (msgspec.DecodeError, UnicodeDecodeError, TypeError, KeyError) as error:
            raise self._no_fates(answer) from error
        if len(fates) != len(documents):
            raise self._no_fates(answer)
        return fates

    def _no_fates(self, answer: httpx.Response) -> Unavailable:
        said: Any = None
        if "json" in answer.headers.get("content-type", ""):
            try:
                said = msgspec.json.decode(answer.content)
            except (msgspec.DecodeError, UnicodeDecodeError):
                said = None
        title = said.get("title") if isinstance(said, dict) else None
        token = answer.status_code in (401, 403)
        return Unavailable(
            "the server does not take records from us" if token else "the server takes no records",
            where=self.url,
            got=f"HTTP {answer.status_code}" + (f", {title}" if title else ""),
            do="WHEREFROM_TOKEN must be a token with the role record" if token else None,
        )


def _fate(item: dict[str, Any]) -> Fate:
    return Fate(
        item["status"] in ("recorded", "known"),
        str(item.get("code") or ""),
        str(item.get("reason") or ""),
    )
