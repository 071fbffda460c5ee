"""The bounded walk that traces and paths are made of: level by level, by number.

    starts ──alternates──► level 0 ──one question for all──► level 1 ──► … ──► a bound
                              └ describes is followed from here only

What a walk follows: every relation from effect to cause (``up``), or against it (``down``), and
``alternate`` both ways at no cost. Two exceptions keep answers to what was asked:

* ``describes`` is followed only from what was asked for: an attestation leads to its subjects,
  but a subject never leads through its attestation to the 112 others.
* going up from an image, the index that contains it is entered (what made the index made the
  image), but not the index's other platforms.

A level is one statement for each 500 nodes. Measured against a recursive query on the same file
in docs/decisions/0004-graph-in-sqlite.md.

Sizes:  depth_max, nodes_max and seconds_max bound every walk; reaching one is always said
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Final

import msgspec

from wherefrom.views.graph import Lens, Snapshot, Step
from wherefrom.views.graph.lens import CHUNK
from wherefrom.views.graph.schema import ALTERNATE, CONTAINS, DESCRIBES

DEPTH_MAX: Final = 20
NODES_MAX: Final = 5_000
SECONDS_MAX: Final = 5.0
# Edges may outnumber nodes, but an answer is bounded in both.
EDGES_PER_NODE: Final = 4


class Bounds(msgspec.Struct, frozen=True, kw_only=True):
    """Where a walk ends at the latest."""

    depth_max: int = DEPTH_MAX
    nodes_max: int = NODES_MAX
    seconds_max: float = SECONDS_MAX

    def __post_init__(self) -> None:
        if self.depth_max < 0 or self.nodes_max < 1 or self.seconds_max <= 0:
            raise ValueError(f"bounds that no walk can keep: {self}")


class Walk:
    """One walk in one direction. ``expand`` takes it a level further.

    starts      the nodes asked for
    depths      node → level at which it was first reached
    edges       (effect, relation, cause) → its step and the level it was found from
    frontier    the nodes of the last level
    unexpanded  nodes that lead further than a bound allowed
    reason      that bound: ``depth``, ``nodes``, ``time``; None if all was seen
    """

    def __init__(
        self,
        snapshot: Snapshot,
        lens: Lens,
        starts: Iterable[int],
        *,
        up: bool,
        bounds: Bounds,
        deadline: float | None = None,
    ) -> None:
        self._snapshot = snapshot
        self._lens = lens
        self._up = up
        self._bounds = bounds
        self._deadline = time.monotonic() + bounds.seconds_max if deadline is None else deadline
        self.depths: dict[int, int] = {}
        self.edges: dict[tuple[int, int, int], tuple[Step, int]] = {}
        self.frontier: list[int] = []
        self._parts_of: set[int] = set()  # wholes entered from a part: not left to other parts
        self.unexpanded: set[int] = set()
        self.reason: str | None = None
        self.level = 0
        self.starts = frozenset(starts)
        for start in sorted(self.starts):
            self._reach(start)
        self._close_alternates(self.frontier)

    def enter_wholes(self, steps: Iterable[Step]) -> None:
        """Add indexes that contain a start: what made the whole made the part."""
        wholes = []
        for step in steps:
            if step.effect in self.depths or self._reach(step.effect):
                self._note(step)
                wholes.append(step.effect)
        before = set(self.depths)
        self._close_alternates(wholes)
        self._parts_of.update(wholes, self.depths.keys() - before)

    def expand(self) -> bool:
        """Go one level further. False if there is nothing further, or a bound was reached."""
        if self.reason is not None or not self.frontier:
            return False
        level, self.frontier = self.frontier, []
        self.level += 1
        self._follow(level, beyond=False)
        return bool(self.frontier)

    def run(self) -> None:
        """Walk until nothing is left or a bound is reached; then say what lies beyond."""
        while self.level < self._bounds.depth_max and self.expand():
            pass
        if self.reason is None and self.frontier:
            # At the depth bound: only nodes that lead to something unseen are a frontier.
            level, self.frontier = self.frontier, []
            self.level += 1
            self._follow(level, beyond=True)
            self.level -= 1
            if self.unexpanded:
                self.reason = self.reason or "depth"
        self.unexpanded.update(self.frontier)

    def _follow(self, level: list[int], *, beyond: bool) -> None:
        """Take every edge of ``level``; what is another name of a node in it joins it.

        beyond  note what leads to unseen nodes instead of going there
        """
        onward: list[tuple[int, int, Step]] = []
        # 1. Alternates first: whatever they add belongs to the level that is being left.
        while level:
            same: list[int] = []
            for here, there, step in self._steps(level):
                if step.relation != ALTERNATE:
                    onward.append((here, there, step))
                    continue
                if there not in self.depths:
                    if not self._reach(there, free=True):
                        self.unexpanded.add(here)
                        continue
                    same.append(there)
                self._note(step)
            if self.reason is not None:
                self.unexpanded.update(same)
                break
            level = same
        # 2. Then the next level.
        for here, there, step in onward:
            if there in self.depths or (not beyond and self._reach(there)):
                self._note(step)
            else:
                self.unexpanded.add(here)

    def _steps(self, level: list[int]) -> list[tuple[int, int, Step]]:
        """(from, to, step) of every edge to follow from ``level``, within the bounds."""
        never = None if self.level <= 1 and self._up else DESCRIBES
        rows_max = self._rows_max()
        found: list[Step] = []
        for start in range(0, len(level), CHUNK):
            if time.monotonic() > self._deadline:
                self._stop("time", level[start:])
                break
            chunk = level[start : start + CHUNK]
            found += self._snapshot.walk_steps(
                chunk, self._lens, up=self._up, never=never, rows_max=rows_max - len(found)
            )
            if len(found) >= rows_max:
                self._stop("nodes", level[start:])
                break
        ways = []
        inside = set(level)
        for step in found:
            here, there = (step.effect, step.cause) if self._up else (step.cause, step.effect)
            if step.relation == ALTERNATE and here not in inside:
                here, there = there, here
            if step.relation == CONTAINS and self._up and here in self._parts_of:
                continue
            ways.append((here, there, step))
        return ways

    def _rows_max(self) -> int:
        return max(0, self._bounds.nodes_max * EDGES_PER_NODE - len(self.edges)) + 1

    def _reach(self, node: int, *, free: bool = False) -> bool:
        """Add a node; one that is ``free`` belongs to the level that is being left."""
        if len(self.depths) >= self._bounds.nodes_max:
            self.reason = self.reason or "nodes"
            return False
        self.depths[node] = self.level - 1 if free else self.level
        if not free:
            self.frontier.append(node)
        return True

    def _note(self, step: Step) -> None:
        self.edges.setdefault((step.effect, step.relation, step.cause), (step, self.level))

    def _stop(self, reason: str, level: list[int]) -> None:
        self.reason = self.reason or reason
        self.unexpanded.update(level)

    def _close_alternates(self, nodes: list[int]) -> None:
        """Add to level 0 whatever is another name of something in it, both ways."""
        todo = list(nodes)
        while todo and self.reason is None:
            if time.monotonic() > self._deadline:
                self._stop("time", todo)
                return
            fresh: list[int] = []
            for up in (True, False):
                rows_max = self._rows_max()
                steps = self._snapshot.steps(
                    todo, self._lens, up=up, only=ALTERNATE, rows_max=rows_max
                )
                if len(steps) >= rows_max:
                    self._stop("nodes", todo)
                for step in steps:
                    there = step.cause if up else step.effect
                    if there not in self.depths:
                        if not self._reach(there):
                            self.unexpanded.add(step.effect if up else step.cause)
                            continue
                        fresh.append(there)
                    self._note(step)
            todo = fresh
