"""What happened around an incident, in the order in which it did.

    stages, causes, what was judged (``weighed_lines``) ─────────┐
    the estate's stays ──by place──► before → after, by record ──┴──► lines, the earliest first

What a source saw when it began to look, nobody did. What many instances report alike, within some
minutes, is one line. What was decided after the detection is a response to it.

Sizes:  STAYS_MAX stays are looked at, LINES_MAX lines are told: what was seen is left out first,
        then what strangers say was judged, then notes
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

import msgspec

from wherefrom.formats.incident import BASELINE, CLOSED, MARKED, NOTED, OPENED
from wherefrom.formats.shown import cut
from wherefrom.formats.states import DECLARED, Scope
from wherefrom.formats.timestamps import micros, of_micros
from wherefrom.query import clocks
from wherefrom.query.postmortem.listed import SLOT
from wherefrom.query.postmortem.naming import Naming, place
from wherefrom.query.postmortem_answers import CauseWord, Happened, IncidentWord
from wherefrom.query.same import TRUSTED
from wherefrom.views.estate import EstateSnapshot, Stay
from wherefrom.views.graph import Judgement, Lens, Snapshot

STAYS_MAX: Final = 5_000
LINES_MAX: Final = 300
ALIKE_S: Final = 600
TEXT_CHARS_MAX: Final = 2_000
# Not told among what changed: what is expected of services, and what it is about itself.
_NOT_TOLD: Final = frozenset({"catalog", "gate"})
CHANGE, RESPONSE, SEEN = "change", "response", "seen"
CANARY, EXCEPTION = "canary", "exception"
# Never left out, as long as there is room: what the incident itself was, from end to end.
_ITSELF: Final = frozenset({OPENED, CLOSED, MARKED, BASELINE, "cause", "withdrawn"})
_SECOND: Final = 1_000_000


class Turn(NamedTuple):
    """One place that came to hold something else: from one stay to the next."""

    at: int
    mode: str
    scope: Scope
    slot: str
    name: str
    before: Stay | None
    after: Stay | None
    entry: int


class Window(NamedTuple):
    """Which stays are looked at; times in microseconds.

    services  those that matter; ``""`` is what is of no service. Empty for all
    """

    environment: str
    services: tuple[str, ...]
    since: int
    until: int


def stays_in(estate: EstateSnapshot, lens: Lens, window: Window) -> tuple[list[Stay], bool]:
    """What was where in a window, the newest first; and whether there was more."""
    found = estate.stays(
        Scope(window.environment), since=window.since, until=window.until, as_of=lens.as_of,
        services=window.services, limit=STAYS_MAX + 1,
    )  # fmt: skip
    return found[:STAYS_MAX], len(found) > STAYS_MAX


def turns(stays: Iterable[Stay], window: Window) -> list[Turn]:
    """What changed within a window, in order."""
    by_place: dict[tuple[str, Scope, str, str], list[Stay]] = defaultdict(list)
    for one in stays:
        by_place[(one.mode, one.scope, one.slot, one.name)].append(one)
    found = []
    for (mode, scope, slot, name), some in by_place.items():
        before: Stay | None = None
        for one in sorted(some, key=lambda s: s.began):
            last = before if before is not None and before.ended == one.began else None
            if before is not None and last is None and before.ended is not None:
                found.append(_end(before, before.ended))
            if one.began >= window.since:
                found.append(Turn(one.began, mode, scope, slot, name, last, one, one.entry))
            before = one
        if before is not None and before.ended is not None and before.ended < window.until:
            found.append(_end(before, before.ended))
    return sorted(
        (one for one in found if window.since <= one.at < window.until),
        key=lambda one: (one.at, one.entry, one.scope, one.slot, one.name),
    )


def _end(stay: Stay, at: int) -> Turn:
    by = stay.entry if stay.ended_by is None else stay.ended_by
    return Turn(at, stay.mode, stay.scope, stay.slot, stay.name, stay, None, by)


def lines(
    estate: EstateSnapshot,
    graph: Snapshot,
    lens: Lens,
    found: Sequence[Turn],
    naming: Naming,
    *,
    incident: Stay,
    words: Sequence[IncidentWord],
    causes: Sequence[CauseWord],
    judged_rows: Sequence[Happened],
) -> tuple[list[Happened], bool]:
    """The timeline, and whether there was more than is told.

    judged_rows  what was judged of what ran
    """
    own = {word.entry for word in words}
    told = [
        one for one in found
        if one.slot not in _NOT_TOLD
        and not (one.slot == SLOT and one.entry in own and one.name == incident.name)
        and not _first_look(estate, one)
    ]  # fmt: skip
    rows = [*map(_of_word, words), *(_of_cause(one, naming) for one in causes), *judged_rows]
    named = {one.entry for one in told} | {row.entry for row in rows}
    judged = graph.judgements(named, lens)
    marks = clocks.marks(estate, judged, size=lens.as_of)
    rows = [msgspec.structs.replace(row, marks=marks.get(row.entry, ())) for row in rows]
    rows += [
        _line(some, naming, judged.get(some[0].entry), marks, detected=incident.began)
        for some in _alike(told)
    ]
    rows.sort(key=lambda row: (_weight(row), *_order(row)))
    return sorted(rows[:LINES_MAX], key=_order), len(rows) > LINES_MAX


def _order(row: Happened) -> tuple[str, int, str]:
    return row.at, row.entry, row.what


def _weight(row: Happened) -> int:
    """What is left out last comes first."""
    if row.what in _ITSELF:
        return 0
    if row.what == NOTED:
        return 2
    if row.what in (CANARY, EXCEPTION):
        return 1 if row.trust in TRUSTED else 3
    return 4 if row.what == SEEN else 1


def _first_look(estate: EstateSnapshot, turn: Turn) -> bool:
    """Whether nothing changed but that somebody began to look."""
    after = turn.after
    if turn.mode == DECLARED or turn.before is not None or after is None:
        return False
    return bool(after.source) and estate.began_with(after.source) == turn.entry


def _alike(found: Sequence[Turn]) -> Iterator[list[Turn]]:
    """What was seen alike, soon after another; what was decided by one record, alike."""
    open_: dict[tuple[object, ...], list[Turn]] = {}
    groups: list[list[Turn]] = []
    for one in found:
        values = one.before and one.before.value, one.after and one.after.value
        key: tuple[object, ...] = (one.mode, one.scope[:2], one.slot, one.name, values)
        if one.mode == DECLARED:
            key += (one.at, one.entry, one.scope)
        last = open_.get(key)
        if last is not None and one.at - last[-1].at <= ALIKE_S * _SECOND:
            last.append(one)
        else:
            open_[key] = [one]
            groups.append(open_[key])
    return iter(groups)


def _line(
    some: Sequence[Turn],
    naming: Naming,
    by: Judgement | None,
    marks: Mapping[int, tuple[str, ...]],
    *,
    detected: int,
) -> Happened:
    first = some[0]
    what = SEEN
    if first.mode == DECLARED:
        what = CHANGE if first.at <= detected else RESPONSE
    before, after = (None if one is None else one.value for one in (first.before, first.after))
    instances = {one.scope.instance for one in some if one.scope.instance}
    return Happened(
        at=of_micros(first.at),
        **_known(first.at, by),
        what=what,
        says=_says(some, naming) + _where(some, instances),
        environment=first.scope.environment,
        service=first.scope.service,
        slot=first.slot,
        name=first.name,
        before=before,
        after=after,
        detail=naming.apart(first.slot, before, after),
        by="" if first.after is None else first.after.source,
        entry=first.entry,
        instances=len(instances),
        marks=marks.get(first.entry, ()),
    )


def _says(some: Sequence[Turn], naming: Naming) -> str:
    first = some[0]
    held = first.after or first.before
    if first.slot == SLOT and held is not None:
        verb = "another incident is open" if first.after is not None else "another incident is over"
        return f"{verb}: {cut(held.says or held.name, 60)}"
    before, after = (
        naming.value(first.slot, one.value if one else None, one.says if one else None)
        for one in (first.before, first.after)
    )
    return f"{place(first.slot, first.name, first.scope.service)}: {before} → {after}"


def _where(some: Sequence[Turn], instances: set[str]) -> str:
    parts = [
        ", ".join(cut(name, 30) for name in names[:3]) + (" …" if len(names) > 3 else "")
        for part in ("region", "pool")
        if (names := sorted({getattr(one.scope, part) for one in some} - {""}))
    ]
    if len(instances) == 1:
        parts.append(f"instance {cut(next(iter(instances)), 40)}")
    elif instances:
        parts.append(f"{len(instances)} instances")
    return f" ({', '.join(parts)})" if parts else ""


def _known(at: int, by: Judgement | None) -> dict[str, Any]:
    """When the log heard of it, and how far the record is believed."""
    if by is None:
        return {"known": of_micros(at), "late_s": 0.0, "trust": "unknown", "signers": ()}
    late = max(0, micros(by.received) - at) / _SECOND
    return {"known": by.received, "late_s": late, "trust": by.level, "signers": by.signers}


def _late(at: str, received: str) -> float:
    return max(0, micros(received) - micros(at)) / _SECOND


def _of_word(word: IncidentWord) -> Happened:
    if word.stage == OPENED:
        says = f"detected: {cut(word.title, 200)}"
    elif word.stage == CLOSED:
        says = "over"
    elif word.stage == MARKED:
        says = "marked as false: there was no trouble" if word.is_false else "marked as real"
    elif word.stage == BASELINE:
        says = f"before Wherefrom, such a thing took {lasting(word.baseline_s or 0)}"
    else:
        says = ""
    text = cut(word.text, TEXT_CHARS_MAX)
    joined = f"{says}: {text}" if says and text else says or text or "a link"
    return Happened(
        at=word.at, known=word.received, late_s=_late(word.at, word.received), what=word.stage,
        says=joined, entry=word.entry, trust=word.trust, signers=word.signers, links=word.links,
        detail=[f"rests on entry {entry}" for entry in word.entries] if word.stage == NOTED else [],
    )  # fmt: skip


def _of_cause(one: CauseWord, naming: Naming) -> Happened:
    named = f"{place(one.slot, one.name, one.service)} to {naming.value(one.slot, one.value)}"
    says = f"withdrawn as the cause: {named}" if one.withdrawn else f"taken for the cause: {named}"
    sure = "" if one.probability is None else f", ranked {100 * one.probability:.0f} %"
    return Happened(
        at=one.at, known=one.received, late_s=_late(one.at, one.received),
        what="withdrawn" if one.withdrawn else "cause", says=says + sure,
        environment=one.environment, service=one.service, slot=one.slot, name=one.name,
        after=one.value, entry=one.entry, trust=one.trust, signers=one.signers,
    )  # fmt: skip


def lasting(seconds: float) -> str:
    """``14 minutes``, ``2 h 6 min``, ``40 s``, ``3 days``."""
    whole = round(seconds)
    if whole < 120:
        return f"{whole} s"
    minutes = round(whole / 60)
    if minutes < 120:
        return f"{minutes} minutes"
    hours, left = divmod(minutes, 60)
    if hours < 48:
        return f"{hours} h {left} min" if left else f"{hours} h"
    return f"{hours // 24} days"
