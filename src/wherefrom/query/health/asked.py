"""One question about health: its snapshots, its moment, and what several indicators share of it.

Sizes:  a window is of WINDOW_DAYS days · MADE_MAX things that builds made are asked about
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Collection, Iterator
from datetime import UTC, datetime
from functools import cached_property
from typing import Final

import msgspec

from wherefrom.errors import Unavailable
from wherefrom.formats import counted, timestamps
from wherefrom.formats.recognise import facts_of
from wherefrom.formats.states import Scope
from wherefrom.formats.timestamps import micros, of_micros
from wherefrom.log.reader import LogReader
from wherefrom.log.replay import service_key_id
from wherefrom.query.answers import LogPosition
from wherefrom.query.catalog.answers import Gaps
from wherefrom.query.catalog.in_force import Catalogs, InForce
from wherefrom.query.catalog.questions import CatalogOptions
from wherefrom.query.health import coverage
from wherefrom.query.health.chains import Judge
from wherefrom.query.health.coverage import Unit, Wanted
from wherefrom.query.sizes import need_size, size_at
from wherefrom.query.what_runs import SLOT, running_of
from wherefrom.query.word import Words, signed_by
from wherefrom.views.estate import EstateReader, EstateSnapshot
from wherefrom.views.graph import GraphReader, Lens, Snapshot
from wherefrom.views.health import Count, Event, HealthReader, HealthSnapshot
from wherefrom.views.health.tally import Part

WINDOW_DAYS: Final = 30
DAY_MICROS: Final = 86_400 * 1_000_000
MADE_MAX: Final = 20_000


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
        self, estate: EstateSnapshot, graph: Snapshot, health: HealthSnapshot, lens: Lens, *,
        at: int, size: int, known: InForce, wanted: Wanted, judge: Judge, log: LogReader,
        words: Words, gaps: Callable[[Asked], Gaps],
    ) -> None:  # fmt: skip
        self.estate, self.graph, self.health, self.lens = estate, graph, health, lens
        self.at, self.size, self.known, self.wanted = at, size, known, wanted
        self.judge, self._log, self._gaps, self._words = judge, log, gaps, words

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
            self.graph, self.lens, self.judge, running=running_of(held), made=self.made,
            at=of_micros(self.at), wanted=self.wanted,
        )  # fmt: skip

    @cached_property
    def made(self) -> list[str]:
        """What builds made in the last WINDOW_DAYS."""
        found = self.health.made(since=self.since, size=self.size, rows_max=MADE_MAX)
        return [id for id, _ in found]

    @property
    def left_out(self) -> str:
        """What is to be said of what builds made, if it is more than is asked about."""
        if len(self.made) < MADE_MAX or self.wanted.environment or self.wanted.service:
            return ""
        return (
            f"; of what was made and runs nowhere, not all of more than {MADE_MAX:,} is looked at"
        )

    @cached_property
    def gaps(self) -> Gaps:
        """Who should have sent what, and did not. Raises NotFound without a catalogue."""
        return self._gaps(self)

    @property
    def since(self) -> int:
        """When the window of most indicators begins, in microseconds."""
        return self.at - WINDOW_DAYS * DAY_MICROS

    @cached_property
    def counts(self) -> list[Count]:
        """What came in the window, in the parts that are asked about."""
        return self.counted(since=self.since)

    def counted(self, *, since: int) -> list[Count]:
        """The same from another moment on."""
        found = self.health.counts(since=since, size=self.size, source=self._log, facts_of=facts_of)
        return [one for one in found if self._wants(one.part)] if any(self.wanted) else found

    def _wants(self, part: Part) -> bool:
        return all(
            wanted in ("", got)
            for wanted, got in zip(self.wanted, part[: len(self.wanted)], strict=True)
        )

    def known_events(self, *what: str, since: int | None = None) -> list[Event]:
        """The same, by the word of somebody known."""
        found = self.events(*what, since=since)
        count = self.that_count(found)
        return [one for one in found if one.entry in count]

    def that_count(self, events: Collection[Event]) -> frozenset[int]:
        """The entries of those that somebody known said."""
        entries = {one.entry for one in events}
        return self._words.that_count(entries, self.graph, self.lens)

    def own_events(self, *what: str) -> list[Event]:
        """The same, by the word of the log itself."""
        found = self.events(*what)
        if not found:
            return []
        key = service_key_id(self._log)
        own = signed_by({one.entry for one in found}, self.graph, self.lens, key)
        return [one for one in found if one.entry in own]

    def everywhere(self, *what: str, since: int | None = None) -> list[Event]:
        """What records told in the window, wherever that is of."""
        first = self.since if since is None else since
        return self.health.events(*what, since=first, size=self.size)

    def ever(self, what: str, ids: Collection[str]) -> list[Event]:
        """What records told of some ids by now, wherever and whenever."""
        return self.health.events_of(what, ids, size=self.size)

    def events(self, *what: str, since: int | None = None) -> list[Event]:
        """What records told in the window, where that is asked about."""
        return [
            one
            for one in self.everywhere(*what, since=since)
            if self.wanted.environment in ("", one.says.get("environment") or "")
            and self.wanted.service in ("", one.says.get("service") or "")
        ]


class Asking:
    """Makes questions of options; safe for several threads."""

    def __init__(
        self,
        log: LogReader,
        estate: EstateReader,
        graph: GraphReader,
        health: HealthReader,
        *,
        catalogs: Catalogs,
        gaps: Callable[[str, CatalogOptions], Gaps],
        judge: Judge,
        words: Words,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.log, self.judge, self.words = log, judge, words
        self._estate, self._graph, self._health = estate, graph, health
        self._catalogs, self._gaps, self._clock = catalogs, gaps, clock

    def now(self) -> str:
        """Now, as entries write times."""
        return timestamps.to_text(self._clock())

    @contextlib.contextmanager
    def asked(self, options: HealthOptions, *, as_then: bool = False) -> Iterator[Asked]:
        """The question. Raises NotFound for a size the log never had, Malformed.

        as_then  all that was recorded by ``as_of`` counts, whatever time it gives itself
        """
        wanted = Wanted(options.environment, options.service, options.kind, options.trust)
        with (
            self._estate.snapshot() as estate,
            self._graph.snapshot() as graph,
            self._health.snapshot() as health,
        ):
            # Asked after the snapshots: what they hold was received by then.
            at = timestamps.canonical(options.at, where="at") if options.at else self.now()
            length = self.log.refresh().size  # the views may have followed it further than we did
            need_size(options.as_of, reached=estate.size, log=self.log)
            if not min(estate.size, graph.size, health.size) and length:
                raise Unavailable(  # nothing is known, which is not that there is nothing
                    "the views have not read the log yet", expected=f"size {length}",
                    got=0, do="Ask again in a moment",
                )  # fmt: skip
            size = estate.need(options.as_of)
            if options.as_of is None:
                size = min(size, graph.size, health.size)
            came = size
            if options.at is not None:
                came = size_at(self.log, at, size=size, steps=_steps_of(health, size))
            # All of a past size that had come by then is what was known then, as it was told then.
            as_then = as_then or (options.as_of is not None and came == size)
            lens = graph.lens(as_of=size, at=at if options.at and not as_then else None)
            known = self._catalogs.in_force(estate, graph, lens, at=micros(at))
            size = came
            yield Asked(
                estate, graph, health, lens, at=micros(at), size=size, known=known,
                wanted=wanted, judge=self.judge, log=self.log, words=self.words, gaps=self._silent,
            )  # fmt: skip

    def size_at(self, at: str, newest: Asked) -> int:
        """Which size the log had at a moment, as entries write times."""
        size = newest.lens.as_of
        return size_at(self.log, at, size=size, steps=_steps_of(newest.health, size))

    def _silent(self, asked: Asked) -> Gaps:
        options = CatalogOptions(
            at=of_micros(asked.at), as_of=asked.lens.as_of, environment=asked.wanted.environment
        )
        return self._gaps(asked.wanted.service, options)


def _steps_of(health: HealthSnapshot, size: int) -> list[int]:
    """Where the log says that its clock was set back."""
    missed = health.events(counted.MISSED, since=0, size=size)
    return [event.entry for event in missed if event.id == "clock"]
