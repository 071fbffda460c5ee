"""From numbers to what is said: nodes with their summaries, edges with their best evidence.

    steps ──entries that state them──► judgements ──strongest, then first──► TraceEdge
    nodes ──mentions────────────────►     (one question for both)    ──────► TraceNode

Sizes:  STATEMENTS_MAX entries an edge: an edge that a thousand records state shows the first few
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

import msgspec

from wherefrom.query.answers import TraceEdge, TraceNode
from wherefrom.query.summary import STRENGTH, Summary, disputed, mentions_of, summarise
from wherefrom.views.graph import Judgement, Lens, Snapshot, Step
from wherefrom.views.graph.schema import RELATION_NAMES, REPEATED, WITH_PROPERTIES

STATEMENTS_MAX: Final = 8


class Walked(NamedTuple):
    """An edge to show: the level it was found from, and whether the walk went through it."""

    step: Step
    depth: int
    annotation: bool = False


class Evidence(NamedTuple):
    """What an answer shows: ids and summaries by number, edges in no order."""

    ids: dict[int, str]
    summaries: dict[int, Summary]
    edges: list[TraceEdge]

    def nodes(self, depths: Mapping[int, int]) -> list[TraceNode]:
        """The nodes at their depths: nearest first, then by kind and id."""
        made = [
            TraceNode(
                id=self.ids[number],
                kind=self.summaries[number].kind,
                name=self.summaries[number].name,
                properties=self.summaries[number].properties,
                depth=depth,
            )
            for number, depth in depths.items()
        ]
        return sorted(made, key=lambda n: (n.depth, n.kind, n.id))


def gather(
    snapshot: Snapshot, lens: Lens, numbers: Sequence[int], walked: Sequence[Walked]
) -> Evidence:
    """Everything an answer says of these nodes and edges; both ends of each edge included."""
    ids = snapshot.ids(numbers)
    by_node = mentions_of(snapshot, numbers, lens)
    stated = [_statements(snapshot, lens, w.step) for w in walked]
    entries = disputed(by_node)
    entries.update(entry for those in stated for entry in those)
    judged = snapshot.judgements(entries, lens)
    edges = [
        _edge(snapshot, lens, w, those, ids, judged)
        for w, those in zip(walked, stated, strict=True)
    ]
    summed = {node: summarise(mentions, judged) for node, mentions in by_node.items()}
    return Evidence(ids, summed, edges)


def in_order(edges: Sequence[TraceEdge]) -> list[TraceEdge]:
    """Nearest first, then by what they say: no number of the storage decides."""
    return sorted(edges, key=lambda e: (e.depth, e.source, e.relation, e.target))


def _statements(snapshot: Snapshot, lens: Lens, step: Step) -> list[int]:
    if not step.flags & REPEATED:
        return [step.first]
    return [step.first, *snapshot.statements(step, lens, STATEMENTS_MAX)]


def _edge(
    snapshot: Snapshot,
    lens: Lens,
    walked: Walked,
    entries: list[int],
    ids: Mapping[int, str],
    judged: Mapping[int, Judgement],
) -> TraceEdge:
    step = walked.step
    if lens.at is not None and judged[step.first].time > lens.at:
        entries = entries[1:]
    best = judged[entries[0]]
    if len(entries) > 1:
        best = judged[max(entries, key=lambda e: (STRENGTH[judged[e].level], -e))]
    properties: dict[str, Any] = {}
    # Only the first statement has its flag; of the others the row tells.
    if step.flags & WITH_PROPERTIES or best.entry != step.first:
        text = snapshot.edge_properties(step, best.entry)
        properties = msgspec.json.decode(text) if text else {}
    return TraceEdge(
        source=ids[step.effect],
        target=ids[step.cause],
        relation=RELATION_NAMES[step.relation],
        entry=best.entry,
        trust=best.level,
        signers=best.signers,
        occurred=best.occurred,
        received=best.received,
        dated_by="occurred" if best.occurred is not None else "received",
        door=best.door,
        verdict=best.verdict,
        entries=entries[:STATEMENTS_MAX],
        more=len(entries) > STATEMENTS_MAX,
        properties=properties,
        depth=walked.depth,
        annotation=walked.annotation,
    )
