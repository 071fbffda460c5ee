"""Hand documents to a Wherefrom server over a connection that stays open, and may be left waiting.

    [document, …] ──POST /v1/records──► Fate, Fate, …
                          └ no answer, busy, not allowed: Unavailable; they are sent again

How a request is written and its answer read is ``capture.sending``'s; that one waits in a thread,
which an agent that is told to stop could not end.

Sizes:  CONNECT_SECONDS and READ_SECONDS for an answer
Source: INTERFACES, "HTTP"
"""

from __future__ import annotations

import ssl
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import httpx

from wherefrom.capture.sending import PATH, body_of, items_of
from wherefrom.errors import NotAllowed, Unavailable

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
                PATH, content=body_of(documents), headers={"Content-Type": "application/json"}
            )
        except (httpx.HTTPError, OSError) as error:  # OSError: an alert of TLS, late
            raise Unavailable(
                "the server does not answer",
                where=self.url,
                got=str(error) or type(error).__name__,
                do="Is it running? What waits is sent when it answers",
            ) from error
        try:
            items = items_of(
                answer.status_code, answer.content, sent=len(documents), where=self.url
            )
        except NotAllowed as error:
            # Tokens are mended while an agent runs: what is said meanwhile waits.
            raise Unavailable(error.what, where=error.where, got=error.got, do=error.do) from error
        return [_fate(item) for item in items]


def _fate(item: dict[str, Any]) -> Fate:
    return Fate(
        item["status"] in ("recorded", "known"),
        str(item.get("code") or ""),
        str(item.get("reason") or ""),
    )
