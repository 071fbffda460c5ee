"""How far the clocks of producers can be believed, and what happened in which order all the same.

    received − occurred, hour by hour ──► Clock: ahead at least, or behind at most, so much
    sequence numbers of a source ───────► Numbering: how often they disagree with its times
    causal links between records ───────► who cannot have been before whom

We hear of a thing after it happened. So what is dated later than we heard of it proves a clock to
be ahead; and a clock is behind by no more than its fastest record took. How long that was on its
way is never known from times alone.

Marks:  ``future``        dated more than a second after it was received
        ``reordered``     its source's numbers say otherwise than its time, or it came late
        ``before_cause``  dated before what it says it follows from

Source: docs/decisions/0032-clocks.md
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

from wherefrom.formats.timestamps import micros, of_micros
from wherefrom.query.answers import LogPosition
from wherefrom.query.reality_answers import Clock, Clocks, Numbering
from wherefrom.views.estate import EstateSnapshot, clocks
from wherefrom.views.graph import Judgement, Lens, Snapshot
from wherefrom.views.graph.lens import Step
from wherefrom.views.graph.schema import RELATION_NUMBERS

FUTURE, REORDERED, BEFORE_CAUSE = "future", "reordered", "before_cause"
ROWS_MAX: Final = 2_000
_SECOND: Final = 1_000_000
_DESCRIBES: Final = RELATION_NUMBERS["describes"]
_INFORMED_BY: Final = RELATION_NUMBERS["informed_by"]


class Later(NamedTuple):
    """A cause that is dated after its effect: by which record, and when."""

    entry: int
    at: str


def told(estate: EstateSnapshot, *, since: int, until: int, log: LogPosition) -> Clocks:
    """The clocks in a window of microseconds; whole hours count."""
    found = [
        Clock(
            producer=row.producer,
            records=row.records,
            timed=row.timed,
            ahead=None if row.fastest is None else -row.fastest / _SECOND,
            slowest=None if row.slowest is None else row.slowest / _SECOND,
            future=row.future,
            newest_future=row.newest_future,
        )
        for row in clocks.tallies(estate.db, since=since, until=until)
    ]
    numbered = [
        Numbering(
            source=row.source,
            records=row.records,
            newest=row.newest.lstrip("0") or row.newest,
            reordered=len(row.reordered),
            missing=row.missing,
            entries=row.reordered[:5],
        )
        for row in clocks.numberings(estate.db)
    ]
    return Clocks(
        since=of_micros(since),
        until=of_micros(until),
        log=log,
        clocks=sorted(found, key=lambda one: (-(one.ahead or 0), one.producer)),
        numbered=numbered,
    )


def marks(
    estate: EstateSnapshot, judged: Mapping[int, Judgement], *, size: int
) -> dict[int, tuple[str, ...]]:
    """``future`` and ``reordered`` of each entry that deserves them."""
    found: dict[int, list[str]] = defaultdict(list)
    for entry, judgement in judged.items():
        if is_future(judgement):
            found[entry].append(FUTURE)
    for entry in clocks.out_of_order(estate.db, judged, size=size):
        found[entry].append(REORDERED)
    return {entry: tuple(said) for entry, said in found.items()}


def is_future(judgement: Judgement) -> bool:
    """Whether a record dates itself after we received it, by more than clocks usually differ."""
    if judgement.occurred is None or judgement.occurred <= judgement.received:
        return False
    ahead = micros(judgement.occurred) - micros(judgement.received)
    return ahead > clocks.FUTURE_MICROS


def happened(judgement: Judgement) -> str:
    """When, as far as it can be: not after it was received."""
    return min(judgement.occurred or judgement.received, judgement.received)


def later_causes(graph: Snapshot, lens: Lens, judged: Mapping[int, Judgement]) -> dict[int, Later]:
    """Of entries whose activities say that they follow from others: the cause that is dated last,
    if it is dated after the entry."""
    entry_of = {
        document: entry for entry in judged if (document := graph.document(entry)) is not None
    }
    acts = {
        step.cause: entry_of[step.effect]
        for step in _steps(graph, lens, entry_of, _DESCRIBES, up=True)
    }
    causes: dict[int, set[int]] = defaultdict(set)  # activity → entries that follow from it
    for step in _steps(graph, lens, acts, _INFORMED_BY, up=True):
        causes[step.cause].add(acts[step.effect])
    # A cause began when the first record of its own says so.
    told_by: dict[int, set[int]] = defaultdict(set)
    for step in _steps(graph, lens, causes, _DESCRIBES, up=False):
        told_by[step.cause].add(step.first)
    records = graph.judgements({entry for entries in told_by.values() for entry in entries}, lens)
    found: dict[int, Later] = {}
    for cause, entries in told_by.items():
        at, by = min((happened(records[entry]), entry) for entry in entries if entry in records)
        for effect in causes[cause]:
            if at > max(happened(judged[effect]), found[effect].at if effect in found else ""):
                found[effect] = Later(by, at)
    return found


def _steps(
    graph: Snapshot, lens: Lens, numbers: Iterable[int], relation: int, *, up: bool
) -> Iterable[Step]:
    return graph.steps(sorted(numbers), lens, up=up, only=relation, rows_max=ROWS_MAX)
