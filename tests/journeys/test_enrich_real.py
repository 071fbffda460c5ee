"""A real Alertmanager: what it sends comes back enriched, and it knows the alert again."""

import json
import shutil
import socket
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import httpx
import pytest

from tests.served import until
from tests.unit.cli.running import run
from wherefrom.app import DataFolder, open_recorder
from wherefrom.capture import changes
from wherefrom.collect.principals import local
from wherefrom.formats.states import Scope

ARTIFACT = "sha256:" + "a" * 64
PROGRAM = shutil.which("prometheus-alertmanager")
LABELS = {"alertname": "CartFails", "service": "cart", "environment": "prod"}


@pytest.fixture
def received():
    """What Alertmanager posts to its receiver, and where that is."""
    bodies = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            bodies.append(self.rfile.read(int(self.headers["content-length"])))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_):
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield bodies, f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def alertmanager(tmp_path, received):
    assert PROGRAM, "no Alertmanager here: make tools installs it"
    (tmp_path / "am.yml").write_text(
        "route: {receiver: all, group_by: [alertname], group_wait: 0s, group_interval: 1s}\n"
        f"receivers: [{{name: all, webhook_configs: [{{url: '{received[1]}'}}]}}]\n"
    )
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = subprocess.Popen(
        [PROGRAM, f"--config.file={tmp_path / 'am.yml'}", f"--storage.path={tmp_path / 'am'}",
         f"--web.listen-address=127.0.0.1:{port}", "--cluster.listen-address="],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=20) as client:

        def ready():
            try:
                return client.get("/-/ready").status_code == 200
            except httpx.HTTPError:
                return False

        until(ready)
        yield client
    process.terminate()
    process.wait(20)


def test_alertmanager_knows_an_enriched_alert_again(tmp_path, alertmanager, received):
    folder = DataFolder(tmp_path / "data")
    folder.create()
    with open_recorder(folder) as recorder:
        content = changes.deploy(
            Scope("prod", "cart"), ARTIFACT, at="2026-01-01T10:00:00Z", source="/cd"
        )
        recorder.record([content], principal=local(0))
    sent = [{"labels": LABELS, "annotations": {"summary": "every tenth request"}}]
    assert alertmanager.post("/api/v2/alerts", json=sent).status_code == 200
    bodies, _ = received
    group = json.loads(until(lambda: bodies and bodies[0]))
    (before,) = alertmanager.get("/api/v2/alerts").json()

    def enriched(body):
        ran = run("enrich", "-", stdin=json.dumps(body).encode(), data=folder.path)
        assert ran.code == 0, ran.err
        return ran.json

    told = enriched(group)
    assert (told["groupKey"], told["groupLabels"]) == (group["groupKey"], group["groupLabels"])
    (alert,) = told["alerts"]
    assert alert["fingerprint"] == before["fingerprint"]
    assert ARTIFACT in alert["annotations"]["wherefrom_artifact"]
    assert told["commonAnnotations"]["wherefrom_artifact"]

    again = enriched([{key: before[key] for key in ("labels", "annotations", "startsAt")}])
    assert alertmanager.post("/api/v2/alerts", json=again).status_code == 200

    def is_taken():
        found = alertmanager.get("/api/v2/alerts").json()
        assert len(found) == 1, "it is taken for another alert"
        return ARTIFACT in found[0]["annotations"].get("wherefrom_artifact", "") and found[0]

    after = until(is_taken)
    assert after["fingerprint"] == before["fingerprint"]
    assert after["startsAt"] == before["startsAt"]
