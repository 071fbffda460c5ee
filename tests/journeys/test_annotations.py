"""A change that a real server records is drawn in a Grafana, as its API is documented."""

import json
import time

from tests.grafana_stub import TOKEN, Grafana
from tests.served import ServerProcess, followed, until
from wherefrom.capture import changes
from wherefrom.formats.states import Scope
from wherefrom.formats.timestamps import of_micros


def test_a_deployment_comes_to_grafana_with_its_tags_and_is_counted(tmp_path):
    data = tmp_path / "d"
    data.mkdir()
    with Grafana() as grafana:
        to = {"name": "boards", "url": grafana.url, "token": TOKEN}
        (data / "notify.yaml").write_text(json.dumps({"grafana": [to]}))
        with ServerProcess(data) as server, server.client() as client:
            followed(client)
            until(lambda: (data / "notify" / "annotated").exists())
            at = time.time_ns() // 1_000_000 - 1000
            content = changes.estate(
                "declared", Scope("prod", "till"),
                [{"slot": "artifact", "name": "", "value": "sha256:" + "ab" * 32}],
                all_of=["artifact"], at=of_micros(at * 1000), source="/cd",
            )  # fmt: skip
            assert client.post("/v1/records", content=content).status_code == 201
            until(lambda: grafana.added)
            taken = 'deliveries_total{receiver="boards",result="taken"} 1.0'
            until(lambda: taken in client.get("/metrics").text)
            assert client.get("/v1/annotations").json()[0]["time"] == at
            assert TOKEN not in server.errors()
    (one,) = grafana.added
    assert one["time"] == at
    assert one["tags"] == ["wherefrom", "deploy", "env:prod", "svc:till"]
