"""Where an incident was uncertain: each stretch, the gap in the records behind it, what mends it.

    unexplained   nobody had accepted a cause
    late          something happened, and the log heard of it later
    no_config     an artifact was deployed, and no config bundle is recorded for it
    unrecorded    a bundle was in force, and the log does not have what it holds
    undeclared    something ran that nobody declared
    unseen        nobody told what runs
    by_name       what was deployed is called by a name that may move
    unmade        no record says how what ran was made
    excepted      what is held for the cause came in although a rule did not hold
    canary        a canary was not decided
    unmeasured    nothing was measured, or nobody says who calls whom
    expected      somebody should have sent something, as the catalogue has it, and did not
    clock         a time that cannot be right
    unsigned      changes that nobody known has signed

Times are cut to the stretch between what caused it, if that is known, and the end.

Sizes:  STRETCHES_MAX of each kind, the longest · SHORT_S seconds are no uncertainty
Source: docs/incidents.md
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Final, NamedTuple

from wherefrom.formats.canary import UNDECIDED
from wherefrom.formats.digests import strong_id_in
from wherefrom.formats.incident import CLOSED, OPENED
from wherefrom.formats.shown import cut, printable
from wherefrom.formats.states import DECLARED, OBSERVED, Scope
from wherefrom.formats.timestamps import micros, of_micros
from wherefrom.query.catalog.answers import Expected
from wherefrom.query.one_thing import OneThing
from wherefrom.query.postmortem.naming import Naming, place
from wherefrom.query.postmortem.timeline import CANARY, CHANGE, RESPONSE, SEEN, lasting
from wherefrom.query.postmortem_answers import (
    Earlier,
    Explanation,
    Happened,
    LetIn,
    RankedThen,
    Unsure,
)
from wherefrom.views.estate import EstateSnapshot, Stay
from wherefrom.views.graph import Lens, Snapshot
from wherefrom.views.graph.schema import RELATION_NUMBERS

STRETCHES_MAX: Final = 20
SHORT_S: Final = 60
# An agent that follows a cluster lists all of it once an hour.
SEEN_EVERY_S: Final = 3_900
_MICROS: Final = 1_000_000
_MADE: Final = (RELATION_NUMBERS["generated_by"], RELATION_NUMBERS["derived_from"])
_ROWS_MAX: Final = 100
_BUNDLES: Final = ("config", "policy", "safe_mode")


class Case(NamedTuple):
    """What uncertainty is looked for in; times in microseconds.

    since, until  from what caused it to its end
    services      those whose state matters
    stays         what was where
    received      when the log heard of an entry
    """

    estate: EstateSnapshot
    graph: Snapshot
    lens: Lens
    naming: Naming
    same: OneThing
    environment: str
    services: Sequence[str]
    incident: str
    since: int
    until: int
    detected: int
    stays: Sequence[Stay]
    rows: Sequence[Happened]
    explained: Explanation | None
    rankings: Sequence[RankedThen]
    expected: Sequence[Expected]
    told_later: bool
    received: Callable[[int], str | None]
    owner_of: Callable[[str], str | None]
    measured_says: Sequence[str]
    let_in: Sequence[LetIn]
    earlier: Sequence[Earlier]


def unsure(case: Case) -> list[Unsure]:
    """Every stretch, the longest first; doubts that have no length last."""
    found: list[Unsure] = []
    for kind in (
        _unexplained, _late, _no_config, _unrecorded, _undeclared, _unseen, _by_name, _unmade,
        _excepted, _undecided, _unmeasured, _expected, _clock, _unsigned,
    ):  # fmt: skip
        some = sorted(kind(case), key=lambda one: -(one.seconds or 0))
        found += some[:STRETCHES_MAX]
    return sorted(found, key=lambda one: (one.seconds is None, -(one.seconds or 0), one.since))


def _stretch(
    case: Case,
    code: str,
    since: int,
    until: int,
    *,
    gap: str,
    says: str,
    fix: str,
    command: str = "",
    service: str = "",
    entries: Iterable[int] = (),
) -> Iterator[Unsure]:
    """One, cut to the time that counts; nothing if that is short."""
    begin, end = max(since, case.since), min(until, case.until)
    seconds = (end - begin) / _MICROS
    if seconds < SHORT_S:
        return
    yield Unsure(
        code=code, since=of_micros(begin), until=of_micros(end), seconds=seconds,
        gap=f"{gap}: {lasting(seconds)}", says=says, fix=fix, command=command,
        owner=case.owner_of(service) if service else None, service=service,
        entries=sorted(set(entries)),
    )  # fmt: skip


def _doubt(case: Case, code: str, **told: object) -> Unsure:
    """Something that is doubtful all the time."""
    return Unsure(
        code=code,
        since=of_micros(case.since),
        until=of_micros(case.until),
        seconds=None,
        **told,  # type: ignore[arg-type]
    )


# -- of the explanation


def _unexplained(case: Case) -> Iterator[Unsure]:
    found = case.explained
    until = case.until if found is None else micros(found.cause.at)
    if found is None:
        says = "nobody has recorded what caused it"
        fix = "Look at the ranking, and say which change it was"
    elif found.on_top is None:
        says = "the change that was accepted was never on top of the ranking"
        fix = "Measure what tells new from old where it hurt, or send the change sooner"
    else:
        after = f"{lasting(found.on_top_after_s)} after" if found.on_top_after_s else "at"
        says = f"the ranking had it on top {after} the detection"
        fix = "Ask for the ranking when an alert comes: its link is in the alert"
        by = _came_with(case, found.on_top)
        if by is not None:
            says += f", when {cut(by.says, 160)} was recorded"
        # The longer half of the wait is the one to mend.
        if by is not None and 2 * (found.on_top_after_s or 0) >= found.after_s:
            fix = "Send that when it happens: the explanation waited for it"
    seconds = (until - case.detected) / _MICROS
    if seconds >= SHORT_S:
        yield Unsure(
            code="unexplained", since=of_micros(case.detected), until=of_micros(until),
            seconds=seconds, gap=f"no accepted cause: {lasting(seconds)}", says=says, fix=fix,
            command=_accept(case) if found is None else "",
            owner=case.owner_of(case.services[0]) if case.services else None,
            service=case.services[0] if case.services else "",
            entries=[] if found is None else [found.cause.entry],
        )  # fmt: skip


def _accept(case: Case) -> str:
    """How to say that what stands on top now was the cause."""
    leader = case.rankings[-1].entry if case.rankings else None
    entry = "ENTRY" if leader is None else str(leader)
    return f"wherefrom why --alert {shlex.quote(printable(case.incident))} --accept {entry}"


def _came_with(case: Case, at: str) -> Happened | None:
    """What the log heard of at a moment, of what had happened well before."""
    if case.told_later:
        return None
    rows = (row for row in case.rows if row.known == at and row.late_s >= SHORT_S)
    return next(rows, None)


def _late(case: Case) -> Iterator[Unsure]:
    if case.told_later:
        first = min((micros(row.known) for row in case.rows), default=case.until)
        if first > case.detected:
            seconds = (first - case.detected) / _MICROS
            yield _doubt(
                case, "late",
                gap=f"all of it was recorded later: {lasting(seconds)} after the detection",
                says="what was known when cannot be said: the log heard of it afterwards",
                fix="Let alerts, pipelines and agents send while it happens",
                command="wherefrom webhooks new", entries=[],
            )  # fmt: skip
        return
    for row in case.rows:
        if row.what == OPENED and row.late_s >= SHORT_S:
            yield from _stretch(
                case, "late", micros(row.at), micros(row.known),
                service=case.services[0] if case.services else "",
                gap="the detection recorded late",
                says="the log did not know of the incident, and nobody could ask what did it",
                fix="Let the alert open it, or open it before looking",
                command="wherefrom webhooks new, wherefrom incident open", entries=[row.entry],
            )  # fmt: skip
        if row.what in (CHANGE, RESPONSE, SEEN) and row.late_s >= SHORT_S:
            what = cut(row.says, 160)
            yield from _stretch(
                case, "late", micros(row.at), micros(row.known), service=row.service,
                gap=f"{place(row.slot, row.name, row.service)} recorded late",
                says=f"{what} was so, and the log did not know",
                fix=f"Send it when it happens, from {cut(row.by or 'whoever did it', 60)}",
                entries=[row.entry],
            )  # fmt: skip


# -- of what ran


def _of(case: Case, service: str, slots: Sequence[str], mode: str = "") -> list[Stay]:
    """What the service had in these slots while it counts, and what every service had."""
    return [
        one for one in case.stays
        if one.slot in slots and one.scope.service in (service, "") and mode in ("", one.mode)
        and one.began < case.until and (one.ended is None or one.ended > case.since)
    ]  # fmt: skip


def _end(case: Case, stay: Stay) -> int:
    return case.until if stay.ended is None else min(stay.ended, case.until)


def _known(case: Case, stay: Stay) -> int:
    """From when on the log knew of it."""
    received = case.received(stay.entry)
    if case.told_later or received is None:
        return stay.began
    return max(stay.began, micros(received))


def _no_config(case: Case) -> Iterator[Unsure]:
    for service in case.services:
        covered = sorted((_known(case, c), _end(case, c)) for c in _of(case, service, ("config",)))
        for one in _deployed(case, service):
            for since, until in _uncovered(max(one.began, case.since), _end(case, one), covered):
                called = case.naming.value("artifact", one.value, one.says)
                yield from _stretch(
                    case, "no_config", since, until, service=service,
                    gap=f"config bundle not attached to deploy of {cut(service, 40)}",
                    says=f"{called} ran, and no record says with which settings",
                    fix="Pack the settings and activate them in the step that deploys",
                    command="wherefrom bundle pack, wherefrom bundle activate",
                    entries=[one.entry],
                )  # fmt: skip


def _deployed(case: Case, service: str) -> list[Stay]:
    """What was declared to run; where nobody declares, what was seen: each value once."""
    for mode in (DECLARED, OBSERVED):
        found = [s for s in _of(case, service, ("artifact",), mode) if s.scope.service]
        if found:
            return list({one.value: one for one in found}.values())
    return []


def _uncovered(
    since: int, until: int, covered: Iterable[tuple[int, int]]
) -> Iterator[tuple[int, int]]:
    at = since
    for begin, end in covered:
        if begin > at:
            yield at, min(begin, until)
        at = max(at, end)
        if at >= until:
            return
    if at < until:
        yield at, until


def _unrecorded(case: Case) -> Iterator[Unsure]:
    for service in case.services:
        for one in _of(case, service, _BUNDLES):
            if strong_id_in(one.value) != one.value or case.naming.bundle(one.value) is not None:
                continue
            called = case.naming.value(one.slot, one.value, one.says)
            yield from _stretch(
                case, "unrecorded", one.began, _end(case, one), service=service,
                gap=f"contents of {place(one.slot, one.name, service)} not recorded",
                says=f"{called} was in force, and the log does not have what it holds",
                fix="Record the bundle where it is made", command="wherefrom bundle pack",
                entries=[one.entry],
            )  # fmt: skip


def _undeclared(case: Case) -> Iterator[Unsure]:
    for service in case.services:
        declared = _of(case, service, ("artifact",), DECLARED)
        seen: dict[str, list[Stay]] = {}
        for one in _of(case, service, ("artifact",), OBSERVED):
            seen.setdefault(one.value, []).append(one)
        for value, some in sorted(seen.items()):
            first = min(some, key=lambda s: (s.began, s.entry))
            until = max(_end(case, one) for one in some)
            said = [d.began for d in declared if case.same(d.value, value)]
            if any(at <= first.began for at in said):
                continue
            called = case.naming.value("artifact", value, first.says)
            where = first.scope.instance or "/".join(filter(None, first.scope[1:4]))
            yield from _stretch(
                case, "undeclared", first.began, min([until, *said]), service=service,
                gap=f"{called} runs in {cut(service, 40)}, and nobody declared it",
                says=f"seen first at {cut(where, 60)}; no deployment says why",
                fix="Deploy it by the pipeline, and let the cluster refuse what is not declared",
                command="wherefrom admission serve", entries=[one.entry for one in some][:20],
            )  # fmt: skip


def _unseen(case: Case) -> Iterator[Unsure]:
    for service in case.services:
        scope = Scope(case.environment, service)
        told = case.estate.observed_at(
            scope, "artifact", since=case.since, until=case.until, as_of=case.lens.as_of
        )
        if not told:
            yield from _stretch(
                case, "unseen", case.since, case.until, service=service,
                gap=f"nobody reports what runs in {cut(service, 40)}",
                says="what was declared may not have been what ran",
                fix="Let an agent follow the cluster, or have instances report",
                command="wherefrom agent kubernetes",
            )  # fmt: skip
            continue
        ends = [*told[1:], (case.until, -1)]
        for (at, entry), (following, by) in zip(told, ends, strict=True):
            if (following - at) / _MICROS < SEEN_EVERY_S:
                continue
            whole = lasting((following - at) / _MICROS)
            yield from _stretch(
                case, "unseen", at, following, service=service,
                gap=f"what runs in {cut(service, 40)} was not reported",
                says=f"seen at {of_micros(at)[11:16]}, then not for {whole}",
                fix="Let an agent follow the cluster: it tells within seconds",
                command="wherefrom agent kubernetes",
                entries=[entry, *([by] if by >= 0 else [])],
            )  # fmt: skip


def _by_name(case: Case) -> Iterator[Unsure]:
    for service in case.services:
        for one in _of(case, service, ("artifact",), DECLARED):
            if strong_id_in(one.value) == one.value:
                continue
            yield from _stretch(
                case, "by_name", one.began, _end(case, one), service=service,
                gap=f"{cut(one.value, 60)} deployed by a name",
                says="a name may move: which image it was, no record says",
                fix="Deploy by digest", command="wherefrom change deploy SERVICE IMAGE@sha256:…",
                entries=[one.entry],
            )  # fmt: skip


def _unmade(case: Case) -> Iterator[Unsure]:
    told: set[str] = set()
    for service in case.services:
        for one in _of(case, service, ("artifact",)):
            value = one.value
            if value in told or strong_id_in(value) != value or _is_made(case, value):
                continue
            told |= {value, *case.same.names(value)}
            called = case.naming.value("artifact", value, one.says)
            yield from _stretch(
                case, "unmade", one.began, _end(case, one), service=service,
                gap=f"no record says how {called} was made",
                says="its commits and packages are not known",
                fix="Record the build where it runs", command="wherefrom run -- COMMAND",
                entries=[one.entry],
            )  # fmt: skip


def _is_made(case: Case, value: str) -> bool:
    names = {value, *case.same.names(value), *case.same.wholes(value)}
    numbers = sorted(set(case.graph.numbers(names).values()))
    return any(
        case.graph.steps(numbers, case.lens, up=True, only=relation, rows_max=_ROWS_MAX)
        for relation in _MADE
    )


# -- of what was judged


def _excepted(case: Case) -> Iterator[Unsure]:
    for one in case.let_in:
        rules = ", ".join(cut(rule, 40) for rule in one.rules)
        yield from _stretch(
            case, "excepted", micros(one.since), case.until, service=one.service,
            gap=f"{cut(one.what, 60)} ran although {rules} did not hold",
            says=f"the exception of entry {one.entry} let it in: {cut(one.reason, 160)}",
            fix=cut(one.remedy, 160) or "Make the rule hold, and ask for no exception again",
            command="wherefrom gate, wherefrom exception list", entries=one.entries,
        )  # fmt: skip


def _undecided(case: Case) -> Iterator[Unsure]:
    """From an undecided verdict until the next about that service's canary, or the end."""
    rows = [row for row in case.rows if row.what == CANARY]
    for number, row in enumerate(rows):
        if row.after != UNDECIDED:
            continue
        following = (micros(n.at) for n in rows[number + 1 :] if n.service == row.service)
        yield from _stretch(
            case, "canary", micros(row.at), next(following, case.until), service=row.service,
            gap=f"canary of {cut(row.service, 40)} undecided",
            says="nobody could tell yet whether it did worse than what ran beside it",
            fix="Let a canary run until it is decided before more of it is rolled out",
            command="wherefrom canary", entries=[row.entry],
        )  # fmt: skip


# -- of what was measured, sent and dated

_MEASURED: Final[Mapping[str, tuple[str, str, str]]] = {
    "nothing was measured": (
        "nothing measured", "Connect a Prometheus, or push series: then new is told from old",
        "DIR/series.json",
    ),
    "nobody says who calls whom": (
        "nobody says who calls whom", "Send spans, or name the calls in the settings",
        "DIR/series.json",
    ),
}  # fmt: skip


def _unmeasured(case: Case) -> Iterator[Unsure]:
    for says in case.measured_says:
        for start, (gap, fix, command) in _MEASURED.items():
            if says.startswith(start):
                yield from _stretch(
                    case, "unmeasured", case.since, case.until, gap=gap, says=says, fix=fix,
                    command=command,
                )  # fmt: skip


def _expected(case: Case) -> Iterator[Unsure]:
    for one in case.expected:
        if one.state == "covered":
            continue
        last = "never heard" if one.last is None else f"last heard at {one.last.at[:16]}Z"
        yield _doubt(
            case, "expected",
            gap=f"{cut(one.emitter, 40)} should have sent {cut(one.kind, 40)} and did not",
            says=f"{last}; the catalogue in force expects it",
            fix="Mend the emitter, or the catalogue", command="wherefrom catalog gaps",
            owner=one.owner, service=one.service,
            entries=[] if one.last is None else [one.last.entry],
        )  # fmt: skip


def _clock(case: Case) -> Iterator[Unsure]:
    ended = {one.ended for one in case.earlier}
    for row in case.rows:
        if row.what == CLOSED and micros(row.at) < case.detected and row.at not in ended:
            yield _doubt(
                case, "clock", gap="closed before it was detected: that ended nothing",
                says=f"entry {row.entry} says that it was over at {row.at[:19]}Z",
                fix="Close it again, by a clock that is right", command="wherefrom incident close",
                entries=[row.entry],
            )  # fmt: skip
        if row.marks:
            yield _doubt(
                case, "clock", gap=f"a time that cannot be right: {', '.join(row.marks)}",
                says=cut(row.says, 160), fix="Set the clock of whoever sends it by NTP",
                command="wherefrom clocks", service=row.service,
                owner=case.owner_of(row.service), entries=[row.entry],
            )  # fmt: skip


def _unsigned(case: Case) -> Iterator[Unsure]:
    told = [row for row in case.rows if row.what in (CHANGE, RESPONSE)]
    some = [row for row in told if row.trust in ("channel", "unknown")]
    if some:
        yield _doubt(
            case, "unsigned",
            gap=f"{len(some)} of {len(told)} changes are signed by nobody known",
            says="they are their senders' word",
            fix="Sign where they are made, and trust that key",
            command="wherefrom sign, wherefrom keys trust",
            entries=sorted({row.entry for row in some})[:20],
        )  # fmt: skip
