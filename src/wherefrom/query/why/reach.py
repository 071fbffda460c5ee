"""Who can hurt whom: how near one service is to another along the calls, 0.6 a hop.

    caller ──► callee ──► callee        a fault climbs from callee to caller, and fades

Sizes:  REACH_HOPS_MAX hops; farther is 0
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

import numpy as np

from wherefrom.query.why.grid import Floats

DECAY: Final = 0.6
REACH_HOPS_MAX: Final = 6


def nearness(services: Sequence[str], calls: Iterable[tuple[str, str]]) -> Floats:
    """``found[a, b]`` is DECAY to the power of the hops from ``a`` down to ``b``; 1 for itself."""
    at = {name: i for i, name in enumerate(services)}
    n = len(services)
    step = np.zeros((n, n), dtype=np.float32)
    for caller, callee in calls:
        if caller in at and callee in at:
            step[at[caller], at[callee]] = 1
    found = np.eye(n)
    front = np.eye(n, dtype=np.float32)
    for hops in range(1, REACH_HOPS_MAX + 1):
        front = ((front @ step > 0) & (found == 0)).astype(np.float32)
        if not front.any():
            break
        found[front > 0] = DECAY**hops
    return found
