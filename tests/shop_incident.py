"""A shop's last hour, whole: a real Prometheus, a server, and the records of what happened.

change deploy, observed instances, an Alertmanager webhook ──► the log
two versions of a cart, one of which fails                 ──► Prometheus
"""

from __future__ import annotations

import contextlib
import json
import subprocess
import time

from tests import shop_world as shop
from tests.prometheus_server import prometheus
from tests.served import WHEREFROM, ServerProcess
from wherefrom.capture import changes
from wherefrom.formats.states import OBSERVED, Scope
from wherefrom.formats.timestamps import of_posix

ALERT = "CartFails"


@contextlib.contextmanager
def incident(folder, *options):
    """What Prometheus saw of it, and what was recorded; ``options`` of the server."""
    now = time.time() // 60 * 60
    data = folder / "data"
    with (
        prometheus(folder / "prometheus", shop.history(now)) as url,
        ServerProcess(data, *options) as server,
    ):
        settings = {"prometheus": {"url": url, "step_s": 60}}
        (data / "series.json").write_text(json.dumps(settings))
        yield World(now, server, url)


class World:
    """What the tests ask of."""

    def __init__(self, now, server, prometheus_url):
        self.now, self.server, self.prometheus_url = now, server, prometheus_url
        self.changed("deploy", "cart", shop.OLD, "--pool", "main", at=-60 * 24 * 3)
        self.changed("deploy", "shop", "pkg:oci/shop@9", "--pool", "main", at=-60 * 24 * 3)
        self.observed("shop-1", "shop", "main", "pkg:oci/shop@9", at=-70)
        for name in ("cart-a", "cart-b"):
            self.observed(name, "cart", "main", shop.OLD, at=-70)
        self.changed("set", "flag", "fast-search", "on", "--service", "shop", at=-40)
        self.changed("deploy", "cart", shop.NEW, "--pool", "canary", at=shop.ROLLED_OUT)
        self.observed("cart-new", "cart", "canary", shop.NEW, at=shop.ROLLED_OUT + 0.5)
        self.alerted()
        self.changed("deploy", "cart", shop.OLD, "--pool", "canary", at=shop.BACK)
        self.observed("cart-new", "cart", "canary", None, at=shop.BACK + 1)

    def at(self, minutes):
        return of_posix(int(self.now + 60 * minutes))

    def ask(self, *arguments, code=0):
        """``wherefrom`` against the server."""
        environment = {"WHEREFROM_URL": self.server.url, "WHEREFROM_TOKEN": self.server.token}
        ran = subprocess.run(
            [WHEREFROM, *arguments], env=environment, capture_output=True, text=True, check=False
        )
        assert ran.returncode == code, ran.stderr
        return ran.stdout

    def json(self, *arguments):
        return json.loads(self.ask(*arguments, "--json"))

    def changed(self, *arguments, at):
        self.ask("change", *arguments, "--environment", "prod", "--at", self.at(at))

    def observed(self, instance, service, pool, artifact, *, at):
        scope = Scope("prod", service, "", pool, instance)
        states = [{"slot": "artifact", "name": "", "value": artifact}] if artifact else []
        content = changes.estate(
            OBSERVED, scope, states, all_of=("artifact",), at=self.at(at), source="/x"
        )
        with self.server.client() as client:
            client.post("/v1/records", content=content).raise_for_status()

    def alerted(self):
        labels = {"alertname": ALERT, "environment": "prod", "service": "cart"}
        group = {
            "version": "4", "groupKey": "{}", "status": "firing", "receiver": "x",
            "alerts": [{"status": "firing", "labels": labels, "annotations": {},
                        "startsAt": self.at(shop.ALERT), "fingerprint": "ab12"}],
        }  # fmt: skip
        with self.server.client() as client:
            client.post("/v1/webhooks/alertmanager", json=group).raise_for_status()
