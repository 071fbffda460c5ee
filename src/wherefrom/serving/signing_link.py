"""How the watch has its statements signed: a socket in the data directory, between two processes.

    watch ──["statement", …]──► writer: signs and records them ──[entry, …] or {"error"}──► watch

A line of JSON each way, one question at a time. The watch listens, the writer comes; whoever of
them is started again finds the other. The socket lies in the directory that only its owner opens.

The writer's end is ``signing``: the reader's processes hold nothing that writes.

Sizes:  a line LINE_BYTES_MAX · an answer within ANSWER_SECONDS
"""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import msgspec

from wherefrom.errors import Unavailable

LINE_BYTES_MAX: Final = 64 * 1024 * 1024
ANSWER_SECONDS: Final = 60.0


class Answer(msgspec.Struct):
    """The entries of what was signed, or why it was not."""

    entries: list[int] = []
    error: str = ""


class SigningLink:
    """The watch's end; one thread's."""

    def __init__(self, path: Path) -> None:
        path.unlink(missing_ok=True)
        self._listening = socket.socket(socket.AF_UNIX)
        self._listening.bind(str(path))
        path.chmod(0o600)
        self._listening.listen(1)
        self._writer: socket.socket | None = None
        self._read = b""

    def close(self) -> None:
        """Listen no more."""
        self._listening.close()
        if self._writer is not None:
            self._writer.close()

    def wait(self, seconds: float) -> bool:
        """Wait for the writer, if it is not here; whether it is."""
        if self._writer is None:
            self._listening.settimeout(seconds)
            with contextlib.suppress(TimeoutError):
                self._writer, _ = self._listening.accept()
                self._writer.settimeout(ANSWER_SECONDS)
        return self._writer is not None

    def sign(self, statements: Sequence[bytes]) -> list[int]:
        """Have statements signed and recorded: the entry of each. Raises Unavailable."""
        if not statements:
            return []
        if self._writer is None:
            raise Unavailable(
                "the writer is not there to sign",
                do="It is tried again; if it stays so, start the server again",
            )
        asked = msgspec.json.encode([one.decode() for one in statements])
        try:
            self._writer.sendall(asked + b"\n")
            answer = msgspec.json.decode(self._line(), type=Answer)
        except (OSError, ValueError) as error:
            self._writer.close()
            self._writer, self._read = None, b""
            raise Unavailable(
                "the writer went while it signed",
                got=repr(error),
                do="It is tried again when the writer is back",
            ) from error
        if answer.error:
            raise Unavailable(
                "the log does not record what its watch says",
                got=answer.error,
                do="It is tried again; its reason says what to mend",
            )
        return answer.entries

    def _line(self) -> bytes:
        assert self._writer is not None
        while b"\n" not in self._read:
            piece = self._writer.recv(65536)
            if not piece:
                raise ConnectionError("closed")
            self._read += piece
        line, _, self._read = self._read.partition(b"\n")
        return line
