"""What a server counts, in Prometheus's text format.

Source: prometheus.io, text exposition format
"""

from __future__ import annotations

from collections.abc import Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest


class WriterMetrics:
    """Counters of the process that writes."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.records = Counter(
            "wherefrom_records",
            "Records that came in, by what became of them",
            ["status", "code"],
            registry=self.registry,
        )
        self.seconds = Histogram(
            "wherefrom_record_seconds",
            "From a request's head to its acknowledgement",
            buckets=(0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5),
            registry=self.registry,
        )
        self.log_size = Gauge("wherefrom_log_size", "Entries in the log", registry=self.registry)
        self.published = Gauge(
            "wherefrom_published_size",
            "Entries in the checkpoint that witnesses cosigned last; 0 without witnesses",
            registry=self.registry,
        )
        self.waiting = Gauge(
            "wherefrom_waiting_records",
            "Records taken that are not answered yet",
            registry=self.registry,
        )
        self.root_age_days = Gauge(
            "wherefrom_trusted_root_age_days",
            "How old the trusted root in force is; 0 without one",
            registry=self.registry,
        )
        self.root_too_old = Gauge(
            "wherefrom_trusted_root_too_old",
            "1 if it is too old to judge by",
            registry=self.registry,
        )

    def text(self) -> bytes:
        """The exposition."""
        return generate_latest(self.registry)


class ViewMetrics:
    """Gauges of the process that answers: how far the graph has followed the log."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._size = Gauge(
            "wherefrom_view_size",
            "Log size each view has reached",
            ["view"],
            registry=self.registry,
        )
        self._behind = Gauge(
            "wherefrom_view_behind_entries",
            "Entries each view still has to read",
            ["view"],
            registry=self.registry,
        )

    def text(self, views: Mapping[str, int], *, log_size: int) -> bytes:
        """The exposition, for views of these sizes."""
        for view, size in views.items():
            self._size.labels(view).set(size)
            self._behind.labels(view).set(log_size - size)
        return generate_latest(self.registry)
