"""Spans over OTLP/HTTP, from a plain client and from OpenTelemetry's own exporter."""

import gzip
import json

import pytest
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor

from tests.unit.formats.test_otlp import TRACE, message, request, span
from wherefrom.formats.reality_id import Reality

A = "sha256:" + "a" * 64
PROTOBUF = {"content-type": "application/x-protobuf"}


def ids(number):
    return {"traceId": f"{number:032x}", "said": {"prov.correlation.id": f"order-{number}"}}


def hops(client, id):
    (trace,) = client.get(f"/v1/request/{id}").json()["traces"]
    return [(hop["service"], hop["reality"]) for hop in trace["hops"]]


def test_spans_are_taken_and_the_way_of_their_request_is_answered(client):
    sent = request(span(1), resource={"service.name": "cart", "prov.artifact.digest": A})
    answer = client.post("/v1/traces", json=sent)
    assert (answer.status_code, answer.json()) == (200, {})
    assert hops(client, TRACE) == [("cart", Reality(A).id)]
    assert hops(client, f"00-{TRACE}-00f067aa0ba902b7-01") == [("cart", Reality(A).id)]


def test_a_broken_span_is_counted_and_the_others_are_held(client, number):
    n = number() + 100
    sent = request(span(1, **ids(n)), span(2, spanId="x", **ids(n)))
    answer = client.post("/v1/traces", json=sent)
    assert answer.status_code == 200
    assert answer.json()["partialSuccess"]["rejectedSpans"] == "1"
    assert hops(client, f"order-{n}") == [("cart", "")]


def test_protobuf_and_gzip_are_read(client, number):
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

    n = number() + 100
    body = gzip.compress(message(request(span(1, **ids(n)), span(2, spanId="07", **ids(n)))))
    answer = client.post(
        "/v1/traces", content=body, headers={**PROTOBUF, "content-encoding": "gzip"}
    )
    assert answer.headers["content-type"] == PROTOBUF["content-type"]
    said = ExportTraceServiceResponse.FromString(answer.content)
    assert said.partial_success.rejected_spans == 1
    assert hops(client, f"order-{n}") == [("cart", "")]


@pytest.mark.parametrize("compression", [Compression.NoCompression, Compression.Gzip])
def test_opentelemetry_s_own_exporter_is_understood(server, client, number, compression):
    id = f"export-{number()}"
    exporter = OTLPSpanExporter(
        server.url + "/v1/traces", compression=compression,
        headers={"Authorization": f"Bearer {server.token['sender']}"},
    )  # fmt: skip
    provider = TracerProvider(resource=Resource({"service.name": "web", "prov.artifact.digest": A}))
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    with provider.get_tracer("t").start_as_current_span("GET /") as one:
        one.set_attribute("prov.correlation.id", id)
    provider.shutdown()
    assert hops(client, id) == [("web", Reality(A).id)]


@pytest.mark.parametrize(
    ("headers", "body", "status", "code"),
    [
        ({}, b"{", 400, "malformed"),
        ({}, b"[]", 400, "malformed"),
        (PROTOBUF, b"\xff\xff", 400, "malformed"),
        ({"content-type": "text/plain"}, b"{}", 415, "unsupported"),
        ({"content-encoding": "br"}, b"{}", 415, "unsupported"),
        ({"content-encoding": "gzip"}, gzip.compress(b"{}", mtime=0)[:-6], 400, "malformed"),
    ],
)
def test_what_is_no_request_is_refused(client, headers, body, status, code):
    answer = client.post("/v1/traces", content=body, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (status, code)


def test_what_unpacks_to_too_much_is_refused(client):
    body = gzip.compress(b" " * (64 * 1024 * 1024 + 1))
    answer = client.post("/v1/traces", content=body, headers={"content-encoding": "gzip"})
    assert (answer.status_code, answer.json()["code"]) == (413, "limit")


def test_a_request_that_is_not_held_is_not_found(client):
    answer = client.get("/v1/request/order-unknown")
    assert answer.status_code == 404
    assert "its time is over" in json.dumps(answer.json())
