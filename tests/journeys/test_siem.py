"""``wherefrom siem`` as a collector runs it: followed, killed, started again, on a server."""

import json
import subprocess

import httpx
import pytest

from tests.served import WHEREFROM, ServerProcess, until
from tests.unit.cli.running import run
from tests.unit.notify.test_event_sinks import Siem

ALERT = {"version": "4", "groupKey": "{}", "status": "firing", "receiver": "w"}


def alert(number):
    one = {"status": "firing", "startsAt": "2026-01-01T10:00:00Z", "fingerprint": f"f{number}",
           "labels": {"alertname": f"Slow{number}", "service": "cart"}}  # fmt: skip
    return {**ALERT, "alerts": [one, {**one, "fingerprint": f"g{number}"}]}


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with ServerProcess(tmp_path_factory.mktemp("siem") / "data") as server:
        yield server


@pytest.fixture(scope="module")
def numbers():
    return iter(range(10**6))


def record(server, numbers, count):
    body = [alert(next(numbers)) for _ in range(count)]
    with server.client() as client:
        assert client.post("/v1/records", json=body).status_code == 201


def served(server, form="ocsf"):
    """All there is, page by page, as a collector of its own would ask for it."""
    lines, since = b"", 0
    with server.client() as client:
        while True:
            page = client.get("/v1/siem", params={"format": form, "since": since})
            assert page.status_code == 200
            following = int(page.headers["x-wherefrom-next"])
            if following == since:
                return lines
            lines, since = lines + page.content, following


def follow(server, *options):
    return subprocess.Popen(
        [WHEREFROM, "siem", "--follow", "--data", server.data, *map(str, options)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip


def ended(process):
    process.kill()
    process.communicate(timeout=30)


def test_a_file_that_is_followed_and_killed_has_every_event_once(server, numbers, tmp_path):
    path = tmp_path / "events.ndjson"
    for _ in range(3):
        record(server, numbers, 4)
        process = follow(server, "-o", path)
        until(lambda: path.exists() and path.read_bytes().count(b"\n") > 1)
        record(server, numbers, 4)
        ended(process)
        with path.open("ab") as file:  # what a crash leaves of a line
            file.write(b'{"activity_id":1,"activ')
    done = run("siem", "-o", path, data=server.data)
    assert (done.code, done.out) == (0, "")
    assert path.read_bytes() == served(server)
    uids = [json.loads(line)["metadata"]["uid"] for line in path.read_text().splitlines()]
    assert len(set(uids)) == len(uids) >= 48
    again = run("siem", "-o", path, "--since", "3", data=server.data)
    assert (again.code, "goes on at record" in again.err) == (2, True)


def test_a_siem_gets_every_event_also_after_it_was_away(server, numbers, tmp_path):
    cursor = tmp_path / "cursor"
    record(server, numbers, 2)
    with Siem() as siem:
        target = f"tcp://127.0.0.1:{siem.port}"
        process = follow(server, "-o", target, "--cursor", cursor)
        siem.wait_for(served(server))
        until(cursor.exists)
        ended(process)
        record(server, numbers, 2)
        process = follow(server, "-o", target, "--cursor", cursor)
        siem.wait_for(served(server))
        ended(process)
    away = run("siem", "-o", target, "--cursor", cursor, "--since", "0", data=server.data)
    assert away.code == 2
    record(server, numbers, 1)
    away = run("siem", "-o", target, "--cursor", cursor, "--json", data=server.data)
    assert (away.code, away.problem["code"]) == (3, "unavailable")


def test_a_directory_and_a_server_give_the_same_lines(server, numbers, monkeypatch):
    record(server, numbers, 1)
    monkeypatch.setenv("WHEREFROM_TOKEN", server.token)
    for form in ("ocsf", "cef"):
        here = run("siem", "--format", form, data=server.data)
        there = run("siem", "--format", form, "--server", server.url)
        assert here.code == there.code == 0
        assert here.written == there.written == served(server, form)


def test_wrong_options_are_told(server, tmp_path):
    for options, said in (
        (("--json", "--format", "cef"), "CEF is no JSON"),
        (("-o", tmp_path / "x", "--cursor", tmp_path / "c"), "--cursor is of a SIEM"),
        (("-o", "tcp://127.0.0.1:1", "--ca", __file__), "--ca goes with tls"),
        (("-o", "udp://127.0.0.1:1"), "not an address of a SIEM"),
    ):
        ran = run("siem", *options, data=server.data)
        assert (ran.code, said in ran.err) == (2, True), ran.err
    ran = run("siem", "--since", 10**6, data=server.data)
    assert (ran.code, "no such place in the log" in ran.err) == (1, True)


def test_who_may_not_read_gets_no_events(server):
    answer = httpx.get(server.url + "/v1/siem")
    assert answer.status_code == 401
