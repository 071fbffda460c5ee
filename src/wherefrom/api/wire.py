"""What uvicorn's parser leaves open: how long a client may take, and how many there may be.

    idle ──byte──► head ──complete──► body ──complete──► work ──► answer ──► idle
    75 s           30 s, 64 KiB       1 KiB in 30 s       –       some byte in 60 s

Uvicorn waits for ever for a head, a body, and a client that reads nothing of its answer; a few
thousand such clients would hold its memory and its file descriptors. Here one look at all
connections every few seconds (``look_at``) ends those that are past their time. When there are as
many as there may be, idle ones make room; when none is idle, the newest is told to come again.

A client that closes only its sending half after a whole request still gets its answer.

Source: RFC 9112 §2.2, §3, §9; RFC 9110 §15.5.9 (408); RFC 6585 §5 (431); RFC 9457
"""

from __future__ import annotations

import asyncio
import http
import json
from collections.abc import Collection
from itertools import islice
from typing import Any, Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from wherefrom.api.problem_object import problem
from wherefrom.api.problems import MEDIA_TYPE, RETRY_AFTER_SECONDS

HEAD_BYTES_MAX: Final = 64 * 1024
HEAD_SECONDS_MAX: Final = 30.0
BODY_BYTES_MIN: Final = 1024
BODY_SECONDS: Final = 30.0
ANSWER_SECONDS: Final = 60.0
IDLE_SECONDS_MAX: Final = 75.0
CONNECTIONS_MAX: Final = 16_384
_MADE_ROOM_FOR: Final = 64
_LOOKED_AT_MAX: Final = 1024

_LATER: Final = "Wait as long as Retry-After says, and close connections that are idle"
_SHORTER: Final = "Send shorter headers, or what is asked for in a body"
_SPEAK: Final = "Speak HTTP/1.1, with TLS only if the server was started with --tls-cert"
_FASTER: Final = "Send the whole request without a pause"


class Protocol(HttpToolsProtocol):
    """uvicorn's parser with limits on what is neither a body nor a whole request head."""

    connections_max = CONNECTIONS_MAX  # a server may set less: see ``serving.http``

    _idle_bytes = 0  # fed to the parser since it last had something to show for it
    _received = 0  # bytes in all
    _requests = 0  # heads in all
    # What a look saw last: the state, how far it was, and since when it has been so.
    _seen: tuple[str, int] = ("", 0)
    _since = 0.0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._since = self.loop.time()
        if len(self.connections) > self.connections_max and not self._made_room():
            self._refuse(503, "unavailable", "too many connections", _LATER, retry=True)

    def data_received(self, data: bytes) -> None:
        self._idle_bytes += len(data)
        self._received += len(data)
        super().data_received(data)
        if self._idle_bytes > HEAD_BYTES_MAX and not self.transport.is_closing():
            self._refuse(431, "limit", "the head of a request is too large", _SHORTER)

    def eof_received(self) -> bool | None:  # type: ignore[override]
        """The client sends no more; if it may still read, it gets the answer it waits for."""
        waits = self.cycle is not None and not self.cycle.response_complete
        if not waits or self.cycle.more_body or self.pipeline or self.scheme == "https":
            return None  # the transport closes
        self.cycle.keep_alive = False
        return True

    def on_headers_complete(self) -> None:
        # What was fed may be more than the head; it is never less.
        is_long = self._idle_bytes > HEAD_BYTES_MAX and self._head_bytes() > HEAD_BYTES_MAX
        self._idle_bytes = 0
        self._requests += 1
        if is_long and not self.transport.is_closing():
            self._refuse(431, "limit", "the head of a request is too large", _SHORTER)
        if not self.transport.is_closing():
            super().on_headers_complete()

    def _head_bytes(self) -> int:
        return len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers)

    def on_body(self, body: bytes) -> None:
        self._idle_bytes = 0
        if self.cycle is not None:
            super().on_body(body)

    def on_message_complete(self) -> None:
        self._idle_bytes = 0
        if self.cycle is not None:
            super().on_message_complete()

    def send_400_response(self, msg: str) -> None:
        self._refuse(400, "malformed", "this is not HTTP/1.1", _SPEAK)

    # -- time

    @property
    def is_idle(self) -> bool:
        """Is nothing of a request here, and nothing of an answer left to send?"""
        return self._state()[0] == "idle"

    def look(self, now: float) -> None:
        """End this connection if it is past its time; ``now`` is the loop's."""
        seen = state, _ = self._state()
        if self._has_moved(seen):
            self._seen, self._since = seen, now
            return
        waited = now - self._since
        if state == "idle" and waited > IDLE_SECONDS_MAX:
            self.transport.close()
        elif state == "head" and waited > HEAD_SECONDS_MAX:
            self._refuse(408, "timeout", "the head of the request did not come in time", _FASTER)
        elif state == "body" and waited > BODY_SECONDS:
            self._refuse(408, "timeout", "the body of the request comes too slowly", _FASTER)
        elif state == "answer" and waited > ANSWER_SECONDS:
            self.transport.abort()  # what it did not read, it does not want

    def _has_moved(self, seen: tuple[str, int]) -> bool:
        state, far = seen
        old_state, old_far = self._seen
        if state == "body" == old_state:
            return far - old_far >= BODY_BYTES_MIN
        return seen != self._seen

    def _state(self) -> tuple[str, int]:
        """What this connection is doing, and how far it is with that."""
        unsent = self.transport.get_write_buffer_size()
        if unsent:
            return "answer", unsent
        if self.cycle is not None and not self.cycle.response_complete:
            is_owed = self.cycle.more_body and not self.cycle.body and not self.flow.read_paused
            return ("body", self._received) if is_owed else ("work", 0)
        if self._idle_bytes:
            return "head", self._requests
        # A body that nobody reads, as after a refusal, keeps no connection open.
        return "idle", self._requests

    def _made_room(self) -> bool:
        closed = 0
        for connection in islice(list(self.connections), _LOOKED_AT_MAX):
            if not isinstance(connection, Protocol) or connection is self:
                continue
            if connection.is_idle and not connection.transport.is_closing():
                connection.transport.close()
                closed += 1
                if closed == _MADE_ROOM_FOR:
                    break
        return closed > 0

    def _refuse(self, status: int, code: str, what: str, do: str, *, retry: bool = False) -> None:
        said = json.dumps(problem(code, what, status=status, do=do)).encode()
        again = f"retry-after: {RETRY_AFTER_SECONDS}\r\n" if retry else ""
        head = (
            f"HTTP/1.1 {status} {http.HTTPStatus(status).phrase}\r\nconnection: close\r\n{again}"
            f"content-type: {MEDIA_TYPE}\r\ncontent-length: {len(said)}\r\n\r\n"
        )
        self.transport.write(head.encode() + said)
        self.transport.close()


def look_at(connections: Collection[Any], now: float) -> None:
    """Look at each connection of a server; those of another protocol are left alone."""
    for connection in list(connections):
        if isinstance(connection, Protocol):
            connection.look(now)
