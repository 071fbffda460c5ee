"""Eyes, each on a thread of its own: what they saw first when, and whether all is well again.

start() ──looks that begin before──► known: what is always wrong here
begin() ──looks that begin after───► Seen, each thing once, when it was seen often enough
is_well(since) ◄── the last look of each eye shows nothing that was not known
"""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from typing import Final, NamedTuple

from wherefrom.errors import Error
from wherefrom.gameday.eyes import Absent, Door, Eye, Sighting

_TICK_SECONDS: Final = 0.05
# One thing may be shown in other words each time: with another count, above all.
_TEXTS_MAX: Final = 5


class Seen(NamedTuple):
    """One thing that an eye saw, and when: seconds on the monotonic clock."""

    eye: Eye
    says: str
    at: float


class Watcher:
    """Leaving the block ends every look."""

    def __init__(self, door: Door, eyes: Sequence[Eye]) -> None:
        self._door = door
        self._eyes = [_Looking(eye) for eye in eyes]
        self._changing = threading.Condition()
        self._began: float | None = None
        self._over = threading.Event()
        self._seen: list[Seen] = []
        self._threads = [
            threading.Thread(target=self._run, args=(one,), name="gameday-eye", daemon=True)
            for one in self._eyes
        ]

    def __enter__(self) -> Watcher:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._door.commands.stop()
        for thread in self._threads:
            thread.join()

    def settle(self, seconds: float) -> list[str]:
        """Wait until every eye knows what is always wrong; the eyes that could not look."""
        until = time.monotonic() + seconds
        while blind := [one.eye.name for one in self._eyes if one.done < one.eye.looks]:
            if time.monotonic() > until:
                break
            time.sleep(_TICK_SECONDS)
        return blind

    def begin(self) -> float:
        """From now on what is seen is news; the moment."""
        with self._changing:
            self._began = time.monotonic()
            return self._began

    def seen(self) -> list[Seen]:
        """What was seen since ``begin``, in order."""
        with self._changing:
            return list(self._seen)

    def is_well(self, since: float) -> bool:
        """Whether every eye that can tell has looked since, and saw nothing but what it knew."""
        with self._changing:
            return all(
                one.is_absent or one.eye.stays or (one.looked > since and not one.news)
                for one in self._eyes
            )

    def absent(self) -> list[str]:
        """The eyes whose doors are not there."""
        return [one.eye.name for one in self._eyes if one.is_absent]

    def _run(self, one: _Looking) -> None:
        while not self._over.is_set():
            started = time.monotonic()
            try:
                found = list(one.eye.look(self._door))
            except Absent:
                one.is_absent = True
                one.done = one.eye.looks
                return
            except (Error, OSError, KeyError, TypeError, ValueError):
                pass  # nothing was shown: what there is to see of that, other eyes see
            else:
                self._take(one, found, started)
            self._over.wait(one.eye.every_s)

    def _take(self, one: _Looking, found: Sequence[Sighting], started: float) -> None:
        with self._changing:
            is_news = self._began is not None and started >= self._began
            before, one.counts = one.counts, {}
            one.news = set()
            for sighting in found:
                count = one.counts[sighting.key] = before.get(sighting.key, 0) + 1
                if not is_news:
                    one.known.add(sighting.key)
                elif sighting.key not in one.known:
                    one.news.add(sighting.key)
                    told = one.told.setdefault(sighting.key, set())
                    is_old = sighting.says in told or len(told) >= _TEXTS_MAX
                    if count >= one.eye.looks and not is_old:
                        told.add(sighting.says)
                        self._seen.append(Seen(one.eye, sighting.says, time.monotonic()))
            one.done += 1
            one.looked = started


class _Looking:
    """An eye at work."""

    def __init__(self, eye: Eye) -> None:
        self.eye = eye
        self.known: set[str] = set()
        self.told: dict[str, set[str]] = {}  # the texts of each key
        self.counts: dict[str, int] = {}
        self.news: set[str] = set()
        self.done = 0
        self.looked = 0.0
        self.is_absent = False
