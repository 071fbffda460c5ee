"""How is this related to that? The shortest way from one to the other, along the arrows.

    a ──up──►  ·  ·  ◄──down── b        b is where a came from
    b ──up──►  ·  ·  ◄──down── a        b came of a

Both ends walk towards each other, the smaller frontier first, each with the walk of ``trace``.
After every level the sides are compared: levels are complete, so the first meeting with the
smallest sum is the shortest way. Alternates cost nothing.

Sizes:  depth_max edges on the way, nodes_max nodes seen for each direction
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Final, NamedTuple

from wherefrom.formats import timestamps
from wherefrom.query.answers import FRONTIER_MAX, Path, TraceEdge, erased_in, log_of
from wherefrom.query.evidence import Walked, gather
from wherefrom.query.trace import starts_of
from wherefrom.query.walk import NODES_MAX, SECONDS_MAX, Bounds, Walk
from wherefrom.views.graph import Lens, Snapshot, Step
from wherefrom.views.graph.schema import ALTERNATE

PATH_LENGTH_MAX: Final = 40


class _Steps(NamedTuple):
    """Nodes from the effect's side to the cause's, the steps between them, edges that count."""

    nodes: list[int]
    steps: list[Step]
    length: int


class _Searched(NamedTuple):
    way: _Steps | None
    explored: int
    reason: str | None
    frontier: list[int]


def path(
    snapshot: Snapshot,
    a: str | Sequence[str],
    b: str | Sequence[str],
    *,
    at: str | None = None,
    as_of: int | None = None,
    length_max: int = PATH_LENGTH_MAX,
    nodes_max: int = NODES_MAX,
    seconds_max: float = SECONDS_MAX,
) -> Path:
    """The shortest way between ``a`` and ``b``, whichever way the arrows point.

    a, b  node ids, from ``resolve``; several are one thing under several names

    No way is an answer: ``direction`` is None, and ``explored`` and ``truncated`` say how far
    was looked. Raises NotFound for an end that is not there under this lens.
    """
    lens = snapshot.lens(
        as_of=as_of, at=None if at is None else timestamps.canonical(at, where="at")
    )
    ends = [[x] if isinstance(x, str) else list(x) for x in (a, b)]
    from_a, from_b = (starts_of(snapshot, end, lens) for end in ends)
    bounds = Bounds(depth_max=length_max, nodes_max=nodes_max, seconds_max=seconds_max)
    met = meet(snapshot, lens, from_a, from_b, bounds=bounds)
    return _answer(snapshot, lens, ends[0][0], ends[1][0], met)


class Met(NamedTuple):
    """Where two walks met, by number; ``direction`` is None if they did not."""

    direction: str | None
    way: _Steps | None
    explored: int
    reason: str | None
    frontier: list[int]


def meet(
    snapshot: Snapshot, lens: Lens, from_a: list[int], from_b: list[int], *, bounds: Bounds
) -> Met:
    """The shortest way between nodes ``from_a`` and ``from_b``, whichever way the arrows point."""
    deadline = time.monotonic() + bounds.seconds_max
    up = _search(snapshot, lens, from_a, from_b, bounds, deadline)
    down = _search(snapshot, lens, from_b, from_a, bounds, deadline)
    explored = up.explored + down.explored
    if up.way and (down.way is None or up.way.length <= down.way.length):
        return Met("up", up.way, explored, None, [])
    if down.way:
        way = _Steps(down.way.nodes[::-1], down.way.steps[::-1], down.way.length)
        return Met("down", way, explored, None, [])
    frontier = (up.frontier + down.frontier)[:FRONTIER_MAX]
    return Met(None, None, explored, up.reason or down.reason, frontier)


def _search(
    snapshot: Snapshot,
    lens: Lens,
    effects: list[int],
    causes: list[int],
    bounds: Bounds,
    deadline: float,
) -> _Searched:
    """The shortest way from ``effects`` up to ``causes``."""
    lower = Walk(snapshot, lens, effects, up=True, bounds=bounds, deadline=deadline)
    upper = Walk(snapshot, lens, causes, up=False, bounds=bounds, deadline=deadline)
    while True:
        if met := _meeting(lower, upper):
            way = _join(_backwards(lower, met, up=True), _backwards(upper, met, up=False))
            return _Searched(way, len(lower.depths) + len(upper.depths), None, [])
        reason = lower.reason or upper.reason
        if lower.level + upper.level >= bounds.depth_max:
            reason = reason or ("depth" if lower.frontier and upper.frontier else None)
        # The lower side goes first: only it follows what a document describes.
        side = lower
        if lower.level and len(upper.frontier) < len(lower.frontier):
            side = upper
        if reason or not side.frontier:
            explored = len(lower.depths) + len(upper.depths)
            on = lower.unexpanded | upper.unexpanded | {*lower.frontier, *upper.frontier}
            return _Searched(None, explored, reason, sorted(on) if reason else [])
        side.expand()


def _meeting(lower: Walk, upper: Walk) -> int | None:
    small, large = sorted((lower.depths, upper.depths), key=len)
    met = [n for n in small if n in large]
    return min(met, key=lambda n: (lower.depths[n] + upper.depths[n], n), default=None)


def _backwards(walk: Walk, end: int, *, up: bool) -> _Steps:
    """The way from a start of ``walk`` to ``end``, by steps that lose a level or none."""
    into: dict[int, list[tuple[int, Step]]] = {}
    for step, _ in walk.edges.values():
        here, there = (step.effect, step.cause) if up else (step.cause, step.effect)
        into.setdefault(there, []).append((here, step))
        if step.relation == ALTERNATE:
            into.setdefault(here, []).append((there, step))
    came: dict[int, tuple[int, Step]] = {}
    seen, todo = {end}, [end]
    starts = walk.starts
    while todo:
        node = todo.pop(0)
        if node in starts:
            nodes, steps = [node], []
            while node != end:
                node, step = came[node]
                nodes.append(node)
                steps.append(step)
            return _Steps(nodes, steps, walk.depths[end])
        for here, step in into.get(node, ()):
            free = step.relation == ALTERNATE and walk.depths[here] == walk.depths[node]
            if here not in seen and (free or walk.depths[here] == walk.depths[node] - 1):
                seen.add(here)
                came[here] = (node, step)
                todo.append(here)
    raise AssertionError("a reached node has a way back")


def _join(below: _Steps, above: _Steps) -> _Steps:
    """One way of two that meet; what both take by alternates, there and back, is cut out."""
    nodes = below.nodes[:1]
    steps: list[Step] = []
    onward = below.nodes[1:] + above.nodes[::-1][1:]
    for node, step in zip(onward, below.steps + above.steps[::-1], strict=True):
        if node in nodes:
            place = nodes.index(node)
            del nodes[place + 1 :], steps[place:]
        else:
            nodes.append(node)
            steps.append(step)
    return _Steps(nodes, steps, below.length + above.length)


def _answer(snapshot: Snapshot, lens: Lens, a: str, b: str, met: Met) -> Path:
    way = met.way
    nodes: list[int] = way.nodes if way else []
    steps: list[Step] = way.steps if way else []
    walked = [Walked(step, place) for place, step in enumerate(steps)]
    evidence = gather(snapshot, lens, nodes, walked)
    places = {number: place for place, number in enumerate(nodes)}
    note = f"no way along the arrows in either direction; {met.explored} nodes looked at"
    if met.reason:
        note += f", then the bound on {met.reason} was reached"
    return Path(
        of=a,
        a=a,
        b=b,
        direction=met.direction,
        length=way.length if way else None,
        explored=met.explored,
        log=log_of(snapshot),
        as_of=lens.as_of,
        at=lens.at,
        nodes=evidence.nodes(places),
        edges=_by_place(evidence.edges),
        gaps=[],
        erased=erased_in(snapshot, lens),
        truncated=met.reason is not None,
        reason=met.reason,
        frontier=sorted(snapshot.ids(met.frontier).values()),
        notes=[] if way else [note],
    )


def _by_place(edges: list[TraceEdge]) -> list[TraceEdge]:
    return sorted(edges, key=lambda e: e.depth)
