"""Which column each box stands in: causes left of effects, arcs as short as they can be. Pure.

    arcs (cause → effect) ──► cycles cut ──► longest path ──► slack taken out ──► a rank each

1. A cycle is cut where a depth-first walk comes back to where it stands; that arc counts the
   other way round here, and is drawn against the grain.
2. A box stands one column right of the last of its causes.
3. A box with room goes to the side where it has more arcs, and to its effects if both have as many.
   That shortens the sum of all lengths, which network simplex would make the least there is; this
   moves boxes one at a time, so what only shortens when several move together stays.

Source: Sugiyama, Tagawa, Toda, "Methods for visual understanding of hierarchical system
        structures", 1981; Gansner, Koutsofios, North, Vo, "A technique for drawing directed
        graphs", 1993, §2
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

_SWEEPS: Final = 2


def ranks_of(boxes: int, arcs: Sequence[tuple[int, int]]) -> list[int]:
    """A rank for each of ``boxes``, the lowest 0.

    arcs  (cause, effect), numbers below ``boxes``; an arc from a box to itself is left out

    For every arc that is in no cycle, the cause's rank is below the effect's.
    """
    causes: list[list[int]] = [[] for _ in range(boxes)]
    effects: list[list[int]] = [[] for _ in range(boxes)]
    for cause, effect in _without_cycles(boxes, arcs):
        effects[cause].append(effect)
        causes[effect].append(cause)
    order = _topological(causes, effects)
    ranks = [0] * boxes
    for box in order:
        if causes[box]:
            ranks[box] = 1 + max(ranks[c] for c in causes[box])
    for _ in range(_SWEEPS):
        for box in reversed(order):
            if effects[box] and len(effects[box]) >= len(causes[box]):
                ranks[box] = min(ranks[e] for e in effects[box]) - 1
        for box in order:
            if len(causes[box]) > len(effects[box]):
                ranks[box] = max(ranks[c] for c in causes[box]) + 1
    lowest = min(ranks, default=0)
    return [rank - lowest for rank in ranks]


def _without_cycles(boxes: int, arcs: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """The same arcs, those that close a cycle turned round."""
    effects: list[list[int]] = [[] for _ in range(boxes)]
    for cause, effect in arcs:
        if cause != effect:
            effects[cause].append(effect)
    # 0 not seen, 1 on the way that is walked, 2 done
    state = [0] * boxes
    kept: list[tuple[int, int]] = []
    for root in range(boxes):
        if state[root]:
            continue
        state[root] = 1
        way = [(root, iter(effects[root]))]
        while way:
            box, rest = way[-1]
            for effect in rest:
                if state[effect] == 1:
                    kept.append((effect, box))
                    continue
                kept.append((box, effect))
                if not state[effect]:
                    state[effect] = 1
                    way.append((effect, iter(effects[effect])))
                    break
            else:
                state[box] = 2
                way.pop()
    return kept


def _topological(causes: list[list[int]], effects: list[list[int]]) -> list[int]:
    """Every box after all its causes."""
    waiting = [len(c) for c in causes]
    order = [box for box, count in enumerate(waiting) if not count]
    for box in order:  # grows while it is read
        for effect in effects[box]:
            waiting[effect] -= 1
            if not waiting[effect]:
                order.append(effect)
    assert len(order) == len(causes), "cycles are cut before"
    return order
