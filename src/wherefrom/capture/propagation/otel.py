"""OpenTelemetry: what this program is on its resource, what a request belongs to on its spans.

    OTEL_EXPERIMENTAL_RESOURCE_DETECTORS=wherefrom    IdentityDetector, by its entry point
    provider.add_span_processor(IdentitySpanProcessor())

The resource says what does not change while a program runs: artifact, build, config, policy. The
reality with the flags of that moment stands on each span.

Needs the extra ``otel``.
"""

from __future__ import annotations

try:
    from opentelemetry import baggage
    from opentelemetry.context import Context
    from opentelemetry.sdk.resources import Resource, ResourceDetector
    from opentelemetry.sdk.trace import Span, SpanProcessor
except ImportError as error:
    raise ImportError(
        "OpenTelemetry is not installed; it comes with: pip install 'wherefrom[otel]'"
    ) from error

from wherefrom.capture.identity import identity
from wherefrom.capture.propagation import context


class IdentityDetector(ResourceDetector):
    """What this program is, as resource attributes. Raises SettingError."""

    def detect(self) -> Resource:
        return Resource(identity().attributes())


class IdentitySpanProcessor(SpanProcessor):
    """Puts reality, correlation and origin on each span as it starts.

    Where no middleware of ours took a request in, correlation and origin are those of
    OpenTelemetry's own baggage, if its propagator brought any.
    """

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        said = context.attributes()
        for key in (context.CORRELATION, context.ORIGIN):
            brought = baggage.get_baggage(key, parent_context)
            if key not in said and isinstance(brought, str):
                said[key] = brought
        span.set_attributes(said)
