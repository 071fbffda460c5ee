"""One kept HTTP/1.1 connection, one request at a time: what asks a reader or a witness.

    ask(request) ──► the other end ──► Answer; whoever asks chooses and keeps the connections

A general client takes a millisecond of the loop for each request; this one writes the bytes it is
given and reads one answer.

Source: RFC 9112
"""

from __future__ import annotations

import asyncio
from typing import NamedTuple, cast

import httptools


class Answer(NamedTuple):
    """What the other end said; header names in lower case."""

    status: int
    headers: list[tuple[bytes, bytes]]
    content: bytes


class HttpConnection(asyncio.Protocol):
    """One connection. httptools calls the ``on_`` methods.

    peer       who is asked, for messages
    bytes_max  how long an answer may be, its head included; None for any length
    """

    def __init__(self, peer: str, bytes_max: int | None = None) -> None:
        self.is_open = True
        self._peer = peer
        self._bytes_max = bytes_max
        self._transport: asyncio.Transport
        self._answered: asyncio.Future[Answer] | None = None

    async def ask(self, request: bytes) -> Answer:
        """Raises ConnectionError if the other end hangs up, HttpParserError for what is no HTTP,
        OSError for an answer that is too long."""
        self._parser = httptools.HttpResponseParser(self)
        self._headers: list[tuple[bytes, bytes]] = []
        self._body: list[bytes] = []
        self._received = 0
        self._answered = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        return await self._answered

    def close(self) -> None:
        """Hang up."""
        self.is_open = False
        self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def connection_lost(self, exc: Exception | None) -> None:
        self._fail(exc or ConnectionResetError(f"the {self._peer} hung up"))

    def data_received(self, data: bytes) -> None:
        if self._answered is None:
            self.close()  # it speaks without being asked
            return
        self._received += len(data)
        if self._bytes_max is not None and self._received > self._bytes_max:
            self._fail(OSError(f"it answers more than {self._bytes_max} bytes"))
            return
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as error:
            self._fail(error)

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers.append((name.lower(), value))

    def on_body(self, body: bytes) -> None:
        self._body.append(body)

    def on_message_complete(self) -> None:
        status = self._parser.get_status_code()
        if status < 200:  # only a hint that the answer will come
            self._headers = []
            return
        if not self._parser.should_keep_alive():
            self.close()
        if self._answered is not None and not self._answered.done():
            self._answered.set_result(Answer(status, self._headers, b"".join(self._body)))

    def _fail(self, error: Exception) -> None:
        if self._answered is not None and not self._answered.done():
            self._answered.set_exception(error)
        self.close()
