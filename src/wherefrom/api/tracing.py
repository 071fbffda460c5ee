"""Spans of this program itself, for whoever OTEL_EXPORTER_OTLP_ENDPOINT names. Off without it.

    request ──► SERVER span ──► verify · wait · append · publish           the writer
                   └──► CLIENT span ──traceparent──► SERVER span ──► question   the reader
    fold, watch round: each begins a trace of its own                      what the reader forks

Off, it is one object that does nothing, and OpenTelemetry is never imported. On, ``tracing_otel``
does the work. What a request asks for stands in its span as a path; no query, body, token or
address of a client does.

Source: OpenTelemetry, "SDK environment variables" and "OTLP exporter"; docs/metrics.md
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from typing import Any, Final

from starlette.types import Scope

_ENDPOINTS: Final = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
_PROTOCOLS: Final = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")
_SPOKEN: Final = "http/protobuf"
# An exporter that sends its spans to this very server would trace what it sends, for ever.
UNTRACED: Final = frozenset({"/v1/traces"})

Attributes = Mapping[str, str | int | float | bool]


class Span:
    """A span that is open for as long as its block; this one is none."""

    exemplar: dict[str, str] | None = None

    def __enter__(self) -> Span:
        return self

    def __exit__(self, kind: Any, error: Any, trace: Any) -> None:
        return

    def say(self, attributes: Attributes) -> None:
        """Add what became known meanwhile."""

    def answered(self, status: int) -> None:
        """Of a request: how it was answered."""

    def headers(self) -> dict[bytes, bytes]:
        """What carries it to another process."""
        return {}


_NONE: Final = Span()


class Tracing:
    """Where spans are begun; this one begins none, and costs nothing."""

    is_on = False

    def span(self, name: str, attributes: Attributes | None = None) -> Span:
        """A step, within the span that is open here; else the beginning of a trace."""
        return _NONE

    def past(self, name: str, began: float, ended: float) -> None:
        """A step that is over; seconds of ``time.perf_counter``."""

    def serving(self, scope: Scope, route: str) -> Span:
        """A request, within the span that its ``traceparent`` names, if any."""
        return _NONE

    def asking(self, method: str, path: str) -> Span:
        """A request to another process of ours."""
        return _NONE

    def asked(self, handler: Callable[..., Any], question: str) -> Callable[..., Any]:
        """The handler of a question, within a span from when it begins to be answered."""
        return handler

    def close(self) -> None:
        """Send what was not sent yet, for a few seconds at most."""


OFF: Final = Tracing()


def begin(process: str, *, environment: Mapping[str, str] = os.environ) -> Tracing:
    """Tracing of this process, as the standard variables say it; a line on standard error if it
    cannot be had: nothing is refused for it.

    process  what it is called: ``writer``, ``reader``, ``fold``, ``watch``
    """
    if not any(environment.get(name) for name in _ENDPOINTS):
        return OFF
    if environment.get("OTEL_SDK_DISABLED", "").lower() == "true":
        return OFF
    if environment.get("OTEL_TRACES_EXPORTER", "otlp") != "otlp":
        return OFF
    spoken = next((said for name in _PROTOCOLS if (said := environment.get(name))), _SPOKEN)
    if spoken != _SPOKEN:
        if process == "writer":
            _say(f"no traces: {_PROTOCOLS[1]} is {spoken}, and only {_SPOKEN} is spoken")
        return OFF
    try:
        from wherefrom.api.tracing_otel import begun
    except ImportError as error:
        if process == "writer":
            _say(f"no traces: {error}")
        return OFF
    return begun(process, on_trouble=_say)


def _say(says: str) -> None:
    print(f"wherefrom: {says}", file=sys.stderr, flush=True)  # noqa: T201
