"""A trace as a Graphviz graph: ``wherefrom trace ID --format dot | dot -Tsvg``.

Arrows go as the relations do, from effect to cause. A node is called by its id.

Source: graphviz.org/doc/info/lang.html
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from wherefrom.formats.shown import cut, printable, short_id
from wherefrom.query.answers import Path, Trace
from wherefrom.query.exports.remarks import in_words, word_of

_LABEL_CHARS: Final = 60
_SHAPES: Final = {
    "build": "box", "run": "box", "deployment": "box", "activity": "box",
    "builder": "house", "person": "house", "organization": "house", "software": "house",
    "attestation": "note", "sbom": "note", "event": "note", "policy": "note",
}  # fmt: skip
# A backslash before the closing quote would take it along, and is kept twice elsewhere.
_STRANGE: Final = re.compile(r'["\\]|node-[0-9]+$')


def to_dot(answer: Trace | Path) -> str:
    """The text of a ``digraph``."""
    return "\n".join(_lines(answer)) + "\n"


def _lines(answer: Trace | Path) -> Iterator[str]:
    names = _names(answer)
    yield "digraph wherefrom {"
    yield f"  graph [rankdir=LR, comment={_quoted(in_words(answer))}];"
    yield '  node [shape=ellipse, fontname="sans-serif"];'
    yield '  edge [fontname="sans-serif", fontsize=10];'
    for node in answer.nodes:
        lines = [node.kind, *([node.name] if node.name else []), short_id(node.id)]
        label = _label(list(dict.fromkeys(cut(line, _LABEL_CHARS) for line in lines)))
        shape = f", shape={_SHAPES[node.kind]}" if node.kind in _SHAPES else ""
        yield f"  {names[node.id]} [label={label}{shape}];"
    for edge in answer.edges:
        label = _label([edge.relation, word_of(edge)])
        style = ", style=dashed" if edge.annotation or edge.relation == "alternate" else ""
        yield f"  {names[edge.source]} -> {names[edge.target]} [label={label}{style}];"
    yield "}"


def _names(answer: Trace | Path) -> dict[str, str]:
    """What each node is called: its id, or a number where an id has what a name cannot."""
    names = {}
    for place, node in enumerate(answer.nodes):
        plain = node.id.isprintable() and not _STRANGE.search(node.id)
        names[node.id] = f'"{node.id}"' if plain else f'"node-{place}"'
    return names


def _label(lines: list[str]) -> str:
    # Labels know &entities; and escapes such as \N, and a new line is one of these.
    return '"' + "\\n".join(_escaped(line.replace("&", "&amp;")) for line in lines) + '"'


def _quoted(text: str) -> str:
    return f'"{_escaped(text)}"'


def _escaped(text: str) -> str:
    return printable(text).replace("\\", "\\\\").replace('"', '\\"')
