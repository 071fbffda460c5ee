"""A server watches what runs: a policy, a key, a scan change, and whoever is to know is told."""

import json
import subprocess
import time

import pytest

from tests.served import WHEREFROM, ServerProcess
from tests.watched_world import SBOM, SCANNED, World, image, key_id, policy
from tests.webhook_receiver import SECRET, Receiver
from wherefrom.keys.ed25519 import spki_der
from wherefrom.keys.pem import new_key_pair
from wherefrom.keys.public import PublicKey


class Served(World):
    """The same world through the doors of a server."""

    def __init__(self, server):
        self.server, self.client = server, server.client()
        super().__init__(server.data)

    def __enter__(self):
        self.trust(self.key)
        return self

    def __exit__(self, *_):
        self.client.close()

    def record(self, *contents):
        answer = self.client.post("/v1/records", content=b"\n".join(contents))
        assert answer.status_code in (200, 201), answer.text
        return [item["index"] for item in answer.json()["items"]]

    def put(self, envelope):
        self.record(envelope)

    def trust(self, key, **more):
        pem = PublicKey(spki_der(key.public_key)).to_pem()
        self._post("/v1/keys", {"action": "trust", "pem": pem, **more})

    def revoke(self, key):
        self._post("/v1/keys", {"action": "revoke", "key": key_id(key)})

    def _post(self, path, asked):
        answer = self.client.post(path, content=json.dumps(asked))
        assert answer.status_code in (200, 201), answer.text

    def status(self, environment="", **_):
        answer = self.client.get("/v1/policy/status", params={"environment": environment})
        assert answer.status_code == 200, answer.text
        return answer.json()

    def wait_until(self, holds, *, seconds=60):
        """The status, once something holds of it."""
        until = time.monotonic() + seconds
        while True:
            status = self.status()
            if holds(status):
                return status
            assert time.monotonic() < until, status
            time.sleep(0.05)


def counts(allowed, denied):
    return lambda status: (status["allowed"], status["denied"]) == (allowed, denied)


@pytest.fixture
def told():
    with Receiver() as receiver:
        yield receiver


@pytest.fixture
def world(tmp_path, told):
    data = tmp_path / "d"
    data.mkdir()
    settings = {
        "url": "https://wherefrom.example",
        "webhooks": [{"name": "on-call", "url": told.url, "secret": SECRET}],
    }
    (data / "notify.yaml").write_text(json.dumps(settings))
    with ServerProcess(data) as server, Served(server) as world:
        yield world


def test_what_turns_bad_is_recorded_and_told_and_shows_everywhere(world, told):
    world.trust(world.other)
    world.deploy("cart", 1)
    world.deploy("till", 1)
    world.deploy("shop", 2)
    world.sbom(1, key=world.other)
    world.sbom(2)
    world.use(policy(SBOM), "prod")
    world.wait_until(counts(2, 0))
    assert not told.got

    world.revoke(world.other)
    (message,) = told.wait_for(1)
    assert message["type"] == "policy.denied"
    said = message["data"]
    assert said["artifact"] == image(1)
    assert said["services"] == ["cart", "till"]
    assert (said["was"], said["now"]) == ("allowed", "denied")
    assert said["failing"][0]["rule"] == "sbom"
    assert said["failing"][0]["remedy"]
    assert said["links"]["summary"].startswith("https://wherefrom.example/v1/records/")

    status = world.wait_until(lambda s: s["running"][0]["turned"] is not None)
    denied = status["running"][0]
    assert (denied["subject"], denied["allowed"], denied["production"]) == (image(1), False, True)
    assert denied["entry"] == said["summary"]
    assert status["watch"]["waiting"] == 0
    running = world.client.get("/v1/running", params={"scope": "prod/cart"}).json()
    (place,) = running["places"]
    assert place["declared"]["marks"] == ["denied"]
    assert place["declared"]["denied"] == denied["turned"]
    changes = world.client.get("/v1/changes", params={"scope": "prod", "slot": "denied"}).json()
    assert changes["changes"][0]["entry"] == denied["turned"]

    world.sbom(1)
    assert told.wait_for(2)[1]["type"] == "policy.allowed"
    world.wait_until(counts(2, 0))
    running = world.client.get("/v1/running", params={"scope": "prod/cart"}).json()
    assert "marks" not in running["places"][0]["declared"]


def test_a_server_that_is_killed_goes_on_where_the_log_is_and_tells_nothing_twice(world, told):
    for number in range(5):
        world.deploy(f"s{number}", number)
        world.scan(number)
    world.use(policy(SCANNED), "prod")
    world.wait_until(counts(5, 0))
    world.scan(3, "critical")
    told.wait_for(1)
    size = world.wait_until(lambda s: s["running"][0]["turned"] is not None)["log"]["size"]
    world.server.kill()
    world.server.start()
    world.client.close()
    world.client = world.server.client()
    world.scan(4, "critical")
    told.wait_for(2)
    status = world.wait_until(counts(3, 2))
    assert [message["data"]["artifact"] for message in told.got] == [image(3), image(4)]
    # The scan, one summary, one turn.
    assert world.wait_until(lambda s: s["watch"]["size"] == size + 3)["log"]["size"] == size + 3
    assert status["unjudged"] == 0


def test_a_receiver_that_is_away_is_told_later(world, told):
    told.status = 503
    world.deploy("cart", 1)
    world.use(policy(SBOM), "prod")
    world.wait_until(counts(0, 1))
    while not told.asked:
        time.sleep(0.02)
    told.status = 204
    (message,) = told.wait_for(1)
    assert message["data"]["artifact"] == image(1)


def test_the_command_line_puts_policies_in_force_and_tells_what_they_say(world, tmp_path):
    """``policy use``, ``gate`` without a policy, ``policy status`` and ``in-force``."""
    key = tmp_path / "k.pem"

    def run(*words, exits=0):
        done = subprocess.run(
            [WHEREFROM, *words, "--data", world.server.data], capture_output=True, text=True,
            check=False,
        )  # fmt: skip
        assert done.returncode == exits, done.stdout + done.stderr
        return done.stdout + done.stderr

    secret, public = new_key_pair()
    key.write_bytes(secret)
    world._post("/v1/keys", {"action": "trust", "pem": public.decode()})
    said = {"name": "p", "version": "1", "rules": [SBOM]}
    (tmp_path / "policy.yaml").write_text(json.dumps(said))
    world.deploy("cart", 1)
    assert "no policy is in force in prod" in run("gate", image(1), "-e", "prod", exits=2)
    assert "No policy is in force" in run("policy", "status")
    run("policy", "in-force", "-e", "prod", exits=1)
    run("policy", "use", tmp_path, "-e", "prod", "--key", key, "--reason", "from today")
    assert "from today" in run("policy", "in-force")
    assert "DENIED" in run("gate", image(1), "-e", "prod", exits=1)
    world.wait_until(counts(0, 1))
    said = run("policy", "status", "-e", "prod", exits=1)
    assert "sbom: nothing says what is inside it" in said
    assert "runs as cart (declared)" in said
    assert "watch at size" in said
    run("policy", "use", "--none", "-e", "prod", "--key", key)
    assert "No policy is in force" in run("policy", "in-force")
    run("policy", "use", "--none", "-e", "prod", "--key", key, exits=2)
    run("policy", "use", "-e", "prod", "--key", key, exits=2)


def test_settings_that_are_wrong_are_an_error_when_a_server_starts(tmp_path):
    data = tmp_path / "d"
    data.mkdir()
    (data / "notify.yaml").write_text("webhooks: [{name: a, url: 'http://example.com', secret: x}]")
    with pytest.raises(AssertionError, match="not an address to send to"):
        ServerProcess(data).start()
