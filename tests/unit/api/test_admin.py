"""Keys and erasure over HTTP: each call is a record, and a bad one must not become one."""

import json
import threading

import pytest

from tests.served import Inside, event_bytes
from wherefrom.formats import dsse
from wherefrom.formats.own import KeyChange
from wherefrom.keys.envelopes import sign_envelope
from wherefrom.keys.pem import new_key_pair, read_signing_key


def a_key():
    private, public = new_key_pair()
    return read_signing_key(private), public.decode()


def signed(key, number):
    statement = {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": f"app-{number}", "digest": {"sha256": f"{number:064x}"}}],
        "predicateType": "https://example.com/review/v1",
        "predicate": {},
    }
    return sign_envelope("application/vnd.in-toto+json", json.dumps(statement).encode(), key)


def trust(server, client, index):
    server.fold()
    steps = client.get(f"/v1/verify/{index}").json()["steps"]
    return steps[-1]["says"]


def test_a_key_is_trusted_retired_and_revoked_and_listed_with_its_state(client):
    key, pem = a_key()
    said = client.post("/v1/keys", json={"action": "trust", "pem": pem, "names": ["ci"]})
    assert said.status_code == 201
    assert said.json()["key"]["id"] == key.id
    for action, state in (("retire", "retired"), ("trust", "active"), ("revoke", "revoked")):
        said = client.post("/v1/keys", json={"action": action, "key": key.id[:12]})
        assert (said.status_code, said.json()["key"]["state"]) == (201, state)
    listed = {k["id"]: k["state"] for k in client.get("/v1/keys").json()["keys"]}
    assert listed[key.id] == "revoked"


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"action": "believe"}, 400),
        ({"action": ""}, 400),
        ({"action": "trust", "reason": "x" * 1025}, 413),
        ({"action": "trust", "pem": "-----BEGIN PUBLIC KEY-----"}, 400),
        ({"action": "trust", "pem": "\N{SNOWMAN}"}, 400),
        ({"action": "trust", "pem": None, "key": "k:nobody"}, 404),
        ({"action": "trust", "pem": None}, 404),
        ({"action": "trust", "names": "ci"}, 400),
        ({"action": "trust", "unknown": 1}, 400),
    ],
)
def test_a_bad_key_change_is_refused_and_does_not_become_a_record(server, client, change, status):
    size = server.recorder.writer.size
    answer = client.post("/v1/keys", json={"pem": a_key()[1], **change})
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert server.recorder.writer.size == size


def test_a_server_starts_again_after_every_bad_key_change_and_erasure(tmp_path):
    with Inside(tmp_path / "data") as server:
        server.client.post("/v1/records", content=event_bytes(1))
        server.client.post("/v1/keys", json={"action": "believe", "pem": a_key()[1]})
        server.client.post("/v1/records/1/erase", json={"reason": "x" * 2000})
        size = server.recorder.writer.size
    with Inside(tmp_path / "data") as server:
        assert server.client.get("/v1/log").json()["size"] == size == 2


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b"\xff", b'{"reason": 1}'])
def test_a_request_that_is_not_as_described_is_400(client, body):
    answer = client.post("/v1/records/1/erase", content=body)
    assert (answer.status_code, answer.json()["code"]) == (400, "malformed")


def test_a_body_over_64_kib_is_413(client):
    body = json.dumps({"reason": "x" * 70_000}).encode()
    for path in ("/v1/keys", "/v1/records/1/erase"):
        assert client.post(path, content=body).status_code == 413


def test_what_a_key_signed_before_it_was_known_is_judged_again(server, client):
    key, pem = a_key()
    index = client.post("/v1/records", content=signed(key, 1)).json()["items"][0]["index"]
    assert "channel" in trust(server, client, index)
    said = client.post("/v1/keys", json={"action": "trust", "pem": pem})
    assert said.json()["judged_again"] == 1
    assert f"1 signed (entry {index})" in trust(server, client, index)


def test_a_record_that_waited_for_the_disk_while_its_key_was_trusted_is_judged_again(
    server, client, monkeypatch
):
    key, pem = a_key()
    writer, decisions = server.recorder.writer, server.recorder.decisions
    free, waiting, found = threading.Event(), threading.Event(), []
    write, fold = writer.write, decisions.fold

    def slow_write(pending):
        if any(b"in-toto" in record.content for record in pending.records):
            waiting.set()
            free.wait(10)
        write(pending)

    def late_fold(index, decision):
        if isinstance(decision, KeyChange):
            # The key is logged and not yet folded: a record judged now is judged without it.
            sender.start()
            assert waiting.wait(10)
            threading.Timer(0.3, free.set).start()
        fold(index, decision)

    monkeypatch.setattr(writer, "write", slow_write)
    monkeypatch.setattr(decisions, "fold", late_fold)
    sender = threading.Thread(
        target=lambda: found.append(client.post("/v1/records", content=signed(key, 2)))
    )
    said = client.post("/v1/keys", json={"action": "trust", "pem": pem})
    sender.join()
    monkeypatch.undo()
    index = found[0].json()["items"][0]["index"]
    assert said.json()["judged_again"] == 1
    assert f"1 signed (entry {index})" in trust(server, client, index)


def test_an_erased_content_is_gone_and_its_proof_stays(server, client):
    index = client.post("/v1/records", content=event_bytes(5)).json()["items"][0]["index"]
    receipt = client.get(f"/v1/receipts/{index}").text
    said = client.post(f"/v1/records/{index}/erase", json={"reason": "asked to"})
    assert said.json() == {"erased": index, "tombstone": index + 1}
    assert client.get(f"/v1/records/{index}/content").status_code == 404
    assert client.get(f"/v1/records/{index}").json()["erased"] is True
    assert client.get(f"/v1/receipts/{index}").text.split("\n")[1] == receipt.split("\n")[1]
    again = client.post(f"/v1/records/{index}/erase", json={"reason": "asked to"})
    assert again.json() == said.json()
    server.fold()


@pytest.mark.parametrize(
    ("index", "status"), [("0", 409), ("99999", 404), ("x", 400), ("9" * 5000, 400)]
)
def test_what_cannot_be_erased_says_why(client, index, status):
    answer = client.post(f"/v1/records/{index}/erase", json={"reason": "asked to"})
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"


def test_a_stranger_may_not_send_a_decision_of_the_servers_own(client):
    key, _ = a_key()
    forged = sign_envelope("application/vnd.wherefrom.tombstone.v1+json", b"{}", key)
    assert dsse.parse(json.loads(forged))
    answer = client.post("/v1/records", content=forged)
    assert (answer.status_code, answer.json()["items"][0]["code"]) == (403, "not_allowed")


@pytest.mark.parametrize(
    ("wish", "status", "says"),
    [
        ({"to": "\x1enobody's"}, 400, "not a key"),
        ({"to": "ed25519", "end": "00000000"}, 400, "not one thing"),
        ({"end": "00000000"}, 404, "no key of this log"),
        ({"to": "ml-dsa-44"}, 409, "publishes each head at once"),
    ],
)
def test_a_wish_for_keys_that_cannot_be_met_says_why_and_is_no_failure_of_ours(
    client, wish, status, says
):
    before = client.get("/v1/log/keys").json()
    said = client.post("/v1/log/keys", json=wish)
    assert said.status_code == status, said.text
    assert says in said.json()["detail"]
    assert client.get("/v1/log/keys").json() == before
