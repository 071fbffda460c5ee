"""What the machine gives: its disk to every promise of durability, a core to every judgement."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Final

from bench.inputs import KEY
from bench.place import APPEND_BYTES, PRODUCER, Place
from bench.report import Row
from bench.timing import spread

_CHECKS: Final = 2_000
_MESSAGE_BYTES: Final = 1024


def measure(place: Place) -> Iterator[Row]:
    """fdatasync after each of many appends to one file; checks of one signature."""
    times = spread(place.appends(place.sizes.appends))
    yield Row(
        area="the machine",
        what=f"fdatasync of a {APPEND_BYTES}-byte append, p50",
        value=times.p50,
        unit="ms",
        beside={"p99 ms": times.p99, "worst ms": times.worst},
    )
    message = bytes(_MESSAGE_BYTES)
    signature = KEY.sign(message)
    began = time.process_time()
    for _ in range(_CHECKS):
        PRODUCER.check(message, signature)
    yield Row(
        area="the machine",
        what="Ed25519 checks of 1 KB on one core, the library alone",
        value=_CHECKS / (time.process_time() - began),
        unit="/s",
        beside={"the goals for signed records were set with": "23,000 /s"},
    )
