"""Which change did it, asked of a live estate: the question becomes a case, and is ranked as one.

    estate: what changed ──► candidates, each with its records ┐
    series, with what ran there ──► Samples by identity        ├──► WhyCase ──rank──► Why
    spans, callers, settings ──► who calls whom                ┘      │
                                                                      └──to_files──► a folder

There is no second road: ``answer`` ranks the very case that can be written down, so that what it
writes gives the same ranking when it is asked again.

An *identity* is what tells new from old. A series says it, or the estate says what ran at its
instance at that minute; where a service changed no artifact but a bundle or a flag, that is its
identity.
"""

from __future__ import annotations

import time
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final, NamedTuple

from wherefrom.formats import why_case, why_series
from wherefrom.formats.series import Series
from wherefrom.formats.states import DECLARED, Scope
from wherefrom.formats.timestamps import of_micros
from wherefrom.formats.why_case import CALLS_MAX, NAME_BYTES_MAX, Case
from wherefrom.formats.why_series import Samples
from wherefrom.query.answers import LogPosition
from wherefrom.query.candidates import KIND_OF, Candidate, candidates_of
from wherefrom.query.incident_answers import RankedChange, Response, Why
from wherefrom.query.look import Look
from wherefrom.query.one_thing import OneThing
from wherefrom.query.placing import Estates, Piece, Slot
from wherefrom.query.reality import CHANGES_MAX, change_of, log_of_estate
from wherefrom.query.why.asof import known_by
from wherefrom.query.why.rank import Ranking, rank
from wherefrom.views.estate import EstateSnapshot
from wherefrom.views.graph import Lens, Snapshot
from wherefrom.views.health.alerting import is_of_behaviour, rule_of

_MICROS: Final = 1_000_000
# What changed that long before the trouble is looked at, at least.
BEFORE_S: Final = 24 * 3_600.0
_Key = tuple[str, str, str, str, str]
_ARTIFACT: Final[Slot] = ("artifact", "")
_IDENTITIES: Final = ("artifact", "config", "policy", "flag")


class WhyCase(NamedTuple):
    """A question and all that answers it. ``began`` is when it was asked, by a monotonic clock."""

    case: Case
    candidates: Mapping[str, Candidate]
    look: Look
    log: LogPosition
    as_of: int
    says: Sequence[str]
    began: float


def gather(
    estate: EstateSnapshot, graph: Snapshot, lens: Lens, look: Look, measured: Sequence[Series],
    calls: Iterable[tuple[str, str]],
) -> WhyCase:  # fmt: skip
    """Everything that may answer, as a case: nothing in it is dated after ``look.until``."""
    began = time.perf_counter()
    says = []
    since = min(look.since, look.detected - BEFORE_S)
    scope = Scope(look.environment)
    found = estate.changed(
        scope, since=int(since * _MICROS), until=int(look.until * _MICROS) + 1, as_of=lens.as_of,
        slots=tuple(KIND_OF), limit=CHANGES_MAX + 1,
    )  # fmt: skip
    if len(found) > CHANGES_MAX:
        says.append(f"more changed in this window than the {CHANGES_MAX:,} that are looked at")
    judged = graph.judgements({c.entry for c in found}, lens)
    listed = [change_of(one, judged.get(one.entry)) for one in found[:CHANGES_MAX]]
    estates = Estates(estate, since=look.since, until=look.until, as_of=lens.as_of)
    same = OneThing(graph, lens)
    candidates = [
        _beside(one, estates)
        for one in candidates_of(listed)
        if not _only_seen(one, estate, same, as_of=lens.as_of)
    ]
    changes = tuple(c.change for c in candidates)
    slots = _slots(candidates, estates)
    here = [
        s for s in measured if look.environment in ("", s.labels.environment or look.environment)
    ]
    samples = tuple(_samples(here, estates, slots))
    seen = {(s.labels.caller, s.labels.service) for s in here if s.labels.caller}
    pairs = tuple(sorted({*calls, *seen}))[:CALLS_MAX]
    rule = rule_of(look.incident.id) if look.incident is not None else ""
    if rule and not is_of_behaviour(rule):
        says.append(
            f"this alert ({rule}) is about records, and says itself what is wrong: changes are"
            " ranked as if requests had suffered"
        )
    if not samples:
        says.append("nothing was measured in this window: only place and time of changes speak")
    if not pairs:
        says.append("nobody says who calls whom: no spans, no callers on series")
    service = look.service or None
    case = known_by(Case(look.detected, service, changes, samples, pairs), look.until)
    by_id = {c.change.id: c for c in candidates}
    return WhyCase(case, by_id, look, log_of_estate(estate), lens.as_of, says, began)


def answer(asked: WhyCase) -> Why:
    """Rank the case, and say which records each change is of."""
    ranking = rank(asked.case)
    look = asked.look
    return Why(
        service=asked.case.symptom,
        incident=look.incident,
        ranked=_ranked(ranking, asked.candidates),
        seconds=round(time.perf_counter() - asked.began, 6),
        detected=ranking.detected,
        onset=ranking.onset,
        responses=list(ranking.responses),
        responded=[_response(asked.candidates[id]) for id in ranking.responses],
        since=of_micros(int(look.since * _MICROS)),
        until=of_micros(int(look.until * _MICROS)),
        log=asked.log,
        as_of=asked.as_of,
        series=len(asked.case.series),
        calls=len(asked.case.calls),
        says=list(asked.says),
    )


def _ranked(ranking: Ranking, candidates: Mapping[str, Candidate]) -> list[RankedChange]:
    rows = []
    for row in ranking.ranked:
        more: dict[str, object] = {}
        if row.change is not None:
            of = candidates[row.change]
            change, first = of.change, of.first
            more = {
                "entry": first.entry, "entries": list(of.entries), "kind": change.kind,
                "slot": first.slot, "name": first.name, "service": change.service,
                "environment": first.environment,
                "before": change.before, "after": change.after,
                "before_says": first.before_says, "after_says": first.after_says,
                "started": why_case.time_text(change.started),
            }  # fmt: skip
        rows.append(
            RankedChange(
                change=row.change,
                probability=row.probability,
                evidence=row.evidence,
                **more,  # type: ignore[arg-type]
            )
        )
    return rows


def _response(of: Candidate) -> Response:
    change = of.change
    return Response(
        change=change.id,
        entry=of.first.entry,
        kind=change.kind,
        name=of.first.name,
        service=change.service,
        before=change.before,
        after=change.after,
        after_says=of.first.after_says,
        started=why_case.time_text(change.started),
    )


def _only_seen(candidate: Candidate, estate: EstateSnapshot, same: OneThing, *, as_of: int) -> bool:
    """Whether nothing changed but that somebody looked: an instance tells of what was declared
    before, or an agent lists for the first time what there is."""
    change, first = candidate.change, candidate.first
    if first.mode == DECLARED or change.before is not None or change.after is None:
        return False
    if estate.began_with(first.by) == first.entry:
        return True
    scope = Scope(first.environment, first.service)
    held = estate.held(
        scope, at=int(change.started * _MICROS), as_of=as_of, slots=(first.slot,), modes=(DECLARED,)
    )
    return any(same(one.value, change.after) for one in held)


def _beside(candidate: Candidate, estates: Estates) -> Candidate:
    """What is new in an empty place, such as a canary's pool, stands beside what others have."""
    change, first = candidate.change, candidate.first
    if change.before is not None or change.after is None or change.service is None:
        return candidate
    scope = Scope(first.environment, first.service)
    held = estates.beside(scope, (first.slot, first.name), change.started)
    if len(held) != 1 or change.after in held:
        return candidate
    return candidate._replace(change=change._replace(before=held.pop()))


def _slots(candidates: Iterable[Candidate], estates: Estates) -> dict[str, Slot]:
    """By service, the slot that tells new from old there: the artifact, if there were two."""
    found: dict[str, Slot] = {}
    for candidate in candidates:
        first, service = candidate.first, candidate.change.service
        if service is None or first.slot not in _IDENTITIES:
            continue
        if not estates.differs(service, (first.slot, first.name)):
            continue
        slot = (first.slot, first.name)
        before = found.get(service)
        if before is None or _IDENTITIES.index(slot[0]) <= _IDENTITIES.index(before[0]):
            found[service] = slot  # of several, the newest: they come in the order of time
    return found


def _samples(
    measured: Iterable[Series], estates: Estates, slots: Mapping[str, Slot]
) -> Iterator[Samples]:
    """Series by identity; one whose instance changed has several. Equal ones become one."""
    parts: dict[_Key, list[tuple[Sequence[float], Sequence[float]]]] = {}
    for one in measured:
        if one.metric not in why_series.METRICS:
            continue
        slot = slots.get(one.labels.service, _ARTIFACT)
        if one.labels.identity and slot[0] != "artifact":
            slot = _ARTIFACT
        for piece in estates.of(one.labels):
            first, end = (bisect_left(one.times, t) for t in (piece.since, piece.until))
            if first < end:
                key = (one.labels.service, one.labels.caller, piece.scope.instance,
                       _identity(piece, slot), one.metric)  # fmt: skip
                part = one.times[first:end], one.values[first:end]
                parts.setdefault(key, []).append(part)
    for key, some in sorted(parts.items()):
        if len(some) == 1:
            yield Samples(*key, *some[0])
            continue
        together = {t: v for part in some for t, v in zip(*part, strict=True)}
        times = sorted(together)
        yield Samples(*key, times=times, values=[together[t] for t in times])


def _identity(piece: Piece, slot: Slot) -> str:
    value = piece.values.get(slot)
    if value is None and slot == _ARTIFACT:
        # Nobody changed it, so any will do: its only container's.
        value = next((v for s, v in sorted(piece.values.items()) if s[0] == "artifact"), None)
    return value.value if value is not None and len(value.value) <= NAME_BYTES_MAX // 4 else ""
