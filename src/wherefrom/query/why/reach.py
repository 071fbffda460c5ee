"""Who can hurt whom: how near one service is to another along the calls, 0.6 a hop.

    caller ──► callee ──► callee        a fault climbs from callee to caller, and fades

Asked of one service at a time: a topology may name more services than a table of all pairs has
room for.

Sizes:  REACH_HOPS_MAX hops; farther is 0
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Final

import numpy as np
import numpy.typing as npt

from wherefrom.query.why.grid import Floats

DECAY: Final = 0.6
REACH_HOPS_MAX: Final = 6
_REMEMBERED_MAX: Final = 256

_Places = npt.NDArray[np.int64]


class Reach:
    """The calls between services, each known by its place in ``services``."""

    def __init__(self, services: Sequence[str], calls: Iterable[tuple[str, str]]) -> None:
        at = {name: i for i, name in enumerate(services)}
        pairs = sorted({(at[a], at[b]) for a, b in calls if a in at and b in at})
        both = np.array(pairs, dtype=np.int64).reshape(-1, 2)
        self._size, self._caller, self._callee = len(services), both[:, 0], both[:, 1]
        # Many changes are of one service.
        self._asked = lru_cache(_REMEMBERED_MAX)(self._along)

    def below(self, place: int) -> Floats:
        """How near it is to each service that it calls, or that those call: DECAY to the power of
        the hops; 1 to itself, 0 to what it does not reach."""
        return self._asked(place, True)

    def above(self, place: int) -> Floats:
        """How near each service is to this one, by the same calls."""
        return self._asked(place, False)

    def _along(self, place: int, down: bool) -> Floats:
        begin, end = (self._caller, self._callee) if down else (self._callee, self._caller)
        found = np.zeros(self._size)
        found[place] = 1
        front: _Places = np.array([place])
        for hops in range(1, REACH_HOPS_MAX + 1):
            here = np.zeros(self._size, dtype=bool)
            here[front] = True
            front = end[here[begin]]
            front = front[found[front] == 0]
            if not len(front):
                break
            found[front] = DECAY**hops
        return found
