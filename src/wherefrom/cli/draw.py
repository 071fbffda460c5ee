"""A trace for a person: a tree, a hundred columns wide, each edge with its evidence at the right.

    artifact kubectl  sha256:7d…
    ├─ generated_by → build 42                                   #12 signed k:1a2b3c4d
    │  └─ used → commit gitCommit:5f…                            #12 signed k:1a2b3c4d
    └─ ← describes  sbom …                                       #14 channel

``→`` reads on: the line above *generated_by* the line below. ``←`` reads back: the line below
*describes* the line above. ``#12`` is the entry that says so.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from wherefrom.cli.render import columns, count, foot, foot_of_other
from wherefrom.formats.shown import cut, printable, short_id, trust_said

if TYPE_CHECKING:
    from wherefrom.query.answers import Path, Trace, TraceEdge, TraceNode
    from wherefrom.query.tree import Branch

GAPS_MAX: Final = 8
_DEEPEST_INDENT: Final = 8
_EVIDENCE_COLUMNS: Final = 22


def draw_trace(trace: Trace, asked: str) -> Iterator[str]:
    """The lines of a trace of what was ``asked`` for."""
    from wherefrom.query.tree import branches

    asked = cut(asked, columns() - 50)
    heading = f"Where {asked} came from" if trace.direction == "up" else f"What came of {asked}"
    links = [e for e in trace.edges if not e.annotation]
    things = {*trace.starts, *(e.source for e in links), *(e.target for e in links)}
    yield f"{heading}: {count(len(things), 'thing')}, {count(len(links), 'link')}"
    yield ""
    yield from _tree(list(branches(trace)))
    yield ""
    yield from _remarks(trace)
    yield from foot(trace.log, as_of=trace.as_of).splitlines()
    for other in trace.logs:
        yield foot_of_other(other)
    if trace.completeness is not None and trace.completeness.missing:
        said = trace.completeness
        yield f"Of {count(said.missing, 'link')} missing in our own log, others have {said.closed}."


def _tree(branches: Sequence[Branch]) -> Iterator[str]:
    open_above: list[bool] = []
    at = 0
    while at < len(branches):
        branch = branches[at]
        at += 1
        if branch.edge is None:
            yield _root(branch.node)
            continue
        del open_above[branch.depth - 1 :]
        lead = "".join("│  " if more else "   " for more in open_above)
        lead = _shallow(lead, len(open_above))
        documents = _documents(branches, at - 1)
        if len(documents) > 1:
            at += len(documents) - 1
            open_above.append(not documents[-1].last)
            yield _documents_line(lead + ("└─ " if documents[-1].last else "├─ "), documents)
            continue
        open_above.append(not branch.last)
        reads_on = branch.edge.target == branch.node.id
        lead += "└─ " if branch.last else "├─ "
        yield _line(lead, branch.edge, branch.node, reads_on=reads_on, again=branch.again)


def _documents(branches: Sequence[Branch], at: int) -> Sequence[Branch]:
    """Neighbours from ``at`` that describe one thing deep in the tree: they share a line."""
    first = branches[at]
    end = at
    while first.depth > 1 and end < len(branches):
        here = branches[end]
        if here.depth != first.depth or here.edge is None or not here.edge.annotation:
            break
        end += 1
    # What opens below the last of them is its own.
    opens = end < len(branches) and branches[end].depth > first.depth
    return branches[at : end - 1] if opens else branches[at:end]


def _documents_line(lead: str, documents: Sequence[Branch]) -> str:
    found = {(d.edge.log, d.edge.entry, d.edge.trust) for d in documents if d.edge is not None}
    edges = sorted(found)  # our own first: it has no name here
    said = ", ".join(
        f"#{entry} {trust}" + (f" of {log}" if log else "") for log, entry, trust in edges[:4]
    )
    more = f" and {len(edges) - 4} more" if len(edges) > 4 else ""
    return f"{lead}← describes: {said}{more}"


def draw_path(path: Path) -> Iterator[str]:
    """The lines of a way between two things."""
    if path.direction is None:
        bound = f": the search ended at its bound of {path.reason}" if path.truncated else ""
        yield f"No way between them was found among {count(path.explored, 'thing')}{bound}."
    else:
        said = "came from" if path.direction == "up" else "is a source of"
        yield f"The first {said} the last, in {count(path.length or 0, 'step')}:"
        yield ""
        yield _root(path.nodes[0])
        for place, (edge, node) in enumerate(zip(path.edges, path.nodes[1:], strict=True)):
            lead = "   " * min(place, _DEEPEST_INDENT) + "└─ "
            yield _line(lead, edge, node, reads_on=edge.target == node.id, again=False)
    yield ""
    yield from path.notes
    yield from foot(path.log, as_of=path.as_of).splitlines()


def node_said(node: TraceNode, width: int) -> str:
    """What a node is and is called, with its id as short as it finds it again."""
    id = short_id(node.id)
    name = printable(node.name or signer_said(node.properties))
    if id.startswith((f"{node.kind}:", "gitCommit:")):  # the id says the kind
        if not name or name in id:
            return cut(id, width)
        id = cut(id, max(width // 2, width - len(name) - 2))
        return cut(f"{id}  {cut(name, max(8, width - len(id) - 2))}", width)
    if not name or (name.casefold() in id.casefold() and not id.startswith("sha")):
        return f"{node.kind} {cut(id, width - len(node.kind) - 1)}"
    id = cut(id, max(19, width // 2))
    room = width - len(node.kind) - len(id) - 3
    return cut(f"{node.kind} {cut(name, room)}  {id}" if room >= 8 else id, width)


def signer_said(properties: Mapping[str, Any]) -> str:
    """Who signed a record, and whether that is proven; empty if its certificate says nothing."""
    proven = properties.get("identityIs")
    return f"{proven}: {properties['identity']}" if proven else ""


def _root(node: TraceNode) -> str:
    return node_said(node, columns())


def _shallow(lead: str, depth: int) -> str:
    """Past a depth there is no room to indent; the number says how deep it is."""
    if depth <= _DEEPEST_INDENT:
        return lead
    return lead[: 3 * _DEEPEST_INDENT] + f"({depth}) "


def _line(lead: str, edge: TraceEdge, node: TraceNode, *, reads_on: bool, again: bool) -> str:
    more = f" +{len(edge.entries) - 1}" if len(edge.entries) > 1 else ""
    more += "…" if edge.more else ""
    whose = f" of {edge.log}" if edge.log else ""
    evidence = f"#{edge.entry}{more}{whose} {trust_said(edge.trust, edge.signers)}"
    width = columns() - max(_EVIDENCE_COLUMNS, len(evidence)) - 2
    relation = f"{edge.relation} → " if reads_on else f"← {edge.relation} "
    seen = " (above)" if again else ""
    said = node_said(node, max(12, width - len(lead) - len(relation) - len(seen)))
    text = f"{lead}{relation}{said}{seen}"
    return f"{text:<{width}}  {evidence}"


def _remarks(trace: Trace) -> Iterator[str]:
    for gap in trace.gaps[:GAPS_MAX]:
        yield f"gap: {gap.says} ({cut(short_id(gap.node), columns() // 2)})"
    if len(trace.gaps) > GAPS_MAX:
        yield f"gap: and {len(trace.gaps) - GAPS_MAX} more; --json lists them"
    if trace.truncated:
        waiting = count(len(trace.frontier), "thing")
        ways = {"depth": "go on with a larger --depth"}
        way = ways.get(trace.reason or "", "trace one of them")
        yield f"cut off: the bound of {trace.reason} was reached, {waiting} not followed; {way}"
    if trace.erased:
        yield f"erased: {_entries(trace.erased)}; what they said is in no answer"
    yield from (f"note: {note}" for note in trace.notes)
    if trace.gaps or trace.truncated or trace.erased or trace.notes:
        yield ""


def _entries(indexes: Sequence[int]) -> str:
    shown = ", ".join(map(str, indexes[:10]))
    more = f" and {len(indexes) - 10} more" if len(indexes) > 10 else ""
    return f"{'entry' if len(indexes) == 1 else 'entries'} {shown}{more}"
