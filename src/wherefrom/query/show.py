"""All that is said of one thing, each statement with its entry and how far it is believed.

    ids ──► Detail: what it is taken to be, its other ids, tags, edge counts,
                    and every record that speaks of it, as that record put it

Sizes:  RECORDS_MAX records (the first and the last), TAGS_MAX tags, counts stop at COUNT_MAX
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec

from wherefrom.formats import timestamps
from wherefrom.query.answers import (
    Detail,
    Record,
    Shown,
    TagInterval,
    erased_in,
    log_of,
)
from wherefrom.query.marks import marks_of, marks_of_times
from wherefrom.query.resolve import ENTRIES_MAX
from wherefrom.query.summary import mentions_of, summarise
from wherefrom.query.trace import starts_of
from wherefrom.views.graph import Judgement, Lens, Mention, Snapshot
from wherefrom.views.graph.schema import ALTERNATE, KIND_NAMES

RECORDS_MAX: Final = 100
TAGS_MAX: Final = 50
COUNT_MAX: Final = 10_000
ALTERNATES_MAX: Final = 50


def show(
    snapshot: Snapshot,
    ids: str | Sequence[str],
    *,
    at: str | None = None,
    as_of: int | None = None,
) -> Shown:
    """Show each of ``ids``. Raises NotFound if none is there under this lens."""
    asked = [ids] if isinstance(ids, str) else list(ids)
    lens = snapshot.lens(
        as_of=as_of, at=None if at is None else timestamps.canonical(at, where="at")
    )
    return Shown(
        of=asked[0],
        log=log_of(snapshot),
        as_of=lens.as_of,
        at=lens.at,
        matches=[_detail(snapshot, n, lens) for n in starts_of(snapshot, asked, lens)],
        erased=erased_in(snapshot, lens),
    )


def _detail(snapshot: Snapshot, number: int, lens: Lens) -> Detail:
    mentions = sorted(
        snapshot.mentions([number], lens, each_max=RECORDS_MAX // 2), key=lambda m: m.entry
    )
    # The summary is made of the same few mentions as in a trace, so both call it the same.
    summed = mentions_of(snapshot, [number], lens)[number]
    judged = snapshot.judgements({m.entry for m in mentions}, lens)
    summary = summarise(summed, judged)
    id, alternates = snapshot.ids([number])[number], _alternates(snapshot, number, lens)
    return Detail(
        id=id,
        kind=summary.kind,
        name=summary.name,
        entries=snapshot.entries_of(number, lens, ENTRIES_MAX),
        properties=summary.properties,
        alternates=alternates,
        tags=[
            TagInterval(name=name, since=since, until=until, entry=entry)
            for name, since, until, entry in snapshot.tags_of(number, lens, TAGS_MAX)
        ],
        up=snapshot.edge_counts(number, lens, up=True, count_max=COUNT_MAX),
        down=snapshot.edge_counts(number, lens, up=False, count_max=COUNT_MAX),
        records=[_record(m, judged[m.entry]) for m in mentions],
        marks=[
            *marks_of(snapshot, number, lens, id=id, kind=summary.kind, alternates=alternates),
            *marks_of_times(snapshot, judged, lens, kind=summary.kind),
        ],
    )


def _alternates(snapshot: Snapshot, number: int, lens: Lens) -> list[str]:
    found: set[int] = set()
    for up in (True, False):
        steps = snapshot.steps([number], lens, up=up, only=ALTERNATE, rows_max=ALTERNATES_MAX)
        found.update(s.cause if up else s.effect for s in steps)
    return sorted(snapshot.ids(found).values())


def _record(mention: Mention, judged: Judgement) -> Record:
    return Record(
        entry=judged.entry,
        kind=judged.kind,
        type=judged.type,
        trust=judged.level,
        signers=judged.signers,
        door=judged.door,
        verdict=judged.verdict,
        occurred=judged.occurred,
        received=judged.received,
        says_kind=KIND_NAMES[mention.kind],
        says_name=mention.name,
        says=msgspec.json.decode(mention.properties) if mention.properties else {},
    )
