"""The trusted root over HTTP: who may change it, that every judge asks it, who is told its age."""

import json

import pytest

from tests.folders import BUILDER, public
from tests.served import Inside
from tests.sigstore_world import Made, world
from wherefrom.formats.own import Administrators
from wherefrom.keys import changes
from wherefrom.verify.pool import BATCH_MIN

ROOT = json.dumps(world().root())
NO_LOG = json.dumps(world().root() | {"tlogs": []})
OLD = {"trusted_root": ROOT, "as_of": "2026-01-01T00:00:00Z", "warn_days": 1, "refuse_days": 20_000}


@pytest.fixture
def server(tmp_path):
    with Inside(tmp_path / "data") as inside:
        yield inside


@pytest.fixture
def client(server):
    return server.client


def many(name):
    """More than are judged here: bundles that a root has to judge."""
    made = [Made(artifact=f"{name}-{n}".encode()).document() for n in range(BATCH_MIN * 2)]
    return json.dumps(made).encode()


def levels(server, answer):
    indexes = [item["index"] for item in answer.json()["items"]]
    return {json.loads(server.recorder.writer.entry(i))["trust"]["level"] for i in indexes}


def test_every_judge_asks_the_root_of_now(server, client):
    assert levels(server, client.post("/v1/records", content=many("a"))) == {"channel"}
    first = server.app.state.intake.pool._judges
    assert first is not None, "the batch was not judged by judges"
    said = client.post("/v1/roots", json={"trusted_root": ROOT, "reason": "from today"})
    assert (said.status_code, said.json()["version"]) == (201, 1)
    assert levels(server, client.post("/v1/records", content=many("b"))) == {"keyless"}
    judges = server.app.state.intake.pool._judges
    assert judges is not first
    assert judges.rules.root.written == ROOT
    client.post("/v1/roots", json={"trusted_root": NO_LOG})
    assert levels(server, client.post("/v1/records", content=many("c"))) == {"channel"}
    client.post("/v1/roots", json=OLD | {"refuse_days": 2})
    assert levels(server, client.post("/v1/records", content=many("d"))) == {"channel"}
    assert client.get("/v1/roots").json()["state"] == "too_old"


def test_answers_that_judges_gave_under_the_root_before_are_judged_again(
    server, client, monkeypatch
):
    pool = server.app.state.intake.pool
    rules, told = pool._current, []

    def changing():
        told.append(rules())
        if len(told) == 1:  # the judges are asked under none, and then there is one
            server.recorder.decisions.fold(10**6, root_change(server))
        return told[-1]

    monkeypatch.setattr(pool, "_current", changing)
    assert levels(server, client.post("/v1/records", content=many("a"))) == {"keyless"}
    assert [rules.root is None for rules in told] == [True, False]


def root_change(server):
    return server.recorder.propose_root(changes.RootWish(trusted_root=ROOT))


def test_a_root_that_grows_old_is_told_by_readyz_and_metrics(server, client):
    assert client.get("/readyz").text == "ready\n"
    assert b"wherefrom_trusted_root_age_seconds 0.0" in client.get("/metrics").content
    client.post("/v1/roots", json={"trusted_root": ROOT})
    assert client.get("/readyz").text == "ready\n"
    client.post("/v1/roots", json=OLD)
    ready, metrics = client.get("/readyz"), client.get("/metrics").text
    assert (ready.status_code, ready.text[:37]) == (200, "ready\nthe trusted root (version 2) is")
    assert "keys may have been added or given up since" in ready.text
    assert "wherefrom_trusted_root_age_seconds 0.0" not in metrics
    assert "wherefrom_trusted_root_too_old 0.0" in metrics
    client.post("/v1/roots", json=OLD | {"refuse_days": 1})
    assert "judges no more after 1:" in client.get("/readyz").text
    assert "wherefrom_trusted_root_too_old 1.0" in client.get("/metrics").text


def test_a_root_is_proposed_signed_and_applied_once_there_are_administrators(server, client):
    key = public(BUILDER)
    client.post("/v1/keys", json={"action": "trust", "pem": key.to_pem()})
    keyring = server.recorder.decisions.keyring
    named = Administrators(keys=(key.id,), threshold=1, keyring=keyring.digest)
    client.post("/v1/keys", json={"envelope": json.loads(changes.draft(named))})
    assert client.post("/v1/roots", json={"trusted_root": ROOT}).status_code == 403
    proposed = client.post("/v1/roots", json={"trusted_root": ROOT, "propose": True})
    assert (proposed.status_code, client.get("/v1/roots").json()["version"]) == (200, 0)
    written = json.dumps(proposed.json()["envelope"]).encode()
    approved = {"envelope": json.loads(changes.approve(written, BUILDER))}
    assert client.post("/v1/keys", json=approved).status_code == 400
    assert client.post("/v1/roots", json=approved | {"reason": "x"}).status_code == 400
    assert client.post("/v1/roots", json=approved).status_code == 201
    assert client.post("/v1/roots", json=approved).status_code == 403
    assert client.get("/v1/roots").json()["trusted_root"] == ROOT
    with server.as_("reader") as reader:
        assert reader.get("/v1/roots").status_code == 200
        assert reader.post("/v1/roots", json={}).status_code == 403


@pytest.mark.parametrize(
    ("wanted", "status"),
    [
        ({"trusted_root": "{}"}, 400),
        ({"trusted_root": ""}, 400),
        ({"trusted_root": '{"mediaType": "x"}'}, 415),
        ({"trusted_root": 7}, 400),
        ({"trusted_root": ROOT, "surprise": 1}, 400),
        ({"trusted_root": ROOT + " " * 262_144}, 413),
        ({"trusted_root": " " * 2_200_000}, 413),
        ({"envelope": {"payload": "", "payloadType": "x"}}, 400),
    ],
)
def test_what_cannot_be_meant_is_refused_and_changes_nothing(server, client, wanted, status):
    size = server.recorder.writer.size
    answer = client.post("/v1/roots", json=wanted)
    assert (answer.status_code, server.recorder.writer.size) == (status, size), answer.text
