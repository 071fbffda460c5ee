"""A trace as a tree: each edge once, in reading order, for whoever draws it.

    sha256:7d…  kubectl                       depth 0
    ├─ generated_by ─ build                         1
    │  ├─ used ─ gitCommit:5f…                      2
    │  └─ associated_with ─ builder                 2
    └─ described by ─ attestation                   1  (annotation)

A graph is not a tree: a node met again is shown with ``again`` and not opened twice. Nodes that
no shown edge reaches (a filter by kind took the way) follow as roots of their own.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

from wherefrom.formats.facts import RELATIONS
from wherefrom.query.answers import Trace, TraceEdge, TraceNode

_ORDER: Final = {relation: place for place, relation in enumerate(RELATIONS)}


class Branch(NamedTuple):
    """One line of a tree.

    depth     0 for what was asked for
    edge      how it hangs on the line above; None for a root
    backwards the edge points up the tree: this node is its effect when going up
    again     opened elsewhere
    last      the last of its siblings
    """

    depth: int
    node: TraceNode
    edge: TraceEdge | None
    backwards: bool
    again: bool
    last: bool


def branches(trace: Trace) -> Iterator[Branch]:
    """The lines of the tree, top to bottom."""
    nodes = {node.id: node for node in trace.nodes}
    hanging = _hanging(trace)
    opened: set[str] = set()
    roots = [i for i in trace.starts if i in nodes]
    roots += [node.id for node in trace.nodes if node.id not in set(roots)]
    for root in roots:
        if root in opened:
            continue
        # depth, node, edge, whether it is the last of its siblings
        stack: list[tuple[int, str, TraceEdge | None, bool]] = [(0, root, None, True)]
        while stack:
            depth, id, edge, last = stack.pop()
            again = id in opened
            opened.add(id)
            backwards = edge is not None and (edge.source == id) == (trace.direction == "up")
            yield Branch(depth, nodes[id], edge, backwards, again, last)
            if again:
                continue
            came_by = None if edge is None else (edge.source, edge.relation, edge.target)
            below = [(e, n) for e, n in hanging.get(id, ()) if _key(e) != came_by]
            for place, (next_edge, next_id) in enumerate(reversed(below)):
                stack.append((depth + 1, next_id, next_edge, place == 0))


def _key(edge: TraceEdge) -> tuple[str, str, str]:
    return (edge.source, edge.relation, edge.target)


def _hanging(trace: Trace) -> dict[str, list[tuple[TraceEdge, str]]]:
    """Under each node: its edges in the walk's direction, alternates and wholes both ways."""
    starts = set(trace.starts)
    hanging: dict[str, list[tuple[TraceEdge, str]]] = {}
    for edge in trace.edges:
        effect, cause = edge.source, edge.target
        upper, lower = (effect, cause) if trace.direction == "up" else (cause, effect)
        whole = edge.relation == "contains" and trace.direction == "up" and cause in starts
        if edge.annotation or whole:
            upper, lower = cause, effect
        hanging.setdefault(upper, []).append((edge, lower))
        if edge.relation == "alternate":
            hanging.setdefault(lower, []).append((edge, upper))
    for below in hanging.values():
        below.sort(key=lambda pair: (pair[0].annotation, _ORDER[pair[0].relation], pair[1]))
    return hanging
