"""What the two processes of a server count: the one that writes, and the one that answers.

Names follow OpenMetrics: a base unit at the end, ``_total`` for what only grows. A label has as
many values as there are routes, views, codes or statuses, never as many as there are things; of
senders, SENDERS_MAX.
docs/metrics.md lists them all; what the reader forks counts in ``serving.metrics``.

Source: OpenMetrics 1.0; prometheus.io, metric and label naming
"""

from __future__ import annotations

from collections import Counter as Tally
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Info

from wherefrom import __version__
from wherefrom.api.exposition import Family, families
from wherefrom.api.measured import Answered, Count, question_of

if TYPE_CHECKING:
    from wherefrom.log.group import Times  # the reader holds nothing that writes

_FAST: Final = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 1, 5)
_ASKED: Final = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
_REFUSED: Final = (
    "unsupported", "malformed", "limit", "bad_signature", "forbidden_field", "not_allowed",
)  # fmt: skip
SENDERS_MAX: Final = 10
_RECORDS: Final = (1, 4, 16, 64, 256, 1024, 4096)


class WriterMetrics:
    """Counters of the process that writes."""

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        info = Info("wherefrom_build", "The program that serves", registry=registry)
        info.info({"version": __version__})
        self.records = Counter(
            "wherefrom_records",
            "Records that came in, by what became of them",
            ["status", "code"],
            registry=registry,
        )
        self.seconds = Histogram(
            "wherefrom_record_seconds",
            "From a request's head to its acknowledgement",
            unit="seconds",
            buckets=(0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5),
            registry=registry,
        )
        self._requests = Histogram(
            "wherefrom_http_request_seconds",
            "From a request's head to the end of its answer, passed on or not",
            ["route", "method", "status"],
            unit="seconds",
            buckets=_ASKED,
            registry=registry,
        )
        self._verifying = Histogram(
            "wherefrom_verification_seconds",
            "Reading and judging one record: the mean of the part of a request it came in",
            unit="seconds",
            buckets=_FAST,
            registry=registry,
        )
        self._syncs = Histogram(
            "wherefrom_journal_sync_seconds",
            "Writing one batch to the journal and flushing it to the disk",
            unit="seconds",
            buckets=_FAST,
            registry=registry,
        )
        self._checkpoints = Histogram(
            "wherefrom_checkpoint_seconds",
            "Signing one batch's checkpoint, moving the head and publishing full tiles",
            unit="seconds",
            buckets=_FAST,
            registry=registry,
        )
        self._batch = Histogram(
            "wherefrom_batch_records",
            "New records in one batch",
            unit="records",
            buckets=_RECORDS,
            registry=registry,
        )
        self._decisions = Counter(
            "wherefrom_gate_decisions",
            "Verdicts of the gate that were signed and recorded, by what they say",
            ["decision"],
            registry=registry,
        )
        # What is there from the start: a series that begins at one has not grown.
        for status, code in (("recorded", ""), ("known", ""), *(("refused", c) for c in _REFUSED)):
            self.records.labels(status, code)
        for decision in ("allowed", "denied"):
            self._decisions.labels(decision)
        self.log_size = Gauge("wherefrom_log_size", "Entries in the log", registry=registry)
        self.published = Gauge(
            "wherefrom_published_size",
            "Entries in the checkpoint that witnesses cosigned last; 0 without witnesses",
            registry=registry,
        )
        self.waiting = Gauge(
            "wherefrom_waiting_records",
            "Records taken that are not answered yet",
            unit="records",
            registry=registry,
        )
        self._shed = Counter(
            "wherefrom_shed_requests",
            "Requests that were told to come again as too many records wait; senders with most",
            ["sender"],
            registry=registry,
        )
        self._shed_of: Tally[str] = Tally()
        self._shown: dict[str, int] = {}
        self.stopped = Gauge(
            "wherefrom_log_stopped",
            "1 if the log takes nothing more until a restart",
            registry=registry,
        )
        self.refusing = Gauge(
            "wherefrom_disk_refuses",
            "1 while the log's disk did not take the last batch of records",
            registry=registry,
        )
        self.reader_up = Gauge(
            "wherefrom_reader_up",
            "1 if the process that answers questions answered this scrape",
            registry=registry,
        )
        self.root_age = Gauge(
            "wherefrom_trusted_root_age_seconds",
            "How old the trusted root in force is; 0 without one",
            unit="seconds",
            registry=registry,
        )
        self.root_too_old = Gauge(
            "wherefrom_trusted_root_too_old",
            "1 if it is too old to judge by",
            registry=registry,
        )

    def answered(self, route: str) -> Count:
        """What counts the requests to a route."""
        children: dict[tuple[str, int], Histogram] = {}

        def count(one: Answered) -> None:
            kind = one.method, one.status // 100
            child = children.get(kind)
            if child is None:
                labels = route, one.method, f"{kind[1]}xx"
                child = children[kind] = self._requests.labels(*labels)
            child.observe(one.seconds, one.exemplar)

        return count

    def judged(self, seconds: float) -> None:
        """Count a part of a request whose records took so long to judge, each."""
        self._verifying.observe(seconds)

    def decided(self, allowed: bool) -> None:
        """Count a verdict of the gate."""
        self._decisions.labels("allowed" if allowed else "denied").inc()

    def batch(self, records: int, times: Times) -> None:
        """Count a batch that was committed."""
        self._batch.observe(records)
        self._syncs.observe(times.written - times.began)
        self._checkpoints.observe(times.published - times.written)

    def shed(self, sender: str) -> None:
        """Count a request that was told to come again; ``sender`` as entries name it."""
        self._shed_of[sender] += 1

    def families(self) -> list[Family]:
        """What was counted."""
        most = dict(self._shed_of.most_common(SENDERS_MAX))
        for sender in self._shown.keys() - most.keys():
            self._shed.remove(sender)
        for sender, number in most.items():
            self._shed.labels(sender).inc(number - self._shown.get(sender, 0))
        self._shown = most
        return families(self.registry)


class ReaderMetrics:
    """Counters of the process that answers, and how far each view has followed the log."""

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        self._seconds = Histogram(
            "wherefrom_question_seconds",
            "Answering one question, however it ended",
            ["question"],
            unit="seconds",
            buckets=_ASKED,
            registry=registry,
        )
        self._errors = Counter(
            "wherefrom_question_errors",
            "Questions answered with an error, by its code",
            ["question", "code"],
            registry=registry,
        )
        self._size = Gauge(
            "wherefrom_view_size",
            "Log size each view has reached",
            ["view"],
            registry=registry,
        )
        self._behind = Gauge(
            "wherefrom_view_behind_entries",
            "Entries each view still has to read",
            ["view"],
            unit="entries",
            registry=registry,
        )
        self._unread = Gauge(
            "wherefrom_view_unread_seconds",
            "For how long the oldest entry that a view still has to read has been there",
            ["view"],
            unit="seconds",
            registry=registry,
        )

    def answered(self, route: str) -> Count:
        """What counts the questions that a route answers."""
        question = question_of(route)
        child: list[Histogram] = []  # made by the first, for what nobody asks needs no line

        def count(one: Answered) -> None:
            if not child:
                child.append(self._seconds.labels(question))
            child[0].observe(one.seconds, one.exemplar)
            if one.status >= 400:
                self._errors.labels(question, one.code or "error").inc()

        return count

    def families(
        self, views: Mapping[str, int], *, log_size: int, unread_s: Mapping[str, float]
    ) -> list[Family]:
        """What was counted, for views of these sizes, and since when each has not read on (s)."""
        for view, size in views.items():
            self._size.labels(view).set(size)
            self._behind.labels(view).set(log_size - size)
            self._unread.labels(view).set(unread_s.get(view, 0.0))
        return families(self.registry)
