"""What uvicorn's parser leaves open: how long the head of a request may be, and how it says no.

Source: RFC 9112 §2.2, §3; RFC 6585 §5 (431); RFC 9457
"""

from __future__ import annotations

import http
import json
from typing import Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from wherefrom.api.problem_object import problem
from wherefrom.api.problems import MEDIA_TYPE

HEAD_BYTES_MAX: Final = 64 * 1024


class Protocol(HttpToolsProtocol):
    """uvicorn's parser with a limit on what is neither a body nor a whole request head."""

    _idle_bytes = 0  # fed to the parser since it last had something to show for it

    def data_received(self, data: bytes) -> None:
        self._idle_bytes += len(data)
        super().data_received(data)
        if self._idle_bytes > HEAD_BYTES_MAX and not self.transport.is_closing():
            self._refuse(431, "limit", "the head of a request is too large")

    def on_headers_complete(self) -> None:
        self._idle_bytes = 0
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        self._idle_bytes = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._idle_bytes = 0
        super().on_message_complete()

    def send_400_response(self, msg: str) -> None:
        self._refuse(400, "malformed", "this is not HTTP/1.1")

    def _refuse(self, status: int, code: str, what: str) -> None:
        said = json.dumps(problem(code, what, status=status)).encode()
        head = (
            f"HTTP/1.1 {status} {http.HTTPStatus(status).phrase}\r\nconnection: close\r\n"
            f"content-type: {MEDIA_TYPE}\r\ncontent-length: {len(said)}\r\n\r\n"
        )
        self.transport.write(head.encode() + said)
        self.transport.close()
