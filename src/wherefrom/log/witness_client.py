"""Ask a witness over HTTP: one POST, its status, its kind, its body.

    ask(url, body) ──► the kept connection of that address, or a new one ──► Answer

A general client takes a millisecond of the loop for each request, and every round asks every
witness; this one sends one head and one body and reads one answer. A kept connection that the
witness closed meanwhile is replaced: asking again changes nothing, for a witness cosigns the same
checkpoint twice.

Sizes:  an answer is at most ANSWER_BYTES_MAX, its head included · one request at a time an address
Source: RFC 9112; C2SP tlog-witness v1.0.0
"""

from __future__ import annotations

import asyncio
import ssl
from typing import Final, NamedTuple, cast
from urllib.parse import SplitResult, urlsplit

import httptools

from wherefrom.errors import Unavailable

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
        self._kept: dict[str, _Connection] = {}
        self._tls: ssl.SSLContext | None = None

    async def ask(self, url: str, body: bytes) -> Answer:
        """POST to ``<url>/add-checkpoint``. Raises Unavailable."""
        try:
            return await self._ask(_parse(url), url, body)
        except (OSError, httptools.HttpParserError, UnicodeError) as error:
            raise Unavailable(
                "a witness does not answer", where=url, got=str(error) or type(error).__name__
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

    async def _connect(self, address: _Address) -> _Connection:
        is_tls = address.url.scheme == "https"
        if is_tls and self._tls is None:
            self._tls = ssl.create_default_context()
        _, connection = await asyncio.get_running_loop().create_connection(
            _Connection, address.host, address.port, ssl=self._tls if is_tls else None
        )
        return connection

    async def _ask_on(self, connection: _Connection, url: str, request: bytes) -> Answer:
        try:
            answer = await connection.ask(request)
        except BaseException:
            connection.close()  # an answer may still come, and belongs to nobody
            raise
        if connection.is_open:
            self._kept[url] = connection
        return answer


def _parse(url: str) -> _Address:
    try:
        address = urlsplit(url)
        port = address.port or _PORTS.get(address.scheme)
        if port is not None and address.hostname and address.scheme in _PORTS:
            return _Address(address, address.hostname, port)
    except ValueError:  # a port that is none
        pass
    raise Unavailable("not the address of a witness", where=url, expected="http://… or https://…")


def _request(address: _Address, body: bytes) -> bytes:
    path = address.url.path.rstrip("/") + "/add-checkpoint"
    host = address.url.netloc.rpartition("@")[2].encode("idna").decode()
    head = (
        f"POST {path} HTTP/1.1\r\nhost: {host}\r\ncontent-type: text/plain; charset=utf-8\r\n"
        f"content-length: {len(body)}\r\n\r\n"
    )
    return head.encode("ascii") + body


class _Connection(asyncio.Protocol):
    """One connection to a witness. httptools calls the ``on_`` methods."""

    def __init__(self) -> None:
        self.is_open = True
        self._transport: asyncio.Transport
        self._answered: asyncio.Future[Answer] | None = None

    async def ask(self, request: bytes) -> Answer:
        """Raises ConnectionError if the witness hangs up, HttpParserError for what is no HTTP."""
        self._parser = httptools.HttpResponseParser(self)
        self._headers: dict[bytes, bytes] = {}
        self._body = bytearray()
        self._received = 0
        self._answered = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        return await self._answered

    def close(self) -> None:
        self.is_open = False
        self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def connection_lost(self, exc: Exception | None) -> None:
        self._fail(exc or ConnectionResetError("the witness hung up"))

    def data_received(self, data: bytes) -> None:
        self._received += len(data)
        if self._received > ANSWER_BYTES_MAX:
            self._fail(OSError(f"it answers more than {ANSWER_BYTES_MAX} bytes"))
            return
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, AttributeError) as error:
            # Or it speaks without being asked: there is no parser yet.
            self._fail(OSError(f"it does not speak HTTP: {error}"))

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers[name.lower()] = value

    def on_body(self, body: bytes) -> None:
        self._body += body

    def on_message_complete(self) -> None:
        status = self._parser.get_status_code()
        if status < 200:  # only a hint that the answer will come
            self._headers = {}
            return
        if not self._parser.should_keep_alive():
            self.close()
        if self._answered is not None and not self._answered.done():
            media_type = self._headers.get(b"content-type", b"").partition(b";")[0]
            reason = self._headers.get(b"x-wherefrom-reason", b"")
            self._answered.set_result(
                Answer(
                    status,
                    media_type.decode("latin-1").strip().lower(),
                    bytes(self._body),
                    reason.decode("latin-1"),
                )
            )

    def _fail(self, error: Exception) -> None:
        self.is_open = False
        if self._answered is not None and not self._answered.done():
            self._answered.set_exception(error)
        self._transport.close()
