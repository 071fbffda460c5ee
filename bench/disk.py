"""The disk: what every promise of durability waits for."""

from __future__ import annotations

from collections.abc import Iterator

from bench.place import APPEND_BYTES, Place
from bench.report import Row
from bench.timing import spread


def measure(place: Place) -> Iterator[Row]:
    """fdatasync after each of many appends to one file."""
    times = spread(place.appends(place.sizes.appends))
    yield Row(
        area="disk",
        what=f"fdatasync of a {APPEND_BYTES}-byte append, p50",
        value=times.p50,
        unit="ms",
        beside={"p99 ms": times.p99, "worst ms": times.worst},
    )
