"""The same in protobuf, which most exporters send: read into what ``otlp`` reads.

    bytes ──ExportTraceServiceRequest──► {"resourceSpans": …}

Needs the extra ``otel``; without it protobuf is an encoding that is not read.

Source: opentelemetry-proto, collector/trace/v1/trace_service.proto
"""

from __future__ import annotations

from typing import Any

from wherefrom.errors import Malformed, Unsupported
from wherefrom.formats.otlp import Batch
from wherefrom.formats.otlp_metrics import Points


def document_of(content: bytes) -> dict[str, Any]:
    """The request as OTLP's JSON has it. Raises Malformed, Unsupported."""
    message = _messages().ExportTraceServiceRequest()
    from google.protobuf.message import DecodeError  # type: ignore[import-untyped]

    try:
        message.ParseFromString(content)
    except DecodeError as error:
        raise Malformed("not an ExportTraceServiceRequest", got=str(error)) from error
    return {
        "resourceSpans": [
            {
                "resource": {"attributes": _attributes(of_resource.resource)},
                "scopeSpans": [
                    {"spans": [_span(span) for span in scope.spans]}
                    for scope in of_resource.scope_spans
                ],
            }
            for of_resource in message.resource_spans
        ]
    }


def answer_of(batch: Batch) -> bytes:
    """An ExportTraceServiceResponse. Raises Unsupported."""
    message = _messages().ExportTraceServiceResponse()
    if batch.rejected:
        message.partial_success.rejected_spans = batch.rejected
        message.partial_success.error_message = "; ".join(batch.why)
    written: bytes = message.SerializeToString()
    return written


def metrics_of(content: bytes) -> dict[str, Any]:
    """An ExportMetricsServiceRequest as OTLP's JSON has it. Raises Malformed, Unsupported."""
    message = _messages("metrics").ExportMetricsServiceRequest()
    from google.protobuf.json_format import MessageToDict  # type: ignore[import-untyped]
    from google.protobuf.message import DecodeError

    try:
        message.ParseFromString(content)
    except DecodeError as error:
        raise Malformed("not an ExportMetricsServiceRequest", got=str(error)) from error
    found: dict[str, Any] = MessageToDict(message)
    return found


def answer_of_metrics(points: Points) -> bytes:
    """An ExportMetricsServiceResponse. Raises Unsupported."""
    message = _messages("metrics").ExportMetricsServiceResponse()
    if points.rejected:
        message.partial_success.rejected_data_points = points.rejected
        message.partial_success.error_message = "; ".join(points.why)
    written: bytes = message.SerializeToString()
    return written


def _messages(what: str = "trace") -> Any:
    try:
        if what == "metrics":
            from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2

            return metrics_service_pb2
        from opentelemetry.proto.collector.trace.v1 import trace_service_pb2
    except ImportError as error:
        raise Unsupported(
            "protobuf is not read here", where="Content-Type",
            expected="application/json", do="Install the extra: pip install 'wherefrom[otel]'",
        ) from error  # fmt: skip
    return trace_service_pb2


def _span(span: Any) -> dict[str, Any]:
    return {
        "traceId": span.trace_id.hex(),
        "spanId": span.span_id.hex(),
        "parentSpanId": span.parent_span_id.hex(),
        "name": span.name,
        "startTimeUnixNano": span.start_time_unix_nano,
        "endTimeUnixNano": span.end_time_unix_nano,
        "status": {"code": int(span.status.code)},
        "attributes": _attributes(span),
    }


def _attributes(parent: Any) -> list[dict[str, Any]]:
    return [{"key": item.key, "value": _value(item.value)} for item in parent.attributes]


def _value(value: Any) -> dict[str, Any]:
    kind = value.WhichOneof("value")
    if kind == "string_value":
        return {"stringValue": value.string_value}
    if kind == "int_value":
        return {"intValue": value.int_value}
    if kind == "array_value":
        # Only a first value is ever asked for, and arrays may be nested without end.
        return {"arrayValue": {"values": [_value(v) for v in value.array_value.values[:1]]}}
    return {}
