"""A real Alertmanager: Debian's own, on loopback, ended with its block.

alertmanager(folder) ──► url, alerts(): what it holds, pages(): what it told a receiver
"""

from __future__ import annotations

import contextlib
import shutil
import socket
import subprocess
import time

import httpx

STARTED_WITHIN_SECONDS = 40
ALERTMANAGER = shutil.which("prometheus-alertmanager")


class Alertmanager:
    """One that runs; ``url`` where."""

    def __init__(self, url):
        self.url = url
        self._client = httpx.Client(base_url=url, timeout=20)

    def close(self):
        self._client.close()

    def ready(self):
        try:
            return self._client.get("/-/ready").status_code == 200
        except httpx.HTTPError:
            return False

    def alerts(self, **labels):
        """Those that are active now and have these labels."""
        found = self._client.get("/api/v2/alerts").raise_for_status().json()
        return [
            one for one in found
            if all(one["labels"].get(name) == text for name, text in labels.items())
        ]  # fmt: skip


@contextlib.contextmanager
def alertmanager(folder, *, receiver="http://127.0.0.1:9/"):
    """One that tells ``receiver``, a webhook, as soon as it hears of anything."""
    assert ALERTMANAGER, "no Alertmanager here: make tools installs it"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "alertmanager.yml").write_text(
        "route: {receiver: all, group_by: ['...'], group_wait: 0s, group_interval: 1s,"
        " repeat_interval: 1h}\n"
        f"receivers: [{{name: all, webhook_configs: [{{url: '{receiver}'}}]}}]\n"
    )
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port = sock.getsockname()[1]
    with open(folder / "stderr", "wb") as errors:
        process = subprocess.Popen(
            [ALERTMANAGER, f"--config.file={folder / 'alertmanager.yml'}",
             f"--storage.path={folder / 'state'}", "--cluster.listen-address=",
             f"--web.listen-address=127.0.0.1:{port}"],
            stdin=subprocess.DEVNULL, stdout=errors, stderr=errors,
        )  # fmt: skip
    one = Alertmanager(f"http://127.0.0.1:{port}")
    try:
        until = time.monotonic() + STARTED_WITHIN_SECONDS
        while not one.ready():
            assert process.poll() is None, (folder / "stderr").read_text()
            assert time.monotonic() < until, "it did not start"
            time.sleep(0.05)
        yield one
    finally:
        one.close()
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
