"""A trusted root on the real server: taken up, told of when old, changed while senders send."""

import json
import os
import threading
import time

from tests.served import ServerProcess, children, command_line, wait_gone
from tests.sigstore_world import Made, world
from wherefrom.app import DataFolder, decided, open_log

ROOT = json.dumps(world().root())
NO_LOG = json.dumps(world().root() | {"tlogs": []})


def body(name, count=50):
    made = [Made(artifact=f"{name}-{n}".encode()).document() for n in range(count)]
    return json.dumps(made).encode()


def judges_of(pid):
    return [p for p in children(pid) if b"verify.judging" in command_line(p)]


def test_a_root_in_the_directory_is_taken_up_and_a_line_says_that_it_is_old(tmp_path):
    with ServerProcess(tmp_path / "data") as server:
        assert wait_gone(server.kill())
        path = tmp_path / "data" / "trusted-root.json"
        path.write_text(ROOT)
        year_2000 = 946_684_800
        os.utime(path, (year_2000, year_2000))
        server.start()
        assert "the trusted root (version 1) is" in server.errors()
        assert "judges no more after 730" in server.errors()
        with server.client() as client:
            told = client.get("/v1/roots").json()
            assert (told["state"], told["as_of"]) == ("too_old", "2000-01-01T00:00:00.000000Z")
            assert "judges no more" in client.get("/readyz").text
            answer = client.post("/v1/records", content=json.dumps(Made().document()))
            (item,) = answer.json()["items"]
            record = client.get(f"/v1/records/{item['index']}").json()
            assert record["entry"]["trust"]["level"] == "channel"


def test_no_bundle_behind_the_answer_to_another_root_is_believed_under_the_one_before(tmp_path):
    with ServerProcess(tmp_path / "data") as server:
        with server.client() as client:
            client.post("/v1/roots", json={"trusted_root": ROOT})
            ends, answered = threading.Event(), []
            bodies = {who: [body(f"{who}{n}") for n in range(8)] for who in "ab"}

            def send(who):
                with server.client() as sender:
                    for written in bodies[who]:
                        answered.append(sender.post("/v1/records", content=written).status_code)
                        if ends.is_set():
                            return

            senders = [threading.Thread(target=send, args=(who,)) for who in "ab"]
            for sender in senders:
                sender.start()
            while len(answered) < 3:
                time.sleep(0.01)
            assert judges_of(server.pid), "nothing was judged by judges"
            changed = client.post("/v1/roots", json={"trusted_root": NO_LOG}).json()
            ends.set()
            for sender in senders:
                sender.join()
            assert set(answered) == {201}
            client.post("/v1/records", content=body("after"))
        assert wait_gone(server.kill())
        server.start()
        with server.client() as client:
            told = client.get("/v1/roots").json()
            assert (told["version"], told["trusted_root"]) == (2, NO_LOG)
            while (step := client.post("/v1/verdicts/renew").json())["entry"] is None:
                pass
    log = open_log(DataFolder(tmp_path / "data"))
    said = decided(DataFolder(tmp_path / "data"), log)
    bundles = [i for i, e in enumerate(log.entries(0, log.size)) if b'"kind":"bundle"' in e]
    door = {i: json.loads(next(iter(log.entries(i, i + 1))))["trust"]["level"] for i in bundles}
    assert {door[i] for i in bundles if i < changed["entry"]} == {"keyless"}
    behind = {said.trust_of(i, next(iter(log.entries(i, i + 1)))).level
              for i in bundles if i > changed["entry"]}  # fmt: skip
    assert behind == {"channel"}
    # And a renewal takes back what came before.
    assert {said.verdicts[i].level for i in bundles if door[i] == "keyless"} == {"channel"}
    assert step["changed"] == sum(1 for i in bundles if i < changed["entry"])
