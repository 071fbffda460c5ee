"""Log lines that say what they belong to, and a guide for metrics.

    handler.addFilter(IdentityFilter())    "%(correlation_id)s %(reality)s %(message)s"
    histogram.observe(s, exemplar=exemplar())       a digest on an exemplar, and never on a label

A filter of a *handler* sees what every logger says; one of a logger only what is logged to it. The
worlds of metrics grow with each value of a label, so these carry ``identity().short`` at most.

Sizes:  an exemplar's names and values are 128 characters together
Source: OpenMetrics 1.0, "Exemplars"; docs/identity.md
"""

from __future__ import annotations

import logging

from wherefrom.capture.identity import identity
from wherefrom.capture.propagation import context

FIELDS = ("reality_id", "reality", "correlation_id", "origin_reality_id", "trace_id", "span_id")


class IdentityFilter(logging.Filter):
    """Puts FIELDS on every record; an empty text where there is none. Filters nothing out."""

    def filter(self, record: logging.LogRecord) -> bool:
        me, here = identity(), context.current()
        record.reality_id, record.reality = me.id, me.short
        record.correlation_id = here.correlation if here else ""
        record.origin_reality_id = here.origin if here else ""
        trace = context.recorded_span() or (here.trace if here else None)
        record.trace_id = trace.trace_id if trace else ""
        record.span_id = trace.span_id if trace else ""
        return True


def exemplar() -> dict[str, str]:
    """The labels of an exemplar: the trace of the work in hand, and the reality by its short name.

    The trace's spans have the whole ids; an exemplar has no room for two digests.
    """
    here = context.current()
    trace = context.recorded_span() or (here.trace if here else None)
    said = {"trace_id": trace.trace_id, "span_id": trace.span_id} if trace else {}
    return {**said, "reality": identity().short}
