"""A tracker: find a ticket again, open one, close one. Each call may be made again.

    find ──► Ref | None        open ──► Ref        close ──► nothing, also if it is closed already

Sizes:  an answer within TIMEOUT_SECONDS, ANSWER_BYTES_MAX of it · a rest that a tracker asks for is
        REST_SECONDS_MAX at most
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, Final, Protocol

import msgspec

from wherefrom import __version__
from wherefrom.errors import Unavailable
from wherefrom.formats.ticket_settings import Tracker
from wherefrom.notify.tickets.cause import Cause, Marker

if TYPE_CHECKING:
    import httpx

TIMEOUT_SECONDS: Final = 15.0
ANSWER_BYTES_MAX: Final = 16 * 1024 * 1024
REST_SECONDS_MAX: Final = 3_600.0
REFUSED: Final = frozenset({400, 410, 413, 422})


class Ref(msgspec.Struct, frozen=True, kw_only=True):
    """A ticket: how its tracker calls it, and where people see it."""

    key: str
    url: str = ""


class Tickets(Protocol):
    """One tracker's tickets. Each call raises Resting, NotTaken, Unavailable."""

    def find(self, marker: Marker) -> Ref | None:
        """The ticket of this occurrence, or an open one of its root."""

    def open(self, cause: Cause, marker: Marker) -> Ref:
        """Open one."""

    def close(self, ref: Ref, why: str, marker: Marker) -> None:
        """Say why, and close it; nothing if it is closed, or gone."""


class Resting(Exception):
    """The tracker wants to be left alone for ``seconds``."""

    def __init__(self, says: str, seconds: float) -> None:
        super().__init__(says)
        self.seconds = min(max(seconds, 1.0), REST_SECONDS_MAX)


class NotTaken(Exception):
    """The tracker says no to this one, and will again."""


class Http:
    """Calls to one tracker's API."""

    def __init__(self, tracker: Tracker, client: httpx.Client, headers: Mapping[str, str]) -> None:
        self.tracker, self._client = tracker, client
        self._headers = {
            "Accept": "application/json", "User-Agent": f"wherefrom/{__version__}", **headers,
        }  # fmt: skip

    def get(self, path: str, **query: Any) -> Any:
        """What is there; None for 404 and 410."""
        return self._call("GET", path, params=query, missing=True)

    def post(self, path: str, body: Any) -> Any:
        """What became of it."""
        return self._call("POST", path, json=body)

    def change(self, method: str, path: str, body: Any) -> Any:
        """What it is now; None for what is gone."""
        return self._call(method, path, json=body, missing=True)

    def _call(self, method: str, path: str, *, missing: bool = False, **more: Any) -> Any:
        import httpx

        name = self.tracker.name
        try:
            with self._client.stream(
                method, self.tracker.address + path, headers=self._headers,
                timeout=TIMEOUT_SECONDS, **more,
            ) as answer:  # fmt: skip
                body = _limited(answer)
        except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
            raise Unavailable(f"{name} does not answer", got=type(error).__name__) from error
        status = answer.status_code
        if (seconds := _rest_of(status, answer.headers)) is not None:
            raise Resting(f"{name} asks to be left alone: HTTP {status}", seconds)
        if missing and status in (404, 410):
            return None
        if not 200 <= status < 300:
            said = f"HTTP {status} {body[:200].decode(errors='replace')}"
            if status in REFUSED:
                raise NotTaken(f"{name} does not take it: {said}")
            raise Unavailable(f"{name} does not take it", got=said)
        if not body.strip():
            return {}
        try:
            return msgspec.json.decode(body)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise Unavailable(f"{name} answers no JSON", got=body[:80]) from error


def _limited(answer: httpx.Response) -> bytes:
    read = bytearray()
    for piece in answer.iter_bytes():
        read += piece
        if len(read) > ANSWER_BYTES_MAX:
            raise ValueError("an answer that does not end")
    return bytes(read)


def _rest_of(status: int, headers: Mapping[str, str]) -> float | None:
    """For how long a tracker is to be left alone; None if it does not say so.

    GitHub says it with 403 or 429, and with when its count begins again; others with 429, or 503
    and ``Retry-After``.
    """
    after = headers.get("retry-after")
    spent = headers.get("x-ratelimit-remaining") == "0"
    is_limit = status == 429 or (status == 503 and after) or (status == 403 and (after or spent))
    if not is_limit:
        return None
    if after:
        return _seconds(after)
    for name in ("x-ratelimit-reset", "ratelimit-reset"):
        if headers.get(name, "").isdigit():
            return float(headers[name]) - time.time()
    return 60.0


def _seconds(text: str) -> float:
    if text.strip().isdigit():
        return float(text)
    try:
        return parsedate_to_datetime(text).timestamp() - time.time()
    except ValueError:
        return 60.0
