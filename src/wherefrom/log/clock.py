"""A clock that may be set back: it is believed, and the log says that it went back.

    09:59:58  10:00:00  09:30:00  09:30:01        what the machine's clock says
                        └ back by half an hour: a record about it comes before the next one

``received`` is what the clock of the machine said, and the index alone orders the log. A time that
was corrected afterwards (held back, or nudged forward) would be one that no clock ever showed.

Sizes:  less than BACK_SECONDS is no step: records that were judged side by side differ by as much
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Final

from wherefrom.formats.own import Gap

BACK_SECONDS: Final = 1.0


class WatchedClock:
    """Gives what ``clock`` gives, 27-byte UTC text, and remembers each time it went back.

    May be called from several threads.
    """

    def __init__(self, clock: Callable[[], str]) -> None:
        self._clock = clock
        self._latest = ""
        self._steps: list[Gap] = []
        self._lock = threading.Lock()

    def __call__(self) -> str:
        """Now, as the clock says it."""
        with self._lock:
            now = self._clock()
            self._see(now)
            return now

    def saw(self, earlier: str) -> None:
        """Some clock has said ``earlier`` before, such as in the newest entry of the log."""
        with self._lock:
            self._latest = max(self._latest, earlier)

    def _see(self, now: str) -> None:
        if now < self._latest and _seconds(now, self._latest) > BACK_SECONDS:
            why = f"the clock went back from {self._latest} to {now}: times before may be too late"
            self._steps.append(Gap(what="clock", why=why))
            self._latest = now
        self._latest = max(self._latest, now)

    def take(self) -> list[Gap]:
        """What is to be logged of steps since the last time."""
        with self._lock:
            taken, self._steps = self._steps, []
            return taken

    def put_back(self, steps: Sequence[Gap]) -> None:
        """They could not be logged: the next record is to try again."""
        with self._lock:
            self._steps = [*steps, *self._steps]


def _seconds(earlier: str, later: str) -> float:
    return (datetime.fromisoformat(later) - datetime.fromisoformat(earlier)).total_seconds()
