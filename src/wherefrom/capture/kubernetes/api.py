"""Kubernetes' API, as far as an agent needs it: lists in pages, and watches.

    list(resource)            ──► objects, resourceVersion
    watch(resource, version)  ──► ("ADDED" | "MODIFIED" | "DELETED" | "BOOKMARK", object), …

What the caller must do about an answer is told by exceptions of this file: begin again with a list
(Gone), it is not allowed or not there (Closed), anything else: later (Failed). None leaves the agent.

Sizes:  a page is PAGE objects · a line of a watch LINE_BYTES_MAX bytes
Source: Kubernetes 1.30, "API concepts": chunking, watch, bookmarks, 410 Gone
"""  # noqa: E501 - the list of exceptions

from __future__ import annotations

import random
import socket
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from typing import Any, Final, NamedTuple

import httpx
import msgspec

from wherefrom.capture.kubernetes.access import Access

PAGE: Final = 500
LINE_BYTES_MAX: Final = 16 * 1024 * 1024
CONNECT_SECONDS: Final = 10.0
READ_SECONDS: Final = 60.0
# The server ends a watch after this long; anything silent for longer is dead.
WATCH_SECONDS: Final = 300
# A peer that vanished is noticed in half a minute, not when the watch should end.
_KEEP_ALIVE: Final = [
    (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
    *(
        (socket.IPPROTO_TCP, getattr(socket, name), value)
        for name, value in (("TCP_KEEPIDLE", 10), ("TCP_KEEPINTVL", 5), ("TCP_KEEPCNT", 4))
        if hasattr(socket, name)
    ),
]


# An alert of TLS that comes with the answer is an ``ssl.SSLError``, which httpx lets through.
_BROKEN: Final = (httpx.HTTPError, OSError)


class Resource(NamedTuple):
    """A kind of object: its plural name, and the part of the API that has it."""

    name: str
    prefix: str
    namespaced: bool = True

    def path(self, namespace: str) -> str:
        """Where its objects are; an empty namespace is all of them."""
        inside = f"/namespaces/{namespace}" if namespace and self.namespaced else ""
        return f"{self.prefix}{inside}/{self.name}"


RESOURCES: Final = (
    Resource("nodes", "/api/v1", namespaced=False),
    Resource("configmaps", "/api/v1"),
    Resource("secrets", "/api/v1"),
    Resource("deployments", "/apis/apps/v1"),
    Resource("replicasets", "/apis/apps/v1"),
    Resource("statefulsets", "/apis/apps/v1"),
    Resource("daemonsets", "/apis/apps/v1"),
    Resource("jobs", "/apis/batch/v1"),
    Resource("cronjobs", "/apis/batch/v1"),
    Resource("endpointslices", "/apis/discovery.k8s.io/v1"),
    Resource("pods", "/api/v1"),
)


class Gone(Exception):
    """The server does not have that version any more."""


class Closed(Exception):
    """We may not see this kind, or this cluster has none."""


class Failed(Exception):
    """No answer, or none that can be used; ``seconds``: how long to wait, if the server said."""

    def __init__(self, said: str, seconds: float | None = None) -> None:
        super().__init__(said)
        self.seconds = seconds


class Api:
    """One cluster's API."""

    def __init__(self, access: Access) -> None:
        self._access = access
        limits = httpx.Limits(max_connections=None, max_keepalive_connections=20)
        self._client = httpx.AsyncClient(
            base_url=access.url,
            transport=httpx.AsyncHTTPTransport(
                verify=access.tls, limits=limits, socket_options=_KEEP_ALIVE
            ),
            timeout=httpx.Timeout(READ_SECONDS, connect=CONNECT_SECONDS),
            headers={"Accept": "application/json", "User-Agent": "wherefrom-agent"},
        )

    async def close(self) -> None:
        """End every connection."""
        await self._client.aclose()

    async def list(
        self, resource: Resource, namespace: str = ""
    ) -> tuple[list[dict[str, Any]], str]:
        """Every object of a kind, and the version of them all. Raises Gone, Closed, Failed."""
        found: list[dict[str, Any]] = []
        query: dict[str, Any] = {"limit": PAGE}
        while True:
            page = _object(await self._get(resource.path(namespace), query))
            items, about = page.get("items"), page.get("metadata")
            if items is None:
                items = []
            if not isinstance(items, list) or not isinstance(about, dict):
                raise Failed(f"{resource.name}: not a list of the Kubernetes API")
            found += items
            next_page = about.get("continue")
            if not next_page:
                return found, str(about.get("resourceVersion", ""))
            query = {"limit": PAGE, "continue": next_page}

    async def watch(
        self, resource: Resource, version: str, namespace: str = ""
    ) -> AsyncGenerator[tuple[str, dict[str, Any]], None]:
        """Changes after a version until the server ends it; first ("OPEN", {}).

        A line that the connection's end cut off is no event. Raises Gone, Closed, Failed.
        """
        seconds = random.randint(WATCH_SECONDS * 3 // 4, WATCH_SECONDS)  # not all at once
        query = {
            "watch": "1", "resourceVersion": version, "allowWatchBookmarks": "true",
            "timeoutSeconds": str(seconds),
        }  # fmt: skip
        timeout = httpx.Timeout(READ_SECONDS, connect=CONNECT_SECONDS, read=seconds + READ_SECONDS)
        try:
            async with self._client.stream(
                "GET", resource.path(namespace), params=query, timeout=timeout,
                headers=await self._access.headers(),
            ) as answer:  # fmt: skip
                if answer.status_code != 200:
                    await answer.aread()
                    self._raise_for(answer)
                yield "OPEN", {}
                async for line in _lines(answer):
                    yield _event(line, resource)
        except _BROKEN as error:
            raise Failed(f"{resource.name}: {_said(error)}") from error

    async def _get(self, path: str, query: Mapping[str, Any]) -> bytes:
        try:
            answer = await self._client.get(
                path, params=dict(query), headers=await self._access.headers()
            )
        except _BROKEN as error:
            raise Failed(f"{path}: {_said(error)}") from error
        if answer.status_code != 200:
            self._raise_for(answer)
        return answer.content

    def _raise_for(self, answer: httpx.Response) -> None:
        status, said = answer.status_code, f"{answer.url.path}: HTTP {answer.status_code}"
        if status == 410:
            raise Gone(said)
        if status in (403, 404):
            raise Closed(said)
        if status == 401:
            self._access.renew()
        wait = answer.headers.get("retry-after", "")
        raise Failed(said, min(60.0, float(wait)) if wait.isdecimal() else None)


async def _lines(answer: httpx.Response) -> AsyncIterator[bytes]:
    kept: list[bytes] = []
    size = 0
    async for chunk in answer.aiter_bytes():
        *ends, rest = chunk.split(b"\n")
        for end in ends:
            line = b"".join([*kept, end])
            kept, size = [], 0
            if line.strip():
                yield line
        kept.append(rest)
        size += len(rest)
        if size > LINE_BYTES_MAX:
            raise Failed("a line of a watch is too long")


def _event(line: bytes, resource: Resource) -> tuple[str, dict[str, Any]]:
    event = _object(line)
    kind, changed = event.get("type"), event.get("object")
    if not isinstance(kind, str) or not isinstance(changed, dict):
        raise Failed(f"{resource.name}: not an event of a watch")
    if kind == "ERROR":
        if changed.get("code") == 410 or changed.get("reason") in ("Expired", "Gone"):
            raise Gone(f"{resource.name}: {changed.get('message')}")
        raise Failed(f"{resource.name}: {changed.get('message')}")
    return kind, changed


def _object(written: bytes) -> dict[str, Any]:
    try:
        found = msgspec.json.decode(written)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Failed(f"not JSON: {error}") from error
    if not isinstance(found, dict):
        raise Failed("not a JSON object")
    return found


def _said(error: Exception) -> str:
    return str(error) or type(error).__name__
