"""One trace over several logs: whose word each edge is, and what a log alone could not explain.

    own answer ──ids──► every other log that knows one of them ──its answer──► new ids ──► …
                                                          until nobody knows more, or a bound

Logs are joined by canonical ids, and by nothing else: what two logs call by one id is one thing.
Every edge, and every node that only another log describes, says whose word it is; what is our own
says nothing, so that a log that follows nobody answers as ever. Another's trust is its own
judgement, under its own keys.

Cross-domain completeness is what it comes to: of the links that are missing in our own answer, how
many the others have.

Sizes:  ROUNDS_MAX rounds · NODES_MAX nodes in all
Source: docs/decisions/0023-federation.md
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from functools import partial
from typing import TYPE_CHECKING, Final

import msgspec

from wherefrom.errors import NotFound
from wherefrom.query.answers import Completeness, FollowedLog, Trace, TraceEdge, TraceNode
from wherefrom.query.evidence import in_order
from wherefrom.query.gaps import missing_links
from wherefrom.query.others import Other, ask_all, first_heard, troubles
from wherefrom.query.walk import NODES_MAX

if TYPE_CHECKING:
    from wherefrom.query.desk import Desk, TraceOptions

ROUNDS_MAX: Final = 16


class _Answers:
    """What was heard so far."""

    def __init__(self, starts: Sequence[str]) -> None:
        self.starts = list(starts)
        self.nodes: dict[str, TraceNode] = {}
        self.edges: dict[tuple[str, str, str, str], TraceEdge] = {}
        self.walked: set[str] = set(starts)
        self.unexpanded: set[str] = set()
        self.reason: str | None = None

    def take(self, answer: Trace, origin: str) -> int:
        """Take an answer in; how many of its edges are new. ``origin`` is empty of our own."""
        aside = {n for e in answer.edges if e.annotation for n in (e.source, e.target)}
        onward = {n for e in answer.edges if not e.annotation for n in (e.source, e.target)}
        for node in answer.nodes:
            held = self.nodes.get(node.id)
            if held is None or (held.log and not origin):  # our own word before theirs
                self.nodes[node.id] = msgspec.structs.replace(node, log=origin) if origin else node
            if node.id in onward or node.id not in aside:
                self.walked.add(node.id)
        new = 0
        for edge in answer.edges:
            key = (edge.source, edge.relation, edge.target, origin)
            if key not in self.edges:
                new += 1
                self.edges[key] = msgspec.structs.replace(edge, log=origin) if origin else edge
        self.unexpanded.update(answer.frontier)
        self.reason = self.reason or answer.reason
        return new


def trace_across(
    text: str, options: TraceOptions, own: Callable[[], Trace], others: Sequence[Other], desk: Desk
) -> Trace:
    """The trace of ``own``, and what the others know of the things in it.

    Raises what ``own`` raises, if no other log knows the thing either.
    """
    told, asked = ask_all(others)
    everything = msgspec.structs.replace(options, kinds=(), as_of=None)
    # Of whom was already asked what: no id is asked for twice.
    seen: dict[str, set[str]] = {}
    answer: Trace | None = None
    try:
        answer = own()
        heard = _Answers(answer.starts)
        heard.take(answer, "")
        seen[""] = {n.id for n in answer.nodes}
    except NotFound as error:
        known = first_heard(text, asked, lambda desk: desk.trace_here(text, everything), error)
        heard = _Answers(list(dict.fromkeys(id for _, found in known for id in found.starts)))
        for one, found in known:
            one.told.edges += heard.take(found, one.name)
            seen[one.name] = {n.id for n in found.nodes}
    for _ in range(ROUNDS_MAX):
        grown = 0
        if ids := _fresh(heard, seen, ""):
            known_here = _known_of(desk, ids, msgspec.structs.replace(options, kinds=()))
            grown += _take(heard, seen, known_here, "")
        for one in asked:
            if ids := _fresh(heard, seen, one.name):
                new = _take(
                    heard, seen, one.hear(partial(_known_of, ids=ids, options=everything)), one.name
                )
                one.told.edges += new
                grown += new
        if not grown:
            break
    return _joined(text, options, answer, heard, told, desk)


def _fresh(heard: _Answers, seen: dict[str, set[str]], name: str) -> list[str]:
    """What a log was not asked for yet; it counts as asked from now on."""
    already = seen.setdefault(name, set())
    ids = sorted(heard.walked - already) if len(heard.nodes) < NODES_MAX else []
    already.update(ids)
    return ids


def _take(heard: _Answers, seen: dict[str, set[str]], found: Trace | None, name: str) -> int:
    if found is None:
        return 0
    seen[name].update(n.id for n in found.nodes)
    return heard.take(found, name)


def _known_of(desk: Desk, ids: list[str], options: TraceOptions) -> Trace | None:
    known = desk.known(ids, as_of=options.as_of)
    return desk.trace_ids(known, options) if known else None


def _joined(
    text: str,
    options: TraceOptions,
    answer: Trace | None,
    heard: _Answers,
    told: list[FollowedLog],
    desk: Desk,
) -> Trace:
    up = options.direction == "up"
    depths = _depths(heard, up=up)
    reason = heard.reason
    if len(heard.nodes) >= NODES_MAX:
        reason = reason or "nodes"
    if options.depth is not None and any(d > options.depth for d in depths.values()):
        reason = reason or "depth"
        depths = {id: d for id, d in depths.items() if d <= options.depth}
    depths |= _beside(heard, depths)
    nodes = [
        msgspec.structs.replace(heard.nodes[id], depth=depth)
        for id, depth in sorted(depths.items(), key=lambda item: (item[1], item[0]))
        if id in heard.nodes
    ]
    edges = in_order(
        [
            msgspec.structs.replace(e, depth=max(depths[e.source], depths[e.target]))
            for e in heard.edges.values()
            if e.source in depths and e.target in depths
        ]
    )
    # What one log could not follow further another may have.
    ends = {e.source if up else e.target for e in edges}
    gaps = missing_links(
        nodes, edges, starts=heard.starts, unexpanded=heard.unexpanded - ends, up=up
    )
    own = answer.gaps if answer is not None else []
    left = {(gap.node, gap.missing) for gap in gaps}
    closed = sum((gap.node, gap.missing) not in left for gap in own)
    if options.kinds:
        shown = {n.id for n in nodes if n.kind in options.kinds} | set(heard.starts)
        nodes = [n for n in nodes if n.id in shown]
        edges = [e for e in edges if e.source in shown and e.target in shown]
    position, erased = desk.standing()
    notes = list(answer.notes) if answer is not None else ["our own log says nothing of it"]
    notes += troubles(told)
    return Trace(
        of=answer.of if answer is not None else heard.starts[0],
        starts=heard.starts,
        direction=options.direction,
        log=answer.log if answer is not None else position,
        as_of=answer.as_of if answer is not None else position.size,
        at=answer.at if answer is not None else options.at,
        nodes=nodes,
        edges=edges,
        gaps=gaps,
        erased=answer.erased if answer is not None else erased,
        truncated=reason is not None,
        reason=reason,
        frontier=sorted(heard.unexpanded & depths.keys() - ends),
        notes=notes,
        logs=told,
        completeness=Completeness(missing=len(own), closed=closed),
    )


def _depths(heard: _Answers, *, up: bool) -> dict[str, int]:
    """Edges from the starts, alternates at no cost."""
    onward: dict[str, set[str]] = {}
    same: dict[str, set[str]] = {}
    for edge in heard.edges.values():
        if edge.annotation:
            continue
        if edge.relation == "alternate":
            same.setdefault(edge.source, set()).add(edge.target)
            same.setdefault(edge.target, set()).add(edge.source)
        else:
            here, there = (edge.source, edge.target) if up else (edge.target, edge.source)
            onward.setdefault(here, set()).add(there)
            if edge.relation == "contains" and up and edge.target in heard.starts:
                onward.setdefault(edge.target, set()).add(edge.source)
    depths: dict[str, int] = {}
    level: Collection[str] = list(heard.starts)
    depth = 0
    while level:
        todo = [id for id in level if id not in depths]
        while todo:
            here = todo.pop()
            if here not in depths:
                depths[here] = depth
                todo += [other for other in same.get(here, ()) if other not in depths]
        reached = [id for id, d in depths.items() if d == depth]
        level = {there for id in reached for there in onward.get(id, ()) if there not in depths}
        depth += 1
    return depths


def _beside(heard: _Answers, depths: dict[str, int]) -> dict[str, int]:
    """Documents that describe what was walked, one further than the first that they describe."""
    found: dict[str, int] = {}
    for edge in heard.edges.values():
        if edge.annotation:
            for a, b in ((edge.source, edge.target), (edge.target, edge.source)):
                if a in depths and b not in depths:
                    found[b] = min(found.get(b, depths[a] + 1), depths[a] + 1)
    return found
