"""An answer of a log's server costs what it may, whatever the server sends. Loopback only."""

import gzip
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace

import pytest

from wherefrom.errors import Unavailable
from wherefrom.log import tile_client
from wherefrom.log.contents import ENTRIES_HEADER
from wherefrom.log.tile_client import TileClient


class Hostile(BaseHTTPRequestHandler):
    """Sends what the test tells it to: headers, and pieces of a body."""

    def do_GET(self):
        headers, pieces = self.server.answer
        self.server.asked.append((self.path, dict(self.headers)))
        self.send_response(200)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        try:
            for piece in pieces():
                self.wfile.write(piece)
        except OSError:
            pass  # the client had enough

    def log_message(self, *_):
        pass


@pytest.fixture
def server():
    made = ThreadingHTTPServer(("127.0.0.1", 0), Hostile)
    made.daemon_threads = True
    made.asked = []
    thread = threading.Thread(target=made.serve_forever, daemon=True)
    thread.start()
    yield made
    made.shutdown()
    made.server_close()
    thread.join()


@pytest.fixture
def client(server):
    made = TileClient(f"http://127.0.0.1:{server.server_port}", token="secret")
    yield made
    made.close()


def endless():
    while True:
        yield bytes(65_536)


def contents(client, **changed):
    asked = {"skip": 0, "bytes_max": 100_000} | changed
    with client.contents(0, 5, **asked) as part:
        return part.first, part.file.read()


ASKS = {
    "checkpoint": lambda client: client.checkpoint(),
    "tile": lambda client: client.tile(0, 0, 3),
    "bundle": lambda client: client.bundle(0, 3),
    "contents": contents,
    "log_keys": lambda client: client.log_keys(),
}


@pytest.mark.parametrize("ask", ASKS.values(), ids=ASKS)
def test_an_answer_without_an_end_is_cut_off(server, client, ask):
    server.answer = ({}, endless)
    with pytest.raises(Unavailable, match="answers too much"):
        ask(client)


@pytest.mark.parametrize("ask", ASKS.values(), ids=ASKS)
def test_what_is_packed_is_not_unpacked(server, client, ask):
    server.answer = ({"Content-Encoding": "gzip"}, lambda: [gzip.compress(bytes(10**7))])
    with pytest.raises(Unavailable, match="answers packed"):
        ask(client)
    assert server.asked[-1][1]["Accept-Encoding"] == "identity"


@pytest.mark.parametrize("ask", ASKS.values(), ids=ASKS)
def test_an_answer_a_byte_at_a_time_is_given_up(server, client, ask, monkeypatch):
    now = iter(range(0, 10_000, 70))  # each look at the clock is 70 seconds after the last
    monkeypatch.setattr(tile_client, "time", SimpleNamespace(monotonic=lambda: next(now)))
    server.answer = ({}, lambda: [bytes(1)])
    with pytest.raises(Unavailable, match="answers too slowly"):
        ask(client)


def test_large_contents_are_given_from_where_they_are_asked_for(server, client, monkeypatch):
    monkeypatch.setattr(tile_client, "_IN_MEMORY_BYTES", 100)  # the rest waits on the disk
    server.answer = ({ENTRIES_HEADER: "3 4"}, lambda: [b"x" * 50_000, b"y" * 50_000])
    assert contents(client, skip=3) == (3, b"x" * 50_000 + b"y" * 50_000)
    path, headers = server.asked[-1]
    assert path == "/contents/000.p/5?from=3"
    assert headers["Authorization"] == "Bearer secret"


@pytest.mark.parametrize("said", ["", "-1", "x", "²", "9" * 17])
def test_contents_that_do_not_say_where_they_begin_are_a_whole_bundle(server, client, said):
    server.answer = ({ENTRIES_HEADER: said.encode().decode("latin-1")}, lambda: [b"all"])
    assert contents(client, skip=2) == (None, b"all")


def test_a_token_is_not_sent_on_to_where_a_log_points(server, client):
    other = ThreadingHTTPServer(("127.0.0.1", 0), Hostile)
    other.asked, other.answer = [], ({}, lambda: [b"there"])
    thread = threading.Thread(target=other.serve_forever, daemon=True)
    thread.start()
    try:
        server.answer = ({"Location": f"http://127.0.0.1:{other.server_port}/x"}, list)
        server.RequestHandlerClass = type("Moved", (Hostile,), {"send_response": _moved})
        assert contents(client) == (None, b"there")
        assert "Authorization" not in other.asked[0][1]
    finally:
        other.shutdown()
        other.server_close()
        thread.join()


def _moved(handler, _):
    BaseHTTPRequestHandler.send_response(handler, 302)
