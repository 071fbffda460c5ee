"""From statements in any order to intervals: what held, from when to when. Pure.

    statements  ──sorted by time──►  value a ─────┬── value b ──────┬── (ended)
    and wholes                      interval a    │   interval b    │
                                                  └ b was said      └ a whole did not have it

The state at a time is what was said last by then, so statements that come late change only what
lies after them. Of two that are dated alike the one with the higher entry holds.

Where a source numbers its records, its numbers order them, whatever its clock said: one that is
dated before its predecessor holds from the predecessor's time on.

Sizes:  a time is microseconds since 1970 · an entry is an index of the log
Source: docs/formats/states.md, "Intervals"
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import Final, NamedTuple

FOR_EVER: Final = 2**62
_NEVER: Final = -FOR_EVER


class Told(NamedTuple):
    """One event of a key.

    value   what it is from then on; None: it ended
    source  who said so; ``sequence`` where in the order of its own records, if it says
    absent  a whole of this source does not have it: it ended if the source had said what holds
    """

    at: int
    entry: int
    value: str | None
    source: int
    absent: bool = False
    sequence: str | None = None


class Interval(NamedTuple):
    """``value`` held from ``began`` on, and until ``ended``, when it did no more.

    entry   which record said so first; ``ended_by`` which one said otherwise, or None
    """

    began: int
    ended: int
    value: str
    entry: int
    ended_by: int | None = None


def intervals(told: Iterable[Told]) -> Iterator[Interval]:
    """What held, in order. Equal values that follow each other are one interval."""
    value: str | None = None
    source, entry, began = -1, -1, 0
    for at, events in groupby(_in_order(told), key=lambda e: e.at):
        now, by = value, entry
        for event in events:
            if not event.absent or event.source == source:
                # Said again of the same time, it is still the first record's word.
                by = by if event.value == now else event.entry
                now, source = event.value, event.source
        if now == value:
            continue
        if value is not None:
            yield Interval(began, at, value, entry, by)
        value, entry, began = now, by, at
    if value is not None:
        yield Interval(began, FOR_EVER, value, entry)


def _in_order(told: Iterable[Told]) -> list[Told]:
    """By time, and by sequence where a source has one."""
    events = sorted(told, key=lambda e: (e.at, e.entry))
    numbered = [event for event in events if event.sequence is not None]
    if not numbered:
        return events
    numbered.sort(key=lambda e: (e.source, e.sequence, e.at, e.entry))
    placed = [(event.at, event.entry, "", event) for event in events if event.sequence is None]
    for _, of_source in groupby(numbered, key=lambda e: e.source):
        at, entry = _NEVER, -1
        for event in of_source:
            at, entry = max((at, entry), event[:2])
            placed.append((at, entry, event.sequence or "", event._replace(at=at)))
    return [event for *_, event in sorted(placed, key=lambda one: one[:3])]
