"""Reading pushed series while they are written: any number of threads and processes."""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec

from wherefrom.errors import LimitPassed
from wherefrom.formats.series import Labels, Series
from wherefrom.views.series.store import FILE

SAMPLES_READ_MAX: Final = 5_000_000
_Packed = tuple[Labels, str]


class Hour(NamedTuple):
    """What is left of samples whose time is over: how many of an hour, and their sum."""

    hour: int
    labels: Labels
    metric: str
    samples: int
    total: float


class SeriesReader:
    """Questions to a file of series; a file that nobody made yet holds none."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def window(self, since: float, until: float) -> list[Series]:
        """Everything from ``since`` to ``until``, seconds since 1970, both included.

        Raises LimitPassed for more than SAMPLES_READ_MAX, Corrupt.
        """
        found: dict[int, tuple[array[float], array[float]]] = {}
        # In the order of time, as they lie.
        asked = "SELECT place, at, value FROM samples WHERE at BETWEEN ? AND ? ORDER BY at"
        for count, (place, at, value) in enumerate(self._each(asked, (since, until)), start=1):
            if count > SAMPLES_READ_MAX:
                raise LimitPassed(
                    "too much was measured in this window", expected=f"{SAMPLES_READ_MAX} samples",
                    do="Ask for a shorter one",
                )  # fmt: skip
            samples = found.get(place)
            if samples is None:
                samples = found[place] = (array("d"), array("d"))
            samples[0].append(at)
            samples[1].append(value)
        places = dict(self._ask("SELECT number, packed FROM places", ()))
        return [
            Series(*_unpacked(places[number]), *samples)
            for number, samples in sorted(found.items())
            if number in places
        ]

    def hours(self, since: int = 0) -> list[Hour]:
        """What is left of samples whose time is over, the oldest first."""
        rows = self._ask(
            "SELECT hour, packed, samples, total FROM hours WHERE hour >= ? ORDER BY hour, packed",
            (since,),
        )
        return [Hour(hour, *_unpacked(packed), n, total) for hour, packed, n, total in rows]

    def _ask(self, question: str, values: tuple[object, ...]) -> list[tuple[Any, ...]]:
        return list(self._each(question, values))

    def _each(self, question: str, values: tuple[object, ...]) -> Iterator[tuple[Any, ...]]:
        """Row by row, so that a large answer is never held twice."""
        with FILE.reading(self._path) as db:
            yield from db.execute(question, values) if db else ()


def _unpacked(packed: str) -> _Packed:
    found: _Packed = msgspec.json.decode(packed, type=_Packed)
    return found
