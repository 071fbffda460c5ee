"""A trace as a Graphviz graph: ``wherefrom trace ID --format dot | dot -Tsvg``.

Arrows go as the relations do, from effect to cause.

Source: graphviz.org/doc/info/lang.html
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Final

from wherefrom.cli.render import cut, printable, short_id, trust_said

if TYPE_CHECKING:
    from wherefrom.query.answers import TraceEdge, TraceNode

_LABEL_CHARS: Final = 60
_SHAPES: Final = {
    "build": "box", "run": "box", "deployment": "box", "activity": "box",
    "builder": "house", "person": "house", "organization": "house", "software": "house",
    "attestation": "note", "sbom": "note", "event": "note", "policy": "note",
}  # fmt: skip


def to_dot(nodes: Iterable[TraceNode], edges: Iterable[TraceEdge]) -> str:
    """The text of a ``digraph``."""
    return "\n".join(_lines(nodes, edges)) + "\n"


def _lines(nodes: Iterable[TraceNode], edges: Iterable[TraceEdge]) -> Iterator[str]:
    yield "digraph wherefrom {"
    yield "  rankdir=LR;"
    yield '  node [shape=ellipse, fontname="sans-serif"];'
    yield '  edge [fontname="sans-serif", fontsize=10];'
    for node in nodes:
        names = [node.kind, *([node.name] if node.name else []), short_id(node.id)]
        label = "\n".join(dict.fromkeys(cut(n, _LABEL_CHARS) for n in names))
        shape = f", shape={_SHAPES[node.kind]}" if node.kind in _SHAPES else ""
        yield f"  {_quoted(node.id)} [label={_quoted(label)}{shape}];"
    for edge in edges:
        trust = trust_said(edge.trust, edge.signers)
        label = _quoted(f"{edge.relation}\n#{edge.entry} {trust}")
        style = ", style=dashed" if edge.annotation or edge.relation == "alternate" else ""
        yield f"  {_quoted(edge.source)} -> {_quoted(edge.target)} [label={label}{style}];"
    yield "}"


def _quoted(text: str) -> str:
    lines = [printable(line) for line in text.split("\n")]
    # A backslash begins an escape in a label, so it is doubled; a new line is one such escape.
    escaped = [line.replace("\\", "\\\\").replace('"', '\\"') for line in lines]
    return '"' + "\\n".join(escaped) + '"'
