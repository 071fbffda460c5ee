"""A trace as GraphML, for yEd, Gephi, Cytoscape and networkx.

    <graphml> <key …/>… <graph edgedefault="directed">
        <data key="origin">…</data>                     of which log
        <node id="n0"><data key="id">sha256:…</data>…   a node's own id is text, and may be any
        <edge source="n0" target="n1"><data key="relation">generated_by</data>…

Properties stand in one key each for nodes and edges, as a JSON object. What XML cannot hold at
all (most control characters) becomes U+FFFD.

Source: graphml.graphdrawing.org/specification; XML 1.0 §2.2, §2.11
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

import msgspec

from wherefrom.formats.facts import KINDS
from wherefrom.query.answers import Path, Trace
from wherefrom.query.exports.remarks import about, others_of

# Where → name → type; a key's id is where and name together.
_KEYS: Final[Mapping[str, Mapping[str, str]]] = {
    "graph": {
        "origin": "string", "size": "long", "root": "string", "as_of": "long", "at": "string",
        "of": "string", "to": "string", "direction": "string", "truncated": "boolean",
        "reason": "string",
    },
    "node": {
        "id": "string", "kind": "string", "prov": "string", "name": "string", "depth": "long",
        "properties": "string",
    },
    "edge": {
        "relation": "string", "entry": "long", "trust": "string", "signers": "string",
        "occurred": "string", "received": "string", "annotation": "boolean",
        "properties": "string",
    },
}  # fmt: skip
# Only of an answer in which another log has a word.
_LOG_KEYS: Final[Mapping[str, Mapping[str, str]]] = {
    "graph": {"logs": "string"}, "edge": {"log": "string"},
}  # fmt: skip
_NOT_XML: Final = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_ESCAPES: Final = {"&": "&amp;", "<": "&lt;", ">": "&gt;", "\r": "&#13;"}
_ESCAPED: Final = re.compile("[&<>\r]")


def to_graphml(answer: Trace | Path) -> str:
    """The text of a GraphML document, in UTF-8."""
    return "\n".join(_lines(answer)) + "\n"


def _lines(answer: Trace | Path) -> Iterator[str]:
    yield '<?xml version="1.0" encoding="UTF-8"?>'
    yield '<graphml xmlns="http://graphml.graphdrawing.org/xmlns">'
    others = others_of(answer)
    for where, types in (*_KEYS.items(), *(_LOG_KEYS.items() if others else ())):
        for name, type in types.items():
            yield f'<key id="{where}.{name}" for="{where}" attr.name="{name}" attr.type="{type}"/>'
    yield '<graph id="trace" edgedefault="directed">'
    yield from _values("graph", about(answer))
    yield from _values("graph", {"logs": " ".join(other.origin for other in others)})
    names = {node.id: f"n{place}" for place, node in enumerate(answer.nodes)}
    for node in answer.nodes:
        yield f'<node id="{names[node.id]}">'
        said: dict[str, Any] = {
            "id": node.id, "kind": node.kind, "prov": KINDS.get(node.kind, "Entity"),
            "name": node.name, "depth": node.depth, "properties": _json(node.properties),
        }  # fmt: skip
        yield from _values("node", said)
        yield "</node>"
    for place, edge in enumerate(answer.edges):
        ends = f'source="{names[edge.source]}" target="{names[edge.target]}"'
        yield f'<edge id="e{place}" {ends}>'
        said = {
            "relation": edge.relation, "entry": edge.entry, "trust": edge.trust,
            "signers": " ".join(edge.signers), "occurred": edge.occurred,
            "received": edge.received, "annotation": edge.annotation,
            "properties": _json(edge.properties), "log": edge.log,
        }  # fmt: skip
        yield from _values("edge", said)
        yield "</edge>"
    yield "</graph>"
    yield "</graphml>"


def _values(where: str, said: Mapping[str, Any]) -> Iterator[str]:
    for name, value in said.items():
        if value is None or value == "":
            continue
        text = str(value).lower() if isinstance(value, bool) else _text(str(value))
        yield f'<data key="{where}.{name}">{text}</data>'


def _json(properties: Mapping[str, Any]) -> str | None:
    return msgspec.json.encode(properties).decode() if properties else None


def _text(text: str) -> str:
    # ``>`` too: ``]]>`` may not stand in text.
    return _ESCAPED.sub(lambda m: _ESCAPES[m[0]], _NOT_XML.sub("\N{REPLACEMENT CHARACTER}", text))
