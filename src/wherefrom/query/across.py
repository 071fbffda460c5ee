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
from typing import TYPE_CHECKING, Final, NamedTuple

import msgspec

from wherefrom.errors import Error, NotFound
from wherefrom.query.answers import Completeness, OtherLog, Trace, TraceEdge, TraceNode
from wherefrom.query.evidence import in_order
from wherefrom.query.gaps import missing_links
from wherefrom.query.walk import NODES_MAX

if TYPE_CHECKING:
    from wherefrom.query.desk import Desk, TraceOptions

ROUNDS_MAX: Final = 16


class Other(NamedTuple):
    """A log that is followed, and what is wrong with it, if anything.

    desk  None if it cannot be asked at all
    """

    desk: Desk | None
    origin: str = ""
    trouble: str = ""

    @property
    def name(self) -> str:
        """Its origin."""
        return self.desk.origin if self.desk is not None else self.origin


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
            if node.id not in self.nodes:
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
    missing: NotFound | None = None
    answer: Trace | None = None
    try:
        answer = own()
    except NotFound as error:
        missing = error
    heard = _Answers(answer.starts if answer is not None else ())
    told = {other.name: _told(other) for other in others}
    if answer is not None:
        heard.take(answer, "")
    everything = msgspec.structs.replace(options, kinds=(), as_of=None)
    asked: dict[str, set[str]] = {}
    asks = [(o.name, o.desk) for o in others if o.desk is not None]
    for name, other in [] if answer is not None else asks:
        found = _heard_of(told[name], partial(other.trace_here, text, everything))
        if found is None:
            continue
        heard.starts += [id for id in found.starts if id not in heard.starts]
        told[name].edges += heard.take(found, name)
        asked[name] = {n.id for n in found.nodes}
    if not heard.starts:
        assert missing is not None
        raise missing
    if answer is not None:
        asked[""] = {n.id for n in answer.nodes}
    for _ in range(ROUNDS_MAX):
        grown = False
        for name, other in [("", desk), *asks]:
            ids = sorted(heard.walked - asked.setdefault(name, set()))
            asked[name].update(ids)
            if not ids or len(heard.nodes) >= NODES_MAX:
                continue
            wanted = everything if name else msgspec.structs.replace(options, kinds=())
            ask = partial(_known_of, other, ids, wanted)
            found = _heard_of(told[name], ask) if name else ask()
            if found is None:
                continue
            new = heard.take(found, name)
            asked[name].update(n.id for n in found.nodes)
            if name:
                told[name].edges += new
            grown = grown or new > 0
        if not grown:
            break
    return _joined(text, options, answer, heard, list(told.values()), desk)


def _known_of(desk: Desk, ids: list[str], options: TraceOptions) -> Trace | None:
    known = desk.known(ids, as_of=options.as_of)
    return desk.trace_ids(known, options) if known else None


def _heard_of(told: OtherLog, ask: Callable[[], Trace | None]) -> Trace | None:
    """What a followed log answers; whatever is wrong with it is said, and costs nobody else."""
    try:
        return ask()
    except NotFound:
        return None
    except Error as error:
        told.trouble = told.trouble or str(error)
        return None


def _told(other: Other) -> OtherLog:
    if other.desk is None:
        return OtherLog(origin=other.origin, size=0, root=None, edges=0, trouble=other.trouble)
    try:
        position = other.desk.position()
    except Error as error:
        return OtherLog(origin=other.name, size=0, root=None, edges=0, trouble=str(error))
    return OtherLog(
        origin=other.name, size=position.size, root=position.root, edges=0, trouble=other.trouble
    )


def _joined(
    text: str,
    options: TraceOptions,
    answer: Trace | None,
    heard: _Answers,
    told: list[OtherLog],
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
    position = desk.position()
    notes = list(answer.notes) if answer is not None else ["our own log says nothing of it"]
    notes += [
        f"{other.origin} is not followed now: {other.trouble}" for other in told if other.trouble
    ]
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
        erased=answer.erased if answer is not None else [],
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
