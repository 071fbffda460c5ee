"""One report, made step by step: each part rests on those before.

    the stay ──► 1 ranking: which services matter ──► 2 timeline ──► 3 what was known at its moments
             └──► words, causes                        └──► 4 before, uncertain ──► Postmortem

No clock, no random: of one look at the log, and of the same series, it is always the same.

Sizes:  it looks BEFORE_S before the detection, further back for the change that was accepted, and
        AFTER_S past the end, WINDOW_S_MAX past the detection at most · ENTRIES_MAX entries of
        evidence · SERVICES_MAX services
"""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Iterable, Sequence
from typing import Final

from wherefrom.errors import NotFound, Unavailable
from wherefrom.formats.shown import cut
from wherefrom.formats.states import SLOTS, Scope
from wherefrom.formats.timestamps import micros, of_micros
from wherefrom.query.catalog.answers import Expected
from wherefrom.query.catalog.questions import CatalogOptions
from wherefrom.query.impact.live import dimensions, impact
from wherefrom.query.incident_answers import Incident, Why
from wherefrom.query.incidents import WINDOW_S_MAX
from wherefrom.query.look import Look
from wherefrom.query.one_thing import OneThing
from wherefrom.query.postmortem import knowing, timeline, unsure, weighed_lines
from wherefrom.query.postmortem.knowing import Asked, Moment
from wherefrom.query.postmortem.listed import SLOT, briefs, stays
from wherefrom.query.postmortem.looking import Asking, Looking, position
from wherefrom.query.postmortem.naming import Naming, place
from wherefrom.query.postmortem.timeline import Window
from wherefrom.query.postmortem.weighed import Weighed, things_of, weighed
from wherefrom.query.postmortem.weighed_lines import Culprit, Frame
from wherefrom.query.postmortem.words import causes_of, words_of
from wherefrom.query.postmortem_answers import (
    CauseWord,
    Earlier,
    Explanation,
    Happened,
    Hurt,
    Learnt,
    LetIn,
    Postmortem,
    RankedThen,
    StoodBefore,
    Unsure,
)
from wherefrom.query.same import TRUSTED
from wherefrom.query.sizes import size_at
from wherefrom.views.estate import Stay

BEFORE_S: Final = 2 * 3_600
AFTER_S: Final = 3_600
BACK_S_MAX: Final = 7 * 86_400
BEGAN_MIN: Final = (BACK_S_MAX + BEFORE_S) * 1_000_000
ENTRIES_MAX: Final = 1_000
SERVICES_MAX: Final = 8
LIKELY: Final = 0.05
CULPRITS_MAX: Final = 5
SURE: Final = 0.8
SOON_S: Final = 3_600
_MICROS: Final = 1_000_000
_TOLD_SLOTS: Final = tuple(
    slot for slot in SLOTS if slot not in (SLOT, "response", "catalog", "gate", "denied")
)


class Reporting:
    """One report while it is made."""

    def __init__(self, asking: Asking, look: Looking, stay: Stay) -> None:
        self._asking, self._look = asking, look
        # Alerts that nobody dated say the year 1: what is looked at begins later.
        self._opened, self._stay = stay, stay._replace(began=max(stay.began, BEGAN_MIN))
        self._log = asking.log
        self._naming = Naming(look.graph, look.lens, self._log.content_of)
        self._end = stay.ended if stay.ended is not None else max(look.now, stay.began + 1)
        self._known = asking.catalogs.in_force(look.estate, look.graph, look.lens, at=look.now)
        self._says: list[str] = []

    def made(self) -> Postmortem:
        """All of it, step by step: each rests on those before."""
        look, stay = self._look, self._stay
        (brief,) = briefs(look.graph, look.lens, [self._opened])
        words, more_words = words_of(look.graph, look.lens, self._opened, self._log.content_of)
        causes = causes_of(look.graph, look.lens, self._opened, self._log.content_of)
        earlier = self._earlier()
        opened = look.received(stay.entry)
        told_later = opened is not None and micros(opened) > self._end
        # 1. What the ranking says of all that is known: it names the services that matter.
        asked = self._asked(stay)
        at_end = Moment(self._end, look.lens.as_of)
        accepted = _first(causes)
        ended, final = knowing.rankings(asked, [at_end], accepted, self._naming, entry=stay.entry)
        window = self._window(accepted, final)
        # 2. What happened in that window, in order.
        held, more = timeline.stays_in(look.estate, look.lens, window)
        since = self._began(accepted, final, held)
        frame = self._frame(window, held, accepted, final)
        judged = self._weighed(window, held, frame)
        if judged.truncated:
            self._says.append(
                "more was judged of what ran than is looked at: an exception may be missing here"
            )
        rows, cut_off = timeline.lines(
            look.estate, look.graph, look.lens, timeline.turns(held, window), self._naming,
            incident=stay, words=words, causes=causes,
            judged_rows=weighed_lines.lines(judged, frame),
        )  # fmt: skip
        let_in = weighed_lines.told(judged, frame)
        # 3. What was known at each moment of it.
        some = self._moments(rows, accepted, told_later, 0 if final is None else len(final.ranked))
        before_end = [one for one in some if one != at_end]
        ranked, _ = knowing.rankings(asked, before_end, accepted, self._naming, entry=stay.entry)
        ranked += ended if len(before_end) < len(some) else []
        explained = _explained(accepted, ranked, stay, self._naming)
        # 4. What stood before, and where all that was uncertain.
        before = self._before(held, since - 1)
        found = unsure.unsure(
            self._case(
                rows, held, window, since, ranked, explained, final, told_later, let_in, earlier
            )
        )
        learnt = [] if told_later else self._learnt(some)
        hurt = self._hurt(asked)
        apart = self._apart(since - 1)
        more_entries = self._naming.entries | {one.entry for one in learnt}
        more_entries |= {entry for one in let_in for entry in one.entries}
        listed = _entries(rows, before, causes, found, more_entries)
        # What notes rest on comes last: whoever names many must not push out the others.
        rested = sorted({entry for word in words for entry in word.entries} - {*listed})
        listed += [entry for entry in rested if look.received(entry) is not None]
        return Postmortem(
            incident=brief,
            owner=self._known.owner_of(stay.scope.service) if stay.scope.service else None,
            since=of_micros(window.since),
            until=of_micros(window.until),
            told_later=told_later,
            earlier=earlier,
            onset=None if final is None else final.onset,
            explained=explained,
            let_in=let_in,
            tried=weighed_lines.tried(judged, frame, detected=stay.began),
            causes=causes,
            rankings=_turning(ranked),
            timeline=rows,
            before=before,
            apart=apart,
            learnt=learnt,
            unsure=found,
            hurt=hurt,
            entries=sorted(listed[:ENTRIES_MAX]),
            truncated=more
            or more_words
            or cut_off
            or judged.truncated
            or len(listed) > ENTRIES_MAX,
            says=self._told(final, found),
            log=position(self._log, look.lens.as_of),
            as_of=look.lens.as_of,
        )

    # -- its parts

    def _asked(self, stay: Stay) -> Asked:
        detected = stay.began / _MICROS
        since = detected - BEFORE_S
        until = min(self._end / _MICROS, since + WINDOW_S_MAX - 1)
        try:
            measured, calls = self._asking.incidents.seen(since, until)
        except Unavailable as error:
            self._says.append(f"what measures did not answer: {cut(str(error), 200)}")
            measured, calls = [], []
        incident = Incident(
            id=stay.value, name=stay.says or stay.name, environment=stay.scope.environment,
            service=stay.scope.service, began=of_micros(stay.began),
            ended=None if stay.ended is None else of_micros(stay.ended), entry=stay.entry,
        )  # fmt: skip
        look = Look(incident, stay.scope.service, stay.scope.environment, since, until, detected)
        return Asked(self._look.estate, self._look.graph, look, measured, calls)

    def _window(self, accepted: CauseWord | None, final: Why | None) -> Window:
        """The service, those whose changes may have done it, and what is of none."""
        stay = self._stay
        services = [stay.scope.service]
        since = stay.began - BEFORE_S * _MICROS
        for row in final.ranked if final is not None else ():
            is_it = accepted is not None and knowing.is_of(row, accepted)
            if is_it or (row.change is not None and row.probability >= LIKELY):
                services.append(row.service or "")
            if is_it and row.started is not None:
                since = min(since, micros(row.started))
        if accepted is not None:
            services.append(accepted.service)
        since = max(since, stay.began - BACK_S_MAX * _MICROS, 0)
        until = min(self._end + AFTER_S * _MICROS, max(self._look.now, self._end) + 1)
        longest = stay.began + int(WINDOW_S_MAX) * _MICROS
        if until > longest:  # or what happened around the detection would find no room
            self._says.append(
                "it lasted longer than is looked at: what changed after "
                f"{of_micros(longest)[:16]}Z is not told"
            )
            until = longest
        named = tuple(dict.fromkeys(filter(None, services)))[:SERVICES_MAX]
        environment = stay.scope.environment
        return Window(environment, (*named, "") if named else (), since, until)

    def _moments(
        self, rows: Sequence[Happened], accepted: CauseWord | None, told_later: bool, ranked: int
    ) -> list[Moment]:
        at = knowing.moments(
            rows, detected=self._stay.began, end=self._end, told_later=told_later, ranked=ranked,
            accepted=accepted,
        )  # fmt: skip
        size = self._look.lens.as_of
        if told_later:
            return [Moment(one, size) for one in at]
        return [Moment(one, size_at(self._log, of_micros(one), size=size)) for one in at]

    def _began(self, accepted: CauseWord | None, final: Why | None, held: Iterable[Stay]) -> int:
        """When what is held to have caused it was done; else when it hurt, or was detected."""
        detected = self._stay.began
        starts = [detected]
        if final is not None and final.onset is not None:
            starts.append(micros(final.onset))
        if accepted is not None:
            starts += [
                one.began
                for one in held
                if (one.slot, one.name, one.value) == (accepted.slot, accepted.name, accepted.value)
                and one.scope.service == accepted.service
                and one.began <= detected
            ][:1]
        elif final is not None and final.ranked[0].probability >= SURE:
            started = [micros(one.started) for one in final.ranked[:1] if one.started is not None]
            starts += [at for at in started if at >= detected - SOON_S * _MICROS]
        return max(min(starts), detected - BACK_S_MAX * _MICROS)

    def _earlier(self) -> list[Earlier]:
        """When it had been open before: what was closed may be opened again."""
        scope = Scope(self._opened.scope.environment, self._opened.scope.service)
        some = [
            one
            for one in stays(self._look.estate, scope, self._look.lens)
            if one.value == self._opened.value and one.began < self._opened.began
        ]
        return [
            Earlier(
                began=of_micros(one.began),
                ended=None if one.ended is None else of_micros(one.ended),
                entry=one.entry,
            )
            for one in reversed(some)
        ]

    def _frame(
        self, window: Window, held: Sequence[Stay], accepted: CauseWord | None, final: Why | None
    ) -> Frame:
        """What is told of what was judged, and what is held for the cause: by whoever said so, else
        what the ranking holds for likely."""
        stands: dict[str, Stay] = {}
        for one in sorted(held, key=lambda one: one.began):
            stands.setdefault(one.value, one)
        if accepted is not None:
            values = [accepted.value]
        else:
            ranked = () if final is None else final.ranked
            values = [one.after for one in ranked if one.probability >= LIKELY][:CULPRITS_MAX]
        some = [stands[value] for value in dict.fromkeys(values) if value in stands]

        def called(thing: str) -> tuple[str, str]:
            one = stands.get(thing)
            if one is None:
                return self._naming.value("artifact", thing), ""
            return self._naming.value(one.slot, thing, one.says), one.scope.service

        return Frame(
            window.environment, window.since, window.until, self._look.now, called,
            [Culprit(one.value, *called(one.value), one.began) for one in some],
        )  # fmt: skip

    def _weighed(self, window: Window, held: Sequence[Stay], frame: Frame) -> Weighed:
        """What was judged of what ran there."""
        look = self._look
        first = [one.thing for one in frame.culprits]
        seen = look.estate.held(
            Scope(window.environment, self._stay.scope.service), at=self._stay.began,
            as_of=look.lens.as_of, slots=("artifact",),
        )  # fmt: skip
        return weighed(
            look.graph, look.lens, self._log.content_of, things=things_of(held, first),
            realities=sorted({str(id) for one in seen if (id := one.properties.get("reality"))}),
            policies=sorted({one.value for one in held if one.slot == "gate"}),
            environment=window.environment, services=window.services,
        )  # fmt: skip

    def _before(self, held: Iterable[Stay], at: int) -> list[StoodBefore]:
        """What the service held just before; instances of one place are one."""
        service = self._stay.scope.service
        found: dict[tuple[object, ...], Stay] = {}
        for one in held:
            stands = one.began <= at and (one.ended is None or one.ended > at)
            if stands and one.slot in _TOLD_SLOTS and one.scope.service in (service, ""):
                where = one.scope._replace(instance="")
                found.setdefault((one.mode, where, one.slot, one.name, one.value), one)
        judged = self._look.graph.judgements({s.entry for s in found.values()}, self._look.lens)
        told = [
            StoodBefore(
                mode=one.mode, service=one.scope.service, region=one.scope.region,
                pool=one.scope.pool, slot=one.slot, name=one.name, value=one.value,
                says=self._naming.value(one.slot, one.value, one.says), since=of_micros(one.began),
                entry=one.entry,
                trust=judged[one.entry].level if one.entry in judged else "unknown",
            )
            for one in found.values()
        ]  # fmt: skip
        return sorted(told, key=lambda s: (s.mode, s.slot, s.service, s.name, s.region, s.pool))

    def _apart(self, before: int) -> list[str]:
        """How what is declared had changed from then to the detection: settings and commits too."""
        stay = self._stay
        if not stay.scope.service or before >= stay.began:
            return []
        scope = Scope(stay.scope.environment, stay.scope.service)
        look = self._look
        differing = self._asking.reality.differing(
            look.estate, look.graph, look.lens, scope, (before, stay.began),
            slots=_TOLD_SLOTS, mode="declared",
        )  # fmt: skip
        told = []
        for one in differing:
            a, b = (
                ", ".join(self._naming.value(one.slot, v, s) for v, s in zip(v, s, strict=True))
                or "nothing"
                for v, s in ((one.a, one.a_says), (one.b, one.b_says))
            )
            alone = len(one.a) == len(one.b) == 1
            parts = [f"{place(one.slot, one.name, one.service)}: {a} → {b}"]
            parts += self._naming.apart(one.slot, one.a[0], one.b[0]) if alone else []
            parts += [f"commit {cut(id, 60)}, only in the newer" for id in one.commits_b[:10]]
            told.append("; ".join(parts))
        return told

    def _case(
        self, rows: Sequence[Happened], held: Sequence[Stay], window: Window, since: int,
        ranked: Sequence[RankedThen], explained: Explanation | None, final: Why | None,
        told_later: bool, let_in: Sequence[LetIn], earlier: Sequence[Earlier],
    ) -> unsure.Case:  # fmt: skip
        look, stay = self._look, self._stay
        services = [stay.scope.service] if stay.scope.service else []
        if explained is not None and explained.cause.service not in ("", *services):
            services.append(explained.cause.service)
        return unsure.Case(
            estate=look.estate, graph=look.graph, lens=look.lens, naming=self._naming,
            same=OneThing(look.graph, look.lens), environment=stay.scope.environment,
            services=services, incident=stay.value, since=since, until=self._end,
            detected=stay.began, stays=held,
            rows=[row for row in rows if micros(row.at) <= self._end], explained=explained,
            rankings=ranked, expected=self._gaps(services), told_later=told_later,
            received=look.received, owner_of=self._known.owner_of,
            measured_says=[] if final is None else final.says, let_in=let_in,
            earlier=earlier,
        )  # fmt: skip

    def _gaps(self, services: Collection[str]) -> list[Expected]:
        options = CatalogOptions(
            at=of_micros(self._stay.began), as_of=self._look.lens.as_of,
            environment=self._stay.scope.environment,
        )  # fmt: skip
        found: list[Expected] = []
        for service in services:
            with contextlib.suppress(NotFound):  # no catalogue then, or it does not name it
                found += self._asking.expected.gaps(service, options).gaps
        return found

    def _learnt(self, some: Sequence[Moment]) -> list[Learnt]:
        scope = Scope(self._stay.scope.environment, self._stay.scope.service)
        if not scope.service:
            return []
        wanted = [one for one in some if one.at in (self._stay.began, self._end)]
        return knowing.learnt(
            self._look.estate, wanted, scope, self._look.received, self._naming,
            size=self._look.lens.as_of,
        )  # fmt: skip

    def _hurt(self, asked: Asked) -> Hurt | None:
        if not asked.measured:
            return None
        look = asked.look._replace(since=asked.look.detected - BEFORE_S / 12)
        found = impact(self._look.estate, self._look.lens, look, asked.measured, by=dimensions(()))
        if not found.requests:
            return None
        return Hurt(
            requests=found.requests, failing=found.failing, slow=found.slow,
            concentrated=[one.says for one in found.concentrated],
        )  # fmt: skip

    def _told(self, final: Why | None, found: Sequence[Unsure]) -> list[str]:
        told = list(self._says)
        # What is said of what was not measured is told as uncertain.
        apart = {one.says for one in found}
        return told + [line for line in (final.says if final else ()) if line not in apart]


def _first(causes: Sequence[CauseWord]) -> CauseWord | None:
    """The first that was accepted, of those that stand: by somebody known, if by any."""
    stands = [one for one in causes if one.stands]
    known = [one for one in stands if one.trust in TRUSTED]
    return min(known or stands, key=lambda one: (one.at, one.entry), default=None)


def _explained(
    accepted: CauseWord | None, ranked: Sequence[RankedThen], stay: Stay, naming: Naming
) -> Explanation | None:
    if accepted is None:
        return None
    top = next((one for one in ranked if one.place == 1), None)
    named = place(accepted.slot, accepted.name, accepted.service)
    return Explanation(
        cause=accepted,
        what=f"{named} to {naming.value(accepted.slot, accepted.value)}",
        after_s=max(0, micros(accepted.at) - stay.began) / _MICROS,
        on_top=None if top is None else top.at,
        on_top_size=None if top is None else top.size,
        on_top_after_s=None if top is None else (micros(top.at) - stay.began) / _MICROS,
    )


def _turning(ranked: Sequence[RankedThen]) -> list[RankedThen]:
    """The first, the last, and those where somebody else came on top, or what was accepted
    moved."""
    kept: list[RankedThen] = []
    for number, one in enumerate(ranked):
        last = kept[-1] if kept else None
        is_end = number == len(ranked) - 1
        if last is None or is_end or (one.leader, one.place) != (last.leader, last.place):
            kept.append(one)
    return kept


def _entries(
    rows: Sequence[Happened], before: Sequence[StoodBefore], causes: Sequence[CauseWord],
    found: Sequence[Unsure], learnt: Iterable[int],
) -> list[int]:  # fmt: skip
    """Every record that the report rests on."""
    named = {row.entry for row in rows} | {one.entry for one in before}
    named |= {one.entry for one in causes} | {entry for one in found for entry in one.entries}
    return sorted(named | set(learnt))
