"""Where questions about reality are asked: what runs, what changed, how two realities differ.

    text ──scopes──► where and when ──► estate ──held, changed──► answers
                                          └ with the graph: trust, and which digests are one thing

Answers take one snapshot of the estate and one of the graph; the graph may be a moment ahead or
behind, so the answer is as of the smaller of the two.
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

import msgspec

from wherefrom.errors import Malformed, NotFound
from wherefrom.formats import config_bundle, timestamps
from wherefrom.formats.states import DECLARED, MODES, OBSERVED, SLOTS, Scope
from wherefrom.formats.timestamps import micros, moved, of_micros
from wherefrom.log.reader import LogReader
from wherefrom.log.replay import service_key_id
from wherefrom.query import clocks, scopes
from wherefrom.query.affected import blast, reached_places
from wherefrom.query.answers import LogPosition
from wherefrom.query.apart import apart
from wherefrom.query.bundles import keys_apart, recorded
from wherefrom.query.catalog.in_force import Catalogs
from wherefrom.query.clocks import Later
from wherefrom.query.containment import Containment, check_containment, stated
from wherefrom.query.made_of import made_of
from wherefrom.query.materials import materials
from wherefrom.query.one_thing import OneThing
from wherefrom.query.open_turns import open_turns, with_denied
from wherefrom.query.reality_answers import (
    Affected,
    Change,
    Changes,
    Clocks,
    Difference,
    Differing,
    Place,
    Running,
    Side,
    Touched,
)
from wherefrom.query.releases import ReleaseBook
from wherefrom.query.running import places
from wherefrom.query.scopes import Expression
from wherefrom.query.sizes import need_size
from wherefrom.query.touched import touched
from wherefrom.query.what_runs import thing_named
from wherefrom.views.estate import Changed, EstateReader, EstateSnapshot
from wherefrom.views.graph import GraphReader, Judgement, Lens, Snapshot

CHANGES_MAX: Final = 10_000
CHANGES_DEFAULT: Final = 100
_DAY: Final = 86_400 * 1_000_000


class RealityOptions(msgspec.Struct, frozen=True, kw_only=True):
    """When, as known when, and of what.

    at         RFC 3339; None for what the scope says, or now
    slots      of ``states.SLOTS``; empty for all
    mode       ``declared`` or ``observed``; empty for both
    materials  of ``running``: also what artifacts are made of; ``part`` only what holds this text
    """

    at: str | None = None
    as_of: int | None = None
    since: str | None = None
    until: str | None = None
    slots: tuple[str, ...] = ()
    mode: str = ""
    limit: int = CHANGES_DEFAULT
    materials: bool = False
    part: str = ""

    def check(self) -> None:
        """Raises Malformed."""
        for slot in self.slots:
            if slot not in SLOTS:
                raise Malformed("not a slot of state", expected=" ".join(SLOTS), got=slot)
        if self.mode and self.mode not in MODES:
            raise Malformed("neither declared nor observed", got=self.mode)
        if not 0 < self.limit <= CHANGES_MAX:
            raise Malformed("not a limit", expected=f"1 to {CHANGES_MAX}", got=self.limit)

    @property
    def modes(self) -> tuple[str, ...]:
        """The modes that are asked for; empty for both."""
        return (self.mode,) if self.mode else ()


class _Meant(NamedTuple):
    """What an expression means: where, and when in microseconds."""

    scope: Scope
    at: int


class Reality:
    """Answers over one log's estate and graph; safe for several threads."""

    def __init__(
        self,
        log: LogReader,
        estate: EstateReader,
        graph: GraphReader,
        *,
        catalogs: Catalogs | None = None,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._log = log
        self._estate = estate
        self._graph = graph
        self._catalogs = Catalogs(self._log.content_of) if catalogs is None else catalogs
        self._clock = clock

    def running(self, text: str, options: RealityOptions, *, drifting: bool = False) -> Running:
        """What is declared and observed in a scope at a time.

        drifting  only places where the two differ

        Raises NotFound for a scope that nobody has spoken of, Malformed.
        """
        options.check()
        with self.snapshots(options.as_of) as (estate, graph, lens):
            meant = self._meant(estate, text, options, lens)
            same = OneThing(graph, lens)
            found = self._places(estate, graph, lens, meant, options, same)
            differ = [place for place in found if place.drift]
            return Running(
                of=text,
                at=of_micros(meant.at),
                log=log_of_estate(estate),
                as_of=lens.as_of,
                places=differ if drifting else found,
                drifting=len(differ),
                materials=materials(
                    found,
                    lambda value: made_of(graph, lens, value),
                    lambda entries: graph.judgements(set(entries), lens),
                    at=meant.at,
                    same=same,
                    part=options.part,
                )
                if options.materials or options.part
                else None,
            )

    def changes(self, text: str, options: RealityOptions) -> Changes:
        """What changed in a scope in a window, newest first. Raises as ``running``."""
        options.check()
        with self.snapshots(options.as_of) as (estate, graph, lens):
            meant = self._meant(estate, text, options, lens)
            until = micros(options.until) if options.until else meant.at + 1
            since = micros(options.since or moved(of_micros(until - 1), -_DAY // 1_000_000))
            found = estate.changed(
                meant.scope, since=since, until=until, as_of=lens.as_of, slots=options.slots,
                modes=options.modes, limit=options.limit + 1,
            )  # fmt: skip
            told = found[: options.limit]
            judged = graph.judgements({c.entry for c in told}, lens)
            marks = clocks.marks(estate, judged, size=lens.as_of)
            later = clocks.later_causes(graph, lens, judged)
            return Changes(
                of=text,
                since=of_micros(since),
                until=of_micros(until),
                log=log_of_estate(estate),
                as_of=lens.as_of,
                changes=_in_order(
                    [
                        change_of(
                            one,
                            judged.get(one.entry),
                            marks.get(one.entry, ()),
                            later.get(one.entry),
                        )
                        for one in told
                    ],
                    later,
                ),
                truncated=len(found) > options.limit,
            )

    def diff(self, a: str, b: str, options: RealityOptions) -> Difference:
        """How two scopes, or one at two times, differ. Raises as ``running``."""
        options.check()
        with self.snapshots(options.as_of) as (estate, graph, lens):
            sides = [self._meant(estate, text, options, lens) for text in (a, b)]
            same = OneThing(graph, lens)
            found = [self._places(estate, graph, lens, side, options, same) for side in sides]
            differing, alike = apart(*found, same=same)
            differing = [self._in_full(one, graph, lens) for one in differing]
            return Difference(
                a=Side(of=a, at=of_micros(sides[0].at)),
                b=Side(of=b, at=of_micros(sides[1].at)),
                log=log_of_estate(estate),
                as_of=lens.as_of,
                differing=differing,
                same=alike,
            )

    def differing(
        self,
        estate: EstateSnapshot,
        graph: Snapshot,
        lens: Lens,
        scope: Scope,
        at: tuple[int, int],
        *,
        slots: tuple[str, ...],
        mode: str,
    ) -> list[Differing]:
        """How one scope differs at two times, in microseconds, in one look that is open."""
        options = RealityOptions(slots=slots, mode=mode)
        same = OneThing(graph, lens)
        sides = [
            self._places(estate, graph, lens, _Meant(scope, when), options, same) for when in at
        ]
        return [self._in_full(one, graph, lens) for one in apart(*sides, same=same)[0]]

    def containment(self, text: str, options: RealityOptions) -> Containment:
        """Whether the containment policies in force in a scope would hold. Raises as
        ``running``."""
        options = msgspec.structs.replace(options, slots=("policy", "flag"))
        options.check()
        with self.snapshots(options.as_of) as (estate, graph, lens):
            meant = self._meant(estate, text, options, lens)
            found = self._places(estate, graph, lens, meant, options, OneThing(graph, lens))
            digests = sorted({s.value for p in found for s in stated(p) if p.slot == "policy"})
            bundles = {d: recorded(graph, lens, d, self._log.content_of) for d in digests}
            held = {digest: one for digest, one in bundles.items() if one is not None}
            return Containment(
                of=text,
                at=of_micros(meant.at),
                log=log_of_estate(estate),
                as_of=lens.as_of,
                **msgspec.structs.asdict(check_containment(found, held)),
            )

    def affected(self, text: str, options: RealityOptions) -> Affected:
        """How far a package, artifact or vulnerability reaches, down to what runs at a time.

        Raises NotFound, Ambiguous for the text, Malformed.
        """
        options.check()
        with self.snapshots(options.as_of) as (estate, graph, lens):
            at = micros(options.at) if options.at else self._now()
            found = blast(graph, text, lens)
            held = estate.held(Scope(), at=at, as_of=lens.as_of, modes=options.modes)
            judged = graph.judgements({one.seen_entry for one in held}, lens)
            known = self._catalogs.in_force(estate, graph, lens, at=at)
            places = reached_places(found, held, judged, owner_of=known.owner_of)
            return Affected(
                of=text,
                at=of_micros(at),
                log=log_of_estate(estate),
                as_of=lens.as_of,
                starts=found.starts,
                running=places,
                things=found.things,
                claims=found.claims,
                truncated=found.reason is not None,
                reason=found.reason,
            )

    def touched(self, text: str, options: RealityOptions) -> Touched:
        """What changed or wrote a table, dataset or column in a window, newest first.

        Raises NotFound for a name that no table has, Malformed.
        """
        options.check()
        with self.snapshots(options.as_of) as (estate, graph, lens):
            since, until = (
                None if said is None else timestamps.canonical(said, where=where)
                for said, where in ((options.since, "since"), (options.until, "until"))
            )
            things, touches = touched(graph, text, lens, since=since, until=until)
            return Touched(
                of=text,
                things=things,
                since=since,
                until=until,
                log=log_of_estate(estate),
                as_of=lens.as_of,
                touches=touches[: options.limit],
                truncated=len(touches) > options.limit,
            )

    def clocks(self, *, since: str | None, until: str | None) -> Clocks:
        """How far the clocks of producers can be believed, in a window of hours; the last day if
        no other is given. Raises Malformed."""
        end = micros(timestamps.canonical(until, where="until")) if until else self._now()
        start = micros(timestamps.canonical(since, where="since")) if since else end - _DAY
        with self._estate.snapshot() as estate:
            return clocks.told(estate, since=start, until=end, log=log_of_estate(estate))

    def _now(self) -> int:
        return micros(timestamps.to_text(self._clock()))

    def _in_full(self, one: Differing, graph: Snapshot, lens: Lens) -> Differing:
        """With what the artifacts of each side, and only those of that side, were made of; of
        bundles with the settings that differ."""
        if one.slot in BUNDLE_SLOTS:
            bundles = (
                [recorded(graph, lens, value, self._log.content_of) for value in side]
                for side in (one.a, one.b)
            )
            return msgspec.structs.replace(one, keys=keys_apart(*bundles))
        if one.slot != "artifact":
            return one
        sides = [[made_of(graph, lens, value) for value in values] for values in (one.a, one.b)]
        told: dict[str, Any] = {}
        for part in ("commits", "bases", "packages"):
            a, b = ({id for made in side for id in getattr(made, part)} for side in sides)
            told |= {f"{part}_a": sorted(a - b), f"{part}_b": sorted(b - a)}
        released = ReleaseBook(graph, lens, self._log.content_of).apart(one.a, one.b)
        return msgspec.structs.replace(one, **told, releases=released)

    @contextlib.contextmanager
    def snapshots(self, as_of: int | None) -> Iterator[tuple[EstateSnapshot, Snapshot, Lens]]:
        """One look at the estate and the graph, and the size that both speak of."""
        with self._estate.snapshot() as estate, self._graph.snapshot() as graph:
            need_size(as_of, reached=estate.size, log=self._log)
            size = estate.need(as_of)
            if as_of is None:
                size = min(size, graph.size)
            yield estate, graph, graph.lens(as_of=size)

    def _places(
        self,
        estate: EstateSnapshot,
        graph: Snapshot,
        lens: Lens,
        meant: _Meant,
        options: RealityOptions,
        same: OneThing,
    ) -> list[Place]:
        held_in = functools.partial(estate.held, at=meant.at, as_of=lens.as_of, slots=options.slots)
        held = held_in(meant.scope, modes=options.modes)
        wide = meant.scope._replace(region="", pool="", instance="")
        if wide != meant.scope and options.mode != OBSERVED:
            # What was declared of the whole service holds in each part of it too.
            held += [
                one
                for one in held_in(wide, modes=(DECLARED,))
                if one.scope.covers(meant.scope) and one.scope != meant.scope
            ]
        judged = graph.judgements({one.seen_entry for one in held}, lens)
        modes = {one.value for one in held if one.slot == "safe_mode"}
        packed = (recorded(graph, lens, value, self._log.content_of) for value in sorted(modes))
        seconds_max = {
            held.bundle.digest: held.bundle.max_seconds
            for held in packed
            if held and held.bundle.max_seconds
        }
        marks = clocks.marks(estate, judged, size=lens.as_of)
        known = self._catalogs.in_force(estate, graph, lens, at=meant.at)
        found = places(
            held, judged, at=meant.at, same=same, seconds_max=seconds_max, marks=marks,
            owner_of=known.owner_of,
        )  # fmt: skip
        denied = open_turns(estate, graph, lens, at=meant.at, own=self._own)
        if not denied:
            return found
        return with_denied(found, denied, lambda value: thing_named(graph, lens, value))

    @functools.cached_property
    def _own(self) -> str:
        """The id of the key that signs what this log itself says."""
        return service_key_id(self._log)

    def _meant(
        self, estate: EstateSnapshot, text: str, options: RealityOptions, lens: Lens
    ) -> _Meant:
        now = self._clock()
        said = scopes.parse(text, now=now)
        scope = self._scope(estate, said, text)
        at = micros(timestamps.to_text(now))
        if options.at is not None and (said.at, said.back, said.number) != (None, None, None):
            raise Malformed("two times", got=f"{text} and {options.at}", expected="one of them")
        if (when := options.at or said.at) is not None:
            at = micros(when)
        elif said.back is not None or said.number is not None:
            moment = estate.moment(
                scope, until=at, as_of=lens.as_of, number=said.number, back=said.back or 0
            )
            if moment is None:
                count = estate.moments(scope, until=at, as_of=lens.as_of)
                raise NotFound(
                    "no such change of this scope",
                    got=text,
                    expected=f"one of its {count}",
                    do="wherefrom changes lists them, with --since for older ones",
                )
            at = moment
        return _Meant(scope, at)

    def _scope(self, estate: EstateSnapshot, said: Expression, text: str) -> Scope:
        if said.named is not None:
            return said.named
        if not said.words:
            return Scope()
        environments = estate.environments()
        first = said.words[0]
        if not first or first in environments:
            return Scope(*said.words)
        # A service by itself is it in every environment.
        if len(said.words) == 1 and first in estate.services():
            return Scope(service=first)
        raise NotFound(
            "no environment or service is called so", got=text,
            expected=", ".join(environments[:10]) or "none was ever named",
            do="wherefrom running without a scope shows all of them",
        )  # fmt: skip


BUNDLE_SLOTS: Final = frozenset(config_bundle.KINDS.values())


def log_of_estate(estate: EstateSnapshot) -> LogPosition:
    """Of which log an answer speaks."""
    root = None if estate.root is None else estate.root.hex()
    return LogPosition(origin=estate.origin, size=estate.size, root=root)


def _in_order(changes: list[Change], later: Mapping[int, Later]) -> list[Change]:
    """Newest first; what follows from something that is dated later, after that."""

    def when(change: Change) -> str:
        cause = later.get(change.entry)
        return change.at if cause is None else max(change.at, cause.at)

    # Where both are then dated alike, the one that follows is the newer one.
    return sorted(changes, key=lambda one: (when(one), one.follows is not None), reverse=True)


def change_of(
    one: Changed,
    judgement: Judgement | None,
    marks: tuple[str, ...] = (),
    cause: Later | None = None,
) -> Change:
    """One change as it is answered, with how far its record is believed.

    marks  what is wrong with its time; ``cause`` what it follows from, if that is dated later
    """
    return Change(
        at=of_micros(one.at),
        **one.scope._asdict(),
        mode=one.mode,
        slot=one.slot,
        name=one.name,
        before=one.before,
        after=one.after,
        before_says=one.says[0],
        after_says=one.says[1],
        by=one.source,
        entry=one.entry,
        type="" if judgement is None else judgement.type,
        trust="unknown" if judgement is None else judgement.level,
        signers=() if judgement is None else judgement.signers,
        marks=marks if cause is None else (*marks, clocks.BEFORE_CAUSE),
        follows=None if cause is None else cause.entry,
    )
