"""Spans as they come: read alike from JSON and protobuf, and a broken one costs itself alone."""

import json
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

from tests.paths import REPOSITORY
from wherefrom.errors import LimitPassed, Malformed, Unsupported
from wherefrom.formats import otlp, otlp_protobuf, strict_json
from wherefrom.formats.reality_id import Reality

A, B = ("sha256:" + digit * 64 for digit in "ab")
TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"


def attributes(said):
    return [{"key": key, "value": {"stringValue": value}} for key, value in said.items()]


def span(number=1, *, said=None, **changes):
    return {
        "traceId": TRACE, "spanId": f"{number:016x}", "name": f"n{number}",
        "startTimeUnixNano": "1793534400000000000", "endTimeUnixNano": "1793534400012000000",
        "attributes": attributes(said or {}), **changes,
    }  # fmt: skip


def request(*spans, resource=None):
    of_resource = {"attributes": attributes(resource or {"service.name": "cart"})}
    return {"resourceSpans": [{"resource": of_resource, "scopeSpans": [{"spans": list(spans)}]}]}


def test_the_example_of_the_page_is_read_and_found_as_it_says():
    page = (REPOSITORY / "docs" / "formats" / "otlp.md").read_text()
    written = page.partition("## Example")[2].partition("```json\n")[2].partition("```")[0]
    (one,) = otlp.read(strict_json.decode(written.encode())).spans
    assert (one.trace, one.span, one.name, one.micros) == (TRACE, SPAN, "GET /cart", 12_000)
    assert (one.source.service, one.source.artifact) == ("cart", A)
    assert one.reality == Reality(A).id
    assert one.ids == ("order-7",)


def test_what_the_span_says_of_its_reality_counts_before_what_follows_from_parts():
    said = {"prov.reality.id": B, "prov.flagset.hash": A, "prov.origin.reality.id": A,
            "prov.caller.id": "spiffe://shop/web"}  # fmt: skip
    (one,) = otlp.read(request(span(said=said), resource={"oci.manifest.digest": A})).spans
    assert (one.reality, one.flags, one.origin, one.caller) == (B, A, A, "spiffe://shop/web")
    (two,) = otlp.read(
        request(span(said={"prov.flagset.hash": B}), resource={"oci.manifest.digest": A})
    ).spans
    assert two.reality == Reality(A, flags=B).id


def test_a_wrong_digest_or_caller_is_unknown_and_the_span_counts():
    said = {"prov.reality.id": "latest", "prov.caller.id": "web"}
    (one,) = otlp.read(request(span(said=said))).spans
    assert (one.reality, one.caller) == ("", "")


@pytest.mark.parametrize(
    "broken",
    [
        {"traceId": "x"}, {"traceId": "0" * 32}, {"spanId": ""}, {"spanId": 7},
        {"parentSpanId": "x"}, {"startTimeUnixNano": "-1"}, {"startTimeUnixNano": None},
        {"startTimeUnixNano": "9" * 21}, {"startTimeUnixNano": 1.5}, {"startTimeUnixNano": True},
        {"status": 7}, {"attributes": {}},
    ],
)  # fmt: skip
def test_a_span_that_cannot_be_read_loses_no_other(broken):
    batch = otlp.read(request(span(1), span(2, **broken), span(3)))
    assert [one.name for one in batch.spans] == ["n1", "n3"]
    assert batch.rejected == 1
    assert "resourceSpans[0].scopeSpans[0].spans[1]" in batch.why[0]
    said = batch.answer()["partialSuccess"]
    assert said["rejectedSpans"] == "1"


def test_a_resource_or_scope_that_cannot_be_read_loses_no_other():
    document = request(span())
    document["resourceSpans"] += [7, {"resource": []}, {"scopeSpans": [7, {"spans": 7}]}]
    batch = otlp.read(document)
    assert (len(batch.spans), batch.rejected) == (1, 4)


@pytest.mark.parametrize("document", [[], None, 7, {"resourceSpans": 7}])
def test_what_is_no_request_at_all_is_malformed(document):
    with pytest.raises(Malformed):
        otlp.read(document)


def test_numbers_of_spans_and_sizes_of_texts_have_limits(monkeypatch):
    (one,) = otlp.read(request(span(name="x" * 9999, said={"prov.correlation.id": "y" * 9999})))[0]
    assert (len(one.name), len(one.correlation)) == (256, 256)
    monkeypatch.setattr(otlp, "SPANS_MAX", 2)
    with pytest.raises(LimitPassed, match="spans_max 2"):
        otlp.read(request(span(1), span(2), span(3)))


def test_ids_come_from_headers_too_which_are_arrays():
    header = {"arrayValue": {"values": [{"stringValue": "req-1"}]}}
    said = [{"key": "http.request.header.x-request-id", "value": header},
            {"key": "faas.invocation_id", "value": {"stringValue": "call-1"}}]  # fmt: skip
    (one,) = otlp.read(request(span(attributes=said))).spans
    assert set(one.ids) == {"req-1", "call-1"}


JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda v: st.lists(v, max_size=3)
    | st.dictionaries(st.sampled_from(["spans", "resource", "attributes", "key", "value", "status",
                                       "arrayValue", "values", "stringValue", "traceId"]), v),
    max_leaves=12,
)  # fmt: skip


@given(st.lists(JUNK, max_size=3), JUNK)
def test_whatever_comes_a_good_span_beside_it_is_read(junk, other):
    document = request(*junk, span())
    document["resourceSpans"] = [other, *document["resourceSpans"]]
    assert any(one.name == "n1" for one in otlp.read(document).spans)


def message(document):
    """The same request in protobuf, as another program writes it."""
    import base64

    from google.protobuf.json_format import ParseDict

    def b64(one):
        ids = {k: base64.b64encode(bytes.fromhex(one[k])).decode()
               for k in ("traceId", "spanId", "parentSpanId") if k in one}  # fmt: skip
        return {**one, **ids}

    for of_resource in document["resourceSpans"]:
        for scope in of_resource["scopeSpans"]:
            scope["spans"] = [b64(one) for one in scope["spans"]]
    return ParseDict(document, ExportTraceServiceRequest()).SerializeToString()


def test_protobuf_is_read_as_json_is():
    def document():
        return request(
            span(1, said={"prov.correlation.id": "order-7", "prov.reality.id": A}),
            span(2, parentSpanId=f"{1:016x}", status={"code": 2}, attributes=[
                {"key": "http.request.header.x-request-id",
                 "value": {"arrayValue": {"values": [{"stringValue": "req-1"}]}}},
                {"key": "n", "value": {"intValue": "7"}},
                {"key": "b", "value": {"boolValue": True}},
            ]),
            resource={"service.name": "cart", "prov.artifact.digest": B},
        )  # fmt: skip

    read = otlp.read(otlp_protobuf.document_of(message(document())))
    assert read == otlp.read(json.loads(json.dumps(document())))
    assert read.spans[1].error
    assert not otlp_protobuf.answer_of(read)


def test_in_protobuf_too_a_broken_span_is_counted():
    batch = otlp.read(otlp_protobuf.document_of(message(request(span(1), span(2, spanId="07")))))
    answer = ExportTraceServiceResponse.FromString(otlp_protobuf.answer_of(batch))
    assert (len(batch.spans), answer.partial_success.rejected_spans) == (1, 1)
    assert "spans[1].spanId" in answer.partial_success.error_message


@given(st.binary(max_size=200))
def test_bytes_that_are_no_message_are_malformed(content):
    try:
        otlp.read(otlp_protobuf.document_of(content))
    except Malformed as error:
        assert "ExportTraceServiceRequest" in str(error)  # noqa: PT017


def test_without_the_extra_protobuf_is_not_read_and_the_error_names_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "opentelemetry.proto.collector.trace.v1", None)
    with pytest.raises(Unsupported, match="pip install 'wherefrom"):
        otlp_protobuf.document_of(b"")
