"""The watch: whatever changes what a policy says of something that runs is noticed, and told.

    log grows ──► which policies are in force · what runs · whom the news concern     (take up)
              ──► those, production first, a bounded number: survey ──► verdict       (look)
              ──► changed? ──► summary signed ──► turned? ──► told ──► turn signed    (settle)

It keeps nothing that the log does not: summaries and turns are its state, so a crash costs a look
at everything, and writes nothing that was written before. A verdict that is as it was writes
nothing. A crash in ``settle`` leaves a summary without its turn, which the next look finds; what is
told before its turn is recorded may be told again, under the same name.

Sizes:  a round looks at DECISIONS_MAX things, for SECONDS_MAX; the rest waits for the next
Source: docs/continuous.md; decision 0048
"""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Final, NamedTuple

from msgspec import structs

from wherefrom.errors import Error, NotFound
from wherefrom.formats import timestamps, turned
from wherefrom.formats.policy import Policy
from wherefrom.formats.turned import Turned
from wherefrom.formats.watch_settings import WatchSettings
from wherefrom.log.reader import LogReader
from wherefrom.policy.builds import at as value_at
from wherefrom.policy.decide import subject_of
from wherefrom.policy.gate import Gate
from wherefrom.policy.interests import Interests, news_of
from wherefrom.policy.summaries import About, newest_summaries, reasons_in
from wherefrom.policy.verdict import Verdict
from wherefrom.policy.watched import Ends, Queue, RunsIn, Stand, Turn, Watched, failing
from wherefrom.query.dossier import Survey, survey, touched
from wherefrom.query.open_turns import Against, open_turns
from wherefrom.query.statements import statement_in
from wherefrom.query.what_runs import SLOT, Runs, Service, thing_named, what_runs
from wherefrom.views.estate import EstateReader, EstateSnapshot
from wherefrom.views.graph import GraphReader, Lens, Snapshot

DECISIONS_MAX: Final = 200
SECONDS_MAX: Final = 0.5
# Records that the log signs: it gives the entry of each, in order.
Sign = Callable[[Sequence[bytes]], Sequence[int]]


class Round(NamedTuple):
    """What one round did: up to which size of the log it knows, how much it decided and wrote, and
    how much waits."""

    size: int
    decided: int
    written: int
    waiting: int


class _Look(NamedTuple):
    """One thing looked at, with what is to be signed of it, if anything."""

    one: Watched
    verdict: Verdict | None = None
    statement: bytes | None = None


class Watch:
    """The watch over one log; one thread's.

    sign        has statements signed and recorded by the log
    tell        is told what turned, before that is recorded: it must keep it, or raise
    on_trouble  is told in a line what cannot be judged, and not again for the same
    """

    def __init__(
        self,
        log: LogReader,
        estate: EstateReader,
        graph: GraphReader,
        gate: Gate,
        *,
        sign: Sign,
        tell: Callable[[Sequence[Turn]], None] = lambda turns: None,
        settings: Callable[[], WatchSettings] = WatchSettings,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        on_trouble: Callable[[str], None] = lambda says: None,
    ) -> None:
        self._log, self._estate, self._graph, self._gate = log, estate, graph, gate
        self._sign, self._tell, self._settings = sign, tell, settings
        self._clock, self._on_trouble = clock, on_trouble
        self._as_set = WatchSettings()
        self._said: set[str] = set()
        self._forget()

    def _forget(self) -> None:
        self.size = 0
        self._begins = self._log.refresh().size
        self._interests = Interests()
        self._policies: dict[str, Policy] = {}  # by environment
        self._runs: dict[Service, tuple[Runs, ...]] = {}
        self._services: dict[tuple[str, str], set[str]] = defaultdict(set)  # of an artifact there
        self._watched: dict[tuple[str, str], Watched] = {}  # by environment and artifact
        self._by_number: dict[int, Watched] = {}
        self._numbers = 0
        self._queue = Queue(lambda number: self._rank(self._by_number[number].environment))
        self._ends = Ends()
        self._open: dict[tuple[str, str], Against] | None = None  # by environment and subject
        self._roots: Counter[tuple[str, Against]] = Counter()
        self._gone: list[Watched] = []

    def denied(self) -> dict[str, int]:
        """How many artifacts run denied, in each environment with a policy in force."""
        found = dict.fromkeys(self._policies, 0)
        unlooked = [environment for environment, _ in self._open or ()]
        looked = [one.environment for one in self._watched.values() if one.open is not None]
        for environment in (*unlooked, *looked):
            found[environment] = found.get(environment, 0) + 1
        return found

    # -- a round

    def is_due(self) -> bool:
        """Whether a round has anything to do but look at the time."""
        return bool(self._queue or self._gone) or self._log.refresh().size > self.size

    def round(
        self, *, decisions_max: int = DECISIONS_MAX, seconds_max: float = SECONDS_MAX
    ) -> Round:
        """Take up what the log says now, and look at some of what that concerns.

        Raises Unavailable while the views are not there, or nobody signs.
        """
        until = time.monotonic() + seconds_max
        at = timestamps.to_text(self._clock())
        self._as_set = self._settings()
        with self._estate.snapshot() as estate, self._graph.snapshot() as graph:
            lens = graph.lens(as_of=min(estate.size, graph.size))
            if lens.as_of < self.size:  # the views are made anew, and number everything anew
                self._forget()
            if lens.as_of < self._begins:  # what we wrote ourselves is not all in them yet
                return Round(self.size, 0, 0, len(self._queue))
            try:
                self._take_up(estate, graph, lens, at)
            except BaseException:
                self._forget()  # half of it is taken up, and which half nobody knows
                raise
            looks: list[_Look] = []
            for number in self._queue.take():
                looks.append(self._look(self._by_number[number], graph, lens, at))
                if len(looks) >= decisions_max or time.monotonic() > until:
                    break
        written = self._settle(looks, at)
        decided = sum(look.verdict is not None for look in looks)
        return Round(self.size, decided, written, len(self._queue))

    # -- what the log says

    def _take_up(self, estate: EstateSnapshot, graph: Snapshot, lens: Lens, at: str) -> None:
        if self._open is None:
            found = open_turns(estate, graph, lens, at=timestamps.micros(at), own=self._gate.own)
            self._open = {place: one.against for place, one in found.items()}
            self._roots.update((subject, one) for (_, subject), one in self._open.items())
        anew = self._take_up_policies(graph, lens, at)
        now = timestamps.micros(at)
        if lens.as_of > self.size > 0 and self._policies:
            news = news_of(graph, lens, since=self.size, own=self._gate.own)
            moved = estate.moved(SLOT, since=self.size)
            if news.is_erasing:  # what is gone is not told
                moved = {(environment, "") for environment in self._policies}
            for environment, service in moved:
                if environment in self._policies and environment not in anew:
                    runs = what_runs(estate, environment, service, at=now, as_of=lens.as_of)
                    self._run(environment, service, runs)
            self._queue.add(self._interests.touched_by(news, graph, lens, since=self.size))
            self._queue.add(self._nameless(graph, is_tagging=news.is_tagging))
        for environment in anew:
            runs = what_runs(estate, environment, at=now, as_of=lens.as_of)
            self._run(environment, "", runs)
        self._queue.add(self._ends.due(at))
        self.size = lens.as_of

    def _take_up_policies(self, graph: Snapshot, lens: Lens, at: str) -> set[str]:
        """Environments whose policy is another one now."""
        standing = {}
        for one in self._gate.words.all_standing(graph, lens, at):
            before = self._policies.get(one.environment)
            if before is not None and before.digest == one.policy:
                standing[one.environment] = before
                continue
            try:
                standing[one.environment] = self._gate.policy_of(one.policy, graph, lens)
            except NotFound:
                self._trouble(f"the log does not hold the policy in force in {one.environment}")
        for environment in self._policies.keys() - standing.keys():
            self._run(environment, "", {})
        anew = {
            environment for environment, policy in standing.items()
            if self._policies.get(environment) != policy
        }  # fmt: skip
        self._policies = standing
        for there in self._watched.values():
            if there.environment in anew:
                there.policy, there.looked = standing[there.environment].digest, False
                there.stands = None
                self._queue.add([there.number])
        return anew

    def _run(self, environment: str, service: str, found: dict[Service, tuple[Runs, ...]]) -> None:
        """In an environment, or one of its services, that runs now, and nothing else."""
        before = [
            there for there in self._runs
            if there[0] == environment and (not service or there[1] == service)
        ]  # fmt: skip
        emptied: list[tuple[str, str]] = []
        for there in {*before, *found}:
            old = {one.artifact for one in self._runs.pop(there, ())}
            if there in found:
                self._runs[there] = found[there]
            new = {one.artifact for one in found.get(there, ())}
            for artifact in old - new:
                self._services[environment, artifact].discard(there[1])
                emptied.append((environment, artifact))
            for artifact in new - old:
                self._services[environment, artifact].add(there[1])
                if (environment, artifact) not in self._watched:
                    self._begin(environment, artifact)
        for key in emptied:
            if not self._services.get(key):
                self._end(key)

    def _begin(self, environment: str, artifact: str) -> None:
        self._numbers += 1
        one = Watched(
            number=self._numbers, environment=environment, artifact=artifact,
            policy=self._policies[environment].digest,
        )  # fmt: skip
        self._watched[environment, artifact] = self._by_number[one.number] = one
        self._queue.add([one.number])

    def _end(self, key: tuple[str, str]) -> None:
        self._services.pop(key, None)
        one = self._watched.pop(key, None)
        if one is not None:
            del self._by_number[one.number]
            self._queue.drop(one.number)
            self._ends.drop(one.number)
            self._interests.drop(one.number)
            if one.open is not None:
                self._gone.append(one)

    def _nameless(self, graph: Snapshot, *, is_tagging: bool) -> Iterator[int]:
        """What no record had spoken of, and one does now; names that may have moved."""
        silent = {one.artifact: one.number for one in self._watched.values() if not one.heard}
        yield from (silent[id] for id in graph.numbers(silent))
        if is_tagging:
            yield from (one.number for one in self._watched.values() if one.subject != one.artifact)

    # -- one thing

    def _look(self, one: Watched, graph: Snapshot, lens: Lens, at: str) -> _Look:
        policy = self._policies[one.environment]
        try:
            named = thing_named(graph, lens, one.artifact)
            looked = survey(graph, lens, named, also=[policy.digest], own=self._gate.own)
            one.heard = looked.start is not None
            self._interests.keep(one.number, looked)
            if not one.looked:
                self._recall(one, looked, graph, lens)
                if self._counts_still(one, looked, graph, at):
                    assert one.stands is not None
                    self._ends.set(one.number, one.stands.until)
                    return _Look(one)
            verdict = self._gate.verdict(looked, policy, one.environment, graph, lens, at)
            one.name, one.trouble = verdict.name, None
            if not _changes(verdict, one.stands):
                assert one.stands is not None
                self._ends.set(one.number, min(verdict.until, one.stands.until))
                return _Look(one, verdict)
            self._ends.set(one.number, verdict.until)
            return _Look(one, verdict, self._gate.summary(verdict, graph))
        except Error as error:
            one.trouble, one.stands = str(error), None
            self._trouble(f"{one.artifact} in {one.environment} cannot be judged: {error}")
            return _Look(one)

    def _recall(self, one: Watched, looked: Survey, graph: Snapshot, lens: Lens) -> None:
        """How it stands, as the log says."""
        one.looked = True
        names = graph.ids(sorted(looked.names)).values()
        one.subject = subject_of(looked.artifact, sorted(names))
        if one.subject is None:
            return
        own = self._gate.own
        signed = newest_summaries(graph, lens, [one.subject], own=own).get(
            About(one.subject, one.environment, one.policy)
        )
        if signed is not None:
            reasons = tuple(reasons_in(self._log.content_of(signed.entry)))
            one.stands = Stand(signed.entry, signed.allowed, reasons, signed.until)
        assert self._open is not None
        one.open = self._open.pop((one.environment, one.subject), one.open)

    def _counts_still(self, one: Watched, looked: Survey, graph: Snapshot, at: str) -> bool:
        """Whether what was signed of it counts, and nothing was said since."""
        if one.stands is None or one.stands.until <= at:
            return False
        found = statement_in(self._log.content_of(one.stands.entry) or b"")
        size = value_at(None if found is None else found[1], "wherefrom.log.size")
        used = {entry for reason in one.stands.reasons for entry in reason.entries}
        return isinstance(size, int) and not touched(
            graph, looked, since=size, used=used, own=self._gate.own
        )

    # -- what follows

    def _settle(self, looks: Sequence[_Look], at: str) -> int:
        """Have it signed; then tell, and have signed, what turned. How much was signed."""
        new = [look for look in looks if look.statement is not None]
        try:
            # 1. The summaries. A crash after it: the next start finds them, and that no turn is.
            entries = self._sign([look.statement for look in new if look.statement is not None])
        except Error:
            self._queue.add(look.one.number for look in looks)
            raise
        for look, entry in zip(new, entries, strict=True):
            assert look.verdict is not None
            look.one.subject = look.verdict.subject
            look.one.stands = Stand(
                entry, look.verdict.allowed, tuple(look.verdict.reasons), look.verdict.until
            )
        turns = sorted(
            self._turns((look.one for look in looks), at),
            key=lambda turn: self._rank(turn.turned.environment),
        )
        if not turns:
            return len(new)
        turns = self._told_once(turns)
        try:
            # 2. Whoever is to be told. A crash after it: it is told again, under the same name.
            self._tell([turn for turn in turns if not turn.again])
            # 3. The turns: the only step that ends it.
            self._sign([turned.to_statement(turn.turned, turn.artifact) for turn in turns])
        except Error:
            self._queue.add(look.one.number for look in looks)
            raise
        for turn in turns:
            self._take_turn(turn)
        return len(new) + len(turns)

    def _turns(self, some: Iterable[Watched], at: str) -> Iterator[Turn]:
        """Of what was looked at; of what is denied and runs no more; and of what an earlier run of
        ours left open, once all that runs was looked at."""
        for one in some:
            if one.subject is not None and one.stands is not None and one.against != one.open:
                yield self._turn(one, "denied" if one.against else "allowed", at)
        for one in self._gone:
            yield self._turn(one, "gone", at)
        if self._queue or not self._open:
            return
        for (environment, subject), against in self._open.items():
            left = Watched(
                number=0, environment=environment, artifact=subject, policy=against.policy,
                subject=subject, open=against,
            )  # fmt: skip
            yield self._turn(left, "gone", at)

    def _turn(self, one: Watched, to: str, at: str) -> Turn:
        against = one.against if to == "denied" else one.open
        places = self._places(one)
        services = [p.service for p in places if p.environment == one.environment]
        policy = self._policies.get(one.environment)
        stands = one.stands
        assert one.subject is not None
        assert against is not None
        return Turn(
            turned=Turned(
                to=to,  # type: ignore[arg-type]
                environment=one.environment,
                at=at,
                policy=against.policy,
                rules=against.rules,
                services=tuple(services[: turned.LISTED_MAX]),
                count=len(services),
                summary=None if to == "gone" or stands is None else stands.entry,
            ),
            number=one.number,
            artifact=one.subject,
            name=one.name,
            policy="" if policy is None else f"{policy.name} {policy.version}",
            production=one.environment in self._as_set.production,
            places=tuple(places),
            reasons=tuple(r for r in stands.reasons if not r.ok) if stands else (),
            was=one.open,
            again=False,
        )

    def _told_once(self, turns: Iterable[Turn]) -> list[Turn]:
        """The turns, marked where the same is open in another environment already, or still."""
        roots = self._roots.copy()
        marked = []
        for turn in turns:
            if turn.was is not None:
                roots[turn.artifact, turn.was] -= 1
            root = turn.artifact, Against(turn.turned.policy, turn.turned.rules)
            marked.append(structs.replace(turn, again=roots[root] > 0))
            if turn.turned.to == "denied":
                roots[root] += 1
        return marked

    def _take_turn(self, turn: Turn) -> None:
        """It is recorded: from now on it stands so."""
        if turn.was is not None:
            self._roots[turn.artifact, turn.was] -= 1
        against = None
        if turn.turned.to == "denied":
            against = Against(turn.turned.policy, turn.turned.rules)
            self._roots[turn.artifact, against] += 1
        if turn.number in self._by_number:
            self._by_number[turn.number].open = against
        elif turn.number:
            self._gone = [one for one in self._gone if one.number != turn.number]
        elif self._open is not None:
            del self._open[turn.turned.environment, turn.artifact]

    def _places(self, one: Watched) -> list[RunsIn]:
        """Where it runs, in all environments that the same policy decides in."""
        some = [e for e, policy in self._policies.items() if policy.digest == one.policy]
        found = []
        for environment in sorted(some, key=lambda e: (e != one.environment, self._rank(e))):
            for service in sorted(self._services.get((environment, one.artifact), ())):
                runs = self._runs.get((environment, service), ())
                found += [
                    RunsIn(environment=environment, service=service, mode=each.mode,
                            instances=each.instances)
                    for each in runs if each.artifact == one.artifact
                ]  # fmt: skip
        return found

    # -- small things

    def _rank(self, environment: str) -> tuple[int, str]:
        return self._as_set.rank(environment)

    def _trouble(self, says: str) -> None:
        if says not in self._said:
            self._said.add(says)
            self._on_trouble(says)


def _changes(verdict: Verdict, stands: Stand | None) -> bool:
    """Whether a verdict says anything that the summary before it does not."""
    return (
        stands is None
        or verdict.allowed is not stands.allowed
        or failing(verdict.reasons) != stands.failing
        or stands.until <= verdict.at
    )
