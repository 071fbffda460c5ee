"""Links that ought to be there and are not: few, and only where their absence means something.

    what was asked for, and every image and model: nothing says what made it
    every build:                                    no inputs, no builder
    what was asked for, going down:                 nothing is recorded that came of it

A node that a bound kept from being followed is never a gap, nor is a source: commits and
repositories are where provenance begins.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Final

from wherefrom.query.answers import MissingLink, TraceEdge, TraceNode

GAPS_MAX: Final = 100

_MADE: Final = frozenset({"artifact", "image", "dataset_version", "model"})
_MADE_ANYWHERE: Final = frozenset({"image", "model"})
_ORIGINS: Final = frozenset({"generated_by", "derived_from"})


def missing_links(
    nodes: Collection[TraceNode],
    edges: Collection[TraceEdge],
    *,
    starts: Collection[str],
    unexpanded: Collection[str],
    up: bool,
) -> list[MissingLink]:
    """The gaps of a trace, GAPS_MAX at most.

    nodes, edges  the whole walk, annotations too
    unexpanded    ids that were not followed to the end
    """
    same = _same_things(nodes, edges)
    outgoing: dict[str, set[str]] = {}
    for edge in edges:
        outgoing.setdefault(same[edge.source], set()).add(edge.relation)
        if edge.relation == "contains" and edge.target in starts and up:
            # A platform image is made by what made its index.
            outgoing.setdefault(same[edge.target], set()).add("part")
    found: dict[tuple[str, str], MissingLink] = {}
    for node in nodes:
        group = same[node.id]
        if node.id in unexpanded:
            continue
        for missing, says in (
            _up_gaps(node, outgoing.get(group, set()), node.id in starts)
            if up
            else _down_gaps(node, edges, starts)
        ):
            found.setdefault(
                (group, missing), MissingLink(node=node.id, missing=missing, says=says)
            )
    return list(found.values())[:GAPS_MAX]


def _up_gaps(node: TraceNode, has: set[str], is_start: bool) -> list[tuple[str, str]]:
    gaps = []
    makes_sense = node.kind in (_MADE if is_start else _MADE_ANYWHERE)
    if makes_sense and not has & _ORIGINS and "part" not in has:
        gaps.append(("generated_by", f"no record says what made this {node.kind}"))
    if node.kind == "build" and "used" not in has:
        gaps.append(("used", "no record says what this build used"))
    if node.kind == "build" and "associated_with" not in has:
        gaps.append(("associated_with", "no record says what ran this build"))
    return gaps


def _down_gaps(
    node: TraceNode, edges: Collection[TraceEdge], starts: Collection[str]
) -> list[tuple[str, str]]:
    if node.id not in starts or any(not e.annotation and e.relation != "alternate" for e in edges):
        return []
    return [("effects", "no record says that anything came of this")]


def _same_things(nodes: Collection[TraceNode], edges: Collection[TraceEdge]) -> Mapping[str, str]:
    """Each id → one id for it and all its alternates."""
    parent = {node.id: node.id for node in nodes}
    if not any(edge.relation == "alternate" for edge in edges):
        return parent

    def root(id: str) -> str:
        while parent[id] != id:
            parent[id] = parent[parent[id]]
            id = parent[id]
        return id

    for edge in edges:
        if edge.relation == "alternate":
            a, b = root(edge.source), root(edge.target)
            parent[max(a, b)] = min(a, b)
    return {id: root(id) for id in parent}
