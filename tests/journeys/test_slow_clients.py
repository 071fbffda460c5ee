"""Clients that are slow, silent, gone or very many: the real server goes on answering.

Time limits are shortened for the server under test by a start of its own (``PATIENCE``); that they
are what docs/http.md says stands in ``tests/unit/api/test_wire.py``.
"""

import contextlib
import json
import os
import resource
import socket
import struct
import sys
import time
from pathlib import Path

import pytest

from tests.served import ServerProcess, event_bytes, rss_mib

PATIENCE = {
    "HEAD_SECONDS_MAX": 2, "BODY_SECONDS": 2, "BODY_BYTES_MIN": 64, "ANSWER_SECONDS": 3,
    "IDLE_SECONDS_MAX": 600,
}  # fmt: skip
WITHIN_SECONDS = 30


def impatient():
    """A server that waits for seconds where another waits for a minute."""
    shorter = "".join(f"wire.{name} = {seconds};" for name, seconds in PATIENCE.items())
    start = f"from wherefrom.api import wire; {shorter} from wherefrom.cli.main import main; main()"
    return (sys.executable, "-P", "-c", start)


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    data = tmp_path_factory.mktemp("slow") / "data"
    with ServerProcess(data, program=impatient()) as server:
        with server.client() as client:
            large = json.loads(event_bytes(0))
            large["job"]["facets"] = {
                "x": {"_producer": "p", "_schemaURL": "s", "y": "z" * 14_000_000}
            }
            sent = [event_bytes(1), json.dumps(large).encode()]
            for body in sent:
                assert client.post("/v1/records", content=body).status_code == 201
        yield server
        assert "Traceback" not in server.errors(), server.errors()


@pytest.fixture
def wire(server):
    with contextlib.ExitStack() as ends:

        def connected(**options):
            return ends.enter_context(connection(server, **options))

        yield connected


def connection(server, *, receive_bytes=None):
    sock = socket.socket()
    if receive_bytes:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
    sock.settimeout(WITHIN_SECONDS)
    sock.connect(("127.0.0.1", int(server.url.rpartition(":")[2])))
    return sock


def head(server, method="GET", path="/healthz", *more):
    lines = [f"{method} {path} HTTP/1.1", "Host: a", f"Authorization: Bearer {server.token}", *more]
    return "\r\n".join([*lines, "", ""]).encode()


def all_of(sock):
    """Everything until the other end closes."""
    said = b""
    with contextlib.suppress(ConnectionError):
        while chunk := sock.recv(65536):
            said += chunk
    return said


def answers(server, number=[1000]):  # noqa: B006 - a number of its own each time
    """A write and two reads, each within a moment; gives the slowest in seconds."""
    slowest = 0.0
    with server.client() as client:
        for ask in (
            lambda: client.post("/v1/records", content=event_bytes(number[0])),
            lambda: client.get("/v1/log"),
            lambda: client.get("/healthz"),
        ):
            began = time.monotonic()
            assert ask().status_code in (200, 201)
            slowest = max(slowest, time.monotonic() - began)
    number[0] += 1
    return slowest


def drip(sock, sent, *, every=0.1):
    """Send a byte at a time until the other end has had enough; gives how many."""
    for count, byte in enumerate(sent):
        try:
            sock.sendall(bytes([byte]))
        except ConnectionError:
            return count
        sock.settimeout(every)
        with contextlib.suppress(TimeoutError):
            sock.recv(1, socket.MSG_PEEK)  # an answer, or the end
            sock.settimeout(WITHIN_SECONDS)
            return count
    return len(sent)


def test_a_head_that_comes_a_byte_at_a_time_is_cut_off_with_408(server, wire):
    sock = wire()
    slow = head(server, "GET", "/healthz", "X: " + "y" * 10_000)
    assert drip(sock, slow) < 200
    said = all_of(sock)
    assert said.startswith(b"HTTP/1.1 408 ")
    assert b"application/problem+json" in said
    assert b'"code": "timeout"' in said
    answers(server)


def test_a_body_that_comes_a_byte_at_a_time_is_cut_off_with_408(server, wire):
    sock = wire()
    sock.sendall(head(server, "POST", "/v1/records", "Content-Length: 100000"))
    assert drip(sock, b"{" * 1000) < 300
    assert all_of(sock).startswith(b"HTTP/1.1 408 ")
    answers(server)


def test_a_body_that_comes_slowly_but_comes_is_taken(server, wire):
    sock = wire()
    body = event_bytes(7)
    sock.sendall(
        head(server, "POST", "/v1/records", f"Content-Length: {len(body)}", "Connection: close")
    )
    for at in range(0, len(body), 64):
        sock.sendall(body[at : at + 64])
        time.sleep(0.5)
    assert all_of(sock).startswith(b"HTTP/1.1 201 ")


def test_a_body_that_nobody_waits_for_any_more_keeps_no_connection(server, wire):
    """After 401 the rest of the body is nobody's; it neither costs memory nor is answered."""
    sock = wire()
    sock.sendall(b"POST /v1/records HTTP/1.1\r\nHost: a\r\nContent-Length: 900000000\r\n\r\n")
    assert sock.recv(100).startswith(b"HTTP/1.1 401 ")
    before = rss_mib(server.pid)
    with contextlib.suppress(ConnectionError, TimeoutError):
        sock.settimeout(2)
        for _ in range(300):
            sock.sendall(bytes(256 * 1024))
    assert rss_mib(server.pid) - before < 20
    answers(server)


def test_a_client_that_reads_nothing_of_its_answer_is_cut_off_and_its_memory_given_back(
    server, wire
):
    socks = [wire(receive_bytes=4096) for _ in range(8)]
    for sock in socks:
        sock.sendall(head(server, "GET", "/v1/records/2/content"))
    answers(server)
    until = time.monotonic() + WITHIN_SECONDS
    while any(is_open(sock) for sock in socks):
        assert time.monotonic() < until, "a slow reader is still served"
        time.sleep(0.2)
    answers(server)


def is_open(sock):
    """By the kernel's table: reading would help it along."""
    port = f":{sock.getsockname()[1]:04X}"
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return any(row[2].endswith(port) and row[3] == "01" for row in rows)


def test_a_client_that_reads_slowly_gets_all_of_its_answer(server, wire):
    sock = wire(receive_bytes=65536)
    sock.sendall(head(server, "GET", "/v1/records/2/content", "Connection: close"))
    size = 0
    while chunk := sock.recv(1024 * 1024):
        size += len(chunk)
        time.sleep(0.02)
    assert size > 14_000_000


def test_who_closes_the_sending_half_still_gets_the_answer(server, wire):
    body = event_bytes(8)
    for request in (
        head(server),
        head(server, "GET", "/v1/log"),
        head(server, "POST", "/v1/records", f"Content-Length: {len(body)}") + body,
    ):
        sock = wire()
        sock.sendall(request)
        sock.shutdown(socket.SHUT_WR)
        assert all_of(sock).startswith((b"HTTP/1.1 200 ", b"HTTP/1.1 201 "))


def test_who_closes_in_the_middle_of_a_body_has_recorded_nothing(server, wire):
    size = size_of(server)
    sock = wire()
    sock.sendall(head(server, "POST", "/v1/records", "Content-Length: 5000") + event_bytes(9))
    sock.shutdown(socket.SHUT_WR)
    assert b" 201 " not in all_of(sock)
    assert size_of(server) == size


def size_of(server):
    with server.client() as client:
        return client.get("/v1/log").json()["size"]


@pytest.mark.parametrize("sent", ["half a head", "half a body", "a request", "many requests"])
def test_connections_reset_in_the_middle_leave_nothing_behind(server, sent):
    request = {
        "half a head": b"GET /v1/lo",
        "half a body": head(server, "POST", "/v1/records", "Content-Length: 5000") + b"{",
        "a request": head(server, "GET", "/v1/records/2/content"),
        "many requests": head(server, "GET", "/v1/log") * 50,
    }[sent]
    files = open_files(server.pid)
    for _ in range(50):
        sock = connection(server)
        sock.sendall(request)
        # Closed with nothing to wait for: a reset, not a farewell.
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        sock.close()
    answers(server)
    until = time.monotonic() + WITHIN_SECONDS
    while open_files(server.pid) > files + 8:
        assert time.monotonic() < until, "file descriptors are left behind"
        time.sleep(0.05)


def open_files(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))


def test_requests_in_one_piece_are_answered_one_by_one_in_order(server, wire):
    sock = wire()
    paths = ["/healthz", "/v1/records/1", "/nowhere", "/v1/records/2", "/checkpoint"] * 20
    sock.sendall(b"".join(head(server, "GET", path) for path in paths))
    sock.sendall(head(server, "GET", "/healthz", "Connection: close"))
    said = all_of(sock)
    statuses = [int(part[:3]) for part in said.split(b"HTTP/1.1 ")[1:]]
    assert statuses == [200, 200, 404, 200, 200] * 20 + [200]


def test_a_head_that_is_too_long_is_431_wherever_it_is_long(server, wire):
    for request in (
        head(server, "GET", "/healthz", "X: " + "y" * 70_000),
        head(server, "GET", "/healthz", *(f"X{n}: y" for n in range(9000))),
        b"GET /" + b"a" * 70_000,
    ):
        sock = wire()
        with contextlib.suppress(ConnectionError):
            sock.sendall(request)
        assert all_of(sock)[:13] == b"HTTP/1.1 431 "
    answers(server)


# -- very many


# As many as may be opened here: each end of a connection is a file of its process.
SOFT, HARD = resource.getrlimit(resource.RLIMIT_NOFILE)
CONNECTIONS = 10_000 if HARD == resource.RLIM_INFINITY else min(10_000, HARD - 600)


def test_ten_thousand_idle_connections_cost_little_and_nobody_waits_for_them(server):
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(SOFT, CONNECTIONS + 600), HARD))
    before = rss_mib(server.pid)
    with contextlib.ExitStack() as ends:
        ends.callback(resource.setrlimit, resource.RLIMIT_NOFILE, (SOFT, HARD))
        socks = []
        for number in range(CONNECTIONS):
            sock = ends.enter_context(connection(server))
            if number % 2:  # half have asked something before, half never do
                sock.sendall(head(server))
            socks.append(sock)
        for sock in socks[1::2]:
            assert sock.recv(1000).startswith(b"HTTP/1.1 200 ")
        slowest = max(answers(server) for _ in range(20))
        grew = rss_mib(server.pid) - before
        kib = 1024 * grew / CONNECTIONS
        said = f"{kib:.1f} KiB each, the slowest of 60 took {slowest * 1000:.0f} ms"
        print(f"{CONNECTIONS} idle: {said}")
        assert open_files(server.pid) > CONNECTIONS
        assert kib < 32
        assert slowest < WITHIN_SECONDS
        assert socks[0].fileno() > 0
        for sock in socks[::1000]:
            sock.sendall(head(server))
            assert b"200 OK" in sock.recv(1000)
    assert answers(server) < WITHIN_SECONDS


def test_a_server_that_may_open_few_files_says_so_and_makes_room_by_closing_idle_ones(tmp_path):
    def few():
        resource.setrlimit(resource.RLIMIT_NOFILE, (200, 400))

    with ServerProcess(tmp_path / "data", preexec=few) as server:
        assert "wherefrom: 200 connections at once" in server.errors()
        with contextlib.ExitStack() as ends:
            socks = [ends.enter_context(connection(server)) for _ in range(600)]
            assert len(socks) == 600
            for _ in range(5):
                answers(server)
            assert open_files(server.pid) < 390
        answers(server)
        assert "Too many open files" not in server.errors()


def test_when_no_connection_is_idle_the_newest_is_told_to_come_again(tmp_path):
    def few():
        resource.setrlimit(resource.RLIMIT_NOFILE, (200, 200))

    with ServerProcess(tmp_path / "data", preexec=few) as server, contextlib.ExitStack() as ends:
        busy = [ends.enter_context(connection(server)) for _ in range(100)]
        for sock in busy:
            sock.sendall(b"GET /healthz HT")
        time.sleep(0.5)
        with connection(server) as one_more:
            said = all_of(one_more)
        assert said.startswith(b"HTTP/1.1 503 ")
        assert b"retry-after: 1\r\n" in said
        assert b'"code": "unavailable"' in said
