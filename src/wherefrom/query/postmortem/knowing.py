"""What the log knew at a moment of an incident, and what ``why`` would have answered then.

    moments ──received by then──► log size ──► the estate and graph of that size ──► ranking
                                           └──► what it held then ≠ what it is known to have held

Entries are received in their order, so the size at a moment is found by halving. Where the log heard
of an incident only after it was over, sizes say nothing of what was known then: all of the log is
used, and what is dated later than the moment is not.

Sizes:  MOMENTS_MAX rankings, fewer where RANKED_MAX changes are ranked in all · LEARNT_MAX places that the log held otherwise
"""  # noqa: E501 - the picture

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from wherefrom.formats.series import Series
from wherefrom.formats.states import Scope
from wherefrom.formats.timestamps import micros, of_micros
from wherefrom.query.incident_answers import RankedChange, Why
from wherefrom.query.incidents import WINDOW_S_MAX
from wherefrom.query.look import Look
from wherefrom.query.postmortem.listed import SLOT
from wherefrom.query.postmortem.naming import NOTHING, Naming, place
from wherefrom.query.postmortem_answers import CauseWord, Happened, Learnt, RankedThen
from wherefrom.query.why.live import answer, gather
from wherefrom.views.estate import EstateSnapshot, Held
from wherefrom.views.graph import Snapshot

MOMENTS_MAX: Final = 12
MOMENTS_MIN: Final = 3
RANKED_MAX: Final = 20_000
LEARNT_MAX: Final = 50
EVIDENCE_MAX: Final = 3
_SOON_S: Final = (300, 900)
_MICROS: Final = 1_000_000
_Key = tuple[str, Scope, str, str]


class Moment(NamedTuple):
    """A moment in microseconds, and how large the log was then."""

    at: int
    size: int


class Asked(NamedTuple):
    """What every ranking needs: the incident is looked at from ``since``, seconds since 1970."""

    estate: EstateSnapshot
    graph: Snapshot
    look: Look
    measured: Sequence[Series]
    calls: Sequence[tuple[str, str]]


def moments(
    rows: Sequence[Happened], *, detected: int, end: int, accepted: CauseWord | None,
    told_later: bool, ranked: int,
) -> list[int]:  # fmt: skip
    """When to ask: at the detection, soon after it, whenever something was heard, at the end.

    What was accepted later is asked for when it was, and when the change was heard of.

    ranked  how many changes a ranking has: where they are many, it is asked for less often
    """
    heard = {micros(_heard(row, told_later)) for row in rows}
    wanted = heard | {detected + seconds * _MICROS for seconds in _SOON_S}
    some = sorted(at for at in wanted if detected < at < end)
    always = {detected, end}
    if accepted is not None:
        its = [row for row in rows if _is_change(row, accepted)][:1]
        also = {micros(accepted.at), *(micros(_heard(row, told_later)) for row in its)}
        always |= {at for at in also if detected < at < end}
    most = max(MOMENTS_MIN, min(MOMENTS_MAX, RANKED_MAX // max(1, ranked)))
    room = max(0, most - len(always))
    step = max(1, -(-len(some) // room)) if room else len(some) + 1
    return sorted({*(some[::step] if room else ()), *always})


def _heard(row: Happened, told_later: bool) -> str:
    return row.at if told_later else row.known


def _is_change(row: Happened, cause: CauseWord) -> bool:
    mine = (row.environment, row.service, row.slot, row.name, row.after)
    same = mine == (cause.environment, cause.service, cause.slot, cause.name, cause.value)
    return same and row.what not in ("cause", "withdrawn")


def rankings(
    asked: Asked, some: Sequence[Moment], accepted: CauseWord | None, naming: Naming, *, entry: int
) -> tuple[list[RankedThen], Why | None]:
    """The answer at each moment, and the last of them in full.

    entry  the record that opened the incident: before it, the log knew of none
    """
    told: list[RankedThen] = []
    last: Why | None = None
    for at, size in some:
        if size <= entry:
            continue
        since = asked.look.since
        until = min(max(at / _MICROS, since + 1), since + WINDOW_S_MAX - 1)
        look = asked.look._replace(until=until)
        lens = asked.graph.lens(as_of=size)
        case = gather(asked.estate, asked.graph, lens, look, asked.measured, asked.calls)
        last = answer(case)
        told.append(_then(last, at, size, accepted, naming))
    return told, last


def _then(why: Why, at: int, size: int, accepted: CauseWord | None, naming: Naming) -> RankedThen:
    leader = why.ranked[0]
    place, row = next(
        (
            (place, row)
            for place, row in enumerate(why.ranked, 1)
            if accepted is not None and is_of(row, accepted)
        ),
        (None, None),
    )
    return RankedThen(
        at=of_micros(at), size=size, leader=called(leader, naming), entry=leader.entry,
        probability=leader.probability, place=place,
        accepted_probability=None if row is None else row.probability,
        evidence=leader.evidence[:EVIDENCE_MAX],
    )  # fmt: skip


def is_of(row: RankedChange, cause: CauseWord) -> bool:
    """Whether a change that is ranked is the one that was taken for the cause."""
    if row.change is None:
        return False
    if cause.change is not None and cause.change in row.entries and row.slot == cause.slot:
        return row.name == cause.name
    mine = (row.environment, row.service or "", row.slot, row.name, row.after)
    return mine == (cause.environment, cause.service, cause.slot, cause.name, cause.value)


def called(row: RankedChange, naming: Naming) -> str:
    """A change that is ranked, in words."""
    if row.change is None or row.slot is None:
        return "none of these changes"
    before = naming.value(row.slot, row.before, row.before_says)
    after = naming.value(row.slot, row.after, row.after_says)
    return f"{place(row.slot, row.name, row.service or '')}: {before} → {after}"


def learnt(
    estate: EstateSnapshot,
    some: Sequence[Moment],
    scope: Scope,
    received: Callable[[int], str | None],
    naming: Naming,
    *,
    size: int,
) -> list[Learnt]:
    """What a place held at a moment, where the log of then knew otherwise.

    received  when an entry was; None for one that is not there
    """
    found: dict[tuple[str | None, ...], Learnt] = {}
    for at, then in some:
        known = _held(estate, scope, at, then)
        now = _held(estate, scope, at, size)
        for key in sorted(known.keys() | now.keys()):
            a, b = known.get(key), now.get(key)
            if (a and a.value) == (b and b.value) or key[2] == SLOT:
                continue
            by = b or a
            assert by is not None  # one of them differs from nothing
            mode, where, slot, name = key
            told = _named(a, naming), _named(b, naming)
            alike = (mode, where.service, slot, name, *told)
            if alike in found or (by.entry < then and b is not None):
                continue
            found[alike] = Learnt(
                at=of_micros(at), size=then,
                says=f"{place(slot, name, where.service)}, {mode}: the log said "
                f"{told[0] or NOTHING}, it was {told[1] or NOTHING}",
                then=told[0], now=told[1], learnt=received(by.entry) or "", entry=by.entry,
            )  # fmt: skip
    return list(found.values())[:LEARNT_MAX]


def _held(estate: EstateSnapshot, scope: Scope, at: int, size: int) -> dict[_Key, Held]:
    found = estate.held(scope, at=at, as_of=size)
    return {(one.mode, one.scope, one.slot, one.name): one for one in found}


def _named(one: Held | None, naming: Naming) -> str | None:
    return None if one is None else naming.value(one.slot, one.value, one.says)
