"""Answers that took long, given again for a while: whoever asks often costs no more than a share.

    key ──found lately, slowly?──► the same answer   (it says itself of which moment it is)
         └─ else ──find──► answer, kept for RESTS times the processor time that it took

Sizes:  what took less than SLOW_SECONDS is never kept · KEPT_MAX answers
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Hashable
from typing import Final, Generic, NamedTuple, TypeVar

SLOW_SECONDS: Final = 0.25
RESTS: Final = 4
KEPT_MAX: Final = 16
T = TypeVar("T")


class _Answer(NamedTuple, Generic[T]):
    found: T
    until: float


class Kept(Generic[T]):
    """Safe for several threads: of those that ask the same at once, one finds the answer.

    clock  seconds that pass
    spent  seconds of processor time of this thread, so that a busy machine makes nothing old
    """

    def __init__(
        self,
        *,
        clock: Callable[[], float] = time.monotonic,
        spent: Callable[[], float] = time.thread_time,
    ) -> None:
        self._clock, self._spent = clock, spent
        self._answers: dict[Hashable, _Answer[T]] = {}
        self._finding: dict[Hashable, threading.Lock] = {}
        self._lock = threading.Lock()

    def get(self, key: Hashable, find: Callable[[], T]) -> T:
        """What ``find`` gives, or gave a moment ago. Raises as ``find``."""
        with self._lock:
            if (kept := self._lately(key)) is not None:
                return kept.found
            finding = self._finding.setdefault(key, threading.Lock())
        with finding:
            with self._lock:
                if (kept := self._lately(key)) is not None:  # somebody else found it meanwhile
                    return kept.found
            began = self._spent()
            try:
                found = find()
            finally:
                with self._lock:
                    self._finding.pop(key, None)
            took = self._spent() - began
            if took >= SLOW_SECONDS:
                with self._lock:
                    self._keep(key, _Answer(found, self._clock() + RESTS * took))
            return found

    def _lately(self, key: Hashable) -> _Answer[T] | None:
        kept = self._answers.get(key)
        return kept if kept is not None and self._clock() < kept.until else None

    def _keep(self, key: Hashable, answer: _Answer[T]) -> None:
        self._answers.pop(key, None)
        while len(self._answers) >= KEPT_MAX:
            del self._answers[next(iter(self._answers))]
        self._answers[key] = answer
