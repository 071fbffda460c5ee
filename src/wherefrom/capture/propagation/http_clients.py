"""Requests that go out with what they belong to: hooks for httpx, an adapter for requests.

    httpx.Client(event_hooks=hooks())      httpx.AsyncClient(event_hooks=async_hooks())
    session.mount("https://", requests_adapter())

Baggage goes wherever requests go, so ``only`` can name the hosts that are told.
"""

from __future__ import annotations

import fnmatch
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from wherefrom.capture.propagation import context

if TYPE_CHECKING:
    from requests.adapters import HTTPAdapter


def hooks(*, only: Sequence[str] = ()) -> dict[str, list[Callable[..., Any]]]:
    """``event_hooks`` of an httpx.Client.

    only  patterns of hosts, ``*.shop.internal``; all if there is none
    """

    def on_request(request: Any) -> None:
        _add(request.headers, request.url.host, only)

    return {"request": [on_request]}


def async_hooks(*, only: Sequence[str] = ()) -> dict[str, list[Callable[..., Any]]]:
    """``event_hooks`` of an httpx.AsyncClient."""

    async def on_request(request: Any) -> None:
        _add(request.headers, request.url.host, only)

    return {"request": [on_request]}


def requests_adapter(*, only: Sequence[str] = (), **options: Any) -> HTTPAdapter:
    """An adapter to mount on a requests.Session; ``options`` are those of its HTTPAdapter."""
    from requests.adapters import HTTPAdapter  # late: only who uses requests has it

    class Adapter(HTTPAdapter):
        def add_headers(self, request: Any, **_: Any) -> None:
            _add(request.headers, urlsplit(request.url).hostname or "", only)

    return Adapter(**options)


def _add(headers: Any, host: str, only: Sequence[str]) -> None:
    if only and not any(fnmatch.fnmatchcase(host.lower(), pattern) for pattern in only):
        return
    sent: Mapping[str, str] = {name.lower(): value for name, value in headers.items()}
    headers.update(context.add_to(sent))
