"""The real server on a real disk that fails, fills up, or is changed under it.

What is tested is the same each time: what was acknowledged is there after a restart, what was
not acknowledged was refused, and a server that cannot trust its disk says so everywhere.
"""

import json
import os
import subprocess
import sys
import threading

import pytest

from tests.paths import REPOSITORY
from tests.served import ServerProcess, event_bytes, ndjson, run_up, until
from wherefrom.app import DataFolder, log_at_rest, open_log
from wherefrom.errors import Fenced
from wherefrom.log.audit import audit
from wherefrom.testing.broken_disk import FULL

PLENTY = 64


def broken(data, sign):
    """A server whose disk fails as ``sign`` says."""
    program = (sys.executable, "-m", "tests.simulation.broken_disk", sign)
    return ServerProcess(data, env={"PYTHONPATH": str(REPOSITORY)}, program=program)


def stored(data):
    log = open_log(DataFolder(data))
    return {logged.index: logged.content for logged in log.read(0, log.size)}


def acknowledged(answer, contents):
    items = answer.json()["items"]
    return {i["index"]: c for i, c in zip(items, contents, strict=True) if i["index"] is not None}


def need_clean(data):
    assert audit(log_at_rest(DataFolder(data))).problems == []


@pytest.mark.parametrize("call", ["fdatasync", "pwrite"])
def test_a_disk_that_fails_once_stops_the_writer_for_good_or_costs_one_request(tmp_path, call):
    sign, data = tmp_path / "sign", tmp_path / "data"
    with broken(data, sign) as server, server.client() as client:
        before = client.post("/v1/records", content=event_bytes(1))
        assert before.status_code == 201
        sign.write_text(call)
        failed = client.post("/v1/records", content=event_bytes(2))
        assert failed.status_code == 503
        assert not sign.exists(), "the fault was not met"
        after = [client.post("/v1/records", content=event_bytes(n)) for n in (2, 3, 1)]
        if call == "pwrite":  # nothing was kept of it, and the disk is believed again
            assert failed.json()["code"] == "storage"
            assert [a.status_code for a in after] == [201, 201, 200]
            assert client.get("/readyz").status_code == 200
            assert "takes nothing more" not in server.errors()
        else:
            assert failed.json()["code"] == "journal_failed"
            assert "did not confirm a write" in failed.json()["title"]
            assert [a.status_code for a in after] == [503] * 3
            assert {a.json()["code"] for a in after} == {"journal_failed"}
            ready = client.get("/readyz")
            assert (ready.status_code, ready.json()["code"]) == (503, "journal_failed")
            assert client.get("/healthz").status_code == 200
            assert client.get("/v1/log").json()["size"] == 2  # what was, can still be asked
            assert server.errors().count("takes nothing more until a restart") == 1
            assert "Input/output error" in server.errors()
    assert "Traceback" not in server.errors()
    with ServerProcess(data) as server, server.client() as client:
        assert client.post("/v1/records", content=event_bytes(1)).status_code == 200
        assert client.post("/v1/records", content=event_bytes(2)).status_code in (200, 201)
    need_clean(data)


@pytest.fixture
def small_disk(tmp_path):
    """(folder, what limits it): a file system of 3 MiB, or, where none may be mounted, files."""
    folder, sign = tmp_path / "disk", tmp_path / "sign"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", folder]
    if subprocess.run(mount, capture_output=True, check=False).returncode == 0:
        yield folder, sign
        # Lazily: a reader of this test may still have a segment open.
        subprocess.run(["umount", "-l", folder], check=True)
    else:
        sign.write_text(f"file-bytes {400 * 1024}")
        yield folder, sign


def test_a_disk_that_fills_up_in_the_middle_of_a_frame_loses_nothing(small_disk, tmp_path):
    folder, sign = small_disk
    data, kept, number = folder / "data", {}, 0
    with broken(data, sign) as server, server.client() as client:
        refused = 0
        while refused < 5:
            contents = [event_bytes(n) for n in range(number, number + PLENTY)]
            answer = client.post("/v1/records", content=b"\n".join(contents))
            number += PLENTY
            assert number < 100_000, "the disk did not fill up"
            if answer.status_code == 503:
                refused += 1
                continue
            assert answer.status_code == 201
            kept |= acknowledged(answer, contents)
        assert client.get("/healthz").status_code == 200
        # Whether it goes on depends on what was refused; it must say which of the two it is.
        code = answer.json()["code"]
        assert code in ("storage", "journal_failed"), answer.text
        ready = client.get("/readyz")
        assert (ready.status_code, ready.json()["code"]) == (503, code)
    assert kept
    held = stored(data)
    assert {i: held.get(i) for i in kept} == kept
    # With room again, the same directory goes on.
    (sign if sign.exists() else folder / "nothing").unlink(missing_ok=True)
    if folder.is_mount():
        subprocess.run(["mount", "-o", "remount,size=64m", folder], check=True)
    with ServerProcess(data) as server, server.client() as client:
        again = client.post("/v1/records", content=b"\n".join([*kept.values()][-PLENTY:]))
        assert again.status_code == 200
        assert client.post("/v1/records", content=ndjson(range(900_000, 900_050))).is_success
        held = stored(data)
        assert {i: held.get(i) for i in kept} == kept
    need_clean(data)


@pytest.mark.parametrize("entries", [0, 3])
def test_a_full_disk_is_said_once_and_by_readyz_until_there_is_room(tmp_path, entries):
    sign, data = tmp_path / "sign", tmp_path / "data"
    with broken(data, sign) as server, server.client() as client:
        for number in range(entries):
            assert client.post("/v1/records", content=event_bytes(number)).status_code == 201
        assert client.get("/readyz").status_code == 200
        sign.write_text(FULL)
        for number in range(10, 13):
            assert client.post("/v1/records", content=event_bytes(number)).status_code == 503
        for _ in range(2):
            ready = client.get("/readyz")
            assert (ready.status_code, ready.json()["code"]) == (503, "storage")
            assert "No space left on device" in ready.json()["detail"]
            assert "Free some space" in ready.json()["detail"]
        assert "wherefrom_disk_refuses 1.0" in client.get("/metrics").text
        sign.unlink()
        until(lambda: client.get("/readyz").status_code == 200)  # nobody sends meanwhile
        assert "wherefrom_disk_refuses 0.0" in client.get("/metrics").text
        assert client.post("/v1/records", content=event_bytes(10)).status_code == 201
        assert server.errors().count("records are refused until the log's disk takes them") == 1
        assert server.errors().count("No space left on device") == 1
        assert server.errors().count("the log's disk takes records again") == 1
    assert "Traceback" not in server.errors()
    need_clean(data)


def cut_segment(data):
    path = max((data / "journal").glob("*.wfj"))
    os.truncate(path, path.stat().st_size - 10)


def remove_segment(data):
    max((data / "journal").glob("*.wfj")).unlink()


def swap_segment(data):
    path = max((data / "journal").glob("*.wfj"))
    path.with_suffix(".new").write_bytes(path.read_bytes())
    path.with_suffix(".new").rename(path)


def remove_head(data):
    (data / "head").unlink()


def flip_newest_slots(data):
    with open(data / "head", "r+b") as file:
        for slot in (0, 1):
            file.seek(slot * 8192 + 200)
            byte = file.read(1)
            file.seek(slot * 8192 + 200)
            file.write(bytes([byte[0] ^ 1]))


@pytest.mark.parametrize(
    "damage", [cut_segment, remove_segment, swap_segment, remove_head, flip_newest_slots]
)
def test_a_server_whose_files_are_changed_under_it_signs_nothing_more(tmp_path, damage):
    data = tmp_path / "data"
    with ServerProcess(data) as server, server.client() as client:
        for n in range(5):
            assert client.post("/v1/records", content=event_bytes(n)).status_code == 201
        note = client.get("/checkpoint").content
        damage(data)
        answers = [client.post("/v1/records", content=event_bytes(n)) for n in range(5, 9)]
        assert answers[0].status_code in (500, 503)
        assert answers[0].json()["code"] in ("journal_failed", "fenced", "corrupt")
        assert {a.status_code for a in answers[1:]} == {503}
        ready = client.get("/readyz")
        assert (ready.status_code, ready.json()["code"]) == (503, "journal_failed")
        assert "takes nothing more until a restart" in server.errors()
        again = client.get("/checkpoint")  # as it was, or none: never another one
        assert again.content == note or again.status_code == 500
    assert "Traceback" not in server.errors()


# -- two servers on one directory


def test_with_the_lock_bypassed_only_one_of_two_servers_wins(tmp_path):
    data, sign = tmp_path / "data", tmp_path / "sign"
    with ServerProcess(data):
        second = run_up(data, "--port", "0")
        assert (second.returncode, "another process writes" in second.stderr) == (3, True)
    sign.write_text("no-lock")
    taken, broken_off = {}, {"one": 0, "other": 0}
    with broken(data, sign) as one, one.client() as client:
        assert client.post("/v1/records", content=event_bytes(1)).status_code == 201
        with broken(data, sign) as other:
            servers = {"one": one, "other": other}

            def send(name, numbers):
                with servers[name].client() as to:
                    for n in numbers:
                        content = event_bytes(n)
                        answer = to.post("/v1/records", content=content)
                        if answer.status_code == 201:
                            index = answer.json()["items"][0]["index"]
                            taken.setdefault(index, []).append(content)
                        else:
                            assert answer.status_code == 503, answer.text
                            broken_off[name] += 1

            senders = [
                threading.Thread(target=send, args=("one", range(1000, 1040))),
                threading.Thread(target=send, args=("other", range(2000, 2040))),
            ]
            for sender in senders:
                sender.start()
            for sender in senders:
                sender.join()
            # The second claimed the head at its start: the first never writes again.
            assert broken_off == {"one": 40, "other": 0}
            with one.client() as to:
                ready = to.get("/readyz").json()
            assert "another writer moved the head" in json.dumps(ready)
        assert Fenced.__name__ not in one.errors()  # said in words, not as a trace
        assert "Traceback" not in one.errors() + other.errors()
    assert all(len(contents) == 1 for contents in taken.values()), "an index was given twice"
    held = stored(data)
    assert {i: held.get(i) for i in taken} == {i: c for i, (c,) in taken.items()}
    need_clean(data)
