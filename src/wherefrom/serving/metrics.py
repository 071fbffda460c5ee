"""What the processes count that answer no request: the fold and the watch.

    fold, watch ──once a second──► a shared page ──► the reader's exposition

How long a record took to be visible is counted of those that were received since the fold began:
what a view reads again, when it is made anew, was visible long before.
"""

from __future__ import annotations

import bisect
import itertools
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from wherefrom.api.exposition import Family, Point, families, pack
from wherefrom.api.processes import process_families
from wherefrom.formats import timestamps
from wherefrom.log.logged import Around, Logged, LogSource
from wherefrom.notify.spool import Spool, Waiting
from wherefrom.policy.watch import Round
from wherefrom.policy.watched import Turn
from wherefrom.serving.page import SharedPage

SHOWN_EVERY_SECONDS: Final = 1.0
SAMPLED_MAX: Final = 256
_FRESH: Final = (0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 300, 3600)
_ROUNDS: Final = (0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)


class Shown:
    """Counters of a process on its page, written anew when they moved.

    name  what the process is called
    """

    def __init__(self, page: SharedPage, name: str, told: Callable[[], list[Family]]) -> None:
        self._page, self._name, self._told = page, name, told
        self._until = 0.0

    def keep(self) -> None:
        """Write them, unless that was just now."""
        now = time.monotonic()
        if now >= self._until:
            self._until = now + SHOWN_EVERY_SECONDS
            self._page.write(pack(self._told() + process_families(self._name)))


class FoldMetrics:
    """Counters of the process that folds.

    clock  s since 1970
    """

    def __init__(self, *, clock: Callable[[], float] = time.time) -> None:
        self._clock, self._began = clock, clock()
        self._fresh: dict[str, _Weighed] = {}
        self.registry = registry = CollectorRegistry()
        self._folded = Counter(
            "wherefrom_folded_entries",
            "Entries that each view has read since the process began",
            ["view"],
            unit="entries",
            registry=registry,
        )
        self.rounds = Histogram(
            "wherefrom_fold_seconds",
            "Folding what the log gained, all views together",
            unit="seconds",
            buckets=_ROUNDS,
            registry=registry,
        )

    def folded(self, view: str, received: Sequence[float], count: int) -> None:
        """Count ``count`` entries that are visible in a view now; ``received`` are some of them,
        evenly taken, in s since 1970."""
        self._folded.labels(view).inc(count)
        now = self._clock()
        ages = [now - at for at in received if at >= self._began]
        if ages:
            self._fresh.setdefault(view, _Weighed()).add(ages, weight=count / len(received))

    def families(self) -> list[Family]:
        """What was counted."""
        points = [
            point
            for view, weighed in sorted(self._fresh.items())
            for point in weighed.points("wherefrom_freshness_seconds", {"view": view})
        ]
        says = "From a record's receipt to its being visible in a view"
        fresh = Family("wherefrom_freshness_seconds", says, "histogram", "seconds", points)
        return [*families(self.registry), fresh]


class _Weighed:
    """A histogram that counts one for many."""

    def __init__(self) -> None:
        self._counts = [0.0] * (len(_FRESH) + 1)
        self._sum = 0.0

    def add(self, ages: Sequence[float], *, weight: float) -> None:
        for age in ages:
            age = max(age, 0.0)  # a clock may be set back
            self._counts[bisect.bisect_left(_FRESH, age)] += weight
            self._sum += age * weight

    def points(self, name: str, labels: Mapping[str, str]) -> Iterator[Point]:
        total = 0.0
        for bound, count in zip((*map(float, _FRESH), float("inf")), self._counts, strict=True):
            total += count
            le = "+Inf" if bound == float("inf") else repr(bound)
            yield Point(f"{name}_bucket", {**labels, "le": le}, round(total))
        yield Point(f"{name}_count", dict(labels), round(total))
        yield Point(f"{name}_sum", dict(labels), self._sum)


class Dated(Around):
    """A ``LogSource`` over another, which notes when what is read of it was received."""

    def __init__(self, log: LogSource, told: Callable[[str, Sequence[float], int], None]) -> None:
        super().__init__(log)
        self._told = told
        self._first = 0
        self._received: list[str] = []

    def read(self, first: int, limit: int) -> Iterator[Logged]:
        """The log's records."""
        self._first, self._received = first, []
        for logged in self._log.read(first, limit):
            self._received.append(logged.entry.received)
            yield logged

    def folded(self, view: str, first: int, limit: int) -> None:
        """A view has read this range, and shows it."""
        here = self._received[first - self._first : limit - self._first]
        step = -(-len(here) // SAMPLED_MAX) or 1
        some = [timestamps.micros(text) / 1e6 for text in here[::step]]
        self._told(view, some, limit - first)


class WatchMetrics:
    """Counters of the process that watches and delivers."""

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        self._rounds = Histogram(
            "wherefrom_watch_round_seconds",
            "Looking at what the log said anew, and having verdicts signed",
            unit="seconds",
            buckets=_ROUNDS,
            registry=registry,
        )
        self._decided = Counter(
            "wherefrom_watch_verdicts",
            "Verdicts that the watch came to",
            registry=registry,
        )
        self._turned = Counter(
            "wherefrom_watch_turns",
            "Artifacts that run and turned, by what they are now",
            ["to"],
            registry=registry,
        )
        for to in ("denied", "allowed", "gone"):
            self._turned.labels(to)
        self.failed = Counter(
            "wherefrom_watch_failures",
            "Rounds of the watch that could not be finished",
            registry=registry,
        )
        self._denied = Gauge(
            "wherefrom_watch_denied_artifacts",
            "Artifacts that run and that the policy in force denies",
            ["environment"],
            unit="artifacts",
            registry=registry,
        )
        self._size = Gauge(
            "wherefrom_watch_size", "The log size that the watch has judged by", registry=registry
        )
        self._waiting = Gauge(
            "wherefrom_watch_waiting",
            "Artifacts that still wait for a look",
            registry=registry,
        )
        self._notices = Gauge(
            "wherefrom_notify_waiting",
            "Messages that wait for each receiver",
            ["receiver"],
            registry=registry,
        )
        self._oldest = Gauge(
            "wherefrom_notify_oldest_seconds",
            "For how long the oldest message has waited for each receiver",
            ["receiver"],
            unit="seconds",
            registry=registry,
        )
        self._delivered = Counter(
            "wherefrom_notify_deliveries",
            "Messages that were sent to each receiver, by what became of them",
            ["receiver", "result"],
            registry=registry,
        )
        self._dropped = Counter(
            "wherefrom_notify_dropped",
            "Messages that had to go for newer ones",
            registry=registry,
        )
        self._dropped_before = 0
        self._receivers: set[str] = set()
        self._environments: set[str] = set()
        self._storage = Gauge(
            "wherefrom_storage_bytes",
            "Bytes of the files in each folder of the data directory",
            ["folder"],
            unit="bytes",
            registry=registry,
        )
        self._free = Gauge(
            "wherefrom_storage_free_bytes",
            "Bytes that are free on the disk of the data directory",
            unit="bytes",
            registry=registry,
        )

    def round(self, done: Round, denied: Mapping[str, int], seconds: float) -> None:
        """Count a round that was finished; ``denied`` is how many artifacts run denied, where."""
        for environment in self._environments - denied.keys():
            self._denied.labels(environment).set(0)
        for environment, count in denied.items():
            self._denied.labels(environment).set(count)
        self._environments.update(denied)
        self._rounds.observe(seconds)
        self._decided.inc(done.decided)
        self._size.set(done.size)
        self._waiting.set(done.waiting)

    def told(self, turns: Iterable[Turn]) -> None:
        """Count what turned."""
        for turn in turns:
            self._turned.labels(turn.turned.to).inc()

    def sent(self, receiver: str, result: str) -> None:
        """Count a message that was ``taken``, ``refused`` or ``given_up``."""
        self._delivered.labels(receiver, result).inc()

    def stored(self, folders: Mapping[str, int], free: int) -> None:
        """Note what the data directory holds."""
        for name, size in folders.items():
            self._storage.labels(name).set(size)
        self._free.set(free)

    def families(self, spool: Spool) -> list[Family]:
        """What was counted, and what waits in the spool."""
        for name in self._receivers:
            self._notices.labels(name).set(0)
            self._oldest.labels(name).set(0)
        now = time.time()
        for name, waiting in itertools.groupby(
            sorted(spool.waiting(), key=lambda one: one.receiver), lambda one: one.receiver
        ):
            some = list(waiting)
            self._receivers.add(name)
            self._notices.labels(name).set(len(some))
            self._oldest.labels(name).set(max(0.0, now - min(map(_put_at, some))))
        self._dropped.inc(spool.dropped - self._dropped_before)
        self._dropped_before = spool.dropped
        return families(self.registry)


def _put_at(one: Waiting) -> float:
    try:
        return one.path.stat().st_mtime
    except OSError:  # it went
        return time.time()
