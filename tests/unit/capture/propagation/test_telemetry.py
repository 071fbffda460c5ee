"""OpenTelemetry's resource, spans and log lines say what the program is and what work it does."""

import logging
import subprocess
import sys

import pytest
from opentelemetry import baggage, trace
from opentelemetry.sdk.resources import get_aggregated_resources
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from tests.unit.capture.conftest import ARTIFACT
from wherefrom.capture import identity
from wherefrom.capture.propagation import context, logs, otel


@pytest.fixture
def spans(me):
    exporter = InMemorySpanExporter()
    provider = TracerProvider(resource=otel.IdentityDetector().detect())
    provider.add_span_processor(otel.IdentitySpanProcessor())
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    exporter.tracer = provider.get_tracer("t")
    yield exporter
    provider.shutdown()


def test_the_resource_says_what_the_program_is(me):
    resource = get_aggregated_resources([otel.IdentityDetector(raise_on_error=True)])
    assert resource.attributes["prov.artifact.digest"] == ARTIFACT
    assert resource.attributes["service.name"] == "cart"


def test_the_detector_is_found_by_its_name():
    from importlib.metadata import entry_points

    (found,) = entry_points(group="opentelemetry_resource_detector", name="wherefrom")
    assert found.load() is otel.IdentityDetector


def test_each_span_has_the_reality_of_the_moment_it_began(spans):
    with context.entered(context.begin({"x-request-id": "order-7"})) as here:
        with spans.tracer.start_as_current_span("before"):
            pass
        identity.loaded(flags={"a": "on"})
        with spans.tracer.start_as_current_span("after"):
            pass
    before, after = (span.attributes for span in spans.get_finished_spans())
    assert before["prov.reality.id"] == here.origin == after["prov.origin.reality.id"]
    assert after["prov.reality.id"] == identity.identity().id != before["prov.reality.id"]
    assert before["prov.correlation.id"] == after["prov.correlation.id"] == "order-7"


def test_baggage_that_opentelemetry_brought_counts_where_nothing_of_ours_did(spans):
    brought = baggage.set_baggage(context.CORRELATION, "order-8")
    spans.tracer.start_span("x", context=brought).end()
    (span,) = spans.get_finished_spans()
    assert span.attributes["prov.correlation.id"] == "order-8"
    assert "prov.origin.reality.id" not in span.attributes


def test_what_goes_out_names_the_span_that_is_recorded(spans):
    with context.entered(context.begin()) as here:
        assert context.headers()["traceparent"] == here.trace.to_text()
        with spans.tracer.start_as_current_span("x") as span:
            sent = context.headers()["traceparent"]
            assert trace.format_span_id(span.get_span_context().span_id) in sent
            assert trace.format_trace_id(span.get_span_context().trace_id) in sent


def test_a_log_line_says_what_it_belongs_to(me):
    record = logging.LogRecord("x", logging.INFO, "f", 1, "said", None, None)
    with context.entered(context.begin({"x-request-id": "order-7"})) as here:
        assert logs.IdentityFilter().filter(record)
    line = logging.Formatter(
        "%(correlation_id)s %(reality)s %(reality_id)s %(trace_id)s %(message)s"
    )
    assert line.format(record) == f"order-7 {me.short} {me.id} {here.trace.trace_id} said"
    assert record.origin_reality_id == me.id


def test_a_log_line_of_no_work_can_be_written_by_the_same_formatter(me):
    record = logging.LogRecord("x", logging.INFO, "f", 1, "said", None, None)
    logs.IdentityFilter().filter(record)
    assert all(isinstance(getattr(record, name), str) for name in logs.FIELDS)
    assert (record.correlation_id, record.trace_id, record.reality) == ("", "", me.short)


def test_an_exemplar_fits_and_holds_no_full_digest(spans):
    with context.entered(context.begin()), spans.tracer.start_as_current_span("x") as span:
        said = logs.exemplar()
    assert said["trace_id"] == trace.format_trace_id(span.get_span_context().trace_id)
    assert sum(len(name) + len(value) for name, value in said.items()) <= 128
    assert len(said["reality"]) == 12
    from prometheus_client import Counter

    Counter("requests", "x", registry=None).inc(1, exemplar=said)


def test_without_opentelemetry_the_error_names_what_to_install():
    code = (
        "import sys; sys.modules['opentelemetry'] = None\n"
        "from wherefrom.capture.propagation import context, logs\n"
        "print(context.headers()['traceparent'][:3], logs.exemplar()['reality'])\n"
        "import wherefrom.capture.propagation.otel"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert ran.stdout.startswith("00-")
    assert "pip install 'wherefrom[otel]'" in ran.stderr
