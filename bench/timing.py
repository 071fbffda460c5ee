"""Taking times: how long each call took, and how much processor time a process has used.

Processor time comes from /proc; where there is none (macOS) those figures are left out.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, NamedTuple

_TICKS: Final = os.sysconf("SC_CLK_TCK")


class Spread(NamedTuple):
    """Of many times, in milliseconds."""

    p50: float
    p99: float
    worst: float


def spread(seconds: Sequence[float]) -> Spread:
    """Nearest-rank percentiles. Raises ValueError for no times at all."""
    if not seconds:
        raise ValueError("no times were taken")
    ordered = sorted(seconds)
    rank = (len(ordered) * 99 + 99) // 100 - 1
    return Spread(ordered[(len(ordered) - 1) // 2] * 1e3, ordered[rank] * 1e3, ordered[-1] * 1e3)


def each(rounds: int, call: Callable[[int], object]) -> Spread:
    """Call it with 0, 1, …; how long each call took."""
    took = []
    for number in range(rounds):
        start = time.perf_counter()
        call(number)
        took.append(time.perf_counter() - start)
    return spread(took)


def rate(count: int, work: Callable[[], object]) -> float:
    """How many a second, if ``work`` does ``count``."""
    start = time.perf_counter()
    work()
    return count / (time.perf_counter() - start)


class Usage(NamedTuple):
    """Processor seconds of a server's processes so far."""

    writer: float
    judges: float
    reader: float
    fold: float
    watch: float = 0.0

    def since(self, before: Usage) -> Usage:
        """What was used from ``before`` on."""
        return Usage(*(now - then for now, then in zip(self, before, strict=True)))

    def beside(self, records: int) -> dict[str, float]:
        """Microseconds of processor time a record, for ``Row.beside``."""
        return {
            f"{name} CPU µs/record": used / records * 1e6
            for name, used in self._asdict().items()
            if used > 0
        }


def usage_of(server: int) -> Usage:
    """Of the process ``server``, its judges, reader, fold and watch. Zeros where /proc is not."""
    writer = _processor_seconds(server)
    judges = reader = fold = watch = 0.0
    for child in children_of(server):
        if b"reader" in _read(child, "comm"):
            reader += _processor_seconds(child)
            for forked in children_of(child):
                if forked_as(forked) == "watch":
                    watch += _processor_seconds(forked)
                else:
                    fold += _processor_seconds(forked)
        else:
            judges += _processor_seconds(child)
    return Usage(writer, judges, reader, fold, watch)


def forked_as(process: int) -> str:
    """What a process that the reader forked is: its ``fold`` or its ``watch``."""
    return "watch" if b"watch" in _read(process, "comm") else "fold"


def _read(process: int, name: str) -> bytes:
    try:
        return Path(f"/proc/{process}/{name}").read_bytes()
    except OSError:
        return b""


def _processor_seconds(process: int) -> float:
    # After the name in parentheses, fields 14 and 15 of proc(5) are user and system time.
    fields = _read(process, "stat").rpartition(b")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS if fields else 0.0


def family_of(process: int) -> list[int]:
    """All processes below one."""
    below = children_of(process)
    return below + [further for child in below for further in family_of(child)]


def children_of(process: int) -> list[int]:
    """The processes that ``process`` started. None where /proc is not."""
    tasks = Path(f"/proc/{process}/task")
    found: list[int] = []
    if tasks.is_dir():
        for task in tasks.iterdir():
            found += map(int, _read(process, f"task/{task.name}/children").split())
    return found
