"""The real server: two processes, its signals, its port, its certificates, its log by tiles."""

import json
import os
import signal
import socket
import threading
import time
from pathlib import Path

import pytest

from tests.served import (
    ServerProcess,
    children,
    command_line,
    event_bytes,
    family_of,
    followed,
    ndjson,
    rss_mib,
    run_up,
    until,
    wait_gone,
)


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with ServerProcess(tmp_path_factory.mktemp("server") / "data") as server:
        yield server


@pytest.fixture(scope="module")
def client(server):
    with server.client() as client:
        yield client


# -- starting and ending


def test_it_says_where_it_serves_in_one_line_on_a_port_of_its_own(server, client):
    log = client.get("/v1/log").json()
    port = int(server.url.rpartition(":")[2])
    assert server.line == f"wherefrom: serving {server.url} (log {log['origin']}, size 1)\n"
    assert port != 0
    assert json.loads((server.data / "server.json").read_text()) == {
        "url": server.url,
        "pid": server.pid,
    }


def test_the_administrators_token_is_for_its_owner_alone(server):
    assert (server.data / "token").stat().st_mode & 0o777 == 0o600
    assert server.data.stat().st_mode & 0o777 == 0o700


def test_sigterm_ends_it_within_ten_seconds_whatever_its_clients_do(tmp_path):
    with ServerProcess(tmp_path / "data") as server, server.client() as client:
        # Judges too, an idle connection, and a client in the middle of a body.
        assert client.post("/v1/records", content=ndjson(range(200))).status_code == 201
        family = family_of(server.pid)
        assert server.reader_pid() in family
        assert any(b"verify.judging" in command_line(pid) for pid in family)
        with socket.create_connection(("127.0.0.1", int(server.url.rpartition(":")[2]))) as wire:
            wire.sendall(
                b"POST /v1/records HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n"
                b"Authorization: Bearer " + server.token.encode() + b"\r\n\r\n{"
            )
            time.sleep(0.1)
            code, took = server.terminate()
        assert (code, server.errors().count("Traceback")) == (0, 0), server.errors()
        assert took < 10
        assert wait_gone(family)
        left = {path.name for path in server.data.iterdir()}
        assert not left & {"server.json", "reader.sock"}


def test_the_reader_is_forked_so_that_it_shares_what_the_writer_imported(server):
    reader = server.reader_pid()
    assert command_line(reader) == command_line(server.pid)
    assert not any(  # what one has open, such as the log's lock, the other does not
        str(server.data / "lock") in os.path.realpath(held)
        for held in Path(f"/proc/{reader}/fd").iterdir()
    )


def test_a_server_with_a_small_log_holds_no_numpy_in_any_process(server, client):
    assert client.post("/v1/records", content=ndjson(range(3))).status_code == 201
    for pid in [server.pid, *family_of(server.pid)]:
        assert "_multiarray_umath" not in Path(f"/proc/{pid}/maps").read_text()


def test_an_idle_server_ends_at_once_and_keeps_what_it_had(tmp_path):
    with ServerProcess(tmp_path / "data") as server, server.client() as client:
        sent = client.post("/v1/records", content=ndjson(range(50))).json()
        code, took = server.terminate()
        assert code == 0
        assert took < 5
        server._close()
        server.start()
        with server.client() as again:
            assert again.get("/v1/log").json()["root"] == sent["log"]["root"]
            assert again.post("/v1/records", content=ndjson(range(50))).status_code == 200


def test_ctrl_c_ends_it_as_cleanly(tmp_path):
    with ServerProcess(tmp_path / "data") as server:
        family = family_of(server.pid)
        for pid in (server.pid, *family):  # a terminal sends it to all of them
            os.kill(pid, signal.SIGINT)
        assert server.process.wait(10) == 0
        assert wait_gone(family)
        assert "Traceback" not in server.errors()


def test_a_killed_server_leaves_no_process_behind(tmp_path):
    with ServerProcess(tmp_path / "data") as server, server.client() as client:
        client.post("/v1/records", content=ndjson(range(200)))
        assert any(b"verify.judging" in command_line(pid) for pid in children(server.pid))
        assert wait_gone(server.kill())
        server.start()  # and its directory is free at once
        with server.client() as again:
            assert again.post("/v1/records", content=ndjson(range(200))).status_code == 200


def test_a_second_server_on_the_directory_is_refused_and_told_of_the_first(server):
    second = run_up(server.data, "--port", "0")
    assert second.returncode == 3
    assert server.url in second.stderr
    assert str(server.pid) in second.stderr
    assert "Traceback" not in second.stderr
    assert json.loads((server.data / "server.json").read_text())["pid"] == server.pid


def test_a_port_that_is_taken_is_a_clear_error_and_leaves_nothing(server, tmp_path):
    port = server.url.rpartition(":")[2]
    second = run_up(tmp_path / "other", "--port", port)
    assert second.returncode == 3
    assert "cannot listen on this address" in second.stderr
    assert f"127.0.0.1:{port}" in second.stderr
    assert "Address already in use" in second.stderr
    assert "--port" in second.stderr
    assert "Traceback" not in second.stderr
    assert not (tmp_path / "other").exists()


@pytest.mark.parametrize("host", ["no.such.host.invalid", "192.0.2.1", "a" * 70, ""])
def test_an_address_that_is_not_ours_is_a_clear_error(tmp_path, host):
    ran = run_up(tmp_path / "other", "--port", "0", "--host", host)
    assert ran.returncode == 3
    assert "cannot listen on this address" in ran.stderr
    assert "Traceback" not in ran.stderr
    assert not (tmp_path / "other").exists()


# -- two processes


def test_a_reader_that_dies_is_started_again_and_writes_go_on_meanwhile(server, client):
    reader = server.reader_pid()
    os.kill(reader, signal.SIGKILL)
    asked = [(client.get("/v1/log"), client.post("/v1/records", content=event_bytes(10_000)))]
    until(lambda: server.reader_pid() not in (None, reader))
    while asked[-1][0].status_code != 200:
        event = event_bytes(10_000 + len(asked))
        asked.append((client.get("/v1/log"), client.post("/v1/records", content=event)))
        assert len(asked) < 3000
    assert asked[0][0].status_code == 503
    assert asked[0][0].headers["retry-after"] == "1"
    assert asked[0][0].headers["content-type"] == "application/problem+json"
    assert {read.status_code for read, _ in asked} == {200, 503}
    assert {written.status_code for _, written in asked} == {201}
    followed(client)


def test_a_reader_that_hangs_holds_up_no_write(server, client):
    reader = server.reader_pid()
    os.kill(reader, signal.SIGSTOP)
    try:
        began = time.monotonic()
        assert client.post("/v1/records", content=event_bytes(20_000)).status_code == 201
        assert client.get("/healthz").status_code == 200
        assert time.monotonic() - began < 5
    finally:
        os.kill(reader, signal.SIGCONT)
    followed(client)


# -- bodies


def test_sixty_megabytes_of_json_lines_cost_little_memory(server, client):
    def lines():
        for n in range(6000):
            event = json.loads(event_bytes(n % 30 + 30_000))
            event["job"]["facets"] = {
                "sql": {"_producer": "p", "_schemaURL": "s", "query": "x" * 9_800}
            }
            yield json.dumps(event).encode() + b"\n"

    client.post("/v1/records", content=ndjson(range(40)))
    before, peak, done = rss_mib(server.pid), [0.0], threading.Event()

    def watch():
        while not done.wait(0.01):
            peak[0] = max(peak[0], rss_mib(server.pid))

    watcher = threading.Thread(target=watch)
    watcher.start()
    answer = client.post("/v1/records", content=lines())
    done.set()
    watcher.join()
    assert answer.status_code == 207
    assert len(answer.json()["items"]) == 6000
    assert len({item["index"] for item in answer.json()["items"]}) == 30
    print(f"resident before {before:.0f} MiB, at most {peak[0]:.0f} MiB")
    assert peak[0] - before < 60


def test_a_client_that_leaves_in_the_middle_leaves_no_trace_in_the_log_file(server, client):
    size = client.get("/v1/log").json()["size"]
    for sent in (b"", b"{", b"x" * 3_000_000):
        with socket.create_connection(("127.0.0.1", int(server.url.rpartition(":")[2]))) as wire:
            wire.sendall(
                b"POST /v1/records HTTP/1.1\r\nHost: a\r\nContent-Length: 9000000\r\n"
                b"Authorization: Bearer " + server.token.encode() + b"\r\n\r\n" + sent
            )
    time.sleep(0.2)
    assert client.get("/v1/log").json()["size"] == size
    assert "Exception" not in server.errors()
