"""What the watch knows of what runs: one ``Watched`` for each artifact in each environment.

    running ──► Watched: how it stands, until when          queue: production first
    verdicts ──► Turn: what turned bad, or good again, where it runs

Pure: the estate, the graph and the log are ``watch``'s.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

import msgspec

from wherefrom.formats.turned import LISTED_MAX, Turned
from wherefrom.policy.verdict import Reason
from wherefrom.query.open_turns import Against


class Stand(NamedTuple):
    """How the newest summary of it stands: its entry, the answer, and when it ends."""

    entry: int
    allowed: bool
    reasons: tuple[Reason, ...]
    until: str

    @property
    def failing(self) -> tuple[str, ...]:
        """The rules that do not hold."""
        return failing(self.reasons)


class Watched(msgspec.Struct, kw_only=True):
    """One artifact in one environment.

    number   what the table of interests calls it
    looked   whether it was looked at by this policy
    subject  the digest that names it; None until it was looked at, or of what has none
    stands   what was signed of it last, by the policy of ``policy``; None if nothing
    open     as what it is recorded to be denied; None if it is not
    heard    whether any record had spoken of it when it was looked at last
    trouble  why nothing can be said of it
    """

    number: int
    environment: str
    artifact: str
    policy: str
    looked: bool = False
    subject: str | None = None
    name: str | None = None
    stands: Stand | None = None
    open: Against | None = None
    heard: bool = False
    trouble: str | None = None

    @property
    def against(self) -> Against | None:
        """What speaks against it now."""
        if self.stands is None or self.stands.allowed:
            return None
        return Against(self.policy, self.stands.failing[:LISTED_MAX])


class RunsIn(msgspec.Struct, frozen=True, kw_only=True):
    """One service that something runs in. ``mode`` is ``observed``, or ``declared`` where nobody
    sees it; ``instances`` how many report it."""

    environment: str
    service: str
    mode: str
    instances: int


class Turn(msgspec.Struct, frozen=True, kw_only=True):
    """What turned, for whoever is to be told.

    number    of whom it is; 0 of what an earlier watch left open
    artifact  the digest that names it; ``name`` what it is called
    policy    its name and version
    was       what spoke against it before; None if nothing did
    places    where it runs, in all environments with that policy, this one first
    again     it is told already, of another environment
    """

    turned: Turned
    number: int
    artifact: str
    name: str | None
    policy: str
    production: bool
    places: tuple[RunsIn, ...]
    reasons: tuple[Reason, ...]
    was: Against | None
    again: bool


def failing(reasons: Iterable[Reason]) -> tuple[str, ...]:
    """The rules that do not hold, each once, in order."""
    return tuple(dict.fromkeys(one.rule for one in reasons if not one.ok))


class Queue:
    """Numbers of what is to be looked at: each once, by rank, those of one rank in turn."""

    def __init__(self, rank: Callable[[int], tuple[int, str]]) -> None:
        self._rank = rank
        self._heap: list[tuple[tuple[int, str], int, int]] = []
        self._in: set[int] = set()
        self._turn = 0

    def __len__(self) -> int:
        return len(self._in)

    def add(self, numbers: Iterable[int]) -> None:
        """Look at these, after those of their rank that wait."""
        for number in numbers:
            if number not in self._in:
                self._turn += 1
                self._in.add(number)
                heapq.heappush(self._heap, (self._rank(number), self._turn, number))

    def drop(self, number: int) -> None:
        """Do not look at it any more."""
        self._in.discard(number)

    def take(self) -> Iterator[int]:
        """One after the other."""
        while self._heap:
            _, _, number = heapq.heappop(self._heap)
            if number in self._in:
                self._in.discard(number)
                yield number


class Ends:
    """When each is to be looked at again, whatever happens: the newest time that was set."""

    def __init__(self) -> None:
        self._heap: list[tuple[str, int]] = []
        self._of: dict[int, str] = {}

    def set(self, number: int, until: str) -> None:
        """Look at it again from then on. Times are the log's texts, which sort."""
        self._of[number] = until
        heapq.heappush(self._heap, (until, number))

    def drop(self, number: int) -> None:
        """It ends no more."""
        self._of.pop(number, None)

    def due(self, at: str) -> list[int]:
        """Those whose time has come; each is told once."""
        found = []
        while self._heap and self._heap[0][0] <= at:
            until, number = heapq.heappop(self._heap)
            if self._of.get(number) == until:
                del self._of[number]
                found.append(number)
        return found
