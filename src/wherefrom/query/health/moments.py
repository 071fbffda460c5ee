"""Which size a log had at a moment: how many of its entries were received by then.

Entries are received in the order of the log, but for those that were judged side by side, which
lie within a moment of each other, and where the clock was set back: there the log says so, and a
time that came twice is the second.

    received   10:00  10:05 │ 09:30  09:40        at 09:35: the second of these two, so size 3
    index          0      1 │    2      3
"""

from __future__ import annotations

from collections.abc import Collection

from wherefrom.formats import entry
from wherefrom.log.reader import LogReader


def size_at(log: LogReader, at: str, *, size: int, steps: Collection[int] = ()) -> int:
    """Entries below ``size`` that were received by ``at``, as entries write times.

    steps  entries that say that the clock was set back
    """
    ends = size
    for begins in sorted((step for step in {0, *steps} if step < size), reverse=True):
        found = _between(log, at, begins, ends)
        if found > begins:
            return found
        ends = begins
    return 0


def _between(log: LogReader, at: str, low: int, high: int) -> int:
    while low < high:
        middle = (low + high) // 2
        if entry.parse(log.record(middle).entry).received <= at:
            low = middle + 1
        else:
            high = middle
    return low
