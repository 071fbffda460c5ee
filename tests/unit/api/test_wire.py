"""How long a client may take, and how many there may be: by a clock of the tests' own."""

import re
from types import SimpleNamespace

import pytest

from tests.paths import REPOSITORY
from wherefrom.api import wire
from wherefrom.api.wire import Protocol, look_at

PAGE = (REPOSITORY / "docs" / "http.md").read_text()


class Transport:
    """A transport that only remembers."""

    def __init__(self):
        self.sent, self.unsent, self.closed, self.aborted = b"", 0, False, False

    def write(self, content):
        self.sent += content

    def get_write_buffer_size(self):
        return self.unsent

    def is_closing(self):
        return self.closed

    def close(self):
        self.closed = True

    def abort(self):
        self.closed = self.aborted = True


def connection(connections=()):
    """A connection in no particular state."""
    made = Protocol.__new__(Protocol)
    made.transport, made.cycle, made.connections = Transport(), None, set(connections)
    made.flow = SimpleNamespace(read_paused=False)
    return made


def asking(*, more_body, body=b""):
    return SimpleNamespace(response_complete=False, more_body=more_body, body=body)


def looked(made, *, seconds, act=lambda: None):
    """The end of it after looks every two seconds; ``act`` happens before each."""
    for now in range(0, seconds + 1, 2):
        act()
        look_at([made, object()], float(now))
    return made.transport


def test_an_idle_connection_is_closed_after_its_time_and_not_before():
    assert not looked(connection(), seconds=74).closed
    assert looked(connection(), seconds=78).closed


def test_a_head_that_does_not_end_is_408():
    made = connection()
    made._idle_bytes = 1

    def drip():
        made._idle_bytes += 1
        made._received += 1

    assert not looked(made, seconds=30, act=drip).closed
    sent = looked(made, seconds=40, act=drip).sent
    assert sent.startswith(b"HTTP/1.1 408 Request Timeout\r\nconnection: close\r\n")


@pytest.mark.parametrize(("bytes_a_look", "ends"), [(0, True), (2, True), (60, True), (80, False)])
def test_a_body_that_comes_too_slowly_is_408(bytes_a_look, ends):
    made = connection()
    made.cycle = asking(more_body=True)

    def drip():
        made._received += bytes_a_look

    transport = looked(made, seconds=200, act=drip)
    assert transport.sent.startswith(b"HTTP/1.1 408 ") == transport.closed == ends


@pytest.mark.parametrize(
    "cycle", [asking(more_body=False), asking(more_body=True, body=b"not taken yet")]
)
def test_a_client_that_waits_for_us_may_wait(cycle):
    made = connection()
    made.cycle = cycle
    assert not looked(made, seconds=1000).closed


def test_a_body_that_we_do_not_read_for_now_is_not_slow():
    made = connection()
    made.cycle, made.flow.read_paused = asking(more_body=True), True
    assert not looked(made, seconds=1000).closed


def test_an_answer_is_cut_off_when_none_of_it_is_read_for_a_minute():
    made = connection()
    made.transport.unsent = 1000
    assert not looked(made, seconds=60).closed
    assert looked(made, seconds=64).aborted

    def reads():
        slow.transport.unsent -= 1

    slow = connection()
    slow.transport.unsent = 1000
    assert not looked(slow, seconds=1000, act=reads).closed


def test_a_body_that_nobody_reads_keeps_no_connection_open():
    made = connection()
    made.cycle = SimpleNamespace(response_complete=True)

    def more():
        made._received += 100_000

    assert looked(made, seconds=80, act=more).closed


def test_idle_connections_make_room_and_busy_ones_do_not():
    idle, busy = [connection() for _ in range(3)], connection()
    busy._idle_bytes = 5
    assert connection([*idle, busy])._made_room()
    assert [c.transport.closed for c in (*idle, busy)] == [True, True, True, False]
    assert not connection([busy])._made_room()
    assert not connection([*idle, busy])._made_room()  # they are going already


def test_only_who_sent_a_whole_request_may_close_its_sending_half():
    made = connection()
    made.pipeline, made.scheme = [], "http"
    assert made.eof_received() is None
    made.cycle = asking(more_body=True)
    assert made.eof_received() is None
    made.cycle = asking(more_body=False)
    assert made.eof_received() is True
    assert made.cycle.keep_alive is False
    made.scheme = "https"
    assert made.eof_received() is None


def test_the_page_says_these_limits():
    rows = dict(re.findall(r"^\| ([^|]+) \| ([^|]+) \| [^|]+ \|$", PAGE, re.MULTILINE))
    assert rows["a whole head, from its first byte"] == f"{wire.HEAD_SECONDS_MAX:.0f} s"
    kib = wire.BODY_BYTES_MIN // 1024
    assert rows["a body on its way"] == f"{wire.BODY_SECONDS:.0f} s for each {kib} KiB"
    assert rows["an answer that is not read"] == f"{wire.ANSWER_SECONDS:.0f} s without a byte"
    idle = rows["a connection on which nothing is asked"]
    assert idle == f"{wire.IDLE_SECONDS_MAX:.0f} s"
    assert rows["connections at once"].startswith(f"{wire.CONNECTIONS_MAX:,},")
    assert rows["the head of a request"] == f"{wire.HEAD_BYTES_MAX // 1024} KiB"
