"""More boxes beside those that stand: what a reader has in view does not move. Pure.

    Layout + new boxes, new arcs ──► a column for each, from its neighbours that stand
                                 ──► the nearest free stretch of it that holds all that came there
                                     together ──► lanes through free space ──► Layout

Nothing old changes: neither boxes nor lanes. So a new box stands beside its neighbours where they
leave room, not always on the right side of all of them: of an arc whose cause is not left of its
effect, the drawing says the direction by its arrow, as of one in a cycle.

Columns left of 0 are negative.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Sequence
from typing import Final, NamedTuple

from wherefrom.web.lineage.layout import GAP, LANE, Arc, Layout

# Between two boxes of a block; a line still passes.
BLOCK_GAP: Final = 6
_LANE_MARGIN: Final = 3


class Block(NamedTuple):
    """New boxes of one height in rows and columns, all of them one thing to place.

    boxes   their numbers, down the columns, the nearest first
    column  of the nearest; ``side`` is -1 if the others stand left of it, 1 if right
    rows    how many a column holds
    anchor  the box that it stands beside
    """

    boxes: Sequence[int]
    column: int
    side: int
    rows: int
    anchor: int

    def cells(self) -> Iterator[tuple[int, int, int]]:
        """(box, its column, its row) of each."""
        for place, box in enumerate(self.boxes):
            yield box, self.column + self.side * (place // self.rows), place % self.rows


def grow(
    layout: Layout,
    heights: Sequence[int],
    arcs: Sequence[Arc],
    *,
    beside: Sequence[tuple[int, int]] = (),
    blocks: Sequence[Block] = (),
) -> Layout:
    """``layout`` with more boxes and arcs.

    heights  of the new boxes, numbered on; each hangs, over boxes before it, on one that stands,
             or is put into column 0
    arcs     new ones, numbered on
    beside   pairs of boxes that belong into one column, the new one first
    blocks   new boxes that stand together; arcs into them need not be among ``arcs``
    """
    known = len(layout.columns)
    in_block = {box: column for block in blocks for box, column, _ in block.cells()}
    columns = _columns(layout, known + len(heights), arcs, dict(beside), in_block)
    tops = [*layout.tops, *[0] * len(heights)]
    all_heights = [*layout.heights, *heights]
    taken = _Taken(layout)
    for block in blocks:
        pitch = max(all_heights[box] for box in block.boxes) + BLOCK_GAP
        rows = min(block.rows, len(block.boxes))
        tall = rows * pitch - BLOCK_GAP
        wanted = tops[block.anchor] + all_heights[block.anchor] // 2 - tall // 2
        inside = {column for _, column, _ in block.cells()}
        top = taken.nearest_room(inside, wanted, tall)
        for box, column, row in block.cells():
            tops[box] = top + row * pitch
            taken.box(column, tops[box], all_heights[box])
    for column, anchor, group in _groups(known, columns, arcs, dict(beside), in_block):
        tall = sum(all_heights[box] + GAP for box in group) - GAP
        wanted = 0
        if anchor is not None:
            wanted = tops[anchor] + all_heights[anchor] // 2 - tall // 2
        down = taken.nearest_room([column], wanted, tall)
        for box in group:
            tops[box] = down
            taken.box(column, down, all_heights[box])
            down += all_heights[box] + GAP
    lanes = list(layout.lanes)
    for arc in arcs:
        lanes.append(_lanes(arc, columns, tops, taken))
    return Layout(columns, tops, all_heights, [*layout.arcs, *arcs], lanes)


def _columns(
    layout: Layout,
    boxes: int,
    arcs: Sequence[Arc],
    beside: dict[int, int],
    in_block: dict[int, int],
) -> list[int]:
    """A column for each box: right of its causes, left of its effects, as far as both can be."""
    known = len(layout.columns)
    columns: list[int | None] = [*layout.columns, *[None] * (boxes - known)]
    causes: list[list[int]] = [[] for _ in range(boxes)]
    effects: list[list[int]] = [[] for _ in range(boxes)]
    for arc in arcs:
        causes[arc.effect].append(arc.cause)
        effects[arc.cause].append(arc.effect)
    for box in range(known, boxes):
        mate = columns[beside[box]] if box in beside else None
        after = [c for b in causes[box] if (c := columns[b]) is not None]
        before = [c for b in effects[box] if (c := columns[b]) is not None]
        if box in in_block:
            columns[box] = in_block[box]
        elif mate is not None:
            columns[box] = mate
        elif before and (not after or len(before) > len(after)):
            columns[box] = min(before) - 1
        elif after:
            columns[box] = max(after) + 1
    return [0 if column is None else column for column in columns]


def _groups(
    known: int,
    columns: Sequence[int],
    arcs: Sequence[Arc],
    beside: dict[int, int],
    in_block: Container[int],
) -> list[tuple[int, int | None, list[int]]]:
    """New boxes that came to one column by one neighbour: (column, neighbour, boxes)."""
    anchors: dict[int, int] = dict(beside)
    for arc in arcs:
        for box, other in ((arc.effect, arc.cause), (arc.cause, arc.effect)):
            if box >= known and other < box:
                anchors.setdefault(box, other)
    groups: dict[tuple[int, int | None], list[int]] = {}
    for box in range(known, len(columns)):
        if box in in_block:
            continue
        groups.setdefault((columns[box], anchors.get(box)), []).append(box)
    return [(column, anchor, boxes) for (column, anchor), boxes in groups.items()]


class _Taken:
    """What is taken in each column: stretches by boxes, heights by lanes."""

    def __init__(self, layout: Layout) -> None:
        self._boxes: dict[int, list[tuple[int, int]]] = {}
        self._lanes: dict[int, list[int]] = {}
        for column, top, height in zip(layout.columns, layout.tops, layout.heights, strict=True):
            self.box(column, top, height)
        for arc, lanes in zip(layout.arcs, layout.lanes, strict=True):
            first = 1 + min(layout.columns[arc.cause], layout.columns[arc.effect])
            for column, height in enumerate(lanes, first):
                self._lanes.setdefault(column, []).append(height)

    def box(self, column: int, top: int, height: int) -> None:
        """A box stands here."""
        self._boxes.setdefault(column, []).append((top, top + height))

    def nearest_room(self, columns: Iterable[int], wanted: int, tall: int) -> int:
        """The top nearest to ``wanted`` with so much room that touches neither box nor lane."""
        spans = []
        for column in columns:
            spans += [(start - GAP, end + GAP) for start, end in self._boxes.get(column, [])]
            spans += [(at - LANE, at + LANE) for at in self._lanes.get(column, [])]
        return _nearest(sorted(spans), wanted, tall)

    def nearest_lane(self, column: int, wanted: int) -> int:
        """The height nearest to ``wanted`` at which a line passes no box."""
        margin = _LANE_MARGIN
        spans = sorted((a - margin, b + margin) for a, b in self._boxes.get(column, []))
        return _nearest(spans, wanted, 0)


def _nearest(spans: Sequence[tuple[int, int]], wanted: int, tall: int) -> int:
    """The start nearest to ``wanted`` of a stretch so ``tall`` between sorted ``spans``."""
    best: int | None = None
    free = None  # where the free stretch begins; None: it goes up for ever
    ends: list[tuple[int, int] | tuple[None, None]] = [*spans, (None, None)]
    for start, end in ends:
        low = wanted if free is None else max(free, wanted)
        high = low if start is None else min(low, start - tall)
        if (free is None or high >= free) and (
            best is None or abs(high - wanted) < abs(best - wanted)
        ):
            best = high
        free = end if free is None or end is None else max(free, end)
    assert best is not None, "above the first there is always room"
    return best


def _lanes(arc: Arc, columns: Sequence[int], tops: Sequence[int], taken: _Taken) -> tuple[int, ...]:
    """The lanes of a new arc, from the left on, each near to a straight line."""
    left = (columns[arc.cause], tops[arc.cause] + arc.cause_port)
    right = (columns[arc.effect], tops[arc.effect] + arc.effect_port)
    if left[0] > right[0]:
        left, right = right, left
    found = []
    at = left[1]
    for column in range(left[0] + 1, right[0]):
        steps = right[0] - column + 1
        at = taken.nearest_lane(column, at + (right[1] - at) // steps)
        found.append(at)
    return tuple(found)
