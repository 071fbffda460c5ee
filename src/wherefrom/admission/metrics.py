"""What a guard counts. Dry runs count for nothing. docs/metrics.md lists it all.

Source: OpenMetrics 1.0; prometheus.io, metric and label naming
"""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from wherefrom.admission.asking import Asking
from wherefrom.api.exposition import families, write
from wherefrom.api.processes import process_families

_BUCKETS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 1, 5, 10)


class GuardMetrics:
    """Counters of one process."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.reviews = Counter(
            "wherefrom_admission_reviews",
            "Reviews answered, by what became of them",
            ["webhook", "decision", "environment"],
            registry=self.registry,
        )
        self.unreadable = Counter(
            "wherefrom_admission_unreadable",
            "Requests that were no review",
            ["code"],
            registry=self.registry,
        )
        self.seconds = Histogram(
            "wherefrom_admission_seconds",
            "From a review to its answer",
            ["webhook"],
            unit="seconds",
            buckets=_BUCKETS,
            registry=self.registry,
        )
        self.turned = Counter(
            "wherefrom_admission_turned",
            "Images that could run and may no longer",
            registry=self.registry,
        )
        self.reloads = Counter(
            "wherefrom_admission_reloads",
            "Files that changed and were read again, or could not be",
            ["file", "result"],
            registry=self.registry,
        )
        self._standing = Gauge(
            "wherefrom_admission_standing",
            "Images that may run without a question",
            registry=self.registry,
        )
        self._reachable = Gauge(
            "wherefrom_admission_log_reachable",
            "1 if the log answered when it was last asked",
            registry=self.registry,
        )
        self._unheard = Gauge(
            "wherefrom_admission_log_unheard_seconds",
            "For how long nothing was heard of the log",
            unit="seconds",
            registry=self.registry,
        )
        self._size = Gauge(
            "wherefrom_admission_log_size",
            "The log size that answers are of",
            registry=self.registry,
        )
        self._dropped = Gauge(
            "wherefrom_admission_records_dropped",
            "Decisions that could not be recorded",
            registry=self.registry,
        )

    def text(self, asking: Asking, *, dropped: int, media_type: str) -> bytes:
        """The exposition, in the form that ``exposition.wanted`` says."""
        self._standing.set(len(asking.standing))
        self._reachable.set(asking.heard is not None and asking.trouble is None)
        self._unheard.set(asking.unheard_s or 0)
        self._size.set(asking.at.size if asking.at is not None else 0)
        self._dropped.set(dropped)
        together = [*families(self.registry), *process_families("admission")]
        return write(together, media_type=media_type)
