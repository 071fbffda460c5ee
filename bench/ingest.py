"""Batches in process: the log alone, with content and de-duplication, and what is known already."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator
from functools import partial

from bench.inputs import entry_of
from bench.place import BATCH, CONTENT_BYTES, Place, commit, open_recorders, records
from bench.report import Row
from bench.timing import rate
from wherefrom.log.recorder import Recorder

_ALONE = f"the log alone, {CONTENT_BYTES} B entries"
_WITH = f"content and de-duplication, {CONTENT_BYTES} B"


def measure(place: Place) -> Iterator[Row]:
    """Each rate in turn with the others, round after round; medians."""
    count, filled = place.sizes.ingested, place.filled()
    fresh = [place.fresh("ingest-alone"), place.fresh("ingest-with")]
    found: dict[str, list[float]] = {}
    fsyncs = []
    size = f"{place.sizes.filled:,}"
    with open_recorders([*fresh, filled]) as (alone, empty, large):
        oldest = records("filled", 0, min(count, place.sizes.filled))
        for number in range(place.sizes.rounds):
            fsyncs.append(place.fsync_ms())
            entries = [entry_of(number * count + n, CONTENT_BYTES) for n in range(count)]
            new = records(f"round {number}", 0, count)
            turns: dict[str, Callable[[], None]] = {
                f"{_ALONE}, new log": partial(_append, alone, entries),
                f"{_WITH}, new log": partial(commit, empty, new),
                f"{_WITH}, at {size}": partial(commit, large, new),
                f"all known, the latest of {size}": partial(commit, large, new),
                f"all known, the oldest of {size}": partial(commit, large, oldest),
            }
            for what, work in turns.items():
                done = len(oldest) if "oldest" in what else count
                found.setdefault(what, []).append(rate(done, work))
    for what, rates in found.items():
        goal = 100_000.0 if _ALONE in what else 40_000.0 if _WITH in what else None
        yield Row(
            area=f"ingest in process, batches of {BATCH:,}",
            what=what,
            value=statistics.median(rates),
            unit="/s",
            goal=goal,
            at_least=True,
            beside={"lowest /s": min(rates), "fdatasync ms": statistics.median(fsyncs)},
        )


def _append(recorder: Recorder, entries: list[bytes]) -> None:
    for start in range(0, len(entries), BATCH):
        recorder.writer.append_entries(entries[start : start + BATCH])
