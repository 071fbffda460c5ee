"""A server's own spans, as a collector gets them: through both processes, and off when unasked."""

import os
import re
import secrets
import subprocess
import sys
from itertools import pairwise

import pytest

from tests.otlp_collector import Collector
from tests.served import ServerProcess, event_bytes, followed, until
from wherefrom.api import tracing
from wherefrom.api.exposition import OPENMETRICS

SPAN = "00f067aa0ba902b7"
ROAD = ["verify", "wait", "append", "publish"]


def traceparent(trace, *, flags="01"):
    return {"traceparent": f"00-{trace}-{SPAN}-{flags}"}


def exporting(url, **more):
    return {
        "OTEL_EXPORTER_OTLP_ENDPOINT": url, "OTEL_BSP_SCHEDULE_DELAY": "50",
        "OTEL_EXPORTER_OTLP_TIMEOUT": "2", **more,
    }  # fmt: skip


@pytest.fixture(scope="module")
def collector():
    with Collector() as one:
        yield one


@pytest.fixture(scope="module")
def server(tmp_path_factory, collector):
    folder = tmp_path_factory.mktemp("traced")
    with ServerProcess(folder / "d", env=exporting(collector.url)) as server:
        yield server


@pytest.fixture(scope="module")
def client(server):
    with server.client() as client:
        followed(client)
        yield client


def spans_of(collector, trace, count):
    """All spans of a trace, once there are as many as there must be."""
    until(lambda: sum(one.trace == trace for one in collector.spans) >= count)
    return [one for one in collector.spans if one.trace == trace]


def test_a_record_is_a_span_within_its_senders_with_each_step_of_its_road(collector, client):
    trace = secrets.token_hex(16)
    sent = client.post("/v1/records?wait=proof", content=event_bytes(1), headers=traceparent(trace))
    assert sent.status_code == 201
    spans = {one.name: one for one in spans_of(collector, trace, 5)}
    assert spans.keys() == {"POST /v1/records", *ROAD}
    request = spans["POST /v1/records"]
    assert (request.kind, request.parent, request.status) == ("server", SPAN, 0)
    assert request.attributes == {
        "http.request.method": "POST", "http.route": "/v1/records", "url.path": "/v1/records",
        "url.scheme": "http", "network.protocol.version": "1.1", "server.address": "127.0.0.1",
        "server.port": client.base_url.port, "http.response.status_code": 201,
    }  # fmt: skip
    assert request.of["service.name"] == "wherefrom"
    assert request.of["wherefrom.process"] == "writer"
    times = [(spans[name].began, spans[name].ended) for name in ROAD]
    assert all(spans[name].parent == request.id for name in ROAD)
    assert all(began <= ended for began, ended in times)
    # The clock of spans that are over is read twice: a millisecond is none.
    late = 1_000_000
    assert request.began - late <= times[0][0]
    assert all(before[1] <= after[0] + late for before, after in pairwise(times))
    assert times[-1][1] <= request.ended + late


def test_a_question_is_one_trace_through_both_processes(collector, client):
    trace = secrets.token_hex(16)
    path = "/v1/trace/pkg:pypi/none@1"
    asked = client.get(f"{path}?depth=3&own=1", headers=traceparent(trace))
    assert asked.status_code == 404
    spans = {(one.of["wherefrom.process"], one.kind): one for one in spans_of(collector, trace, 4)}
    ways = [
        ("writer", "server"),
        ("writer", "client"),
        ("reader", "server"),
        ("reader", "internal"),
    ]
    assert sorted(spans) == sorted(ways)
    outer, passed, inner, question = (spans[way] for way in ways)
    assert [one.parent for one in (outer, passed, inner, question)] == [
        SPAN, outer.id, passed.id, inner.id
    ]  # fmt: skip
    assert outer.name == inner.name == "GET /v1/trace/{id}"
    assert outer.attributes["url.path"] == inner.attributes["url.path"] == path
    assert passed.attributes["http.response.status_code"] == 404
    assert question.name == "question trace"
    assert question.attributes == {"wherefrom.question": "trace", "error.type": "not_found"}
    assert {one.status for one in spans.values()} == {0}, "a no is not a failure of the server"


def test_what_the_reader_forks_is_traced_by_range_and_by_round(collector, client):
    client.post("/v1/records", content=event_bytes(2))
    size = client.get("/v1/log").json()["size"]

    def folded():
        ranges = [one for one in collector.spans if one.name == "fold" and not one.parent]
        return [one for one in ranges if one.attributes["wherefrom.size"] >= size]

    (last, *_) = until(folded)
    assert last.of["wherefrom.process"] == "fold"
    assert last.attributes["wherefrom.first"] < size
    (one, *_) = until(lambda: [one for one in collector.spans if one.name == "watch round"])
    assert one.of["wherefrom.process"] == "watch"
    assert one.attributes.keys() == {
        "wherefrom.size", "wherefrom.decided", "wherefrom.written", "wherefrom.waiting"
    } or one.attributes.keys() == {"error.type"}  # fmt: skip


def test_what_the_caller_does_not_record_is_not_recorded_here(collector, client):
    unsampled, sampled = secrets.token_hex(16), secrets.token_hex(16)
    client.get("/v1/log", headers=traceparent(unsampled, flags="00"))
    client.get("/v1/log", headers=traceparent(sampled))
    spans_of(collector, sampled, 4)
    assert not any(one.trace == unsampled for one in collector.spans)


def test_no_query_token_or_body_leaves_with_a_span(collector, client, server):
    trace, secret = secrets.token_hex(16), "s3cr3t-" + secrets.token_hex(8)
    client.get(f"/v1/find?q={secret}", headers=traceparent(trace))
    client.post("/v1/records", content=f'{{"{secret}"'.encode(), headers=traceparent(trace))
    found = str(spans_of(collector, trace, 6))
    assert secret not in found
    assert server.token not in found


def test_a_request_without_a_trace_begins_one_and_its_bucket_names_it(collector, client):
    client.post("/v1/events", content=b"{]", headers={"content-type": "application/json"})
    (one, *_) = until(lambda: [o for o in collector.spans if o.name == "POST /v1/events"])
    assert one.parent == ""
    text = client.get("/metrics", headers={"Accept": OPENMETRICS}).text
    buckets = re.findall(r'http_request_seconds_bucket\{.*route="/v1/events".*# \{(.*?)\}', text)
    assert f'span_id="{one.id}",trace_id="{one.trace}"' in buckets


def test_spans_come_where_they_are_sent_and_scrapes_are_none(collector, client):
    client.get("/metrics")
    trace = secrets.token_hex(16)
    client.get("/v1/log", headers=traceparent(trace))
    spans_of(collector, trace, 4)
    assert set(collector.paths) == {"/v1/traces"}
    assert not any("/metrics" in one.name or "/healthz" in one.name for one in collector.spans)


def test_a_server_of_ours_takes_the_spans_of_another_and_shows_the_way_of_a_request(tmp_path):
    trace = secrets.token_hex(16)
    with ServerProcess(tmp_path / "takes") as takes:
        token = {"OTEL_EXPORTER_OTLP_HEADERS": f"authorization=Bearer%20{takes.token}"}
        with (
            ServerProcess(tmp_path / "sends", env=exporting(takes.url, **token)) as sends,
            sends.client() as client,
            takes.client() as asks,
        ):
            client.get("/v1/log", headers=traceparent(trace))

            def told():
                answer = asks.get(f"/v1/request/{trace}")
                return answer.json() if answer.status_code == 200 else None

            way = until(told)
            assert "wherefrom" in str(way)
            assert "GET /v1/log" in str(way)


def test_a_server_that_takes_its_own_spans_does_not_trace_that_it_does(tmp_path):
    data = tmp_path / "d"
    with ServerProcess(data) as server:
        token, port = server.token, server.url.rpartition(":")[2]
    own = exporting(
        f"http://127.0.0.1:{port}", OTEL_EXPORTER_OTLP_HEADERS=f"authorization=Bearer%20{token}"
    )
    trace = secrets.token_hex(16)
    with ServerProcess(data, "--port", port, env=own) as server, server.client() as client:
        client.get("/v1/log", headers=traceparent(trace))
        until(lambda: client.get(f"/v1/request/{trace}").status_code == 200)
        text = client.get("/metrics").text
        assert 'route="/v1/traces"' in text
        assert server.errors().count("spans are not taken") == 0


def test_a_collector_that_takes_nothing_is_told_once_and_holds_nothing_up(tmp_path):
    with Collector() as deaf:
        deaf.status = 400
        with ServerProcess(tmp_path / "d", env=exporting(deaf.url)) as server:
            with server.client() as client:
                for number in range(3):
                    before = deaf.asked
                    sent = client.post("/v1/records", content=event_bytes(number))
                    assert sent.status_code == 201
                    until(lambda before=before: deaf.asked > before)
            code, _ = server.terminate()
            assert code == 0
            said = [line for line in server.errors().splitlines() if "spans" in line]
    # Each process of the server that has spans says it once.
    assert 1 <= len(said) <= 4
    assert set(said) == {
        "wherefrom: spans are not taken where OTEL_EXPORTER_OTLP_ENDPOINT leads"
    }  # fmt: skip


@pytest.mark.parametrize(
    "environment",
    [
        {},
        {"OTEL_EXPORTER_OTLP_ENDPOINT": ""},
        {"OTEL_EXPORTER_OTLP_METRICS_ENDPOINT": "http://127.0.0.1:1"},
        {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1", "OTEL_SDK_DISABLED": "True"},
        {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1", "OTEL_TRACES_EXPORTER": "none"},
        {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1",
         "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"},
    ],
)  # fmt: skip
def test_there_are_no_spans_unless_they_are_asked_for(environment, capsys):
    assert tracing.begin("writer", environment=environment) is tracing.OFF
    said = capsys.readouterr().err
    assert ("only http/protobuf is spoken" in said) == ("grpc" in str(environment))


def test_a_server_without_them_never_imports_opentelemetry():
    code = (
        "import sys, wherefrom.serving.writer, wherefrom.serving.reader; "
        "from wherefrom.api.tracing import begin; begin('writer'); "
        "print([name for name in sys.modules if name.startswith('opentelemetry')])"
    )
    plain = {k: v for k, v in os.environ.items() if not k.startswith("OTEL_")}
    ran = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=plain, check=True
    )
    assert ran.stdout.strip() == "[]"


def test_an_environment_without_the_extra_is_told_and_serves(tmp_path, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "wherefrom.api.tracing_otel", None)
    asked = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1"}
    assert tracing.begin("writer", environment=asked) is tracing.OFF
    assert "no traces" in capsys.readouterr().err
