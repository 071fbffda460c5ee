"""Alerts as people get them: a real server, a real Alertmanager, one page for one cause."""

from __future__ import annotations

import json
import subprocess
import threading
import time
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import quote

import pytest

from tests.alertmanager_server import alertmanager
from tests.journeys.test_continuous import Served
from tests.served import WHEREFROM, ServerProcess, followed, until
from tests.watched_world import World, image
from tests.webhook_receiver import SECRET, Receiver
from wherefrom import app
from wherefrom.formats import timestamps

OBJECTIVES = """
quiet: 10s
coverage_drop: {points: 10, within: 1h, lasting: null}
objectives:
  - {name: shop-errors, service: shop, environment: prod, target: 99, series: errors, by: [reality]}
"""


class Pager:
    """What an Alertmanager tells: a real one, by its webhook. Leaving the block ends it."""

    def __init__(self):
        self.got = []
        pager = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = json.loads(self.rfile.read(int(self.headers["content-length"])))
                pager.got += body["alerts"]
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_):
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/"
        self._thread = threading.Thread(target=self._server.serve_forever)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def told(self, status):
        """Roots that it told of with this status, as often as it did."""
        return sorted(one["labels"]["root"] for one in self.got if one["status"] == status)


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A directory where cart and pay run, with all their papers, since two hours."""
    ago = lambda: timestamps.to_text(datetime.now(UTC) - timedelta(hours=2))  # noqa: E731
    with monkeypatch.context() as earlier:
        earlier.setattr(app, "now", ago)
        with World(tmp_path / "d") as world:
            world.trust(world.other)
            for service, number, key in (("cart", 1, world.key), ("pay", 2, world.other)):
                world.deploy(service, number)
                world.built(number, key=key)
                world.sbom(number, "pkg:pypi/x@1", key=key)
    return tmp_path / "d"


def alerts(world, **asked):
    answer = world.client.get("/v1/alerts", params=asked)
    assert answer.status_code == 200, answer.text
    return answer.json()["alerts"]


def run(data, *arguments):
    done = subprocess.run(
        [WHEREFROM, *arguments, "--data", data], capture_output=True, text=True, check=False,
        env={"PATH": "/usr/bin:/bin", "COLUMNS": "100"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_one_page_for_one_cause_until_it_is_mended_and_none_in_a_maintenance(tmp_path, place):
    with (
        Pager() as pager,
        Receiver() as hook,
        alertmanager(tmp_path / "am", receiver=pager.url) as am,
    ):
        settings = {
            "url": "https://wherefrom.example",
            "webhooks": [{"name": "hook", "url": hook.url, "secret": SECRET}],
            "alertmanagers": [{"name": "am", "url": am.url, "severities": ["page"]}],
        }
        (place / "notify.yaml").write_text(json.dumps(settings))
        (place / "objectives.yaml").write_text(OBJECTIVES)
        with ServerProcess(place) as server, Served(server) as world:
            # 1. What vouched for what runs in production no longer counts.
            world.revoke(world.other)
            until(lambda: am.alerts(alertname="integrity"))
            # 2. A release that nobody vouches for.
            world.deploy("cart", 3)
            until(lambda: am.alerts(alertname="coverage-drop"))
            both = sorted([image(2), image(3)])
            assert sorted(one["labels"]["root"] for one in am.alerts()) == both
            until(lambda: pager.told("firing") == both)
            for one in am.alerts():
                assert one["labels"]["severity"] == "page"
                assert one["annotations"]["link_digest"].startswith("https://wherefrom.example/")
                assert one["annotations"]["records"].startswith("#")
            opened = hook.wait_for(2)
            assert [m["type"] for m in opened] == ["alert.opened", "alert.opened"]
            assert {m["data"]["severity"] for m in opened} == {"page"}
            listed = alerts(world)
            assert {one["root"]["id"] for one in listed} == set(both)
            assert all(one["closed"] is None for one in listed)
            (lost,) = [one for one in listed if one["rule"] == "integrity"]
            why = world.client.get("/v1/why", params={"alert": lost["incident"]}).json()
            assert why["says"][0].startswith("this alert (integrity) is about records")
            page = f"/incidents/{quote(lost['incident'], safe='')}?format=json"
            tile = world.client.get(page).json()["tiles"][-1]
            assert (tile["question"], tile["values"]) == ("What is it about?", [[image(2)] * 2])
            told = run(place, "alerts")
            assert "PAGE" in told
            assert max(map(len, told.splitlines())) <= 100

            # 3. A crash repeats nothing.
            server.kill()
            server.start()
            world.client.close()
            world.client = server.client()
            followed(world.client)
            time.sleep(3)
            assert len(hook.got) == 2
            assert pager.told("firing") == both

            # 4. Mended: both end, everywhere.
            for number in (2, 3):
                world.built(number)
                world.sbom(number, "pkg:pypi/x@1")
            until(lambda: pager.told("resolved") == both, seconds=120)
            assert am.alerts() == []
            assert sorted(m["type"] for m in hook.wait_for(4)[2:]) == ["alert.closed"] * 2
            until(lambda: alerts(world) == [])
            ended = alerts(world, since=(datetime.now(UTC) - timedelta(hours=1)).isoformat())
            assert [one["closed"] is not None for one in ended] == [True, True]

            # 5. In a maintenance it is recorded, and told when that ends.
            run(place, "maintenance", "declare", "prod/cart", "--until", "1h", "--reason", "update")
            world.deploy("cart", 4)
            (silent,) = until(lambda: alerts(world))
            assert (silent["severity"], silent["root"]["id"]) == ("info", image(4))
            assert "recorded, and told to nobody" in run(place, "alerts")
            time.sleep(3)
            assert len(hook.got) == 4
            assert am.alerts() == []
            (lasts,) = json.loads(run(place, "maintenance", "list", "--json"))["maintenances"]
            run(place, "maintenance", "end", lasts["maintenance"])
            (told_now,) = hook.wait_for(5)[4:]
            assert (told_now["type"], told_now["data"]["severity"]) == ("alert.raised", "page")
            until(lambda: [one["labels"]["root"] for one in am.alerts()] == [image(4)])

            # 6. A canary of two percent that burns at fifty times.
            now = datetime.now(UTC).replace(second=0, microsecond=0)
            rows = ["time,service,environment,identity,metric,value"]
            for minute in range(80):
                at = (now - timedelta(minutes=minute)).isoformat()
                for identity, requests, rate in (("v1", 980, 1.0), ("v2", 20, 0.5)):
                    rows += [f"{at},shop,prod,{identity},requests,{requests}",
                             f"{at},shop,prod,{identity},success_rate,{rate}"]  # fmt: skip
            taken = world.client.post(
                "/v1/series", content="\n".join(rows), headers={"Content-Type": "text/csv"}
            )
            assert taken.status_code in (200, 201), taken.text
            (burns,) = until(lambda: am.alerts(service="shop"), seconds=120)
            assert "v2 50.0 times too fast" in burns["annotations"]["description"]
            said = run(place, "objectives", "status")
            assert "page: 50.0 times too fast in 5m" in said
            assert max(map(len, said.splitlines())) <= 100
            assert len(pager.told("firing")) == 4
        assert server.errors().count("alerts wait") == 0, server.errors()
