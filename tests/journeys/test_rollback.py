"""Going back over HTTP as on a directory, and with a real registry that holds an image no more."""

from __future__ import annotations

import time

import pytest

from tests.journeys.test_http_server import is_followed, until
from tests.registry import RegistryProcess
from tests.served import ServerProcess
from tests.unit.cli.running import run
from wherefrom.capture import changes
from wherefrom.formats.states import Scope
from wherefrom.formats.timestamps import of_posix

PROD = Scope("prod", "cart")
HOUR = 3_600


@pytest.fixture
def served(tmp_path):
    with ServerProcess(tmp_path / "data") as server:
        yield server


def deployed(server, image, hours):
    at = of_posix(int(time.time()) - hours * HOUR)
    with server.client() as client:
        sent = client.post("/v1/records", content=changes.deploy(PROD, image, at=at, source="/ci"))
        assert sent.status_code == 201


def test_a_server_answers_as_its_directory_does_and_a_registry_that_lost_an_image_is_heard(
    served, tmp_path
):
    with RegistryProcess(tmp_path) as registry:
        name = f"{registry.host}/acme/cart"
        digests = [registry.push("acme/cart", str(n), config=b'{"a": %d}' % n)[0] for n in range(3)]
        for digest, hours in zip(digests, (30, 20, 1), strict=True):
            deployed(served, f"{name}@{digest}", hours)
        with served.client() as client:
            until(lambda: is_followed(client))
            told = client.get("/v1/rollback/cart", params={"environment": "prod"}).json()
        asked = ("rollback", "cart", "--json")
        here = run(*asked, data=tmp_path / "data")
        assert here.code == 0
        assert here.json["to"] == told["to"]
        assert told["to"]["values"][0]["value"] == digests[1]
        assert told["parts"][0]["exists"] == "unknown"
        held = run(*asked, "--registry", registry.url, data=tmp_path / "data").json
        assert (held["to"], held["parts"][0]["exists"]) == (told["to"], "yes")
        assert registry.client.delete(f"/v2/acme/cart/manifests/{digests[1]}").status_code == 202
        lost = run(*asked, "--registry", registry.url, data=tmp_path / "data").json
        assert lost["to"]["values"][0]["value"] == digests[0]
        assert [one["code"] for one in lost["passed_over"][0]["reasons"]] == ["gone"]
