"""What runs, and what the policies in force say of it: out of what the log has signed.

    policies in force × what runs there ──newest own summary──► Judged, denied first

Nothing is decided here, so it is answered with a watch and without one; how far a watch has come
stands beside it.

Sizes:  LISTED_MAX things are listed, production first; all are counted
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from datetime import UTC, datetime
from typing import Final, NamedTuple

import msgspec

from wherefrom.errors import Ambiguous, Malformed, NotFound
from wherefrom.formats import timestamps
from wherefrom.formats.timestamps import of_micros
from wherefrom.formats.watch_settings import WatchSettings
from wherefrom.log.reader import LogReader
from wherefrom.policy import in_force
from wherefrom.policy.decide import subject_of
from wherefrom.policy.gate import Gate
from wherefrom.policy.summaries import About, Summary, newest_summaries, reasons_in
from wherefrom.policy.verdict import Reason
from wherefrom.policy.watched import RunsIn
from wherefrom.query.answers import LogPosition, log_of
from wherefrom.query.dossier import survey
from wherefrom.query.open_turns import Open, open_turns
from wherefrom.query.sizes import need_size
from wherefrom.query.summary import summaries
from wherefrom.query.what_runs import Runs, services_of, thing_named, what_runs
from wherefrom.views.estate import EstateReader
from wherefrom.views.graph import GraphReader, Lens, Snapshot

LISTED_MAX: Final = 10_000
LISTED_DEFAULT: Final = 1_000


class WatchAt(msgspec.Struct, frozen=True, kw_only=True):
    """How far a watch has come.

    size     of the log that it knows, at ``at``; ``behind`` entries are newer
    waiting  how much it has still to look at
    """

    size: int
    at: str
    waiting: int
    behind: int = 0


class Judged(msgspec.Struct, frozen=True, kw_only=True):
    """One artifact that runs in an environment.

    artifact  as it runs; ``subject`` the digest that names it, None if none does
    allowed   None if nothing was signed of it by the policy in force
    since     when it came to be denied, else when that was signed; ``until`` it counts
    entry     of the summary; ``turned`` of the record that says it turned bad
    failing   the rules that do not hold
    overdue   it counts no longer, and nothing newer was signed
    """

    environment: str
    production: bool
    artifact: str
    subject: str | None
    name: str | None
    places: tuple[RunsIn, ...]
    policy: str
    allowed: bool | None
    since: str | None = None
    until: str | None = None
    entry: int | None = None
    turned: int | None = None
    failing: tuple[Reason, ...] = ()
    overdue: bool = False


class PolicyStatus(msgspec.Struct, frozen=True, kw_only=True):
    """What runs where policies are in force; ``truncated`` if not all of it is listed."""

    at: str
    log: LogPosition
    as_of: int
    policies: list[in_force.Standing]
    running: list[Judged]
    denied: int
    allowed: int
    unjudged: int
    truncated: bool
    watch: WatchAt | None


class _Thing(NamedTuple):
    """An artifact that runs in an environment, and what was signed of it."""

    environment: str
    artifact: str
    subject: str | None
    services: list[tuple[str, Runs]]
    signed: Summary | None
    open: Open | None


class StatusDesk:
    """Answers over one log's views; safe for several threads.

    watch_at  gives how far a watch has come, None if there is none
    """

    def __init__(
        self,
        log: LogReader,
        estate: EstateReader,
        graph: GraphReader,
        gate: Gate,
        *,
        settings: Callable[[], WatchSettings] = WatchSettings,
        watch_at: Callable[[], WatchAt | None] = lambda: None,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._log, self._estate, self._graph, self._gate = log, estate, graph, gate
        self._settings, self._watch_at, self._clock = settings, watch_at, clock

    def status(
        self,
        environment: str = "",
        *,
        limit: int = LISTED_DEFAULT,
        at: str | None = None,
        as_of: int | None = None,
    ) -> PolicyStatus:
        """What runs everywhere, or in one environment, and what its policy says of it.

        at, as_of  as it was at a time, RFC 3339; as it was known at a size of the log

        Raises Malformed for a limit or a time that is none, NotFound for a size the log never had.
        """
        if not 0 < limit <= LISTED_MAX:
            raise Malformed("not a limit", expected=f"1 to {LISTED_MAX}", got=limit)
        is_now = at is None and as_of is None
        at = (
            timestamps.to_text(self._clock())
            if at is None
            else timestamps.canonical(at, where="at")
        )
        settings = self._settings()
        with self._estate.snapshot() as estate, self._graph.snapshot() as graph:
            need_size(as_of, reached=min(estate.size, graph.size), log=self._log)
            lens = graph.lens(as_of=min(estate.size, graph.size) if as_of is None else as_of)
            policies = [
                one for one in self._gate.words.all_standing(graph, lens, at)
                if environment in ("", one.environment)
            ]  # fmt: skip
            things: list[_Thing] = []
            now = timestamps.micros(at)
            opened = open_turns(estate, graph, lens, at=now, own=self._gate.own)
            for one in policies:
                runs = what_runs(estate, one.environment, at=now, as_of=lens.as_of)
                there = {a: s for (_, a), s in services_of(runs).items()}
                things += self._things(one, there, opened, graph, lens)
            things.sort(key=lambda t: (_order(t), settings.rank(t.environment), t.artifact))
            in_force_in = {one.environment: one.policy for one in policies}
            listed = [
                self._judged(one, in_force_in[one.environment], settings, graph, lens, at)
                for one in things[:limit]
            ]
            answers = [None if one.signed is None else one.signed.allowed for one in things]
            return PolicyStatus(
                at=at,
                log=log_of(graph),
                as_of=lens.as_of,
                policies=policies,
                running=listed,
                denied=answers.count(False),
                allowed=answers.count(True),
                unjudged=answers.count(None),
                truncated=len(listed) < len(things),
                watch=self._watch() if is_now else None,
            )

    def _things(
        self,
        standing: in_force.Standing,
        running: dict[str, list[tuple[str, Runs]]],
        opened: dict[tuple[str, str], Open],
        graph: Snapshot,
        lens: Lens,
    ) -> Iterator[_Thing]:
        subjects = {artifact: _subject(artifact, graph, lens) for artifact in running}
        named = {subject for subject in subjects.values() if subject is not None}
        signed = newest_summaries(graph, lens, named, own=self._gate.own)
        for artifact, services in running.items():
            subject, place = subjects[artifact], standing.environment
            yield _Thing(
                place, artifact, subject, services,
                signed.get(About(subject, place, standing.policy)) if subject else None,
                opened.get((place, subject)) if subject else None,
            )  # fmt: skip

    def _judged(
        self,
        one: _Thing,
        policy: str,
        settings: WatchSettings,
        graph: Snapshot,
        lens: Lens,
        at: str,
    ) -> Judged:
        signed = one.signed
        reasons: list[Reason] = []
        if signed is not None and not signed.allowed:
            reasons = [r for r in reasons_in(self._log.content_of(signed.entry)) if not r.ok]
        is_open = one.open is not None and signed is not None and not signed.allowed
        since = of_micros(one.open.at) if is_open and one.open else signed and signed.at
        return Judged(
            environment=one.environment,
            production=one.environment in settings.production,
            artifact=one.artifact,
            subject=one.subject,
            name=_name(one.subject or one.artifact, graph, lens),
            places=tuple(
                RunsIn(environment=one.environment, service=service, mode=runs.mode,
                        instances=runs.instances)
                for service, runs in one.services
            ),
            policy=policy,
            allowed=None if signed is None else signed.allowed,
            since=since,
            until=None if signed is None else signed.until,
            entry=None if signed is None else signed.entry,
            turned=one.open.entry if is_open and one.open else None,
            failing=tuple(reasons),
            overdue=signed is not None and signed.until <= at,
        )  # fmt: skip

    def _watch(self) -> WatchAt | None:
        found = self._watch_at()
        if found is None:
            return None
        behind = max(0, self._log.refresh().size - found.size)
        return msgspec.structs.replace(found, behind=behind)


def _order(one: _Thing) -> int:
    """Denied, then what nothing was signed of, then allowed."""
    return 1 if one.signed is None else 2 if one.signed.allowed else 0


def _subject(artifact: str, graph: Snapshot, lens: Lens) -> str | None:
    """The digest that names it: itself, or what a name means now."""
    itself = subject_of(artifact, ())
    if itself is not None:
        return itself
    try:
        looked = survey(graph, lens, thing_named(graph, lens, artifact))
    except (NotFound, Ambiguous):
        return None
    return subject_of(looked.artifact, sorted(_ids(looked.names, graph)))


def _ids(numbers: Collection[int], graph: Snapshot) -> Collection[str]:
    return graph.ids(sorted(numbers)).values()


def _name(id: str, graph: Snapshot, lens: Lens) -> str | None:
    numbers = graph.numbers([id])
    said = summaries(graph, list(numbers.values()), lens)
    return next((one.name for one in said.values()), None)
