"""Ask a witness over HTTP: one POST, its status, its kind, its body.

    ask(url, body) ──► the kept connection of that address, or a new one ──► Answer

Every round asks every witness, so the connections are our own (``http_connection``). One that the
witness closed meanwhile is replaced: asking again changes nothing, for a witness cosigns the same
checkpoint twice.

Sizes:  an answer is at most ANSWER_BYTES_MAX, its head included · one request at a time an address
Source: RFC 9112; C2SP tlog-witness v1.0.0
"""

from __future__ import annotations

import asyncio
import ssl
from typing import Final, NamedTuple
from urllib.parse import SplitResult, urlsplit

import httptools

from wherefrom.errors import Unavailable
from wherefrom.log import http_connection
from wherefrom.log.http_connection import HttpConnection

ANSWER_BYTES_MAX: Final = 128 * 1024
_PORTS: Final = {"http": 80, "https": 443}


class Answer(NamedTuple):
    """What a witness said; ``reason`` is what a witness of ours says of a refusal."""

    status: int
    media_type: str
    body: bytes
    reason: str = ""


class _Address(NamedTuple):
    url: SplitResult
    host: str
    port: int


class WitnessClient:
    """Connections to witnesses, kept open; used on one event loop."""

    def __init__(self) -> None:
        self._kept: dict[str, HttpConnection] = {}
        self._tls: ssl.SSLContext | None = None

    async def ask(self, url: str, body: bytes) -> Answer:
        """POST to ``<url>/add-checkpoint``. Raises Unavailable."""
        try:
            return await self._ask(_parse(url), url, body)
        except (OSError, UnicodeError) as error:
            raise Unavailable(
                "a witness does not answer",
                where=url,
                got=str(error) or type(error).__name__,
                do="See whether it runs; wherefrom doctor tells if a quorum is left without it",
            ) from error

    async def close(self) -> None:
        """Close the connections."""
        for connection in self._kept.values():
            connection.close()
        self._kept = {}

    async def _ask(self, address: _Address, url: str, body: bytes) -> Answer:
        request = _request(address, body)
        kept = self._kept.pop(url, None)
        if kept is not None and kept.is_open:
            try:
                return await self._ask_on(kept, url, request)
            except ConnectionError:
                pass  # it was closed as we wrote: once more, on a new one
        connection = await self._connect(address)
        return await self._ask_on(connection, url, request)

    async def _connect(self, address: _Address) -> HttpConnection:
        is_tls = address.url.scheme == "https"
        if is_tls and self._tls is None:
            self._tls = ssl.create_default_context()
        _, connection = await asyncio.get_running_loop().create_connection(
            lambda: HttpConnection("witness", ANSWER_BYTES_MAX),
            address.host,
            address.port,
            ssl=self._tls if is_tls else None,
        )
        return connection

    async def _ask_on(self, connection: HttpConnection, url: str, request: bytes) -> Answer:
        try:
            answer = await connection.ask(request)
        except httptools.HttpParserError as error:
            raise OSError(f"it does not speak HTTP: {error}") from error
        except BaseException:
            connection.close()  # an answer may still come, and belongs to nobody
            raise
        if connection.is_open:
            self._kept[url] = connection
        return _said(answer)


def _parse(url: str) -> _Address:
    try:
        address = urlsplit(url)
        port = address.port or _PORTS.get(address.scheme)
        if port is not None and address.hostname and address.scheme in _PORTS:
            return _Address(address, address.hostname, port)
    except ValueError:  # a port that is none
        pass
    raise Unavailable(
        "not the address of a witness",
        where=url,
        expected="http://… or https://…",
        do="Correct it in the policy",
    )


def _request(address: _Address, body: bytes) -> bytes:
    path = address.url.path.rstrip("/") + "/add-checkpoint"
    host = address.url.netloc.rpartition("@")[2].encode("idna").decode()
    head = (
        f"POST {path} HTTP/1.1\r\nhost: {host}\r\ncontent-type: text/plain; charset=utf-8\r\n"
        f"content-length: {len(body)}\r\n\r\n"
    )
    return head.encode("ascii") + body


def _said(answer: http_connection.Answer) -> Answer:
    headers = dict(answer.headers)
    media_type = headers.get(b"content-type", b"").partition(b";")[0]
    reason = headers.get(b"x-wherefrom-reason", b"")
    return Answer(
        answer.status,
        media_type.decode("latin-1").strip().lower(),
        answer.content,
        reason.decode("latin-1"),
    )
