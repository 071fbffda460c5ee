"""A real Prometheus scrapes a real server and its guard: traces, names, and every dashboard.

server, its watch, a guard ◄──scrape── prometheus ◄──query── every expression of every dashboard
"""

import json
import re
import time
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from tests.journeys.test_admission import GuardProcess
from tests.journeys.test_continuous import Served
from tests.prometheus_server import prometheus
from tests.served import ServerProcess, event_bytes, until
from tests.watched_world import SCANNED, image, policy
from tests.webhook_receiver import SECRET, Receiver
from wherefrom.formats.grafana import expressions
from wherefrom.reporting.dashboards import dashboards

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
EXPRESSIONS = {
    f"{name}: {expression}": expression
    for name, document in dashboards("https://wherefrom.example").items()
    for expression in expressions(document)
}
# What the variables of a dashboard are while it shows the last minutes.
FILLED = {"$job": ".*", "$__rate_interval": "1m", "$__range": "5m", "$price": "0.1"}
CONFIG = """
global: {{scrape_interval: 1s}}
scrape_configs:
  - job_name: wherefrom
    static_configs: [{{targets: ["{server}"]}}]
  - job_name: wherefrom-admission
    scheme: https
    tls_config: {{insecure_skip_verify: true}}
    static_configs: [{{targets: ["{guard}"]}}]
"""


class Asked:
    """One Prometheus, and its answers."""

    def __init__(self, client):
        self._client = client

    def __call__(self, path, **parameters):
        answer = self._client.get(f"/api/v1/{path}", params=parameters)
        assert answer.status_code == 200, answer.text
        return answer.json()["data"]

    def series(self, expression):
        return self("query", query=expression)["result"]


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """The server, its log, and a Prometheus that has scraped it while much happened."""
    folder = tmp_path_factory.mktemp("metrics")
    data, guarded = folder / "d", folder / "guard"
    data.mkdir()
    guarded.mkdir()
    with Receiver() as receiver:
        receiver.status = 500
        hook = {"name": "on-call", "url": receiver.url, "secret": SECRET}
        (data / "notify.yaml").write_text(json.dumps({"webhooks": [hook]}))
        with (
            ServerProcess(data, "--sample") as server,
            Served(server) as log,
            GuardProcess(guarded, server.url, token=server.token) as guard,
        ):
            config = CONFIG.format(
                server=server.url.partition("//")[2], guard=guard.url.partition("//")[2]
            )
            options = ["--enable-feature=exemplar-storage"]
            with (
                prometheus(folder / "prometheus", config=config, options=options) as url,
                httpx.Client(base_url=url, timeout=30) as client,
            ):
                asked = Asked(client)
                until(lambda: len(asked.series("up == 1")) == 2)
                _live(log, guard)
                yield server, log, asked


def _of_till(*, allowed):
    """Whether a status says so of what this test deployed."""

    def holds(status):
        found = [one for one in status["running"] if one["artifact"] == image(1)]
        return found and found[0]["allowed"] is allowed and (allowed or found[0]["turned"])

    return holds


def _live(log, guard):
    """Everything that is counted happens at least once after the first scrape."""
    client = log.client
    log.deploy("stall", 1)
    log.scan(1)
    rules = policy(SCANNED)
    log.use(rules, "prod")
    log.wait_until(_of_till(allowed=True))
    log.scan(1, "critical")
    log.wait_until(_of_till(allowed=False))
    for number in (1, 99):
        asked = {"artifact": image(number), "environment": "prod", "policy": rules.to_document()}
        assert client.post("/v1/gate", json=asked).status_code in (200, 201)
    assert not guard.allows(f"registry.example.com/till@sha256:{'e' * 64}")
    assert client.post("/v1/records", content=b"{]").status_code == 400
    assert client.get("/v1/trace/pkg:pypi/none@1").status_code == 404


def test_prometheus_gives_the_trace_back_that_a_request_came_with(world):
    _, log, asked = world
    began = datetime.now(UTC)
    headers = {"traceparent": f"00-{TRACE}-{SPAN}-01"}
    sent = log.client.post("/v1/records", content=event_bytes(9), headers=headers)
    assert sent.status_code == 201

    def found():
        told = asked(
            "query_exemplars", query="wherefrom_record_seconds_bucket",
            start=(began - timedelta(minutes=1)).timestamp(), end=time.time() + 60,
        )  # fmt: skip
        return [one for family in told for one in family["exemplars"]]

    (one, *_) = until(found)
    assert one["labels"] == {"trace_id": TRACE, "span_id": SPAN}
    assert 0 < float(one["value"]) < 60
    assert abs(one["timestamp"] - began.timestamp()) < 60


def test_prometheus_takes_the_types_and_units_that_were_meant(world):
    _, _, asked = world
    metadata = until(lambda: asked("metadata"))
    ours = {name: one[0] for name, one in metadata.items() if name.startswith("wherefrom_")}
    assert ours["wherefrom_record_seconds"]["type"] == "histogram"
    assert ours["wherefrom_records"]["type"] == "counter"
    assert ours["wherefrom_storage_bytes"] == {
        "type": "gauge", "unit": "bytes",
        "help": "Bytes of the files in each folder of the data directory",
    }  # fmt: skip
    assert len(ours) > 30


def test_how_long_records_took_to_be_visible_is_known_for_each_view(world):
    _, log, asked = world
    log.record(event_bytes(77))
    for view in ("graph", "estate"):
        expression = f'wherefrom_freshness_seconds_count{{view="{view}"}} > 0'
        (one,) = until(lambda expression=expression: asked.series(expression))
        (size,) = asked.series(f'wherefrom_view_size{{view="{view}"}}')
        assert 0 < float(one["value"][1]) <= float(size["value"][1])


def test_what_runs_denied_and_who_was_not_told_is_known(world):
    _, _, asked = world
    (denied,) = until(
        lambda: asked.series('wherefrom_watch_denied_artifacts{environment="prod"} > 0')
    )
    assert float(denied["value"][1]) >= 1
    assert until(lambda: asked.series('wherefrom_notify_waiting{receiver="on-call"} >= 1'))
    refused = 'wherefrom_notify_deliveries_total{receiver="on-call", result="refused"} > 0'
    assert until(lambda: asked.series(refused))


@pytest.mark.parametrize("expression", EXPRESSIONS.values(), ids=EXPRESSIONS)
def test_every_expression_of_a_dashboard_is_of_metrics_that_exist_and_gives_something(
    world, expression
):
    _, _, asked = world
    for name, value in FILLED.items():
        expression = expression.replace(name, value)
    assert "$" not in expression
    named = set(re.findall(r"\bwherefrom_[a-z_]+", expression))
    until(lambda: named <= set(asked("label/__name__/values")))
    found = until(lambda: asked.series(expression), seconds=20)
    if "vector(0)" not in expression:
        assert any(one["value"][1] not in ("NaN", "+Inf") for one in found)


def test_every_label_has_few_values(world):
    """Bounded by routes, views, codes and settings: whatever is asked for, there is no more."""
    _, log, asked = world
    count = len(asked.series('{__name__=~"wherefrom_.+", job="wherefrom"}'))
    for number in range(30):
        log.client.get(f"/v1/show/pkg:pypi/none@{number}")
        log.client.get(f"/v1/trace/sha256:{number:064x}")
    time.sleep(3)
    after = asked.series('{__name__=~"wherefrom_.+", job="wherefrom"}')
    routes = {one["metric"].get("route", "") for one in after}
    assert not any("pypi" in route for route in routes)
    # What these two routes add at most: their histograms and errors, once each.
    assert len(after) - count < 100
