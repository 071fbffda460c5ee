"""A server with too much to do, clients that leave, and bodies that unpack to far more."""

import gzip
import socket
import threading
import time
import tracemalloc

import httpx
import pytest

from tests.served import event_bytes, ndjson, until
from wherefrom.api import bodies, records
from wherefrom.api.metrics import SENDERS_MAX, WriterMetrics
from wherefrom.collect.principals import Principal
from wherefrom.errors import StorageError
from wherefrom.log import group


class Disk:
    """The log's disk, which can be held up."""

    def __init__(self, server, monkeypatch):
        self.free = threading.Event()
        self.busy = threading.Event()
        self._write = server.recorder.writer.write
        monkeypatch.setattr(server.recorder.writer, "write", self._slow)

    def _slow(self, pending):
        self.busy.set()
        assert self.free.wait(30)
        self._write(pending)


@pytest.fixture
def disk(server, monkeypatch):
    disk = Disk(server, monkeypatch)
    yield disk
    disk.free.set()


def send_all(server, bodies_sent, *, path="/v1/records"):
    """Each from a client of its own; returns a list that fills with the answers, and the wait."""
    answers = [None] * len(bodies_sent)

    def send(place):
        with server.as_("sender") as client:
            answers[place] = client.post(path, content=bodies_sent[place])

    threads = [threading.Thread(target=send, args=(place,)) for place in range(len(bodies_sent))]
    for thread in threads:
        thread.start()
    return answers, lambda: [thread.join() for thread in threads]


@pytest.mark.parametrize(
    ("where", "limit"), [((records, "UNDER_WAY_RECORDS_MAX"), 7), ((group, "QUEUE_RECORDS_MAX"), 6)]
)
def test_too_much_at_once_is_503_with_retry_after_and_what_waited_is_recorded(
    server, client, disk, monkeypatch, number, where, limit
):
    monkeypatch.setattr(*where, limit)
    numbers = [number() for _ in range(8)]
    first, wait_first = send_all(server, [event_bytes(numbers[0])])
    assert disk.busy.wait(10)
    queued, wait_queued = send_all(server, [event_bytes(n) for n in numbers[1:7]])
    until(lambda: server.app.state.intake.group.waiting == 6)
    for path in ("/v1/records", "/api/v1/lineage", "/api/v1/lineage/batch"):
        refused = client.post(path, content=event_bytes(numbers[7]))
        assert (refused.status_code, refused.headers["retry-after"]) == (503, "1")
        assert refused.json()["code"] == "unavailable"
    assert b"wherefrom_waiting_records 7.0" in client.get("/metrics").content
    if where[0] is records:  # who was sent away, as entries name it
        sender = server.recorder.sender_of(Principal(name="admin", roles=("admin",)))
        assert sender.startswith("p:")
        line = f'wherefrom_shed_requests_total{{sender="{sender}"}} 3.0'
        assert line in client.get("/metrics").text
    assert client.get("/healthz").status_code == 200
    disk.free.set()
    wait_first(), wait_queued()
    assert [a.status_code for a in first + queued] == [201] * 7
    assert client.post("/v1/records", content=event_bytes(numbers[7])).status_code == 201


def test_of_many_that_are_sent_away_those_with_most_are_named():
    metrics = WriterMetrics()

    def shown():
        (family,) = [one for one in metrics.families() if one.name == "wherefrom_shed_requests"]
        return {point.labels["sender"]: point.value for point in family.points}

    for number in range(SENDERS_MAX):
        metrics.shed(f"p:{number}")
        metrics.shed(f"p:{number}")
    metrics.shed("p:few")
    assert len(shown()) == SENDERS_MAX
    assert "p:few" not in shown()
    for _ in range(5):
        metrics.shed("p:few")
    assert len(shown()) == SENDERS_MAX
    assert shown()["p:few"] == 6
    assert shown() == shown()


def test_a_queue_full_of_bytes_is_503_too(server, client, disk, monkeypatch, number):
    monkeypatch.setattr(group, "QUEUE_BYTES_MAX", 1000)
    answers, wait = send_all(server, [event_bytes(number())])
    assert disk.busy.wait(10)
    large, wait_large = send_all(server, [ndjson([number() for _ in range(10)])])
    until(lambda: server.app.state.intake.group.waiting == 10)
    assert client.post("/v1/records", content=event_bytes(number())).status_code == 503
    disk.free.set()
    wait(), wait_large()
    assert [a.status_code for a in answers + large] == [201, 201]


def test_while_the_disk_is_slow_questions_are_answered(server, client, disk, number):
    answers, wait = send_all(server, [event_bytes(number())])
    assert disk.busy.wait(10)
    for path in ("/v1/log", "/checkpoint", "/v1/find?q=raw", "/metrics", "/healthz"):
        assert client.get(path).status_code == 200
    disk.free.set()
    wait()
    assert answers[0].status_code == 201


def test_a_disk_that_fails_is_503_and_the_next_record_is_taken(server, client, monkeypatch, number):
    def fails(_):
        monkeypatch.undo()
        raise StorageError("no space left on the disk")

    monkeypatch.setattr(server.recorder.writer._journal, "append", fails)
    body = event_bytes(number())
    refused = client.post("/v1/records", content=body)
    assert (refused.status_code, refused.headers["retry-after"]) == (503, "1")
    assert client.post("/v1/records", content=body).status_code == 201


def test_requests_that_wait_together_share_one_write(server, client, disk, number, monkeypatch):
    answers, wait = send_all(server, [event_bytes(number())])
    assert disk.busy.wait(10)
    sizes = []
    append = server.recorder.writer._journal.append
    monkeypatch.setattr(
        server.recorder.writer._journal,
        "append",
        lambda records: sizes.append(len(records)) or append(records),
    )
    more, wait_more = send_all(server, [event_bytes(number()) for _ in range(20)])
    until(lambda: server.app.state.intake.group.waiting == 20)
    disk.free.set()
    wait(), wait_more()
    assert sizes in ([20], [1, 20])  # the first one may have been past its append already
    assert {a.status_code for a in answers + more} == {201}


# -- clients that leave


@pytest.mark.parametrize("sent", [b"", b'{"a"', b"x" * 3_000_000])
def test_a_client_that_leaves_in_the_middle_of_its_body_changes_nothing(
    server, client, caplog, sent
):
    size = server.recorder.writer.size
    with socket.create_connection(("127.0.0.1", int(server.url.rpartition(":")[2]))) as wire:
        token = server.token["sender"].encode()
        wire.sendall(
            b"POST /v1/records HTTP/1.1\r\nHost: a\r\nContent-Length: 9000000\r\n"
            b"Authorization: Bearer " + token + b"\r\n\r\n" + sent
        )
        time.sleep(0.05)
    time.sleep(0.05)
    assert client.get("/healthz").status_code == 200
    assert server.recorder.writer.size == size
    assert [r.getMessage() for r in caplog.records if r.name.startswith("uvicorn")] == []


def test_a_record_whose_sender_left_while_it_was_written_is_in_the_log(
    server, client, disk, number
):
    body = event_bytes(number())
    with server.as_("sender", timeout=0.3) as impatient, pytest.raises(httpx.ReadTimeout):
        impatient.post("/v1/records", content=body)
    assert disk.busy.is_set()
    disk.free.set()
    until(lambda: client.post("/v1/records", content=body).status_code == 200)


# -- bodies that are larger inside


@pytest.mark.parametrize("size_mib", [64, 192])
def test_a_small_body_that_unpacks_to_much_costs_little_memory(client, size_mib):
    line = b'{"x": "' + b"y" * 10_000 + b'"}\n'
    body = gzip.compress(line * (size_mib * 1024 * 1024 // len(line)), 9)
    assert len(body) < bodies.SMALL_BODY_BYTES
    client.post("/v1/records", content=line)
    tracemalloc.start()
    try:
        answer = client.post("/v1/records", content=body)
        peak_mib = tracemalloc.get_traced_memory()[1] / 2**20
    finally:
        tracemalloc.stop()
    assert answer.status_code == 415
    assert len(answer.json()["items"]) > 6000
    assert peak_mib < 60


def test_while_a_small_body_unpacks_to_much_others_are_answered(server, client):
    body = gzip.compress((b'{"x": "' + b"y" * 10_000 + b'"}\n') * 10_000, 9)
    answers, wait = send_all(server, [body])
    answered = 0
    while answers[0] is None:
        client.get("/healthz")
        answered += answers[0] is None
    wait()
    assert answers[0].status_code == 415
    assert answered > 10
