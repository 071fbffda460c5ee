"""Going back over HTTP as on a directory, and with a real registry that holds an image no more."""

from __future__ import annotations

import time

import pytest

from tests.registry import RegistryProcess
from tests.served import ServerProcess, followed
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
            followed(client)
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


def test_a_canary_is_judged_by_a_server_as_it_is_here(served, tmp_path, monkeypatch):
    began = int(time.time()) // 60 * 60 - HOUR
    rows = ["time,service,instance,pool,environment,metric,value"]
    with served.client() as client:
        for pool, letter, born, rate in (("main", "a", -600, 0.999), ("canary", "b", 0, 0.8)):
            scope = PROD._replace(pool=pool)
            said = changes.deploy(
                scope, f"sha256:{letter * 64}", at=of_posix(began + born), source="/ci"
            )
            assert client.post("/v1/records", content=said).status_code == 201
            for minute in range(30):
                where = f"{of_posix(began + 60 * minute)},cart,cart-{pool},{pool},prod"
                rows += [f"{where},requests,200", f"{where},success_rate,{rate}"]
        sent = client.post(
            "/v1/series", content="\n".join(rows).encode(), headers={"Content-Type": "text/csv"}
        )
        assert sent.status_code == 200, sent.text
        followed(client)
    asked = ("canary", "cart", "--tolerate", "failing=0.01", "--tolerate", "slow=0.5", "--json",
             "--until", of_posix(began + 1_800))  # fmt: skip
    here = run(*asked, data=tmp_path / "data")
    monkeypatch.setenv("WHEREFROM_TOKEN", served.token)
    there = run(*asked, "--server", served.url)
    assert (here.code, there.code) == (1, 1), there.err
    assert there.json == here.json
    assert [one["tolerance"] for one in there.json["measures"]] == [0.01]
