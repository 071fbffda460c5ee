"""Intake rules over HTTP: who may change them, and that every judge asks the newest."""

import json

import pytest

from tests.folders import BUILDER, STRANGER, envelope, public, statement
from tests.served import Inside, event_bytes
from wherefrom.keys import changes
from wherefrom.verify.pool import BATCH_MIN

SIGNED = {"name": "signed", "kinds": ["attestation"], "least": "signed"}
SENDER = {"name": "only one sends", "only": ["sender"]}


@pytest.fixture
def server(tmp_path):
    with Inside(tmp_path / "data") as inside:
        yield inside


@pytest.fixture
def client(server):
    return server.client


def many(name, *keys):
    """More than are judged here: the judges' work."""
    contents = [envelope(statement(f"{name}-{n}"), *keys) for n in range(BATCH_MIN * 3)]
    return b"[" + b",".join(contents) + b"]"


def statuses(answer):
    return {(item["status"], item["code"]) for item in answer.json()["items"]}


def test_every_judge_asks_the_rules_of_now(server, client):
    client.post("/v1/keys", json={"action": "trust", "pem": public(BUILDER).to_pem()})
    assert statuses(client.post("/v1/records", content=many("a", STRANGER))) == {("recorded", None)}
    first = server.app.state.intake.pool._judges
    assert first is not None, "the batch was not judged by judges"
    said = client.post("/v1/intake", json={"rules": [SIGNED], "reason": "from today"})
    assert (said.status_code, said.json()["version"]) == (201, 1)
    refused = client.post("/v1/records", content=many("b", STRANGER))
    assert (refused.status_code, statuses(refused)) == (403, {("refused", "not_allowed")})
    assert "'signed' demands more trust" in refused.json()["items"][0]["reason"]
    judges = server.app.state.intake.pool._judges
    assert judges is not first
    assert [rule.name for rule in judges.rules.intake] == ["signed"]
    assert statuses(client.post("/v1/records", content=many("c", BUILDER))) == {("recorded", None)}
    client.post("/v1/intake", json={"rules": []})
    assert statuses(client.post("/v1/records", content=many("b", STRANGER))) == {("recorded", None)}


def test_a_rule_names_a_sender_by_its_token_and_only_an_administrator_is_told_who(server, client):
    client.post("/v1/intake", json={"rules": [SENDER]})
    assert client.post("/v1/records", content=event_bytes(1)).status_code == 403
    with server.as_("sender") as sender:
        assert sender.post("/v1/records", content=event_bytes(1)).status_code == 201
    told = client.get("/v1/intake").json()
    (producer,) = told["rules"][0]["only"]
    assert (producer[:2], told["senders"][producer]) == ("p:", "sender")
    with server.as_("reader") as reader:
        assert reader.get("/v1/intake").json() == {**told, "senders": {}}


def test_a_simulation_says_over_http_what_then_happens(client):
    for number in range(5):
        client.post("/v1/records", content=envelope(statement(f"s-{number}"), STRANGER))
    told = client.post("/v1/intake/simulate", json={"rules": [SIGNED], "last": 3}).json()
    assert (told["records"], told["refused"], told["rules"][0]["failed"]) == (3, 3, 3)
    assert client.get("/v1/intake").json()["version"] == 0
    past = client.post(
        "/v1/intake/simulate", json={"rules": [SIGNED], "since": "2020-01-01T00:00:00Z"}
    )
    assert past.json()["records"] == 5


def test_marks_are_listed_for_whoever_may_read(server, client):
    client.post("/v1/intake", json={"rules": [{**SIGNED, "effect": "mark"}]})
    assert client.post("/v1/records", content=envelope(statement("m"), STRANGER)).status_code == 201
    with server.as_("reader") as reader:
        (mark,) = reader.get("/v1/intake/marks?last=5").json()["marks"]
    assert (mark["rule"], mark["example"]["trust"]) == ("signed", "channel")


def test_rules_are_proposed_signed_and_applied_once_there_are_administrators(server, client):
    key = public(BUILDER)
    client.post("/v1/keys", json={"action": "trust", "pem": key.to_pem()})
    keyring = server.recorder.decisions.keyring
    from wherefrom.formats.own import Administrators

    named = Administrators(keys=(key.id,), threshold=1, keyring=keyring.digest)
    client.post("/v1/keys", json={"envelope": json.loads(changes.draft(named))})
    assert client.post("/v1/intake", json={"rules": [SENDER]}).status_code == 403
    proposed = client.post("/v1/intake", json={"rules": [SENDER], "propose": True})
    assert (proposed.status_code, client.get("/v1/intake").json()["version"]) == (200, 0)
    written = json.dumps(proposed.json()["envelope"]).encode()
    assert b"sender" not in changes.read_draft(json.loads(written))[1].payload.replace(
        b"senders", b""
    )
    approved = {"envelope": json.loads(changes.approve(written, BUILDER))}
    assert client.post("/v1/keys", json=approved).status_code == 400
    assert client.post("/v1/intake", json=approved).status_code == 201
    assert client.post("/v1/intake", json=approved).status_code == 403
    assert client.get("/v1/intake").json()["version"] == 1


@pytest.mark.parametrize(
    ("path", "wanted", "status"),
    [
        ("/v1/intake", {}, 400),
        ("/v1/intake", {"rules": [], "envelope": {}}, 400),
        ("/v1/intake", {"rules": [{"name": "a"}]}, 400),
        ("/v1/intake", {"rules": [{"name": "a", "only": ["p:1"]}]}, 400),
        ("/v1/intake", {"rules": [{**SIGNED, "surprise": 1}]}, 400),
        ("/v1/intake", {"rules": [], "reason": "x" * 1025}, 413),
        ("/v1/intake", {"envelope": {"payload": "", "payloadType": "x"}}, 400),
        ("/v1/intake", {"rules": [], "reason": "x" * 300_000}, 413),
        ("/v1/intake/simulate", {"rules": [SIGNED], "last": -1}, 400),
        ("/v1/intake/simulate", {"rules": [SIGNED], "since": "yesterday"}, 400),
        ("/v1/intake/simulate", {"rules": [{"name": "a"}]}, 400),
    ],
)
def test_what_cannot_be_meant_is_refused_and_changes_nothing(server, client, path, wanted, status):
    size = server.recorder.writer.size
    answer = client.post(path, json=wanted)
    assert (answer.status_code, server.recorder.writer.size) == (status, size), answer.text
