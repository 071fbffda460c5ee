"""Which size a log had at a moment: how many of its entries were received by then.

Entries are received in the order of the log, but for those that were judged side by side, which
lie within a moment of each other.
"""

from __future__ import annotations

from wherefrom.formats import entry
from wherefrom.log.reader import LogReader


def size_at(log: LogReader, at: str, *, size: int) -> int:
    """Entries below ``size`` that were received by ``at``, as entries write times."""
    low, high = 0, size
    while low < high:
        middle = (low + high) // 2
        if entry.parse(log.record(middle).entry).received <= at:
            low = middle + 1
        else:
            high = middle
    return low
