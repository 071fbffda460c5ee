"""Intake rules on the real server: judged by its judges, while senders send, and after a kill."""

import threading
import time

from tests.folders import BUILDER, STRANGER, envelope, public, statement
from tests.served import ServerProcess, children, command_line, wait_gone
from wherefrom.app import DataFolder, decided, open_log
from wherefrom.formats import entry

SIGNED = {"name": "signed", "kinds": ["attestation"], "least": "signed"}


def body(name, key, count=60):
    contents = [envelope(statement(f"{name}-{n}"), key) for n in range(count)]
    return b"[" + b",".join(contents) + b"]"


def codes(answer):
    return {item["code"] for item in answer.json()["items"]}


def judges_of(pid):
    return [p for p in children(pid) if b"verify.judging" in command_line(p)]


def test_what_comes_after_the_answer_to_new_rules_keeps_them_while_senders_send_and_after_a_kill(
    tmp_path,
):
    with ServerProcess(tmp_path / "data") as server:
        with server.client() as client:
            client.post("/v1/keys", json={"action": "trust", "pem": public(BUILDER).to_pem()})
            ends, answered = threading.Event(), []

            def send(who):
                with server.client() as sender:
                    number = 0
                    while not ends.is_set():
                        number += 1
                        said = sender.post("/v1/records", content=body(f"{who}{number}", STRANGER))
                        answered.append(codes(said))

            senders = [threading.Thread(target=send, args=(who,)) for who in "ab"]
            for sender in senders:
                sender.start()
            while len(answered) < 4:
                time.sleep(0.01)
            assert judges_of(server.pid), "nothing was judged by judges"
            changed = client.post("/v1/intake", json={"rules": [SIGNED]}).json()
            size = client.get("/v1/log").json()["size"]
            after = client.post("/v1/records", content=body("after", STRANGER))
            ends.set()
            for sender in senders:
                sender.join()
            assert codes(after) == {"not_allowed"}
            assert answered[0] == {None}
        assert wait_gone(server.kill())
        server.start()
        with server.client() as client:
            assert codes(client.post("/v1/records", content=body("again", STRANGER))) == {
                "not_allowed"
            }
            assert codes(client.post("/v1/records", content=body("good", BUILDER))) == {None}
            told = client.get("/v1/intake").json()
            assert (told["version"], told["entry"]) == (1, changed["entry"])
    folder = DataFolder(tmp_path / "data")
    log = open_log(folder)
    assert [rule.name for rule in decided(folder, log).intake] == ["signed"]
    kept = [entry.parse(e) for e in log.entries(size, log.size)]
    assert {e.trust.level for e in kept if e.kind == "attestation"} == {"signed"}
