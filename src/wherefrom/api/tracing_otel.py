"""``tracing``, by OpenTelemetry's SDK and its exporter over HTTP, which read their own variables:
OTEL_SERVICE_NAME, OTEL_RESOURCE_ATTRIBUTES, OTEL_TRACES_SAMPLER, OTEL_EXPORTER_OTLP_HEADERS, ….

Needs the extra ``otel``.

Sizes:  CLOSE_SECONDS for what is not sent yet when a process ends
Source: semantic conventions of HTTP 1.23; docs/metrics.md ("Traces")
"""

from __future__ import annotations

import functools
import inspect
import logging
import os
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Any, Final

from starlette.types import Scope

from wherefrom import __version__
from wherefrom.api import tracing
from wherefrom.api.access import NotAuthenticated
from wherefrom.api.tracing import Attributes, Tracing
from wherefrom.errors import Error

try:
    from opentelemetry.context import Context
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
    from opentelemetry.sdk.trace.export import (
        BatchSpanProcessor,
        SpanExporter,
        SpanExportResult,
    )
    from opentelemetry.trace import Span as OtelSpan
    from opentelemetry.trace import SpanKind, StatusCode
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
except ImportError as error:
    raise ImportError(
        "OpenTelemetry is not installed; it comes with: pip install 'wherefrom[otel]'"
    ) from error

CLOSE_SECONDS: Final = 3.0
# What an error says may quote what was sent: only its code goes out.
_QUIETLY: Final[Any] = {"record_exception": False, "set_status_on_exception": False}
_PROPAGATOR: Final = TraceContextTextMapPropagator()
_EXPORTER_LOG: Final = "opentelemetry.exporter.otlp.proto.http.trace_exporter"


def begun(process: str, *, on_trouble: Callable[[str], None]) -> Tracing:
    """Tracing of this process. ``on_trouble`` is told in a line when spans are not taken."""
    said: dict[str, str] = {"service.version": __version__, "wherefrom.process": process}
    named = "service.name=" in os.environ.get("OTEL_RESOURCE_ATTRIBUTES", "")
    if not named and "OTEL_SERVICE_NAME" not in os.environ:
        said["service.name"] = "wherefrom"
    provider = TracerProvider(resource=Resource.create(said), shutdown_on_exit=False)
    # It says at each failure what is said here once.
    logging.getLogger(_EXPORTER_LOG).setLevel(logging.CRITICAL)
    exporter = _Heard(OTLPSpanExporter(), on_trouble)
    provider.add_span_processor(BatchSpanProcessor(exporter))
    return _Tracing(provider)


class _Heard(SpanExporter):
    """An exporter whose failures are told once, until it succeeds again."""

    def __init__(self, exporter: SpanExporter, on_trouble: Callable[[str], None]) -> None:
        self._exporter, self._on_trouble = exporter, on_trouble
        self._failed = False

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        done = self._exporter.export(spans)
        failed = done is not SpanExportResult.SUCCESS
        if failed and not self._failed:
            self._on_trouble("spans are not taken where OTEL_EXPORTER_OTLP_ENDPOINT leads")
        self._failed = failed
        return done

    def shutdown(self) -> None:
        self._exporter.shutdown()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        return self._exporter.force_flush(timeout_millis)


class _Tracing(Tracing):
    is_on = True

    def __init__(self, provider: TracerProvider) -> None:
        self._provider = provider
        self._tracer = provider.get_tracer("wherefrom", __version__)

    def span(self, name: str, attributes: Attributes | None = None) -> tracing.Span:
        return _Open(
            self._tracer.start_as_current_span(name, attributes=dict(attributes or {}), **_QUIETLY)
        )

    def past(self, name: str, began: float, ended: float) -> None:
        since = time.time_ns() - time.perf_counter_ns()
        start, end = (since + int(at * 1e9) for at in (began, ended))
        self._tracer.start_span(name, start_time=start).end(end_time=end)

    def serving(self, scope: Scope, route: str) -> tracing.Span:
        method = scope["method"]
        said: dict[str, str | int] = {
            "http.request.method": method,
            "http.route": route,
            "url.path": scope["path"],
            "url.scheme": scope["scheme"],
            "network.protocol.version": scope["http_version"],
        }
        if scope.get("server") is not None:
            address, port = scope["server"]
            said |= {"server.address": address} | ({} if port is None else {"server.port": port})
        return _Open(
            self._tracer.start_as_current_span(
                f"{method} {route}",
                context=_carried(scope),
                kind=SpanKind.SERVER,
                attributes=said,
                **_QUIETLY,
            )
        )

    def asking(self, method: str, path: str) -> tracing.Span:
        return _Open(
            self._tracer.start_as_current_span(
                method,
                kind=SpanKind.CLIENT,
                attributes={
                    "http.request.method": method,
                    "url.path": path,
                    "server.address": "reader.sock",
                    "network.transport": "unix",
                },
                **_QUIETLY,
            )
        )

    def asked(self, handler: Callable[..., Any], question: str) -> Callable[..., Any]:
        name, said = f"question {question}", {"wherefrom.question": question}

        if inspect.iscoroutinefunction(handler):

            @functools.wraps(handler)
            async def later(*given: Any, **named: Any) -> Any:
                with self.span(name, said):
                    return await handler(*given, **named)

            return later

        @functools.wraps(handler)
        def here(*given: Any, **named: Any) -> Any:
            with self.span(name, said):
                return handler(*given, **named)

        return here

    def close(self) -> None:
        # Whoever does not take them must not hold up the end.
        closing = threading.Thread(target=self._provider.shutdown, daemon=True)
        closing.start()
        closing.join(CLOSE_SECONDS)


class _Open(tracing.Span):
    def __init__(self, opened: AbstractContextManager[OtelSpan]) -> None:
        self._opened = opened
        self._span: OtelSpan

    def __enter__(self) -> tracing.Span:
        self._span = self._opened.__enter__()
        context = self._span.get_span_context()
        if context.trace_flags.sampled:
            self.exemplar = {
                "trace_id": f"{context.trace_id:032x}", "span_id": f"{context.span_id:016x}"
            }  # fmt: skip
        return self

    def __exit__(self, kind: Any, error: Any, trace: Any) -> None:
        if error is not None:
            known = isinstance(error, Error | NotAuthenticated)
            self._span.set_attribute("error.type", getattr(error, "code", type(error).__name__))
            if not known:
                self._span.set_status(StatusCode.ERROR)
        self._opened.__exit__(kind, error, trace)

    def say(self, attributes: Attributes) -> None:
        self._span.set_attributes(dict(attributes))

    def answered(self, status: int) -> None:
        self._span.set_attribute("http.response.status_code", status)
        if status >= 500:
            self._span.set_attribute("error.type", str(status))
            self._span.set_status(StatusCode.ERROR)

    def headers(self) -> dict[bytes, bytes]:
        carrier: dict[str, str] = {}
        _PROPAGATOR.inject(carrier)
        return {name.encode(): value.encode("latin-1") for name, value in carrier.items()}


def _carried(scope: Scope) -> Context:
    """The context that a request came with; an empty one, so that it begins a trace, without."""
    carrier = {
        name.decode(): value.decode("latin-1")
        for name, value in scope["headers"]
        if name in (b"traceparent", b"tracestate")
    }
    return _PROPAGATOR.extract(carrier, context=Context())
