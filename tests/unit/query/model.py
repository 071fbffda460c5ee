"""A trace by hand: plain lists and sets over the records themselves, to compare answers with."""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from tests.unit.views.fakes import FakeLog, facts_of
from wherefrom.errors import Error
from wherefrom.formats import dsse, own
from wherefrom.formats.entry import LEVELS

Triple = tuple[str, str, str]


class Statement(NamedTuple):
    source: str
    relation: str
    target: str
    entry: int
    time: str


class Model:
    """What the records of a log say, read anew for every question."""

    def __init__(self, log: FakeLog, *, as_of: int | None = None, at: str | None = None) -> None:
        self.as_of = log.size if as_of is None else as_of
        self.statements: list[Statement] = []
        self.mentioned: set[str] = set()
        self.doors = [r.entry.trust.level for r in log.records]
        self.verdicts: dict[int, str] = {}
        decided = {r.index: d for r in log.records if (d := _decision(r.entry, r.content))}
        self.erased = set()
        # A tombstone that is erased itself, by any other, took its facts away all the same.
        for decision in decided.values():
            if isinstance(decision, own.Tombstone):
                self.erased.add(decision.entry)
        for record in log.records[: self.as_of]:
            if record.index in self.erased or record.content is None:
                continue
            decision = decided.get(record.index)
            if isinstance(decision, own.Verdict):
                self.verdicts[decision.entry] = decision.trust.level
            if decision is not None:
                continue
            time = record.entry.occurred or record.entry.received
            if at is not None and time > at:
                continue
            try:
                facts = facts_of(record.content)
            except Error:
                continue
            self.mentioned.update(n.id for n in facts.nodes)
            for e in facts.edges:
                self.statements.append(
                    Statement(e.source, e.relation, e.target, record.index, time)
                )

    def trust(self, entry: int) -> str:
        return self.verdicts.get(entry, self.doors[entry])

    def best(self, source: str, relation: str, target: str) -> tuple[int, str, list[int]]:
        """The entry an edge is shown under, its trust, and every entry that states it."""
        entries = sorted({s.entry for s in self.statements if s[:3] == (source, relation, target)})
        first = entries[:9]
        best = max(first, key=lambda e: (LEVELS.index(self.trust(e)), -e))
        return best, self.trust(best), entries

    def _ways(self, node: str, *, up: bool, from_start: bool) -> list[tuple[str, Triple]]:
        found = []
        for s in self.statements:
            here, there = (s.source, s.target) if up else (s.target, s.source)
            if here == node and (s.relation != "describes" or (up and from_start)):
                found.append((there, s[:3]))
            elif there == node and s.relation == "alternate":
                found.append((here, s[:3]))
        return found

    def walk(
        self, start: str, *, up: bool, depth: int
    ) -> tuple[dict[str, int], set[tuple[str, str, str]], set[str]]:
        """Depths of the nodes reached, the edges between them, and the frontier."""
        depths = {start: 0}
        level = [start]
        for at in range(depth + 1):
            queue = list(level)
            while queue:  # alternates belong to the level
                node = queue.pop()
                for there, edge in self._ways(node, up=up, from_start=at == 0):
                    if edge[1] == "alternate" and there not in depths:
                        depths[there] = at
                        level.append(there)
                        queue.append(there)
            following = []
            for node in level if at < depth else ():
                for there, _ in self._ways(node, up=up, from_start=at == 0):
                    if there not in depths:
                        depths[there] = at + 1
                        following.append(there)
            level = following
        edges, frontier = set(), set()
        for node, at in depths.items():
            for there, edge in self._ways(node, up=up, from_start=at == 0):
                if there in depths:
                    edges.add(edge)
                else:
                    frontier.add(node)
        return depths, edges, frontier

    def distance(self, effect: str, cause: str) -> int | None:
        """Edges on the shortest way from an effect up to a cause, alternates not counted."""
        depths, _, _ = self.walk(effect, up=True, depth=50)
        return depths.get(cause)


def _decision(entry: object, content: bytes | None) -> own.Decision | None:
    if content is None or getattr(entry, "trust").level != "self":  # noqa: B009
        return None
    envelope = dsse.parse(msgspec.json.decode(content))
    return own.parse_payload(envelope.payload_type, envelope.payload)
