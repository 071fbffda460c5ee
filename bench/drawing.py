"""Drawing lineage: how long boxes and lines take to be given their places.

Three kinds of graph, always the same ones: steps that follow each other, as builds and data do; a
tree; and arcs of any length between any two boxes, which is what no lineage looks like.
"""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from typing import Final

from bench.place import Place
from bench.report import Row
from bench.timing import spread
from wherefrom.web.lineage.layout import Arc, Layout, lay_out

_HEIGHT: Final = 44
_STEPS: Final = 12
_SEED: Final = 7
_ROUNDS_MAX: Final = 40


def measure(place: Place) -> Iterator[Row]:
    """The layout alone: processor time, for it does nothing but compute."""
    rounds = max(5, min(_ROUNDS_MAX, place.sizes.questions // 10))
    for boxes, arcs, make, says, goal in (
        (1_000, 1_500, _steps, "steps", 50.0),
        (1_000, 999, _tree, "a tree", 50.0),
        (1_000, 1_500, _anyhow, "arcs of any length", None),
        (2_000, 3_000, _steps, "steps", None),
    ):
        made = make(boxes, arcs)
        heights = [_HEIGHT] * boxes
        took: list[float] = []
        for _ in range(rounds):
            start = time.thread_time()
            layout = lay_out(heights, made)
            took.append(time.thread_time() - start)
        times = spread(took)
        yield Row(
            area="lineage drawn",
            what=f"layout of {boxes:,} boxes, {len(made):,} arcs: {says}: CPU, p50",
            value=times.p50,
            unit="ms",
            goal=goal,
            beside={
                "p99 ms": times.p99,
                "columns": len(set(layout.columns)),
                "lanes": _lanes(layout),
            },
        )


def _lanes(layout: Layout) -> int:
    return sum(len(lanes) for lanes in layout.lanes)


def _steps(boxes: int, arcs: int) -> list[Arc]:
    """Boxes in steps, each made of what is about as far down the step before, or one earlier."""
    chance = random.Random(_SEED)
    each_step = -(-boxes // _STEPS)
    found: dict[tuple[int, int], None] = {}
    while len(found) < arcs:
        effect = chance.randrange(each_step, boxes)
        step, place = divmod(effect, each_step)
        back = 1 if chance.random() < 0.9 else chance.randint(1, min(4, step))
        near = min(each_step - 1, max(0, round(place + chance.gauss(0, 2))))
        found[(step - back) * each_step + near, effect] = None
    return [_arc(cause, effect) for cause, effect in found]


def _tree(boxes: int, arcs: int) -> list[Arc]:
    chance = random.Random(_SEED)
    return [_arc(chance.randrange(max(0, n - 60), n), n) for n in range(1, arcs + 1) if n < boxes]


def _anyhow(boxes: int, arcs: int) -> list[Arc]:
    chance = random.Random(_SEED)
    pairs: dict[tuple[int, int], None] = {}
    for n in range(1, boxes):
        pairs[chance.randrange(n), n] = None
    while len(pairs) < arcs:
        effect = chance.randrange(1, boxes)
        pairs[chance.randrange(effect), effect] = None
    return [_arc(cause, effect) for cause, effect in pairs]


def _arc(cause: int, effect: int) -> Arc:
    return Arc(cause, effect, _HEIGHT // 2, _HEIGHT // 2)
