"""Where boxes stand and lines run: layered, left to right, causes left. Pure.

    boxes, arcs ──ranks──► columns ──items──► orders ──heights──► tops ──► lanes of long lines
       │          1          │         2        │   3       4      │          5
       └──────── more boxes, later ─────────────┴──── growing.py ──┴► placed, nothing old moves

A line that passes a column does so in a lane of its own, an item like a box, so it never crosses
one; between columns there are no boxes. Lines of one cause with one ``trunk`` share their lanes,
and branch where they leave it: fewer lines to follow, fewer items to place.

The same boxes and arcs in the same order give the same layout: no clock, no chance.

    column 0       column 1        column 2
    ┌───────┐      ┌───────┐      ┌───────┐
    │ cause ├──────┤  box  ├──┬───┤ effect│      a box: number, column, top, height
    └───────┴─╮    └───────┘  │   └───────┘      an arc: cause, effect, ports on their sides
              ╰──── a lane ───╯                  a lane: the line's height in a column it passes

Sizes:  any whole units; 1,000 boxes and 1,500 arcs take about 30 ms (``bench``, area ``layout``)
Source: Sugiyama, Tagawa, Toda, 1981, for the five steps; ``ranks.py``, ``crossings.py`` and
        ``heights.py`` say whose way each goes. Shared lanes: Pupyrev, Nachmanson, Kaufmann,
        "Improving layered graph layouts with edge bundling", 2010
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from wherefrom.web.lineage.crossings import order_layers
from wherefrom.web.lineage.heights import Pull, tops_of
from wherefrom.web.lineage.ranks import ranks_of

GAP: Final = 14  # left free between two boxes of a column
LANE: Final = 8  # and on either side of a line that passes one

# How much a line between two boxes, to a lane, and within its lanes wants to be level.
_BETWEEN: Final = 1
_TO_LANE: Final = 2
_IN_LANE: Final = 8


class Arc(NamedTuple):
    """A line from a cause to its effect, both numbers of boxes.

    cause_port   how far below the cause's top it leaves; ``effect_port`` likewise
    trunk        lines of one cause and trunk may share lanes
    """

    cause: int
    effect: int
    cause_port: int = 0
    effect_port: int = 0
    trunk: int = 0


class Layout(NamedTuple):
    """Where everything is.

    columns  of each box; an arc's ends are in different ones, but for what was added later
    tops     of each box
    heights  of each box, as given; ``arcs`` as given
    lanes    of each arc: its height in each column between its ends, from the left one on
    """

    columns: list[int]
    tops: list[int]
    heights: list[int]
    arcs: list[Arc]
    lanes: list[tuple[int, ...]]


def lay_out(heights: Sequence[int], arcs: Sequence[Arc]) -> Layout:
    """A layout of boxes with these ``heights``.

    The first box is where a reader begins. Arcs from a box to itself are not drawn, and have no
    lanes.
    """
    # 1. Columns.
    ranks = ranks_of(len(heights), [(arc.cause, arc.effect) for arc in arcs])
    # 2. Items: boxes, then a lane in each column that an arc passes.
    items = _Items(heights, ranks)
    passed = [items.pass_through(arc) for arc in arcs]
    # 3. Orders, 4. heights.
    layers: list[list[int]] = [[] for _ in range(max(items.ranks, default=-1) + 1)]
    for item, rank in enumerate(items.ranks):
        layers[rank].append(item)
    lefts = [[to for to, _, _ in pulls] for pulls in items.lefts]
    rights = [[to for to, _, _ in pulls] for pulls in items.rights]
    layers = order_layers(layers, lefts, rights)
    tops = tops_of(layers, items.sizes, items.gaps, items.lefts, items.rights)
    # 5. Lanes.
    lanes = [tuple(tops[item] for item in way) for way in passed]
    boxes = len(heights)
    return Layout(ranks, tops[:boxes], list(heights), list(arcs), lanes)


class _Items:
    """Boxes and lanes alike: what stands in columns."""

    def __init__(self, heights: Sequence[int], ranks: Sequence[int]) -> None:
        self.ranks = list(ranks)
        self.sizes = list(heights)
        self.gaps = [GAP] * len(heights)
        self.lefts: list[list[Pull]] = [[] for _ in heights]
        self.rights: list[list[Pull]] = [[] for _ in heights]
        self._trunks: dict[tuple[int, int, int], list[int]] = {}
        self._joined: set[tuple[int, int, int]] = set()

    def pass_through(self, arc: Arc) -> list[int]:
        """The lanes of an arc, left to right; made where its trunk has none yet."""
        if arc.cause == arc.effect:
            return []
        left, right = (arc.cause, arc.cause_port), (arc.effect, arc.effect_port)
        if self.ranks[arc.cause] > self.ranks[arc.effect]:
            left, right = right, left
        # A line against the grain runs alone: its trunk would branch the wrong way.
        trunk = (arc.cause, arc.trunk, -1 if left[0] == arc.cause else arc.effect)
        lanes = self._trunks.setdefault(trunk, [])
        first = self.ranks[left[0]] + 1
        wanted = self.ranks[right[0]] - first
        while len(lanes) < wanted:
            lanes.append(self._lane(first + len(lanes)))
            if len(lanes) > 1:
                self._join(lanes[-2], lanes[-1], 0, _IN_LANE)
            else:
                self._join(left[0], lanes[0], left[1], _TO_LANE)
        way = lanes[:wanted]
        if way:
            self._join(way[-1], right[0], -right[1], _TO_LANE)
        else:
            self._join(left[0], right[0], left[1] - right[1], _BETWEEN)
        return way

    def _lane(self, rank: int) -> int:
        self.ranks.append(rank)
        self.sizes.append(0)
        self.gaps.append(LANE)
        self.lefts.append([])
        self.rights.append([])
        return len(self.ranks) - 1

    def _join(self, left: int, right: int, apart: int, weight: int) -> None:
        """Neighbours pull at each other: level is where right's top is left's plus ``apart``."""
        if (left, right, apart) not in self._joined:
            self._joined.add((left, right, apart))
            self.rights[left].append((right, -apart, weight))
            self.lefts[right].append((left, apart, weight))
