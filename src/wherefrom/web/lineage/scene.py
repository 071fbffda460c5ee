"""What traces say, as things and links to draw: filters applied, documents counted. Pure.

    traces ──add──► things, links ──relations, trust──► fewer links ──kinds──► hidden things become
                                                        dashed lines between those that are shown

A document that describes a thing is no step of its history: it is a number on the thing. Where the
document itself was asked for, it is a thing like others.

Sizes:  BRIDGE_STEPS_MAX steps through hidden things; past them, lines may be missing, and ``notes``
        say so
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable
from typing import Any, Final, NamedTuple

import msgspec

from wherefrom.formats.facts import RELATIONS
from wherefrom.query.answers import Path, Trace, TraceEdge
from wherefrom.web.lineage.filters import TRUST, Filters

BRIDGE_STEPS_MAX: Final = 50_000
ALTERNATE: Final = "alternate"
# What stands where a link passes through things that a filter hides.
THROUGH: Final = "through"
# Levels that nobody but the sender vouches for.
UNPROVEN: Final = frozenset({"channel"})

_PLACES: Final = {relation: place for place, relation in enumerate([*RELATIONS, THROUGH])}

# Which way from a thing: to what it came from, or to what came of it.
CAUSES, EFFECTS = "causes", "effects"


class Thing(msgspec.Struct, kw_only=True):
    """A thing that may be drawn.

    documents  how many records that describe it the traces show
    missing    what no record says of it, in words, by the relation that is missing
    beyond     the ways in which more may come: CAUSES, EFFECTS
    """

    id: str
    kind: str
    name: str | None
    documents: int = 0
    missing: dict[str, str] = {}
    beyond: list[str] = []


class Link(msgspec.Struct, frozen=True, kw_only=True):
    """``effect`` relates to ``cause``, as ``entry`` says; THROUGH hidden things no entry does.

    entries  how many records say so; ``more`` than are counted
    hidden   how many things it passes
    """

    effect: str
    cause: str
    relation: str
    trust: str
    entry: int | None
    entries: int = 1
    more: bool = False
    signers: tuple[str, ...] = ()
    log: str = ""
    hidden: int = 0

    @property
    def key(self) -> tuple[str, str, str]:
        """What makes it one link."""
        return (self.effect, self.relation, self.cause)

    @property
    def proven(self) -> bool:
        """Whether somebody's signature vouches for it."""
        return self.trust not in UNPROVEN and not self.hidden


class Step(NamedTuple):
    """From a thing: which way, by which link, to which other thing."""

    way: str
    link: Link
    other: str


class Scene:
    """Things and links, as far as filters let them through. ``add`` adds; nothing goes away.

    starts     ids of what was asked for
    kept       ids that no filter by kind hides: these, and those on a way that is lit
    relations  how many links there are of each, whatever the filters
    """

    def __init__(self, filters: Filters) -> None:
        self._filters = filters
        self._trust_min = TRUST.index(filters.trust)
        self.starts: list[str] = []
        self.kept: set[str] = set()
        self.things: dict[str, Thing] = {}
        self.relations: Counter[str] = Counter()
        self.left_out = 0
        self.notes: list[str] = []
        self._followed: set[tuple[str, str]] = set()
        self._seen: set[tuple[str, str, str]] = set()
        self._all: dict[tuple[str, str, str], Link] = {}
        self._links: list[Link] | None = None
        self._steps: dict[str, list[Step]] = {}
        self._documents: set[tuple[str, str]] = set()

    def add(self, answer: Trace | Path) -> None:
        """Take in what a trace found, or a way: no filter leaves out any of that."""
        walked = [edge for edge in answer.edges if not edge.annotation]
        drawn = {e.source for e in walked} | {e.target for e in walked}
        if isinstance(answer, Path):
            drawn.update(node.id for node in answer.nodes)
            self.kept.update(drawn)
        else:
            drawn.update(answer.starts)
        for node in answer.nodes:
            if node.id in drawn and node.id not in self.things:
                self.things[node.id] = Thing(id=node.id, kind=node.kind, name=node.name)
        for edge in walked:
            key = (edge.source, edge.relation, edge.target)
            fresh = key not in self._seen
            self._seen.add(key)
            self.relations[edge.relation] += fresh
            if isinstance(answer, Path) or self._let_through(edge):
                self._take(edge)
            else:
                self.left_out += fresh
        self._count_documents(answer.edges)
        for gap in answer.gaps:
            # That nothing came of a thing is no gap in where it came from.
            if (thing := self.things.get(gap.node)) and gap.missing != "effects":
                thing.missing = {**thing.missing, gap.missing: gap.says}
        if isinstance(answer, Trace):
            self._lead_on(answer)
        self._links = None
        self._steps = {}

    def links(self) -> list[Link]:
        """All that may be drawn, in no order that means anything, but always the same."""
        if self._links is None:
            links = list(self._all.values())
            self._links = self._bridged(links) if self._filters.kinds else links
        return self._links

    def steps(self, id: str) -> list[Step]:
        """The ways on from a thing, causes first, then by relation, kind and what is called."""
        if not self._steps:
            for link in self.links():
                self._steps.setdefault(link.effect, []).append(Step(CAUSES, link, link.cause))
                self._steps.setdefault(link.cause, []).append(Step(EFFECTS, link, link.effect))
            for steps in self._steps.values():
                steps.sort(key=self._order)
        return self._steps.get(id, [])

    def only_name(self, id: str) -> bool:
        """Whether all that is said of a thing is that it is another one's name."""
        if id in self.kept:
            return False
        return all(step.link.relation == ALTERNATE for step in self.steps(id))

    def names_of(self, id: str) -> list[Link]:
        """The links from a thing to other names of it that lead nowhere."""
        return [
            step.link
            for step in self.steps(id)
            if step.link.relation == ALTERNATE and self.only_name(step.other)
        ]

    def hidden(self, id: str) -> bool:
        """Whether a filter by kind hides a thing."""
        kinds = self._filters.kinds
        return bool(kinds) and self.things[id].kind not in kinds and id not in self.kept

    def _order(self, step: Step) -> Any:
        other = self.things[step.other]
        return (
            step.way, _PLACES[step.link.relation], other.kind, other.name or "", other.id
        )  # fmt: skip

    def _let_through(self, edge: TraceEdge) -> bool:
        relations = self._filters.relations
        believed = TRUST.index(edge.trust) >= self._trust_min
        return believed and (not relations or edge.relation in relations)

    def _take(self, edge: TraceEdge) -> None:
        link = Link(
            effect=edge.source,
            cause=edge.target,
            relation=edge.relation,
            trust=edge.trust,
            entry=edge.entry,
            entries=len(edge.entries),
            more=edge.more,
            signers=edge.signers,
            log=edge.log,
        )
        self._all.setdefault(link.key, link)

    def _count_documents(self, edges: Iterable[TraceEdge]) -> None:
        for edge in edges:
            pair = (edge.source, edge.target)
            if edge.annotation and edge.target in self.things and pair not in self._documents:
                self._documents.add(pair)
                self.things[edge.target].documents += 1

    def _lead_on(self, trace: Trace) -> None:
        """Note what leads further, and that what was traced no longer does."""
        way = CAUSES if trace.direction == "up" else EFFECTS
        further = set(trace.frontier)
        for node in trace.nodes:
            thing = self.things.get(node.id)
            if thing is None:
                continue
            if node.id not in further:
                self._followed.add((node.id, way))
            beyond = dict.fromkeys([*thing.beyond, way])
            thing.beyond = [way for way in beyond if (node.id, way) not in self._followed]

    def _bridged(self, links: Collection[Link]) -> list[Link]:
        """The links between things that are shown; chains of hidden ones become one each."""
        onward: dict[str, list[Link]] = {}
        for link in links:
            onward.setdefault(link.effect, []).append(link)
        found: dict[tuple[str, str, str], Link] = {}
        direct = {(link.effect, link.cause) for link in links}
        steps = 0
        for id in self.things:
            if self.hidden(id):
                continue
            # Hidden things on the way, nearest first: (thing, how many were passed, how weak).
            passed: set[str] = set()
            todo = [(id, 0, len(TRUST) - 1)]
            for here, count, weakest in todo:  # grows while it is read
                for link in onward.get(here, ()):
                    steps += 1
                    trust = min(weakest, TRUST.index(link.trust))
                    if self.hidden(link.cause):
                        if link.cause not in passed:
                            passed.add(link.cause)
                            todo.append((link.cause, count + 1, trust))
                    elif not count:
                        found.setdefault(link.key, link)
                    elif link.cause != id and (id, link.cause) not in direct:
                        through = Link(
                            effect=id, cause=link.cause, relation=THROUGH, trust=TRUST[trust],
                            entry=None, hidden=count,
                        )  # fmt: skip
                        found.setdefault(through.key, through)
                if steps > BRIDGE_STEPS_MAX:
                    said = "too much is hidden to find every link through it: choose more kinds"
                    self.notes = [*self.notes, said] if said not in self.notes else self.notes
                    return list(found.values())
        return list(found.values())
