"""One question about health: its snapshots, its moment, and what several indicators share of it."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import cached_property

import msgspec

from wherefrom.formats import timestamps
from wherefrom.formats.states import Scope
from wherefrom.formats.timestamps import micros, of_micros
from wherefrom.log.reader import LogReader
from wherefrom.query.answers import LogPosition
from wherefrom.query.catalog.in_force import Catalogs, InForce
from wherefrom.query.health import coverage
from wherefrom.query.health.chains import Judge
from wherefrom.query.health.coverage import Unit, Wanted
from wherefrom.query.sizes import need_size
from wherefrom.query.what_runs import SLOT, running_of
from wherefrom.views.estate import EstateReader, EstateSnapshot
from wherefrom.views.graph import GraphReader, Lens, Snapshot


class HealthOptions(msgspec.Struct, frozen=True, kw_only=True):
    """Which part, when, and as known when; an empty text is any, ``at`` None is now."""

    environment: str = ""
    service: str = ""
    kind: str = ""
    trust: str = ""
    at: str | None = None
    as_of: int | None = None


class Asked:
    """A question. ``at`` is in microseconds; ``size`` entries count below both it and ``as_of``."""

    def __init__(
        self, estate: EstateSnapshot, graph: Snapshot, lens: Lens, *, at: int, known: InForce,
        wanted: Wanted, judge: Judge,
    ) -> None:  # fmt: skip
        self.estate, self.graph, self.lens = estate, graph, lens
        self.at, self.known, self.wanted, self.judge = at, known, wanted, judge

    @property
    def log(self) -> LogPosition:
        """The log that the answer is of."""
        root = None if self.estate.root is None else self.estate.root.hex()
        return LogPosition(origin=self.estate.origin, size=self.estate.size, root=root)

    @cached_property
    def units(self) -> list[Unit]:
        """What has to have a chain. Raises Unavailable, LimitPassed."""
        held = self.estate.held(Scope(), at=self.at, as_of=self.lens.as_of, slots=(SLOT,))
        return coverage.units(
            self.graph, self.lens, self.judge, running=running_of(held), made=(),
            at=of_micros(self.at), wanted=self.wanted,
        )  # fmt: skip


class Asking:
    """Makes questions of options; safe for several threads."""

    def __init__(
        self,
        log: LogReader,
        estate: EstateReader,
        graph: GraphReader,
        *,
        catalogs: Catalogs,
        judge: Judge,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.log, self.judge = log, judge
        self._estate, self._graph, self._catalogs, self._clock = estate, graph, catalogs, clock

    def now(self) -> str:
        """Now, as entries write times."""
        return timestamps.to_text(self._clock())

    @contextlib.contextmanager
    def asked(self, options: HealthOptions, *, as_then: bool = False) -> Iterator[Asked]:
        """The question. Raises NotFound for a size the log never had, Malformed.

        as_then  all that was recorded by ``as_of`` counts, whatever time it gives itself
        """
        at = timestamps.canonical(options.at, where="at") if options.at else self.now()
        wanted = Wanted(options.environment, options.service, options.kind, options.trust)
        with self._estate.snapshot() as estate, self._graph.snapshot() as graph:
            need_size(options.as_of, reached=estate.size, log=self.log)
            size = estate.need(options.as_of)
            if options.as_of is None:
                size = min(size, graph.size)
            lens = graph.lens(as_of=size, at=at if options.at and not as_then else None)
            known = self._catalogs.in_force(estate, graph, lens, at=micros(at))
            yield Asked(
                estate, graph, lens, at=micros(at), known=known, wanted=wanted, judge=self.judge
            )
