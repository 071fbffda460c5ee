"""A real server in its own processes, and one connection to it for questions.

    with serving(folder) as server:          wherefrom up --port 0
        with server.line() as line:
            line.get("/v1/log")              keep-alive, no library in between

The server is the command itself, so what is measured is what people run.
"""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

import msgspec

from bench.place import PRODUCER
from bench.timing import Usage, usage_of
from wherefrom.app import DataFolder

COMMAND: Final = (
    sys.executable,
    "-c",
    "import sys; from wherefrom.cli.main import main; sys.exit(main())",
)
# A server hangs up after 75 idle seconds.
_IDLE_SECONDS_MAX: Final = 60.0
_CAUGHT_UP_WITHIN_SECONDS: Final = 300.0


class Line:
    """One keep-alive connection. Not for several threads."""

    def __init__(self, port: int, token: str) -> None:
        self._port = port
        self._token = token.encode()
        self._connect()

    def _connect(self) -> None:
        self._socket = socket.create_connection(("127.0.0.1", self._port), timeout=60)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._left = b""
        self._used = time.monotonic()

    def close(self) -> None:
        """Hang up."""
        self._socket.close()

    def __enter__(self) -> Line:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def get(self, path: str) -> tuple[int, bytes]:
        """Status and body of a read."""
        return self._ask(b"GET", path, b"")

    def post(self, path: str, body: bytes) -> tuple[int, bytes]:
        """Status and body of a write."""
        return self._ask(b"POST", path, body)

    def _ask(self, method: bytes, path: str, body: bytes) -> tuple[int, bytes]:
        if time.monotonic() - self._used > _IDLE_SECONDS_MAX:
            self.close()
            self._connect()
        self._socket.sendall(request(method, path, self._token, body))
        while (end := self._left.find(b"\r\n\r\n")) < 0:
            self._more()
        head, length = self._left[:end], content_length(self._left[:end])
        while len(self._left) < end + 4 + length:
            self._more()
        answer = self._left[end + 4 : end + 4 + length]
        self._left = self._left[end + 4 + length :]
        self._used = time.monotonic()
        return int(head[9:12]), answer

    def _more(self) -> None:
        received = self._socket.recv(256 * 1024)
        if not received:
            raise ConnectionError("the server hung up")
        self._left += received


def request(method: bytes, path: str, token: bytes, body: bytes) -> bytes:
    """One HTTP/1.1 request, ready to be sent."""
    return (
        b"%s %s HTTP/1.1\r\nhost: bench\r\nauthorization: Bearer %s\r\ncontent-length: %d\r\n\r\n"
        % (method, path.encode(), token, len(body))
    ) + body


def content_length(head: bytes) -> int:
    """How long the body is that follows this head."""
    low = head.lower()
    at = low.find(b"content-length:")
    return int(low[at + 15 :].partition(b"\r")[0]) if at >= 0 else 0


class Server:
    """A running server."""

    def __init__(self, folder: DataFolder, process: subprocess.Popen[bytes], url: str) -> None:
        self.pid = process.pid
        self.port = int(url.rpartition(":")[2])
        self.token = (folder.path / "token").read_text().strip()

    def line(self) -> Line:
        """A new connection."""
        return Line(self.port, self.token)

    def usage(self) -> Usage:
        """Processor seconds used so far."""
        return usage_of(self.pid)

    def trust_producer(self) -> None:
        """Trust the key that the benchmark's records are signed by."""
        wanted: Mapping[str, Any] = {"action": "trust", "pem": PRODUCER.to_pem(), "reason": "bench"}
        with self.line() as line:
            status, answer = line.post("/v1/keys", msgspec.json.encode(wanted))
        assert status == 201, answer

    def wait_for_graph(self) -> None:
        """Return once the graph has read all that the log holds. Raises TimeoutError."""
        until = time.monotonic() + _CAUGHT_UP_WITHIN_SECONDS
        with self.line() as line:
            while time.monotonic() < until:
                said = msgspec.json.decode(line.get("/v1/log")[1])
                if said["views"]["graph"] == said["size"]:
                    return
                time.sleep(0.05)
        raise TimeoutError("the graph did not catch up")


@contextmanager
def serving(folder: DataFolder) -> Iterator[Server]:
    """Serve a log on a free port until the block ends."""
    said = tempfile.TemporaryFile()  # noqa: SIM115 - closed below, after the process
    process = subprocess.Popen(
        [*COMMAND, "up", "--data", str(folder.path), "--port", "0", "--json"],
        stdout=subprocess.PIPE,
        stderr=said,
    )
    assert process.stdout is not None
    try:
        announced = process.stdout.readline()
        if not announced:
            code = process.wait()
            said.seek(0)
            lines = said.read().decode(errors="replace").splitlines()[-1:]
            raise RuntimeError(f"wherefrom up ended with {code}: {' '.join(lines)}")
        yield Server(folder, process, msgspec.json.decode(announced)["url"])
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)
        process.stdout.close()
        said.close()
